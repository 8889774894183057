"""What a report says of rows that were made bad, in the format ``skqmu.audit/2``."""

from ..._shape import anything, each, flag, maybe, number, one_of, record, text, varies, whole

__all__ = ["CORRECTIVE", "CORRUPTION"]

_SHARE = number(0, 1)
_SURE = record({"value": _SHARE, "low": _SHARE, "high": _SHARE})
_ESTIMATE = record(
    {"value": number(), **dict.fromkeys(("low", "high"), maybe(number())), "n": whole()}
)
_BESIDE = ("without_bad", "clean")
_BY_REFERENCE = record({}, optional=dict.fromkeys(_BESIDE, maybe(_ESTIMATE)), closed=True)
_LEFT = {
    "accuracy": _SURE,
    "recovered": _ESTIMATE,
    "undone": _BY_REFERENCE,
    "false_forgetting": maybe(_ESTIMATE),
}
_VERDICTS = ("undone", "part", "left", "worse", "unresolved", "none")
#: Of a scenario: how rows were made bad, and what that did.
CORRUPTION = record(
    {
        "kind": text,
        "rate": _SHARE,
        "balanced": flag,
        "classes": maybe(each(anything)),
        "noise": maybe(text),
        "known": _SHARE,
        **dict.fromkeys(("n_bad", "n_known", "n_bad_held_out"), whole(1)),
        **dict.fromkeys(("n_affected", "n_others", "n_good"), whole()),
        "damage": _BY_REFERENCE,
        "undamaged": each(
            record(
                {
                    "name": text,
                    "trained_on": one_of(*_BESIDE),
                    **_LEFT,
                    "cost": record(
                        {"seconds": varies("time", number(0))},
                        optional={"cpu_seconds": varies("time", maybe(number(0)))},
                    ),
                },
                optional={"accuracy_others": _SURE},
            )
        ),
    }
)
#: Of a model of such a scenario; a verdict and its sentence of all but oracles.
CORRECTIVE = record(
    _LEFT,
    optional={"accuracy_others": _SURE, "verdict": one_of(*_VERDICTS), "sentence": text},
)
