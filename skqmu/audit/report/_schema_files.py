"""The formats of all reports as JSON Schema, in files: in the package, and in the docs.

``python -m skqmu.audit.report._schema_files docs/schemas`` writes them; a test compares.
"""

import json
import sys
from pathlib import Path

__all__ = ["schemas", "write_schemas"]

PACKAGED = Path(__file__).parent / "schemas"


def schemas():
    """Return each format's schema under the name of its file."""
    from ...attacks import EpsilonReport, ShotCurveReport, UpdateReport
    from ...metrics import MembershipReport, SearchReport
    from .. import LeakageReport, json_schema

    found = [json_schema(), LeakageReport.json_schema()]
    kinds = (MembershipReport, SearchReport, ShotCurveReport, UpdateReport, EpsilonReport)
    found += [kind.json_schema() for kind in kinds]
    return {f"{schema['title'].replace('/', '-')}.schema.json": schema for schema in found}


def write_schemas(*folders):
    """Write every schema into folders.

    Parameters
    ----------
    *folders : path-like
    """
    for folder in map(Path, folders):
        folder.mkdir(parents=True, exist_ok=True)
        for name, schema in schemas().items():
            text = json.dumps(schema, indent=1, ensure_ascii=False) + "\n"
            (folder / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write_schemas(PACKAGED, *sys.argv[1:])
