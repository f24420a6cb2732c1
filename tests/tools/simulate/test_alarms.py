"""Alarms of a simulated city: their times, pictures, clips and rules, and how a gateway answers for them."""

from __future__ import annotations

import hashlib
import io
import json
import random
from itertools import takewhile
from pathlib import Path
from typing import Any

import av
import cv2
import msgspec
import numpy as np
import pytest

from edge_agent import config
from edge_agent.core.clock import SystemClock
from edge_agent.core.delivery import Media
from edge_agent.tools.simulate.alarm_rules import configured_rules, make_alarm
from edge_agent.tools.simulate.command_responder import DrawnEvent, DrawnFiles, drawn_actions, make_dispatcher
from edge_agent.tools.simulate.drawn_street import draw_clip, draw_picture
from edge_agent.tools.simulate.event_generator import DAY_S, SimulatedDay
from edge_agent.wire.topics import DownKind, DownMessage
from edge_central.rehearsals.rules import parse_camera_rules
from tests.commands.centre import document
from tests.testbed.agent import write_config
from tests.testbed.mosquitto import wait_until

CAMERAS = ("cam-1", "cam-2")
HASH = "0" * 64
BOX = (0.3, 0.5, 0.37, 0.8)


def times(seed: int, per_day: float = 4_000.0) -> list[float]:
    day = SimulatedDay(0.0, 1.0).times(per_day, random.Random(seed))
    return list(takewhile(lambda at_s: at_s < DAY_S, day))


def test_a_day_has_its_alarms_most_of_them_by_day_and_the_same_ones_for_the_same_seed() -> None:
    found = times(1)
    assert len(found) == pytest.approx(4_000, rel=0.05)
    assert found == sorted(found) == times(1) != times(2)
    by_night = sum(at_s < 5 * 3600 for at_s in found)
    assert 0 < by_night < 0.06 * len(found)


def test_an_alarm_is_of_a_rule_of_its_camera_and_the_same_for_the_same_seed() -> None:
    one, again = random.Random(3), random.Random(3)
    alarms = [make_alarm("sim-001", "cam-1", one) for _ in range(50)]
    assert alarms == [make_alarm("sim-001", "cam-1", again) for _ in range(50)]
    rules = {each["id"]: each for each in configured_rules("sim-001", ["cam-1"], HASH).cameras["cam-1"].rules}
    assert {each.rule for each in alarms} == {"yard", "no-stop"}
    assert {rules[each.rule]["severity"] for each in alarms} == {"alarm"}
    for each in alarms:
        left, _, right, bottom = each.box
        assert 0.05 <= (left + right) / 2 <= 0.95, "it stands in the zone"
        assert 0.45 <= bottom <= 0.98


def test_rules_are_those_of_an_agent_and_the_console_reads_their_names(tmp_path: Path) -> None:
    result = configured_rules("sim-001", CAMERAS, HASH)
    own = msgspec.to_builtins(result.cameras["cam-1"])
    camera = {"id": "cam-1", "url": str(tmp_path / "clip.mp4"), **own}
    config.load(write_config(tmp_path, cameras=[camera], detector="none"))
    read = parse_camera_rules(msgspec.json.encode(result), "cam-1")
    assert read is not None
    shown = {each["id"]: read.rule(each["id"]) for each in own["rules"]}
    assert all(rule is not None and rule.shown != id_ for id_, rule in shown.items())
    many = configured_rules("sim-001", [f"cam-{number}" for number in range(30)], HASH).cameras
    assert len({each.zones["yard"]["name"] for each in many.values()}) > 3, "cameras differ"


def test_pictures_and_clips_show_the_object_and_are_drawn_alike_again() -> None:
    empty, person, car = (
        cv2.imdecode(np.frombuffer(draw_picture("sim-001/cam-1", *what), np.uint8), cv2.IMREAD_COLOR)
        for what in (("", None), ("person", BOX), ("car", BOX))
    )
    assert empty is not None
    assert person is not None
    assert car is not None
    assert empty.shape == (360, 640, 3)
    changed = np.argwhere(np.abs(person.astype(int) - empty).max(axis=2) > 60)
    assert changed[:, 1].min() >= 0.3 * 640 - 9
    assert changed[:, 1].max() <= 0.37 * 640 + 9
    assert np.abs(person.astype(int) - car).max() > 60
    clip = draw_clip("sim-001/cam-1", "person", BOX)
    assert clip == draw_clip("sim-001/cam-1", "person", BOX)
    with av.open(io.BytesIO(clip), "r") as container:
        assert container.duration is not None
        assert container.duration / 1e6 == pytest.approx(5.0, abs=0.3)


def drawn_files(sent: list[tuple[Media, str]]) -> DrawnFiles:
    return DrawnFiles("sim-001", CAMERAS, lambda camera: camera == "cam-1", lambda *file: sent.append(file))


def answer_to(folder: Path, files: DrawnFiles, type_: str, **args: object) -> dict[str, Any]:
    """The last reply of a simulated gateway to an unsigned command."""
    clock = SystemClock()
    actions = drawn_actions(files, configured_rules("sim-001", CAMERAS, HASH), clock)
    dispatcher = make_dispatcher(
        "sim-001", folder, [], actions, clock,
        session=lambda: "s", wake=lambda: None, publish_birth=lambda: None,
    )  # fmt: skip
    dispatcher.start()
    payload = json.dumps(document(type_, args, gateway="sim-001")).encode()
    dispatcher.accept(DownMessage(DownKind.COMMAND, type_, payload))
    replies: list[dict[str, Any]] = []

    def is_answered() -> bool:
        while (reply := dispatcher.replies.pending(())) is not None:
            replies.append(json.loads(reply.payload))
            dispatcher.replies.delivered(reply.number)
        return bool(replies) and replies[-1]["status"] not in ("accepted", "running")

    wait_until(is_answered, what="the reply")
    files.stop.set()
    dispatcher.stop()
    dispatcher.join(5.0)
    return replies[-1]


def test_the_clip_that_was_reported_is_the_clip_that_is_sent(tmp_path: Path) -> None:
    sent: list[tuple[Media, str]] = []
    files = drawn_files(sent)
    evidence = files.report_clip("e1", "2026-11-28T00:00:00.000Z", DrawnEvent("cam-1", "person", BOX))
    assert evidence.clip is not None
    answer = answer_to(tmp_path, files, "clip", event_id="e1")
    ((media, command_id),) = sent
    assert (answer["status"], command_id, media.event_id) == ("succeeded", answer["id"], "e1")
    assert hashlib.sha256(media.payload).hexdigest() == evidence.clip.sha256 == media.sha256
    assert len(media.payload) == evidence.clip.bytes


@pytest.mark.parametrize(
    ("type_", "args", "status", "files"),
    [
        ("snapshot", {"camera": "cam-1"}, "succeeded", 1),
        ("snapshot", {"camera": "cam-2"}, "rejected", 0),  # offline
        ("clip", {"event_id": "unknown"}, "rejected", 0),
        ("clip", {"camera": "cam-1", "last_s": 5}, "succeeded", 1),
        ("rules", {}, "succeeded", 0),
        ("reboot", {}, "rejected", 0),
    ],
)
def test_commands_are_answered(
    tmp_path: Path, type_: str, args: dict[str, object], status: str, files: int
) -> None:
    sent: list[tuple[Media, str]] = []
    answer = answer_to(tmp_path, drawn_files(sent), type_, **args)
    assert (answer["status"], len(sent)) == (status, files)
    if type_ == "rules":
        assert set(answer["result"]["cameras"]) == set(CAMERAS)


def test_old_clips_are_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge_agent.tools.simulate.command_responder.MAX_CLIPS", 2)
    files = drawn_files([])
    for event_id in ("first", "second", "third"):
        files.report_clip(event_id, "2026-11-28T00:00:00.000Z", DrawnEvent("cam-1", "", None))
    assert [files.has_clip(each) for each in ("first", "second", "third")] == [False, True, True]
