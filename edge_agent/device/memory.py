"""Keeps the C library from giving every thread a heap of its own."""

from __future__ import annotations

import ctypes

M_ARENA_MAX = -8
"""``mallopt(3)``: glibc's malloc.h."""
ARENAS = 1
"""The agent has two threads a camera, each of which would keep what it once freed: with four cameras and a
model 10 MB more. They rarely allocate at the same time: beside an agent with two arenas one with a single
arena took 1.003 of its CPU, quiet and busy (medians), and 1 MB less."""


def limit_malloc_arenas(count: int = ARENAS) -> bool:
    """Before the first thread starts; False where the C library knows no arenas (musl)."""
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return False
    return bool(mallopt(ctypes.c_int(M_ARENA_MAX), ctypes.c_int(count)))
