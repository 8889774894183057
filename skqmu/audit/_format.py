"""The format ``skqmu.audit/1``: what a report must hold, checked before anything is shown of it.

A report may be somebody else's file. What passes here can be shown in every way; what does not
is refused with the place of the first thing that is wrong.
"""

from .._shape import each, flag, maybe, named, number, one_of, record, text, whole
from ..metrics import MembershipResult
from ._words import ENDS, LEVELS, PART_WORDS

__all__ = ["SCHEMA", "attacked", "check_report", "step_attacked"]

#: Name and version of the JSON format; a change that breaks readers raises the number.
SCHEMA = "skqmu.audit/1"

_SHARE = number(0, 1)
_LENGTH = number(0)


def attacked(value, where):
    """The result of an attack; its ROC curve is drawn."""
    try:
        result = MembershipResult.from_dict(value)
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from error
    if not result.roc_fpr:
        raise ValueError(f"{where}.roc_fpr is empty: there is no curve to draw.")


def step_attacked(value, where):
    if isinstance(value, dict) and "error" in value:
        text(value["error"], f"{where}.error")
    else:
        attacked(value, where)


def _label(value, where):
    """A class label as JSON has it."""
    if isinstance(value, str | bool):
        return
    maybe(number(-1e308, 1e308))(value, where)


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
        "cost": record({"seconds": _LENGTH}, optional={"cpu_seconds": maybe(_LENGTH), **_COUNTED}),
    }
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


def _shots(value, where):
    """How many shots a query gets: a number, "unknown", or None where answers are exact."""
    if not isinstance(value, str):
        maybe(whole())(value, where)


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
        "models": each(_MODEL, least=2),
    },
    optional={"repeats": _REPEATS},
)
_REPORT = record(
    {
        "created": text,
        "complete": flag,
        "seconds": _LENGTH,
        "settings": record(
            {
                "title": maybe(text),
                "estimator": record({"name": text, "settings": text}),
                "mechanisms": each(text),
                "attacks": each(text, least=1),
                "level": _SHARE,
                "entropy": text,
                **dict.fromkeys(("n_shadows", "n_oracles", "n_train", "n_test"), whole()),
                **dict.fromkeys(("n_reference", "n_features", "n_classes"), whole()),
            },
            # written by later versions only
            optional={
                "repeats": whole(1),
                "until": maybe(text),
                "max_seconds": maybe(_LENGTH),
                "delta": _SHARE,
                "prefit": flag,
            },
        ),
        "notes": each(text),
        "versions": record({"skqmu": text}),
        "scenarios": each(_SCENARIO),
    }
)


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
    if found != SCHEMA:
        raise ValueError(
            f"this is no audit report of the format {SCHEMA!r} (found {found!r:.80}); read it with "
            "the version of skqmu that wrote it."
        )
    _REPORT(data, "report")
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
