"""A request that somebody follows: predict-only models of its epochs, and an early end."""

import time

import numpy as np
from scipy.special import softmax

from ...backends import NoiseStream
from ...unlearning import EpochWatch, StopWhen
from ..state import MODEL, CircuitState, fitted_state

__all__ = ["Watching", "predicting_copy"]

# Of a request's seed: noise of the models that are handed out.
_SNAPSHOTS = 5_000


def predicting_copy(model, noise, **changes):
    """A copy of a fitted classifier that only predicts.

    Parameters
    ----------
    model : fitted classifier
    noise : NoiseStream
        Of the copy.
    **changes : object
        Fitted attributes that are others.
    """
    state = fitted_state(model)
    copy = type(model)(**model.get_params(deep=False))
    quiet = {"checkpoint": None}
    if state.structure.get("objective_noise"):
        # The secret term could be drawn again from the seed, which both hold.
        quiet["random_state"], noise = None, NoiseStream()
    copy.set_params(**quiet)
    public = {name: vars(model)[name] for name in MODEL if name in vars(model)}
    copy._become(
        CircuitState(
            settings={name: vars(copy)[name] for name in state.settings},
            structure=state.structure,
            seed=None,
            noise=noise,
            privacy=state.privacy,
        ),
        **{**public, **changes},
    )
    return copy


class Watching:
    """Who follows the epochs of one request, and what may end it.

    Parameters
    ----------
    watch : callable or None
        Told the number of the epoch and a model that only predicts.
    stop_when : StopWhen or None
    """

    def __init__(self, watch=None, stop_when=None):
        self.watch = watch
        self.stop_when = stop_when
        self.n_seen = 0
        self.seconds = 0.0
        self._epochs = None

    def check(self, strategy, reference):
        """Refuse, before anything is done, what cannot be watched or ended.

        Parameters
        ----------
        strategy : UnlearningStrategy
        reference : MeantRows or None
        """
        if self.watch is not None and not callable(self.watch):
            raise TypeError(f"watch={self.watch!r} must be a function of an epoch and a model.")
        if self.stop_when is None:
            return
        if not isinstance(self.stop_when, StopWhen):
            raise TypeError(
                f"stop_when={self.stop_when!r} must be a skqmu.unlearning.StopWhen, which says on "
                "which of the rows that a mechanism may see the metric is measured."
            )
        self.stop_when.validate()
        if not strategy.has_epochs:
            raise ValueError(
                f"stop_when= ends a run between two epochs, and {type(strategy).__name__} has "
                "none of its own that could be ended; leave it out."
            )
        if self.stop_when.on == "reference" and reference is None:
            raise ValueError(
                "stop_when=StopWhen(on='reference') needs rows that were never trained on: pass "
                "X_reference and y_reference."
            )

    def on(self, model, request):
        """Return what follows the request's epochs; None where nobody does.

        Parameters
        ----------
        model : classifier
            Working copy, as it was before the request.
        request : UnlearningRequest
        """
        if self.watch is None and self.stop_when is None:
            return None
        seen = None
        if self.watch is not None:

            def seen(params):
                self._tell(model, request, request.settled(params))

            seen(request.params)
        reason = None if self.stop_when is None else self._reason_on(model, request)
        self._epochs = EpochWatch(seen, reason)
        return self._epochs

    def hooks(self):
        """Hooks of a refit, which is followed and goes to its end."""
        return [] if self._epochs is None else [self._epochs.hook(own=False)]

    def facts(self):
        """What the log says of it, beside all else."""
        if self.watch is None:
            return {}
        return {"watched": {"n_models": self.n_seen, "seconds": round(self.seconds, 6)}}

    def _tell(self, model, request, params):
        begun = time.perf_counter()
        seed = request.seed
        place = (*seed.spawn_key, _SNAPSHOTS + self.n_seen)
        own = np.random.SeedSequence(seed.entropy, spawn_key=place).generate_state(2, np.uint64)
        shown = predicting_copy(model, NoiseStream(int(own[0])), params_=params.copy())
        answer = self.watch(self.n_seen, shown)
        self.n_seen += 1
        self.seconds += time.perf_counter() - begun
        if answer is True:
            raise ValueError(
                "watch returned True: whoever watches a request cannot end it, for nobody could "
                "tell by which rows. Use stop_when=StopWhen(metric, on=...), on rows that the "
                "mechanism may see."
            )

    def _reason_on(self, model, request):
        rows = getattr(request, self.stop_when.on)
        if rows is None or not len(rows):
            raise ValueError(f"stop_when: there are no {self.stop_when.on} rows to measure on.")
        labels = model.classes_[rows.labels]

        def reason(params):
            logits = request.network.logits(request.settled(params), rows.X)
            return self.stop_when.reason(labels, softmax(logits, axis=1))

        return reason
