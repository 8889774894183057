"""Reports: the data of an audit, and the ways in which it is shown."""

from ._again import arguments_again
from ._audit_document import audit_document, verdict_markdown
from ._compared import close_enough, refuse_other_data
from ._data_card import check_key, keyed_ids
from ._format import SCHEMA, attacked, check_report, json_schema, settled, step_attacked
from ._frame import audit_frame
from ._leakage_document import leakage_document
from ._new_report import describe, json_values, new_key
from ._table import renderable

__all__ = [
    "SCHEMA",
    "arguments_again",
    "attacked",
    "audit_document",
    "audit_frame",
    "check_key",
    "check_report",
    "close_enough",
    "describe",
    "json_schema",
    "json_values",
    "keyed_ids",
    "leakage_document",
    "new_key",
    "refuse_other_data",
    "renderable",
    "settled",
    "step_attacked",
    "verdict_markdown",
]
