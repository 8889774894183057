"""The shadows of one audit: trained once, on balanced halves of a pool, shared by attacks."""

import pickle
from copy import copy
from functools import partial

import numpy as np
from sklearn.base import BaseEstimator, MetaEstimatorMixin

from .._fit_many import fits_many
from .._identity import digest
from .._side_by_side import chunks
from .._site_links import SiteLinksMixin
from .._validation import check_is_fitted
from .._versions import numeric_versions
from ._balance import BLOCK, balanced_membership
from ._estimators import entropy_from, settings_of
from ._parallel import run_jobs
from ._records import RecordIndex, check_count, check_mask, check_records
from ._shadow import Query, Shadow, apply, train_shadows
from ._shadow_template import shadow_template
from ._store import BLOCK_BYTES, ShadowOutputs, ShadowStore, cache_directory

__all__ = ["ShadowPool"]

# Shadows that a worker trains side by side, and holds.
_MOST_AT_ONCE = 64


class ShadowPool(MetaEstimatorMixin, SiteLinksMixin, BaseEstimator):
    """Shadow models: clones trained on random halves of a pool of records.

    Every record is in exactly half of the shadows, every shadow holds half of every class,
    copies of a record stay together. Each shadow has its own seed, spawned from
    `random_state`, so its numbers depend neither on `n_jobs` nor on the joblib backend, and
    a pool of 8 more shadows starts with the same ones.

    Models and outputs are kept on disk (a private temporary folder, or `memory`) and read
    when needed: the parent's memory does not grow with `n_shadows`. Predict-only copies
    (``release()``) are kept where the estimator offers them.

    Parameters
    ----------
    estimator : classifier
        Cloned; a frozen or fitted one is unwrapped and never touched.
    n_shadows : int, default=64
        Even, at least 2.
    n_queries : int, default=1
        Queries averaged for each record, for sampled models.
    unlearn : callable or None, default=None
        ``unlearn(model, X_forget, y_forget)``, used by :meth:`fit` with ``forget=``;
        returns the unlearned model or changes it in place. ``None`` calls the model's own
        ``unlearn``.
    memory : None, str, path-like or joblib.Memory, default=None
        Where shadows are kept between runs. The cache holds models of your records: treat
        it like the data. They are pickles: use no folder that others can write to. Reused only
        with an integer `random_state`; a shadow whose files are damaged is trained anew.
    n_jobs : int or None, default=None
        Shadows trained at once; ``None`` honours :class:`joblib.parallel_config`.
    random_state : None, int, SeedSequence, RandomState or Generator, default=None
    verbose : int, default=0
        1 prints progress to the error stream, 2 a line for each shadow.

    Attributes
    ----------
    members_ : ndarray of shape (n_shadows, n_pool), bool
        Who each shadow was trained on.
    candidates_ : ndarray of shape (n_pool,), bool, or None
        Who was to be forgotten.
    forgotten_ : ndarray of shape (n_shadows, n_pool), bool, or None
        Who each shadow was made to forget: the candidates among its members.
    classes_ : ndarray
        Labels of the pool; the order of the columns of all outputs.
    X_, y_ : the pool
    n_trained_ : int
        Shadows that this fit trained; the others came from `memory`.

    Raises
    ------
    ShadowFitError
        A shadow could not be trained; the message says on what.

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> from skqmu.attacks import ShadowPool
    >>> X, y = load_wine(return_X_y=True)
    >>> pool = ShadowPool(DecisionTreeClassifier(), n_shadows=4, random_state=0).fit(X, y)
    >>> pool.members_.sum(axis=1)
    array([89, 89, 89, 89])
    >>> pool.outputs().shape
    (4, 178, 3)
    """

    def __init__(
        self,
        estimator,
        *,
        n_shadows=64,
        n_queries=1,
        unlearn=None,
        memory=None,
        n_jobs=None,
        random_state=None,
        verbose=0,
    ):
        self.estimator = estimator
        self.n_shadows = n_shadows
        self.n_queries = n_queries
        self.unlearn = unlearn
        self.memory = memory
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.verbose = verbose

    def fit(self, X, y, *, forget=None):
        """Train the shadows.

        Parameters
        ----------
        X : array-like, sparse matrix or data frame of shape (n_pool, n_features)
        y : array-like of shape (n_pool,)
        forget : array-like of shape (n_pool,), bool, or None, default=None
            Candidates for forgetting: each shadow unlearns those that it was trained on.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            The pool holds fewer than two distinct records.
        """
        template = self.check(X, y)
        X, y = check_records(X, y, template)
        forget = None if forget is None else check_mask("forget", forget, y.shape[0])
        index = RecordIndex(X, y)
        if index.n_groups < 2:
            raise ValueError(
                f"the pool holds {index.n_groups} distinct record(s); shadows are trained on "
                "halves of it, so it needs 2 at least (dozens to be of use)."
            )
        if forget is not None:
            # forgetting a record forgets its copies
            forget = np.bincount(index.groups, weights=forget)[index.groups] > 0
        entropy = entropy_from(self.random_state)
        # children are spawned one by one so that a longer list starts with a shorter one
        membership_seed, *seeds = np.random.SeedSequence(entropy).spawn(1 + self.n_shadows)
        classes, columns = np.unique(y, return_inverse=True)
        strata = columns if forget is None else 2 * columns + forget
        members = balanced_membership(
            index.groups,
            strata,
            self.n_shadows,
            np.random.default_rng(membership_seed),
        )

        def name():
            # everything that a shadow's numbers depend on; of how many there are, the blocks
            key = (numeric_versions(), type(template).__qualname__, template, self.unlearn)
            blocks = self.n_shadows % BLOCK
            return digest(key, X, y, forget, self.n_queries, entropy, blocks)

        store = ShadowStore(cache_directory(self.memory, name))
        missing = [i for i in range(self.n_shadows) if i not in store]
        shadows = [
            Shadow(i, template, self.unlearn, seed, classes, self.n_queries)
            for i, seed in enumerate(seeds)
        ]
        self._train([shadows[i] for i in missing], X, y, members, forget, store)

        self.X_, self.y_, self.classes_ = X, y, classes
        self.members_ = members
        self.candidates_ = forget
        self.forgotten_ = None if forget is None else members & forget
        self.n_trained_ = len(missing)
        self.settings_ = settings_of(template)
        self._index, self._store = index, store
        # set by asked_again: outputs and settings other than those of the fit
        self._asked, self._params, self._answers = None, None, None
        return self

    def check(self, X, y):
        """Raise what `fit` would of parameters and rows, but for copies; nothing is trained.

        Parameters
        ----------
        X, y : as for `fit`

        Returns
        -------
        classifier
            What shadows are clones of, unfitted.

        Raises
        ------
        ValueError
            `n_shadows` is odd, or another parameter is out of its range.
        """
        check_count("n_shadows", self.n_shadows, 2)
        check_count("n_queries", self.n_queries, 1)
        if self.n_shadows % 2:
            raise ValueError(
                f"n_shadows={self.n_shadows} must be even: every record is in exactly half of "
                "the shadows."
            )
        template = shadow_template(self.estimator)
        check_records(X, y, template)
        return template

    def _train(self, shadows, X, y, members, forget, store):
        """Train shadows, and put each away as soon as it comes back."""
        side_by_side = bool(shadows) and fits_many(shadows[0].template)
        parts = chunks(shadows, self.n_jobs, most=_MOST_AT_ONCE if side_by_side else 1)
        jobs = (
            (
                chunk,
                X,
                y,
                [np.flatnonzero(members[s.index]) for s in chunk],
                [
                    None if forget is None else np.flatnonzero(members[s.index] & forget)
                    for s in chunk
                ],
            )
            for chunk in parts
        )
        run = partial(run_jobs, n_jobs=self.n_jobs, verbose=self.verbose, label="shadows")
        for finished in run(train_shadows, jobs, len(shadows), count=len):
            for i, model, outputs in finished:
                store.write(i, model, outputs)

    # -- reading ------------------------------------------------------------------------

    def outputs(self, *, before=False):
        """Return the shadows' probabilities on the pool, shape (n_shadows, n_pool, C).

        Parameters
        ----------
        before : bool, default=False
            Those before unlearning (pools fitted with ``forget=`` only).

        Returns
        -------
        ShadowOutputs
            Read block by block: ``one(i)``, ``rows(rows)``, ``blocks()``, ``shape``.

        Raises
        ------
        TypeError
            The shadows have no probabilities.
        ValueError
            `before` without a pool that was fitted with ``forget=``.
        """
        check_is_fitted(self)
        if not self.has_proba():
            raise TypeError(
                f"shadows of {self.settings_} have no predict_proba; attacks that see labels "
                "only (LabelOnlyAttack) can use this pool."
            )
        if before and self.forgotten_ is None:
            raise ValueError("before=True needs a pool fitted with forget=.")
        if self._asked is not None and not before:
            return self._asked
        return self._store.outputs("before" if before else "after", self.n_shadows)

    def has_proba(self):
        """Whether the shadows answer with probabilities."""
        check_is_fitted(self)
        if self._answers is None:  # all shadows are of one kind, and loading one takes its time
            self._answers = hasattr(self.model(0), "predict_proba")
        return self._answers

    def model(self, index):
        """Return one shadow, loaded anew.

        Parameters
        ----------
        index : int
            From 0 to ``n_shadows - 1``.

        Returns
        -------
        classifier
        """
        check_is_fitted(self)
        return pickle.loads(self._store.model(index))

    def locate(self, X, y):
        """Return the position of each record in the pool, -1 where it is not in it.

        Parameters
        ----------
        X : array-like, sparse matrix or data frame of shape (n, n_features)
        y : array-like of shape (n,)

        Returns
        -------
        ndarray of int of shape (n,)
        """
        check_is_fitted(self)
        return self._index.locate(X, y)

    def copies(self):
        """Return for each record of the pool a number that its copies share."""
        check_is_fitted(self)
        return self._index.groups

    def query(self, X, *, n_queries=None, params=None):
        """Ask every shadow about any rows.

        Parameters
        ----------
        X : array-like, sparse matrix or data frame of shape (n, n_features)
        n_queries : int or None, default=None
            ``None`` is the pool's own.
        params : dict or None, default=None
            Parameters set on each fitted shadow before it is asked, such as
            ``{"backend__shots": 64}``: the same weights on another backend.

        Returns
        -------
        ShadowOutputs of shape (n_shadows, n, C)
        """
        check_is_fitted(self)
        n_queries = self.n_queries if n_queries is None else n_queries
        params = self._params if params is None else params
        return self.map(Query(self.classes_, n_queries, params), X)

    def map(self, function, *args, shadows=None):
        """Apply ``function(model, *args)``, which returns an array, to the shadows.

        Parameters
        ----------
        function : callable
        *args : object
            Passed on, the same for every shadow.
        shadows : sequence of int or None, default=None
            Which; ``None`` is all.

        Returns
        -------
        ShadowOutputs of shape (len(shadows), ...)
        """
        check_is_fitted(self)
        shadows = range(self.n_shadows) if shadows is None else shadows
        n, spill = len(shadows), None
        results = [None] * n
        jobs = ((i, function, self._store.model(s), *args) for i, s in enumerate(shadows))
        run = partial(run_jobs, n_jobs=self.n_jobs, verbose=self.verbose, label="queries")
        for i, array in run(apply, jobs, n):
            if spill is None and array.nbytes * n > BLOCK_BYTES:
                spill = ShadowStore()
            if spill is None:
                results[i] = array
            else:
                spill.write(i, b"", {"after": array})
        return ShadowOutputs(results) if spill is None else spill.outputs("after", n)

    def asked_again(self, *, n_queries=None, params=None):
        """Return the same shadows, asked about the pool once more, with other settings.

        Parameters
        ----------
        n_queries : int or None, default=None
        params : dict or None, default=None
            As in :meth:`query`; also used for records outside the pool from here on.

        Returns
        -------
        ShadowPool
            Fitted; shares models and membership with this one.
        """
        check_is_fitted(self)
        other = copy(self)
        other.n_queries = self.n_queries if n_queries is None else n_queries
        check_count("n_queries", other.n_queries, 1)
        other._params = {**(self._params or {}), **(params or {})}
        other._asked = other.query(self.X_)
        return other

    def clear(self):
        """Delete the shadows from disk, also from `memory`; the pool is unfitted after it."""
        check_is_fitted(self)
        self._store.clear()
        for name in [name for name in vars(self) if name.endswith("_")]:
            delattr(self, name)
        del self._store, self._index
