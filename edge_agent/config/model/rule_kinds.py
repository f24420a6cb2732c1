"""``rules`` of a camera: which events in its zones and at its lines are reported. Each kind of rule has its
own keys, defaults and checks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from edge_agent.config.fields.collections import tagged_union
from edge_agent.config.fields.declare import section
from edge_agent.config.fields.schema_types import Section, SectionValues, no_check
from edge_agent.config.model.rules import (
    AnyRule,
    CrowdingRule,
    LineRule,
    Rule,
    RuleKind,
    StoppedRule,
    WrongWayRule,
    ZoneRule,
)
from edge_agent.config.model.schedule import check_lasts
from edge_agent.config.texts.messages import message
from edge_agent.core.languages import Bilingual
from edge_agent.core.model import GROUP_OF_LABEL, LABELS, PERSON, TWO_WHEELER, VEHICLE, Severity


@dataclass(frozen=True, slots=True)
class WrittenRule:
    """A rule as it was read. The zone or line that it names may not exist."""

    make: Callable[..., AnyRule]
    about: str  # the key: zone or line
    name: str  # name of that zone or line
    rest: Mapping[str, Any]  # the other fields of the rule


_LAST = {each.name for each in fields(Rule)} - {"id", "kind"}
"""Fields that rules of every kind have; their keys come after those of the kind."""


def _rule(
    kind: RuleKind,
    cls: type[AnyRule],
    *,
    labels: tuple[str, ...] = LABELS,
    severity: Severity,
    check: Callable[[SectionValues], None] = no_check,
    doc: str = "",
    **defaults: float,
) -> Section:
    """Make the section of a kind. ``defaults``: by key, the defaults that depend on the kind."""
    about = "line" if cls is LineRule else "zone"

    def written(**rest: Any) -> WrittenRule:
        return WrittenRule(cls, about, rest.pop(about), rest)

    text = "all of them" if labels == LABELS else ", ".join(labels)
    changes: dict[str, dict[str, Any]] = {
        "labels": {"default": labels, "default_text": text},
        "severity": {"default": severity, "default_text": f"`{severity.name.lower()}`"},
        **{key: {"default": value} for key, value in defaults.items()},
    }
    name = Bilingual(f"{kind} rule", f"quy tắc {kind}")
    derived = section(cls, name, doc, check=check, make=written, changes=changes)
    return replace(derived, fields=tuple(sorted(derived.fields, key=lambda each: each.key in _LAST)))


def _of(*groups: str) -> tuple[str, ...]:
    return tuple(label for label in LABELS if GROUP_OF_LABEL[label] in groups)


def _check_stay(values: SectionValues) -> None:
    if values.valid("kind") is RuleKind.LOITERING and values.valid("min_duration_s") == 0:
        values.reading.refuse(values.place("min_duration_s"), message("loitering-lasts"))
    check_lasts(values, "min_duration_s")


def _check_line(values: SectionValues) -> None:
    if values.valid("each") is False and values.valid("counts_s") == 0:
        values.reading.refuse(values.key_place("each"), message("tells-nothing"))


def _check_crowding(values: SectionValues) -> None:
    count, release = values.valid("count"), values.valid("release_count")
    if count is not None and release is not None and release >= count:
        text = message("release-count", count=count, release=release)
        values.reading.refuse(values.place("release_count"), text)
    check_lasts(values, "min_duration_s")


KINDS: Mapping[str, Section] = {
    RuleKind.ZONE_INTRUSION: _rule(
        RuleKind.ZONE_INTRUSION,
        ZoneRule,
        doc="An object entered a zone.",
        severity=Severity.WARNING,
        check=_check_stay,
        min_duration_s=1.0,
        grace_s=1.0,
    ),
    RuleKind.LOITERING: _rule(
        RuleKind.LOITERING,
        ZoneRule,
        doc="An object stays in a zone; a short absence does not restart the time.",
        severity=Severity.WARNING,
        check=_check_stay,
        min_duration_s=30.0,
        grace_s=5.0,
    ),
    RuleKind.LINE_CROSSING: _rule(
        RuleKind.LINE_CROSSING, LineRule, severity=Severity.INFO, check=_check_line
    ),
    RuleKind.STOPPED_VEHICLE: _rule(
        RuleKind.STOPPED_VEHICLE,
        StoppedRule,
        labels=("car", "bus", "truck", "motorcycle"),
        severity=Severity.WARNING,
        check=lambda values: check_lasts(values, "still_s"),
    ),
    RuleKind.WRONG_WAY: _rule(
        RuleKind.WRONG_WAY, WrongWayRule, labels=_of(TWO_WHEELER, VEHICLE), severity=Severity.INFO
    ),
    RuleKind.CROWDING: _rule(
        RuleKind.CROWDING,
        CrowdingRule,
        labels=_of(PERSON, TWO_WHEELER),
        severity=Severity.INFO,
        check=_check_crowding,
    ),
}

RULE = tagged_union(
    "rule",
    "What is reported about a zone or a line. The position of an object is the middle of the lower edge of "
    "its box.",
    KINDS,
)
