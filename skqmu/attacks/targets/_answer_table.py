"""A table of answers as a target: who holds no model, only what it said."""

import numpy as np
from sklearn.utils.validation import check_array

from ..._validation import check_choice
from .._records import RecordIndex
from ._adapter import TargetAdapter, class_list
from ._read_answers import OUTPUTS, as_labels, as_probabilities

__all__ = ["TableTarget"]


class TableTarget(TargetAdapter):
    """Answers that a model gave about certain rows, as a target.

    Parameters
    ----------
    X : array-like of shape (n, n_features)
        The rows that it was asked about. Answers on copies of a row are averaged.
    answers : array-like of shape (n, n_classes) or (n,)
        What it answered.
    classes : array-like of labels, int or None, default=None
        Labels of the answers' columns, in their order; an int n stands for 0 to n - 1. None:
        of labels, those that occur.
    output : {"probabilities", "logits", "log_probabilities", "expectations", "labels"}, \
default="probabilities"
        As of :class:`BlackBoxTarget`.
    shots : int, None or "unknown", default=None
        Shots behind one answer, for the threat model; None: it is exact.

    Attributes
    ----------
    classes_ : ndarray
    n_features_in_ : int

    Notes
    -----
    A row that is not in the table is an error: an attack that asks about others (noise added by
    `LabelOnlyAttack`, a pool of other rows) cannot be made.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from skqmu.attacks import LiRAAttack, TableTarget
    >>> X, y = load_iris(return_X_y=True)
    >>> table = TableTarget(X, GaussianNB().fit(X[::2], y[::2]).predict_proba(X), classes=3)
    >>> attack = LiRAAttack(table, GaussianNB(), online=False, n_shadows=8, random_state=0)
    >>> attack.fit(X, y).decision_function(X, y).shape
    (150,)
    """

    def __init__(self, X, answers, *, classes=None, output="probabilities", shots=None):
        self.X = X
        self.answers = answers
        self.classes = classes
        self.output = output
        self.shots = shots

    def _given_classes(self):
        if self.classes is None and self.output == "labels":
            return np.unique(np.asarray(self.answers))
        return class_list(self.classes)

    def _answers_by(self):
        output = check_choice("output", self.output, (*OUTPUTS, "labels"))
        return {"predict"} if output == "labels" else {"predict", "predict_proba"}

    @property
    def n_features_in_(self):
        """Width of a row."""
        return self._table()[1].shape[1]

    @property
    def not_asked(self):
        """What cannot be asked, in sentences."""
        n = len(self._table()[1])
        return (f"the target is a table of {n} answers: of other rows nothing is known.",) + (
            super().not_asked
        )

    def _table(self):
        """Index of the rows, the rows, and the answers of each; made when first asked."""
        if "_held" not in vars(self):
            X = check_array(self.X, input_name="X")
            index = RecordIndex(X, np.zeros(len(X)))
            self._held = index, X, self._read(index, len(X))
        return self._held

    def _read(self, index, n):
        if self.output == "labels":
            labels = as_labels(self.answers, n, "the table")
            self._one_label_a_row(index.groups, labels)
            return labels
        proba = as_probabilities(self.answers, self.output, self.classes_, n, "the table")
        totals = np.zeros((index.n_groups, proba.shape[1]))
        np.add.at(totals, index.groups, proba)
        return (totals / np.bincount(index.groups)[:, None])[index.groups]

    @staticmethod
    def _one_label_a_row(groups, labels):
        _, first = np.unique(groups, return_index=True)
        wrong = np.flatnonzero(labels != labels[first][groups])
        if wrong.size:
            raise ValueError(
                f"{wrong.size} answers are other labels than earlier copies of their row got "
                f"(first: row {wrong[0]}); give each row once."
            )

    def _look_up(self, X):
        index, _, answers = self._table()
        X = check_array(X, input_name="X")
        at = index.locate(X, np.zeros(len(X)))
        missing = np.flatnonzero(at < 0)
        if missing.size:
            raise ValueError(
                f"{missing.size} of {len(at)} rows are not in the table (first: row "
                f"{missing[0]}): it answers about its own rows only. Pass rows as they stand in "
                "it; LabelOnlyAttack needs perturbation='none'."
            )
        return answers[at]

    def _labels(self, model, X):
        return self._look_up(X) if self.output == "labels" else super()._labels(model, X)

    def _proba(self, model, X):
        return self._look_up(X)

    def _model_name(self):
        return "table of answers"

    def _way_to_clones(self):
        return super()._way_to_clones().partition("; or, to an attack, ")[2]

    def __sklearn_is_fitted__(self):
        return True

    def release(self):
        """Return itself: it holds answers only.

        Returns
        -------
        TableTarget
        """
        return self
