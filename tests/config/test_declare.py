"""Sections that are derived from settings classes; each value has the type of its field."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import pytest

from edge_agent.config.fields import tree
from edge_agent.config.fields.declare import Key, Made, section
from edge_agent.config.fields.field_types import Flag, Number, Text
from edge_agent.config.fields.files import ConfigFiles
from edge_agent.config.fields.schema_types import REQUIRED, Field, ReadContext, Section, SectionValues
from edge_agent.config.schema import ROOT
from edge_agent.core.clock import SystemClock
from tests.config.annotations import keys_of, misfits
from tests.config.places import MINIMAL, settings_of


@dataclass(frozen=True)
class _Lamp:
    """A lamp that
    lights."""

    watts: Annotated[float, Key("power", Number(0, 100, "watts"))] = 5.0
    on: Annotated[bool, Key("whether it lights", Flag())] = False


LAMP = section(_Lamp, "lamp")


_SIDES = (
    Field("wide", Number(1, 99), "in metres", 10.0),
    Field("deep", Number(1, 99), "in metres", 8.0),
)


def _area(values: SectionValues) -> float:
    wide, deep = float(values["wide"]), float(values["deep"])
    return wide * deep


def _rooms(values: SectionValues) -> int:
    rooms: int | None = values["rooms"]
    return int(values["wide"]) if rooms is None else rooms


@dataclass(frozen=True, kw_only=True)
class _House:
    """A house."""

    number: int
    street: Annotated[str, Key("where it is", Text())]
    begin: Annotated[float, Key("first hour", Number(0, 24), key="from")] = 6.0
    area: Annotated[float, Made(_area, _SIDES)]
    rooms: Annotated[
        int, Key("number of rooms", Number(0, 9, whole=True), "by size", default=None, make=_rooms)
    ]
    lamp: Annotated[_Lamp, LAMP] = field(default_factory=_Lamp)
    spare: Annotated[_Lamp | None, Key("another lamp", LAMP, "none")] = None


def _read(of: Section, text: str) -> tuple[Any, list[str]]:
    reading = ReadContext(ConfigFiles(Path(), None), SystemClock())
    node, _ = tree.parse(text.encode(), "file")
    assert node is not None
    return of.read(node, reading), [each.message for each in reading.problems]


HOUSE = section(_House, "house", make=lambda **found: _House(number=1, **found))


def test_a_section_has_the_keys_of_its_class_in_order() -> None:
    assert LAMP.doc == "A lamp that lights."
    keys = ["street", "from", "wide", "deep", "rooms", "lamp", "spare"]
    assert [each.key for each in HOUSE.fields] == keys
    defaults = [REQUIRED, 6.0, 10.0, 8.0, None, {}, None]
    assert [each.default for each in HOUSE.fields] == defaults


def test_its_values_become_the_class() -> None:
    house, problems = _read(HOUSE, "{street: Lý Bôn, from: 7, deep: 5, lamp: {on: yes}}")
    assert problems == []
    lamp = _Lamp(on=True)
    assert house == _House(number=1, street="Lý Bôn", begin=7.0, area=50.0, rooms=10, lamp=lamp)


def test_a_section_without_a_key_keeps_the_default_of_its_field() -> None:
    plain = section(_Lamp, "lamp", without=("watts",), changes={"on": {"default": True}})
    assert _read(plain, "{}") == (_Lamp(watts=5.0, on=True), [])
    (problem,) = _read(plain, "{watts: 6}")[1]
    assert problem.startswith("unknown key")


def test_annotations_that_are_text_are_refused() -> None:
    @dataclass
    class _Late:
        watts: "float" = 0.0

    with pytest.raises(TypeError, match=r"_Late\.watts: do not import annotations"):
        section(_Late, "late")


FULL = """\
gateway:
  {id: dt-001, ward: de-tham, name: A, timezone: Asia/Ho_Chi_Minh, holidays: [2027-01-01],
   ward_name: Đề Thám, location: {latitude: 20.4463, longitude: 106.3366}}
version: 3
profile: raspberry-pi-5
state_dir: state
heartbeat_s: 20
mqtt:
  {brokers: [mqtts://broker.example:8883], root: tb/v1, ca_file: ca.pem, cert_file: a.pem, key_file: a.key,
   username: dt-001, password_file: mqtt.pass, delivery: confirmed, spread_s: 3}
uplink: {kind: sim, monthly_bytes: 2GB, reset_day: 3, backlog_bytes_s: 9kB,
         max_clip_bytes: 8MB}
healing: {reconnect_h: 1, reset_h: 2, reboot_h: 3, witnesses: ["203.113.131.1:53"]}
outbox: {max_bytes: 2GB}
storage: {max_bytes: 2GB, max_age_days: 3, keep_free: 1GB, seal_to: centre.pem}
acceptance: {authority: A, organisation: B, symbol: C, place: D, owner: E, contractor: F, ward: G}
camera_firmware:
  - {vendor: Hikvision, models: DS-2*, minimum: V5.7.3, minimum_build: "2021-06-23", why: a, why_vi: b,
     source: c}
commands: {operator_keys: [keys], search_keys: [keys], signed: [restart]}
collect: {allow: true, seal_to: centre.pem, max_bytes: 1GB, keep_days: 3}
passages: {enabled: true, max_bytes: 1GB, max_age_days: 9, crops: false, crop_days: 2, scenes: false,
           scene_hours: 9, scene_max_bytes: 1GB}
detector:
  {model: none, labels: [person], min_score: 0.4, threads: 1, budget_ms_per_s: 300, delegate: none,
   budget_per_s: 3}
cameras:
  - id: cam-1
    url: rtsp://10.0.0.11/stream2
    username: viewer
    password_file: cam.pass
    analyse: {fps: 5, width: 640, gear: full, quiet_s: 9}
    ring: {seconds: 9, max_bytes: 2MB}
    report: {objects: true, counts_s: 0, snapshots: objects, clips: unmasked, stills: rules,
             passages: false}
    masks: [[[0, 0], [0.3, 0], [0.3, 0.06]]]
    privacy_masks: [[[0, 0], [0.3, 0], [0.3, 0.06]]]
    clip: {pre_s: 3, post_s: 3, max_s: 9, max_bytes: 9MB, main_url: "rtsp://10.0.0.11/stream1"}
    watch_view: false
    allow_basic: true
    http_port: 8080
    poe: {switch: 10.0.0.2, port: 5, group: 1, username: agent, password_file: sw.pass, privacy_file: sw.pass,
          after_min: 30, per_day: 2, off_s: 10}
    zones: {yard: {polygon: [[0, 0], [1, 0], [1, 1], [0, 1]], exclude: [[[0, 0], [0.3, 0], [0.3, 0.06]]]}}
    ground: {points: [[0.3, 0.9], [0.7, 0.9], [0.6, 0.5], [0.4, 0.5]], rectangle_m: [4, 12], bearing_deg: 90,
             length_error: 0.05}
    lines: {gate: {from: [0.2, 0.5], to: [0.8, 0.6]}}
    rules:
      - {id: a, kind: zone-intrusion, zone: yard, labels: [person], severity: alarm, cooldown_s: 3,
         enabled: true, min_duration_s: 3, grace_s: 3,
         schedule: {days: [mon], from: "22:00", to: "05:00", holidays: also, unsynced: clock}}
      - {id: b, kind: line-crossing, line: gate, direction: both, mode: loose, each: true, counts_s: 0,
         min_score: 1}
      - {id: c, kind: stopped-vehicle, zone: yard, still_s: 30}
      - {id: d, kind: wrong-way, zone: yard, arrow: {from: [0.2, 0.5], to: [0.8, 0.6]}, angle_deg: 30,
         min_distance: 0.2}
      - {id: e, kind: crowding, zone: yard, count: 9, min_duration_s: 3, release_count: 3}
  - id: cam-2
    url: rtsp://10.0.0.12/stream2
    ground: {points: [[0.3, 0.9], [0.7, 0.9], [0.6, 0.5], [0.4, 0.5]],
             metres: [[0, 0], [4, 0], [4.5, 12], [0, 12]]}
"""


@pytest.mark.parametrize("text", [MINIMAL, FULL], ids=["defaults", "every key"])
def test_each_value_has_the_type_of_its_field(tmp_path: Path, text: str) -> None:
    settings = settings_of(tmp_path, text, no_secrets=True)
    assert list(misfits(settings, type(settings), "settings")) == []
    assert text == MINIMAL or [key for key in keys_of(ROOT) if f"{key}:" not in text] == []


def test_a_value_of_another_type_is_seen() -> None:
    lamp = _Lamp(watts=5, on=None)  # type: ignore[arg-type]
    seen = ["lamp.watts: 5 is not of <class 'float'>", "lamp.on: None is not of <class 'bool'>"]
    assert list(misfits(lamp, _Lamp, "lamp")) == seen
