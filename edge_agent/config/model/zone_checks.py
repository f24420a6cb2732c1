"""``rules`` of a camera with the ``zones`` and ``lines`` that they name; checks that these exist and can be
seen."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import combinations

from edge_agent.config.fields import tree
from edge_agent.config.fields.collections import ListOf, MapOf
from edge_agent.config.fields.declare import Made
from edge_agent.config.fields.schema_types import INVALID, Field, SectionValues, did_you_mean, quoted
from edge_agent.config.fields.shapes import length_of, polygon_contains
from edge_agent.config.model.rule_kinds import RULE, WrittenRule
from edge_agent.config.model.rules import AnyRule, WrongWayRule
from edge_agent.config.model.zones import LINE, ZONE, Line, Zone
from edge_agent.config.texts.messages import message
from edge_agent.config.texts.phrases import phrase
from edge_agent.core.geometry import Point, Polygon

BORDER = 0.02
"""An object this near to the edge is never seen beyond a line there: its box ends at the edge."""
SHORT_ARROW = 0.05
"""Shorter arrows get a warning: a hand is off by 0.01, which turns an arrow this long by 11 degrees."""
WIDE = 9 / 16
"""Height by width of nearly all cameras' pictures; the configuration does not contain the real ratio."""


@dataclass(frozen=True, slots=True)
class _Sort:
    """A kind of thing that a rule can name: a zone or a line."""

    name: str  # the key in a rule
    key: str  # the key in a camera's section


_SORTS = (_Sort("zone", "zones"), _Sort("line", "lines"))


def built_rules(values: SectionValues) -> tuple[AnyRule, ...]:
    """Return the rules of a camera with valid sections, with their zones and lines."""
    about: dict[str, dict[str, Zone | Line]] = {
        sort.name: {id_: replace(place, id=id_) for id_, place in values[sort.key].items()} for sort in _SORTS
    }
    rules: tuple[WrittenRule, ...] = values["rules"]
    return tuple(rule.make(**{rule.about: about[rule.about][rule.name]}, **rule.rest) for rule in rules)


RULES = Made(
    built_rules,
    (
        Field("zones", MapOf(ZONE, "zones", 32), "areas that rules refer to", {}),
        Field("lines", MapOf(LINE, "lines", 32), "lines that rules refer to", {}),
        Field("rules", ListOf(RULE, "rules"), "the rules for zones and lines", ()),
    ),
)


def check_zones(values: SectionValues) -> None:
    """Check the names in rules against all zones and lines, also invalid ones: no mistake hides another."""
    for sort in _SORTS:
        written = values.node(sort.key) or tree.Mapping(values.place(sort.key))
        if isinstance(written, tree.Mapping):
            _check_names(values, sort, written)
            _warn_unseen_zones(values, sort, written)
    _warn_wrong_way(values)


def _check_names(values: SectionValues, sort: _Sort, written: tree.Mapping) -> None:
    used = list(_scalars(values.node("rules"), sort.name))
    for name in used:
        if name.text not in written.entries:
            values.reading.refuse_missing(name.place, _unknown(sort, name.text, written))
            values.found["rules"] = INVALID
    for id_, entry in written.entries.items():
        if all(id_ != name.text for name in used):
            text = message(f"{sort.name}-unused", name=quoted(id_))
            values.reading.warn(entry.key, text)


def _scalars(rules: tree.Node | None, key: str) -> Iterator[tree.Scalar]:
    for rule in rules.items if isinstance(rules, tree.Sequence) else ():
        entry = rule.entries.get(key) if isinstance(rule, tree.Mapping) else None
        if entry is not None and isinstance(entry.value, tree.Scalar):
            yield entry.value


def _unknown(sort: _Sort, name: str, written: tree.Mapping) -> str:
    # A key without a mapping is a mistake. Its message does not quote it: it may be half of a password.
    known = [id_ for id_, entry in written.entries.items() if isinstance(entry.value, tree.Mapping)]
    if not known:
        return message(f"{sort.name}-none", name=quoted(name))
    those = message(f"{sort.name}-those", known=", ".join(quoted(id_) for id_ in known))
    return message(f"{sort.name}-unknown", name=quoted(name), near=did_you_mean(name, known) or those)


def _warn_unseen_zones(values: SectionValues, sort: _Sort, written: tree.Mapping) -> None:
    masks: tuple[Polygon, ...] = values.valid("masks") or ()
    places: dict[str, Zone | Line] = values.valid(sort.key) or {}
    for id_, place in places.items():
        points = place.points
        where = None
        if is_masked(points, masks):
            where = "in-masks"
        elif isinstance(place, Zone) and any(polygon_contains(each, points) for each in place.exclude):
            where = "in-exclude"
        elif sort.key == "lines" and _along_border(points):
            where = "on-border"
        if where is not None:
            text = message(where, sort=phrase(sort.name), name=quoted(id_))
            values.reading.warn(written.entries[id_].key, text)


def is_masked(points: tuple[Point, ...], masks: Iterable[Polygon]) -> bool:
    """Return whether a zone or line lies wholly in one of the masks, so that nothing is seen there."""
    return any(polygon_contains(mask, points) for mask in masks)


def _along_border(points: Iterable[Point]) -> bool:
    return any(
        all(point[axis] <= BORDER for point in points) or all(point[axis] >= 1 - BORDER for point in points)
        for axis in (0, 1)
    )


def _warn_wrong_way(values: SectionValues) -> None:
    zones: dict[str, Zone] | None = values.valid("zones")
    rules: tuple[WrittenRule, ...] | None = values.valid("rules")
    written = values.node("rules")
    if zones is None or rules is None or not isinstance(written, tree.Sequence):
        return
    for node, rule in zip(written.items, rules, strict=True):
        if rule.make is WrongWayRule:
            for key, text in _doubts(rule, zones[rule.name].polygon):
                entry = node.entries.get(key) if isinstance(node, tree.Mapping) else None
                values.reading.warn(entry.value.place if entry else node.place, text)


def _doubts(rule: WrittenRule, zone: Polygon) -> Iterator[tuple[str, str]]:
    """Yield each doubtful key of a wrong-way rule, with a warning."""
    length = length_of(rule.rest["arrow"])
    if length < SHORT_ARROW:
        yield "arrow", message("short-arrow", length=length)
    longest = max(math.hypot(b[0] - a[0], (b[1] - a[1]) * WIDE) for a, b in combinations(zone, 2))
    if rule.rest["min_distance"] >= longest:
        distance = rule.rest["min_distance"]
        text = message("small-zone", name=quoted(rule.name), longest=longest, distance=distance)
        yield "min_distance", text
