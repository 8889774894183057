"""The one place that touches scikit-learn's private validation helpers.

Everything else imports from here, so that a change in scikit-learn is met once.
"""

import difflib
from contextlib import contextmanager

from sklearn.utils._param_validation import (
    HasMethods,
    Hidden,
    Interval,
    InvalidParameterError,
    Options,
    StrOptions,
    validate_parameter_constraints,
)
from sklearn.utils.validation import (
    _check_sample_weight as check_sample_weight,
)
from sklearn.utils.validation import (
    check_is_fitted,
)
from sklearn.utils.validation import (
    validate_data as _validate_data,
)

__all__ = [
    "HasMethods",
    "Hidden",
    "Interval",
    "InvalidParameterError",
    "Options",
    "StrOptions",
    "check_choice",
    "check_is_fitted",
    "check_sample_weight",
    "did_you_mean",
    "refuse_parameters_of_names",
    "resolve",
    "told_of_complex_rows",
    "validate_data",
    "validate_params",
    "visual_block",
]


def validate_data(estimator, X="no_validation", *args, **options):
    """Validate as scikit-learn does, with rows of more than one axis flattened first.

    An estimator that takes images has a method `_as_rows` that does so.
    """
    as_rows = getattr(estimator, "_as_rows", None)
    if as_rows is not None and not isinstance(X, str):
        X = as_rows(X)
    with told_of_complex_rows():
        return _validate_data(estimator, X, *args, **options)


@contextmanager
def told_of_complex_rows():
    """Say what becomes of complex rows where scikit-learn refuses them, and shows all of them."""
    try:
        yield
    except ValueError as error:
        refused = "Complex data not supported"  # scikit-learn's own checks look for these words
        if not str(error).startswith(refused):
            raise
        raise ValueError(
            f"{refused}: rows are real numbers. Make amplitudes of quantum states such rows by "
            "skqmu.datasets.state_rows(X), which encoding='state' takes."
        ) from None


def did_you_mean(value, allowed):
    """Return ``" Did you mean 'x'?"`` for the nearest name, or ``""``."""
    if not isinstance(value, str):
        return ""
    near = difflib.get_close_matches(value.lower(), [str(a) for a in allowed], n=1, cutoff=0.5)
    return f" Did you mean {near[0]!r}?" if near else ""


def check_choice(name, value, allowed):
    """Return `value` if it is one of `allowed`, else raise with the nearest name.

    Parameters
    ----------
    name : str
        The parameter's name, for the message.
    value : object
    allowed : iterable of str

    Raises
    ------
    ValueError
        Names the parameter, the value, what is allowed and the nearest valid name.
    """
    allowed = sorted(allowed)
    if isinstance(value, str) and value in allowed:
        return value
    raise ValueError(
        f"{name}={value!r} is unknown; allowed: {', '.join(map(repr, allowed))}."
        f"{did_you_mean(value, allowed)}"
    )


def resolve(name, value, registry, base):
    """Turn a string into a new object with its defaults; pass an object through.

    Parameters
    ----------
    name : str
        The parameter's name, for messages.
    value : str or object
        A key of `registry`, or an instance of `base`.
    registry : dict of str to callable
    base : type

    Returns
    -------
    object
        An instance of `base`.
    """
    if isinstance(value, str):
        return registry[check_choice(name, value, registry)]()
    if isinstance(value, base):
        return value
    hint = (
        f" Pass an instance: {value.__name__}()."
        if isinstance(value, type) and issubclass(value, base)
        else ""
    )
    raise TypeError(
        f"{name} must be one of {', '.join(map(repr, sorted(registry)))} or an instance of "
        f"{base.__name__}; got {value!r} of type {type(value).__name__}.{hint}"
    )


def refuse_parameters_of_names(estimator, params, examples):
    """Tell what to pass where `set_params` is to set a parameter of something given by name.

    `examples` has, for each parameter that takes a name or an object, an object to pass, or the
    registry of names, whose class of this name is then the example.
    """
    for key in params:
        name, _, inner = key.partition("__")
        value = params.get(name, getattr(estimator, name, None))
        if inner and name in examples and isinstance(value, str):
            example = examples[name]
            if not isinstance(example, str):
                example = f"{example[check_choice(name, value, example)].__name__}()"
            raise ValueError(
                f"{key} cannot be set: {name}={value!r} is a name. Pass an object, such as "
                f"{name}={example}, whose parameters can be set and searched."
            )


def validate_params(estimator, **instead):
    """Check an estimator's parameters against its ``_parameter_constraints``.

    Like scikit-learn's own check, with the nearest valid name where a string is wrong.

    Parameters
    ----------
    estimator : BaseEstimator
    **instead : object
        Values to check in the place of those that the estimator has.

    Raises
    ------
    ValueError
        (scikit-learn's ``InvalidParameterError``, also a :class:`TypeError`.)
    """
    params = {**estimator.get_params(deep=False), **instead}
    constraints = estimator._parameter_constraints
    try:
        validate_parameter_constraints(constraints, params, type(estimator).__name__)
    except InvalidParameterError as error:
        for name, value in params.items():
            names = _option_names(constraints.get(name, ()))
            if isinstance(value, str) and names and value not in names:
                raise InvalidParameterError(f"{error}{did_you_mean(value, names)}") from None
        raise


def _option_names(constraint):
    if not isinstance(constraint, list | tuple):
        return []
    return [
        option for item in constraint if isinstance(item, StrOptions) for option in item.options
    ]


def visual_block(**parts):
    """Return how scikit-learn's HTML shows an estimator with these parts side by side.

    Parameters
    ----------
    **parts : estimator, strategy or str
        Under the names of the parameters that hold them.
    """
    from sklearn.utils._repr_html.estimator import _VisualBlock

    kinds = {name: p if isinstance(p, str) else type(p).__name__ for name, p in parts.items()}
    return _VisualBlock(
        "parallel",
        list(parts.values()),
        names=[f"{name}: {kind}" for name, kind in kinds.items()],
        name_details=list(map(str, parts.values())),
    )
