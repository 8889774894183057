"""What a backend is built from: the compiler, the ops of its programs, and angles.

The backends import these names from here and no private module of this room. They are
documented where they are defined; they may change between releases.
"""

from ._build import parameter_list, parameter_lists
from ._compile import check_width, compile_program, input_periods
from ._elements import NO_STATE, Fixed, Prepare, Rotation, check_unit
from ._expressions import AngleMap, affine_form, contiguous, parse_expression
from ._gates import lower_circuit
from ._monomial import compressed_shapes
from ._program import BlockOp, JoinOp, KronFactor, PhaseFactor

__all__ = [
    "NO_STATE",
    "AngleMap",
    "BlockOp",
    "Fixed",
    "JoinOp",
    "KronFactor",
    "PhaseFactor",
    "Prepare",
    "Rotation",
    "affine_form",
    "check_unit",
    "check_width",
    "compile_program",
    "compressed_shapes",
    "contiguous",
    "input_periods",
    "lower_circuit",
    "parameter_list",
    "parameter_lists",
    "parse_expression",
]
