"""``edge-agent check FILE``: everything that is wrong in one go, or one line that says what is valid."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from edge_agent.config.loader import load
from edge_agent.config.model.settings import Settings
from edge_agent.config.pushed import FOLDER, PushStore
from edge_agent.config.texts.messages import message
from edge_agent.core.errors import ConfigError
from edge_agent.core.languages import Lang, in_lang

EXIT_OK = 0
EXIT_CONFIG = 78  # EX_CONFIG of sysexits.h; the unit's RestartPreventExitStatus


def run_check(
    path: Path,
    conf_dir: Path | None,
    no_secrets: bool,
    stdout: TextIO,
    stderr: TextIO,
    lang: Lang = "en",
) -> int:
    """Checks and returns the exit status.

    Problems and warnings go to ``stderr``, one a line, as ``file:line:column: what is wrong``; a valid
    configuration is exactly one line on ``stdout``, also with warnings. Never prints a secret.
    """
    try:
        settings = load(path, conf_dir=conf_dir, no_secrets=no_secrets)
    except ConfigError as error:
        for problem in error.problems:
            print(problem.text(lang), file=stderr)
        return EXIT_CONFIG
    for warning in settings.warnings:
        print(in_lang(warning, lang), file=stderr)
    for text in pushed_over(settings):
        print(in_lang(text, lang), file=stderr)
    print(f"{path}: {in_lang(summary(settings), lang)}", file=stdout)
    return EXIT_OK


def pushed_over(settings: Settings) -> Iterator[str]:
    """On a box: that another one is in force there."""
    if not os.access(settings.state_dir / FOLDER, os.R_OK | os.X_OK):
        return
    confirmed = PushStore(settings.state_dir).confirmed
    if confirmed is not None and confirmed.version > settings.version:
        text = message("pushed-over", pushed=confirmed.version, own=settings.version)
        yield message("warning", text=text)


def summary(settings: Settings) -> str:
    """``valid: gateway dt-001, ward de-tham, 4 cameras, profile generic-x86_64, config 66e67e4ff639``."""
    count = len(settings.cameras)
    return message(
        "valid",
        gateway=settings.gateway.id,
        ward=settings.gateway.ward_shown,
        cameras=message("camera-one" if count == 1 else "cameras", count=count),
        profile=settings.profile.name,
        hash=settings.config_hash[:12],
    )
