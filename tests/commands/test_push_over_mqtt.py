"""Configurations pushed to the real agent over a real broker: good, wrong, disconnecting; kills."""

from __future__ import annotations

import hashlib
import itertools
import json
import random
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from edge_agent.config.pushed import PushStore
from tests.commands.centre import BASE, Centre, centre_at, document, signed, write_public
from tests.testbed.agent import AgentProcess, wait_until, write_config
from tests.testbed.clips import make_clip
from tests.testbed.mosquitto import Mosquitto, free_port
from tests.testbed.schemas import check_message
from tests.testbed.synced import COMMAND

OPERATOR = Ed25519PrivateKey.generate()


class Site:
    """A gateway with one camera, whose agent is restarted on exit code 75, as systemd does."""

    def __init__(self, folder: Path, centre: Centre, port: int) -> None:
        self.folder, self.centre, self.port = folder, centre, port
        self.pushed = folder / "state/pushed"
        write_public(folder / "operators/one.pem", OPERATOR)
        clip = make_clip(folder / "clip.mp4", seconds=5)
        self._camera = {"id": "cam-1", "url": str(clip)}
        self.path = self.write()
        systemd = {"NOTIFY_SOCKET": str(folder / "notify")}
        self.agent = AgentProcess(self.path, "--repeat-files", command=COMMAND, environ=systemd)
        self._versions = itertools.count(13)
        self._over = threading.Event()
        self._keeper = threading.Thread(target=self._keep)

    def write(self, folder: Path | None = None, **more: Any) -> Path:
        everything: dict[str, Any] = {"commands": {"operator_keys": ["operators/one.pem"]}} | more
        camera = everything.pop("camera", self._camera)
        return write_config(
            folder or self.folder, cameras=[camera], broker_port=self.port, detector="none", **everything
        )

    def next_version(self) -> int:
        return next(self._versions)

    def text(self, version: int, **more: Any) -> str:
        elsewhere = self.folder / "elsewhere"
        elsewhere.mkdir(exist_ok=True)
        state_dir = str(self.folder / "state")
        return self.write(elsewhere, version=version, state_dir=state_dir, **more).read_text()

    def push(self, text: str, version: int, confirm_s: float = 30, **other: Any) -> dict[str, Any]:
        """Publish the desired configuration, retained; returns the document."""
        sha256 = hashlib.sha256(text.encode()).hexdigest()
        args = {"version": version, "config": text, "sha256": sha256, "confirm_s": confirm_s}
        asked = document("set-config", args, **other)
        self.centre.subscriber.publish(f"{BASE}/down/config", signed(asked, OPERATOR), retain=True)
        return asked

    def configuration(self) -> dict[str, Any]:
        status = self.agent.status()
        assert status is not None
        found: dict[str, Any] = status["heartbeat"]["config"]
        return found

    def events(self, kind: str) -> list[dict[str, Any]]:
        found = (json.loads(message.payload) for message in self.centre.subscriber.events())
        return [event for event in found if event["type"].endswith(f".{kind}.v1")]

    def rules(self) -> dict[str, Any]:
        found: dict[str, Any] = self.centre.ask("rules")["result"]
        return found

    def set_rule(self, **args: object) -> dict[str, Any]:
        """Change what the camera detects; returns the reply."""
        args |= {"camera": "cam-1", "config_hash": self.rules()["config_hash"], "confirm_s": 5}
        return self.centre.ask("set-rule", args, OPERATOR)

    def kill(self) -> None:
        """Kill the agent, and wait until it is back."""
        self.agent.kill()
        self.wait_for_agent()

    def wait_for_agent(self) -> None:
        wait_until(self.agent.status, what="the agent")

    def start(self) -> None:
        self.agent.start()
        self._keeper.start()
        self.wait_for_camera()
        self.centre.wait_for_gateway()

    def wait_for_camera(self) -> None:
        self.agent.wait_for_status(lambda beat: beat["cameras"]["cam-1"]["state"] == "online", "the camera")

    def stop(self) -> None:
        self._over.set()
        self._keeper.join()
        self.agent.stop()

    def _keep(self) -> None:
        while not self._over.wait(0.05):
            if self.agent.process.poll() is not None:
                self.agent.start()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """One gateway for all tests: each starts with the configuration that the previous test left in force."""
    folder = tmp_path_factory.mktemp("site")
    with Mosquitto(folder) as broker, centre_at(broker.port) as centre:
        found = Site(folder, centre, broker.port)
        found.start()
        yield found
        found.stop()


def test_it_is_taken_over_proved_and_survives_a_restart(site: Site) -> None:
    version = site.next_version()
    asked = site.push(site.text(version, heartbeat_s=4), version, confirm_s=5)
    answer = site.centre.answer(asked["id"], 30)
    assert (answer["status"], answer["result"]) == ("succeeded", {"version": version})
    assert site.configuration() == {"version": version, "origin": "pushed", "given_up": None}
    site.kill()
    assert site.configuration() == {"version": version, "origin": "pushed", "given_up": None}


def test_a_rule_is_set_on_trial_reported_and_survives_a_restart(site: Site) -> None:
    before = site.rules()
    assert before["cameras"]["cam-1"] == {}
    answer = site.set_rule(
        rule={"id": "yard", "kind": "zone-intrusion", "zone": "yard", "labels": ["person"]},
        zones={"yard": {"polygon": [[0.1, 0.1], [0.9, 0.1], [0.9, 0.9]]}},
    )
    assert (answer["status"], answer["text"]) == ("succeeded", "the rule is in force")
    (event,) = site.events("rule-change")
    assert (event["subject"], event["data"]["rule_id"], event["data"]["what"]) == ("cam-1", "yard", "set")
    site.kill()
    after = site.rules()
    assert after["config_hash"] == answer["result"]["config_hash"] != before["config_hash"]
    assert after["cameras"]["cam-1"]["changed"] == ["yard"]


def test_masks_are_set_on_trial_reported_and_survive_a_restart(site: Site) -> None:
    clock = [[0.0, 0.0], [0.3, 0.0], [0.3, 0.1]]
    masks = {"masks": [clock], "privacy_masks": []}
    answer = site.set_rule(masks=masks)
    assert (answer["status"], answer["text"]) == ("succeeded", "the masks are in force")
    event = site.events("rule-change")[-1]
    check_message(event, "event-rule-change")
    assert (event["data"]["rule_id"], event["data"]["what"], event["data"]["masks"]) == (None, "set", masks)
    site.kill()
    after = site.rules()["cameras"]["cam-1"]
    assert after["masks"] == [clock]
    assert after["configured_masks"] == {"masks": [], "privacy_masks": []}


def test_one_that_cuts_off_the_broker_comes_back_by_itself_and_says_why(site: Site) -> None:
    before, version = site.configuration(), site.next_version()
    text = site.text(version, mqtt={"brokers": [f"mqtt://127.0.0.1:{free_port()}"], "spread_s": 0})
    asked = site.push(text, version, confirm_s=5)
    answer = site.centre.answer(asked["id"], 60)
    assert (answer["status"], answer["code"]) == ("failed", "reverted")
    assert "the broker was not connected" in answer["text"]
    assert site.configuration()["version"] == before["version"]
    why = f"version {version}: within 5 s the broker was not connected"
    assert why in site.configuration()["given_up"]


def test_one_that_loses_a_camera_comes_back_without_a_restart(site: Site) -> None:
    site.wait_for_camera()
    version = site.next_version()
    text = site.text(version, camera={"id": "cam-1", "url": "rtsp://127.0.0.1:1/x"})
    asked = site.push(text, version, confirm_s=5)
    answer = site.centre.answer(asked["id"], 60)
    assert (answer["status"], answer["code"]) == ("failed", "reverted")
    assert "camera cam-1, which was up, did not come up again" in answer["text"]
    site.wait_for_camera()


def test_what_is_wrong_is_rejected_and_changes_nothing(site: Site) -> None:
    def kept() -> list[tuple[str, bytes]]:
        return [(path.name, path.read_bytes()) for path in sorted(site.pushed.glob("*.yaml"))]

    def unsigned() -> dict[str, Any]:
        sha256 = hashlib.sha256(good.encode()).hexdigest()
        asked = document("set-config", {"version": version, "config": good, "sha256": sha256})
        site.centre.subscriber.publish(f"{BASE}/down/config", json.dumps(asked).encode(), retain=True)
        return asked

    before, version = (site.configuration(), kept()), site.next_version()
    good = site.text(version)
    senders: dict[str, Callable[[], dict[str, Any]]] = {
        "bad-arguments": lambda: site.push(site.text(version, hearbeat_s=3), version),
        "unsigned": unsigned,
        "wrong-gateway": lambda: site.push(good, version, gateway="dt-002"),
    }
    for code, send in senders.items():
        answer = site.centre.answer(send()["id"], 20)
        assert (answer["status"], answer["code"]) == ("rejected", code), answer
    version = site.next_version()
    keyless = site.push(site.text(version, commands={}), version)
    assert "no other configuration could be pushed later" in site.centre.answer(keyless["id"], 20)["text"]
    assert (site.configuration(), kept()) == before


def test_killed_at_any_moment_it_ends_with_one_of_both_and_the_answer_says_which(site: Site) -> None:
    rounds, dice = 2, random.Random(6)
    in_force = site.configuration()["version"]
    for round_ in range(1, rounds + 1):
        version = site.next_version()
        restarts = {"outbox": {"max_bytes": f"{100 + round_}MB"}} if round_ % 2 else {}
        asked = site.push(site.text(version, **restarts), version, confirm_s=5)
        for _ in range(2):
            time.sleep(dice.uniform(0.0, 2.0))
            site.agent.process.kill()
        answer = site.centre.answer(asked["id"], 60)
        if answer["status"] == "succeeded":
            in_force = version
        site.wait_for_agent()
        assert site.configuration()["version"] == in_force, answer
        kept = PushStore(site.folder / "state")
        assert kept.trial is None
