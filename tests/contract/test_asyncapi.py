"""The AsyncAPI document matches the code, and its examples are valid messages."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator

from edge_agent.wire import asyncapi
from edge_agent.wire.json_schema import message_types
from tests.testbed.schemas import check_message

EXAMPLES = asyncapi.examples_in(asyncapi.DOCS / "examples")
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
TIME = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+Z")
BEGUN = "2026-11-01T00:00:00.000Z"
NO_MESSAGE = {"doctor", "rehearsal", "rules", "site-bundle"}  # printed, the result in a reply, or a file


def test_the_document_in_docs_is_current() -> None:
    assert (asyncapi.DOCS / "asyncapi.json").read_text(encoding="utf-8") == asyncapi.text(), (
        "run: python -m edge_agent.wire.asyncapi"
    )


def test_every_message_has_a_channel() -> None:
    sent = {name for channel in asyncapi.channels() for name in channel.messages} - set(asyncapi.FILES)
    whole = {name for name in message_types() if f"event-{name}" not in message_types()}
    assert sent == whole - NO_MESSAGE


def test_every_message_has_an_example_of_a_real_run() -> None:
    sent = {name for channel in asyncapi.channels() for name in channel.messages}
    assert sent - set(EXAMPLES) == set(), "run: make examples"


def test_the_examples_of_what_is_no_json_are_what_goes_over_the_wire() -> None:
    for kind in ("media", "part"):
        assert list(EXAMPLES[kind]) == list(asyncapi.FILES[kind].properties)
    signed = EXAMPLES["config"].split(".")[1]
    document = json.loads(base64.urlsafe_b64decode(signed + "=" * (-len(signed) % 4)))
    check_message(document, "command-set-config")


def test_no_example_is_of_a_part_on_its_own() -> None:
    """A test that builds a part by itself invents a boot id; Linux uses a UUID."""
    events = {name: EXAMPLES[name]["bootid"] for name in EXAMPLES if name.startswith("event-")}
    assert len(events) > 10
    made_up = {name for name, boot in events.items() if boot != "replay" and not UUID.fullmatch(boot)}
    assert made_up == set(), "run: make examples"


def test_an_example_is_a_valid_message() -> None:
    for name in set(EXAMPLES) - set(asyncapi.FILES):
        check_message(EXAMPLES[name], name)


def test_the_times_of_an_example_are_possible() -> None:
    """After the agent was begun, and an event is stored no earlier than it happened."""
    for name in set(EXAMPLES) - set(asyncapi.FILES):
        times = [each for each in texts(EXAMPLES[name]) if TIME.fullmatch(each)]
        assert min(times, default=BEGUN) >= BEGUN, name
        if name.startswith("event-"):
            event, data = EXAMPLES[name], EXAMPLES[name]["data"]
            ordered = (data.get("started_at"), event["time"], event["recordedtime"])
            assert sorted(filter(None, ordered)) == list(filter(None, ordered)), name
            assert data.get("from_at", "") <= data.get("to_at", "9"), name


def texts(node: object) -> Iterator[str]:
    if isinstance(node, str):
        yield node
    elif isinstance(node, dict | list):
        for part in node.values() if isinstance(node, dict) else node:
            yield from texts(part)


def test_each_reference_of_the_document_leads_somewhere() -> None:
    document = json.loads(asyncapi.text())

    def references(node: object) -> set[str]:
        if isinstance(node, dict):
            inner = set().union(*(references(part) for part in node.values()), set())
            return inner | ({node["$ref"]} if "$ref" in node else set())
        return set().union(*(references(part) for part in node), set()) if isinstance(node, list) else set()

    for reference in references(document):
        found = document
        for part in reference.removeprefix("#/").split("/"):
            found = found[part]
