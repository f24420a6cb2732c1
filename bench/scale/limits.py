"""Raises the limit of open files: thousands of sessions are thousands of files."""

from __future__ import annotations

import resource


def raise_open_files(wanted: int) -> None:
    """Raise the limit for this process and its children. Raises ValueError if the machine does not allow
    it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and wanted > hard:
        raise ValueError(f"{wanted} open files are needed, and this machine allows {hard} (ulimit -Hn)")
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
