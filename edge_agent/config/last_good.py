"""A copy of the last configuration that was good: a box starts with it when the file has mistakes.

A power cut after a bad edit, or in the middle of one, must not leave a site blind until somebody comes.
The copy is the merged tree as one YAML file in ``state_dir``; files that it names (passwords, certificates)
stay where they are. Nobody starts with the copy of another file, nor where there is no file any more.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import yaml

from edge_agent.config import loader
from edge_agent.config.fields import tree
from edge_agent.config.model.settings import Settings
from edge_agent.config.schema import STATE_DIR
from edge_agent.core.errors import ConfigError
from edge_agent.core.state_file import read_bounded

log = logging.getLogger(__name__)

NAME = "last-good.yaml"
_STATE_DIR_KEY = re.compile(rb"""(?:^|[{,])\s*["']?state_dir["']?\s*:\s*["']?([^"',}\s#]+)""", re.MULTILINE)

_WORD = re.compile(r"[\w.+-]+")


@dataclass(frozen=True, slots=True)
class LastGood:
    """A copy, read again."""

    settings: Settings
    since: datetime  # when it was read from the file first


def save(path: Path, settings: Settings) -> None:
    """``settings`` were just read from ``path``: keep a copy. One that is there already is not written again.
    A disk that takes none is no reason not to go on."""
    copy = settings.state_dir / NAME
    try:
        text = _header(path) + as_yaml(loader.merged_tree(path))
        if _text_of(copy) == text:
            return
        copy.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
        fresh = copy.with_name(NAME + ".new")
        _write(fresh, text)
        # The file may have been changed since, and a copy that reads otherwise is none.
        if loader.load(fresh, base=path.parent).config_hash == settings.config_hash:
            os.replace(fresh, copy)
        else:
            fresh.unlink()
            log.warning("configuration: %s has changed again, no copy of it is kept", path)
    except (OSError, ConfigError, yaml.YAMLError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        log.warning("configuration: no copy of it can be kept in %s: %s", copy.parent, reason)


def find(path: Path, *, no_secrets: bool = False) -> LastGood | None:
    """The copy of ``path``, which cannot be used itself; None when there is none that can."""
    if not path.exists():
        return None
    for folder in state_dirs(path):
        copy = folder / NAME
        text = _text_of(copy)
        if text is None or not text.startswith(_header(path)):
            continue
        try:
            settings = loader.load(copy, base=path.parent, no_secrets=no_secrets)
            return LastGood(settings, datetime.fromtimestamp(copy.stat().st_mtime, UTC))
        except (ConfigError, OSError) as error:
            log.warning("configuration: the copy %s cannot be used either: %s", copy, error)
    return None


def read_or_find(path: Path) -> Settings:
    """For who asks a running agent: the file's settings without secrets, else those of the copy. Raises the
    file's ConfigError when there is none."""
    try:
        return loader.load(path, no_secrets=True)
    except ConfigError:
        found = find(path, no_secrets=True)
        if found is None:
            raise
        return found.settings


def state_dirs(path: Path) -> list[Path]:
    """Where the state directory of a configuration may be that nobody can read: where a line in it says so,
    systemd's, or the default."""
    found = [path.parent / os.fsdecode(name) for name in _written(path)]
    systemd = os.environ.get("STATE_DIRECTORY", "").split(":")[0]
    return list(dict.fromkeys([*reversed(found), *([Path(systemd)] if systemd else []), STATE_DIR]))


def _written(path: Path) -> Iterator[bytes]:
    for file in [path, *sorted((path.parent / loader.DEFAULT_CONF_DIR).glob("*.yaml"))]:
        try:
            with file.open("rb") as opened:
                yield from _STATE_DIR_KEY.findall(opened.read(tree.MAX_BYTES))
        except OSError:
            continue


def _header(path: Path) -> str:
    return f"# The last configuration of {path.absolute()} that was good; written by edge-agent.\n"


def _text_of(copy: Path) -> str | None:
    try:
        return read_bounded(copy).decode("utf-8")
    except (OSError, UnicodeDecodeError):
        return None


def _write(path: Path, text: str) -> None:
    """For the agent's user alone: a URL may carry a password."""
    path.unlink(missing_ok=True)
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def as_yaml(node: tree.Node) -> str:
    """Text that ``tree.parse`` makes the same tree of, but for the places."""
    document = [
        yaml.StreamStartEvent(),
        yaml.DocumentStartEvent(explicit=False),
        *_events(node),
        yaml.DocumentEndEvent(explicit=False),
        yaml.StreamEndEvent(),
    ]
    return str(yaml.emit(document, Dumper=yaml.CSafeDumper, allow_unicode=True))


def _events(node: tree.Node) -> Iterator[yaml.Event]:
    """What was written without quotes stays without: ``5`` is a number, ``"5"`` is text."""
    match node:
        case tree.Scalar(_, text, plain):
            yield yaml.ScalarEvent(None, None, (plain, not plain), text, style=None if plain else '"')
        case tree.Sequence(_, items):
            # A point on one line, not on three; other text would need quotes there.
            short = all(isinstance(item, tree.Scalar) and _WORD.fullmatch(item.text) for item in items)
            yield yaml.SequenceStartEvent(None, None, implicit=True, flow_style=short)
            for item in items:
                yield from _events(item)
            yield yaml.SequenceEndEvent()
        case tree.Mapping(_, entries):
            yield yaml.MappingStartEvent(None, None, implicit=True, flow_style=False)
            for key, entry in entries.items():
                yield yaml.ScalarEvent(None, None, (True, True), key)
                yield from _events(entry.value)
            yield yaml.MappingEndEvent()
