"""The report as one self-contained page.

Data become markup in two places only, and both escape: the template, whose engine escapes
whatever it is given, and the tree of an SVG picture, which is written by an XML library. The
page's policy lets nothing run and nothing be loaded, should both have failed.
"""

from importlib import resources

from ..._text import printable_values
from . import _figures as figures
from . import _words as words

__all__ = ["as_page"]

# Pictures and the template set colours by style attributes, which no data reach.
_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
)  # fmt: skip


def as_page(data):
    """Return the HTML text of a report's data."""
    import jinja2
    from markupsafe import Markup

    data = printable_values(data)
    folder = resources.files("skqmu.audit.report") / "templates"
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(lambda name: (folder / name).read_text(encoding="utf-8")),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters.update(
        attack=words.attack_words,
        model=words.model_words,
        number=words.number,
        seconds=words.seconds,
        count=words.count,
        band=words.band,
        gap=words.gap_words,
        repeats=words.repeats_words,
    )
    with figures.own_style():
        scenarios = [_view(scenario, k) for k, scenario in enumerate(data["scenarios"])]
    return environment.get_template("report.html.j2").render(
        data=data,
        settings=data["settings"],
        policy=_POLICY,
        levels=words.LEVELS,
        scenarios=scenarios,
        # the package's own file: the one text that is markup without having been escaped
        style=Markup((folder / "report.css").read_text(encoding="utf-8")),
    )


def _view(scenario, k):
    """Return a scenario with what the page shows of it ready-made."""
    models = scenario["models"]
    shown = [model for model in models if model["role"] != "oracle"]
    worked = [model for model in shown if model["status"] == "ok"]
    oracles = [model for model in models if model["role"] == "oracle"]

    def spread(*keys):
        def read(model):
            for key in keys:
                model = model.get(key) if model is not None else None
            return model

        return words.oracle_band(models, read)

    return {
        **scenario,
        "anchor": f"scenario-{k + 1}",
        "shown": shown,
        "worked": worked,
        "oracles": oracles,
        "spread": spread,
        "upstream": list(models[0].get("upstream", {})),
        "upstream_attacker": words.UPSTREAM_ATTACKER,
        "remarks": _remarks(shown),
        "parts": list(worked[0]["accuracy"]),
        "attacks": list(worked[0]["attacks"]),
        "figures": {
            "accuracy": figures.accuracy_figure(scenario, f"s{k}a"),
            "leak": figures.leak_figure(scenario, f"s{k}l"),
            "roc": figures.roc_figure(scenario, f"s{k}r"),
            "loss": figures.loss_figure(scenario, f"s{k}d"),
        },
    }


def _remarks(models):
    """Return ``(names, note)`` for each note of the models, those that share one together."""
    names = {}
    for model in models:
        for note in model["notes"]:
            names.setdefault(note, []).append(words.model_words(model["name"]))
    return [(", ".join(who), note) for note, who in names.items()]
