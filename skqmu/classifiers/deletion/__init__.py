"""The way of a deletion request: match, ask, carry out, measure, commit, log."""

from ._after import files_of, fitted_attributes
from ._by_strategy import ByStrategy, RequestArguments, possible_request
from ._carry_out import Done, Found, Way, carry_out
from ._given import assuming, given_parts, notes_on, reach_of
from ._log_entry import LogEntry, LoggedRequest, digest_of, noting, shortened
from ._meant_rows import MeantRows, entries_in_order, forget_rows, retain_rows
from ._measures import MOST_MEASURED, REPORTS
from ._watched import Watching, predicting_copy

__all__ = [
    "MOST_MEASURED",
    "REPORTS",
    "ByStrategy",
    "Done",
    "Found",
    "LogEntry",
    "LoggedRequest",
    "MeantRows",
    "RequestArguments",
    "Watching",
    "Way",
    "assuming",
    "carry_out",
    "digest_of",
    "entries_in_order",
    "files_of",
    "fitted_attributes",
    "forget_rows",
    "given_parts",
    "notes_on",
    "noting",
    "possible_request",
    "predicting_copy",
    "reach_of",
    "retain_rows",
    "shortened",
]
