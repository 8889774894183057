"""A torch module as a function of its parameters, also where it looks for them elsewhere."""

import copy

__all__ = ["call", "looks_elsewhere", "row_by_row"]


def call(torch, module, named, rows, *, elsewhere=False):
    """What a module makes of rows, with these parameters and buffers.

    Parameters
    ----------
    torch : module
    module : torch.nn.Module
    named : dict of str to tensor
        Parameters and buffers by name.
    rows : tensor of shape (B, ...)
    elsewhere : bool, default=False
        Whether the module looks for its parameters elsewhere than among its attributes
        (:func:`looks_elsewhere`): the module itself is given the values then, so that it must
        be one of this call's own.

    Returns
    -------
    outputs : tensor
    held : dict of str to tensor
        What was computed with, by name: gradients are those of these tensors.
    """
    if elsewhere:
        named = _written(torch, module, named)
        outputs = module(rows)
    else:
        outputs = torch.func.functional_call(module, named, (rows,))
    if not isinstance(outputs, torch.Tensor):
        raise ValueError(
            f"the module {type(module).__name__} returns a {type(outputs).__name__}; a layer needs "
            "one tensor, a vector a row. Wrap it in a module whose forward returns that part."
        )
    return outputs, named


def _written(torch, module, named):
    """Give a module's own tensors these values; returns its tensors by name."""
    held = {**dict(module.named_parameters()), **dict(module.named_buffers())}
    for name, values in named.items():
        with torch.no_grad():
            held[name].requires_grad_(False).copy_(values)
        held[name].requires_grad_(values.requires_grad)
    return {name: held[name] for name in named}


def looks_elsewhere(torch, module, named, rows):
    """Whether a module computes with other tensors than `functional_call` puts in their place.

    A layer that keeps its parameters in a dict as well, and reads them there (PennyLane's
    `TorchLayer` does), would go on with its old ones, untrained and silently. Modules that are
    made of torch's own parts do not.
    """
    if all(type(part).__module__.split(".")[0] == "torch" for part in module.modules()):
        return False
    with torch.no_grad():
        moved = {name: part + 0.1 + 0.1 * part.abs() for name, part in named.items()}
        put, written = (
            call(torch, own, {n: p.clone() for n, p in moved.items()}, rows, elsewhere=way)[0]
            for own, way in ((module, False), (copy.deepcopy(module), True))
        )
    return not torch.equal(put, written)


def row_by_row(torch, run, rows, weights, names):
    """Gradients of each row for itself, shape (B, ...), by name.

    Parameters
    ----------
    torch : module
    run : callable
        Outputs and what they were computed with, of one row: see :func:`call`.
    rows, weights : tensors of shape (B, ...)
    names : sequence of str
    """
    found = []
    for row, weight in zip(rows, weights, strict=True):
        outputs, held = run(row[None])
        leaves = [held[name] for name in names]
        gradients = torch.autograd.grad((outputs[0] * weight).sum(), leaves, allow_unused=True)
        found.append([
            torch.zeros_like(leaf) if gradient is None else gradient
            for leaf, gradient in zip(leaves, gradients, strict=True)
        ])  # fmt: skip
    columns = zip(*found, strict=True)
    return {name: torch.stack(column) for name, column in zip(names, columns, strict=True)}
