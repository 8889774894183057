"""What torch's tensors and modules are: architecture, settings, numbers, and which are shared."""

from ._code import is_released
from ._plain import Unidentifiable
from ._structure import array_structure

__all__ = ["tensor_structure", "torch_structure"]

_HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")


def tensor_structure(walk, tensor):
    """Of a tensor: class, type, shape and numbers."""
    import torch

    if tensor.layout is not torch.strided or tensor.is_quantized or tensor.is_meta:
        raise Unidentifiable(f"a {tensor.layout} tensor on {tensor.device} cannot be told.")
    if tensor._backward_hooks:
        raise Unidentifiable("the tensor has hooks, which are code that nobody can tell.")
    plain = tensor.detach().cpu().resolve_conj().resolve_neg().contiguous().reshape(-1)
    content = plain.view(torch.uint8) if plain.numel() else torch.zeros(0, dtype=torch.uint8)
    return [
        *("tensor", walk.of(type(tensor)), str(tensor.dtype), list(map(str, tensor.shape))),
        *(str(tensor.requires_grad), array_structure(content.numpy()), walk.of(vars(tensor))),
    ]


def torch_structure(walk, module):
    """Of a module: the class, settings and numbers of every part; hooks are refused."""
    seen = {}
    parts = module.named_modules(remove_duplicate=False)
    return ["module", *([name, *_part(walk, name, part, seen)] for name, part in parts)]


def _part(walk, name, part, seen):
    import torch

    if isinstance(part, torch.jit.ScriptModule):
        raise Unidentifiable(f"the torch module is compiled at {name or 'itself'!r}.")
    if any(getattr(part, hooks, None) for hooks in _HOOKS):
        raise Unidentifiable(f"the torch module has hooks on {name or 'itself'!r}.")
    if id(part) in seen:  # shared parts are trained together
        return ["again", seen[id(part)]]
    seen[id(part)] = str(len(seen))
    released = is_released(type(part))
    return [
        # what a released class keeps in private it says here
        *(walk.of(type(part)), part.extra_repr() if released else "", str(part.training)),
        *(_held(walk, part, seen), walk.of(_own(part, released))),
    ]


def _held(walk, part, seen):
    held = []
    for each in (part._parameters, part._buffers):
        for name, value in each.items():
            known = seen.get(id(value))
            held.append([name, walk.of(value) if known is None else ["again", known]])
            if value is not None:
                seen.setdefault(id(value), str(len(seen)))
    return held


def _own(part, released):
    """Attributes that are neither parts nor numbers; private ones of the user's classes too."""
    import torch

    of_torch = vars(torch.nn.Module()).keys()
    own = {k: v for k, v in vars(part).items() if k not in of_torch}
    if released:
        return {k: v for k, v in own.items() if not k.startswith("_")}
    if isinstance(part, torch.nn.RNNBase):  # its private lists hold its own parameters again
        kept = vars(torch.nn.RNN(1, 1)).keys()
        return {k: v for k, v in own.items() if not (k.startswith("_") and k in kept)}
    return own
