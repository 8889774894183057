"""Mechanisms that climb the loss of the forgotten rows."""

from ..training import Objective
from ._base import Ascent

__all__ = ["GradientAscent"]


class GradientAscent(Ascent):
    """Climb the cross-entropy of the forgotten rows.

    Minimises ``-CE(D_f)`` and nothing else: cheap, needs no retained data, and harms
    what the forgotten rows share with the others. The stop rule ends it where unseen
    records stand.

    Parameters
    ----------
    learning_rate_init : float or None, default=None
        None: the classifier's own.
    max_iter : int, default=50
        Epochs over the forgotten rows at most.
    batch_size : int or None, default=None
    solver : {"adam", "sgd"} or None, default=None
    stop : {"auto"} or None, default="auto"
        None: `max_iter` epochs, as published.

    Notes
    -----
    Source: Su et al. 2025 (arXiv 2509.06086), and the HQML study (arXiv 2512.19253), which
    runs 15 (Iris) or 25 epochs without a stop rule and keeps the best epoch by accuracy on
    the test set; choosing on the test set is not offered here.

    Examples
    --------
    >>> from skqmu.unlearning import GradientAscent
    >>> GradientAscent(max_iter=25, stop=None)
    GradientAscent(max_iter=25, stop=None)
    """

    source = "Su et al. 2025 (arXiv 2509.06086); HQML (arXiv 2512.19253)"

    def objective(self, request):
        climbing = request.forget.replace(weights=-request.forget.weights)
        return Objective({"forget": climbing})
