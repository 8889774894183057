"""A seed as the words that NumPy's generators begin with."""

import numpy as np

__all__ = ["seed_words"]


def seed_words(seed):
    """What a seed's children have in common: entropy and spawn key as words of 32 bits."""
    words = _in_words(seed.entropy)
    # NumPy fills up what is shorter than its pool, so that keys are no entropy.
    words += [0] * (seed.pool_size - len(words))
    return words + _in_words(seed.spawn_key)


def _in_words(number):
    """An integer's words, lowest first, or those of several in a row."""
    if not isinstance(number, int | np.integer):
        return [word for each in number for word in _in_words(each)]
    number, words = int(number), []
    while number or not words:
        words.append(number & 0xFFFFFFFF)
        number >>= 32
    return words
