"""The contract of classifiers that can forget, as a public suite for any of them."""

from skqmu.utils import _unlearner_ids, _unlearner_requests, _unlearner_traces
from skqmu.utils._unlearner_world import Case, quick_estimator, quick_strategy

__all__ = ["check_unlearner", "parametrize_with_unlearner_checks", "unlearner_checks"]


def unlearner_checks(estimator, strategy=None):
    """Yield the checks for one classifier that can forget.

    Parameters
    ----------
    estimator : classifier instance or class
        With `unlearn`. Its `random_state` is set; a class is used with its defaults and few
        epochs.
    strategy : str, UnlearningStrategy or None, default=None
        What every request of the checks uses; None: the estimator's own. Parameters that
        the strategy needs of the classifier are set. A name or a class is used with its
        defaults and few epochs.

    Yields
    ------
    name : str
    check : callable without arguments
        Raises :class:`AssertionError` when the estimator breaks that part of the contract.

    Examples
    --------
    >>> from skqmu import QNNClassifier
    >>> from skqmu.utils.estimator_checks import unlearner_checks
    >>> "check_whole_class" in dict(unlearner_checks(QNNClassifier))
    True
    """
    functions = {**vars(_unlearner_requests), **vars(_unlearner_traces), **vars(_unlearner_ids)}
    for name in sorted(name for name in functions if name.startswith("check_")):
        yield name, _Check(functions[name], estimator, strategy)


class _Check:
    """One check, made ready to run."""

    def __init__(self, function, estimator, strategy):
        self.function, self.estimator, self.strategy = function, estimator, strategy
        self.__doc__ = function.__doc__

    def __call__(self):
        self.function(Case(quick_estimator(self.estimator), quick_strategy(self.strategy)))


def check_unlearner(estimator, strategy=None):
    """Hold a classifier to the contract of all that can forget.

    A request returns self and logs what was done at what cost; forgotten rows, all copies
    of them, leave the member record, every pickle and every file; unknown rows and rows
    that are forgotten already are told apart; all rows, no rows and unreadable requests
    are refused; after any failure the estimator is as it was; labels of any type, whole
    classes, positions or ids instead of rows; released copies; equal results for equal seeds,
    and for exact mechanisms in any order of requests.

    Parameters
    ----------
    estimator : classifier instance or class
        With `unlearn`; where it has `release`, `is_member`, `store_data` or arguments like
        ``index=``, these are checked too.
    strategy : str, UnlearningStrategy or None, default=None
        What every request uses; None: the estimator's own.

    Raises
    ------
    AssertionError
        Names the first check that failed.

    Examples
    --------
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> from skqmu import ShardedClassifier
    >>> from skqmu.utils.estimator_checks import check_unlearner
    >>> check_unlearner(ShardedClassifier(DecisionTreeClassifier(), n_shards=2))
    """
    for name, check in unlearner_checks(estimator, strategy):
        try:
            check()
        except Exception as error:
            raise AssertionError(f"{name}: {type(error).__name__}: {error}") from error


def parametrize_with_unlearner_checks(estimators, strategies=(None,)):
    """Return a pytest decorator that runs every check on every pair as a test of its own.

    Parameters
    ----------
    estimators : iterable of classifier instances or classes
    strategies : iterable of str, UnlearningStrategy or None, default=(None,)

    Returns
    -------
    pytest.mark.parametrize
        For a test function with one argument, ``check``.

    Examples
    --------
    >>> from skqmu import QNNClassifier
    >>> from skqmu.utils.estimator_checks import parametrize_with_unlearner_checks
    >>> @parametrize_with_unlearner_checks([QNNClassifier], ["retrain", "scrub"])
    ... def test_unlearner(check):
    ...     check()
    """
    import pytest

    cases = [
        pytest.param(check, id="-".join([*filter(None, [_name(e), s and _name(s)]), name]))
        for e in estimators
        for s in strategies
        for name, check in unlearner_checks(e, s)
    ]
    return pytest.mark.parametrize("check", cases)


def _name(thing):
    if isinstance(thing, str):
        return thing
    return thing.__name__ if isinstance(thing, type) else type(thing).__name__
