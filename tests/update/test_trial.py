"""Releases that the agent requested: good ones stay, bad ones are reverted, and both are reported."""

from __future__ import annotations

import json
from functools import partial

import pytest

from tests.testbed.mosquitto import wait_until
from tests.update.box import UpdatingBox


@pytest.fixture
def running(box: UpdatingBox) -> UpdatingBox:
    """0.1.0 runs, with cam-1 online and cam-2 offline."""
    box.have("0.1.0")
    box.run_on("0.1.0")
    wait_until((box.folder / "status.sock").exists, what="the agent")
    return box


def test_a_good_release_stays(running: UpdatingBox) -> None:
    running.have("0.2.0")
    running.publish("0.2.0", percent=0)  # requested by name: the share does not matter
    running.ask("order-1")
    running.updated(0, "0.2.0")
    assert not running.request.exists()
    assert running.reported["now"] is None
    wanted = {"id": "order-1", "version": "0.2.0", "outcome": "in-force"}
    assert running.reported["last"].items() >= wanted.items()
    assert {path.name for path in running.releases.glob("[0-9]*")} == {"0.1.0", "0.2.0"}
    running.ask("order-1")  # the agent did not see the answer
    assert running.update() == (0, "")
    assert running.systemd.restarts == 1


@pytest.mark.parametrize(
    ("how", "why"),
    [
        ("crashing", "crashing: it ended "),
        ("deaf", "unhealthy: no broker for 1 s"),
        ("blind", "unhealthy: no picture from cam-1 for 1 s"),
        ("mindless", "unhealthy: the detector does not work (no runtime can be imported) for 1 s"),
    ],
)
def test_a_bad_release_goes_back_and_says_why(running: UpdatingBox, how: str, why: str) -> None:
    running.have("0.2.0", how)
    running.ask("order-1")
    code, said = running.update()
    assert (code, running.in_force, running.systemd.restarts) == (1, "0.1.0", 2), said
    last = running.reported["last"]
    assert (last["id"], last["outcome"]) == ("order-1", "reverted")
    assert f"0.2.0 failed its trial: {why}" in last["text"]
    assert last["text"].endswith("; back to 0.1.0")


def test_what_is_asked_for_before_the_last_one_is_cleaned_up_is_not_lost(running: UpdatingBox) -> None:
    """The agent runs again and knows the result while root still deletes the reverted release."""
    running.have("0.2.0", "deaf")
    running.ask("order-1")
    with running.updating() as process:
        wait_until(lambda: running.now.get("phase") == "trial", what="the trial")
        assert (running.now["version"], running.now["until"][-1]) == ("0.2.0", "Z")
        running.ask("order-2")
        assert process.wait(30) == 1
    assert running.reported["last"]["id"] == "order-1"
    assert json.loads(running.request.read_text())["id"] == "order-2"
    running.update()
    assert running.reported["last"]["id"] == "order-2"
    assert not running.request.exists()


def test_a_release_that_failed_is_tried_again_when_somebody_asks_for_it(running: UpdatingBox) -> None:
    running.have("0.2.0", "deaf")
    running.ask("order-1")
    running.update()
    running.mend("0.2.0")
    running.ask("order-2")
    running.updated(0, "0.2.0")


def test_a_trial_that_is_cut_off_again_and_again_goes_back(running: UpdatingBox) -> None:
    running.have("0.2.0")
    running.set(trial_s=30, settle_s=30)
    running.ask("order-1")
    for begun in (1, 2, 3):
        with running.updating():
            wait_until(partial(running.judged, begun), what="the trial")
    assert "its trial was cut off 3 times" in running.updated(1, "0.1.0")
