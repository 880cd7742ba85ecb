"""Reuse of freed memory: the arrays of a training step take the memory of the step before."""

from __future__ import annotations

import ctypes

# Parameters of glibc's mallopt (malloc.h).
M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4


def keep_freed_memory() -> None:
    """Make glibc reuse the memory of large arrays instead of returning it to the system.

    Otherwise every step pays for new page faults. Only the speed changes. Other C libraries are left as they are.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError, TypeError):
        return
    mallopt(M_MMAP_MAX, 0)
    # -1 means never.
    mallopt(M_TRIM_THRESHOLD, -1)
