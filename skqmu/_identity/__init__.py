"""When settings are the same: one structure of any value, its digest, and its text.

Caches, journals and reports ask here. Two values that are made anew in another process (a
circuit with fresh parameters, a torch module with the same numbers, a noise model) are the same;
values that could act differently are not. What cannot be told is refused, so that a cache misses
instead of being wrong.
"""

from ._description import described, settings_line
from ._plain import Unidentifiable
from ._structure import digest, same_settings, structure

__all__ = ["Unidentifiable", "described", "digest", "same_settings", "settings_line", "structure"]
