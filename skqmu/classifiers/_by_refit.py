"""How a model that cannot forget does so inside an `UnlearningClassifier`: fitted on the rest."""

from dataclasses import replace

import numpy as np

from ..unlearning import UPSTREAM, Assumption, Certificate
from ._members import MemberRecord
from ._meta import fit_clone, telling_costs
from .deletion import Done, Found, LogEntry, Way, digest_of, forget_rows
from .state import fitted_state

__all__ = ["ByRefit", "record_of_experiment"]


def record_of_experiment(X, labels, weights, forgotten, ids=None):
    """Record of the rows that an experiment's model is trained on, those of its mask left out.

    Parameters
    ----------
    X : table of shape (n, n_columns)
    labels : ndarray of int of shape (n,)
    weights : ndarray of shape (n,)
    forgotten : ndarray of bool of shape (n,)
    ids : ndarray of shape (n,) or None

    Returns
    -------
    MemberRecord
        It knows that the rows of the mask were there, and not what they were.
    """
    rows = np.arange(len(labels))
    how = {"positions": rows, "n_seen": len(rows), "ids": ids}
    record = MemberRecord.of_table(X, labels, weights, **how)
    record = record.without(np.flatnonzero(forgotten | (weights == 0)))
    return replace(record, origin=np.where(weights > 0, rows, -1), tombstones=frozenset())


class ByRefit(Way):
    """A request to an `UnlearningClassifier` whose model has no `unlearn` of its own.

    Parameters
    ----------
    model : UnlearningClassifier
        Working copy.
    arguments : tuple
        Of the request, as `forget_rows` takes them.
    end : callable
        Drops what the experiment has kept from the working copy; returns leftovers.
    """

    def __init__(self, model, arguments, end):
        self.model = model
        self.arguments = arguments
        self.end = end
        self._spent = None

    def entry(self):
        return LogEntry("Retrain", {}, "exact")

    def match(self):
        model, record = self.model, fitted_state(self.model).members
        forget = forget_rows(model, *self.arguments)
        members = record.without(forget.entries)
        removed = np.setdiff1d(forget.labels, members.labels)
        return Found(
            n_forget=len(forget),
            n_more=forget.n_more,
            n_retain=len(members),
            classes_removed=model.classes_[removed].tolist(),
            asked=members,
            facts=forget.facts,
        )

    def carry_out(self, found):
        model, members = self.model, found.asked
        self._spent = {}
        weights = None if (members.weights == 1).all() else members.weights
        with telling_costs():
            refitted = fit_clone(
                fitted_state(model).base,
                members.given,
                model.classes_[members.labels],
                model.classes_,
                weights,
            )
        facts = {
            "digests": [digest_of(each) for each in (model.estimator_, refitted)],
            "certificate": Certificate("exact", assumptions=[Assumption(UPSTREAM, checked=False)]),
        }
        changes = {"estimator_": refitted, "members": members, **self.end(model)}
        return Done(facts, [], changes)

    def costs(self):
        return self._spent
