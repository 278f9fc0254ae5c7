"""How writers and their parts are named."""

from __future__ import annotations

import os

__all__ = ["new_writer", "stem_of"]


def stem_of(writer: str, part: int) -> str:
    """Name a part: its journal and its segments share it.

    Parameters
    ----------
    writer
        Whose it is.
    part
        Its number, from 1.

    Returns
    -------
    str
        The name without an ending.

    Examples
    --------
    >>> stem_of("ann", 7)
    'ann.000007'
    """
    return f"{writer}.{part:06d}"


def new_writer(seconds: float) -> str:
    """Name a writer so that no other has the name, and names sort by time (UUID version 7).

    Parameters
    ----------
    seconds
        The time since 1970.

    Returns
    -------
    str
        32 hexadecimal digits.

    Examples
    --------
    >>> first, second = new_writer(1.0), new_writer(2.0)
    >>> len(first), first[12], first < second
    (32, '7', True)
    """
    noise = int.from_bytes(os.urandom(10))
    milliseconds = max(0, int(seconds * 1000)) & (2**48 - 1)
    number = milliseconds << 80 | 0x7 << 76 | (noise >> 68 & 0xFFF) << 64 | 0b10 << 62 | noise & (2**62 - 1)
    return f"{number:032x}"
