"""The schemas that ship are generated from the types, and ``edge-agent schema`` prints them."""

from __future__ import annotations

import io
import json

import msgspec
import pytest
from jsonschema import Draft202012Validator, ValidationError

from edge_agent import wire
from edge_agent.core.facts import ObjectObservation, Phase
from edge_agent.wire.json_schema import FOLDER, message_types, run_schema, schema_of, schema_text
from tests.events.parts import encoded, frame, maker, track

EVENT = encoded(maker().object_event("cam-1", ObjectObservation(Phase.START, track(), 998.0), frame(), None))


def test_the_shipped_files_are_current() -> None:
    shipped = {path.stem: path.read_text(encoding="utf-8") for path in FOLDER.glob("*.json")}
    assert shipped == {name: schema_text(name) for name in message_types()}, (
        "run: python -m edge_agent.wire.json_schema --write"
    )


def test_every_schema_is_a_valid_2020_12_schema() -> None:
    for name in message_types():
        schema = schema_of(name)
        Draft202012Validator.check_schema(schema)
        assert schema["$id"].endswith(f"/{name}.json")


def test_the_command_prints_names_and_schemas() -> None:
    names, one = io.StringIO(), io.StringIO()
    assert (run_schema(None, names), run_schema("event-object", one)) == (0, 0)
    assert set(names.getvalue().split()) == set(message_types())
    assert json.loads(one.getvalue()) == schema_of("event-object")


def test_an_unknown_name_is_answered_with_the_nearest_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_schema("objekt", io.StringIO()) == 2
    assert capsys.readouterr().err == (
        "edge-agent schema: there is no message 'objekt' (the nearest is 'object'); "
        "`edge-agent schema` lists all\n"
    )


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("severitynumber", 10),
        ("time", "2026-11-24 13:42:15"),
        ("sequence", "12"),
        ("type", "x"),
        ("subject", "Cam 1"),
    ],
)
def test_the_schema_refuses_what_the_protocol_refuses(field: str, value: object) -> None:
    with pytest.raises(ValidationError):
        Draft202012Validator(schema_of("event-object")).validate({**EVENT, field: value})


def test_a_field_of_a_later_version_is_let_pass() -> None:
    later = json.dumps({**EVENT, "newer": 1}).encode()
    Draft202012Validator(schema_of("event-object")).validate(json.loads(later))
    assert msgspec.json.decode(later, type=wire.CloudEvent[wire.ObjectData]).subject == "cam-1"


def test_state_is_valid() -> None:
    state = wire.State(state="online", session="s", time="2026-11-24T13:42:15.123Z", reason="connected")
    Draft202012Validator(schema_of("state")).validate(json.loads(msgspec.json.encode(state)))
