"""Compares two configurations, and says what has to restart for each difference."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass

from edge_agent.config.fields.schema_types import ReloadScope
from edge_agent.config.model.settings import Settings
from edge_agent.config.schema import ROOT

_NO_SETTING = ("cameras", "config_hash", "warnings")
_AT_ONCE = frozenset(each.key for each in ROOT.fields if each.reload is ReloadScope.NOTHING)


@dataclass(frozen=True, slots=True)
class ConfigChanges:
    """Differences of two configurations, in the order of the new one; ``removed`` in that of the old one."""

    added: tuple[str, ...] = ()  # ids of cameras
    removed: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()  # any setting of the camera, its password too
    at_once: tuple[str, ...] = ()  # keys at the top that a running agent applies
    restart: tuple[str, ...] = ()  # keys that need a restart, such as mqtt.spread_s or state_dir

    def __bool__(self) -> bool:
        return self != ConfigChanges()


def compare(old: Settings, new: Settings) -> ConfigChanges:
    """Compare the settings, not the files: another spelling of the same value is no change."""
    before = {camera.id: camera for camera in old.cameras}
    after = {camera.id: camera for camera in new.cameras}
    keys = tuple(_differing(old, new))
    return ConfigChanges(
        added=tuple(id_ for id_ in after if id_ not in before),
        removed=tuple(id_ for id_ in before if id_ not in after),
        changed=tuple(id_ for id_ in after if id_ in before and after[id_] != before[id_]),
        at_once=tuple(key for key in keys if key in _AT_ONCE),
        restart=tuple(key for key in keys if key not in _AT_ONCE),
    )


def _differing(old: Settings, new: Settings) -> Iterator[str]:
    """Yield the keys that differ: ``mqtt.spread_s`` for a key of a section, ``state_dir`` at the top."""
    for each in dataclasses.fields(Settings):
        ours, theirs = getattr(old, each.name), getattr(new, each.name)
        if each.name in _NO_SETTING or ours == theirs:
            continue
        if each.name in _AT_ONCE or not dataclasses.is_dataclass(ours):
            yield each.name
            continue
        for inner in dataclasses.fields(ours):
            if getattr(ours, inner.name) != getattr(theirs, inner.name):
                yield f"{each.name}.{inner.name}"
