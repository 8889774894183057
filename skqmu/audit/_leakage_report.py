"""What attacks on one model found: plain data with a version, and its ways out."""

from datetime import UTC, datetime

import numpy as np

from .._document import DataReport
from .._rows import n_columns
from .._shape import each, flag, maybe, named, number, one_of, record, text, varies, whole
from .._text import one_line, printable_values
from .._versions import installed_versions
from ..metrics import MembershipResult, membership_result
from ._checked_settings import estimator_facts
from .report import attacked, json_values, leakage_document, step_attacked
from .report.words import attack_words, auc_words
from .report.words import number as in_digits

__all__ = ["LEAKAGE_SCHEMA", "LeakageReport", "leakage_data"]

#: Name and version of the JSON format; a change that breaks readers raises the number.
LEAKAGE_SCHEMA = "skqmu.leakage/1"

_SHARE = number(0, 1)
_SURE = record({"value": _SHARE, "low": _SHARE, "high": _SHARE})
_FORMAT = record(
    {
        "schema": one_of(LEAKAGE_SCHEMA),
        "created": varies("time", text),
        "seconds": varies("time", number(0)),
        "settings": record(
            {
                "title": maybe(text),
                "estimator": record({"name": text, "settings": text}),
                "prefit": flag,
                "attacks": each(text, least=1),
                "level": _SHARE,
                "entropy": text,
                **dict.fromkeys(("n_shadows", "n_train", "n_test"), whole()),
                **dict.fromkeys(("n_features", "n_classes"), whole()),
            }
        ),
        "n_members": whole(1),
        "n_nonmembers": whole(1),
        "notes": each(text),
        "versions": named(text),
        "threat_models": named(record({"pool": text, "n_shadows": whole()})),
        "accuracy": record({"train": _SURE, "test": _SURE}),
        "attacks": named(attacked, least=1),
        "upstream": named(step_attacked),
        "verdict": record(
            {
                "level": one_of("leaks", "none found"),
                "sentence": text,
                "findings": each(text),
            }
        ),
    }
)
_STYLES = {"leaks": "bold red", "none found": "yellow"}


class LeakageReport(DataReport):
    """The result of :func:`skqmu.audit.leakage`.

    Parameters
    ----------
    data : dict
        Plain JSON values in the format ``skqmu.leakage/1``. No row and no label is in it.

    Attributes
    ----------
    data : dict

    Raises
    ------
    ValueError
        `data` are not in that format; the message names the first place that is wrong.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from skqmu.audit import leakage
    >>> X, y = load_iris(return_X_y=True)
    >>> report = leakage(GaussianNB(), X, y, attacks="loss", random_state=0)
    >>> report.verdict, report.attack("loss").n_members
    ('none found', 105)
    """

    @classmethod
    def _check(cls, data):
        _FORMAT(data, "report")

    @classmethod
    def json_schema(cls):
        """Return the format as JSON Schema (draft 2020-12).

        Returns
        -------
        dict
        """
        return _FORMAT.as_json_schema(LEAKAGE_SCHEMA)

    def _as_document(self, pictures=True):
        return leakage_document(self.data, pictures)

    @property
    def verdict(self):
        """``"leaks"``, or ``"none found"`` in so many rows."""
        return self.data["verdict"]["level"]

    def attack(self, name):
        """Return what an attack achieved.

        Parameters
        ----------
        name : str

        Returns
        -------
        skqmu.metrics.MembershipResult

        Raises
        ------
        KeyError
            There is no such attack.
        """
        results = self.data["attacks"]
        if name not in results:
            raise KeyError(f"no attack {name!r}; there are {list(results)}")
        return MembershipResult.from_dict(results[name])

    def __repr__(self):
        settings = self.data["settings"]
        return one_line(
            f"LeakageReport({settings['estimator']['name']}, attacks={settings['attacks']}, "
            f"verdict={self.verdict!r})"
        )

    def __rich__(self):
        return _renderable(printable_values(self.data))


def leakage_data(work, measured, *, estimator, title, entropy, notes, seconds):
    """Return the data of a report.

    Parameters
    ----------
    work : object
        With the rows, the scenario and the settings of the attacks.
    measured : tuple
        What it found: model, judge, observation, and what steps before the model tell.
    estimator, title, entropy, notes, seconds
        For the settings.
    """
    model, judge, seen, (upstream, step_threats) = measured
    data, scenario = work.data, work.scenario
    results = {name: judge.result(seen, name) for name in work.attacks}
    return json_values(
        {
            "schema": LEAKAGE_SCHEMA,
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
            "seconds": seconds,
            "settings": {
                "title": title,
                "estimator": estimator_facts(estimator),
                "prefit": work.fitted is not None,
                "attacks": list(work.attacks),
                "level": float(work.level),
                "entropy": str(entropy),
                "n_shadows": work.n_shadows,
                "n_train": len(data.y),
                "n_test": len(data.y_test),
                "n_features": n_columns(data.X),
                "n_classes": len(np.unique(data.y)),
            },
            "n_members": len(scenario.members),
            "n_nonmembers": len(scenario.nonmembers),
            "notes": [*data.notes, *scenario.notes, *notes, *model.notes],
            "versions": installed_versions(),
            "threat_models": seen.threat_models,
            "accuracy": {
                "train": judge.accuracy(seen, "retain"),
                "test": judge.accuracy(seen, "test"),
            },
            "attacks": results,
            "upstream": upstream,
            "upstream_threat_models": step_threats,
            "verdict": _verdict(seen, work),
        }
    )


def _verdict(seen, work):
    """What all attacks together say, each at its share of the error."""
    level = 1 - (1 - work.level) / len(work.attacks)
    found, findings = [], []
    for name, scores in seen.scores.items():
        low, high = membership_result(*scores, level=level, fprs=()).auc_interval
        found.append((name, low, high))
        if low > 0.5 or high < 0.5:
            findings.append(f"{attack_words(name)}: AUC {low:.2f} to {high:.2f}")
    most = max(max(high, 1 - low) for _, low, high in found)
    if findings:
        sentence = (
            f"Training rows can be told from rows that the model never saw, by "
            f"{len(findings)} of {len(found)} attacks ({'; '.join(findings)}; intervals that hold "
            f"together at {work.level:.0%})."
        )
        return {"level": "leaks", "sentence": sentence, "findings": findings}
    sentence = (
        f"None of {len(found)} attacks told training rows from unseen ones; these rows leave an "
        f"AUC of up to {most:.2f} possible, and other attackers may do better."
    )
    return {"level": "none found", "sentence": sentence, "findings": []}


def _renderable(data):
    from rich import box
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    settings = data["settings"]
    head = Text("Leakage of training rows", style="bold")
    if settings["title"]:
        head.append(f" · {settings['title']}")
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("attack", overflow="fold")
    for column in ("AUC", "TPR at 10 % FPR", "TPR at 1 % FPR", "shadows"):
        table.add_column(Text(column), justify="right")
    for name, result in data["attacks"].items():
        cells = (
            attack_words(name),
            auc_words(result),
            *(_rate(result, fpr) for fpr in (0.1, 0.01)),
            str(data["threat_models"][name]["n_shadows"]),
        )
        table.add_row(*map(Text, cells))
    for name, result in data["upstream"].items():
        table.add_row(Text(f"step {name}"), Text(auc_words(result)), "", "", "")
    known, unseen = (data["accuracy"][part] for part in ("train", "test"))
    verdict = data["verdict"]
    return Group(
        head,
        Text(
            f"{settings['estimator']['name']}{', as it was handed over' * settings['prefit']}; "
            f"{settings['n_train']} training and {settings['n_test']} held-out rows, "
            f"{settings['n_classes']} classes; judged on {data['n_members']} and "
            f"{data['n_nonmembers']} of them; {settings['level']:.0%} intervals"
        ),
        Text(
            f"accuracy {in_digits(known['value'], 2)} on training rows, "
            f"{in_digits(unseen['value'], 2)} on held-out rows"
        ),
        table,
        Text(verdict["sentence"], style=_STYLES[verdict["level"]]),
        *(Text(f"note: {note}", style="dim") for note in data["notes"]),
    )


def _rate(result, fpr):
    for point in result["operating_points"]:
        if point["fpr_target"] == fpr and isinstance(point["tpr"], float):
            low, high = point["tpr_interval"]
            return f"{point['tpr']:.2f} {low:.2f}–{high:.2f}"
    return "–"
