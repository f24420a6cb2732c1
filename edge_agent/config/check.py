"""``edge-agent check FILE``: prints all mistakes at once, or one line for a valid configuration."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TextIO

from edge_agent.config.fields.tree import Mapping, SourcePosition
from edge_agent.config.loader import load
from edge_agent.config.model.settings import Settings
from edge_agent.config.pushed import FOLDER, RULES_FOLDER, ConfirmedConfig, PushStore
from edge_agent.config.rule_changes import changes_of, parse_rule_changes
from edge_agent.config.texts.messages import message
from edge_agent.core.command_line.exit_codes import EX_CONFIG, EX_OK
from edge_agent.core.errors import ConfigError, ConfigProblem
from edge_agent.core.languages import Bilingual, Lang, in_lang, ward_text
from edge_agent.core.printable import printable_json


def run_check(
    path: Path,
    conf_dir: Path | None,
    no_secrets: bool,
    stdout: TextIO,
    stderr: TextIO,
    lang: Lang = "en",
    as_json: bool = False,
) -> int:
    """Check ``path`` and return the exit code.

    Problems and warnings go to ``stderr``, one a line, as ``file:line:column: what is wrong``; a valid
    configuration is exactly one line on ``stdout``, also with warnings. ``as_json``: all of it goes to
    ``stdout`` as one document. Never prints a secret.
    """
    try:
        settings = load(path, conf_dir=conf_dir, no_secrets=no_secrets)
    except ConfigError as error:
        if as_json:
            _print_json(stdout, path, lang, problems=error.problems)
        else:
            for problem in error.problems:
                print(problem.text(lang), file=stderr)
        return EX_CONFIG

    def load_with(changes: Mapping) -> Settings:
        return load(path, conf_dir=conf_dir, no_secrets=no_secrets, rule_changes=changes)

    warnings = [in_lang(text, lang) for text in (*settings.warnings, *pushed_over(settings, load_with))]
    if as_json:
        _print_json(stdout, path, lang, warnings=warnings, settings=settings)
        return EX_OK
    for warning in warnings:
        print(warning, file=stderr)
    print(f"{path}: {in_lang(summary(settings), lang)}", file=stdout)
    return EX_OK


def _print_json(
    stdout: TextIO,
    path: Path,
    lang: Lang,
    *,
    problems: Iterable[ConfigProblem] = (),
    warnings: Iterable[str] = (),
    settings: Settings | None = None,
) -> None:
    facts: dict[str, object] = {
        **json_facts(path, problems, warnings, lang),
        "gateway": settings and settings.gateway.id,
        "ward": settings and settings.gateway.ward,
        "cameras": settings and [camera.id for camera in settings.cameras],
        "profile": settings and settings.profile.name,
        "config_hash": settings and settings.config_hash,
    }
    print(printable_json(facts, indent=2), file=stdout)


def json_facts(
    path: Path, problems: Iterable[ConfigProblem], warnings: Iterable[str], lang: Lang = "en"
) -> dict[str, object]:
    """Return what ``check --json`` prints for a configuration of a gateway or of the centre."""
    found = [
        {"file": each.file, "line": each.line, "column": each.column, "text": in_lang(each.message, lang)}
        for each in problems
    ]
    return {"file": str(path), "valid": not found, "problems": found, "warnings": list(warnings)}


def pushed_over(settings: Settings, load_with: Callable[[Mapping], Settings]) -> Iterator[str]:
    """Yield a note for a pushed configuration, and for changed rules in force here or unfit for the file.
    ``load_with`` loads the file with the given rule changes merged over it."""
    confirmed = _confirmed(settings, FOLDER)
    if confirmed is not None and confirmed.version > settings.version:
        text = message("pushed-over", pushed=confirmed.version, own=settings.version)
        yield message("warning", text=text)
    changes = _rule_changes(settings)
    changed = changes_of(changes).cameras
    over = [f"{camera.id}: masks, privacy_masks" for camera in changed if camera.has_masks]
    rules = [f"{camera.id}/{rule['id']}" for camera in changed for rule in camera.rules]
    try:
        load_with(changes)
        over = [*rules, *over]
    except ConfigError as error:
        why = error.problems[0].message if error.problems else str(error)
        yield message("warning", text=message("rules-unfit", rules=", ".join(rules), why=why))
    if over:
        yield message("warning", text=message("rules-over", rules=", ".join(over)))


def _confirmed(settings: Settings, folder: str) -> ConfirmedConfig | None:
    if not os.access(settings.state_dir / folder, os.R_OK | os.X_OK):
        return None
    return PushStore(settings.state_dir, folder).confirmed


def _rule_changes(settings: Settings) -> Mapping:
    """Return the rules that commands have changed; empty if there are none or their file is damaged."""
    confirmed = _confirmed(settings, RULES_FOLDER)
    if confirmed is not None:
        with contextlib.suppress(ConfigError):
            return parse_rule_changes(
                PushStore(settings.state_dir, RULES_FOLDER).text(confirmed), RULES_FOLDER
            )
    return Mapping(SourcePosition(RULES_FOLDER, 1, 1), {})


def summary(settings: Settings) -> str:
    """Summarise a valid configuration: ``valid: gateway dt-001, ward de-tham, 4 cameras, profile
    generic-x86_64, config 66e67e4ff639``."""
    count, ward = len(settings.cameras), settings.gateway.ward_shown
    return message(
        "valid",
        gateway=settings.gateway.id,
        ward=Bilingual(ward_text(ward, "en"), ward_text(ward, "vi")),
        cameras=message("camera-one" if count == 1 else "cameras", count=count),
        profile=settings.profile.name,
        hash=settings.config_hash[:12],
    )
