"""``zones`` and ``rules`` of a camera: where to watch, and what to tell about it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import time, timedelta
from types import MappingProxyType
from typing import Any

from edge_agent.config import tree
from edge_agent.config.cover import covers
from edge_agent.config.kinds import Choice, Number, PolygonKind, Text, identifier
from edge_agent.config.many import ListOf, MapOf
from edge_agent.config.sections.detector import LABELS
from edge_agent.config.settings import Camera, Detector, RuleKind, Schedule, Zone, ZoneRule
from edge_agent.config.spec import INVALID, Field, Reading, Section, Values
from edge_agent.config.times import EVERY_DAY, DaySpan, TimeOfDay
from edge_agent.config.words import did_you_mean, listed, shown
from edge_agent.model import GROUP_OF_LABEL, PERSON, Severity

_LATER = ("line-crossing", "stopped-vehicle", "wrong-way", "crowding")
_MIN_DURATION_S = MappingProxyType({RuleKind.ZONE_INTRUSION: 1.0, RuleKind.LOITERING: 30.0})
_GRACE_S = MappingProxyType({RuleKind.ZONE_INTRUSION: 1.0, RuleKind.LOITERING: 5.0})


@dataclass(frozen=True, slots=True)
class WrittenRule:
    """A rule as it was read: its zone is a name that may not exist."""

    zone: str
    rest: Mapping[str, Any]  # the other fields of a ZoneRule


def _by_kind(defaults: Mapping[RuleKind, float]) -> str:
    return "; ".join(f"`{value:g}` for {kind}" for kind, value in defaults.items())


def _built_schedule(values: Values) -> Schedule:
    days: frozenset[int] = frozenset().union(*values["days"])
    return Schedule(days, values["from"] or time(0, 0), values["to"] or time(0, 0))


SCHEDULE = Section(
    "schedule",
    "When a rule is armed, in the gateway's time zone. A time over midnight (from 22:00 to 05:00) belongs to "
    "the day on which it begins.",
    (
        Field(
            "days", ListOf(DaySpan(), "days", least=1), "days on which it begins", (EVERY_DAY,), "all of them"
        ),
        Field("from", TimeOfDay(), "armed from then on; needs to beside it", None, "the whole day"),
        Field(
            "to",
            TimeOfDay(end=True),
            "until then; not after from: on the next day; the same as from: the whole day",
            None,
            "the whole day",
        ),
    ),
    _built_schedule,
    lambda values: values.together("from", "to"),
)


def _check_rule(values: Values) -> None:
    kind: RuleKind | None = values.valid("kind")
    least = values.valid("min_duration_s")
    if kind is RuleKind.LOITERING and least == 0:
        text = "min_duration_s: loitering lasts; it takes more than 0 seconds (zone-intrusion may have 0)"
        values.reading.refuse(values.place("min_duration_s"), text)
    schedule: Schedule | None = values.valid("schedule")
    if kind is None or schedule is None or values.found["min_duration_s"] is INVALID:
        return
    armed_s, needed_s = _armed_s(schedule), _MIN_DURATION_S[kind] if least is None else least
    if armed_s <= needed_s:
        text = f"can never fire: it is armed for {armed_s:g} s at a time, and min_duration_s is {needed_s:g}"
        values.reading.refuse(values.place("schedule"), f"schedule: {text}")


def _armed_s(schedule: Schedule) -> float:
    """From begin to end; the time of a stay counts only while its rule is armed."""
    begin, end = (timedelta(hours=t.hour, minutes=t.minute) for t in (schedule.begin, schedule.end))
    return ((end - begin) % timedelta(days=1) or timedelta(days=1)).total_seconds()


def _built_rule(values: Values) -> WrittenRule:
    rest = values.found | {
        key: defaults[values["kind"]]
        for key, defaults in (("min_duration_s", _MIN_DURATION_S), ("grace_s", _GRACE_S))
        if values[key] is None
    }
    return WrittenRule(rest.pop("zone"), rest)


RULE = Section(
    "rule",
    "What to tell about a zone. An object is where the middle of its box's lower edge is.",
    (
        Field("id", identifier(), "the rule's id, unique in this camera"),
        Field(
            "kind",
            Choice(tuple(k for k in RuleKind if k.value not in _LATER), RuleKind, later=_LATER),
            "zone-intrusion: somebody came into the zone; loitering: somebody stays in it",
        ),
        Field("zone", Text("the id of a zone", 63), "the id of one of this camera's zones"),
        Field("labels", LABELS, "classes it looks at", tuple(GROUP_OF_LABEL), "all of them"),
        Field(
            "min_duration_s",
            Number(0, 3600, "seconds"),
            "so long an object must be in the zone; a longer time fires less",
            None,
            _by_kind(_MIN_DURATION_S),
        ),
        Field(
            "grace_s",
            Number(0, 600, "seconds"),
            "so long an absence from the zone is none",
            None,
            _by_kind(_GRACE_S),
        ),
        Field(
            "severity",
            Choice(tuple(each.name.lower() for each in Severity), lambda word: Severity[word.upper()]),
            "how much it matters; of waiting events the gravest are sent first",
            Severity.WARNING,
            "`warning`",
        ),
        Field(
            "cooldown_s",
            Number(0, 86400, "seconds"),
            "least time from one start to the next, of this rule",
            60.0,
        ),
        Field("schedule", SCHEDULE, "when it is armed", None, "always"),
    ),
    _built_rule,
    _check_rule,
)

ZONE = Section(
    "zone",
    "An area of the picture that rules refer to by its id.",
    (Field("polygon", PolygonKind(), "its corners, in order; it closes by itself"),),
    lambda values: values["polygon"],
)

FIELDS = (
    Field("zones", MapOf(ZONE, "zones", 32), "areas that rules refer to", {}, "`{}`"),
    Field("rules", ListOf(RULE, "rules"), "what to tell about them", ()),
)


def zone_rules(values: Values) -> tuple[ZoneRule, ...]:
    """The rules of a camera whose sections were valid, with their zones."""
    zones = {id_: Zone(id_, polygon) for id_, polygon in values["zones"].items()}
    return tuple(ZoneRule(zone=zones[rule.zone], **rule.rest) for rule in values["rules"])


def check_rules(values: Values) -> None:
    """The rules over a camera's zones: looked up in what was written, so that one mistake hides no other."""
    written = values.node("zones") or tree.Mapping(values.place("zones"))
    if not isinstance(written, tree.Mapping):
        return
    used = list(_scalars(values.node("rules"), "zone"))
    for name in used:
        if name.text not in written.entries:
            values.reading.refuse_missing(name.place, _unknown_zone(name.text, written))
            values.found["rules"] = INVALID
    for id_, entry in written.entries.items():
        if all(id_ != name.text for name in used):
            values.reading.warn(entry.key, f"no rule refers to the zone {shown(id_)}; it does nothing")
    _warn_masked(values, written)


def _scalars(rules: tree.Node | None, key: str) -> Iterator[tree.Scalar]:
    for rule in rules.items if isinstance(rules, tree.Sequence) else ():
        entry = rule.entries.get(key) if isinstance(rule, tree.Mapping) else None
        if entry is not None and isinstance(entry.value, tree.Scalar):
            yield entry.value


def _unknown_zone(name: str, written: tree.Mapping) -> str:
    # A key without a mapping is a mistake and not quoted: it may be half of a password with a comma.
    zones = [id_ for id_, entry in written.entries.items() if isinstance(entry.value, tree.Mapping)]
    if not zones:
        return f"zone: this camera has no zones; define {shown(name)} under zones"
    near = did_you_mean(name, zones) or f"; its zones: {', '.join(shown(zone) for zone in zones)}"
    return f"zone: this camera has no zone {shown(name)}{near}"


def _warn_masked(values: Values, written: tree.Mapping) -> None:
    masks, zones = values.valid("masks"), values.valid("zones")
    for id_, polygon in (zones or {}).items():
        if any(covers(mask, polygon) for mask in masks or ()):
            text = f"the zone {shown(id_)} lies wholly in one of masks: nothing is seen there"
            values.reading.warn(written.entries[id_].key, text)


def warn_unseen(
    cameras: tree.Node | None, settings: tuple[Camera, ...], detector: Detector, reading: Reading
) -> None:
    """Rules that wait for what the detector does not report. ``cameras`` is what ``settings`` was read of."""
    assert isinstance(cameras, tree.Sequence)  # else it had not become settings
    seen = _seen_by(detector)
    for node, camera in zip(cameras.items, settings, strict=True):
        entry = node.entries.get("rules") if isinstance(node, tree.Mapping) else None
        written = entry.value.items if entry and isinstance(entry.value, tree.Sequence) else ()
        for item, rule in zip(written, camera.rules, strict=True):
            assert isinstance(item, tree.Mapping)  # it has become a rule
            labels = item.entries.get("labels")
            if not seen.intersection(rule.labels):
                text = f"rule {shown(rule.id)} never fires: {_why_unseen(rule.labels, detector)}"
                reading.warn(item.place, text)
            elif labels is not None and isinstance(labels.value, tree.Sequence):
                _warn_labels(labels.value, rule.labels, detector, reading)


def _warn_labels(
    written: tree.Sequence, labels: tuple[str, ...], detector: Detector, reading: Reading
) -> None:
    for node, label in zip(written.items, labels, strict=True):
        if label not in _seen_by(detector):
            reading.warn(node.place, f"{shown(label)} is never seen: {_why_unseen((label,), detector)}")


def _seen_by(detector: Detector) -> frozenset[str]:
    """What the detector can report, as far as its name tells."""
    known = {"none": (), "hog": (PERSON,)}.get(detector.model, detector.labels)
    return frozenset(known).intersection(detector.labels)


def _why_unseen(labels: tuple[str, ...], detector: Detector) -> str:
    if detector.model == "none":
        return "detector.model is none"
    if not set(detector.labels).intersection(labels):
        return f"detector.labels does not have {listed(labels)}"
    return "detector.model is hog, which sees only persons"
