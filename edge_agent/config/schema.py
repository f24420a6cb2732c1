"""The whole configuration as one table, for validation, suggestions and the reference.

It is derived from the settings classes in ``model/``, which declare the keys: docs/design/configuration.md.
Its checks across cameras, detector and gateway find rules that can never report anything.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from edge_agent.config.fields import tree
from edge_agent.config.fields.declare import section
from edge_agent.config.fields.schema_types import SectionValues, either_of, quoted
from edge_agent.config.model.settings import (
    AnyRule,
    Camera,
    Detector,
    Gateway,
    OnHolidays,
    Schedule,
    Settings,
)
from edge_agent.config.texts.messages import message
from edge_agent.core.languages import Bilingual, day_text
from edge_agent.core.model import GROUP_OF_LABEL

DECEMBER = 12


@dataclass(frozen=True, slots=True)
class _Placed:
    """A rule that is enabled, and its place in the file."""

    camera_id: str
    rule: AnyRule
    node: tree.Mapping

    @property
    def name(self) -> str:
        return f"{self.camera_id}/{self.rule.id}"

    def node_at(self, key: str) -> tree.Node | None:
        entry = self.node.entries.get(key)
        return entry.value if entry is not None else None


def warn_idle_rules(values: SectionValues) -> None:
    """Warn about rules that cannot fire. ``values``: the whole configuration."""
    cameras: tuple[Camera, ...] | None = values.valid("cameras")
    if cameras is None:
        return
    rules = list(_placed(values.node("cameras"), cameras))
    detector, gateway = values.valid("detector"), values.valid("gateway")
    if detector is not None:
        for each in rules:
            _warn_unseen(each, detector, values)
    if gateway is not None:
        _warn_holidays(rules, gateway, values)


def _placed(written: tree.Node | None, cameras: tuple[Camera, ...]) -> Iterator[_Placed]:
    assert isinstance(written, tree.Sequence)  # otherwise ``cameras`` would not be valid
    for node, camera in zip(written.items, cameras, strict=True):
        entry = node.entries.get("rules") if isinstance(node, tree.Mapping) else None
        items = entry.value.items if entry and isinstance(entry.value, tree.Sequence) else ()
        for item, rule in zip(items, camera.rules, strict=True):
            assert isinstance(item, tree.Mapping)  # otherwise it would not be a valid rule
            if rule.enabled:
                yield _Placed(camera.id, rule, item)


def _warn_unseen(placed: _Placed, detector: Detector, values: SectionValues) -> None:
    rule, seen = placed.rule, _seen_by(detector)
    labels = placed.node_at("labels")
    if not any(label in seen for label in rule.labels):
        text = message("rule-never", rule=quoted(rule.id), why=_why_unseen(rule.labels, detector))
        values.reading.warn(placed.node.place, text)
    elif isinstance(labels, tree.Sequence):
        for node, label in zip(labels.items, rule.labels, strict=True):
            if label not in seen:
                text = message("label-never", label=quoted(label), why=_why_unseen((label,), detector))
                values.reading.warn(node.place, text)


def _seen_by(detector: Detector) -> frozenset[str]:
    """Return the labels of which the detector can report objects.

    The model of ``auto`` reports a group for any of its labels; another model may tell them apart.
    """
    if detector.model == "none":
        return frozenset()
    if detector.model != "auto":
        return frozenset(detector.labels)
    groups = {GROUP_OF_LABEL.get(label, label) for label in detector.labels}
    return frozenset(label for label, group in GROUP_OF_LABEL.items() if group in groups)


def _why_unseen(labels: tuple[str, ...], detector: Detector) -> str:
    if detector.model == "none":
        return message("no-model")
    return message("no-labels", labels=either_of(labels))


def _warn_holidays(rules: list[_Placed], gateway: Gateway, values: SectionValues) -> None:
    """Warn once if the list of holidays soon lacks dates, and about each rule that can never be armed."""
    following = [each for each in rules if _on_holidays(each.rule) is not OnHolidays.USUAL]
    if not following:
        return
    today = values.reading.clock.now().astimezone(gateway.timezone).date()
    lack = _lack(gateway.holidays, today)  # Tet has other dates each year, so a list does not last
    if lack is not None:
        first, more = following[0].name, len(following) - 1
        follow = message("and-more", first=first, count=more) if more else first
        values.reading.warn(_place_of_holidays(values), message("holidays", lack=lack, rules=follow))
    for each in following:
        _warn_never_on_holidays(each, gateway.holidays, today, values)


def _on_holidays(rule: AnyRule) -> OnHolidays:
    return rule.schedule.holidays if rule.schedule is not None else OnHolidays.USUAL


def _lack(holidays: frozenset[date], today: date) -> str | None:
    """Say what the list of holidays lacks now. In December it needs next year's dates too: the next holiday
    is New Year's Day."""
    if not holidays:
        return message("holidays-empty")
    if max(holidays) < today:
        return message("holidays-over", day=_day(max(holidays)))
    if today.month == DECEMBER and all(day.year <= today.year for day in holidays):
        return message("holidays-next", year=today.year + 1)
    return None


def _place_of_holidays(values: SectionValues) -> tree.SourcePosition:
    gateway = values.node("gateway")
    entry = gateway.entries.get("holidays") if isinstance(gateway, tree.Mapping) else None
    return entry.value.place if entry is not None else values.place("gateway")


def _warn_never_on_holidays(
    placed: _Placed, holidays: frozenset[date], today: date, values: SectionValues
) -> None:
    schedule: Schedule | None = placed.rule.schedule
    if schedule is None or schedule.holidays is not OnHolidays.ONLY:
        return
    if all(day.weekday() not in schedule.days for day in holidays if day >= today):
        node = placed.node_at("schedule") or placed.node
        text = message("never-on-holidays", rule=quoted(placed.rule.id), day=_day(today))
        values.reading.warn(node.place, text)


def _day(day: date) -> Bilingual:
    return Bilingual(day_text(day, "en"), day_text(day, "vi"))


_OF_A_CAMERA = ("zones", "lines", "rules", "masks", "analyse", "report", "clip")


def _check(values: SectionValues) -> None:
    if values.valid("cameras") == ():
        values.warn("cameras", message("no-cameras"))
    warn_idle_rules(values)


ROOT = section(
    Settings,
    "the configuration",
    "One file, and `conf.d/*.yaml` beside it: mappings merge by key, cameras and rules by id, later wins.",
    check=_check,
    replacements=dict.fromkeys(_OF_A_CAMERA, message("of-a-camera")),
    make=dict,  # ``loader.py`` makes Settings of it: the profile is still a name
)
