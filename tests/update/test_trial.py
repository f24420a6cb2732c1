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
    box = running
    box.have("0.2.0")
    box.publish("0.2.0", percent=0)  # requested by name: the share does not matter
    box.ask("order-1")
    code, said = box.update()
    assert (code, box.in_force) == (0, "0.2.0"), said
    assert not box.request.exists()
    assert box.reported["now"] is None
    assert (
        box.reported["last"].items() >= {"id": "order-1", "version": "0.2.0", "outcome": "in-force"}.items()
    )
    assert {path.name for path in box.releases.glob("[0-9]*")} == {"0.1.0", "0.2.0"}
    box.ask("order-1")  # the agent did not see the answer
    assert box.update() == (0, "")
    assert box.systemd.restarts == 1


@pytest.mark.parametrize(
    ("how", "why"),
    [
        ("crashing", "crashing: it ended "),
        ("deaf", "unhealthy: no broker for 1 s"),
        ("blind", "unhealthy: no picture from cam-1 for 1 s"),
    ],
)
def test_a_bad_release_goes_back_and_says_why(running: UpdatingBox, how: str, why: str) -> None:
    box = running
    box.have("0.2.0", how)
    box.ask("order-1")
    code, said = box.update()
    assert (code, box.in_force, box.systemd.restarts) == (1, "0.1.0", 2), said
    last = box.reported["last"]
    assert (last["id"], last["outcome"]) == ("order-1", "reverted")
    assert f"0.2.0 failed its trial: {why}" in last["text"]
    assert last["text"].endswith("; back to 0.1.0")


def test_what_is_asked_for_before_the_last_one_is_cleaned_up_is_not_lost(running: UpdatingBox) -> None:
    """The agent runs again and knows the result while root still deletes the reverted release."""
    box = running
    box.have("0.2.0", "deaf")
    box.ask("order-1")
    with box.updating() as process:
        wait_until(lambda: box.now.get("phase") == "trial", what="the trial")
        assert (box.now["version"], box.now["until"][-1]) == ("0.2.0", "Z")
        box.ask("order-2")
        assert process.wait(30) == 1
    assert box.reported["last"]["id"] == "order-1"
    assert json.loads(box.request.read_text())["id"] == "order-2"
    box.update()
    assert box.reported["last"]["id"] == "order-2"
    assert not box.request.exists()


def test_a_release_that_failed_is_tried_again_when_somebody_asks_for_it(running: UpdatingBox) -> None:
    box = running
    box.have("0.2.0", "deaf")
    box.ask("order-1")
    box.update()
    box.mend("0.2.0")
    box.ask("order-2")
    code, said = box.update()
    assert (code, box.in_force) == (0, "0.2.0"), said


def test_a_trial_that_is_cut_off_again_and_again_goes_back(running: UpdatingBox) -> None:
    box = running
    box.have("0.2.0")
    box.set(trial_s=30, settle_s=30)
    box.ask("order-1")
    for begun in (1, 2, 3):
        with box.updating():
            wait_until(partial(box.judged, begun), what="the trial")
    code, said = box.update()
    assert (code, box.in_force) == (1, "0.1.0")
    assert "its trial was cut off 3 times" in said
