"""Audits: original, unlearned and retrained models side by side, in one report.

The room is a verb as well: ``skqmu.audit(clf, X, y, forget="class:0")`` calls
:func:`skqmu.audit.audit`. One object serves both, whatever was imported first.
"""

import importlib
import inspect
import sys
import types

from ._attacks import ATTACKS
from ._audit_call import audit
from ._kept_models import clear_kept
from ._leakage import leakage
from ._leakage_report import LEAKAGE_SCHEMA, LeakageReport
from ._report import AuditReport
from .report import SCHEMA, json_schema

__all__ = [
    "ATTACKS",
    "LEAKAGE_SCHEMA",
    "SCHEMA",
    "AuditReport",
    "LeakageReport",
    "audit",
    "clear_kept",
    "json_schema",
    "leakage",
]


class _CallableModule(types.ModuleType):
    __signature__ = inspect.signature(audit)

    def __call__(self, *args, **kwargs):
        return audit(*args, **kwargs)

    def __reduce__(self):
        # joblib.delayed(skqmu.audit)(...) must reach a worker, where plain modules cannot go
        return importlib.import_module, (__name__,)


sys.modules[__name__].__class__ = _CallableModule
