"""The entities of a gateway and its cameras, as Home Assistant's MQTT discovery describes them. Pure.

Home Assistant reads the existing topics and extracts its values with the templates here, so gateways send
nothing in addition. An empty result of a template leaves an entity as it is. Templates name only ids, which
have no character that could end a string; a gateway's own texts are in ``device`` alone, which Home
Assistant does not read as a template.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from edge_agent import __version__
from edge_agent.config.model.rules import RuleKind
from edge_agent.core.languages import Lang, Sentences, say
from edge_agent.core.printable import printable

ORIGIN = "edge-agent"
FRESH_S = 60
"""Home Assistant ignores an event that was recorded longer ago when it arrives: a gateway that was cut off
sends its events of hours ago. ``time`` is no measure: it may be the beginning of the duration that a rule
waits for."""
MAX_NAME = 100
GROUPS = ("person", "two-wheeler", "vehicle")
ALARM_KINDS = (*(kind.value for kind in RuleKind), "camera-view")
NAMES: Sentences = {
    "online": ("Connection", "Kết nối"),
    "problem": ("Problem", "Vấn đề"),
    "temperature": ("Temperature", "Nhiệt độ"),
    "storage": ("Storage used", "Dung lượng ổ đĩa đã dùng"),
    "uplink": ("Data this month", "Dữ liệu đã gửi và nhận trong tháng"),
    "waiting": ("Events waiting", "Sự kiện chờ gửi"),
    "picture": ("Last picture", "Ảnh mới nhất"),
    "view": ("View impaired", "Góc nhìn bị ảnh hưởng"),
    "person": ("Person", "Người"),
    "two-wheeler": ("Two-wheeler", "Xe hai bánh"),
    "vehicle": ("Vehicle", "Ô tô"),
    "alarm": ("Alarm", "Báo động"),
}
_IS_FRESH = f"as_timestamp(now()) - as_timestamp(value_json.recordedtime) < {FRESH_S}"


@dataclass(frozen=True, slots=True)
class DiscoveryOptions:
    lang: Lang = "en"
    off_delay_s: int = 30  # after the last object of a group appeared
    pictures: bool = False


@dataclass(frozen=True, slots=True)
class AnnouncedGateway:
    """A gateway as its birth describes it. All ids are valid; the texts are as the gateway sent them."""

    up: str  # first levels of its topics, with ``up``
    id: str
    name: str
    board: str
    version: str
    cameras: tuple[str, ...]

    @property
    def device_id(self) -> str:
        return f"{ORIGIN}_{self.id}"


Entity = tuple[str, str, dict[str, Any]]
"""Component, object id and settings."""


def entities_of(gateway: AnnouncedGateway, options: DiscoveryOptions) -> Iterator[Entity]:
    """Yield all entities of a gateway and its cameras, in a fixed order."""
    device = {
        "identifiers": [gateway.device_id],
        "name": _text(gateway.name) or gateway.id,
        "manufacturer": ORIGIN,
        "model": _text(gateway.board) or "unknown",
        "sw_version": _text(gateway.version) or "unknown",
    }
    for component, key, settings in (
        *_of_gateway(gateway.up),
        *(_picture(gateway.up) if options.pictures else ()),
    ):
        yield component, key, _whole(gateway, key, key, device, settings, options.lang)
    for camera in gateway.cameras:
        of_camera = {
            "identifiers": [f"{gateway.device_id}_{camera}"],
            "name": f"{device['name']} {camera}",
            "manufacturer": ORIGIN,
            "via_device": gateway.device_id,
        }
        for component, key, settings in _of_camera(gateway.up, camera, options.off_delay_s):
            own = f"{camera}_{key}"
            yield component, own, _whole(gateway, own, key, of_camera, settings, options.lang)


def _whole(
    gateway: AnnouncedGateway,
    object_id: str,
    key: str,
    device: Mapping[str, Any],
    settings: Mapping[str, Any],
    lang: Lang,
) -> dict[str, Any]:
    whole = {
        "name": say(NAMES, key, lang),
        "unique_id": f"{gateway.device_id}_{object_id}",
        **settings,
        "device": device,
        "origin": {"name": ORIGIN, "sw_version": __version__},
    }
    if object_id != "online":  # "online" itself must stay available while the gateway is offline
        whole["availability_topic"] = f"{gateway.up}/state"
        whole["availability_template"] = "{{ 'online' if value_json.state == 'online' else 'offline' }}"
    return whole


def _of_gateway(up: str) -> Sequence[Entity]:
    heartbeat = {"state_topic": f"{up}/heartbeat", "entity_category": "diagnostic"}
    measured = {**heartbeat, "state_class": "measurement"}
    online = {
        "state_topic": f"{up}/state",
        "value_template": "{{ 'ON' if value_json.state == 'online' else 'OFF' }}",
        "device_class": "connectivity",
    }
    problem = {
        **heartbeat,
        "value_template": "{{ 'ON' if value_json.degraded | default([]) else 'OFF' }}",
        "device_class": "problem",
        "json_attributes_topic": f"{up}/heartbeat",
        "json_attributes_template": "{{ {'problems': value_json.degraded | default([])} | to_json }}",
    }
    temperature = {
        **measured,
        "value_template": _number("box", "temperature_c"),
        "device_class": "temperature",
        "unit_of_measurement": "°C",
    }
    storage = {**measured, "value_template": _number("box", "disk_percent"), "unit_of_measurement": "%"}
    waiting = {**measured, "value_template": _number("outbox", "depth")}
    uplink = {
        **heartbeat,
        "value_template": "{{ ((value_json.mqtt | default({})).get('bytes_month', {})).values() | sum }}",
        "device_class": "data_size",
        "unit_of_measurement": "B",
        "state_class": "total_increasing",
    }
    return (
        ("binary_sensor", "online", online),
        ("binary_sensor", "problem", problem),
        ("sensor", "temperature", temperature),
        ("sensor", "storage", storage),
        ("sensor", "uplink", uplink),
        ("sensor", "waiting", waiting),
    )


def _picture(up: str) -> Sequence[Entity]:
    return (("image", "picture", {"image_topic": f"{up}/media/+", "content_type": "image/jpeg"}),)


def _of_camera(up: str, camera: str, off_delay_s: int) -> Iterator[Entity]:
    health = f"{{% set c = (value_json.cameras | default({{}})).get('{camera}', {{}}) %}}"
    online = {
        "state_topic": f"{up}/heartbeat",
        "value_template": health + "{{ {'online': 'ON', 'degraded': 'ON', 'offline': 'OFF'}"
        ".get(c.get('state'), '') }}",
        "device_class": "connectivity",
        "entity_category": "diagnostic",
    }
    view = {
        "state_topic": f"{up}/heartbeat",
        "value_template": health + "{{ 'ON' if c.get('view') else 'OFF' }}",
        "device_class": "problem",
        "entity_category": "diagnostic",
        "json_attributes_topic": f"{up}/heartbeat",
        "json_attributes_template": health + "{{ {'states': c.get('view', [])} | to_json }}",
    }
    yield "binary_sensor", "online", online
    yield "binary_sensor", "view", view
    for group in GROUPS:
        yield "binary_sensor", group, _motion(f"{up}/event/{camera}", group, off_delay_s)
    yield "event", "alarm", _alarm(f"{up}/event/{camera}")


def _motion(topic: str, group: str, off_delay_s: int) -> dict[str, Any]:
    """Return a sensor that is on while objects of a group appear, and off ``off_delay_s`` later: no event
    says that its object was the last."""
    condition = f"d.get('group') == '{group}' and d.get('phase') in ['start', 'update', 'moment']"
    return {
        "state_topic": topic,
        "value_template": "{% set d = value_json.data %}"
        f"{{{{ 'ON' if {condition} and {_IS_FRESH} else '' }}}}",
        "off_delay": off_delay_s,
        "device_class": "motion",
    }


def _alarm(topic: str) -> dict[str, Any]:
    said = (
        "'event_type': kind, 'severity': value_json.severitytext, 'time': value_json.time, "
        "'event_id': d.get('event_id'), 'text': d.get('why'), 'rule': d.get('rule_id'), "
        "'zone': d.get('zone') or d.get('line'), 'label': d.get('label'), 'state': d.get('state')"
    )
    condition = f"kind in {list(ALARM_KINDS)} and d.get('phase') in ['start', 'moment'] and {_IS_FRESH}"
    return {
        "state_topic": topic,
        "event_types": list(ALARM_KINDS),
        "value_template": "{% set d = value_json.data %}{% set kind = value_json.type.split('.')[3] %}"
        f"{{{{ {{{said}}} | to_json if {condition} else '' }}}}",
    }


def _number(part: str, name: str) -> str:
    """Return a template for one number of the heartbeat; its result is empty if the heartbeat lacks it."""
    found = f"(value_json.{part} | default({{}})).get('{name}')"
    return f"{{% set n = {found} %}}{{{{ n if n is number else '' }}}}"


def _text(text: str) -> str:
    return printable(text)[:MAX_NAME].strip()
