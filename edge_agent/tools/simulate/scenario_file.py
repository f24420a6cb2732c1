"""Reads a scenario in YAML, by a table of its keys; reports all mistakes at once, with their places."""

from __future__ import annotations

import datetime
from dataclasses import replace
from pathlib import Path
from typing import Any

from edge_agent.config.fields import tree
from edge_agent.config.fields.collections import ListOf, tagged_union
from edge_agent.config.fields.field_types import Number, WordChoice, identifier
from edge_agent.config.fields.files import ConfigFiles
from edge_agent.config.fields.schema_types import INVALID, Field, ReadContext, Section, SectionValues
from edge_agent.config.fields.single_file import read_mapping
from edge_agent.config.fields.times import TimeOfDay
from edge_agent.config.model.settings import Delivery
from edge_agent.core.clock import SystemClock
from edge_agent.core.errors import ConfigError
from edge_agent.tools.simulate.scenario import (
    MAX_CAMERAS,
    PowerOutage,
    RollingRestart,
    Scenario,
    WardOutage,
    longest_prefix,
)

_USUAL = Scenario()
MAX_SITES = 10_000
_SECONDS = Number(0, 1_000_000, "seconds")
_WHAT = Field("kind", WordChoice(("ward-outage", "power-cut", "rolling-restart")), "what goes wrong")
_AT = Field("at_s", _SECONDS, "since the beginning")
_FOR = Field("for_s", _SECONDS, "how long")


def _fault(make: Any) -> Any:
    return lambda values: make(**{key: value for key, value in values.found.items() if key != "kind"})


FAULT = tagged_union(
    "a fault",
    "What goes wrong.",
    "kind",
    {
        "ward-outage": Section(
            "a ward-outage",
            "The network of a ward is gone; its gateways run on.",
            (_WHAT, _AT, _FOR, Field("ward", identifier(), "whose network")),
            _fault(WardOutage),
        ),
        "power-cut": Section(
            "a power-cut",
            "Gateways lose their power, and boot when it is back.",
            (
                _WHAT,
                _AT,
                _FOR,
                Field("wards", ListOf(identifier(), "ward ids", most=1000), "which", (), "the whole city"),
            ),
            _fault(PowerOutage),
        ),
        "rolling-restart": Section(
            "a rolling-restart",
            "One gateway after another is stopped in order and starts again.",
            (_WHAT, _AT, Field("every_s", Number(0.01, 3600, "seconds"), "from one to the next", 1.0)),
            _fault(RollingRestart),
        ),
    },
)


def _number(key: str, low: float, high: float, unit: str, doc: str, *, whole: bool = False) -> Field:
    return Field(key, Number(low, high, unit, whole=whole), doc, getattr(_USUAL, key))


def _check(values: SectionValues) -> None:
    sites, cameras = values.valid("sites"), values.valid("cameras")
    if sites is not None and cameras is not None and not sites <= cameras <= MAX_CAMERAS * sites:
        text = f"{cameras} cameras on {sites} sites: each has 1 to {MAX_CAMERAS}"
        values.reading.refuse(values.place("cameras"), text)
    prefix = values.valid("prefix")
    if prefix is not None and sites is not None and len(prefix) > (most := longest_prefix(sites)):
        text = f"prefix: has {len(prefix)} characters, with the number of a site {most} are the most"
        values.reading.refuse(values.place("prefix"), text)
    wards = values.valid("wards") or ()
    for fault in values.valid("faults") or ():
        named = fault.wards if isinstance(fault, PowerOutage) else getattr(fault, "ward", None) or ()
        for ward in (named,) if isinstance(named, str) else named:
            if ward not in wards:
                values.reading.refuse(values.place("faults"), f"faults: {ward} is none of wards")


def _build(values: SectionValues) -> Scenario:
    begins: datetime.time | None = values["begins_at"]
    own = {key: value for key, value in values.found.items() if key != "begins_at"}
    if begins is not None:
        own["begins_at_h"] = begins.hour + begins.minute / 60
    return Scenario(**own | {"delivery": str(values["delivery"])})


SCENARIO = Section(
    "the scenario",
    "What is played.",
    (
        _number("sites", 1, MAX_SITES, "", "gateways", whole=True),
        _number("cameras", 1, 80_000, "", "of all of them", whole=True),
        Field(
            "wards", ListOf(identifier(), "ward ids", least=1, most=1000, unique=True), "where", _USUAL.wards
        ),
        Field("prefix", identifier(), "of the gateways' ids: PREFIX-001", _USUAL.prefix),
        _number("seed", 0, 2**31, "", "the same one gives the same random numbers", whole=True),
        _number("duration_s", 0, 10_000_000, "seconds", "so long something happens"),
        _number("drain_s", 0, 100_000, "seconds", "then so long what is left is waited for"),
        Field("begins_at", TimeOfDay(), "time of day at the beginning", None, "06:00"),
        _number("time_factor", 0.001, 100_000, "", "so many times as fast the day goes by"),
        _number("events_per_camera_day", 0, 10_000_000, "", "events, of a day that goes by"),
        _number("heartbeat_s", 1, 3600, "seconds", "of the clock, whatever the factor"),
        _number("picture_share", 0, 1, "", "of what begins has a picture"),
        _number("picture_bytes", 500, 1_000_000, "bytes", "of each", whole=True),
        _number("camera_faults_per_day", 0, 10_000, "", "of each camera, of a day that goes by"),
        _number("spread_s", 0, 3600, "seconds", "mqtt.spread_s of the gateways"),
        _number("boot_s", 0, 3600, "seconds", "longest time from power to the start of the agent"),
        Field(
            "delivery",
            WordChoice(tuple(Delivery), Delivery),
            "mqtt.delivery of the gateways",
            Delivery.CONFIRMED,
        ),
        Field("faults", ListOf(FAULT, "faults", most=1000), "what goes wrong, and when", ()),
    ),
    _build,
    _check,
)


def load(path: Path | None, changes: dict[str, Any]) -> Scenario:
    """Load the file, or the default scenario, with the changes of the command line. Raises ConfigError."""
    name = "the command line" if path is None else str(path)
    reading = ReadContext(ConfigFiles(Path("/"), None), SystemClock())
    node = (
        tree.Mapping(tree.SourcePosition(name, 1, 1))
        if path is None
        else read_mapping(path, reading, "a mapping such as sites: 20")
    )
    if node is not None:
        found = SCENARIO.read(_with_cameras(_with(node, changes)), reading)
        if found is not INVALID and not reading.problems:
            assert isinstance(found, Scenario)
            return found
    problems = tuple(sorted(set(reading.problems)))
    raise ConfigError(f"{name}: the scenario cannot be played; nothing was started", problems)


def _with(node: tree.Mapping, changes: dict[str, Any]) -> tree.Mapping:
    """Put values of the command line into the tree, so that they are checked like those of the file."""
    place = tree.SourcePosition("command line", 1, 1)
    entries = dict(node.entries)
    for key, value in changes.items():
        entries[key] = tree.MappingEntry(place, _node(value, place))
    return replace(node, entries=entries)


def _with_cameras(node: tree.Mapping) -> tree.Mapping:
    """If only the sites are given, set as many cameras as the city has on so many sites."""
    sites = node.entries.get("sites")
    if sites is None or "cameras" in node.entries or not isinstance(sites.value, tree.Scalar):
        return node
    if not sites.value.text.isdecimal() or not 1 <= int(sites.value.text) <= MAX_SITES:
        return node  # a mistake that is reported later
    cameras = round(int(sites.value.text) * _USUAL.cameras / _USUAL.sites)
    entry = tree.MappingEntry(sites.key, _node(cameras, sites.value.place))
    return replace(node, entries=node.entries | {"cameras": entry})


def _node(value: Any, place: tree.SourcePosition) -> tree.Node:
    if isinstance(value, list | tuple):
        return tree.Sequence(place, tuple(_node(item, place) for item in value))
    return tree.Scalar(place, str(value), plain=not isinstance(value, str))
