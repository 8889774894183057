"""Reports: the data of an audit, and the ways in which it is shown."""

from ._again import arguments_again
from ._data_card import check_key, table_digest
from ._format import SCHEMA, check_report, json_schema, settled
from ._new_report import describe, json_values, new_key

__all__ = [
    "SCHEMA",
    "arguments_again",
    "check_key",
    "check_report",
    "describe",
    "json_schema",
    "json_values",
    "new_key",
    "settled",
    "table_digest",
]
