"""A torch module as a layer: its parameters and buffers live in the flat vector."""

import copy
from contextlib import contextmanager

import numpy as np

from ..exceptions import TrainingDivergedError
from ._layers import Layer

__all__ = ["TorchLayer", "import_torch"]

# Rows whose gradients are held apart at once.
_PER_SAMPLE_CHUNK = 64
# Rows that a prediction passes through the module at once: what lies between its layers then
# stays in the cache ("cnn-h" on 1600 images: 37 ms instead of 127 at once).
_CHUNK = 64


def import_torch(what):
    """Import torch, or say which extra brings it.

    Raises
    ------
    ImportError
        torch is not installed.
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
        From rows of shape (B, *input_shape) to (B, n_outputs).
    n_inputs : int
        Features of a row, as the network passes them.
    input_shape : tuple of int or None, default=None
        Shape of one row for the module, such as (1, 28, 28); None: (n_inputs,).
    dtype : {"float32", "float64"}, default="float32"
        What the module computes in; the flat vector is float64 in any case.

    Attributes
    ----------
    n_outputs : int
        Found by passing one row of zeros.
    has_training_mode : bool
        False where the module consists of torch's own layers that compute the same in training
        (no dropout, no batch norm, nothing that is not known): a step is then cheaper.

    Raises
    ------
    ImportError
        torch is not installed (the message names the extra).
    ValueError
        The module does not accept such rows, or does not return one vector a row.
    TrainingDivergedError
        From a pass through the layer: the module returns NaN or infinity.

    Notes
    -----
    Initial parameters are drawn as the module's own layers draw them (`reset_parameters`),
    from a seed of the network's generator; a parameter that no layer can draw starts where
    the module given has it. torch's global generator is left as it was. torch computes on
    one thread here: results are then the same for every `n_jobs`, and small batches gain
    nothing from more. In batches of rows to forget, batch norm uses its running statistics
    and leaves them as they are (see `BatchNorm`).

    Examples
    --------
    >>> from skqmu.network import TorchLayer
    >>> import torch                                                     # doctest: +SKIP
    >>> TorchLayer("front.0", torch.nn.Linear(4, 2), n_inputs=4)         # doctest: +SKIP
    """

    def __init__(self, name, module, n_inputs, *, input_shape=None, dtype="float32"):
        torch = import_torch(f"{type(module).__name__} as a layer")
        if not isinstance(module, torch.nn.Module):
            raise ValueError(
                f"module must be a torch.nn.Module; got {module!r} of type {type(module).__name__}."
            )
        self.name = name
        self.n_inputs = n_inputs
        self.input_shape = tuple(input_shape or (n_inputs,))
        self._dtype = getattr(torch, dtype)
        self._modules = {"predict": copy.deepcopy(module).to(dtype=self._dtype).eval()}
        base = self._modules["predict"]
        self.has_training_mode = not _same_in_both_modes(torch, base)
        self._shapes = {n: tuple(p.shape) for n, p in base.named_parameters()}
        self._buffer_shapes = {
            n: tuple(b.shape) for n, b in base.named_buffers() if b.is_floating_point()
        }
        self.n_parameters = _size(self._shapes)
        self.n_buffers = _size(self._buffer_shapes)
        self.n_outputs = self._probe()

    def _probe(self):
        rows = np.zeros((1, self.n_inputs))
        try:
            outputs = self._predicted(self._own(self._modules["predict"]), rows)
        except RuntimeError as error:
            raise ValueError(
                f"the module {type(self._modules['predict']).__name__} does not accept rows of "
                f"shape {self.input_shape}: {error}"
            ) from error
        if outputs.ndim != 2:
            raise ValueError(
                f"the module {type(self._modules['predict']).__name__} returns shape "
                f"{outputs.shape[1:]} a row; a layer needs one vector a row (add torch.nn.Flatten)."
            )
        return outputs.shape[1]

    def array_shapes(self):
        return {**self._shapes, **self._buffer_shapes}

    def _module(self, mode):
        """The module in one mode; several copies, so that no call changes another's."""
        if mode not in self._modules:
            module = copy.deepcopy(self._modules["predict"]).train()
            if mode == "forget":
                for part in module.modules():
                    if hasattr(part, "running_mean"):
                        part.eval()
            self._modules[mode] = module
        return self._modules[mode]

    def _own(self, module):
        """Flat vector of a module's parameters and buffers."""
        named = {**dict(module.named_parameters()), **dict(module.named_buffers())}
        parts = [named[n].detach().double().numpy().ravel() for n in self.array_shapes()]
        return np.concatenate([np.zeros(0), *parts])

    def initial(self, rng):
        torch = import_torch("this network")
        module = copy.deepcopy(self._modules["predict"])
        with _seeded(torch, rng):
            for part in module.modules():
                if hasattr(part, "reset_parameters"):
                    part.reset_parameters()
        return self._own(module)[: self.n_parameters]

    def initial_buffers(self):
        module = copy.deepcopy(self._modules["predict"])
        for part in module.modules():
            if hasattr(part, "reset_running_stats"):
                part.reset_running_stats()
        return self._own(module)[self.n_parameters :]

    def _tensor(self, array):
        import torch

        # A copy: modules may work in place, and joblib's workers get read-only arrays.
        return torch.tensor(array, dtype=self._dtype)

    def _named(self, flat):
        """Views of a flat tensor (parameters, then buffers), by name."""
        return self._views(flat, self.array_shapes())

    def _named_parameters(self, flat):
        return self._views(flat, self._shapes)

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

    def outputs(self, params, inputs):
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
        with _one_thread(torch), torch.no_grad():
            named, parts = self._named(self._tensor(params)), []
            for start in range(0, len(inputs), _CHUNK):
                rows = self._rows(inputs[start : start + _CHUNK])
                outputs = torch.func.functional_call(self._modules["predict"], named, (rows,))
                parts.append(outputs.double().numpy())
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def forward(self, params, inputs):
        return self._run(params, inputs, "predict")[:2]

    def forward_training(self, params, inputs, rng, *, to_forget=False):
        import torch

        mode = "forget" if to_forget or len(inputs) < 2 else "train"
        with _seeded(torch, rng):  # of dropout
            outputs, tape, buffers = self._run(params, inputs, mode)
        return outputs, tape, buffers if self.n_buffers and mode == "train" else None

    def _run(self, params, inputs, mode):
        import torch

        parameters = self._tensor(params[: self.n_parameters]).requires_grad_()
        # A copy: batch norm writes into what it is given.
        buffers = self._tensor(params[self.n_parameters :]).clone()
        rows = self._rows(inputs).requires_grad_()
        with _one_thread(torch):
            named = self._named_parameters(parameters)
            named.update(self._views(buffers, self._buffer_shapes))
            outputs = torch.func.functional_call(self._module(mode), named, (rows,))
        after = [named[name].double().numpy().ravel() for name in self._buffer_shapes]
        tape = (parameters, rows, outputs, mode)
        values = self._checked(outputs.detach().double().numpy())
        return values, tape, np.concatenate([np.zeros(0), *after])

    def backward(self, params, tape, d_outputs, *, per_sample, need_inputs):
        import torch

        parameters, rows, outputs, mode = tape
        if per_sample and mode != "predict":
            raise ValueError("per-sample gradients of a torch module need prediction mode.")
        if per_sample:
            d_params = self._per_sample(params, rows.detach(), d_outputs)
            wanted = [rows] if need_inputs else []
        else:
            d_params = None
            wanted = [parameters, *([rows] if need_inputs else [])]
        gradients = []
        if wanted:
            with _one_thread(torch):
                # Of a scalar: gradients that are given for outputs make torch import its
                # symbolic shapes, and sympy with them (a second in each process).
                gain = (outputs * self._tensor(d_outputs)).sum()
                gradients = torch.autograd.grad(gain, wanted, retain_graph=True, allow_unused=True)
        arrays = [
            np.zeros(tuple(part.shape)) if gradient is None else gradient.double().numpy()
            for part, gradient in zip(wanted, gradients, strict=True)
        ]
        d_inputs = arrays.pop().reshape(len(d_outputs), -1) if need_inputs else None
        return arrays[0] if d_params is None else d_params, d_inputs

    def _per_sample(self, params, rows, d_outputs):
        import torch

        flat = self._tensor(params)
        module = self._modules["predict"]

        def gain(parameters, row, weight):
            # Buffers from outside: as a part of what is differentiated batch norm refuses them.
            named = {**self._named(flat), **self._named_parameters(parameters)}
            outputs = torch.func.functional_call(module, named, (row[None],))
            return (outputs[0] * weight).sum()

        gradient = torch.func.vmap(
            torch.func.grad(gain), in_dims=(None, 0, 0), chunk_size=_PER_SAMPLE_CHUNK
        )
        with _one_thread(torch):
            gradients = gradient(flat[: self.n_parameters], rows, self._tensor(d_outputs))
            return gradients.double().numpy()


def _same_in_both_modes(torch, module):
    nn = torch.nn
    known = {
        *(nn.Sequential, nn.Identity, nn.Flatten, nn.Unflatten, nn.Linear, nn.Bilinear),
        *(nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.LayerNorm, nn.GroupNorm),
        *(nn.MaxPool1d, nn.MaxPool2d, nn.AvgPool1d, nn.AvgPool2d, nn.AdaptiveAvgPool2d),
        *(nn.ReLU, nn.LeakyReLU, nn.ELU, nn.GELU, nn.SiLU, nn.Tanh, nn.Sigmoid, nn.Softplus),
    }
    return all(type(part) in known for part in module.modules())


def _size(shapes):
    return int(sum(np.prod(shape) for shape in shapes.values()))


@contextmanager
def _seeded(torch, rng):
    """Set the CPU generator of torch to a seed of `rng`, and put it back afterwards.

    `torch.manual_seed` also queues a call for each accelerator, with a stack trace: 0.9 ms a
    training step under the profiler.
    """
    generator = torch.default_generator
    before = generator.get_state()
    generator.manual_seed(int(rng.integers(2**31)))
    try:
        yield
    finally:
        generator.set_state(before)


@contextmanager
def _one_thread(torch):
    before = torch.get_num_threads()
    if before == 1:
        yield
        return
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
