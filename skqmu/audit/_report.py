"""What an audit found: plain data with a version, and its ways out."""

from .._document import DataReport
from .._text import one_line
from ..metrics import MembershipResult
from .report import (
    arguments_again,
    audit_document,
    audit_frame,
    check_report,
    close_enough,
    refuse_other_data,
    renderable,
    settled,
    verdict_markdown,
)

__all__ = ["AuditReport"]


class AuditReport(DataReport):
    """The result of :func:`skqmu.audit`.

    Parameters
    ----------
    data : dict
        Plain JSON values in the format ``skqmu.audit/2`` (:func:`skqmu.audit.json_schema`):
        ``settings``, ``data`` (sizes, columns, keyed digests), ``again`` (all that was asked, with
        every setting), ``environment``, ``notes``, ``versions`` and ``scenarios``; reports of
        format 1 lack some of these. Each scenario has ``models`` (the original, the
        oracles and the mechanisms) with accuracies, losses, divergences to the oracles,
        attack results, gaps to retraining, cost and a verdict. Where a pipeline was audited,
        each model also has ``upstream``: for each fitted step the result of
        :class:`skqmu.attacks.UpstreamAttack`, or ``{"error": why not}``; the scenario's
        ``upstream_threat_models`` say who can make it. Where there were repeats, ``repeats`` of
        a scenario says how many, gaps and verdicts are on all of them
        (:func:`skqmu.metrics.repeated_verdict`), and everything else is of the first. No row of the
        data is in it; names of classes and columns are, and what `forget` said.
    digest_key : bytes or None, default=None
        Key of the digests in ``data["data"]["digests"]``, which no way out writes.

    Attributes
    ----------
    data : dict
    digest_key : bytes or None
        None in a report that was read from a file. Keep it beside the data: who has both can
        show that the report is about them.

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

    def __init__(self, data, *, digest_key=None):
        super().__init__(data)
        self.digest_key = digest_key

    def __getstate__(self):
        return {"data": self.data, "digest_key": None}

    @classmethod
    def _check(cls, data):
        check_report(data)

    def _as_document(self, pictures=True):
        return audit_document(self.data, pictures)

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

    def __repr__(self):
        settings = self.data["settings"]
        state = "" if self.data["complete"] else ", not complete"
        return one_line(
            f"AuditReport({settings['estimator']['name']}, scenarios={self.scenarios}, "
            f"mechanisms={settings['mechanisms']}, attacks={settings['attacks']}{state})"
        )

    # -- ways out ------------------------------------------------------------------------

    def __rich__(self):
        return renderable(self.data)

    def to_model_card(self):
        """Return Markdown for a section of a model card: verdicts, what they rest on, limits.

        Returns
        -------
        str
            Without a heading of its own, as skops takes it:
            ``card.add(**{"Unlearning audit": report.to_model_card()})``.
        """
        return verdict_markdown(self.data)

    def to_frame(self):
        """Return the numbers as a data frame, a row a model and request.

        Returns
        -------
        pandas.DataFrame
            Columns ``scenario``, ``model``, ``role``, ``status``, ``verdict``, ..., and for each
            measure its value with ``_low`` and ``_high``; what was not measured is missing.

        Raises
        ------
        ImportError
            pandas is not installed.
        """
        return audit_frame(self.data)

    # -- again ---------------------------------------------------------------------------

    def rerun(
        self,
        X,
        y,
        X_test=None,
        y_test=None,
        *,
        objects=(),
        trusted=(),
        random_state=None,
        fitted=None,
        digest_key=None,
        **options,
    ):
        """Do the whole audit again, from this report and the data.

        Parameters
        ----------
        X, y, X_test, y_test : array-like
            The data of the first call, in the same order.
        objects : sequence of object, default=()
            What a report has only the digest of, such as torch modules, noise models and
            functions: each is put where its digest stands.
        trusted : sequence of str, default=()
            Packages beside scikit-learn and skqmu whose estimators may be made. A report may be
            anybody's file.
        random_state : int or None, default=None
            Where the report withholds the seed, because noise that must stay secret was drawn
            from it.
        fitted : fitted classifier or None, default=None
            Where a fitted model was audited (``prefit=True``): that model.
        digest_key : bytes or None, default=None
            Key of the digests; with it the data are checked value by value.
        **options : object
            What changes no number: ``n_jobs``, ``memory``, ``verbose``, ``dry_run``.

        Returns
        -------
        AuditReport
            Or what `dry_run` returns.

        Raises
        ------
        ValueError
            The data are other data, the report is of format 1, something in it has to be passed
            (the message says what), or may not be made from a file.

        See Also
        --------
        same_numbers : Whether it came to the same.
        """
        from ._audit_call import audit

        told = self.data.get("again")
        if told is None:
            raise ValueError(
                f"a report of the format {self.data['schema']!r} does not hold what it takes to "
                "carry it out again."
            )
        unknown = set(options) - {"n_jobs", "memory", "verbose", "dry_run"}
        if unknown:
            raise TypeError(
                f"rerun takes no {sorted(unknown)[0]!r}: the report says it. Change a copy of the "
                "call instead."
            )
        key = self.digest_key if digest_key is None else digest_key
        refuse_other_data(self.data, (X, y, X_test, y_test), key)
        arguments = arguments_again(told, objects=objects, trusted=trusted)
        if arguments["random_state"] is None:
            if random_state is None:
                raise ValueError(
                    "random_state must be passed: the report withholds the seed, from which noise "
                    "that must stay secret was drawn."
                )
            arguments["random_state"] = random_state
        estimator = arguments.pop("estimator")
        if arguments["prefit"]:
            if fitted is None:
                raise ValueError(
                    "fitted must be passed: the report is about a model that was handed over "
                    "fitted, and holds its settings alone."
                )
            estimator = fitted
        test = {"X_test": X_test, "y_test": y_test}
        return audit(estimator, X, y, **test, **arguments, digest_key=key, **options)

    def same_numbers(self, other, *, rtol=1e-9):
        """Whether another report says the same of every request.

        Parameters
        ----------
        other : AuditReport
        rtol : float, default=1e-9
            What numbers may differ by, relative to the larger: other processors round otherwise.

        Returns
        -------
        bool
            Times are left out.
        """
        ours, theirs = (settled(report.data)["scenarios"] for report in (self, other))
        return close_enough(ours, theirs, rtol)
