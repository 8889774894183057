"""Errors and warnings that users see.

Errors are :class:`ValueError` where the input is at fault and :class:`RuntimeError`
where the work itself failed, so that code that knows scikit-learn catches them as it
always did.
"""

__all__ = [
    "AlreadyForgottenError",
    "BackendError",
    "BackendTimeoutError",
    "BudgetExceededError",
    "BusyError",
    "CircuitError",
    "DamageWarning",
    "EncodingWarning",
    "InputRowsError",
    "LedgerBusyError",
    "LedgerError",
    "MemberRecordError",
    "ModelMismatchError",
    "NotATrainingSampleError",
    "PrivacyWarning",
    "ReentryError",
    "ResolutionWarning",
    "SearchError",
    "ShadowFitError",
    "TamperedLedgerError",
    "ThreatModelWarning",
    "TrainingDivergedError",
    "UnlearningError",
    "UnlearningWarning",
    "UnscorableError",
]


class CircuitError(ValueError):
    """A circuit, or an instruction in it, cannot be turned into a program."""


class EncodingWarning(UserWarning):
    """Features enter a circuit in a way that it can hardly tell their values apart."""


class BackendError(RuntimeError):
    """A backend failed to evaluate a circuit."""


class BackendTimeoutError(BackendError):
    """A job did not end in the time that was given to it."""


class BudgetExceededError(RuntimeError):
    """The next piece of work would pass a budget; it was not begun."""


class BusyError(RuntimeError):
    """An estimator was still being changed by another thread when the time to wait was over."""


class MemberRecordError(ValueError):
    """A request needs information that the member record does not hold."""


class NotATrainingSampleError(ValueError):
    """Rows of a deletion request were never trained on.

    Parameters
    ----------
    message : str
        What the user reads.
    rows : sequence of int, default=()
        Positions, in the request, of the rows that were not found.
    """

    def __init__(self, message, rows=()):
        super().__init__(message)
        self.rows = tuple(int(row) for row in rows)

    def __reduce__(self):
        return type(self), (self.args[0], self.rows)


class AlreadyForgottenError(NotATrainingSampleError):
    """Rows of a deletion request were trained on once and are forgotten already."""


class PrivacyWarning(UserWarning):
    """Rows are given away more often than the promise of one private fit says."""


class ReentryError(RuntimeError):
    """An estimator that is being fitted, or is forgetting, was told to begin again midway."""


class InputRowsError(ValueError):
    """A circuit cannot be evaluated at some rows of its input.

    Parameters
    ----------
    problem : str
        What the user reads, with ``{rows}`` where the rows are named.
    rows : sequence of int
        Their positions in the input.
    """

    def __init__(self, problem, rows):
        rows = tuple(int(row) for row in rows)
        shown = ", ".join(map(str, rows[:5])) + (", ..." if len(rows) > 5 else "")
        told = f"row{'s' * (len(rows) != 1)} {shown}" if rows else "a row"
        more = f" ({len(rows)} in all)" if len(rows) > 5 else ""
        super().__init__(problem.replace("{rows}", told + more))
        self.problem, self.rows = problem, rows

    def __reduce__(self):
        return type(self), (self.problem, self.rows)

    def at(self, places):
        """Return the same error about rows that stand at `places` in other data."""
        return type(self)(self.problem, [places[row] for row in self.rows])


class UnlearningError(RuntimeError):
    """An unlearning strategy failed; the estimator is as it was before."""


class UnlearningWarning(UserWarning):
    """A deletion request was honoured, with something that its sender must know."""


class DamageWarning(UnlearningWarning):
    """A deletion request was honoured at the cost of rows that stay."""


class ShadowFitError(RuntimeError):
    """A shadow model of an attack could not be trained."""


class NoCloneError(TypeError):
    """Another model like a given one was to be trained, and nothing says how."""


class ResolutionWarning(UserWarning):
    """A rate was asked for that the sample is too small to resolve."""


class ThreatModelWarning(UserWarning):
    """An attack result is weaker, or stronger, than its threat model suggests."""


class UnscorableError(ValueError):
    """A score cannot be had of a model, whatever its parameters: how it was fitted is why."""


class SearchError(RuntimeError):
    """A search or cross-validation was asked for a score that its models cannot have."""


class TrainingDivergedError(RuntimeError):
    """The loss or its gradient is no longer finite."""


class LedgerError(RuntimeError):
    """A deletion ledger could not do what was asked; what it holds is as it was."""


class LedgerBusyError(LedgerError):
    """Others were at work on a ledger, or on its model, when the time to wait was over."""


class TamperedLedgerError(LedgerError):
    """A ledger is not as it was written."""


class ModelMismatchError(LedgerError):
    """A model file is not the one that a ledger knows: swapped, put back or trained anew."""
