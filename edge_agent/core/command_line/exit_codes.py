"""Exit codes that mean the same for every command; a command's own codes stand beside its arguments."""

from __future__ import annotations

from collections.abc import Mapping

EX_OK = 0
EX_FAILED = 1
EX_USAGE = 2
EX_NOT_RUNNING = 3  # as the LSB defines it for `status`
EX_INCOMPLETE = 3
EX_NO_RELEASE = 4
EX_UNAVAILABLE = 69  # as in sysexits.h
EX_TEMPFAIL = 75  # as in sysexits.h; systemd starts the agent again
EX_INTERRUPTED = 130  # as a shell reports SIGINT
EX_CONFIG = 78  # as in sysexits.h; RestartPreventExitStatus of the units

GENERAL: Mapping[int, str] = {
    EX_OK: "done",
    EX_FAILED: "failed; the reason is on stderr",
    EX_USAGE: "wrong usage; nothing was done",
    EX_INTERRUPTED: "stopped with Ctrl-C",
}
"""Exit codes of every command; a command may give 0 and 1 a narrower meaning."""
