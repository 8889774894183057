"""Scorers ``(estimator, X, y)`` that make leakage and forgetting searchable like accuracy.

All of them: greater is better.  Leakage is measured with the corrected measures, whose average is
0 where nothing leaks, because a search that minimises a biased measure fits its noise.
"""

import numpy as np

from ..exceptions import UnscorableError
from ._corrective import forgotten_by_mistake
from ._divergence import agreement_score
from ._forgetting_result import gap_to_oracle, tug_of_war_score, uqi_score
from ._in_searches import ends_searches
from ._membership_scores import membership_result
from ._scoring_case import scoring_case
from .signals import membership_signal


@ends_searches
def neg_mia_advantage(estimator, X, y, *, signal="logit", n_resamples=50):
    """Minus the advantage of a membership attack on the forgotten records.

    The attack tells the forget set from held-out records of the same classes by one signal of
    the model's output; threshold and direction are chosen out of sample.

    Parameters
    ----------
    estimator : fitted UnlearningClassifier, or Pipeline that ends in one
        Or a classifier with a member record (``is_member``): then the members among the given
        rows are told from the others.
    X : array-like of shape (n, d)
        Held-out rows; rows that were trained on are not counted as non-members.
    y : array-like of shape (n,)
    signal : str, default="logit"
        What the attacker looks at: ``"logit"``, ``"loss"``, ``"confidence"``,
        ``"true_confidence"``, ``"entropy"``, ``"modified_entropy"``, or ``"correct"``, which
        needs labels only.
    n_resamples : int, default=50
        Divisions of the cross-fitting.

    Returns
    -------
    float
        0 where nothing leaks (it may be a little above), -1 where everything does; ``nan``, with
        a ResolutionWarning, on training rows (which a halving search scores too).

    Examples
    --------
    >>> from skqmu.metrics import neg_mia_advantage, privacy_scoring
    >>> privacy_scoring("accuracy", "neg_mia_advantage")["neg_mia_advantage"] is neg_mia_advantage
    True
    """
    result = _leak(estimator, X, y, signal, n_resamples=n_resamples)
    return np.nan if result is None else -result.advantage


@ends_searches
def neg_mia_distinguishability(estimator, X, y, *, signal="logit", n_resamples=50):
    """Minus ``|AUC - 1/2|`` of a membership attack on the forgotten records, corrected.

    Parameters
    ----------
    estimator : fitted UnlearningClassifier, or Pipeline that ends in one
        Or a classifier with a member record, as for :func:`neg_mia_advantage`.
    X : array-like of shape (n, d)
    y : array-like of shape (n,)
    signal : str, default="logit"
        As for :func:`neg_mia_advantage`.
    n_resamples : int, default=50
        Divisions of the cross-fitting.

    Returns
    -------
    float
        0 where nothing leaks (it may be a little above), -1/2 where everything does.  Two-sided:
        forgetting so much that the records stand out again is a leak.

    Examples
    --------
    >>> from skqmu.metrics import neg_mia_distinguishability, privacy_scoring
    >>> list(privacy_scoring("neg_mia_distinguishability", "balanced_accuracy"))
    ['neg_mia_distinguishability', 'balanced_accuracy']
    """
    result = _leak(estimator, X, y, signal, n_resamples=n_resamples)
    return np.nan if result is None else -result.corrected_distinguishability


@ends_searches
def neg_tpr_at_1pct_fpr(estimator, X, y, *, signal="logit"):
    """Minus the share of the forgotten records that an attack finds at 1 % false alarms.

    Parameters
    ----------
    estimator : fitted UnlearningClassifier, or Pipeline that ends in one
        Or a classifier with a member record, as for :func:`neg_mia_advantage`.
    X : array-like of shape (n, d)
    y : array-like of shape (n,)
    signal : str, default="logit"
        As for :func:`neg_mia_advantage`.

    Returns
    -------
    float
        ``nan``, with a ResolutionWarning, below 100 non-members of the members' classes in a
        fold: search for :func:`neg_mia_advantage` then, or use fewer folds.

    Examples
    --------
    >>> from skqmu.metrics import neg_tpr_at_1pct_fpr, make_privacy_scorer
    >>> make_privacy_scorer(neg_tpr_at_1pct_fpr, signal="confidence")
    make_privacy_scorer(neg_tpr_at_1pct_fpr, signal='confidence')
    """
    result = _leak(estimator, X, y, signal, fprs=(0.01,), n_resamples=1)
    return np.nan if result is None else -result.at_fpr(0.01).tpr


@ends_searches
def neg_forget_gap(estimator, X, y):
    """Minus the absolute gap between model and oracles in accuracy on the forget set.

    Parameters
    ----------
    estimator : fitted UnlearningClassifier with ``n_oracles >= 1``, or Pipeline that ends in one
    X : array-like of shape (n, d)
        Not used; the forget set is the estimator's.
    y : array-like of shape (n,)

    Returns
    -------
    float
        0 is best.

    Examples
    --------
    >>> from skqmu.metrics import neg_forget_gap, privacy_scoring
    >>> list(privacy_scoring("accuracy", "neg_forget_gap"))
    ['accuracy', 'neg_forget_gap']
    """
    case = scoring_case(estimator, X, y, needs=("oracles", "forget"))
    return -abs(gap_to_oracle(case.model, case.oracles, *case.forget))


@ends_searches
def neg_retain_gap(estimator, X, y):
    """Minus the absolute gap between model and oracles in accuracy on the retained records.

    Parameters
    ----------
    estimator : fitted UnlearningClassifier with ``n_oracles >= 1``, or Pipeline that ends in one
    X : array-like of shape (n, d)
        Not used; the retained records are the estimator's.
    y : array-like of shape (n,)

    Returns
    -------
    float
        0 is best.

    Examples
    --------
    >>> from skqmu.metrics import neg_retain_gap, privacy_scoring
    >>> list(privacy_scoring("neg_retain_gap", "neg_forget_gap"))
    ['neg_retain_gap', 'neg_forget_gap']
    """
    case = scoring_case(estimator, X, y, needs=("oracles",))
    return -abs(gap_to_oracle(case.model, case.oracles, *case.retain))


@ends_searches
def oracle_agreement(estimator, X, y):
    """Share of the held-out rows that model and oracles label alike, averaged over oracles.

    Parameters
    ----------
    estimator : fitted UnlearningClassifier with ``n_oracles >= 1``, or Pipeline that ends in one
    X : array-like of shape (n, d)
    y : array-like of shape (n,)
        Not used.

    Returns
    -------
    float
        Between 0 and 1.

    Examples
    --------
    >>> from skqmu.metrics import oracle_agreement, privacy_scoring
    >>> privacy_scoring("oracle_agreement")["oracle_agreement"] is oracle_agreement
    True
    """
    case = scoring_case(estimator, X, y, needs=("oracles",))
    return float(np.mean([agreement_score(case.model, o, case.X) for o in case.oracles]))


@ends_searches
def tug_of_war(estimator, X, y):
    """Product of ``1 - |gap to the oracles|`` over retain, forget and held-out accuracy.

    Parameters
    ----------
    estimator : fitted UnlearningClassifier with ``n_oracles >= 1``, or Pipeline that ends in one
    X : array-like of shape (n, d)
    y : array-like of shape (n,)

    Returns
    -------
    float
        Between 0 and 1.  See :func:`tug_of_war_score`.

    Examples
    --------
    >>> from skqmu.metrics import tug_of_war, privacy_scoring
    >>> privacy_scoring("tug_of_war")["tug_of_war"] is tug_of_war
    True
    """
    case = scoring_case(estimator, X, y, needs=("oracles", "forget"))
    return tug_of_war_score(
        case.model, case.oracles, retain=case.retain, forget=case.forget, test=case.test
    )


@ends_searches
def uqi(estimator, X, y):
    """Unlearning quality index: forget drop less half the drops on retained and held-out rows.

    Parameters
    ----------
    estimator : fitted UnlearningClassifier, or Pipeline that ends in one
    X : array-like of shape (n, d)
    y : array-like of shape (n,)

    Returns
    -------
    float
        See :func:`uqi_score`: it rewards forgetting too much, and is here for comparison.

    Examples
    --------
    >>> from skqmu.metrics import privacy_scoring, uqi
    >>> privacy_scoring("uqi")["uqi"] is uqi
    True
    """
    case = scoring_case(estimator, X, y, needs=("original", "forget"))
    return uqi_score(
        case.model, case.original, retain=case.retain, forget=case.forget, test=case.test
    )


@ends_searches
def accuracy_recovered(estimator, X, y):
    """Accuracy of the model on held-out rows less that of its original.

    Parameters
    ----------
    estimator : fitted UnlearningClassifier, or Pipeline that ends in one
    X : array-like of shape (n, d)
        Held-out rows.
    y : array-like of shape (n,)
        Their right labels: where a search divides rows of which some are bad, so are some of these.

    Returns
    -------
    float
        Between -1 and 1.

    Examples
    --------
    >>> from skqmu.metrics import accuracy_recovered, privacy_scoring
    >>> privacy_scoring("accuracy_recovered")["accuracy_recovered"] is accuracy_recovered
    True
    """
    case = scoring_case(estimator, X, y, needs=("original",))
    return gap_to_oracle(case.model, case.original, *case.test)


@ends_searches
def neg_false_forgetting(estimator, X, y):
    """Minus the share of the retained rows that the original answers rightly, and the model not.

    Parameters
    ----------
    estimator : fitted UnlearningClassifier, or Pipeline that ends in one
    X : array-like of shape (n, d)
        Not used; the retained records are the estimator's.
    y : array-like of shape (n,)

    Returns
    -------
    float
        0 is best, -1 worst. Retraining loses some rows, too (:func:`corrective_result`).

    Raises
    ------
    UnscorableError
        The original answers no retained row rightly.

    Examples
    --------
    >>> from skqmu.metrics import neg_false_forgetting, privacy_scoring
    >>> list(privacy_scoring("neg_false_forgetting"))
    ['neg_false_forgetting']
    """
    case = scoring_case(estimator, X, y, needs=("original",))
    lost = forgotten_by_mistake(case.model, case.original, (), case.retain, 0.95)
    if not lost:
        raise UnscorableError("the original answers no retained row rightly: none can be lost.")
    return -lost["false_forgetting"].value


def _leak(estimator, X, y, signal, **options):
    """Membership result on the forget set; None (warned of) where only training rows are given."""
    case = scoring_case(estimator, X, y, needs=("members",))
    if len(case.y_nonmember) == 0:
        return None
    return membership_result(
        membership_signal(case.model, case.X_member, case.y_member, signal),
        membership_signal(case.model, case.X_nonmember, case.y_nonmember, signal),
        **{"fprs": (), **options},
    )
