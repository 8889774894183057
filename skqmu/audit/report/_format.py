"""The format ``skqmu.audit/2``: what a report must hold, checked before anything is shown of it.

A report may be somebody else's file. What passes here can be shown in every way; what does not
is refused with the place of the first thing that is wrong. Reports of format 1 are shown, without
what they do not hold.
"""

from ..._shape import (
    Shape,
    anything,
    each,
    flag,
    maybe,
    named,
    number,
    one_of,
    record,
    text,
    varies,
    whole,
)
from ...metrics import MembershipResult
from ._corrective_format import CORRECTIVE, CORRUPTION
from ._course_format import CURVE, SEQUENCE, check_curve
from .words import ENDS, LEVELS, PART_WORDS

__all__ = [
    "READ",
    "SCHEMA",
    "attacked",
    "check_report",
    "json_schema",
    "settled",
    "step_attacked",
]

#: Name and version of the JSON format; a change that breaks readers raises the number.
SCHEMA = "skqmu.audit/2"
#: Formats that are read.
READ = ("skqmu.audit/1", SCHEMA)

_SHARE = number(0, 1)
_LENGTH = number(0)


def _check_attacked(value, where):
    """The result of an attack; its ROC curve is drawn."""
    try:
        result = MembershipResult.from_dict(value)
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from error
    if not result.roc_fpr:
        raise ValueError(f"{where}.roc_fpr is empty: there is no curve to draw.")


def _check_step(value, where):
    if isinstance(value, dict) and "error" in value:
        text(value["error"], f"{where}.error")
    else:
        attacked(value, where)


def _check_label(value, where):
    """A class label as JSON has it."""
    if isinstance(value, str | bool):
        return
    maybe(number(-1e308, 1e308))(value, where)


#: The result of an attack, and one on a fitted step before the classifier.
attacked = Shape(_check_attacked, MembershipResult.json_schema())
step_attacked = Shape(
    _check_step, {"anyOf": [record({"error": text}).schema, MembershipResult.json_schema()]}
)
_label = Shape(_check_label, {"type": ["string", "boolean", "number", "null"]})
_SURE = record({"value": _SHARE, "low": _SHARE, "high": _SHARE})
_ESTIMATE = record({"value": maybe(number()), "low": maybe(number()), "high": maybe(number())})
_GAP = record(
    {
        **dict.fromkeys(("value", "low", "high"), maybe(number())),
        **dict.fromkeys(("margin", "oracle_low", "oracle_high"), maybe(number())),
    }
)
_COUNTED = dict.fromkeys(("forward_rows", "gradient_rows", "circuits", "shots"), maybe(whole()))
_MODEL = record(
    {
        "name": text,
        "role": one_of("original", "oracle", "mechanism"),
        "kind": maybe(text),
        "status": one_of("ok", "failed"),
        "error": maybe(text),
        "notes": each(text),
        "cost": record(
            {"seconds": varies("time", _LENGTH)},
            optional={"cpu_seconds": varies("time", maybe(_LENGTH)), **_COUNTED},
        ),
    },
    optional={
        "promise": record(
            {"epsilon": number(0), **dict.fromkeys(("delta", "auc", "advantage"), _SHARE)}
        )
    },
)
_VERDICT = record(
    {"level": one_of(*LEVELS), "sentence": text, "findings": each(text)},
    optional={
        "beside": text,
        "n_repeats": whole(1),
        **dict.fromkeys(("repeats_needed", "rows_needed"), maybe(whole())),
    },
)
_LOSSES = each(number(), least=1)
_MEASURED = record(
    {
        "accuracy": record(
            dict.fromkeys(("retain", "forget", "test"), _SURE),
            optional={"test_removed": _SURE},
            closed=True,
        ),
        "loss": record(dict.fromkeys(("retain", "forget", "held_out"), _ESTIMATE)),
        "attacks": named(attacked, least=1),
        "losses": record(dict.fromkeys(("forget", "held_out"), _LOSSES)),
        "kl_to_oracle": named(_ESTIMATE),
    },
    optional={
        "js_to_oracle": named(_ESTIMATE),
        "agreement_with_oracle": named(_ESTIMATE),
        "uqi": maybe(_ESTIMATE),
        "tug_of_war": maybe(_ESTIMATE),
        "upstream": named(step_attacked),
        "corrective": CORRECTIVE,
        "curve": CURVE,
    },
)
_JUDGED = record(
    {
        "kl_to_oracle": record(dict.fromkeys(("forget", "test"), _ESTIMATE)),
        "uqi": maybe(_ESTIMATE),
        "tug_of_war": maybe(_ESTIMATE),
        "gaps": named(_GAP),
        "equivalence": record(
            {},
            optional={f"accuracy_{part}": record({"sentence": text}) for part in PART_WORDS},
            closed=True,
        ),
    }
)


def _model_schema():
    """What :func:`_check_model` asks of each kind of model, in one schema."""
    judged, measured = _JUDGED.schema, _MEASURED.schema
    properties = {"verdict": _VERDICT.schema, **judged["properties"], **measured["properties"]}
    properties |= _MODEL.schema["properties"]

    def where(then, **values):
        given = {name: {"const": value} for name, value in values.items()}
        asked = {"properties": given, "required": list(given)}
        return {"if": asked, "then": {"required": then}}

    both = [*measured["required"], "gaps", "equivalence", "verdict"]
    return {
        "type": "object",
        "properties": properties,
        "required": _MODEL.schema["required"],
        "allOf": [
            where(measured["required"], status="ok"),
            where(both, status="ok", role="original"),
            where(both, status="ok", role="mechanism"),
            where(["verdict"], status="failed"),
        ],
    }


_ANY_MODEL = Shape(_MODEL, _model_schema())


def _check_shots(value, where):
    """How many shots a query gets: a number, "unknown", or None where answers are exact."""
    if not isinstance(value, str):
        maybe(whole())(value, where)


_shots = Shape(_check_shots, {"type": ["integer", "string", "null"]})
_THREAT = record(
    {
        "pool": text,
        "n_shadows": whole(),
        "query": text,
        "n_queries": whole(),
        "shots": _shots,
        "knows_members": flag,
        "notes": each(text),
    }
)
_REPEATS = record({"n": whole(2), "looks": each(whole(2), least=1), "ended_by": one_of(*ENDS)})
_SCENARIO = record(
    {
        "name": text,
        "kind": text,
        "removed_classes": each(_label),
        **dict.fromkeys(("n_forget", "n_retain"), whole()),
        **dict.fromkeys(("n_members", "n_nonmembers"), whole(1)),
        "notes": each(text),
        "threat_models": named(_THREAT),
        "models": each(_ANY_MODEL, least=2),
    },
    # n_asked: what the request itself asks for, where it is one of a sequence
    optional={"repeats": _REPEATS, "n_asked": whole(1), "corruption": CORRUPTION},
)
_SETTINGS = {
    "title": maybe(text),
    "estimator": record({"name": text, "settings": text}),
    "mechanisms": each(text),
    "attacks": each(text, least=1),
    "level": _SHARE,
    **dict.fromkeys(("n_shadows", "n_oracles", "n_train", "n_test"), whole()),
    **dict.fromkeys(("n_reference", "n_features", "n_classes"), whole()),
}
_MORE_SETTINGS = {
    "repeats": whole(1),
    "until": maybe(text),
    "max_seconds": maybe(_LENGTH),
    "delta": _SHARE,
    "prefit": flag,
}
_FOUND = {
    "created": varies("time", text),
    "complete": flag,
    "seconds": varies("time", _LENGTH),
    "notes": each(text),
    "versions": record({"skqmu": text}),
    "scenarios": each(_SCENARIO),
}
_PARTS = ("training", "held_out", "reference")
_DIGESTS = record(
    {
        "algorithm": text,
        # false: it was drawn, handed out with the report, and written nowhere
        "has_own_key": flag,
        **dict.fromkeys(("table", *_PARTS), text),
        "forget": named(text),
    },
    optional={"ids": text, "forget_ids": named(text)},
)
_DATA = record(
    {
        "rows": record(dict.fromkeys(_PARTS, whole())),
        "classes": each(record({"label": _label, **dict.fromkeys(_PARTS, whole())})),
        "columns": record(
            {
                "n": whole(),
                "names": maybe(each(text)),
                "kinds": named(whole()),
                "missing": whole(),
                "missing_by_column": maybe(each(whole())),
            }
        ),
        # of a key that nobody gave there is another one each time
        "digests": varies("key", _DIGESTS),
    }
)
_AGAIN = record(
    {
        "function": text,
        # values as skqmu records them: docs/report.md
        "arguments": named(anything),
        "mechanisms": named(anything),
        "attacks": named(record({"class": text, "settings": named(anything)})),
        "has_test_rows": flag,
        "code": text,
    }
)
_ENVIRONMENT = record(dict.fromkeys(("python", "implementation", "system", "machine"), text))
_REPORT_1 = record(
    {**_FOUND, "settings": record({**_SETTINGS, "entropy": text}, optional=_MORE_SETTINGS)}
)
_REPORT = record(
    {
        "schema": one_of(SCHEMA),
        **_FOUND,
        # no entropy: noise that must stay secret was drawn from it
        "settings": record(
            {**_SETTINGS, "entropy": maybe(text), **_MORE_SETTINGS},
            optional=dict.fromkeys(("sequential", "curves"), flag),
        ),
        "data": _DATA,
        "again": _AGAIN,
        "environment": _ENVIRONMENT,
    },
    optional={"sequence": SEQUENCE},
)


def json_schema():
    """Return the format as JSON Schema.

    Returns
    -------
    dict
        Draft 2020-12. Fields with ``"x-varies": "time"`` may differ between two runs on the same
        inputs; those with ``"x-varies": "key"`` do, unless the caller gave a key.

    Examples
    --------
    >>> from skqmu.audit import json_schema
    >>> json_schema()["title"]
    'skqmu.audit/2'
    """
    return _REPORT.as_json_schema(SCHEMA)


def settled(data):
    """Return a report's data without the fields that may differ between two equal runs.

    Parameters
    ----------
    data : dict
    """
    return _without_varying(data, _REPORT.schema)


def _without_varying(value, schema):
    for each_schema in schema.get("anyOf", ()):
        value = _without_varying(value, each_schema)
    if isinstance(value, dict):
        known, other = schema.get("properties", {}), schema.get("additionalProperties") or {}
        schemas = {key: known.get(key, other) for key in value}
        return {
            key: _without_varying(item, schemas[key])
            for key, item in value.items()
            if "x-varies" not in schemas[key]
        }
    if isinstance(value, list):
        return [_without_varying(item, schema.get("items", {})) for item in value]
    return value


def check_report(data):
    """Raise unless `data` is a report of this format.

    Parameters
    ----------
    data : object

    Raises
    ------
    ValueError
        Names the place, what is there, and what should be.
    """
    found = data.get("schema") if isinstance(data, dict) else type(data).__name__
    if not isinstance(found, str) or found not in READ:
        raise ValueError(
            f"this is no audit report of the format {SCHEMA!r} (found {found!r:.80}; read are "
            f"{' and '.join(READ)}); read it with the version of skqmu that wrote it."
        )
    (_REPORT if found == SCHEMA else _REPORT_1)(data, "report")
    named(text)(data["versions"], "report.versions")
    for position, scenario in enumerate(data["scenarios"]):
        _check_scenario(scenario, f"report.scenarios[{position}]", data["settings"]["attacks"])
    rows = [_judged_names(scenario) for scenario in data["scenarios"]]
    if any(names != rows[0] for names in rows):
        raise ValueError("report.scenarios must all have the same models in the same order.")


def _check_scenario(scenario, where, attacks):
    """See that the models belong together: one original, oracles, and the same measures of all."""
    models = scenario["models"]
    names = [model["name"] for model in models]
    roles = [model["role"] for model in models]
    if roles[0] != "original" or roles.count("original") > 1 or "oracle" not in roles:
        raise ValueError(f"{where}.models must be one original, first, and oracles beside it.")
    if len(set(names)) < len(names):
        raise ValueError(f"{where}.models must have names of their own; found {names!r:.200}.")
    if set(scenario["threat_models"]) != set(attacks):
        raise ValueError(f"{where}.threat_models must be those of settings.attacks, {attacks!r}.")
    for position, model in enumerate(models):
        _check_model(model, f"{where}.models[{position}]", models[0], attacks)


def _check_model(model, where, original, attacks):
    is_oracle = model["role"] == "oracle"
    if not is_oracle:
        record({"verdict": _VERDICT})(model, where)
    if model["status"] == "failed":
        if model["role"] != "mechanism":
            raise ValueError(f"{where} failed, which only a mechanism can.")
        return
    _MEASURED(model, where)
    check_curve(model, where)
    if not is_oracle:
        _JUDGED(model, where)
        record({f"auc_{name}": _GAP for name in attacks})(model["gaps"], f"{where}.gaps")
    for group, wanted in (
        ("attacks", set(attacks)),
        ("accuracy", set(original["accuracy"])),
        ("upstream", set(original.get("upstream", ()))),
    ):
        if set(model.get(group, ())) != wanted:
            raise ValueError(
                f"{where}.{group} must hold {', '.join(map(repr, sorted(wanted))) or 'nothing'}, "
                "as the settings and the original do."
            )


def _judged_names(scenario):
    return [model["name"] for model in scenario["models"] if model["role"] != "oracle"]
