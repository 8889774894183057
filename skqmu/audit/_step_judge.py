"""What the fitted steps before a classifier tell of the forgotten rows, beside the model."""

import warnings

import joblib
import numpy as np

from .._rows import join, take
from ..attacks import UpstreamAttack, upstream_steps
from ..exceptions import ResolutionWarning, ShadowFitError
from ..metrics import membership_result

__all__ = ["StepsJudge", "leak_of_steps"]

# refits of each step: few, for they come on top of everything else that an audit does
_REFITS = 32
_FPRS = (0.1, 0.01)


class StepsJudge:
    """Attacks each fitted step of a model's pipeline on one scenario.

    Parameters
    ----------
    data : Data
    judged : tuple of (ndarray of int, ndarray of int)
        Members among the training rows, and non-members among the test rows.
    level : float
    seed : int
        The same for every model: equal steps get equal results.
    n_jobs : int or None

    Attributes
    ----------
    threat_models : dict of str to dict
        For each step who can make this attack.
    """

    def __init__(self, data, judged, level, seed, n_jobs):
        self._pool = (
            join(data.X, data.X_test),
            np.concatenate([data.y, data.y_test]),
        )
        self._members, nonmembers = judged
        self._nonmembers = len(data.y) + nonmembers
        self._level = level
        self._options = {"n_shadows": _REFITS, "random_state": seed, "n_jobs": n_jobs}
        self._known = {}
        self.threat_models = {}

    def measure(self, model):
        """Return for each step the result of the attack, or ``{"error": why not}``.

        Parameters
        ----------
        model : fitted classifier

        Returns
        -------
        dict of str to dict
            Empty where no step was fitted on training rows.
        """
        steps = upstream_steps(model, self._pool[0])
        # a mechanism that leaves the steps alone is not attacked a second time
        key = joblib.hash([(step.name, step.transformer) for step in steps])
        if key not in self._known:
            self._known[key] = {step.name: self._attack(model, step.name) for step in steps}
        return self._known[key]

    def _attack(self, model, step):
        try:
            attack = UpstreamAttack(model, step=step, **self._options).fit(*self._pool)
        except ShadowFitError as error:
            return {"error": str(error)}
        X, y = self._pool
        scores = [
            attack.decision_function(take(X, at), y[at]) for at in (self._members, self._nonmembers)
        ]
        self.threat_models.setdefault(step, attack.threat_model_.to_dict())
        with warnings.catch_warnings():
            # what few rows leave unresolved is None in the report
            warnings.simplefilter("ignore", ResolutionWarning)
            return membership_result(*scores, level=self._level, fprs=_FPRS).to_dict()


def leak_of_steps(found, oracles):
    """Say which steps tell forgotten rows from unseen ones as no refitted step does.

    Parameters
    ----------
    found : dict of str to dict
        From :meth:`StepsJudge.measure`, of the model.
    oracles : list of such dicts

    Returns
    -------
    str or None
        None where no step's interval lies outside what the oracles' steps span.
    """
    leaking = []
    for step, result in found.items():
        areas = [oracle[step]["auc"] for oracle in oracles if "auc" in oracle.get(step, {})]
        if "error" in result or not areas:
            continue
        low, high = result["auc_interval"]
        if low > max(areas) or high < min(areas):
            band = f"{min(areas):.2f} to {max(areas):.2f}"
            leaking.append(f"{step} (AUC {result['auc']:.2f}, oracles' {band})")
    if not leaking:
        return None
    return (
        f"Beside the model, its fitted steps still tell the forgotten rows: {', '.join(leaking)}; "
        'skqmu.unlearn(..., upstream="refit") is the cure.'
    )
