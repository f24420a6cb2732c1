"""Claims of boxes: check characters of labels, topics, and the bounds of the messages."""

from __future__ import annotations

import json

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.commands.action import CommandRefused
from edge_agent.commands.signature import sign, verify
from edge_agent.wire import Claim, SiteBundle
from edge_agent.wire.claims import check_character
from edge_agent.wire.topics import ClaimTopics
from tests.testbed.claims import SERIAL, claim, site_bundle

SITES = st.from_regex(r"[a-z0-9]{1,20}(-[a-z0-9]{1,10})?", fullmatch=True)


def test_the_check_character_is_that_of_the_standard() -> None:
    """The example of the standard for identifiers of recordings (GRid), which uses ISO 7064 MOD 37,36."""
    assert check_character("a12425gabc1234002") == "m"


@given(SITES, st.data())
def test_a_wrong_character_changes_the_check_character(site: str, data: st.DataObject) -> None:
    place = data.draw(st.sampled_from([i for i, letter in enumerate(site) if letter != "-"]))
    letter = data.draw(st.sampled_from("0123456789abcdefghijklmnopqrstuvwxyz".replace(site[place], "")))
    assert check_character(site[:place] + letter + site[place + 1 :]) != check_character(site)


def test_the_topics_of_a_box() -> None:
    topics = ClaimTopics("tb/v1", SERIAL)
    assert topics.claim == f"tb/v1/unclaimed/{SERIAL}/up/claim"
    assert topics.answer == f"tb/v1/unclaimed/{SERIAL}/down/answer"


@pytest.mark.parametrize("serial", ["box-1234567", "box-" + "a" * 33, "BOX-12345678", "box-1234/678", ""])
def test_a_serial_that_names_another_topic_is_refused(serial: str) -> None:
    with pytest.raises(ValueError, match="is not a serial"):
        ClaimTopics("tb/v1", serial)


def test_a_claim_is_verified_with_the_key_that_it_contains() -> None:
    private, other = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
    document = msgspec.json.encode(claim())
    jws = sign(document, private)
    assert verify(jws, private.public_key().public_bytes_raw()) == document
    with pytest.raises(CommandRefused, match="belongs to no operator"):
        verify(jws, other.public_key().public_bytes_raw())
    forged = jws[:-2] + (b"AA" if jws[-2:] != b"AA" else b"BA")
    with pytest.raises(CommandRefused):
        verify(forged, private.public_key().public_bytes_raw())


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("serial", "box-1"),
        ("site", "Dt 001"),
        ("by", "x" * 201),
        ("csr", ""),
        ("location", {"latitude": 91, "longitude": 0, "accuracy_m": 1}),
        ("cameras", [{"id": "cam-1"}] * 65),
    ],
)
def test_a_claim_out_of_bounds_is_refused(field: str, value: object) -> None:
    document = json.loads(msgspec.json.encode(claim())) | {field: value}
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(json.dumps(document), type=Claim)


def test_a_bundle_names_at_least_one_key_for_answers() -> None:
    document = json.loads(msgspec.json.encode(site_bundle()))
    assert msgspec.json.decode(json.dumps(document), type=SiteBundle) == site_bundle()
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(json.dumps(document | {"answer_keys": []}), type=SiteBundle)
