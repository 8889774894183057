"""Draws from the operating system: there is no seed, so nobody can find or repeat it."""

import os

import numpy as np
from scipy.special import ndtri

__all__ = ["coins", "gaussians"]

# Of a sum of so many draws nobody can tell the last bits of one (Holohan & Braghin 2021).
_SUMMED = 4
_BITS = 53


def _uniforms(n):
    """Uniform numbers within (0, 1), shape (n,)."""
    words = np.frombuffer(os.urandom(8 * n), dtype=np.uint64)
    # The middle of each cell: neither 0 nor 1, where the normal quantile is infinite.
    return ((words >> np.uint64(64 - _BITS)) + 0.5) * 2.0**-_BITS


def coins(n, probability):
    """Positions of those among n that a coin of this probability chose, independently."""
    return np.flatnonzero(_uniforms(n) < probability)


def gaussians(n):
    """Standard normal numbers, shape (n,)."""
    draws = ndtri(np.minimum(_uniforms(_SUMMED * n), np.nextafter(1.0, 0.0)))
    return draws.reshape(_SUMMED, n).sum(axis=0) / np.sqrt(_SUMMED)
