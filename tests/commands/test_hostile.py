"""Arbitrary messages on the topics of commands cause no exception, and invalid ones have no effect."""

from __future__ import annotations

import base64
import json
import logging
from collections.abc import Iterator
from logging.handlers import BufferingHandler
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.commands.action import Action
from edge_agent.commands.signature import sign
from tests.commands.centre import document, encoded
from tests.commands.counter import OPERATOR, Counter, counter_in
from tests.commands.table import EXAMPLES
from tests.testbed.schemas import schema_validator

TYPES = st.sampled_from([*EXAMPLES, "unknown", "Ünknown", "x" * 300])


@pytest.fixture(scope="module")
def errors() -> Iterator[BufferingHandler]:
    """Only a bug is logged as an error; a refusal is not."""
    handler = BufferingHandler(1000)
    handler.setLevel(logging.ERROR)
    logging.getLogger().addHandler(handler)
    yield handler
    logging.getLogger().removeHandler(handler)


@pytest.fixture(scope="module")
def box(
    tmp_path_factory: pytest.TempPathFactory, actions: dict[str, Action], errors: BufferingHandler
) -> Iterator[Counter]:
    with counter_in(tmp_path_factory.mktemp("fuzzed"), actions).opened() as counter:
        yield counter


def deliver(box: Counter, errors: BufferingHandler, type_: str, payload: bytes) -> None:
    box.deliver(type_, payload)
    assert errors.buffer == []
    box.replies("")  # each of which is valid


def has_done_nothing(box: Counter) -> bool:
    return box.ran == [] and box.files() == {} and box.dispatcher.health().waiting == 0


def nested(opening: str, depth: int) -> bytes:
    return b'{"id":"a","args":' + opening.encode() * depth


ODD = (
    st.binary(max_size=300)
    | st.text(max_size=100).map(str.encode)
    | st.builds(nested, st.sampled_from(["[", '{"a":', '{"id":']), st.integers(1, 200_000))
    | st.integers(1, 20_000).map(lambda size: b'{"id":' + b"9" * size + b"}")
    | st.sampled_from(
        [b"", b"{}", b"null", b"1e999", b'{"id":"\\ud800"}', b'"a"', b"..", b"a.b.c", b"{..", b"\xff\xfe{"]
    )
    | st.lists(st.binary(max_size=60), min_size=3, max_size=3).map(
        lambda parts: b".".join(base64.urlsafe_b64encode(part).rstrip(b"=") for part in parts)
    )
)


@given(TYPES, ODD)
@settings(max_examples=300, deadline=None)
def test_noise_has_no_effect(box: Counter, errors: BufferingHandler, type_: str, payload: bytes) -> None:
    deliver(box, errors, type_, payload)
    assert has_done_nothing(box)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
FIELDS = st.sampled_from(["id", "type", "gateway", "issued", "expires", "args", "more"])


@given(
    st.sampled_from(sorted(EXAMPLES)), st.dictionaries(FIELDS, VALUES, min_size=1, max_size=3), st.booleans()
)
@settings(max_examples=300, deadline=None)
def test_of_documents_with_odd_values_only_right_ones_run(
    box: Counter, errors: BufferingHandler, name: str, odd: dict[str, object], is_signed: bool
) -> None:
    asked = {**document(name, EXAMPLES[name].args), **odd}
    text = json.dumps(asked).encode("utf-8", "surrogatepass")
    deliver(box, errors, name, sign(text, OPERATOR) if is_signed else text)
    if not schema_validator(f"command-{name}").is_valid(asked):
        assert asked["id"] not in box.ran


@given(st.sampled_from(sorted(EXAMPLES)), st.data())
@settings(max_examples=200, deadline=None)
def test_a_signed_command_with_any_byte_changed_is_refused(
    box: Counter, errors: BufferingHandler, name: str, data: st.DataObject
) -> None:
    asked = document(name, EXAMPLES[name].args)
    payload = bytearray(sign(encoded(asked), OPERATOR))
    at = data.draw(st.integers(0, len(payload) - 1))
    change = data.draw(st.sampled_from(["flip", "drop", "double", "odd"]))
    if change == "flip":
        payload[at] ^= 1 << data.draw(st.integers(0, 7))
    elif change == "drop":
        del payload[at]
    elif change == "double":
        payload.insert(at, payload[at])
    else:
        payload[at : at + 1] = data.draw(st.binary(min_size=2, max_size=8))
    deliver(box, errors, name, bytes(payload))
    assert asked["id"] not in box.ran
    assert not (box.state_dir / f"commands/{asked['id']}.json").exists()


@pytest.mark.parametrize("key", ["id", "type", "gateway", "issued", "expires"])
def test_a_line_feed_at_the_end_is_part_of_no_field(box: Counter, errors: BufferingHandler, key: str) -> None:
    """``$`` also matches before a final newline: the reply to such an id once crashed the publisher."""
    asked = document("status")
    deliver(box, errors, "status", encoded({**asked, key: asked[key] + "\n"}))
    assert [*(box.state_dir / "commands").glob(f"{asked['id']}*")] == []


def test_a_flood_of_wrong_commands_is_answered_sparingly(tmp_path: Path, actions: dict[str, Action]) -> None:
    with counter_in(tmp_path, actions).opened() as flooded:
        asked = document("status")
        answer = flooded.ask(asked)
        for number in range(500):
            flooded.deliver("status", encoded(document("status", id=f"wrong-{number}", gateway="dt-002")))
        assert flooded.dispatcher.health().rejected == 500
        flooded.replies("")
        assert len([each for each in flooded.sent if each["code"] == "wrong-gateway"]) == 60
        assert flooded.ask(asked) == answer
