"""Putting scorers together: one's own, variants of ours, and dicts for ``scoring=``."""

from sklearn.metrics import get_scorer, get_scorer_names

from .._validation import check_choice
from ._in_searches import ends_searches
from ._scorer_names import SCORERS
from ._scoring_case import scoring_case

_NEEDS = ("forget", "members", "oracles", "original")


class _PrivacyScorer:
    """A function of a scoring case, called as ``(estimator, X, y)``."""

    def __init__(self, function, needs, sign, options):
        self.function = function
        self.needs = needs
        self.sign = sign
        self.options = options

    @ends_searches
    def __call__(self, estimator, X, y, **options):
        case = scoring_case(estimator, X, y, needs=self.needs)
        return self.sign * float(self.function(case, **{**self.options, **options}))

    def __repr__(self):
        extra = "".join(f", {key}={value!r}" for key, value in self.options.items())
        return f"make_privacy_scorer({getattr(self.function, '__name__', self.function)}{extra})"


class _Variant(_PrivacyScorer):
    """One of our scorers with other options."""

    @ends_searches
    def __call__(self, estimator, X, y, **options):
        # the scorer itself: what cannot be scored has no sign
        return self.sign * self.function.__wrapped__(estimator, X, y, **{**self.options, **options})


def make_privacy_scorer(function, *, needs=(), greater_is_better=True, **options):
    """Make a scorer from one's own function, or a variant of one of ours.

    Parameters
    ----------
    function : callable or str
        A function of a :class:`ScoringCase` that returns a number; or one of our scorers, or
        its name, to change its options.
    needs : iterable of {"forget", "members", "oracles", "original"}, default=()
        What must be there; a clear error says what is missing. "members" also fills
        ``case.X_nonmember`` with held-out rows in the members' class proportions.
    greater_is_better : bool, default=True
        If False the sign is turned round.
    **options : object
        Passed to `function`.

    Returns
    -------
    callable ``(estimator, X, y)``

    Raises
    ------
    ValueError
        An unknown name, or an unknown entry of `needs`.

    Examples
    --------
    >>> from skqmu.metrics import make_privacy_scorer
    >>> make_privacy_scorer("neg_mia_advantage", signal="confidence")
    make_privacy_scorer(neg_mia_advantage, signal='confidence')
    >>> def still_known(case):
    ...     return float((case.model.predict(case.X_forget) == case.y_forget).mean())
    >>> make_privacy_scorer(still_known, greater_is_better=False)
    make_privacy_scorer(still_known)
    """
    sign = 1 if greater_is_better else -1
    if isinstance(function, str):
        function = SCORERS[check_choice("function", function, SCORERS)]
    if function in SCORERS.values():
        return _Variant(function, (), sign, options)
    if not callable(function):
        raise TypeError(f"function={function!r} must be a name or a function of a ScoringCase.")
    needs = [needs] if isinstance(needs, str) else needs
    needs = tuple(sorted({check_choice("needs", need, _NEEDS) for need in needs}))
    return _PrivacyScorer(function, needs, sign, options)


def privacy_scoring(*names, **scorers):
    """Return a dict for ``scoring=``, of our scorers and scikit-learn's by name.

    Parameters
    ----------
    *names : str
        Names of ours, which are the keys of ``skqmu.metrics.SCORERS``, or of scikit-learn's.
    **scorers : callable
        Others ``(estimator, X, y)``, under the keyword's name.

    Returns
    -------
    dict of str to callable

    Raises
    ------
    ValueError
        An unknown name (with the nearest known one), or none at all.

    Examples
    --------
    >>> from skqmu.metrics import privacy_scoring
    >>> list(privacy_scoring("accuracy", "neg_mia_advantage"))
    ['accuracy', 'neg_mia_advantage']
    """
    if not names and not scorers:
        raise ValueError("privacy_scoring needs at least one name, for example 'accuracy'.")
    known = {*SCORERS, *get_scorer_names()}
    out = {}
    for name in names:
        check_choice("scoring", name, known)
        out[name] = SCORERS[name] if name in SCORERS else get_scorer(name)
    for name, scorer in scorers.items():
        if not callable(scorer):
            raise TypeError(f"{name}={scorer!r} must be callable as (estimator, X, y).")
        out[name] = scorer
    return out
