"""Modules of torch as targets."""

from contextlib import contextmanager

import numpy as np

from ..._validation import check_choice
from ._adapter import TargetAdapter, class_list, one_at_a_time
from ._read_answers import OUTPUTS, as_probabilities

__all__ = ["TorchTarget"]


class TorchTarget(TargetAdapter):
    """A trained `torch.nn.Module` as a target.

    Parameters
    ----------
    model : torch.nn.Module or None, default=None
        From rows of shape ``(n, *input_shape)`` to what `output` says. It is asked in evaluation
        mode, without gradients, in its own precision and on its own device, and left as it is.
        None: `fit` trains the first one by `retrain`.
    classes : array-like of labels, int or None, default=None
        Labels of the outputs, in their order; an int n stands for 0 to n - 1. Needed where there
        is a model.
    output : {"logits", "probabilities", "log_probabilities", "expectations"}, default=None
        What the outputs are: logits of a cross-entropy, probabilities (behind a softmax),
        their logarithms, or expectation values of one observable in [-1, 1]. A module does
        not say it, so it must be said here. One output is about the second of two classes.
    input_shape : tuple of int or None, default=None
        Shape of one row for the module, such as (1, 28, 28): rows are given flat to attacks.
        None: a vector.
    batch_size : int, default=256
        Rows that pass through the module at once.
    retrain : callable or None, default=None
        ``retrain(X, y)`` returns a module trained on these rows, which are flat; it is given
        ``random_state=`` where it takes that. None: no other module can be trained.
    shots : int, None or "unknown", default=None
        Shots behind one answer, for the threat model; None: it is exact.
    random_state : int or None, default=None
        Seeds torch's generator while `retrain` runs (it is put back), so that models trained
        side by side differ, and again alike.

    Attributes
    ----------
    classes_ : ndarray
    model_ : torch.nn.Module
        After `fit`: the module that answers now.
    n_features_in_ : int
        After `fit`.

    See Also
    --------
    as_target : Chooses the adapter.

    Examples
    --------
    >>> import torch                                                       # doctest: +SKIP
    >>> from skqmu.attacks import QuantileAttack, TorchTarget
    >>> module = torch.nn.Linear(4, 3)                                     # doctest: +SKIP
    >>> target = TorchTarget(module, classes=3, output="logits")           # doctest: +SKIP
    >>> QuantileAttack(target).fit(X_public, y_public)                     # doctest: +SKIP
    """

    def __init__(
        self,
        model=None,
        *,
        classes=None,
        output=None,
        input_shape=None,
        batch_size=256,
        retrain=None,
        shots=None,
        random_state=None,
    ):
        self.model = model
        self.classes = classes
        self.output = output
        self.input_shape = input_shape
        self.batch_size = batch_size
        self.retrain = retrain
        self.shots = shots
        self.random_state = random_state

    def _given_classes(self):
        check_choice("output", self.output, OUTPUTS)
        return class_list(self.classes)

    def _model_name(self):
        return "module" if self.model is None else type(self.model).__name__

    def _proba(self, model, X):
        X = np.asarray(X)
        answers = outputs_of(model, X, self.input_shape, self.batch_size)
        output, what = check_choice("output", self.output, OUTPUTS), self._model_name()
        return as_probabilities(answers, output, self.classes_, len(X), what)


def outputs_of(module, X, input_shape, batch_size):
    """Outputs of a module in evaluation mode, which is left as it is."""
    import torch

    weight = next((w for w in module.parameters() if w.is_floating_point()), None)
    dtype, device = (torch.float32, "cpu") if weight is None else (weight.dtype, weight.device)
    parts = []
    with _evaluating(module), torch.no_grad():
        for start in range(0, len(X), batch_size):
            rows = torch.tensor(X[start : start + batch_size], dtype=dtype, device=device)
            if input_shape is not None:
                rows = rows.reshape(-1, *input_shape)
            outputs = _one_a_row(module, module(rows), len(rows))
            parts.append(outputs.detach().cpu().double().numpy())
    return np.concatenate(parts) if parts else np.zeros((0, 0))


@contextmanager
def _evaluating(module):
    """The module itself in evaluation mode, for a moment.

    Not a copy: what draws shots within it would draw the same ones for every question.
    """
    modes = [(part, part.training) for part in module.modules()]
    if not any(training for _, training in modes):
        yield
        return
    with one_at_a_time():
        module.eval()
        try:
            yield
        finally:
            # parents come first: each part ends in its own mode
            for part, training in modes:
                part.train(training)


def _one_a_row(module, outputs, n):
    kind = type(module).__name__
    if not hasattr(outputs, "detach"):
        raise ValueError(
            f"{kind} returns a {type(outputs).__name__}, where one tensor of shape (n, n_classes) "
            "is expected; wrap it in a module, or a function for BlackBoxTarget, that returns the "
            "outputs of the classes."
        )
    if outputs.ndim == 0 or outputs.ndim > 2 or len(outputs) != n:
        raise ValueError(
            f"{kind} returns shape {tuple(outputs.shape)} for {n} rows, where ({n}, n_classes) is "
            "expected. (A node of PennyLane must return a list of measurements: of a tuple its "
            "TorchLayer makes another shape.)"
        )
    return outputs
