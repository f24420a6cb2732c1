"""A configuration pushed to the real agent over a real broker: good, wrong, cutting off, killed any time."""

from __future__ import annotations

import hashlib
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
from tests.commands.on_time import COMMAND
from tests.testbed.agent import AgentProcess, wait_until, write_config
from tests.testbed.clips import make_clip
from tests.testbed.mosquitto import Mosquitto, free_port

OPERATOR = Ed25519PrivateKey.generate()
RESTARTS = 75


class Site:
    """A gateway with one camera, started again whenever it asks for it, as systemd does."""

    def __init__(self, folder: Path, centre: Centre, port: int) -> None:
        self.folder, self.centre, self.port = folder, centre, port
        write_public(folder / "operators/one.pem", OPERATOR)
        clip = make_clip(folder / "clip.mp4", seconds=5)
        self._camera = {"id": "cam-1", "url": str(clip)}
        self.path = self.write()
        systemd = {"NOTIFY_SOCKET": str(folder / "notify")}
        self.agent = AgentProcess(self.path, "--repeat-files", command=COMMAND, environ=systemd)
        self._over = threading.Event()
        self._keeper = threading.Thread(target=self._keep)

    def write(self, folder: Path | None = None, **more: Any) -> Path:
        everything: dict[str, Any] = {"commands": {"operator_keys": ["operators/one.pem"]}} | more
        camera = everything.pop("camera", self._camera)
        return write_config(
            folder or self.folder, cameras=[camera], broker_port=self.port, detector="none", **everything
        )

    def text(self, version: int, **more: Any) -> str:
        elsewhere = self.folder / "elsewhere"
        elsewhere.mkdir(exist_ok=True)
        state_dir = str(self.folder / "state")
        return self.write(elsewhere, version=version, state_dir=state_dir, **more).read_text()

    def push(self, text: str, version: int, confirm_s: float = 30, **other: Any) -> dict[str, Any]:
        """The desired configuration, retained; the document."""
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

    def start(self) -> None:
        self.agent.start()
        self._keeper.start()
        self.agent.wait_for_status(lambda beat: beat["cameras"]["cam-1"]["state"] == "online", "the camera")
        self.centre.wait_for_gateway()

    def stop(self) -> None:
        self._over.set()
        self._keeper.join()
        self.agent.stop()

    def _keep(self) -> None:
        while not self._over.wait(0.05):
            if self.agent.process.poll() is not None:
                self.agent.start()


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with Mosquitto(tmp_path) as broker, centre_at(broker.port) as centre:
        found = Site(tmp_path, centre, broker.port)
        found.start()
        yield found
        found.stop()


def test_it_is_taken_over_proved_and_survives_a_restart(site: Site) -> None:
    asked = site.push(site.text(13, heartbeat_s=60), 13, confirm_s=5)
    answer = site.centre.answer(asked["id"], 30)
    assert (answer["status"], answer["result"]) == ("succeeded", {"version": 13})
    assert site.configuration() == {"version": 13, "origin": "pushed", "given_up": None}
    site.agent.kill()
    wait_until(lambda: site.agent.status(), what="the agent")
    assert site.configuration()["origin"] == "pushed"


def test_one_that_cuts_off_the_broker_comes_back_by_itself_and_says_why(site: Site) -> None:
    text = site.text(13, mqtt={"brokers": [f"mqtt://127.0.0.1:{free_port()}"], "spread_s": 0})
    asked = site.push(text, 13, confirm_s=6)
    answer = site.centre.answer(asked["id"], 60)
    assert (answer["status"], answer["code"]) == ("failed", "reverted")
    assert "the broker was not connected" in answer["text"]
    assert site.configuration()["version"] == 0
    assert "version 13: within 6 s the broker was not connected" in site.configuration()["given_up"]


def test_one_that_loses_a_camera_comes_back_without_a_restart(site: Site) -> None:
    asked = site.push(site.text(13, camera={"id": "cam-1", "url": "rtsp://127.0.0.1:1/x"}), 13, confirm_s=6)
    answer = site.centre.answer(asked["id"], 60)
    assert (answer["status"], answer["code"]) == ("failed", "reverted")
    assert "camera cam-1, which was up, did not come up again" in answer["text"]
    site.agent.wait_for_status(lambda beat: beat["cameras"]["cam-1"]["state"] == "online", "the camera")


def refusals(site: Site) -> dict[str, Callable[[], str]]:
    good = site.text(13)
    sha256 = hashlib.sha256(good.encode()).hexdigest()

    def unsigned() -> str:
        asked = document("set-config", {"version": 13, "config": good, "sha256": sha256})
        site.centre.subscriber.publish(f"{BASE}/down/config", json.dumps(asked).encode(), retain=True)
        return str(asked["id"])

    return {
        "bad-arguments": lambda: str(site.push(site.text(13, hearbeat_s=3), 13)["id"]),
        "unsigned": unsigned,
        "wrong-gateway": lambda: str(site.push(good, 13, gateway="dt-002")["id"]),
    }


def test_what_is_wrong_is_rejected_and_changes_nothing(site: Site) -> None:
    cases = refusals(site)
    for code, send in cases.items():
        answer = site.centre.answer(send(), 20)
        assert (answer["status"], answer["code"]) == ("rejected", code), answer
    keyless = site.push(site.text(13, commands={}), 13)
    assert "nobody could push another one" in site.centre.answer(keyless["id"], 20)["text"]
    assert site.configuration() == {"version": 0, "origin": "file", "given_up": None}
    assert not list((site.folder / "state").glob("pushed/*.yaml"))


def test_killed_at_any_moment_it_ends_with_one_of_both_and_the_answer_says_which(site: Site) -> None:
    rounds, dice = 2, random.Random(6)
    in_force = 0
    for round_ in range(1, rounds + 1):
        version = round_ * 10
        restarts = {"outbox": {"max_bytes": f"{100 + round_}MB"}} if round_ % 2 else {}
        asked = site.push(site.text(version, **restarts), version, confirm_s=5)
        for _ in range(2):
            time.sleep(dice.uniform(0.0, 2.0))
            site.agent.process.kill()
        answer = site.centre.answer(asked["id"], 60)
        if answer["status"] == "succeeded":
            in_force = version
        wait_until(lambda: site.agent.status(), what="the agent")
        assert site.configuration()["version"] == in_force, answer
        kept = PushStore(site.folder / "state")
        assert kept.trial is None
