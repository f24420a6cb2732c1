"""The rules of a camera as the centre knows them, parsed and bounded from what its gateway says. Pure.

A rule that cannot be read is left out and counted, so that no text of a gateway breaks a page.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from edge_agent.config.fields import field_types
from edge_agent.config.model.rule_kinds import KINDS
from edge_agent.config.model.rules import RuleKind
from edge_agent.config.model.zones import MAX_EXCLUDED
from edge_agent.config.written import Written
from edge_agent.core.model import LABELS

MAX_CAMERAS, MAX_RULES, MAX_POINTS = 64, 64, 64
MAX_KEYS, MAX_ITEMS, MAX_TEXT, MAX_DEPTH = 32, 64, 200, 4
MAX_NUMBER = 1e6
ID = re.compile(field_types.ID)
HASH = re.compile(r"[0-9a-f]{64}")
NAME = re.compile(r"[A-Za-z0-9_.-]{1,63}")
"""A name of a zone, line or key that needs no quotes in YAML."""
DURATIONS: Mapping[str, str] = {
    RuleKind.ZONE_INTRUSION: "min_duration_s",
    RuleKind.LOITERING: "min_duration_s",
    RuleKind.CROWDING: "min_duration_s",
    RuleKind.STOPPED_VEHICLE: "still_s",
}
"""Kind of rule -> the key of its duration; rules of other kinds have no duration."""

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class RulePlace:
    """The zone or line of a rule. ``points``: the corners of the zone, or both ends of the line (x, y in 0..1
    of the picture). ``excluded``: the corners of each part that does not belong to the zone."""

    key: str  # zones or lines
    name: str  # its id
    points: tuple[Point, ...]
    display_name: str = ""  # its name for people; empty: none
    excluded: tuple[tuple[Point, ...], ...] = ()

    @property
    def shown(self) -> str:
        return self.display_name or self.name


@dataclass(frozen=True, slots=True)
class ConfiguredRule:
    """One configured rule. ``seconds`` and ``count`` are None if rules of its kind have no such key."""

    id: str
    kind: str
    labels: tuple[str, ...]
    enabled: bool
    begin: str | None  # HH:MM; None: the whole day
    end: str | None
    days: tuple[str, ...]  # mon or mon-fri; empty: all
    seconds: float | None
    count: int | None
    place: RulePlace | None  # None: the gateway did not send the zone or line that the rule names
    written: Written  # the whole rule, for a draft
    min_score: float = 0.0  # 0..1
    display_name: str = ""  # its name for people; empty: none

    @property
    def shown(self) -> str:
        return self.display_name or self.id


@dataclass(frozen=True, slots=True)
class MaskSet:
    """All masks of a camera: the corners of each polygon, in 0..1 of the picture."""

    ignored: tuple[tuple[Point, ...], ...] = ()  # not analysed
    private: tuple[tuple[Point, ...], ...] = ()  # blacked out before a picture leaves the gateway
    unreadable: int = 0  # number of other masks, which this version cannot draw

    @property
    def all(self) -> tuple[tuple[Point, ...], ...]:
        return (*self.ignored, *self.private)


@dataclass(frozen=True, slots=True)
class CameraRuleSet:
    """The rules of one camera, and how many of them cannot be read."""

    rules: tuple[ConfiguredRule, ...]
    unreadable: int
    zones: Written
    lines: Written
    config_hash: str  # the configuration that has these rules; empty: unknown
    changed: frozenset[str] = frozenset()  # ids of rules that ``set-rule`` has changed
    masks: MaskSet = MaskSet()
    added: frozenset[str] = frozenset()  # ids of rules that the configuration does not have
    configured_masks: MaskSet | None = None  # masks in the configuration; None: the same as ``masks``

    def rule(self, id_: str) -> ConfiguredRule | None:
        return next((each for each in self.rules if each.id == id_), None)

    def place(self, id_: str, *, is_line: bool) -> RulePlace | None:
        """Return the zone or line with this id, whether or not a rule names it. None: there is none."""
        return _place({"line" if is_line else "zone": id_}, self.zones, self.lines)

    @property
    def places(self) -> dict[str, Written]:
        return {"zones": self.zones, "lines": self.lines}


class _Camera(msgspec.Struct):
    rules: list[Any] = []
    zones: dict[str, Any] = {}
    lines: dict[str, Any] = {}
    changed: list[Any] = []
    masks: Any = None
    privacy_masks: Any = None
    added: list[Any] = []
    configured_masks: Any = None


class _Document(msgspec.Struct):
    config_hash: str = ""
    cameras: dict[str, msgspec.Raw] = {}


def parse_camera_rules(document: bytes | None, camera: str) -> CameraRuleSet | None:
    """Return the rules of one camera from the result of the command ``rules``. None: the result does not
    contain this camera."""
    try:
        whole = msgspec.json.decode(document or b"{}", type=_Document)
        found = whole.cameras.get(camera)
        raw = None if found is None else msgspec.json.decode(found, type=_Camera)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None
    if raw is None:
        return None
    zones, lines = _places(raw.zones, _zone_points), _places(raw.lines, line_points)
    rules: dict[str, ConfiguredRule] = {}
    for each in raw.rules[:MAX_RULES]:
        rule = configured_rule(each, zones, lines)
        if rule is not None:
            rules[rule.id] = rule
    return CameraRuleSet(
        rules=tuple(rules.values()),
        unreadable=len(raw.rules) - len(rules),
        zones=zones,
        lines=lines,
        config_hash=whole.config_hash if HASH.fullmatch(whole.config_hash) else "",
        masks=_mask_set(raw.masks, raw.privacy_masks),
        changed=_ids(raw.changed),
        added=_ids(raw.added),
        configured_masks=read_masks(raw.configured_masks),
    )


def _ids(written: list[Any]) -> frozenset[str]:
    return frozenset(each for each in written[:MAX_RULES] if isinstance(each, str))


def configured_rule(written: Any, zones: Written, lines: Written) -> ConfiguredRule | None:
    """Return the rule of the configuration; None: it cannot be read."""
    if not isinstance(written, dict) or not _is_plain(written):
        return None
    id_, kind = written.get("id"), written.get("kind")
    if not (isinstance(id_, str) and ID.fullmatch(id_) and isinstance(kind, str) and kind in KINDS):
        return None
    schedule = written.get("schedule")
    schedule = schedule if isinstance(schedule, dict) else {}
    duration = DURATIONS.get(kind)
    count = _number(kind, written, "count") if kind == RuleKind.CROWDING else None
    return ConfiguredRule(
        id=id_,
        kind=kind,
        labels=_labels(kind, written.get("labels")),
        enabled=written.get("enabled") is not False,
        begin=_text(schedule.get("from")),
        end=_text(schedule.get("to")),
        days=_days(schedule.get("days")),
        seconds=None if duration is None else _number(kind, written, duration),
        count=None if count is None else round(count),
        place=_place(written, zones, lines),
        written=written,
        min_score=_number(kind, written, "min_score") or 0.0,
        display_name=display_name(written),
    )


def display_name(written: Any) -> str:
    """Return the name for people of a configured rule, zone or line; empty: it has none."""
    name = written.get("name") if isinstance(written, dict) else None
    return name[:MAX_TEXT] if isinstance(name, str) and name.isprintable() else ""


def line_points(line: Any) -> tuple[Point, ...] | None:
    """Return both ends of a configured line. None: they cannot be read."""
    if not isinstance(line, dict):
        return None
    return _points([line.get("from"), line.get("to")], 2)


def _zone_points(zone: Any) -> tuple[Point, ...] | None:
    """Return the corners of a configured zone. None: they, or the excluded parts of the zone, cannot be
    read."""
    if not isinstance(zone, dict) or _excluded(zone) is None:
        return None
    return _points(zone.get("polygon"), 3)


def _excluded(zone: Mapping[str, Any]) -> tuple[tuple[Point, ...], ...] | None:
    """Return the parts that a zone or line excludes. None: they cannot be read."""
    written = zone.get("exclude") or []
    if not isinstance(written, list) or len(written) > MAX_EXCLUDED:
        return None
    parts = [_points(each, 3) for each in written]
    return None if None in parts else tuple(each for each in parts if each is not None)


def read_masks(written: Any) -> MaskSet | None:
    """Read masks as a command or the reply to ``rules`` contains them. None: there are none."""
    if not isinstance(written, dict):
        return None
    return _mask_set(written.get("masks"), written.get("privacy_masks"))


def _mask_set(masks: Any, privacy_masks: Any) -> MaskSet:
    ignored, private = _masks(masks), _masks(privacy_masks)
    count = sum(len(each) for each in (masks, privacy_masks) if isinstance(each, list))
    return MaskSet(ignored, private, count - len(ignored) - len(private))


def _masks(written: Any) -> tuple[tuple[Point, ...], ...]:
    """Return the polygons that can be read."""
    listed = written[:MAX_ITEMS] if isinstance(written, list) else []
    return tuple(points for each in listed if (points := _points(each, 3)) is not None)


def _places(written: Mapping[str, Any], points_of: Callable[[Any], tuple[Point, ...] | None]) -> Written:
    """Return the zones or lines that can be read."""
    named = [(name, each) for name, each in list(written.items())[:MAX_ITEMS] if NAME.fullmatch(name)]
    return {name: each for name, each in named if _is_plain(each) and points_of(each) is not None}


def _place(rule: Written, zones: Written, lines: Written) -> RulePlace | None:
    key, places = ("lines", lines) if "line" in rule else ("zones", zones)
    name = rule.get(key.removesuffix("s"))
    if not isinstance(name, str) or name not in places:
        return None
    points = (line_points if key == "lines" else _zone_points)(places[name])
    if points is None:
        return None
    return RulePlace(key, name, points, display_name(places[name]), _excluded(places[name]) or ())


def _points(written: Any, least: int) -> tuple[Point, ...] | None:
    if not isinstance(written, list) or not least <= len(written) <= MAX_POINTS:
        return None
    points = []
    for each in written:
        if not (isinstance(each, list) and len(each) == 2 and all(map(_is_unit, each))):
            return None
        points.append((float(each[0]), float(each[1])))
    return tuple(points)


def _is_unit(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1


def _is_plain(value: Any, depth: int = 0) -> bool:
    """Whether a value can be written as YAML: bounded, with keys that need no quotes."""
    if depth > MAX_DEPTH:
        return False
    if isinstance(value, dict):
        keys = all(isinstance(key, str) and NAME.fullmatch(key) for key in value)
        return len(value) <= MAX_KEYS and keys and all(_is_plain(each, depth + 1) for each in value.values())
    if isinstance(value, list):
        return len(value) <= MAX_ITEMS and all(_is_plain(each, depth + 1) for each in value)
    if isinstance(value, str):
        return len(value) <= MAX_TEXT and value.isprintable()
    if isinstance(value, bool) or value is None:
        return True
    return bool(abs(value) <= MAX_NUMBER)  # False for NaN too


def _labels(kind: str, written: Any) -> tuple[str, ...]:
    if isinstance(written, str):
        written = [written]
    if isinstance(written, list):
        return tuple(each for each in written if isinstance(each, str))
    default = _default(kind, "labels")
    return tuple(default) if isinstance(default, Iterable) else LABELS


def _days(written: Any) -> tuple[str, ...]:
    listed = [written] if isinstance(written, str) else written
    return tuple(each for each in listed if isinstance(each, str)) if isinstance(listed, list) else ()


def _text(written: Any) -> str | None:
    return written[:10] if isinstance(written, str) else None


def _number(kind: str, written: Written, key: str) -> float | None:
    """Return the value of the key, or its default for this kind of rule."""
    value = written.get(key, _default(kind, key))
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number else None


def _default(kind: str, key: str) -> Any:
    return next((each.default for each in KINDS[kind].fields if each.key == key), None)
