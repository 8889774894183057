"""Of torch modules: what trains, what is at rest; and torch's global settings, put back."""

from contextlib import contextmanager

__all__ = ["at_rest", "moving", "one_thread", "same_in_both_modes", "seeded"]


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
