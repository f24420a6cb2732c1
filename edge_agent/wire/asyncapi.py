"""The whole interface as one AsyncAPI 3 document, generated from ``wire/`` like the JSON Schemas.

``python -m edge_agent.wire.asyncapi`` in the repository rewrites ``docs/reference/asyncapi.json``. A test
keeps it current, and ``make check-contract`` parses it with AsyncAPI's own parser. Its examples are messages
of real runs, ``docs/reference/examples/<message>.json``; ``make examples`` collects new ones.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from edge_agent import __version__, wire
from edge_agent.wire.json_schema import message_types, simplify
from edge_agent.wire.topics import UNCLAIMED

DOCS = Path(__file__).parents[2] / "docs" / "reference"
ROOT = "tb/v1"
REFERENCES = "#/components/schemas/{name}"
JSON = "application/json"
EVENTS = "application/cloudevents+json; charset=utf-8"

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Channel:
    """One topic, and the messages that are published to it."""

    name: str
    subtopic: str  # the rest of the topic, after the levels of the gateway, the box or the centre
    summary: str
    messages: tuple[str, ...]  # names of ``message_types``, or of ``FILES``
    qos: int = 1
    retain: bool = False
    from_gateway: bool = True
    of_centre: bool = False  # True: the centre publishes it for any subscriber
    of_box: bool = False  # True: it belongs to a box that is not the gateway of a site yet


@dataclass(frozen=True, slots=True)
class Opaque:
    """A message that is not JSON. Its example shows its user properties; without any, its payload."""

    summary: str
    properties: tuple[str, ...] = ()  # names of its MQTT user properties; each value is a text


CONFIG = "The desired configuration: a command set-config as a compact JWS."
FILES = {
    "media": Opaque(
        "A file of an event: image/jpeg, video/mp4, application/gzip, or sealed with the centre's key.",
        ("event_id", "camera", "sha256"),
    ),
    "part": Opaque(
        "A part of a file that is too large for one message. Every part has `part_bytes`, but the last has "
        "the rest; `bytes` and `sha256` are those of the whole file, `part` counts from 1 to `parts`.",
        ("event_id", "camera", "sha256", "bytes", "part_bytes", "parts", "part"),
    ),
    "config": Opaque(CONFIG),
}


def channels() -> tuple[Channel, ...]:
    events = tuple(f"event-{kind}" for kind in wire.DATA_OF_KIND)
    commands = [(name, " ".join((kind.__doc__ or name).split())) for name, kind in wire.ARGUMENTS.items()]
    return (
        Channel(
            "state", "up/state", "Whether the gateway is online; also its last will.", ("state",), retain=True
        ),
        Channel(
            "birth", "up/birth", "Inventory of the gateway, sent at every connect.", ("birth",), retain=True
        ),
        Channel("heartbeat", "up/heartbeat", "Health of gateway and cameras.", ("heartbeat",), qos=0),
        Channel(
            "event", "up/event/{camera}", "Events of a camera; `gateway` for the gateway itself.", events
        ),
        Channel("media", "up/media/{media_id}", "Files of events, after their events.", ("media",)),
        Channel("part", "up/part/{media_id}", "Large files of events, in parts.", ("part",)),
        Channel("reply", "up/reply/{command_id}", "Progress and result of a command.", ("reply",)),
        *(
            Channel(f"command-{name}", f"down/cmd/{name}", says, (f"command-{name}",), from_gateway=False)
            for name, says in sorted(commands)
        ),
        Channel("config", "down/config", CONFIG, ("config",), retain=True, from_gateway=False),
        Channel("ack", "down/ack", "What the centre has stored.", ("ack",), from_gateway=False),
        *_of_centre(),
        *_of_box(),
    )


def _of_centre() -> Iterator[Channel]:
    about = "A problem that needs attention, of a"
    for name, below, what in (
        ("central-alert", "alert/{ward}/{gateway}/{rule}", "gateway; `_ward` for the ward itself"),
        ("central-alert-camera", "alert/{ward}/{gateway}/{rule}/{camera}", "camera"),
    ):
        yield Channel(name, below, f"{about} {what}.", ("central-alert",), retain=True, of_centre=True)
    claim = "A claim of a box that waits for the control machine, by a number of the centre."
    yield Channel("central-claim", "claim/{number}", claim, ("central-claim",), retain=True, of_centre=True)


def _of_box() -> Iterator[Channel]:
    claim = "A box says which site it stands at; a compact JWS by the box's key."
    answer = "Whether the claim is confirmed; a compact JWS by a key of the site bundle."
    yield Channel("claim", "up/claim", claim, ("claim",), of_box=True)
    yield Channel(
        "claim-answer", "down/answer", answer, ("claim-answer",), retain=True, from_gateway=False, of_box=True
    )


def document(examples: Mapping[str, Any]) -> Document:
    """Return the AsyncAPI document. ``examples``: payloads by the name of their message."""
    names = {name for channel in channels() for name in channel.messages}
    types = {name: kind for name, kind in message_types().items() if name in names}
    references, schemas = msgspec.json.schema_components(list(types.values()), ref_template=REFERENCES)
    simplify(schemas)
    _to_draft_7(schemas)
    payloads = dict(zip(types, references, strict=True))
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "edge-agent",
            "version": __version__,
            "description": "Camera gateways over MQTT 5. Explained in docs/reference/.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": JSON,
        "channels": {channel.name: _channel(channel) for channel in channels()},
        "operations": {_operation_name(channel): _operation(channel) for channel in channels()},
        "components": {
            "messages": {
                name: _message(name, payloads.get(name), examples.get(name))
                for channel in channels()
                for name in channel.messages
            },
            "schemas": {**schemas, "Id": {"type": "string", "pattern": "^[a-z0-9-]{1,63}$"}},
        },
    }


def _channel(channel: Channel) -> Document:
    sender = (
        "central"
        if channel.of_centre
        else f"{UNCLAIMED}/{{serial}}"
        if channel.of_box
        else "{ward}/{gateway}"
    )
    address = f"{ROOT}/{sender}/{channel.subtopic}"
    names = [part.strip("{}") for part in address.split("/") if part.startswith("{")]
    return {
        "address": address,
        "description": channel.summary,
        "parameters": {name: {"description": PARAMETERS[name]} for name in names},
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in channel.messages},
    }


PARAMETERS = {
    "ward": "id of the ward",
    "gateway": "id of the gateway: its certificate's CN, client id and broker user",
    "serial": "of the box",
    "number": "of the claim, given by the centre",
    "camera": "id of the camera, or `gateway`",
    "rule": "id of the alert rule",
    "media_id": "as in the event",
    "command_id": "id of the command",
}


def _operation_name(channel: Channel) -> str:
    return f"{'send' if channel.from_gateway else 'receive'}{channel.name.title().replace('-', '')}"


def _operation(channel: Channel) -> Document:
    return {
        "action": "send" if channel.from_gateway else "receive",
        "channel": {"$ref": f"#/channels/{channel.name}"},
        "summary": channel.summary,
        "bindings": {"mqtt": {"qos": channel.qos, "retain": channel.retain, "bindingVersion": "0.2.0"}},
        "messages": [{"$ref": f"#/channels/{channel.name}/messages/{name}"} for name in channel.messages],
    }


def _message(name: str, payload: Document | None, example: Any) -> Document:
    if payload is None:
        return _opaque_message(name, FILES[name], example)
    message: Document = {"name": name, "contentType": EVENTS if name.startswith("event-") else JSON}
    message["payload"] = payload
    if example is not None:
        message["examples"] = [{"name": "real", "payload": example}]
    return message


def _opaque_message(name: str, opaque: Opaque, example: Any) -> Document:
    message: Document = {"name": name, "summary": opaque.summary, "contentType": "application/octet-stream"}
    message["payload"] = {"type": "string", "format": "binary"}
    if opaque.properties:
        texts = {each: {"type": "string"} for each in opaque.properties}
        message["headers"] = {"type": "object", "required": [*texts], "properties": texts}
    if example is not None:
        part = "headers" if opaque.properties else "payload"
        message["examples"] = [{"name": "real", part: example}]
    return message


def _to_draft_7(node: object) -> None:
    """Rewrite schemas of tuples in place: AsyncAPI's JSON Schema, draft 7, describes them differently."""
    if isinstance(node, dict):
        if "prefixItems" in node:
            node["items"], node["additionalItems"] = node.pop("prefixItems"), False
        node = list(node.values())
    if isinstance(node, list):
        for part in node:
            _to_draft_7(part)


def examples_in(folder: Path) -> dict[str, Any]:
    return {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.json"))}


def text() -> str:
    return json.dumps(document(examples_in(DOCS / "examples")), indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    if sys.argv[1:]:
        sys.exit("usage: python -m edge_agent.wire.asyncapi")
    (DOCS / "asyncapi.json").write_text(text(), encoding="utf-8")
