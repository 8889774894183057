"""The stop rule of every ascent: forget as much as an unseen record is unknown, no more."""

import warnings

import numpy as np
from scipy.special import softmax

from .._spending import counting_upper_bound
from ..exceptions import UnlearningWarning
from ..network import cross_entropy
from ..training import Hook
from ._unlearning_request import UnlearningRequest
from ._unseen import left_out_loss

__all__ = ["StopRule", "class_shares", "stop_source"]

# Retained rows that a class removal is compared with at most.
_MAX_COMPARED = 1000
# Rows that are asked first whether one of them still keeps a removed class.
_ASKED_FIRST = 64
# Halvings of the last step: the end lies within 1/1000 of a step of the target.
_BISECTIONS = 10


class StopRule(Hook):
    """End an ascent where the forgotten rows look like rows that were never seen.

    A forget loss above what unseen records have separates the forgotten rows again, so
    forgetting too much is itself a leak. Two cases, row by row:

    - other rows of the class stay: the mean loss on the forgotten rows must reach the
      mean loss on held-out records of the same classes, weighted by class as the forgotten
      rows are; that of the current model or that of the model before the request, whichever
      is lower (an ascent that harms held-out records too would chase the first for ever);
    - no row of the class stays: the mean probability of the class on its forgotten rows
      must fall to its mean probability on retained rows, and no forgotten row may still be
      predicted as the class. (The mean alone is met while a few rows far from the others
      keep their class; a model trained without the class predicts it for none.)

    Without held-out records the first goes by an estimate, see `left_out_loss`, or, where
    there are no retained rows or each look at them runs circuits that are counted, by the
    mean loss of rows that were trained on: a lower bound, which the log says.

    A model trained without a class often misses the second by a little: no row was there that
    could tell it so. A run that ends before its target is therefore called short of it only
    where a class is still predicted for a row, or more likely on its rows than a wrong class is
    on retained ones (`acceptable`).

    A model that does not memorise meets the first at step 0. The step that crosses the
    target is shortened by bisection, so that a coarse step size cannot overshoot.

    Parameters
    ----------
    request : UnlearningRequest
    every : {"step", "epoch"}, default="step"
        When to look. ``"epoch"`` is for objectives that climb and repair in turn: between
        the two the retained rows stand as nobody wants them.

    Attributes
    ----------
    notes : list of str
        What could not be compared, for the log.
    reference : str
        Where the target comes from: "given" (`X_reference`), "validation" (`fit`'s part),
        "leave-one-out" (the estimate: the rows are what is left out), "members"; of a removed
        class "retained", or "chance" where no retained rows are at hand.
    met : bool
        Whether the target was reached.
    """

    def __init__(self, request, *, every="step"):
        self.network = request.network
        self.every = every
        self.epoch_start = None
        self.notes = []
        self.parts = []
        self.away = []
        self.tolerable = []
        self.compared = []
        self.sources = []
        self.met = False
        removed = np.isin(request.forget.labels, request.removed_classes)
        if removed.any():
            self._add_removed_classes(request, request.forget[removed])
        if not removed.all():
            self._add_subset(request, request.forget[~removed])

    @property
    def reference(self):
        """Where the target comes from, for the log."""
        return ", ".join(dict.fromkeys(self.sources))

    def _add_subset(self, request, forget):
        source = _subset_source(request, forget)
        self.sources.append(source)
        if source in ("leave-one-out", "members"):
            self._add_estimate(request, forget, source)
            return
        reference = request.reference
        shared = np.intersect1d(forget.labels, reference.labels)
        alone = np.setdiff1d(forget.labels, shared)
        if len(alone):
            self._warn(
                f"the stop rule has no held-out records of {len(alone)} of the forgotten rows' "
                "classes and goes by the rows of the other classes."
            )
        forget = forget[np.isin(forget.labels, shared)]
        reference = reference[np.isin(reference.labels, shared)]
        share = class_shares(forget.labels, reference.labels)
        before = share @ self._loss(request.params, reference)

        def missing(params):
            unseen = min(before, share @ self._loss(params, reference))
            return unseen - self._loss(params, forget).mean()

        self._add(missing, away=lambda params: abs(missing(params)))
        self.compared += [reference, forget]

    def _add_estimate(self, request, forget, source):
        """Without rows that were never seen: what is known of the others."""
        if source == "leave-one-out":
            if "left_out_loss" not in request.known:
                request.known["left_out_loss"] = left_out_loss(request, forget)
            level = request.known["left_out_loss"]
            self.notes.append(
                f"no held-out records: the stop rule aims at a loss of {level:.3g}, that of a "
                "model briefly trained without the rows."
            )
        else:
            level = self._level_of_members(request, forget)
            self._warn(
                "the stop rule has no held-out records of the forgotten rows' classes and goes by "
                f"the loss of rows that were trained on, {level:.3g}, a lower bound: it may "
                "forget too little, or nothing. Pass X_reference and y_reference (rows never "
                "trained on), or fit with early_stopping=True; strategy='retrain' needs neither."
            )
            if not np.isfinite(level):  # nothing is known: better nothing than anything
                level = -np.inf

        def missing(params):
            return level - self._loss(params, forget).mean()

        self._add(missing, away=lambda params: abs(missing(params)))
        self.compared.append(forget)

    def _level_of_members(self, request, forget):
        retain = request.retain
        if retain is not None:
            retain = retain[np.isin(retain.labels, forget.labels)]
        if retain is None or not len(retain):
            return request.fit_loss
        share = class_shares(forget.labels, retain.labels)
        return float(share @ self._loss(request.params, retain) / share.sum())

    def _add_removed_classes(self, request, forget):
        columns = forget.labels
        self.sources.append(_class_source(request))
        if self.sources[-1] == "chance":
            self._warn(
                "the stop rule has no retained rows to compare a removed class with: it ends where "
                "the class is as likely on its rows as by chance. Pass X_retain and y_retain."
            )
            retain = None
        else:
            rng = np.random.default_rng(request.seed)
            n_compared = min(_MAX_COMPARED, len(request.retain))
            rows = np.sort(rng.choice(len(request.retain), n_compared, replace=False))
            retain = request.retain[rows]
        # For long most rows keep their class: those that did the last time say so first.
        # Where circuits are sampled each question has its own noise, and all go in one.
        counted = self.network.counts_circuits
        first = np.zeros(0, dtype=int)

        def missing(params):
            nonlocal first
            proba = self._proba(params, forget[first])
            if (proba.argmax(axis=1) == columns[first]).any():
                return np.inf
            rest = np.setdiff1d(np.arange(len(forget)), first)
            order = np.concatenate([first, rest])
            proba = np.concatenate([proba, self._proba(params, forget[rest])])
            kept = order[proba.argmax(axis=1) == columns[order]]
            first = kept[:0] if counted else kept[:_ASKED_FIRST]
            if len(kept):
                return np.inf
            own = proba[np.arange(len(order)), columns[order]].mean()
            return own - level_of(params)

        n_classes = forget.targets.shape[1]

        def level_of(params):
            if retain is None:
                return 1 / n_classes
            return self._proba(params, retain).mean(axis=0)[columns].mean()

        def tolerable(params):
            proba = self._proba(params, forget)
            if (proba.argmax(axis=1) == columns).any():
                return False
            own = proba[np.arange(len(columns)), columns].mean()
            if retain is None:
                return own <= 1 / n_classes
            right = self._proba(params, retain)[np.arange(len(retain)), retain.labels]
            return own <= (1 - right.mean()) / (n_classes - 1)

        def away(params):
            proba = self._proba(params, forget)
            own = proba[np.arange(len(columns)), columns].mean()
            return max(0.0, own - level_of(params)) + (proba.argmax(axis=1) == columns).mean()

        self._add(missing, away=away, tolerable=tolerable)
        self.compared += [forget] if retain is None else [forget, retain]

    def _add(self, missing, *, away, tolerable=None):
        self.parts.append(missing)
        self.away.append(away)
        self.tolerable.append(tolerable or (lambda params: missing(params) <= 0))

    def acceptable(self, params):
        """Whether a run that ended at parameters may count as having reached its target."""
        if counting_upper_bound():
            return self.reached(params)  # asks all that could be asked
        return all(tolerable(params) for tolerable in self.tolerable)

    def distance(self, params):
        """How far parameters are from the target, on either side; 0 at it."""
        return sum(away(params) for away in self.away)

    def _warn(self, message):
        self.notes.append(message)
        warnings.warn(message, UnlearningWarning, stacklevel=2)

    def _logits(self, params, records):
        return self.network.logits(params, records.X)

    def _loss(self, params, records):
        return cross_entropy(self._logits(params, records), records.targets)

    def _proba(self, params, records):
        return softmax(self._logits(params, records), axis=1)

    def reached(self, params):
        """Whether parameters reach the target."""
        if counting_upper_bound():
            for records in self.compared:
                self._logits(params, records)
            return False
        return all(missing(params) <= 0 for missing in self.parts)

    def begin(self, run):
        if counting_upper_bound():  # the bisection that would follow the last step
            for _ in range(_BISECTIONS):
                self.reached(run.params)
        if not self.reached(run.params):
            return False
        self.met = True
        return run.stop("stop rule: the forgotten rows already look unseen at step 0")

    def before_epoch(self, run):
        self.epoch_start = run.params

    def after_step(self, run):
        return self.every == "step" and self._ends(run, run.point.previous)

    def after_epoch(self, run):
        return self.every == "epoch" and self._ends(run, self.epoch_start)

    def _ends(self, run, before):
        after = run.params
        if not self.reached(after):
            return False
        low, high = 0.0, 1.0
        for _ in range(_BISECTIONS):
            middle = (low + high) / 2
            if self.reached(before + middle * (after - before)):
                high = middle
            else:
                low = middle
        run.move(before + high * (after - before))
        self.met = True
        return run.stop("stop rule: the forgotten rows look unseen")


def stop_source(request: UnlearningRequest) -> str:
    """What the stop rule of a request would go by; nothing is computed.

    Parameters
    ----------
    request : UnlearningRequest

    Returns
    -------
    str
        "given", "validation", "leave-one-out" or "members"; of a removed class "retained" or
        "chance" (see the log's ``reference``).

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skqmu import QNNClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> clf = QNNClassifier(max_iter=5, random_state=0).fit(X, y)
    >>> clf = clf.unlearn(X[:3], strategy="relative_gradient_ascent")
    >>> clf.unlearning_log_[-1]["reference"]
    'leave-one-out'
    """
    removed = np.isin(request.forget.labels, request.removed_classes)
    sources = [_class_source(request)] if removed.any() else []
    if not removed.all():
        sources.append(_subset_source(request, request.forget[~removed]))
    return ", ".join(sources)


def _class_source(request):
    return "retained" if request.retain is not None and len(request.retain) else "chance"


def _subset_source(request, forget):
    reference = request.reference
    if reference is not None and np.isin(forget.labels, reference.labels).any():
        return request.reference_source
    at_hand = request.retain is not None and len(request.retain)
    return "leave-one-out" if at_hand and not request.network.counts_circuits else "members"


def class_shares(wanted, available):
    """Weights over `available` records whose class mix is that of `wanted`."""
    shares = np.zeros(len(available))
    for label in np.unique(wanted):
        mine = available == label
        shares[mine] = (wanted == label).mean() / mine.sum()
    return shares
