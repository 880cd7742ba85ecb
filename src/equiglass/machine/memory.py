"""Keeps freed memory in the process: the arrays of one training step serve the next."""

from __future__ import annotations

import ctypes

# Parameters of glibc's mallopt (malloc.h).
M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4


def keep_freed_memory() -> None:
    """Tell glibc to reuse large arrays instead of returning them to the system, where every step would fault them in.

    On other C libraries nothing happens. It changes speed alone.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError, TypeError):
        return
    mallopt(M_MMAP_MAX, 0)
    # -1: never.
    mallopt(M_TRIM_THRESHOLD, -1)
