"""qiskit-machine-learning's optimizers by name or as objects: what a `solver` may be."""

import hashlib
from functools import partial
from types import CodeType
from typing import Any

import numpy as np

__all__ = ["OPTIMIZERS", "check_optimizer", "optimizer_identity", "resolve_optimizer"]

# Name of a solver to the class in qiskit_machine_learning.optimizers.
OPTIMIZERS = {
    "aqgd": "AQGD",
    "cg": "CG",
    "cobyla": "COBYLA",
    "gsls": "GSLS",
    "l_bfgs_b": "L_BFGS_B",
    "nelder_mead": "NELDER_MEAD",
    "nft": "NFT",
    "powell": "POWELL",
    "slsqp": "SLSQP",
    "spsa": "SPSA",
    "tnc": "TNC",
    "umda": "UMDA",
}
# Gains of SPSA by name. A step goes along one random direction, hence the factor; the decays
# are slower than Spall's asymptotic .602 and .101, for fits of a few hundred steps. On Iris
# (300 evaluations, 10 seeds) .93 accuracy; calibrated by the library .71.
_FIRST_STEP, _STEP_DECAY = 10.0, 0.3  # times learning_rate_init
_FIRST_LOOK, _LOOK_DECAY = 0.2, 0.101  # radians


def _library(value):
    try:
        from qiskit_machine_learning import optimizers
    except ImportError as error:
        raise ImportError(
            f"solver={value!r} needs qiskit-machine-learning, which is not installed: pip install "
            "qiskit-machine-learning, or use solver='adam' or 'sgd'."
        ) from error
    return optimizers


def check_optimizer(value: Any) -> None:
    """Check that `value` names an optimizer of qiskit-machine-learning or is one that serves.

    Parameters
    ----------
    value : str or qiskit_machine_learning.optimizers.Optimizer

    Raises
    ------
    ValueError
        It is something else, or evaluates the loss in processes of its own.
    ImportError
        qiskit-machine-learning is not installed.

    Examples
    --------
    >>> from skqmu.training import check_optimizer
    >>> check_optimizer("spsa")
    """
    library = _library(value)
    if isinstance(value, str):
        return
    allowed = f"{', '.join(map(repr, ('adam', 'sgd', *OPTIMIZERS)))} or an optimizer of \
qiskit_machine_learning.optimizers, such as SPSA(maxiter=100)"
    if isinstance(value, type):
        raise ValueError(
            f"solver={value.__name__} is a class; pass an instance; allowed: {allowed}."
        )
    if not isinstance(value, library.Optimizer):
        raise ValueError(
            f"solver={value!r} of type {type(value).__name__} is unknown; allowed: {allowed}."
        )
    if isinstance(value, library.P_BFGS):
        raise ValueError(
            "solver=P_BFGS() evaluates the loss in processes of its own, where no budget, seed or "
            "interrupt reaches it; use L_BFGS_B() or 'l_bfgs_b'."
        )


def resolve_optimizer(value: Any, *, max_iter: int, learning_rate: float, n_parameters: int) -> Any:
    """Turn a name into an optimizer that takes `max_iter` evaluations; pass an object through.

    Parameters
    ----------
    value : str or qiskit_machine_learning.optimizers.Optimizer
    max_iter : int
        Evaluations of the loss that there will be at most.
    learning_rate : float
        A tenth of the first step of SPSA.
    n_parameters : int

    Returns
    -------
    qiskit_machine_learning.optimizers.Optimizer

    Examples
    --------
    >>> from skqmu.training import resolve_optimizer
    >>> resolve_optimizer("spsa", max_iter=101, learning_rate=0.2, n_parameters=9).maxiter
    50
    """
    if not isinstance(value, str):
        return value
    kind = getattr(_library(value), OPTIMIZERS[value])
    if value == "spsa":
        # Two evaluations a step, and one of where it ended. Without gains it would first
        # spend 50 on calibrating them.
        k = np.arange(1, max(1, (max_iter - 1) // 2) + 1)
        return kind(
            maxiter=len(k),
            learning_rate=_FIRST_STEP * learning_rate * k**-_STEP_DECAY,
            perturbation=_FIRST_LOOK * k**-_LOOK_DECAY,
        )
    # The library bounds these besides, at about a thousand evaluations.
    bound = {"maxfev": max_iter + 1} if value in ("nelder_mead", "nft", "powell") else {}
    # COBYLA looks at so many points before its first step; `max_iter` ends it all the same.
    return kind(maxiter=max(max_iter, n_parameters + 2), **bound)


def optimizer_identity(optimizer: Any) -> str:
    """A string that is the same for equal optimizers, in every process.

    Parameters
    ----------
    optimizer : qiskit_machine_learning.optimizers.Optimizer

    Examples
    --------
    >>> from qiskit_machine_learning.optimizers import COBYLA
    >>> from skqmu.training import optimizer_identity
    >>> optimizer_identity(COBYLA(maxiter=9)) == optimizer_identity(COBYLA(maxiter=9))
    True
    """
    return f"{type(optimizer).__name__}({_described(vars(optimizer))})"


def _described(value, above=()):
    """What a setting holds; `above` are the objects around it, which it may hold again."""
    if id(value) in above:
        return "itself"
    above = (*above, id(value))
    if isinstance(value, dict):
        return repr(sorted((str(key), _described(item, above)) for key, item in value.items()))
    if isinstance(value, list | tuple):
        return repr([_described(item, above) for item in value])
    if isinstance(value, np.ndarray):
        return hashlib.blake2b(value.tobytes()).hexdigest()
    if isinstance(value, partial):
        return f"partial({_described([value.func, value.args, value.keywords], above)})"
    if isinstance(value, CodeType):
        return _described([value.co_code.hex(), value.co_consts, value.co_names], above)
    code = getattr(value, "__code__", None)
    if code is not None:
        return _function_described(value, code, above)
    if callable(value):
        return f"{type(value).__module__}.{getattr(value, '__qualname__', type(value))}"
    return repr(value)


def _function_described(function, code, above):
    """What a function does, as far as it is its own: lambdas all have one name."""
    defaults = (function.__defaults__, function.__kwdefaults__)
    own = (code, defaults, [_content(cell) for cell in function.__closure__ or ()])
    return f"{function.__module__}.{function.__qualname__} {_described(own, above)}"


def _content(cell):
    try:
        return cell.cell_contents
    except ValueError:  # a name of the function around that has no value yet
        return None
