"""``edge-agent check FILE``: everything that is wrong in one go, or one line that says what is valid."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from edge_agent.config.loader import load
from edge_agent.config.pushed import FOLDER, PushStore
from edge_agent.config.settings import Settings
from edge_agent.errors import ConfigError

EXIT_OK = 0
EXIT_CONFIG = 78  # EX_CONFIG of sysexits.h; the unit's RestartPreventExitStatus


def run_check(path: Path, conf_dir: Path | None, no_secrets: bool, stdout: TextIO, stderr: TextIO) -> int:
    """Checks and returns the exit status.

    Problems and warnings go to ``stderr``, one a line, as ``file:line:column: what is wrong``; a valid
    configuration is exactly one line on ``stdout``, also with warnings. Never prints a secret.
    """
    try:
        settings = load(path, conf_dir=conf_dir, no_secrets=no_secrets)
    except ConfigError as error:
        for problem in error.problems:
            print(problem, file=stderr)
        return EXIT_CONFIG
    for warning in (*settings.warnings, *pushed_over(settings)):
        print(warning, file=stderr)
    print(f"{path}: {summary(settings)}", file=stdout)
    return EXIT_OK


def pushed_over(settings: Settings) -> Iterator[str]:
    """On a box: that another one is in force there."""
    if not os.access(settings.state_dir / FOLDER, os.R_OK | os.X_OK):
        return
    confirmed = PushStore(settings.state_dir).confirmed
    if confirmed is not None and confirmed.version > settings.version:
        yield (
            f"warning: version {confirmed.version}, which the centre pushed, is in force on this box, "
            f"not this file, which has version {settings.version}"
        )


def summary(settings: Settings) -> str:
    """``valid: gateway dt-001, ward de-tham, 4 cameras, profile generic-x86_64, config 66e67e4ff639``."""
    count = len(settings.cameras)
    return (
        f"valid: gateway {settings.gateway.id}, ward {settings.gateway.ward}, "
        f"{count} camera{'' if count == 1 else 's'}, profile {settings.profile.name}, "
        f"config {settings.config_hash[:12]}"
    )
