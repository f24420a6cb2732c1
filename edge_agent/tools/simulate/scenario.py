"""The scenario: the fleet, its day, and its faults; how it is read from YAML and the command line.

The same scenario gives the same fleet. Mistakes are reported all at once, with their places.
"""

import datetime
import random
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import msgspec

from edge_agent.config.fields import tree
from edge_agent.config.fields.collections import ListOf, tagged_union
from edge_agent.config.fields.declare import Key, section
from edge_agent.config.fields.field_types import Number, WordChoice, identifier
from edge_agent.config.fields.files import ConfigFiles
from edge_agent.config.fields.schema_types import INVALID, Field, ReadContext, Section, SectionValues
from edge_agent.config.fields.single_file import read_mapping
from edge_agent.config.fields.times import TimeOfDay
from edge_agent.config.model.settings import Delivery
from edge_agent.core.clock import SystemClock
from edge_agent.core.errors import ConfigError

CITY_SITES, CITY_CAMERAS = 465, 1194
MAX_SITES = 10_000
MAX_CAMERAS = 8  # largest number of cameras of one site
MAX_ID_CHARACTERS = 63
"""Longest id of a gateway, in characters, as for every id (``config/fields/field_types.py``)."""


class WardOutage(msgspec.Struct, frozen=True, kw_only=True, tag="ward-outage"):
    """The network of a ward fails: its gateways run on, and their events wait."""

    at_s: float  # when it begins, in seconds since the beginning of the simulation
    for_s: float
    ward: str


class PowerOutage(msgspec.Struct, frozen=True, kw_only=True, tag="power-cut"):
    """Gateways lose their power, and boot when it returns. ``wards`` empty: the gateways of all wards."""

    at_s: float
    for_s: float
    wards: tuple[str, ...] = ()


class RollingRestart(msgspec.Struct, frozen=True, kw_only=True, tag="rolling-restart"):
    """One gateway after another is stopped cleanly and started again, as for a new release."""

    at_s: float
    every_s: float = 1.0


Fault = WardOutage | PowerOutage | RollingRestart

_WHAT = Field("kind", WordChoice(("ward-outage", "power-cut", "rolling-restart")), "what goes wrong")
_AT = Field("at_s", Number(0, 1_000_000, "seconds"), "since the beginning")
_FOR = Field("for_s", Number(0, 1_000_000, "seconds"), "how long")


def _fault(make: Any) -> Any:
    return lambda values: make(**{key: value for key, value in values.found.items() if key != "kind"})


FAULT = tagged_union(
    "a fault",
    "What goes wrong.",
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


def _begins_at_h(values: SectionValues) -> float:
    begins: datetime.time | None = values["begins_at"]
    return 6.0 if begins is None else begins.hour + begins.minute / 60


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """The settings of a simulation. The same seed gives the same fleet and the same random numbers."""

    sites: Annotated[int, Key("gateways", Number(1, MAX_SITES, whole=True))] = CITY_SITES
    cameras: Annotated[int, Key("of all gateways", Number(1, 80_000, whole=True))] = CITY_CAMERAS
    wards: Annotated[
        tuple[str, ...],
        Key("ids of the wards", ListOf(identifier(), "ward ids", least=1, most=1000, unique=True)),
    ] = tuple(f"sim-ward-{number:02}" for number in range(1, 21))
    prefix: Annotated[str, Key("of the gateways' ids: PREFIX-001", identifier())] = "sim"
    seed: Annotated[int, Key("of the random numbers", Number(0, 2**31, whole=True))] = 1
    duration_s: Annotated[float, Key("of the events", Number(0, 10_000_000, "seconds"))] = 300.0
    drain_s: Annotated[float, Key("longest wait for the last events", Number(0, 100_000, "seconds"))] = 120.0
    begins_at_h: Annotated[
        float,
        Key(
            "hour of the day at the beginning",
            TimeOfDay(),
            "06:00",
            key="begins_at",
            default=None,
            make=_begins_at_h,
        ),
    ] = 6.0
    time_factor: Annotated[float, Key("speed of the simulated day", Number(0.001, 100_000))] = 1.0
    events_per_camera_day: Annotated[float, Key("in a simulated day", Number(0, 10_000_000))] = 8_500.0
    alarms_per_day: Annotated[
        float | None,
        Key(
            "alarms in a simulated day, of all gateways together; each has a drawn picture and clip, and "
            "names its rule",
            Number(0, 1_000_000),
            "one event in a hundred is an alarm, without drawn picture, clip and rule name",
        ),
    ] = None
    heartbeat_s: Annotated[float, Key("whatever the time factor", Number(1, 3600, "seconds"))] = 30.0
    picture_share: Annotated[float, Key("of events, when they begin", Number(0, 1))] = 0.0
    picture_bytes: Annotated[int, Key("of each picture", Number(500, 1_000_000, "bytes", whole=True))] = (
        29_000
    )
    passages_per_camera: Annotated[
        int, Key("stored passages of the day before, for searches; 0: none", Number(0, 50_000, whole=True))
    ] = 0
    passage_picture_share: Annotated[float, Key("of stored passages", Number(0, 1))] = 0.0
    camera_faults_per_day: Annotated[float, Key("of each camera, in a simulated day", Number(0, 10_000))] = (
        0.5
    )
    spread_s: Annotated[float, Key("mqtt.spread_s of the gateways", Number(0, 3600, "seconds"))] = 30.0
    boot_s: Annotated[
        float, Key("longest random time from power to the agent's start", Number(0, 3600, "seconds"))
    ] = 20.0
    delivery: Annotated[
        Delivery, Key("mqtt.delivery of the gateways", WordChoice(tuple(Delivery), Delivery))
    ] = Delivery.CONFIRMED
    faults: Annotated[
        tuple[Fault, ...], Key("what goes wrong, and when", ListOf(FAULT, "faults", most=1000))
    ] = ()


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


SCENARIO = section(Scenario, "the scenario", check=_check)


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
    """If ``sites`` is given and ``cameras`` is not, set ``cameras`` by the city's mean number per site."""
    sites = node.entries.get("sites")
    if sites is None or "cameras" in node.entries or not isinstance(sites.value, tree.Scalar):
        return node
    if not sites.value.text.isdecimal() or not 1 <= int(sites.value.text) <= MAX_SITES:
        return node  # a mistake that is reported later
    cameras = round(int(sites.value.text) * CITY_CAMERAS / CITY_SITES)
    entry = tree.MappingEntry(sites.key, _node(cameras, sites.value.place))
    return replace(node, entries=node.entries | {"cameras": entry})


def _node(value: Any, place: tree.SourcePosition) -> tree.Node:
    if isinstance(value, list | tuple):
        return tree.Sequence(place, tuple(_node(item, place) for item in value))
    return tree.Scalar(place, str(value), plain=not isinstance(value, str))


class SimulatedSite(msgspec.Struct, frozen=True):
    """One gateway."""

    number: int
    id: str
    ward: str
    cameras: tuple[str, ...]


def make_sites(scenario: Scenario) -> tuple[SimulatedSite, ...]:
    """Make the sites. Consecutive sites are in one ward. Each site has at least one camera; the remaining
    cameras are distributed at random."""
    rng = random.Random(scenario.seed)
    counts = [1] * scenario.sites
    room = list(range(scenario.sites))
    for _ in range(scenario.cameras - scenario.sites):
        place = rng.randrange(len(room))
        site = room[place]
        counts[site] += 1
        if counts[site] == MAX_CAMERAS:
            room[place] = room[-1]
            room.pop()
    width = _digits(scenario.sites)
    return tuple(
        SimulatedSite(
            number=number,
            id=f"{scenario.prefix}-{number + 1:0{width}}",
            ward=scenario.wards[number * len(scenario.wards) // scenario.sites],
            cameras=tuple(f"cam-{camera}" for camera in range(1, count + 1)),
        )
        for number, count in enumerate(counts)
    )


def longest_prefix(sites: int) -> int:
    """Return the length of the longest prefix that leaves room for a hyphen and the number of a site."""
    return MAX_ID_CHARACTERS - 1 - _digits(sites)


def _digits(sites: int) -> int:
    return max(3, len(str(sites)))


def split_sites(sites: tuple[SimulatedSite, ...], most: int) -> list[tuple[SimulatedSite, ...]]:
    """Split for processes of at most ``most`` sites, in turn: each process gets sites of every ward."""
    processes = -(-len(sites) // most)
    return [sites[first::processes] for first in range(processes)]
