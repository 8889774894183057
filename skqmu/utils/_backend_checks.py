"""The contract of backends, as a public suite that any backend can be held to."""

from skqmu.utils import _backend_conventions, _backend_noise, _backend_values

__all__ = ["backend_checks", "check_backend", "parametrize_with_backend_checks"]


def backend_checks(backend):
    """Yield the checks for one backend.

    Parameters
    ----------
    backend : BaseBackend

    Yields
    ------
    name : str
    check : callable without arguments
        Raises :class:`AssertionError` when the backend breaks that part of the contract.

    Examples
    --------
    >>> from skqmu.backends import StatevectorBackend
    >>> from skqmu.utils.estimator_checks import backend_checks
    >>> "check_gradients" in dict(backend_checks(StatevectorBackend()))
    True
    """
    for module in (_backend_conventions, _backend_values, _backend_noise):
        for name in module.__all__:
            yield name, _Check(getattr(module, name), backend)


class _Check:
    """One check, made ready to run."""

    def __init__(self, function, backend):
        self.function, self.backend = function, backend
        self.__doc__ = function.__doc__

    def __call__(self):
        self.function(self.backend)


def check_backend(backend):
    """Hold a backend to the contract of all backends.

    scikit-learn's conventions (parameters, clone, pickle, repr; no live handle in an
    attribute), values against qiskit's own state vector, gradients against differences of
    these, shapes, the model axis where it is offered, errors, seeds and streams of noise,
    variance against shots, counts and pretended runs, and a classifier that fits, predicts,
    forgets, is pickled and estimated on it.

    Parameters
    ----------
    backend : BaseBackend
        With few shots, if it has any, the checks are quick and see less. Values of a noisy
        backend (`Executable.noisy`) are checked for what noise cannot change.

    Raises
    ------
    AssertionError
        Names the first check that failed.

    Notes
    -----
    What is random fails a right backend with a probability below 1e-5 in all.

    Examples
    --------
    >>> from skqmu.backends import StatevectorBackend
    >>> from skqmu.utils.estimator_checks import check_backend
    >>> check_backend(StatevectorBackend())
    """
    for name, check in backend_checks(backend):
        try:
            check()
        except Exception as error:
            raise AssertionError(f"{name}: {type(error).__name__}: {error}") from error


def parametrize_with_backend_checks(backends):
    """Return a pytest decorator that runs every check on every backend as a test of its own.

    Parameters
    ----------
    backends : iterable of BaseBackend

    Returns
    -------
    pytest.mark.parametrize
        For a test function with one argument, ``check``.

    Examples
    --------
    >>> from skqmu.backends import StatevectorBackend
    >>> from skqmu.utils.estimator_checks import parametrize_with_backend_checks
    >>> @parametrize_with_backend_checks([StatevectorBackend()])
    ... def test_backend(check):
    ...     check()
    """
    import pytest

    cases = [
        pytest.param(check, id=f"{backend!r}-{name}")
        for backend in backends
        for name, check in backend_checks(backend)
    ]
    return pytest.mark.parametrize("check", cases)
