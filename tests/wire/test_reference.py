"""The reference documents name every field of events, heartbeat and alerts, and every topic."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from edge_agent import wire
from edge_agent.wire.asyncapi import channels
from edge_agent.wire.json_schema import schema_of

REFERENCE = Path(__file__).parents[2] / "docs" / "reference"
EVENTS = (REFERENCE / "events.md").read_text(encoding="utf-8")
HEARTBEAT = (REFERENCE / "heartbeat.md").read_text(encoding="utf-8")
TOPICS = (REFERENCE / "topics.md").read_text(encoding="utf-8")


def fields(node: Any, parts: dict[str, Any], entered: frozenset[str] = frozenset()) -> Iterator[str]:
    """Yield the name of every property below ``node``. ``parts``: ``$defs`` of the schema."""
    if isinstance(node, list):
        for each in node:
            yield from fields(each, parts, entered)
    elif isinstance(node, dict):
        part = node.get("$ref", "").rsplit("/", 1)[-1]
        if part and part not in entered:
            yield from fields(parts[part], parts, entered | {part})
        yield from node.get("properties", ())
        for each in node.get("properties", {}).values():
            yield from fields(each, parts, entered)
        for key in ("anyOf", "items", "prefixItems", "additionalProperties"):
            yield from fields(node.get(key), parts, entered)


def named(text: str) -> set[str]:
    """Return the words that are written as code, and the keys of the examples."""
    code = re.findall(r"`([^`\n]+)`", text) + re.findall(r'"(\w+)":', text)
    return set(re.findall(r"\w+", " ".join(code)))


@pytest.mark.parametrize("kind", wire.DATA_OF_KIND)
def test_every_field_of_an_event_is_in_its_section_or_in_the_general_one(kind: str) -> None:
    sections = dict(part.split("\n", 1) for part in EVENTS.split("\n## ")[1:])
    schema = schema_of(f"event-{kind}")
    known = named(sections["In every event"]) | named(sections[kind])
    assert set(fields(schema, schema.get("$defs", {}))) - known == set()


@pytest.mark.parametrize("name", schema_of("heartbeat")["properties"])
def test_every_field_of_the_heartbeat_is_in_a_row_about_it(name: str) -> None:
    schema = schema_of("heartbeat")
    rows = [row for row in HEARTBEAT.splitlines() if re.match(rf"\| `{name}[`.]", row)]
    inner = set(fields(schema["properties"][name], schema["$defs"]))
    assert {name, *inner} - named("\n".join(rows)) == set()


def test_every_field_of_an_alert_is_in_the_guide() -> None:
    schema = schema_of("central-alert")
    guide = (REFERENCE.parent / "guide" / "alerts.md").read_text(encoding="utf-8")
    assert set(fields(schema, schema["$defs"])) - named(guide) == set()


def test_every_topic_has_a_row_with_its_qos_and_whether_it_is_retained() -> None:
    text = TOPICS.replace("`…/", "`alert/<ward>/<gateway>/")
    rows = re.findall(r"^\| (`.+?`) \| (\d) \| (.+?) \|", text, re.M)
    known = {
        (topic, int(qos), retained != "no")
        for cell, qos, retained in rows
        for topic in cell[1:-1].split("`, `")
    }
    names = {"media_id": "id", "command_id": "cmd_id"}
    for channel in channels():
        topic = re.sub(r"\{(\w+)\}", lambda found: f"<{names.get(found[1], found[1])}>", channel.subtopic)
        topic = re.sub("^down/cmd/.+", "down/cmd/<type>", topic)
        if not channel.of_box:
            topic = topic.removeprefix("up/").removeprefix("down/")
        assert (topic, channel.qos, channel.retain) in known
