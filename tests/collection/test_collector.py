"""Collection of frames on one gateway: start, selection, sealing, limits, reports, deletion."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from edge_agent.collection.collector import REVIEW_EVERY_S
from edge_agent.collection.files import note_of
from edge_agent.commands.action import CommandRefused
from edge_agent.core.delivery import SEALED_MAGIC
from edge_agent.evidence.seal import unseal
from edge_agent.wire import UplinkHealth
from tests.collection.parts import OPERATOR_KEY, PEM, box_in
from tests.outbox.parts import HandClock

HOUR_S = 3600.0
WEEK_S = 604_800.0


def test_nothing_is_collected_unless_the_configuration_allows_it(tmp_path: Path) -> None:
    with box_in(tmp_path, allow=False) as box:
        with pytest.raises(CommandRefused, match=r"collect\.allow is false"):
            box.ask()
        box.show("cam-1")
        assert not (tmp_path / "state/collect").exists()
        assert box.collector.restore() is False, "and no thread runs"


def test_a_folder_that_cannot_be_read_does_not_stop_the_start(tmp_path: Path) -> None:
    with box_in(tmp_path, allow=False) as box:
        box.collector._folder = tmp_path / ("x" * 300)  # any access to this name fails, as on a failing card
        assert box.collector.restore() is False


def test_a_folder_that_fails_later_does_not_end_the_thread(tmp_path: Path) -> None:
    with box_in(tmp_path) as box:
        box.ask(cameras=["cam-1"])
        box.collector._folder = tmp_path / ("x" * 300)
        box.collector._store._media = box.collector._folder / "media"
        box.clock.advance(REVIEW_EVERY_S)
        box.collector.run_once(0.0)
        health = box.collector.health()
        assert health is not None
        assert "the disk failed" in (health.paused or "")


def test_nothing_is_collected_without_a_key_to_seal_to(tmp_path: Path) -> None:
    with box_in(tmp_path, key=False) as box, pytest.raises(CommandRefused, match="no key of the centre"):
        box.ask()


@pytest.mark.parametrize(
    ("args", "says"),
    [
        ({"cameras": ["cam-9"]}, "there is no camera cam-9; there are: cam-1, cam-2, cam-3"),
        (
            {"cameras": ["cam-1", "cam-3"]},
            r"cam-3: no pictures leave the gateway \(report.snapshots is none\)",
        ),
        ({"cameras": ["cam-1"], "delete": True}, "for_s has to be 0"),
    ],
)
def test_what_cannot_be_done_is_refused_and_changes_nothing(
    args: dict[str, Any], says: str, tmp_path: Path
) -> None:
    with box_in(tmp_path) as box:
        with pytest.raises(CommandRefused, match=says):
            box.ask(**args)
        assert box.events() == []
        assert box.collector.health() is None


def test_only_sealed_frames_reach_the_disk_and_each_says_where_it_is_from(tmp_path: Path) -> None:
    with box_in(tmp_path) as box:
        box.ask(cameras=["cam-1"])
        box.show("cam-1")
        (path,) = box.files
        assert path.read_bytes().startswith(SEALED_MAGIC)
        note = note_of(unseal(path.read_bytes(), PEM))
    assert (note.gateway, note.camera, note.light, note.active) == ("dt-001", "cam-1", "bright", True)
    assert (note.width, note.height, note.grey, note.clock) == (640, 360, True, "synced")
    assert b"cam-1" not in path.read_bytes()


def test_privacy_masks_are_black_in_what_is_collected(tmp_path: Path) -> None:
    with box_in(tmp_path) as box:
        box.ask(cameras=["cam-2"])
        box.show("cam-2")
        jpeg = unseal(box.files[0].read_bytes(), PEM)
    shown = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert shown is not None
    assert shown.max() == 0


def test_start_stop_and_the_last_frame_are_events_that_name_command_and_key(tmp_path: Path) -> None:
    with box_in(tmp_path) as box:
        answer = box.ask("collect-7", cameras=["cam-1"], frames=2, for_s=HOUR_S)
        (start,) = box.events()
        assert (start["phase"], start["state"], start["command_id"]) == ("start", "taking", "collect-7")
        assert (start["signed_by"], start["cameras"]) == (OPERATOR_KEY, ["cam-1"])
        assert answer.result["event_id"] == start["event_id"]
        box.show("cam-1")
        box.later(HOUR_S)
        (stop,) = box.events()
        assert (stop["phase"], stop["state"], stop["stop_reason"]) == ("update", "complete", "over")
        assert (stop["frames"], stop["left"]) == (1, 1)
        box.ask("collect-8", for_s=0, delete=True)
        (end,) = box.events()
        assert (end["phase"], end["state"], end["event_id"]) == ("end", "gone", start["event_id"])
        assert end["why"].endswith("0 sent, 0 exported, 1 deleted")
        assert box.files == []
        assert box.collector.health() is None


def test_a_collection_ends_when_each_camera_has_its_frames(tmp_path: Path) -> None:
    with box_in(tmp_path) as box:
        box.ask(cameras=["cam-1", "cam-2"], frames=1)
        box.show("cam-1")
        assert box.collector.health() is not None
        box.show("cam-2")
        assert [event["stop_reason"] for event in box.events()] == [None, "full"]
        box.later(HOUR_S)
        box.show("cam-1")
        assert len(box.files) == 2


def test_another_one_is_refused_while_frames_are_on_the_gateway(tmp_path: Path) -> None:
    with box_in(tmp_path) as box:
        box.ask(cameras=["cam-1"])
        box.show("cam-1")
        box.ask(for_s=0)
        with pytest.raises(CommandRefused, match="goes on or has frames on the gateway"):
            box.ask(cameras=["cam-1"])
        box.ask(for_s=0, delete=True)
        box.ask(cameras=["cam-1"])


def test_frames_whose_collection_is_forgotten_can_still_be_deleted(tmp_path: Path) -> None:
    with box_in(tmp_path) as box:
        box.ask(cameras=["cam-1"])
        box.show("cam-1")
    (tmp_path / "state/collect/collection.json").write_bytes(b'{"event_id": "coll')  # a worn card
    with box_in(tmp_path) as box:
        assert len(box.files) == 1
        answer = box.ask("collect-2", for_s=0, delete=True)
        assert answer.text == "no collection is known; what was on the disk is deleted"
        assert box.files == []


def test_it_goes_on_after_a_power_cut_and_no_clock_that_jumps_prolongs_it(tmp_path: Path) -> None:
    clock = HandClock()
    with box_in(tmp_path, clock) as box:
        box.ask(cameras=["cam-1"], for_s=WEEK_S)
        box.show("cam-1")
        box.later(WEEK_S - HOUR_S)
    booted = HandClock(mono=5.0, wall=datetime(1970, 1, 1, tzinfo=UTC))
    with box_in(tmp_path, booted, synced=False) as box:
        health = box.collector.health()
        assert health is not None
        assert (health.frames, health.state) == (1, "taking")
        box.later(HOUR_S + 1)
        assert [event["stop_reason"] for event in box.events()] == [None, "over"]


def test_a_start_whose_event_was_not_stored_is_reported_by_the_next_life(tmp_path: Path) -> None:
    with box_in(tmp_path) as box:
        box.ask(cameras=["cam-1"])
        (start,) = box.events()
        record = tmp_path / "state/collect/collection.json"
        record.write_bytes(record.read_bytes().replace(b'"reported":"taking"', b'"reported":null'))
    with box_in(tmp_path) as box:
        box.later(1.0)
        (again,) = box.events()
        assert (again["phase"], again["event_id"]) == ("start", start["event_id"])


def test_a_configuration_that_allows_it_no_more_ends_it(tmp_path: Path) -> None:
    with box_in(tmp_path) as box:
        box.ask(cameras=["cam-1"])
        box.show("cam-1")
        box.events()
    with box_in(tmp_path, allow=False) as box:
        box.later(1.0)
        assert [event["stop_reason"] for event in box.events()] == ["configuration"]


def test_a_frame_is_deleted_when_its_days_are_over(tmp_path: Path) -> None:
    clock = HandClock(wall=datetime.now(UTC))
    with box_in(tmp_path, clock, keep_days=2) as box:
        box.ask(cameras=["cam-1"], for_s=HOUR_S)
        box.show("cam-1")
        box.later(1.5 * 86_400)
        assert len(box.files) == 1
        box.later(86_400)
        assert box.files == []
        box.later(60)
        assert [event["state"] for event in box.events()] == ["taking", "complete", "gone"]


def test_a_frame_whose_days_ended_while_the_gateway_was_off_is_deleted_at_the_start(tmp_path: Path) -> None:
    with box_in(tmp_path, HandClock(wall=datetime.now(UTC)), keep_days=2) as box:
        box.ask(cameras=["cam-1"], for_s=HOUR_S)
        box.show("cam-1")
    later = datetime.now(UTC) + timedelta(days=3)
    with box_in(tmp_path, HandClock(wall=later), keep_days=2) as box:
        box.later(1)
        assert box.files == []
        box.later(31)
        assert [event["state"] for event in box.events()] == ["taking", "complete", "gone"]


def test_a_short_disk_refuses_the_command_and_pauses_what_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.statvfs

    def short(path: Any) -> os.statvfs_result:
        found = list(real(path))
        found[4] = 1000  # f_bavail
        return os.statvfs_result(found)

    with box_in(tmp_path) as box:
        box.ask(cameras=["cam-1"])
        monkeypatch.setattr(os, "statvfs", short)
        box.later(31)
        health = box.collector.health()
        assert health is not None
        assert health.paused is not None
        assert "the disk is short" in health.paused
        box.show("cam-1")
        assert box.files == []
        box.ask(for_s=0)
        with pytest.raises(CommandRefused, match="the disk is short"):
            box.ask(cameras=["cam-1"])


def test_they_never_take_more_of_the_disk_than_was_configured(tmp_path: Path) -> None:
    with box_in(tmp_path, max_bytes=10_000_000) as box:
        box.ask(cameras=["cam-1"], frames=500)
        day = tmp_path / "state/collect/media/2026-11-20"
        day.mkdir(parents=True)
        (day / "030000_9_cam-1_collect-0_0a.jpg.sealed").write_bytes(bytes(9_000_000))
        assert box.collector.restore()
        box.later(31)
        box.show("cam-1")
        health = box.collector.health()
        assert health is not None
        assert health.paused == "collect.max_bytes (10000000) is used up"
        assert len(box.files) == 1


SPENT = UplinkHealth(monthly_bytes=1_000_000, forecast_bytes=900_000)


@pytest.mark.parametrize(
    ("uplink", "sent"),
    [
        (UplinkHealth(), True),
        (UplinkHealth(monthly_bytes=1_000_000, forecast_bytes=700_000), True),
        (SPENT, False),  # the rest is for events and their pictures
        (UplinkHealth(monthly_bytes=1_000_000), False),  # no forecast yet
        (UplinkHealth(held=["media"]), False),
    ],
)
def test_frames_are_sent_only_where_the_budget_leaves_room(
    uplink: UplinkHealth, sent: bool, tmp_path: Path
) -> None:
    with box_in(tmp_path) as box:
        box.online, box.uplink = True, uplink
        box.ask(cameras=["cam-1"])
        box.events()
        box.show("cam-1")
        assert (box.files == []) is sent
        files = [event["file"] for event in box.events("evidence")]
        assert [file["command_id"] for file in files] == (["collect-1"] if sent else [])
        health = box.collector.health()
        assert health is not None
        assert (health.sent, health.left) == ((1, 0) if sent else (0, 1))


def test_a_frame_waits_while_pictures_of_events_wait(tmp_path: Path) -> None:
    with box_in(tmp_path) as box:
        box.online = True
        box.ask(cameras=["cam-1", "cam-2"])
        box.show("cam-1")
        box.show("cam-2")
        assert len(box.files) == 1, "the first one has not left the outbox"


def test_with_send_false_they_wait_on_the_gateway(tmp_path: Path) -> None:
    with box_in(tmp_path) as box:
        box.online = True
        box.ask(cameras=["cam-1"], send=False)
        box.show("cam-1")
        box.later(60)
        assert len(box.files) == 1
