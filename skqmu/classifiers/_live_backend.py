"""Estimators whose `backend` is a live object: how they are cloned, copied and pickled."""

import copy

from ..backends import Carried, PrimitiveBackend, is_live

__all__ = ["LiveBackendMixin"]


class LiveBackendMixin:
    """What a primitive or device as `backend` asks of the estimator that holds it.

    A clone shares it (it is no setting to copy, and may be an open connection); a pickle holds
    it or is refused in words; see `PrimitiveBackend`.
    """

    def __sklearn_clone__(self):
        backend = self.backend
        if not is_live(backend):
            return super().__sklearn_clone__()
        shell = copy.copy(self).set_params(backend=PrimitiveBackend(backend))
        twin = super(LiveBackendMixin, shell).__sklearn_clone__()
        return twin.set_params(backend=backend)

    def __getstate__(self):
        return Carried.within(super().__getstate__(), "backend", type(self).__name__)

    def __setstate__(self, state):
        super().__setstate__(Carried.unpacked(state, "backend"))
