"""A provisioned site with its cameras: real streams, the real agent and its model, a green verdict."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.deploy.site import ACCEPTED, SITE, WARD, Provisioning
from tests.testbed.mosquitto import Received

pytestmark = pytest.mark.xdist_group("life")

# A container has its host's clock, which may not be synchronised: accepted (site.CLOCK). It cannot arm its
# watchdog; without a model there is OpenCV's own detector.
BETTER = {"clock", "board/watchdog"}


def test_with_its_cameras_the_verdict_is_green(filmed: Provisioning) -> None:
    assert ACCEPTED.search(filmed.accepted), filmed.accepted
    report = json.loads(filmed.box.run("edge-agent doctor --lang en --json --accept clock=container"))
    assert report["verdict"] in ("passed", "accepted")
    levels = {line["check"]: line["level"] for line in report["lines"]}
    assert {check for check, level in levels.items() if level not in ("green", "skipped")} <= BETTER, report
    green = {"cam-1", "cam-1/picture", "cam-1/still", "cam-2", "cam-2/picture", "certificate", "agent"}
    green |= {"broker", "broker/rights", "broker/delivery"}
    assert {check for check in green if levels[check] != "green"} == set()
    assert filmed.report.count('src="data:image/jpeg') == 2, "a picture of each camera"


def test_the_broker_receives_both_cameras_and_a_person_in_the_picture(filmed: Provisioning) -> None:
    up = f"tb/v1/{WARD}/{SITE}/up"
    with filmed.watch(f"{up}/#") as centre:

        def online() -> bool:
            beats = [body(message)["cameras"] for message in centre.on("/up/heartbeat")]
            return any({c["state"] for c in seen.values()} == {"online"} and len(seen) == 2 for seen in beats)

        centre.wait_for(online, 60)
        alarms = "vn.thaibinh.edge.zone-intrusion.v1"

        def pictured() -> list[dict[str, Any]]:
            events = [body(event) for event in centre.events()]
            # An event of a stay that began before the subscription has no picture.
            return [each for each in events if each["type"] == alarms and each["data"].get("snapshot")]

        centre.wait_for(lambda: bool(pictured()), 90)
        alarm = pictured()[0]
        assert alarm["subject"] == "cam-1"
        assert alarm["ward"] == WARD
        assert alarm["data"]["label"] == "person"
        picture = f"{up}/media/{alarm['data']['snapshot']['media_id']}"
        centre.wait_for(lambda: any(message.topic == picture for message in centre.messages), 30)


def body(message: Received) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(message.payload)
    return found
