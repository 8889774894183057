"""When settings are the same: one structure of any value, its digest, and its text.

Caches, journals and reports ask here. Two values that are made anew in another process (a
circuit with fresh parameters, a torch module with the same numbers, a noise model) are the same;
values that could act differently are not. What cannot be told is refused, so that a cache misses
instead of being wrong. A record holds all settings as JSON, and values are made again from it.
"""

from ._description import described, settings_line
from ._plain import Unidentifiable
from ._rebuild import NotRebuiltError, rebuilt
from ._recorded import recorded
from ._secrets import draws_secret_noise
from ._structure import digest, same_settings, structure

__all__ = [
    "NotRebuiltError",
    "Unidentifiable",
    "described",
    "digest",
    "draws_secret_noise",
    "rebuilt",
    "recorded",
    "same_settings",
    "settings_line",
    "structure",
]
