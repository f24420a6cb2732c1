"""What Home Assistant makes of real messages: keys of its discovery, and values of the templates."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from jinja2 import StrictUndefined
from jinja2.sandbox import ImmutableSandboxedEnvironment

import edge_agent
from edge_agent.tools.home_assistant.entities import (
    ALARM_KINDS,
    AnnouncedGateway,
    DiscoveryOptions,
    Entity,
    entities_of,
)

EXAMPLES = Path(edge_agent.__file__).parents[1] / "docs/reference/examples"
UP = "tb/v1/de-tham/dt-001/up"
GATEWAY = AnnouncedGateway(UP, "dt-001", "Chợ Đề Thám", "Pi 5", "0.1.0", ("cam-1", "cam-2"))
COMMON = {
    "name", "unique_id", "device", "origin", "availability_topic", "availability_template", "entity_category",
    "json_attributes_topic", "json_attributes_template",
}  # fmt: skip
KEYS = {
    "binary_sensor": COMMON | {"state_topic", "value_template", "device_class", "off_delay"},
    "sensor": COMMON
    | {"state_topic", "value_template", "device_class", "state_class", "unit_of_measurement"},
    "event": COMMON | {"state_topic", "value_template", "event_types"},
    "image": COMMON | {"image_topic", "content_type"},
}
"""Of Home Assistant's documentation; `make test-home-assistant` asks Home Assistant itself."""


def environment(now: datetime) -> ImmutableSandboxedEnvironment:
    """Home Assistant's functions that the templates use. A name that is missing is an error here."""
    made = ImmutableSandboxedEnvironment(undefined=StrictUndefined)
    made.globals["now"] = lambda: now
    made.globals["as_timestamp"] = lambda value: (
        value if isinstance(value, datetime) else datetime.fromisoformat(value)
    ).timestamp()
    made.filters["to_json"] = json.dumps
    return made


def example(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((EXAMPLES / f"{name}.json").read_text(encoding="utf-8"))
    return found


def all_entities(**options: Any) -> dict[str, Entity]:
    """By object id."""
    return {each[1]: each for each in entities_of(GATEWAY, DiscoveryOptions(**options))}


def value(object_id: str, message: dict[str, Any], *, age_s: float = 1.0, key: str = "value_template") -> str:
    """What the template of an entity makes of a message, ``age_s`` after it was recorded."""
    recorded = message.get("recordedtime")
    now = datetime.now(UTC) if recorded is None else datetime.fromisoformat(recorded)
    template = all_entities()[object_id][2][key]
    now += timedelta(seconds=age_s)
    return environment(now).from_string(template).render(value_json=message).strip()


def test_each_entity_has_the_keys_of_its_component_and_ids_of_its_own() -> None:
    entities = list(entities_of(GATEWAY, DiscoveryOptions(pictures=True)))
    assert [each for each in entities if set(each[2]) - KEYS[each[0]]] == []
    assert len({each[2]["unique_id"] for each in entities}) == len(entities) == 7 + 2 * 6


def test_a_heartbeat_gives_the_values_of_gateway_and_cameras() -> None:
    heartbeat = example("heartbeat")
    heartbeat["box"]["temperature_c"] = 61.5
    heartbeat["cameras"]["cam-2"]["view"] = ["covered"]
    found = {
        name: value(name, heartbeat)
        for name in (
            *("problem", "temperature", "storage", "uplink", "waiting"),
            *("cam-1_online", "cam-2_online", "cam-1_view", "cam-2_view"),
        )
    }
    assert found == {
        "problem": "ON",
        "temperature": "61.5",
        "storage": "29.3",
        "uplink": str(2801 + 33402 + 10183),
        "waiting": "1",
        "cam-1_online": "ON",
        "cam-2_online": "OFF",
        "cam-1_view": "OFF",
        "cam-2_view": "ON",
    }
    problems = json.loads(value("problem", heartbeat, key="json_attributes_template"))
    assert problems == {"problems": heartbeat["degraded"]}


def test_a_heartbeat_that_lacks_a_part_changes_nothing() -> None:
    names = ("temperature", "storage", "waiting", "cam-1_online")
    assert [value(name, {}) for name in names] == [""] * 4
    assert value("uplink", {}) == "0"


def test_state_says_whether_a_gateway_is_online() -> None:
    state = example("state")
    assert value("online", state) == "OFF"
    assert value("temperature", state, key="availability_template") == "offline"
    state["state"] = "online"
    assert value("online", state) == "ON"
    assert value("temperature", state, key="availability_template") == "online"
    assert "availability_topic" not in all_entities()["online"][2]


@pytest.mark.parametrize(
    ("changes", "age_s", "expected"),
    [
        pytest.param({}, 1, "ON", id="appears"),
        pytest.param({"phase": "update"}, 1, "ON", id="another class"),
        pytest.param({"phase": "end"}, 1, "", id="leaves, and others may be there"),
        pytest.param({"group": "vehicle"}, 1, "", id="of another group"),
        pytest.param({}, 3_600, "", id="an hour old"),
    ],
)
def test_a_person_who_appears_switches_a_sensor_on(
    changes: dict[str, Any], age_s: float, expected: str
) -> None:
    event = example("event-object")
    event["data"].update(changes)
    assert value("cam-1_person", event, age_s=age_s) == expected


def test_an_alarm_is_an_event_with_its_text() -> None:
    said = json.loads(value("cam-1_alarm", example("event-zone-intrusion")))
    assert said["event_type"] == "zone-intrusion"
    assert (said["text"], said["zone"], said["severity"]) == ("person in yard for 1 s", "yard", "ERROR")
    assert value("cam-1_alarm", example("event-zone-intrusion"), age_s=3_600) == ""
    ended = example("event-zone-intrusion")
    ended["data"]["phase"] = "end"
    assert value("cam-1_alarm", ended) == ""


def test_an_alarm_after_two_minutes_in_a_lane_is_no_old_event() -> None:
    stopped = example("event-stopped-vehicle")
    entered = datetime.fromisoformat(stopped["time"])
    stopped["data"]["still_s"] = 120.0
    stopped["recordedtime"] = (entered + timedelta(seconds=120)).isoformat()
    assert json.loads(value("cam-1_alarm", stopped))["event_type"] == "stopped-vehicle"
    assert value("cam-1_alarm", stopped, age_s=3_600) == ""


def test_every_kind_of_event_is_read_without_an_error() -> None:
    events = sorted(EXAMPLES.glob("event-*.json"))
    assert len(events) > 15
    for path in events:
        event = json.loads(path.read_text(encoding="utf-8"))
        said = value("cam-1_alarm", event)
        begins = event["data"].get("phase") in ("start", "moment")
        kind = path.stem.removeprefix("event-")
        assert bool(said) == (kind in ALARM_KINDS and begins), path.stem
        for group in ("person", "two-wheeler", "vehicle"):
            assert value(f"cam-1_{group}", event) in ("ON", ""), path.stem


def test_a_text_of_a_gateway_is_in_no_template() -> None:
    name = "{{ states('lock.door') }}' ~ x\n"
    hostile = AnnouncedGateway(UP, "dt-001", name, name, name, ("cam-1",))
    for _, _, settings in entities_of(hostile, DiscoveryOptions(pictures=True)):
        del settings["device"]
        assert "lock.door" not in json.dumps(settings)


def test_pictures_are_announced_only_on_request() -> None:
    assert "picture" not in all_entities()
    assert all_entities(pictures=True)["picture"][2]["image_topic"] == f"{UP}/media/+"
    assert all_entities(lang="vi")["cam-1_person"][2]["name"] == "Người"
