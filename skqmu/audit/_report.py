"""What an audit found: plain data with a version, and its ways out (table, JSON, page)."""

import json
import math
from datetime import UTC, datetime
from pathlib import Path

from .._rows import n_columns
from .._text import one_line
from ..metrics import MembershipResult
from ._format import SCHEMA, check_report

__all__ = ["AuditReport", "describe", "json_values", "read", "written"]


class AuditReport:
    """The result of :func:`skqmu.audit`.

    Parameters
    ----------
    data : dict
        Plain JSON values in the format ``skqmu.audit/1``: ``settings``, ``notes``,
        ``versions`` and ``scenarios``; each scenario has ``models`` (the original, the
        oracles and the mechanisms) with accuracies, losses, divergences to the oracles,
        attack results, gaps to retraining, cost and a verdict. Where a pipeline was audited,
        each model also has ``upstream``: for each fitted step the result of
        :class:`skqmu.attacks.UpstreamAttack`, or ``{"error": why not}``; the scenario's
        ``upstream_threat_models`` say who can make it. Where there were repeats, ``repeats`` of
        a scenario says how many, gaps and verdicts are on all of them
        (:func:`skqmu.metrics.repeated_verdict`), and everything else is of the first. No row and
        no label of the data is in it.

    Attributes
    ----------
    data : dict

    Raises
    ------
    ValueError
        `data` are not in that format; the message names the first place that is wrong.

    Notes
    -----
    What is shown of a report is text and never markup, whoever wrote its file: a page runs no
    script and loads nothing, a terminal receives no control characters.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skqmu import audit
    >>> X, y = load_iris(return_X_y=True)
    >>> report = audit(LogisticRegression(max_iter=500), X, y, forget="class:0",
    ...                attacks="loss", random_state=0)
    >>> report.scenarios
    ['class:0']
    >>> [model["name"] for model in report["class:0"]["models"]]
    ['original', 'oracle 1', 'oracle 2', 'oracle 3', 'retrain']
    >>> report.attack("class:0", "retrain", "loss").n_members
    35
    """

    def __init__(self, data):
        check_report(data)
        self.data = data

    # -- looking -------------------------------------------------------------------------

    @property
    def scenarios(self):
        """Names of the scenarios, in order."""
        return [scenario["name"] for scenario in self.data["scenarios"]]

    def __getitem__(self, scenario):
        for entry in self.data["scenarios"]:
            if entry["name"] == scenario:
                return entry
        raise KeyError(
            f"no scenario {scenario!r}; there are {', '.join(map(repr, self.scenarios))}"
        )

    def model(self, scenario, name):
        """Return one model's entry.

        Parameters
        ----------
        scenario : str
        name : str
            ``"original"``, ``"oracle 1"``, ... or a mechanism.

        Returns
        -------
        dict

        Raises
        ------
        KeyError
            There is no such scenario or model; the message lists those that exist.
        """
        models = self[scenario]["models"]
        for entry in models:
            if entry["name"] == name:
                return entry
        names = ", ".join(repr(entry["name"]) for entry in models)
        raise KeyError(f"no model {name!r} in {scenario!r}; there are {names}")

    def attack(self, scenario, model, attack):
        """Return what an attack achieved on a model.

        Parameters
        ----------
        scenario, model, attack : str

        Returns
        -------
        skqmu.metrics.MembershipResult

        Raises
        ------
        KeyError
            There is no such scenario, model or attack.
        """
        results = self.model(scenario, model).get("attacks", {})
        if attack not in results:
            raise KeyError(f"no attack {attack!r} on {model!r}; there are {list(results)}")
        return MembershipResult.from_dict(results[attack])

    def __eq__(self, other):
        return isinstance(other, AuditReport) and self.data == other.data

    __hash__ = None

    def __repr__(self):
        settings = self.data["settings"]
        state = "" if self.data["complete"] else ", not complete"
        return one_line(
            f"AuditReport({settings['estimator']['name']}, scenarios={self.scenarios}, "
            f"mechanisms={settings['mechanisms']}, attacks={settings['attacks']}{state})"
        )

    # -- ways out ------------------------------------------------------------------------

    def to_table(self, *, width=None):
        """Return the report as text for a terminal.

        ``rich.print(report)`` prints the same in colour.

        Parameters
        ----------
        width : int or None, default=None
            Columns to use; ``None`` takes the terminal's, or 100.

        Returns
        -------
        str
        """
        from ._table import as_text

        return as_text(self.data, width)

    def __rich__(self):
        from ._table import renderable

        return renderable(self.data)

    def __str__(self):
        return self.to_table()

    def to_json(self, path=None):
        """Return the report as JSON text, and write it where a path is given.

        Parameters
        ----------
        path : str, path-like or None, default=None
            An existing file is replaced.

        Returns
        -------
        str
        """
        return written(self.data, path)

    @classmethod
    def from_json(cls, source):
        """Return the report that :meth:`to_json` wrote.

        Parameters
        ----------
        source : path-like or str
            A path, or the JSON text itself (it starts with a brace).

        Returns
        -------
        AuditReport

        Raises
        ------
        ValueError
            The text is no JSON, or not in the format ``skqmu.audit/1``; the message names the
            file and the first place that is wrong.
        OSError
            The file cannot be read.
        """
        return read(cls, source)

    def to_html(self, path=None):
        """Return the report as one self-contained page, and write it where a path is given.

        The page needs no network and no script; it follows the reader's light or dark
        setting and prints well.

        Parameters
        ----------
        path : str, path-like or None, default=None
            An existing file is replaced.

        Returns
        -------
        str
        """
        from ._page import as_page

        text = as_page(self.data)
        if path is not None:
            _write(path, text)
        return text


def written(data, path=None):
    """Return data as JSON text, and write it where a path is given."""
    text = json.dumps(data, indent=1, allow_nan=False, ensure_ascii=False)
    if path is not None:
        _write(path, text + "\n")
    return text


def read(kind, source):
    """Return a report of a kind, from a path or from the JSON text itself."""
    if isinstance(source, str) and source.lstrip().startswith("{"):
        return kind(_parsed(source))
    path = Path(source)
    try:
        return kind(_parsed(path.read_bytes().decode("utf-8-sig")))
    except ValueError as error:
        raise ValueError(f"{one_line(path)}: {error}") from error


def _parsed(text):
    """Return the values of strict JSON."""

    def refuse(word):
        raise ValueError(f"{word} is no JSON; the format has null in its place.")

    try:
        return json.loads(text, parse_constant=refuse)
    except json.JSONDecodeError as error:
        raise ValueError(f"this is no JSON: {error}.") from error
    except RecursionError as error:
        raise ValueError("this is no audit report: it is nested too deeply.") from error


def _write(path, text):
    # a lone surrogate, which no encoding holds, is written as the escape that JSON has for it
    Path(path).write_bytes(text.encode("utf-8", errors="backslashreplace"))


def describe(plan):
    """Return the data of a report that has no scenario yet."""
    from .._versions import package_versions

    data = plan.data
    return {
        "schema": SCHEMA,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "complete": False,
        "seconds": 0.0,
        "settings": {
            "title": plan.title,
            "estimator": json_values(plan.estimator_facts),
            "mechanisms": list(plan.mechanisms),
            "attacks": list(plan.attacks),
            "n_shadows": plan.n_shadows,
            "n_oracles": plan.n_oracles,
            "repeats": plan.repeats,
            "until": plan.until,
            "max_seconds": plan.max_seconds,
            "delta": plan.delta,
            "prefit": plan.fitted is not None,
            "level": plan.level,
            "entropy": str(plan.entropy),
            "n_train": len(data.y),
            "n_test": len(data.y_test),
            "n_reference": len(data.y_reference),
            "n_features": n_columns(data.X),
            "n_classes": int(plan.n_classes),
        },
        "notes": list(data.notes),
        "versions": {
            name: version for name, version in package_versions().items() if version is not None
        },
        "scenarios": [],
    }


def json_values(value):
    """Return `value` with what strict JSON cannot hold (nan, infinities) as None."""
    if isinstance(value, dict):
        return {key: json_values(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [json_values(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
