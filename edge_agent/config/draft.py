"""Reads a drafted rule, and checks it as if it stood in the configuration of its camera."""

from __future__ import annotations

from dataclasses import dataclass

from edge_agent.config.fields import tree
from edge_agent.config.fields.files import ConfigFiles
from edge_agent.config.fields.schema_types import INVALID, ReadContext
from edge_agent.config.merge import id_of, merged, without_nulls
from edge_agent.config.model.camera import CAMERA, Camera
from edge_agent.config.model.settings import AnyRule
from edge_agent.config.pushed import ConfigSource
from edge_agent.config.texts.messages import message
from edge_agent.core.clock import SystemClock
from edge_agent.core.errors import ConfigError, ConfigProblem
from edge_agent.core.languages import Bilingual

_PLACES = ("zones", "lines")


@dataclass(frozen=True, slots=True)
class RuleDraft:
    """A valid drafted rule, with the warnings about it."""

    rule: AnyRule
    warnings: tuple[ConfigProblem, ...]


def read_draft(source: ConfigSource, camera_id: str, data: bytes, name: str) -> RuleDraft:
    """Read the YAML ``data``, which came from a file ``name``.

    ``data`` is one rule as in ``rules`` of a camera, or a part of a camera's section: ``rules`` with one
    rule, and ``zones`` and ``lines`` that are added to those of the camera, or replace them. The rule
    replaces a rule with the same id; it does not inherit its keys. ``source`` must be loaded and have the
    camera. Raises ConfigError with every mistake.
    """
    reading = ReadContext(ConfigFiles(source.path.parent, None, required=False), SystemClock())
    try:
        node, problems = tree.parse(data, name)
    except tree.NotYaml as error:
        raise _error(name, [error.problem]) from None
    reading.problems.extend(problems)
    part = _part(node, name, reading)
    if part is None:
        raise _error(name, reading.problems)
    camera = CAMERA.read(_camera_with(part, source.tree(), camera_id), reading)
    if reading.problems or camera is INVALID:
        raise _error(name, reading.problems)
    assert isinstance(camera, Camera)
    warnings = tuple(each for each in reading.warnings if each.file == name)
    return RuleDraft(camera.rules[0], warnings)


def _part(node: tree.Node | None, name: str, reading: ReadContext) -> tree.Mapping | None:
    """Return the draft as part of a camera's section, with one rule; None: ``reading`` has the mistake."""
    start = tree.SourcePosition(name, 1, 1)
    if not isinstance(node, tree.Mapping):
        reading.refuse(start, message("draft-form"))
        return None
    node = without_nulls(node)
    if "rules" not in node.entries:
        rules = tree.Sequence(node.place, (node,))
        return tree.Mapping(node.place, {"rules": tree.MappingEntry(node.place, rules)})
    rules_node = node.entries["rules"].value
    if not isinstance(rules_node, tree.Sequence) or len(rules_node.items) != 1:
        reading.refuse(rules_node.place, message("draft-form"))
        return None
    for key, entry in node.entries.items():
        if key not in (*_PLACES, "rules"):
            reading.refuse(entry.key, message("draft-form"))
    return node


def _camera_with(part: tree.Mapping, whole: tree.Mapping, camera_id: str) -> tree.Mapping:
    """Return the camera with the draft as its only rule, and with only those other keys that a rule needs."""
    cameras = whole.entries["cameras"].value
    assert isinstance(cameras, tree.Sequence)
    configured = next(each for each in cameras.items if id_of(each) == camera_id)
    assert isinstance(configured, tree.Mapping)
    needed = {
        key: entry for key, entry in configured.entries.items() if key in ("id", "url", "masks", *_PLACES)
    }
    for key in _PLACES:
        below, above = needed.get(key), part.entries.get(key)
        if below is not None and above is not None:
            needed[key] = tree.MappingEntry(below.key, _without(below.value, above.value))
    return merged(tree.Mapping(configured.place, needed), part)


def _without(below: tree.Node, above: tree.Node) -> tree.Node:
    """Return the configured zones or lines that the draft does not replace: it replaces whole ones, by id."""
    if not isinstance(below, tree.Mapping) or not isinstance(above, tree.Mapping):
        return below
    return tree.Mapping(
        below.place, {id_: each for id_, each in below.entries.items() if id_ not in above.entries}
    )


def _error(name: str, problems: list[ConfigProblem]) -> ConfigError:
    found = tuple(sorted(set(problems)))
    count = "1 problem" if len(found) == 1 else f"{len(found)} problems"
    heading = Bilingual(
        f"{name}: {count} in the drafted rule; nothing was rehearsed",
        f"{name}: bản nháp của quy tắc có {len(found)} lỗi; chưa chạy thử",
    )
    return ConfigError(heading, found)
