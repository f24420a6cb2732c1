"""Writes a proposed change as the whole drafted rule, ready for ``edge-agent rehearse``."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge_agent.config.loader import merged_tree
from edge_agent.config.model.rule_kinds import KINDS
from edge_agent.config.model.zones import MAX_EXCLUDED
from edge_agent.config.written import Written, plain, with_id
from edge_agent.core.errors import UsageError
from edge_agent.core.geometry import Point, fault_of
from edge_agent.core.model import GROUP_OF_LABEL, LABELS
from edge_central.proposals.mask import MaskedRectangle
from edge_central.proposals.reasoning import ChangeKind, Cut, ProposedChange

_DURATIONS = {"zone-intrusion": "min_duration_s", "loitering": "min_duration_s", "stopped-vehicle": "still_s"}


@dataclass(frozen=True, slots=True)
class RuleInForce:
    """A rule with its zone or line, as the configuration of its gateway has it."""

    rule: Written
    place_key: str  # zones or lines
    place: Written

    @classmethod
    def read(cls, path: Path, camera_id: str, rule_id: str) -> RuleInForce:
        """Read the rule from a configuration file. Raises UsageError if the file has no such rule,
        ConfigError if the file cannot be read."""
        whole = merged_tree(path)
        camera = with_id(whole, "cameras", camera_id)
        rule = None if camera is None else with_id(camera, "rules", rule_id)
        if camera is None or rule is None:
            raise UsageError(f"{path}: no rule {rule_id} of camera {camera_id}")
        written = plain(rule)
        found = cls.of(written, plain(camera))
        if found is None:
            key = "line" if "line" in written else "zone"
            raise UsageError(f"{path}: rule {rule_id} names no {key} of its camera")
        return found

    @classmethod
    def of(cls, rule: Written, camera: Mapping[str, Any]) -> RuleInForce | None:
        """Return the rule with its zone or line. None: ``camera`` does not have the zone or line that the
        rule names.

        ``camera``: the camera's section of the configuration, with its ``zones`` and ``lines``.
        """
        key = "lines" if "line" in rule else "zones"
        places, name = camera.get(key), rule.get(key.removesuffix("s"))
        place = places.get(name) if isinstance(places, dict) and isinstance(name, str) else None
        return cls(rule, key, place) if isinstance(place, dict) else None


def drafted(present: RuleInForce, change: ProposedChange) -> Written | None:
    """Return the part of the camera's section that has the changed rule. None: the change is not possible for
    this rule."""
    rule = dict(present.rule)
    match change.kind:
        case ChangeKind.LABELS:
            labels = _labels(rule)
            rule["labels"] = [
                label for label in labels if change.label not in (label, GROUP_OF_LABEL.get(label))
            ]
            return {"rules": [rule]} if 0 < len(rule["labels"]) < len(labels) else None
        case ChangeKind.SCHEDULE:
            return _with_schedule(rule, change.hours)
        case ChangeKind.DURATION:
            key = _DURATIONS.get(str(rule.get("kind")))
            return None if key is None else {"rules": [rule | {key: change.seconds}]}
        case ChangeKind.SCORE:
            return _with_score(rule, change.score)
        case ChangeKind.AREA:
            return _with_smaller_place(present, change.cut)
        case ChangeKind.MASK:
            return _with_mask(present, change.mask)


def _labels(rule: Written) -> list[str]:
    """Return the labels of a rule. Empty if they are not texts, which a rule sent by a gateway may have."""
    written = rule.get("labels") or _default_labels(str(rule.get("kind")))
    listed = written if isinstance(written, list) else [written]
    return listed if all(isinstance(each, str) for each in listed) else []


def _default_labels(kind: str) -> list[str]:
    section = KINDS.get(kind)
    fields = () if section is None else section.fields
    return list(next((each.default for each in fields if each.key == "labels"), LABELS))


def _with_schedule(rule: Written, hours: tuple[int, int] | None) -> Written | None:
    """Return the rule with a schedule. None if the rule already has hours, because two periods a day would
    need two rules."""
    schedule = rule.get("schedule") or {}
    if hours is None or not isinstance(schedule, dict) or "from" in schedule:
        return None
    period = {"from": f"{hours[0]:02d}:00", "to": f"{hours[1]:02d}:00"}
    return {"rules": [rule | {"schedule": {**schedule, **period}}]}


def _with_score(rule: Written, score: float | None) -> Written | None:
    """Return the rule with this minimum score. None if its present minimum is not lower."""
    before = rule.get("min_score", 0)
    if score is None or not isinstance(before, int | float) or before >= score:
        return None
    return {"rules": [rule | {"min_score": score}]}


def _with_smaller_place(present: RuleInForce, cut: Cut | None) -> Written | None:
    if cut is None:
        return None
    return _with_place(
        present, (_cut_line if present.place_key == "lines" else _cut_zone)(present.place, cut)
    )


def _with_mask(present: RuleInForce, mask: MaskedRectangle | None) -> Written | None:
    """Return the rule without this part of its zone. None for a rule with a line, because a line without its
    middle would be two lines."""
    before = present.place.get("exclude") or []
    if mask is None or present.place_key == "lines":
        return None
    if not isinstance(before, list) or len(before) >= MAX_EXCLUDED:
        return None
    if all(mask.covers((float(x), float(y))) for x, y in present.place["polygon"]):
        return None  # nothing of the zone is left
    return _with_place(present, {**present.place, "exclude": [*before, mask.corners]})


def _with_place(present: RuleInForce, place: Written | None) -> Written | None:
    """Return the rule with a new zone or line, because other rules may use the present one."""
    key, kind = present.place_key, present.place_key.removesuffix("s")
    name = f"{str(present.rule['id'])[:59]}-cut"
    return None if place is None else {key: {name: place}, "rules": [present.rule | {kind: name}]}


def _cut_zone(zone: Written, cut: Cut) -> Written | None:
    """Clip the polygon (Sutherland and Hodgman 1974). None: too little of it is left, or it would cross
    itself."""
    points = [(float(x), float(y)) for x, y in zone["polygon"]]
    kept: list[Point] = []
    for a, b in zip(points, points[1:] + points[:1], strict=True):
        if cut.keeps(a):
            kept.append(a)
        if cut.keeps(a) != cut.keeps(b):
            kept.append(_on_cut(a, b, cut))
    kept = [(round(x, 3), round(y, 3)) for x, y in kept]
    kept = [point for n, point in enumerate(kept) if point != kept[n - 1]]
    if len(kept) < 3 or fault_of(kept) is not None:
        return None
    return {**zone, "polygon": [list(point) for point in kept]}


def _cut_line(line: Written, cut: Cut) -> Written | None:
    begin, end = (tuple(map(float, line[key])) for key in ("from", "to"))
    if cut.keeps(begin) == cut.keeps(end):  # type: ignore[arg-type]
        return None
    middle = [round(value, 3) for value in _on_cut(begin, end, cut)]  # type: ignore[arg-type]
    return {**line, "to": middle} if cut.keeps(begin) else {**line, "from": middle}  # type: ignore[arg-type]


def _on_cut(a: Point, b: Point, cut: Cut) -> Point:
    share = (cut.at - a[cut.axis]) / (b[cut.axis] - a[cut.axis])
    return a[0] + share * (b[0] - a[0]), a[1] + share * (b[1] - a[1])


def as_yaml(written: Written) -> Iterator[str]:
    """Yield the lines of a part of a camera's section, with ``rules``, ``zones`` and ``lines``; each value in
    them is written as JSON, which is YAML."""
    for key, value in written.items():
        yield f"{key}:"
        for each in value if key == "rules" else (value,):
            for number, (name, entry) in enumerate(each.items()):
                begin = "- " if key == "rules" and number == 0 else "  " if key == "rules" else ""
                yield f"  {begin}{name}: {json.dumps(entry, ensure_ascii=False)}"
