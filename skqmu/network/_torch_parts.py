"""Of torch modules: what trains, what is at rest; and torch's global settings, put back."""

import copy
import inspect
from contextlib import contextmanager

__all__ = [
    "at_rest",
    "check_one_input",
    "copied",
    "moving",
    "one_thread",
    "recording",
    "same_in_both_modes",
    "seeded",
]


def check_one_input(torch, module):
    """Raise unless a module can be a layer: of known shapes, from one tensor of rows.

    Raises
    ------
    ValueError
        Names what stands in the way, and the way out.
    """
    kind = type(module).__name__
    parts = [*module.named_parameters(), *module.named_buffers()]
    lazy = [name for name, part in parts if torch.nn.parameter.is_lazy(part)]
    if lazy:
        raise ValueError(
            f"the module {kind} does not know its shapes yet ({', '.join(lazy)}): call it once on "
            "a few rows, then pass it."
        )
    taken = inspect.signature(module.forward).parameters.values()
    needed = [
        each.name
        for each in taken
        if each.default is each.empty
        and each.kind in (each.POSITIONAL_ONLY, each.POSITIONAL_OR_KEYWORD)
    ]
    if len(needed) > 1:
        raise ValueError(
            f"forward of the module {kind} takes {len(needed)} inputs ({', '.join(needed)}); a "
            "layer gets one tensor, the rows of X. Put the inputs side by side in X, and wrap the "
            "module in one whose forward(rows) splits them and calls it."
        )


@contextmanager
def recording():
    """Gradients are recorded within, whatever was switched off around (`torch.no_grad`)."""
    import torch

    with torch.inference_mode(False), torch.enable_grad():
        yield


def copied(module):
    """A copy of a module.

    Raises
    ------
    ValueError
        It holds what cannot be copied.
    """
    try:
        return copy.deepcopy(module)
    except Exception as error:  # whatever a live device makes of it
        raise ValueError(
            f"the module {type(module).__name__} cannot be copied ({type(error).__name__}: "
            f"{error}), and a layer computes with copies. A node of PennyLane can on the device "
            "'default.qubit'."
        ) from error


def moving(module, shapes, reset):
    """Names of the parameters that training may move, in order."""
    parameters = dict(module.named_parameters())
    return [name for name in shapes if reset == "all" or parameters[name].requires_grad]


def at_rest(module, reset):
    """Names of the parts that compute in training as in prediction."""
    if reset == "all":
        return frozenset()
    names = set()
    for name, part in module.named_modules():
        own = list(part.parameters())
        if own and not any(parameter.requires_grad for parameter in own):
            prefix = f"{name}." if name else ""
            names.update(prefix + inner if inner else name for inner, _ in part.named_modules())
        elif reset is None and not part.training:
            names.add(name)
    return frozenset(names)


def same_in_both_modes(torch, module, at_rest):
    nn = torch.nn
    known = {
        *(nn.Sequential, nn.Identity, nn.Flatten, nn.Unflatten, nn.Linear, nn.Bilinear),
        *(nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.LayerNorm, nn.GroupNorm),
        *(nn.MaxPool1d, nn.MaxPool2d, nn.AvgPool1d, nn.AvgPool2d, nn.AdaptiveAvgPool2d),
        *(nn.ReLU, nn.LeakyReLU, nn.ELU, nn.GELU, nn.SiLU, nn.Tanh, nn.Sigmoid, nn.Softplus),
    }
    return all(name in at_rest or type(part) in known for name, part in module.named_modules())


@contextmanager
def seeded(torch, rng):
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
def one_thread(torch):
    before = torch.get_num_threads()
    if before == 1:
        yield
        return
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
