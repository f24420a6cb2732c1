"""Rules and masks that an operator changed by a command: stored beside the configuration, and merged over all
of it.

The text is a part of a configuration: it contains only ``cameras``, and for each camera only ``id``,
``rules``, ``zones``, ``lines``, ``masks`` and ``privacy_masks``. A rule, zone or line in it replaces the
one with its id as a whole; a list of masks replaces the whole list. See docs/design/config-push.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from edge_agent.config.fields import tree
from edge_agent.config.merge import id_of, without_nulls
from edge_agent.config.texts.messages import message
from edge_agent.config.written import Written, mappings, plain, plain_entry
from edge_agent.core.errors import ConfigError, ConfigProblem

PLACES = ("zones", "lines")
MASKS = ("masks", "privacy_masks")
MAX_BYTES = 64_000
"""Limit of this text. A reply to the command ``rules`` has to hold all rules of the gateway."""


class CameraChanges(msgspec.Struct):
    """The changed rules of one camera, the zones and lines that they use, and its changed masks."""

    id: str
    rules: list[Written] = msgspec.field(default_factory=list)
    zones: Written = msgspec.field(default_factory=dict)
    lines: Written = msgspec.field(default_factory=dict)
    masks: list[Any] | None = None  # None: as configured
    privacy_masks: list[Any] | None = None

    @property
    def has_masks(self) -> bool:
        return self.masks is not None or self.privacy_masks is not None

    def drop_unused_places(self) -> None:
        """Forget the zones and lines that none of the changed rules names."""
        zones, lines = ({each.get(key) for each in self.rules} for key in ("zone", "line"))
        self.zones = {id_: zone for id_, zone in self.zones.items() if id_ in zones}
        self.lines = {id_: line for id_, line in self.lines.items() if id_ in lines}


class RuleChanges(msgspec.Struct):
    """All changed rules and masks of a gateway."""

    cameras: list[CameraChanges] = msgspec.field(default_factory=list)

    def text(self) -> bytes:
        """Return the changes as JSON, which is also YAML."""
        return msgspec.json.format(msgspec.json.encode(self), indent=1)

    def set(self, camera: str, rule: Written, places: Mapping[str, Written]) -> None:
        """Add a rule or replace the one with its id. ``places``: its zones and lines, by ``PLACES``."""
        self.reset(camera, str(rule["id"]))
        changes = self._of(camera)
        changes.rules.append(rule)
        changes.zones |= places.get("zones", {})
        changes.lines |= places.get("lines", {})
        changes.drop_unused_places()

    def reset(self, camera: str, rule: str) -> bool:
        """Forget the change of a rule, and the zones and lines that no changed rule uses any more.
        Return False if the rule was not changed."""
        changes = self._of(camera)
        left = [each for each in changes.rules if each.get("id") != rule]
        found = len(left) < len(changes.rules)
        changes.rules = left
        changes.drop_unused_places()
        self._drop_unchanged()
        return found

    def set_masks(self, camera: str, masks: list[Any], privacy_masks: list[Any]) -> None:
        """Replace all masks of a camera."""
        changes = self._of(camera)
        changes.masks, changes.privacy_masks = masks, privacy_masks

    def reset_masks(self, camera: str) -> bool:
        """Forget the change of a camera's masks. Return False if they were not changed."""
        changes = self._of(camera)
        found = changes.has_masks
        changes.masks = changes.privacy_masks = None
        self._drop_unchanged()
        return found

    @property
    def cameras_with_masks(self) -> tuple[str, ...]:
        """Ids of the cameras whose masks are changed."""
        return tuple(each.id for each in self.cameras if each.has_masks)

    def has(self, camera: str, rule: str) -> bool:
        """Return whether a command has changed or added the rule."""
        rules = (each.rules for each in self.cameras if each.id == camera)
        return any(each.get("id") == rule for listed in rules for each in listed)

    def switched_off(self) -> Iterator[tuple[str, str]]:
        """Yield the camera and id of each rule that a command has disabled."""
        for camera in self.cameras:
            for rule in camera.rules:
                if rule.get("enabled") is False:
                    yield camera.id, str(rule["id"])

    def _drop_unchanged(self) -> None:
        self.cameras = [each for each in self.cameras if each.rules or each.has_masks]

    def _of(self, camera: str) -> CameraChanges:
        for each in self.cameras:
            if each.id == camera:
                return each
        self.cameras.append(CameraChanges(camera))
        return self.cameras[-1]


def changes_of(layer: tree.Mapping) -> RuleChanges:
    """Return the changes that a parsed text contains."""
    return RuleChanges(
        [
            CameraChanges(
                id_,
                [plain(rule) for _, rule in mappings(camera, "rules")],
                plain_entry(camera, "zones") or {},
                plain_entry(camera, "lines") or {},
                *(plain_entry(camera, key) for key in MASKS),
            )
            for id_, camera in mappings(layer, "cameras")
        ]
    )


def masks_alone(layer: tree.Mapping) -> tree.Mapping:
    """Return the changed masks of a parsed text, without the changed rules: masks fit every configuration."""
    changed = [each for each in changes_of(layer).cameras if each.has_masks]
    cameras = [CameraChanges(each.id, masks=each.masks, privacy_masks=each.privacy_masks) for each in changed]
    return parse_rule_changes(RuleChanges(cameras).text(), "masks")


def parse_rule_changes(text: bytes, name: str) -> tree.Mapping:
    """Parse the text of a file ``name``. Raises ConfigError."""
    try:
        node, problems = tree.parse(text, name)
    except tree.NotYaml as error:
        raise ConfigError(f"{name} is not YAML", (error.problem,)) from error
    if problems:
        raise ConfigError(f"{name} cannot be used", tuple(problems))
    if not isinstance(node, tree.Mapping) or set(node.entries) - {"cameras"}:
        start = ConfigProblem(name, 1, 1, message("no-rule-changes"))
        raise ConfigError(f"{name} cannot be used", (start,))
    return without_nulls(node)


def with_rule_changes(whole: tree.Mapping, changes: tree.Mapping) -> tree.Mapping:
    """Return the configuration with the changes merged over it. Changes of a camera that is not configured
    are left out."""
    by_id = dict(mappings(changes, "cameras"))
    entry = whole.entries.get("cameras")
    if entry is None or not isinstance(entry.value, tree.Sequence):
        return whole
    items = tuple(_camera(item, by_id) for item in entry.value.items)
    cameras = tree.MappingEntry(entry.key, tree.Sequence(entry.value.place, items))
    return tree.Mapping(whole.place, {**whole.entries, "cameras": cameras})


def _camera(item: tree.Node, by_id: Mapping[str, tree.Mapping]) -> tree.Node:
    change = by_id.get(id_of(item) or "")
    if change is None or not isinstance(item, tree.Mapping):
        return item
    entries = dict(item.entries)
    entries |= {key: change.entries[key] for key in MASKS if key in change.entries}
    for key in PLACES:
        below, above = entries.get(key), change.entries.get(key)
        if above is None or not isinstance(above.value, tree.Mapping):
            continue
        named: dict[str, tree.MappingEntry] = {}
        if below is not None and isinstance(below.value, tree.Mapping):
            named = below.value.entries
        places = tree.Mapping(above.value.place, {**named, **above.value.entries})
        entries[key] = tree.MappingEntry(above.key, places)
    if (above := change.entries.get("rules")) is not None:
        rules = tuple(_rules(entries.get("rules"), dict(mappings(change, "rules"))))
        entries["rules"] = tree.MappingEntry(above.key, tree.Sequence(above.value.place, rules))
    return tree.Mapping(item.place, entries)


def _rules(below: tree.MappingEntry | None, changed: dict[str, tree.Mapping]) -> Iterator[tree.Node]:
    """Yield the configured rules in order, each replaced by its change if it has one; then the new rules."""
    items: tuple[Any, ...] = ()
    if below is not None and isinstance(below.value, tree.Sequence):
        items = below.value.items
    for item in items:
        yield changed.pop(id_of(item) or "", item)
    yield from changed.values()
