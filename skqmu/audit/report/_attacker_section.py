"""What each attacker knows and may do, in words."""

from ..._document import Items, Paragraph, Section, Strong
from . import words

__all__ = ["attacker_section"]


def attacker_section(threat_models):
    """The section about who makes each attack.

    Parameters
    ----------
    threat_models : dict of str to dict

    Returns
    -------
    Section
    """
    told = Paragraph(("A leak is a number only together with what its attacker knows.",))
    items = Items(tuple(_threat(name, threat) for name, threat in threat_models.items()))
    return Section("Who the attacker is", (told, items))


def _threat(name, threat):
    shadows = (
        f"trains {threat['n_shadows']} shadow models of the same kind on random halves of them"
        if threat["n_shadows"]
        else "trains no shadow models"
    )
    queries = f"{threat['n_queries']} quer{'y' if threat['n_queries'] == 1 else 'ies'} a record"
    exact = threat["shots"] is None
    shots = "exact probabilities" if exact else f"{threat['shots']} shots per query"
    sees = "probabilities" if threat["query"] == "proba" else "labels only"
    knows = (
        "IS SHOWN the model's members"
        if threat["knows_members"]
        else "is not told who the model's members are"
    )
    return (
        Strong(words.attack_words(name)),
        f": holds {threat['pool']}, {shadows}, sees {sees} ({queries}, {shots}), and {knows}. "
        + " ".join(threat["notes"]),
    )
