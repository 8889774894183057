"""What reports hold of sequences of requests, and of the epochs of one."""

from ..._shape import each, maybe, named, number, record, text, varies, whole

__all__ = ["CURVE", "SEQUENCE", "check_curve"]

_LENGTH = number(0)
_ALONG = each(maybe(number()), least=1)
#: Differences to retraining at each epoch of one mechanism's run.
CURVE = record(
    {
        "epochs": each(whole(), least=1),
        "gaps": named(record(dict.fromkeys(("value", "low", "high"), _ALONG)), least=1),
        "oracles": named(record(dict.fromkeys(("low", "high"), maybe(number())))),
        "n_models": whole(1),
        "n_rows": whole(),
        "seconds": varies("time", _LENGTH),
    }
)
_APART = ("reversed", "at_once", "asked_twice", "oracles")
_ORDER = record(
    {"sentence": text},
    optional={**dict.fromkeys(_APART, maybe(_LENGTH)), "error": text},
)
#: After which request each mechanism leaves the oracles, and whether order matters.
SEQUENCE = record(
    {
        "n_requests": whole(2),
        "mechanisms": each(
            record(
                {
                    "name": text,
                    "holds_until": whole(),
                    **dict.fromkeys(("leaves_after", "failed_at"), maybe(whole(1))),
                    "sentence": text,
                    "order": maybe(_ORDER),
                }
            )
        ),
    }
)


def check_curve(model, where):
    """Raise unless a model's curve, where it has one, has a number for each epoch.

    Parameters
    ----------
    model : dict
        Of a report; its shape is right.
    where : str
    """
    curve = model.get("curve")
    if curve is None:
        return
    for key, gap in curve["gaps"].items():
        if any(len(gap[part]) != len(curve["epochs"]) for part in ("value", "low", "high")):
            raise ValueError(f"{where}.curve.gaps.{key} must hold a number for each epoch.")
