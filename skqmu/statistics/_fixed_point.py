"""Sums of outer products in fixed point: exact, so that what was added can be taken away.

An amplitude, times the root of its row's weight, is a whole number of units of 2^-42. Products
of two are whole numbers of 2^-84, and sums of these are kept in 128 bits: adding and
subtracting are exact in any order, and nothing is left of a row that was taken out. The sums
over many rows are matrix products all the same (Ozaki et al. 2012, error-free splitting): each
number is split in two short parts whose products, summed over a block of rows, stay below
2^53, where double precision is exact, whatever the order of summation.
"""

import numpy as np

__all__ = [
    "BLOCK_ROWS",
    "BLOCK_WEIGHT",
    "UNIT",
    "add_wide",
    "combined_wide",
    "negated_wide",
    "outer_sums",
    "to_floats",
    "whole_numbers",
    "zeros_wide",
]

# Binary digits of an amplitude behind the point; of the lower of its two parts.
_DIGITS, _LOW = 42, 21
UNIT = 2.0**-_DIGITS
# A block of rows stays below 2^53: its largest sum is 2^42 times its weight, those of mixed
# parts 2^42.5 times the root of (rows x weight).
BLOCK_ROWS = BLOCK_WEIGHT = 1024
_MASK = np.uint64(0xFFFFFFFFFFFFFFFF)


def whole_numbers(part: np.ndarray, root_weights: np.ndarray) -> np.ndarray:
    """Real or imaginary parts of amplitudes as whole numbers of `UNIT`.

    Parameters
    ----------
    part : ndarray of shape (size, B)
    root_weights : ndarray of shape (B,)

    Returns
    -------
    ndarray of shape (size, B)
        Whole numbers in double precision. One multiplication, one scaling by a power of two and
        one rounding each: the same for a row alone as among others.
    """
    return np.rint(part * root_weights * 2.0**_DIGITS)


def outer_sums(real: np.ndarray, imag: np.ndarray | None) -> tuple[np.ndarray, ...]:
    """``sum_b v_b v_b^+`` of a block, as three integer matrices: high, middle and low parts.

    Parameters
    ----------
    real, imag : ndarray of shape (size, B)
        From `whole_numbers`; an `imag` of None is 0.

    Returns
    -------
    tuple of ndarray of int64 of shape (size, size)
        The sum is ``high 2^42 + middle 2^21 + low``. A Hermitian matrix is packed into a real
        one: real parts on and below the diagonal, imaginary ones above it.
    """
    high, low = _split(real if imag is None else np.concatenate([real, imag], axis=1))
    cross = high @ low.T
    parts = [high @ high.T, cross + cross.T, low @ low.T]
    if imag is not None:
        above = _antisymmetric(_split(imag), _split(real))
        upper = np.triu_indices(len(real), 1)
        for part, own in zip(parts, above, strict=True):
            part[upper] = own[upper]
    else:
        parts = [np.tril(part) for part in parts]
    return tuple(part.astype(np.int64) for part in parts)


def _split(numbers):
    """Two parts of at most some 21 binary digits each: ``high 2^21 + low``."""
    high = np.rint(numbers * 2.0**-_LOW)
    return high, numbers - high * 2.0**_LOW


def _antisymmetric(imag, real):
    """High, middle and low parts of the imaginary part, ``imag real' - real imag'``."""
    high = imag[0] @ real[0].T
    middle = imag[0] @ real[1].T + imag[1] @ real[0].T
    low = imag[1] @ real[1].T
    return [part - part.T for part in (high, middle, low)]


# ------------------------------------------------------- whole numbers of 128 binary digits


def zeros_wide(shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """``(high, low)`` of zeros: high 64 digits with the sign, low 64 digits without one."""
    return np.zeros(shape, np.int64), np.zeros(shape, np.uint64)


def add_wide(a: tuple, b: tuple) -> tuple[np.ndarray, np.ndarray]:
    """``a + b`` of whole numbers as ``(high, low)``."""
    low = a[1] + b[1]
    return a[0] + b[0] + (low < a[1]), low


def negated_wide(a: tuple) -> tuple[np.ndarray, np.ndarray]:
    """``-a``."""
    low = ~a[1] + np.uint64(1)
    return ~a[0] + (low == 0), low


def shifted_wide(numbers: np.ndarray, digits: int) -> tuple[np.ndarray, np.ndarray]:
    """``numbers * 2**digits`` of int64, for 0 <= digits < 64."""
    high = numbers >> (64 - digits) if digits else numbers >> 63
    return high, (numbers.view(np.uint64) << np.uint64(digits)) & _MASK


def combined_wide(high: np.ndarray, middle: np.ndarray, low: np.ndarray):
    """``high 2^42 + middle 2^21 + low``, parts of `outer_sums`, as ``(high, low)``."""
    total = add_wide(shifted_wide(high, 2 * _LOW), shifted_wide(middle, _LOW))
    return add_wide(total, shifted_wide(low, 0))


def to_floats(wide: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """Packed sums in double precision, in units of 1.

    Nearly correctly rounded: a negative number is turned round first, for it is the difference
    of two large ones.
    """
    negative = wide[0] < 0
    other = negated_wide(wide)
    high = np.where(negative, other[0], wide[0]).astype(float)
    low = np.where(negative, other[1], wide[1]).astype(float)
    return np.where(negative, -1.0, 1.0) * (high * 2.0**64 + low) * UNIT**2
