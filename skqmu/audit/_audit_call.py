"""`audit`: one call from a classifier and a deletion request to a report."""

from ._audit_plan import AuditSettings, make_plan
from ._audit_run import AuditRun
from ._cost import audit_cost
from ._progress_lines import listening
from ._repeats import RepeatedAudit

__all__ = ["audit"]


def audit(
    estimator,
    X,
    y,
    *,
    forget,
    X_test=None,
    y_test=None,
    mechanisms=None,
    attacks=("loss", "confidence", "lira"),
    n_shadows=16,
    n_oracles=3,
    test_size=0.3,
    reference_size="auto",
    n_jobs=None,
    random_state=None,
    level=0.95,
    title=None,
    memory=None,
    repeats="auto",
    until=None,
    max_seconds=None,
    delta=0.1,
    digest_key=None,
    prefit=False,
    train=None,
    ids=None,
    sequential=False,
    curves=False,
    verbose=0,
    dry_run=False,
):
    """Train, forget, attack and compare with retraining, under one protocol.

    For every deletion request in `forget`: the original is trained on all training rows;
    `n_oracles` models are retrained without the rows, with fresh seeds; each mechanism lets
    a copy of the original forget them. Every attack is refitted against each of these
    models and judged on the forgotten rows (members) and held-out rows of the same classes
    in the same proportions (non-members). What counts is the difference to the oracles,
    which is given with an interval over records and seeds.

    Parameters
    ----------
    estimator : classifier
        A scikit-learn classifier with ``predict_proba``, or a pipeline that ends in one. It
        is cloned and never fitted itself (see `prefit`); all its ``random_state`` parameters
        are set anew.
        Also a classifier of qiskit-machine-learning or a net of skorch; and any other model,
        as `skqmu.attacks.as_target` wraps it, with ``retrain=``.
    X : array-like of shape (n_samples, n_features)
    y : array-like of shape (n_samples,)
    forget : str, list of str, array-like, or dict
        What :func:`skqmu.datasets.forget_split` takes: ``"class:0"``, ``"fraction:0.1"``,
        ``"age >= 65"``, row indices or a boolean mask over `X`; several as a list of strings or as
        ``{name: description}``. ``"vulnerable:K"`` and ``"protected:K"`` are the training rows
        that a first attack finds best and worst (:func:`skqmu.attacks.exposure`, by `n_shadows`
        models with other seeds): what an average over rows hides.
        ``"corrupt:label_flip:0.3"`` makes training rows bad first (:func:`skqmu.datasets.corrupt`),
        and asks for them to be forgotten, or with ``":known=0.5"`` for a share of them; the report
        then also says what they cost and how much of it is undone, beside models trained without
        them and on right rows (`docs/corrupt.md`). Strings are resolved on the
        training rows. Copies of a forgotten record are forgotten with it. Names, and strings
        without one, are in the report as they are, but for ids.
    X_test : array-like of shape (n_test, n_features), default=None
        Held-out rows. ``None`` holds out a part of `X`, stratified: rows of a mask that
        happen to be held out are then not trained on, and not forgotten.
    y_test : array-like of shape (n_test,), default=None
    mechanisms : str, object, sequence of these, dict or None, default=None
        What the classifier's ``unlearn(strategy=...)`` takes; ``"default"`` is its own way;
        a dict names variants. ``None`` is retraining, gradient ascent, label complement and
        its own way where ``unlearn`` takes a strategy (those that it refuses are left out, and
        the report says so), ``"default"`` where it takes none, and ``"retrain"`` where
        there is no ``unlearn``: that needs no help of the classifier.
    attacks : str or sequence of str, default=("loss", "confidence", "lira")
        Threshold attacks by their signal (``"loss"``, ``"confidence"``,
        ``"true_confidence"``, ``"entropy"``, ``"modified_entropy"``, ``"logit"``), and those
        that learn from shadows: ``"lira"``, ``"lira_offline"``, ``"rmia"``,
        ``"rmia_offline"``, ``"shadow_model"``, ``"qnn_output"``; ``"update"`` compares the
        model with the original, weight by weight or answer by answer.
    n_shadows : int, default=16
        Shadow models, even; trained once, on halves of training and held-out rows, and
        shared by all attacks. Threshold attacks alone need none.
    n_oracles : int, default=3
        At least 1; 2 show how far retrained models differ among themselves, without which
        there is no verdict; "indistinguishable" needs 3, for two have a single distance
        between their answers, and so no spread of it. Where a class is removed, other answers
        on its rows are a finding with 15 (:func:`skqmu.metrics.retraining_verdict` says why).
    test_size : float, default=0.3
        Share of `X` to hold out when `X_test` is None.
    reference_size : float or "auto", default="auto"
        Share of the held-out rows that is given to the mechanisms (``X_reference``, which
        stop rules compare with) and used for nothing else. ``"auto"`` is 0.2 where the
        classifier has ``unlearn``, else 0.
    n_jobs : int or None, default=None
        Models trained at once, as in joblib. Results do not depend on it.
    random_state : None, int, SeedSequence, RandomState or Generator, default=None
        All splits and seeds are derived from it.
    level : float, default=0.95
        Of all intervals.
    title : str or None, default=None
        Names the data in the report.
    memory : None, str, path-like or joblib.Memory, default=None
        Folder in which original, oracles, unlearned models and shadows are kept as they are
        finished: an audit that was cut off, by whatever, goes on from there and ends in the
        same report. It holds pickles of models of the records (see `docs/files.md`), and is
        yours to delete. Needs an integer `random_state` to find them again.
    repeats : int or "auto", default="auto"
        How many originals, each with its own seeds, split, requests, oracles, shadows and
        attacks; the verdict is then on the procedure: on the mean difference to retraining
        over seeds and splits (:func:`skqmu.metrics.repeated_verdict`). Repeats shrink what
        seeds and splits leave open, and not what the table's rows do: for that there are no
        other rows. With `X_test` given, rows and requests are the same in all repeats.
        Numbers that are not of the verdict are those of the first repeat. ``"auto"`` is 1,
        and at most 32 where `until` is given.
    until : {"decided", None}, default=None
        ``"decided"``: repeats are made until each verdict is, looked at after 4, 8, 16, ...
        of them and at the last. Each look spends its share of the error; a verdict that is
        reached stays. It ends without one where the rows alone leave more open than `delta`,
        and says how many rows it would take, or after `repeats`, or before `max_seconds`, and
        says how many repeats would decide.
    max_seconds : float or None, default=None
        With `until`: no stage of repeats is begun that would end later, going by those before
        it; the first one always is. How far an audit comes then depends on the machine.
    delta : float, default=0.1
        What is held to be the same: a difference in an accuracy, an AUC, a share of
        probability.
    digest_key : bytes or None, default=None
        Key of the digests by which the report can be shown to be about these rows, to whoever has
        rows and key; at least 16 bytes, of your own keeping. ``None`` draws one, which is the
        report's attribute ``digest_key`` and is written nowhere.
    prefit : bool, default=False
        Whether `estimator` is itself the original: fitted, and not trained again. Shadows and
        oracles are still clones of it; what is said then holds for this model, and not for the
        procedure that it came from, so that `repeats` and `until` are excluded.
    train : array-like of bool of shape (n_samples,) or of int, default=None
        With `prefit`: which rows of `X` the model was trained on, the others being held out.
        ``None``: all of them, and `X_test` has others.
    ids : array-like of shape (n_samples,), default=None
        Whose row each row of `X` is, for requests by ``"ids:A,B"``; not learned from, and in no
        report.
    sequential : bool, default=False
        Whether the requests come one after another to the same model, in their order, each about
        rows that the earlier ones have left: ``["fraction:0.05"] * 10`` is ten requests. After
        each one, each mechanism's model stands beside fresh oracles that never saw a row
        asked for by then, in every measure; the error of all verdicts of a mechanism
        together is ``1 - level``. The report says after which request a mechanism can be told
        from retraining, and, of those that say they are exact or certified, whether another
        order, or one request for all rows, gives the same model (`docs/sequences.md`).
    curves : bool, default=False
        Whether each mechanism is followed: after every epoch of its request the report has the
        difference to retraining of a model that only predicts, in every measure that needs no
        attack to be fitted. All rows are asked at each epoch, which the report tells and a
        `dry_run` does not count; where there are repeats, in the first. Needs ``unlearn(watch=)``.
    verbose : int or callable, default=0
        Above 0, bars on the error stream; where it is neither a terminal nor a notebook's, one
        line for each finished piece of work. A callable is told instead:
        ``verbose(stage, done, total)``.
    dry_run : bool or "count", default=False
        Check everything, train nothing, and return how many models would be trained; with
        a classifier that has ``estimate_cost`` (or a pipeline that ends in one, whose other
        steps are fitted for it) also, as ``"cost"``, what that takes at most in circuits,
        shots, pubs, jobs and qpu_seconds, by purpose and in total; ``"count"`` leaves that
        out, which takes the longest.

    Returns
    -------
    AuditReport
        Or, with `dry_run`, a dict of counts.

    Raises
    ------
    TypeError
        `estimator` is no classifier with ``predict_proba``.
    NoCloneError
        It stands for a model, and nothing says how another one is trained.
    ValueError
        Anything else that can be checked beforehand: nothing is trained then. Also what
        the classifier's ``unlearn`` says of a mechanism that it does not know.

    Notes
    -----
    After Ctrl-C the scenarios that were finished are in the attribute ``report`` of the
    :class:`KeyboardInterrupt`.

    The attacks score the forgotten rows by a threshold on the model's output (Yeom et al.,
    2018) or by online LiRA (Carlini et al., 2022), with shadows that saw each record or did
    not; the protocol's guards against the usual errors are described in the class
    docstrings of :mod:`skqmu.attacks` and in the report itself.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skqmu import audit
    >>> X, y = load_iris(return_X_y=True)
    >>> report = audit(LogisticRegression(max_iter=500), X, y, forget="fraction:0.2",
    ...                attacks="loss", random_state=0)
    >>> print(report.model("fraction:0.2", "retrain")["verdict"]["level"])
    indistinguishable
    """
    settings = AuditSettings(
        forget=forget,
        mechanisms=mechanisms,
        attacks=attacks,
        n_shadows=n_shadows,
        n_oracles=n_oracles,
        test_size=test_size,
        reference_size=reference_size,
        n_jobs=n_jobs,
        random_state=random_state,
        level=level,
        title=title,
        memory=memory,
        repeats=repeats,
        until=until,
        max_seconds=max_seconds,
        delta=delta,
        digest_key=digest_key,
        prefit=prefit,
        train=train,
        ids=ids,
        sequential=sequential,
        curves=curves,
    )
    plan = make_plan(estimator, X, y, X_test, y_test, settings)
    if dry_run:
        cost = None if dry_run == "count" else audit_cost(plan)
        return {**plan.steps(), **({} if cost is None else {"cost": cost})}
    with listening(verbose) as listener:
        plan = plan.with_exposure(listener)
        run = (AuditRun if plan.repeats == 1 else RepeatedAudit)(plan, listener)
        try:
            return run.run()
        except KeyboardInterrupt as interrupt:
            interrupt.report = run.report
            raise
