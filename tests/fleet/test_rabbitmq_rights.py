"""The rights in the guide to RabbitMQ, compared with what each program subscribes to."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import pytest

from edge_agent.tools.gateways.fleet_status import FleetStatus
from edge_agent.wire.topics import CentralTopics, ClaimTopics, GatewayTopics

GUIDE = (Path(__file__).parents[2] / "docs/guide/rabbitmq.md").read_text(encoding="utf-8")
ROOT = "tb/v1"
CENTRAL = CentralTopics(ROOT, "central")
BOX = ClaimTopics(ROOT, "box-10000000")
OF_WARD = ["central/alert/{}/#", "central/presence/{}/+", "central/outage/{}", "{}/+/up/#"]


def read_pattern(user: str) -> str:
    """Return the pattern of a row of the guide's table; a gateway's is in the commands above it."""
    if user == "dt-001":
        command = re.search(r"set_topic_permissions dt-001 amq\.topic '.*?' '(.*?)'", GUIDE)
        assert command is not None
        return command[1].replace("{username}", user)
    (row,) = (line for line in GUIDE.splitlines() if line.startswith("| ") and user in line.split("|")[1])
    return re.split(r"(?<!\\)\|", row)[3].strip().strip("`").replace(r"\|", "|")


def may_read(user: str, topic: str) -> bool:
    """RabbitMQ writes ``.`` for ``/`` and ``*`` for ``+``, and searches the pattern in a subscription too."""
    return re.search(read_pattern(user), topic.replace("/", ".").replace("+", "*")) is not None


@pytest.mark.parametrize(
    ("user", "topics"),
    [
        ("dt-001", GatewayTopics(ROOT, "de-tham", "dt-001").subscriptions),
        ("`central`", (*CENTRAL.subscriptions("de-tham"), *CENTRAL.claim_subscriptions)),
        ("a ward's", [f"{ROOT}/{each.format('de-tham')}" for each in OF_WARD]),
        ("a ward's", FleetStatus(ROOT).subscriptions(["de-tham"])),
        ("an operator", [*FleetStatus(ROOT).subscriptions([]), f"{ROOT}/+/+/up/reply/+"]),
        ("an operator", FleetStatus(ROOT).subscriptions(["de-tham"])),
        ("a reader of ONVIF", [CENTRAL.onvif_event("de-tham", "+", "#")]),
        ("enrol-2026-11", [BOX.answer]),
        ("`fleet claims`", [CENTRAL.all_claims]),
        ("central-learning", [f"{ROOT}/+/+/up/reply/+"]),
        ("Home Assistant", [f"{ROOT}/de-tham/+/up/{kind}" for kind in ("state", "heartbeat", "event/+")]),
        ("what announces", [f"{ROOT}/de-tham/+/up/birth", "homeassistant/de-tham/+/+/+/config"]),
    ],
)
def test_each_user_may_subscribe_to_what_its_program_reads(user: str, topics: Sequence[str]) -> None:
    assert [topic for topic in topics if not may_read(user, topic)] == []


@pytest.mark.parametrize(
    ("user", "topics"),
    [
        ("dt-001", GatewayTopics(ROOT, "de-tham", "dt-002").subscriptions),
        ("`central`", [CENTRAL.command("de-tham", "dt-001", "arm"), CENTRAL.ack("de-tham", "dt-001")]),
        ("a ward's", [f"{ROOT}/{each.format('de-tham-2')}" for each in OF_WARD]),
        ("a ward's", [f"{ROOT}/de-tham/#", f"{ROOT}/de-tham/+/down/config", f"{ROOT}/#", BOX.answer]),
        ("an operator", [f"{ROOT}/+/+/up/#", f"{ROOT}/+/+/down/config", CENTRAL.all_claims]),
        ("central-console", CENTRAL.subscriptions("de-tham")),
        ("a reader of ONVIF", [CENTRAL.onvif_event("de-tham-2", "+", "#")]),
        ("enrol-2026-11", [BOX.claim]),
        ("`fleet claims`", [BOX.claim, BOX.answer]),
        (
            "Home Assistant",
            [f"{ROOT}/de-tham/+/up/media/+", f"{ROOT}/de-tham-2/+/up/state", f"{ROOT}/de-tham/+/up/#"],
        ),
    ],
)
def test_no_user_may_subscribe_to_what_others_read(user: str, topics: Sequence[str]) -> None:
    assert [topic for topic in topics if may_read(user, topic)] == []
