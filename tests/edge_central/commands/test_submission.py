"""What the console accepts of a form, and of what a browser has signed."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from edge_agent.commands.document import parse
from edge_agent.commands.signature import PUBLIC_DER, key_id, sign
from edge_agent.core.clock import SystemClock, rfc3339_of_ms
from edge_agent.wire import ARGUMENTS
from edge_central.commands.draft import prepare, signed_command, unsigned_command
from edge_central.commands.model import (
    LIFE_MS,
    MAX_LIFE_MS,
    SIGNED_TYPES,
    UNSIGNED_TYPES,
    GatewayCommand,
    InvalidCommand,
)
from edge_central.commands.submission import read_signed
from edge_central.web.i18n import ALL
from tests.edge_central.commands.parts import CAMERAS, MASK, OPERATOR, command, signed_as_browser

NOW_MS = 1_795_860_000_000
FORM = {"reason": "lễ hội", "camera": "cam-1", "rule": "cam-1/yard", "for_s": "3600", "every_s": "300"}
FORM |= {"event_id": "zone-1"}
ARGS: dict[str, dict[str, Any]] = {
    "arm": {"camera": "cam-1", "rule": "yard", "for_s": 3600},
    "camera-reboot": {"camera": "cam-1"},
    "disarm": {"camera": "cam-1", "rule": "yard", "for_s": 3600},
    "evidence-hold": {"event_id": "zone-1", "why": "lễ hội"},
    "mask": {"camera": "cam-1", "rule": "yard", "for_s": 3600},
    "relearn": {"camera": "cam-1"},
    "set-rule": {"camera": "cam-1", "rule": {"id": "yard"}, "config_hash": "ab" * 32},
    "snapshot": {"camera": "cam-1", "still": True},
    "storm-mode": {"cameras": ["cam-1"], "every_s": 300, "for_s": 3600},
    "unclaim": {"claim_id": "c-1", "serial": "box-10000000a1b2c3d4", "why": "lễ hội"},
}


@pytest.mark.parametrize("type_", sorted(SIGNED_TYPES - {"set-rule", "unclaim"}))
def test_each_form_becomes_the_arguments_of_its_command(type_: str) -> None:
    assert signed_command(FORM | {"type": type_}, CAMERAS).args == ARGS[type_]


@pytest.mark.parametrize(("port", "more"), [("", {}), ("80", {}), (" 8899 ", {"port": 8899})])
def test_a_camera_is_rebooted_at_the_port_of_its_service(port: str, more: dict[str, int]) -> None:
    found = signed_command(FORM | {"type": "camera-reboot", "port": port}, CAMERAS)
    assert found.args == {"camera": "cam-1", **more}


def test_no_form_becomes_a_rule() -> None:
    """Only a rehearsed draft does: tests/edge_central/web/test_rule_pages.py."""
    with pytest.raises(InvalidCommand, match="command-error-arguments"):
        signed_command(FORM | {"type": "set-rule"}, CAMERAS)


def test_no_form_of_a_gateway_gives_its_site_up() -> None:
    """Only the page of claims does: tests/edge_central/web/test_claim_pages.py."""
    with pytest.raises(InvalidCommand, match="command-error-arguments"):
        signed_command(FORM | {"type": "unclaim"}, CAMERAS)


def test_a_form_without_a_signature_becomes_a_command() -> None:
    assert unsigned_command({"type": "status"}, CAMERAS) == command("status")
    found = unsigned_command({"type": "clip", "camera": "cam-2"}, CAMERAS)
    assert found.args == {"camera": "cam-2", "last_s": 10}
    with pytest.raises(InvalidCommand, match="command-error-type"):
        unsigned_command(FORM | {"type": "storm-mode"}, CAMERAS)


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"type": "reboot"}, "command-error-type"),
        ({"reason": "  "}, "command-error-reason"),
        ({"rule": "cam-9/yard"}, "command-error-camera"),
        ({"rule": "cam-1/no rule"}, "command-error-arguments"),
        ({"rule": "yard"}, "command-error-camera"),
        ({"for_s": ""}, "command-error-time"),
        ({"for_s": "nan"}, "command-error-time"),
        ({"for_s": "-1"}, "command-error-time"),
        ({"for_s": "604801"}, "command-error-arguments"),  # more than a week
        ({"type": "storm-mode", "camera": "cam-9"}, "command-error-camera"),
        ({"type": "storm-mode", "every_s": "1"}, "command-error-arguments"),
        ({"type": "evidence-hold", "event_id": "../x"}, "command-error-arguments"),
        ({"type": "camera-reboot", "port": "65536"}, "command-error-arguments"),
        ({"type": "camera-reboot", "port": "\u00b2"}, "command-error-arguments"),
    ],
)
def test_a_wrong_form_is_refused(changes: dict[str, str], key: str) -> None:
    with pytest.raises(InvalidCommand, match=key):
        signed_command(FORM | {"type": "mask"} | changes, CAMERAS)
    assert key in ALL, "and the page says why"


def test_a_gateway_reads_the_document_as_the_page_shows_it() -> None:
    prepared = prepare(MASK, "dt-001", NOW_MS)
    record = parse(prepared.text.encode(), "dt-001", "a key", SystemClock().now())
    assert (record.id, record.type, record.args) == (prepared.id, "mask", MASK.args)
    assert round(record.expires.timestamp() * 1000) == prepared.expires_ms == NOW_MS + LIFE_MS


def test_what_the_browser_signs_comes_through_byte_for_byte() -> None:
    jws = signed_as_browser(MASK, NOW_MS)
    found = read_signed(jws, "dt-001", CAMERAS, NOW_MS)
    assert (found.jws, found.command, found.expires_ms) == (jws, MASK, NOW_MS + LIFE_MS)
    assert found.key == key_id(PUBLIC_DER + OPERATOR.public_key().public_bytes_raw())


Changed = Callable[[dict[str, Any]], dict[str, Any]]
OTHERS: dict[str, tuple[Changed, str]] = {
    "another gateway": (lambda found: found | {"gateway": "dt-002"}, "command-error-other"),
    "an id of a search": (lambda found: found | {"id": "search-0123456789abcdef"}, "command-error-other"),
    "a chosen id": (lambda found: found | {"id": "mask-1"}, "command-error-other"),
    "a reboot": (lambda found: found | {"type": "reboot", "args": {}}, "command-error-type"),
    "a type of no text": (lambda found: found | {"type": 1}, "command-error-unreadable"),
    "another camera": (lambda found: found | {"args": {**MASK.args, "camera": "c"}}, "command-error-camera"),
    "an unknown argument": (lambda found: found | {"args": {**MASK.args, "x": 1}}, "command-error-arguments"),
    "no arguments": (lambda found: found | {"args": {}}, "command-error-arguments"),
    "expired": (lambda found: found | {"expires": rfc3339_of_ms(NOW_MS)}, "command-error-expired"),
    "valid for an hour": (
        lambda found: found | {"expires": rfc3339_of_ms(NOW_MS + MAX_LIFE_MS + 1)},
        "command-error-lifetime",
    ),
    "a time of no day": (
        lambda found: found | {"expires": "2026-99-99T00:00:00Z"},
        "command-error-unreadable",
    ),
}


@pytest.mark.parametrize("name", OTHERS)
def test_a_signed_text_of_another_page_is_refused(name: str) -> None:
    change, key = OTHERS[name]
    document = json.loads(prepare(MASK, "dt-001", NOW_MS).text)
    with pytest.raises(InvalidCommand, match=key):
        read_signed(sign(json.dumps(change(document)).encode(), OPERATOR), "dt-001", CAMERAS, NOW_MS)
    assert key in ALL


def test_a_command_to_several_cameras_is_refused() -> None:
    storm = GatewayCommand("storm-mode", {"cameras": list(CAMERAS), "every_s": 300, "for_s": 60})
    with pytest.raises(InvalidCommand, match="command-error-other"):
        read_signed(signed_as_browser(storm, NOW_MS), "dt-001", CAMERAS, NOW_MS)


@pytest.mark.parametrize("jws", [b"", b"{}", b"a.b.c", b"a.b", b"\xff.\xff.\xff", b"." * 400_000])
def test_what_is_no_jws_is_refused(jws: bytes) -> None:
    with pytest.raises(InvalidCommand, match="command-error-unreadable"):
        read_signed(jws, "dt-001", CAMERAS, NOW_MS)


SENTENCES = [
    *(command(type_, ARGS[type_]) for type_ in sorted(SIGNED_TYPES)),
    *(command(type_, {"camera": "cam-1", "last_s": 10}) for type_ in sorted(UNSIGNED_TYPES)),
    command("set-rule", {"camera": "cam-1", "rule": {"id": "yard", "enabled": False}}),
    command("set-rule", {"camera": "cam-1", "reset": "yard"}),
    command("set-rule", {"camera": "cam-1", "masks": {"masks": [], "privacy_masks": []}}),
    command("set-rule", {"camera": "cam-1", "reset_masks": True}),
    command("mask", {**MASK.args, "for_s": 0}),
    command("storm-mode", {"for_s": 0}),
    command("storm-mode", {"every_s": 300, "for_s": 60}),
    command("evidence-hold", {"event_id": "zone-1", "why": "x", "release": True}),
    command("clip", {"event_id": "zone-1"}),
    command("snapshot", {"camera": "cam-1"}),
]


def test_each_command_has_a_sentence_of_its_own() -> None:
    keys = [f"command-says-{each.words_key}" for each in SENTENCES]
    assert set(keys) <= ALL.keys()
    keys.append("command-says-remove-rule")  # of a rule that the configuration lacks: command_parts.html
    assert set(keys) == {key for key in ALL if key.startswith("command-says-")}
    assert ARGUMENTS.keys() >= (SIGNED_TYPES | UNSIGNED_TYPES)
