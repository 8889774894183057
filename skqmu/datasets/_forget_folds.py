"""Folds for searches over unlearning: each trains on rows that are then forgotten."""

from numbers import Integral

import numpy as np
from sklearn.model_selection import BaseCrossValidator
from sklearn.utils import check_random_state

from skqmu._validation import check_choice
from skqmu._what_to_forget import parsed
from skqmu.datasets._forget import forget_split

__all__ = ["ForgetKFold"]


class ForgetKFold(BaseCrossValidator):
    """Stratified folds that each train on forgotten rows and hold out rows of their classes.

    What a score of unlearning compares: the forgotten rows of the training part are the members,
    the rows that are held out never were. So each training part needs the one, and each test
    part the other, of every class that is forgotten from.

    Parameters
    ----------
    n_splits : int, default=5
    forget : array-like of bool or int, or str
        As for :func:`forget_split`, but nothing that is drawn; the rows of ``fit(X, y, forget=)``.
    ids : array-like of shape (n_samples,), default=None
        For ``"ids:A,B"``.
    forgotten : {"train", "split"}, default="train"
        ``"train"``: all forgotten rows are in every training part, so that each fold forgets all
        of them; of a class that is forgotten whole some rows are held out all the same, for
        else there would be nobody to compare with. ``"split"``: they are dealt to the folds
        like all others, and those of a test part are not forgotten there but never seen.
    shuffle : bool, default=True
    random_state : int, RandomState instance or None, default=None

    Raises
    ------
    ValueError
        At `split`: a class that is forgotten from has too few rows to hold one out in each fold.

    Examples
    --------
    >>> import numpy as np
    >>> from skqmu.datasets import ForgetKFold
    >>> y = np.array([0, 1] * 10)
    >>> forget = np.arange(20) < 4
    >>> cv = ForgetKFold(4, forget=forget, random_state=0)
    >>> [(int(forget[train].sum()), int(forget[test].sum())) for train, test in cv.split(y, y)]
    [(4, 0), (4, 0), (4, 0), (4, 0)]
    """

    def __init__(
        self, n_splits=5, *, forget, ids=None, forgotten="train", shuffle=True, random_state=None
    ):
        self.n_splits = n_splits
        self.forget = forget
        self.ids = ids
        self.forgotten = forgotten
        self.shuffle = shuffle
        self.random_state = random_state

    def get_n_splits(self, X=None, y=None, groups=None):
        """Return the number of folds.

        Parameters
        ----------
        X, y, groups : object, default=None
            Not used.
        """
        return self.n_splits

    def split(self, X, y, groups=None):
        """Yield positions of the rows to train on and of those to test on.

        Parameters
        ----------
        X : table of shape (n_samples, n_columns)
        y : array-like of shape (n_samples,)
        groups : object, default=None
            Not used.

        Yields
        ------
        train, test : ndarray of int

        Raises
        ------
        ValueError
            A fold would train on none of the rows to forget, or test on none of their classes.
        """
        check_choice("forgotten", self.forgotten, ("train", "split"))
        self._check_n_splits()
        y = np.asarray(y)
        mask = self._mask(X, y)
        _, codes = np.unique(y, return_inverse=True)
        rows = np.arange(len(y))
        if self.forgotten == "train":
            rows = rows[~(mask & np.isin(codes, codes[~mask]))]
        self._check_classes(y, codes, mask, rows)
        strata = codes[rows] if self.forgotten == "train" else 2 * codes[rows] + mask[rows]
        fold_of = self._dealt(strata)
        for fold in range(self.n_splits):
            test = rows[fold_of == fold]
            train = np.setdiff1d(np.arange(len(y)), test)
            if not mask[train].any():
                raise ValueError(
                    f"a fold would train on none of the {mask.sum()} rows of forget=; use "
                    'forgotten="train", or forget more rows.'
                )
            yield train, test

    def _check_n_splits(self):
        whole = isinstance(self.n_splits, Integral) and not isinstance(self.n_splits, bool)
        if not whole or self.n_splits < 2:
            raise ValueError(f"n_splits={self.n_splits!r} must be an integer of at least 2.")

    def _mask(self, X, y):
        once = {
            "fraction": "forget=forget_split(y, 'fraction:0.1', random_state=0)",
            "corrupt": "data = corrupt(X, y, random_state=0), forget=data.bad",
        }
        if isinstance(self.forget, str) and (kind := parsed(self.forget).kind) in once:
            raise ValueError(
                f"forget={self.forget!r} draws other rows here than in fit; draw them once: "
                f"{once[kind]}, here and in fit."
            )
        return forget_split(y, self.forget, X=X, ids=self.ids)

    def _dealt(self, strata):
        """Fold of each row: every stratum is dealt evenly."""
        rng = check_random_state(self.random_state)
        folds, dealt = np.empty(len(strata), dtype=int), 0
        for stratum in np.unique(strata):
            mine = np.flatnonzero(strata == stratum)
            mine = rng.permutation(mine) if self.shuffle else mine
            folds[mine] = (dealt + np.arange(len(mine))) % self.n_splits
            dealt += len(mine)
        return folds

    def _check_classes(self, y, codes, mask, rows):
        """Refuse classes that cannot be held out in each fold."""
        for code in np.unique(codes[mask]):
            there = int((codes[rows] == code).sum())
            if there < self.n_splits:
                label = y[codes == code][0]
                raise ValueError(
                    f"class {label!r} is forgotten from and has {there} rows to hold out, fewer "
                    f"than n_splits={self.n_splits}: a fold without one has nobody to compare the "
                    "forgotten rows of that class with. Use fewer folds."
                )
