"""Stores a copy of the last valid configuration: a gateway starts with it when the file has mistakes.

A power cut after a wrong edit, or in the middle of one, must not stop a site until a technician comes. The
copy is the merged tree as one YAML file in ``state_dir``; files that it names (passwords, certificates) stay
where they are. A copy is used only for the file from which it was made, and only while that file exists.
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
from edge_agent.config.model.settings import STATE_DIR, Settings
from edge_agent.core.errors import ConfigError
from edge_agent.core.state_file import read_bounded, replace_file

log = logging.getLogger(__name__)

NAME = "last-good.yaml"
_STATE_DIR_KEY = re.compile(rb"""(?:^|[{,])\s*["']?state_dir["']?\s*:\s*["']?([^"',}\s#]+)""", re.MULTILINE)

_WORD = re.compile(r"[\w.+-]+")


@dataclass(frozen=True, slots=True)
class LastGood:
    """The settings of a copy, and its age."""

    settings: Settings
    since: datetime  # when these settings were first read from the file


def save(path: Path, settings: Settings, whole: tree.Mapping | None = None) -> None:
    """Store a copy of ``settings``, just read from ``path``, if it is not there yet; only log disk errors.
    ``whole``: the tree of the settings if commands changed rules; None: the tree of the file."""
    copy = settings.state_dir / NAME
    try:
        text = _header(path) + as_yaml(loader.merged_tree(path) if whole is None else whole)
        if _text_of(copy) == text:
            return
        copy.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
        fresh = copy.with_name(NAME + ".new")
        replace_file(fresh, text.encode(), 0o600)  # a URL may contain a password
        # The file may have changed since ``settings`` were read: never store a copy of other settings.
        if loader.load(fresh, base=path.parent).config_hash == settings.config_hash:
            os.replace(fresh, copy)
        else:
            fresh.unlink()
            log.warning("configuration: %s has changed again, no copy of it is kept", path)
    except (OSError, ConfigError, yaml.YAMLError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        log.warning("configuration: no copy of it can be kept in %s: %s", copy.parent, reason)


def find(path: Path, *, no_secrets: bool = False) -> LastGood | None:
    """Return the copy of the unusable file ``path``; None if it does not exist or no copy can be used."""
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
    """Return the settings of the file or, if it cannot be used, of its copy, both without secrets.

    For a query to a running agent. Raises the file's ConfigError when there is no copy.
    """
    try:
        return loader.load(path, no_secrets=True)
    except ConfigError:
        found = find(path, no_secrets=True)
        if found is None:
            raise
        return found.settings


def state_dirs(path: Path) -> list[Path]:
    """Return possible state directories of a configuration that cannot be read: those that its lines name,
    systemd's, and the default."""
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


def as_yaml(node: tree.Node) -> str:
    """Return text that ``tree.parse`` reads to the same tree, apart from positions."""
    document = [
        yaml.StreamStartEvent(),
        yaml.DocumentStartEvent(explicit=False),
        *_events(node),
        yaml.DocumentEndEvent(explicit=False),
        yaml.StreamEndEvent(),
    ]
    return str(yaml.emit(document, Dumper=yaml.CSafeDumper, allow_unicode=True))


def _events(node: tree.Node) -> Iterator[yaml.Event]:
    """Yield the events of the tree. Quotes stay as they are: ``5`` is a number, ``"5"`` is text."""
    match node:
        case tree.Scalar(_, text, plain):
            yield yaml.ScalarEvent(None, None, (plain, not plain), text, style=None if plain else '"')
        case tree.Sequence(_, items):
            # A point is written on one line, not on three; in this form other texts would need quotes.
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
