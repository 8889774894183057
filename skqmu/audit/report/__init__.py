"""Reports: the data of an audit, and the ways in which it is shown."""

from . import _table as audit_table
from ._again import arguments_again
from ._audit_document import audit_document, verdict_markdown
from ._compared import close_enough, refuse_other_data
from ._data_card import check_key
from ._format import SCHEMA, check_report, json_schema, settled
from ._frame import audit_frame
from ._new_report import describe, json_values, new_key

__all__ = [
    "SCHEMA",
    "arguments_again",
    "audit_document",
    "audit_frame",
    "audit_table",
    "check_key",
    "check_report",
    "close_enough",
    "describe",
    "json_schema",
    "json_values",
    "new_key",
    "refuse_other_data",
    "settled",
    "verdict_markdown",
]
