"""A torch module as a layer: its parameters and buffers live in the flat vector."""

import contextlib
import copy
from functools import partial
from typing import Any

import numpy as np

from ..exceptions import TrainingDivergedError
from ._layers import Layer
from ._torch_call import call, looks_elsewhere, row_by_row
from ._torch_parts import (
    at_rest,
    check_one_input,
    copied,
    moving,
    one_thread,
    recording,
    same_in_both_modes,
    seeded,
)

__all__ = ["TorchLayer", "import_torch"]

# Rows whose gradients are held apart at once.
_PER_SAMPLE_CHUNK = 64
# Rows that a prediction passes through the module at once: what lies between its layers then
# stays in the cache ("cnn-h" on 1600 images: 37 ms instead of 127 at once).
_CHUNK = 64


def import_torch(what: str) -> Any:
    """Import torch, or say which extra brings it.

    Parameters
    ----------
    what : str
        What needs it, for the error.

    Raises
    ------
    ImportError
        torch is not installed.

    Examples
    --------
    >>> from skqmu.network import import_torch
    >>> import_torch("my layer").nn.Linear(4, 2).out_features    # doctest: +SKIP
    2
    """
    try:
        import torch
    except ImportError as error:
        raise ImportError(
            f"{what} needs torch, which is not installed; install the extra: "
            "pip install 'skqmu[torch]'."
        ) from error
    return torch


class TorchLayer(Layer):
    """A `torch.nn.Module` as a layer of a network.

    Parameters and floating-point buffers of the module are part of the flat vector, in the
    order of ``named_parameters()`` and ``named_buffers()``; the module itself is copied and
    serves as a function of them (`torch.func.functional_call`).

    Parameters
    ----------
    name : str
    module : torch.nn.Module
        From rows of shape ``(B, *input_shape)`` to (B, n_outputs).
    n_inputs : int
        Features of a row, as the network passes them.
    input_shape : tuple of int or None, default=None
        Shape of one row for the module, such as (1, 28, 28); None: (n_inputs,).
    dtype : {"float32", "float64"}, default="float32"
        What the module computes in; the flat vector is float64 in any case.
    reset : {"trainable", "all"} or None, default=None
        What is drawn anew for each fit. None: nothing, the module's own values are the
        start; ``"trainable"``: what requires a gradient; ``"all"``: everything, and
        everything is trained.

    Attributes
    ----------
    n_outputs : int
        Found by passing one row of zeros.
    has_training_mode : bool
        False where what trains consists of torch's own layers that compute the same in training
        (no dropout, no batch norm, nothing that is not known): a step is then cheaper.
    given : str
        What became of the module's own values; empty where all are drawn anew.

    Raises
    ------
    ImportError
        torch is not installed (the message names the extra).
    ValueError
        The module does not accept such rows, does not return one vector a row, or trains
        complex numbers.
    TrainingDivergedError
        From a pass through the layer: the module returns NaN or infinity.

    Notes
    -----
    A module's values, its parameters' `requires_grad` and the modes of its parts are honoured.
    Parameters that require no gradient keep their values bit by bit, and no gradient passes
    below the last of those that do. A part all of whose parameters are frozen is at rest, and
    so is, unless `reset` says otherwise, a part in evaluation mode (``part.eval()``): it
    computes in training as in prediction (no dropout), and its buffers, such as running
    statistics, stay. Batch norm without parameters of its own moves its statistics unless it
    is in evaluation mode or within a frozen part.

    What `reset` names is drawn as the module's own layers draw it (`reset_parameters`), from a
    seed of the network's generator; a parameter that no layer can draw starts where the module
    given has it. torch's global generator is left as it was. torch computes on one thread
    here: results are then the same for every `n_jobs`, and small batches gain nothing from
    more. In batches of rows to forget, batch norm uses its running statistics and leaves them
    as they are (see `BatchNorm`).

    Examples
    --------
    >>> from skqmu.network import TorchLayer
    >>> import torch                                                     # doctest: +SKIP
    >>> TorchLayer("front.0", torch.nn.Linear(4, 2), n_inputs=4)         # doctest: +SKIP
    """

    def __init__(
        self,
        name: str,
        module: Any,
        n_inputs: int,
        *,
        input_shape: tuple[int, ...] | None = None,
        dtype: str = "float32",
        reset: Any = None,
    ):
        torch = import_torch(f"{type(module).__name__} as a layer")
        if not isinstance(module, torch.nn.Module):
            raise ValueError(
                f"module must be a torch.nn.Module; got {module!r} of type {type(module).__name__}."
            )
        self.name = name
        self.n_inputs = n_inputs
        self.input_shape = tuple(input_shape or (n_inputs,))
        self.reset = reset
        self._dtype = getattr(torch, dtype)
        self.batch_free = dtype == "float64"
        complex_ones = [n for n, p in module.named_parameters() if p.is_complex()]
        if complex_ones:
            raise ValueError(
                f"the module {type(module).__name__} has complex parameters "
                f"({', '.join(complex_ones)}); a layer's are real: keep their parts apart."
            )
        check_one_input(torch, module)
        given = copied(module).to("cpu")
        self._shapes, self._buffer_shapes = (
            {name: tuple(array.shape) for name, array in arrays if array.is_floating_point()}
            for arrays in (given.named_parameters(), given.named_buffers())
        )
        self.n_parameters = _size(self._shapes)
        self.n_buffers = _size(self._buffer_shapes)
        self._moving = moving(given, self._shapes, reset)
        self._at_rest = at_rest(given, reset)
        self._mask = self._moves()
        # Before the module changes its precision: what is frozen stays bit by bit.
        self._start = self._own(given)
        self._modules = {"predict": given.to(dtype=self._dtype).eval()}
        self.has_training_mode = not same_in_both_modes(torch, given, self._at_rest)
        self.n_outputs = self._probe()

    def _moves(self):
        """Mask of parameters and buffers that training may move."""
        moves = {name: name in self._moving for name in self._shapes}
        for name in self._buffer_shapes:
            moves[name] = name.rpartition(".")[0] not in self._at_rest
        sizes = [int(np.prod(shape)) for shape in self.array_shapes().values()]
        return np.repeat(np.fromiter(moves.values(), bool, len(moves)), sizes)

    def trainable(self) -> np.ndarray:
        return self._mask

    @property
    def given(self) -> str:  # type: ignore[override]
        """What became of the module's own values; empty where all are drawn anew."""
        told = [] if self._mask.all() else ["frozen"]
        if self.reset is None and self._mask.any():
            told.append("the start of every fit")
        return told[0] if len(told) == 1 else "in part " + ", in part ".join(told) if told else ""

    @property
    def _frozen(self):
        """Whether the layer has parameters, and none that moves: it is then at rest as a whole."""
        return bool(self._shapes) and not self._moving

    def _probe(self):
        import torch

        module = self._modules["predict"]
        own, self._elsewhere = self._own(module), False
        try:
            outputs = self._predicted(own, np.zeros((1, self.n_inputs)))
            # rows that no bias, no sign and no product with 0 hides
            rows = self._rows(np.random.default_rng(0).uniform(-1, 1, (4, self.n_inputs)))
            self._elsewhere = looks_elsewhere(torch, module, self._named(self._tensor(own)), rows)
        except (RuntimeError, TypeError) as error:
            raise ValueError(
                f"the module {type(module).__name__} does not accept rows of shape "
                f"{self.input_shape}: {error}"
            ) from error
        if outputs.ndim != 2:
            raise ValueError(
                f"the module {type(module).__name__} returns shape {outputs.shape[1:]} a row; a "
                "layer needs one vector a row (add torch.nn.Flatten)."
            )
        return outputs.shape[1]

    def array_shapes(self) -> dict[str, tuple[int, ...]]:
        return {**self._shapes, **self._buffer_shapes}

    def _module(self, mode):
        """The module in one mode; several copies, so that no call changes another's."""
        if mode not in self._modules:
            module = copy.deepcopy(self._modules["predict"]).train()
            for name, part in module.named_modules():
                if name in self._at_rest or (mode == "forget" and hasattr(part, "running_mean")):
                    part.training = False
            self._modules[mode] = module
        return self._modules[mode]

    def _call(self, mode, named, rows):
        import torch

        module = self._module(mode)
        if self._elsewhere:
            # The next one is a copy of this one: what it draws itself goes on.
            module = self._modules[mode] = copy.deepcopy(module)
        return call(torch, module, named, rows, elsewhere=self._elsewhere)

    def _own(self, module):
        """Flat vector of a module's parameters and buffers."""
        named = {**dict(module.named_parameters()), **dict(module.named_buffers())}
        parts = [named[n].detach().double().numpy().ravel() for n in self.array_shapes()]
        return np.concatenate([np.zeros(0), *parts])

    def initial(self, rng: np.random.Generator) -> np.ndarray:
        torch = import_torch("this network")
        module = copy.deepcopy(self._modules["predict"])
        with seeded(torch, rng):  # one draw in any case: the layers behind start alike
            for part in module.modules() if self.reset else ():
                if hasattr(part, "reset_parameters"):
                    part.reset_parameters()
        return self._started(module)[: self.n_parameters]

    def initial_buffers(self) -> np.ndarray:
        module = copy.deepcopy(self._modules["predict"])
        for part in module.modules():
            if hasattr(part, "reset_running_stats"):
                part.reset_running_stats()
        return self._started(module)[self.n_parameters :]

    def _started(self, drawn):
        """Where a fit starts: what `reset` names from `drawn`, the rest from the module given."""
        if self.reset is None:
            return self._start.copy()
        return np.where(self._mask, self._own(drawn), self._start)

    def _tensor(self, array):
        import torch

        # A copy: modules may work in place, and joblib's workers get read-only arrays.
        return torch.tensor(array, dtype=self._dtype)

    def _named(self, flat):
        """Views of a flat tensor (parameters, then buffers), by name."""
        return self._views(flat, self.array_shapes())

    @staticmethod
    def _views(flat, shapes):
        named, start = {}, 0
        for name, shape in shapes.items():
            stop = start + int(np.prod(shape))
            named[name] = flat[start:stop].view(shape)
            start = stop
        return named

    def _rows(self, inputs):
        import torch

        rows = self._tensor(inputs).reshape(-1, *self.input_shape)
        if rows.ndim != 4:
            return rows
        # Channels last: max pooling on a CPU is then several times as fast (measured: a
        # forward pass of "cnn-h" on 64 images takes 1.9 ms instead of 5.7). `contiguous`
        # would leave images of one channel as they are.
        return rows.to(memory_format=torch.channels_last)

    def outputs(self, params: np.ndarray, inputs: np.ndarray) -> np.ndarray:
        return self._checked(self._predicted(params, inputs))

    def _checked(self, outputs):
        broken = ~np.isfinite(outputs).all(axis=1)
        if broken.any():
            kind = type(self._modules["predict"]).__name__
            raise TrainingDivergedError(
                f"the module {kind} ({self.name}) returns NaN or infinity for {broken.sum()} of "
                f"{len(outputs)} rows; look at its logarithms and divisions and at the scale of X, "
                "or lower learning_rate_init if it came with training."
            )
        return outputs

    def _predicted(self, params, inputs):
        import torch

        if not len(inputs):
            return np.zeros((0, self.n_outputs))
        with one_thread(torch), torch.no_grad():
            named, parts = self._named(self._tensor(params)), []
            for start in range(0, len(inputs), _CHUNK):
                rows = self._rows(inputs[start : start + _CHUNK])
                outputs, _ = self._call("predict", named, rows)
                parts.append(outputs.double().numpy())
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def forward(self, params: np.ndarray, inputs: np.ndarray) -> tuple[np.ndarray, Any]:
        if self._frozen:
            # Nothing is kept for a gradient that is hardly ever asked for.
            return self.outputs(params, inputs), inputs
        return self._run(params, inputs, "predict")[:2]

    def forward_training(
        self,
        params: np.ndarray,
        inputs: np.ndarray,
        rng: np.random.Generator,
        *,
        to_forget: bool = False,
    ) -> tuple[np.ndarray, Any, np.ndarray | None]:
        import torch

        if self._frozen:
            return *self.forward(params, inputs), None
        mode = "forget" if to_forget or len(inputs) < 2 else "train"
        with seeded(torch, rng):  # of dropout
            outputs, tape, buffers = self._run(params, inputs, mode)
        return outputs, tape, buffers if self.n_buffers and mode == "train" else None

    @recording()
    def _run(self, params, inputs, mode, *, of_rows=False):
        import torch

        own, n = self._tensor(params), self.n_parameters
        # A copy: batch norm writes into what it is given.
        named = self._views(own[:n], self._shapes)
        named.update(self._views(own[n:].clone(), self._buffer_shapes))
        for name in self._moving:
            named[name].requires_grad_()
        # not asked of other packages' layers: some have no joint gradient of a batch's rows
        rows = self._rows(inputs).requires_grad_(of_rows or not self._elsewhere)
        with one_thread(torch):
            outputs, held = self._call(mode, named, rows)
        leaves = {name: held[name] for name in self._moving}
        after = [held[name].detach().double().numpy().ravel() for name in self._buffer_shapes]
        after = np.concatenate([np.zeros(0), *after])
        tape = (leaves, rows, outputs, mode)
        values = self._checked(outputs.detach().double().numpy())
        return values, tape, np.where(self._mask[n:], after, params[n:])

    @recording()
    def backward(
        self,
        params: np.ndarray,
        tape: Any,
        d_outputs: np.ndarray,
        *,
        per_sample: bool,
        need_inputs: bool,
    ) -> tuple[np.ndarray, np.ndarray | None]:
        import torch

        if self._frozen:
            leading = (len(d_outputs),) if per_sample else ()
            d_params = np.zeros((*leading, self.n_parameters))
            if not need_inputs:
                return d_params, None
            _, tape, _ = self._run(params, tape, "predict")
        leaves, rows, outputs, mode = tape
        if need_inputs and not rows.requires_grad:
            if mode != "predict":
                raise ValueError(
                    f"{type(self._modules['predict']).__name__} has no gradient of its inputs in "
                    "training; put it in front of the layers that train."
                )
            inputs = rows.double().numpy()
            _, (leaves, rows, outputs, _), _ = self._run(params, inputs, mode, of_rows=True)
        if per_sample and mode != "predict":
            raise ValueError("per-sample gradients of a torch module need prediction mode.")
        wanted = [] if per_sample else list(leaves.values())
        wanted += [rows] if need_inputs else []
        gradients: Any = [None] * len(wanted)
        if wanted and outputs.requires_grad:
            with one_thread(torch):
                # Of a scalar: gradients that are given for outputs make torch import its
                # symbolic shapes, and sympy with them (a second in each process).
                gain = (outputs * self._tensor(d_outputs)).sum()
                gradients = torch.autograd.grad(gain, wanted, retain_graph=True, allow_unused=True)
        arrays = [
            np.zeros(tuple(part.shape)) if gradient is None else gradient.detach().double().numpy()
            for part, gradient in zip(wanted, gradients, strict=True)
        ]
        d_inputs = arrays.pop().reshape(len(d_outputs), -1) if need_inputs else None
        if per_sample:
            return self._per_sample(params, leaves, rows.detach(), d_outputs), d_inputs
        return self._flat(dict(zip(leaves, arrays, strict=True)), ()), d_inputs

    def _flat(self, arrays, leading):
        """Gradients of what moves in their places, 0 for the rest; shape (*leading, n)."""
        parts = [np.zeros((*leading, 0))]
        parts += [array.reshape(*leading, -1) for array in arrays.values()]
        if len(arrays) == len(self._shapes):
            return np.concatenate(parts, axis=-1)
        flat = np.zeros((*leading, self.n_parameters))
        flat[..., self._mask[: self.n_parameters]] = np.concatenate(parts, axis=-1)
        return flat

    def _per_sample(self, params, leaves, rows, d_outputs):
        import torch

        if not leaves:
            return np.zeros((len(rows), self.n_parameters))
        # Buffers from outside: as a part of what is differentiated batch norm refuses them.
        fixed = self._named(self._tensor(params))
        moving = {name: fixed.pop(name) for name in leaves}

        def gain(parameters, row, weight):
            outputs, _ = self._call("predict", {**fixed, **parameters}, row[None])
            return (outputs[0] * weight).sum()

        gradient = torch.func.vmap(
            torch.func.grad(gain), in_dims=(None, 0, 0), chunk_size=_PER_SAMPLE_CHUNK
        )
        weights = self._tensor(d_outputs)
        with one_thread(torch):
            gradients = None
            if not self._elsewhere:
                with contextlib.suppress(RuntimeError, NotImplementedError, ValueError):
                    gradients = gradient(moving, rows, weights)
            if gradients is None:
                # branches on values, and layers of other packages, do not take rows at once
                named = {n: p.detach().clone().requires_grad_() for n, p in moving.items()}
                run = partial(self._call, "predict", {**fixed, **named})
                gradients = row_by_row(torch, run, rows, weights, list(moving))
        arrays = {name: part.detach().double().numpy() for name, part in gradients.items()}
        return self._flat(arrays, (len(rows),))


def _size(shapes):
    return int(sum(np.prod(shape) for shape in shapes.values()))
