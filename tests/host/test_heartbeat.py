"""The heartbeat: valid, small, and with one line per problem."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest
from msgspec import structs

from edge_agent import wire
from edge_agent.config.board import BoardIdentity
from edge_agent.config.model.settings import Location
from edge_agent.config.profiles import profile_of
from edge_agent.core.model import CameraState, CameraStatus, Cause
from edge_agent.host.board.boot import BootReason
from edge_agent.host.health.birth import installed_versions, make_birth
from edge_agent.host.health.clock_sync import ClockSync
from edge_agent.host.health.degraded import camera_lines
from edge_agent.host.health.heartbeat import HealthSources, HeartbeatMaker, compact, next_interval_s
from edge_agent.host.health.host_metrics import HostMetrics
from edge_agent.wire.json_schema import schema_of
from tests.host.fakes import PI_4, TODAY, FakeClock, camera, plant, settings

OUTBOX = wire.OutboxHealth(depth=0, bytes=40960, oldest_s=0.0, sequence=12345, epoch="3f2a9c1e")
UNCONFIRMED = structs.replace(OUTBOX, depth=7, oldest_s=400.0, unconfirmed=7, oldest_unconfirmed_s=390.0)
SENT = wire.BytesByClass(event=1_234_567, heartbeat=51_234_567, media=1_234_567)
MQTT = wire.MqttHealth(reconnects=1, bytes_today=SENT, bytes_month=SENT)
DETECTOR = wire.DetectorHealth(name="coco_ssd_mobilenet_v1", queue=0, latency_ms=45.1, inferences=123456)
CLOCK = wire.ClockHealth(synced=True, source="systemd-timesyncd", offset_ms=0.123)
UNSYNCED = wire.ClockHealth(synced=False, source=None, offset_ms=None)
BOX = wire.BoxHealth(
    cpu_percent=12.5, load_1=0.42, memory_percent=31.0, agent_rss_mb=123.4, disk_free_mb=20123.4,
    disk_percent=42.0, disk_write_kb_s=12.5, temperature_c=61.2, throttled=False, undervoltage=False,
    uptime_s=123456.78, boot_reason="power",
)  # fmt: skip
FOUR = tuple(camera(f"cam-{number}") for number in range(1, 5))
WELL = HealthSources(
    session=lambda: "0b0e3c56-5a3e-4a8e-9d0a-6a54ff5fb5a7",
    clock=lambda: CLOCK,
    box=lambda: BOX,
    outbox=lambda: OUTBOX,
    mqtt=lambda: MQTT,
    online=lambda: True,
    detector=lambda: DETECTOR,
    cameras=lambda: FOUR,
)


def beat(sources: HealthSources) -> wire.Heartbeat:
    return HeartbeatMaker(settings(Path("/nowhere")), FakeClock(), sources).make()


def having(**parts: Any) -> HealthSources:
    """All is well but these parts."""
    sources: dict[str, Any] = {name: lambda part=part: part for name, part in parts.items()}
    return replace(WELL, **sources)


def cameras(*statuses: CameraStatus) -> HealthSources:
    return having(cameras=statuses)


def offline(cause: Cause, detail: str = "", **changes: Any) -> HealthSources:
    return cameras(replace(camera("cam-2", CameraState.OFFLINE, cause, detail=detail), **changes))


def outbox(**changes: Any) -> HealthSources:
    return having(outbox=structs.replace(OUTBOX, **changes))


def mqtt(online: bool = True, **state: Any) -> HealthSources:
    return having(mqtt=wire.MqttHealth(reconnects=3, **state), online=online)


def unconfirmed(depth: int, confirmed_age_s: float | None = None) -> HealthSources:
    state = wire.MqttHealth(reconnects=0, delivery="confirmed", confirmed_age_s=confirmed_age_s)
    return having(outbox=structs.replace(UNCONFIRMED, depth=depth), mqtt=state)


def assert_valid(message: wire.Message) -> None:
    schema = msgspec.json.schema(type(message))
    jsonschema.Draft202012Validator(schema).validate(msgspec.json.decode(msgspec.json.encode(message)))


def test_healthy_site_of_four_cameras_is_valid_and_has_nothing_to_say() -> None:
    message = beat(WELL)
    assert_valid(message)
    assert message.degraded == []
    assert list(message.cameras) == ["cam-1", "cam-2", "cam-3", "cam-4"]
    assert message.time == "2026-11-24T05:03:00.000Z"


def test_heartbeat_of_four_cameras_stays_small() -> None:
    # 1,717 when this was written. A hundred bytes are 8.6 MB a month at one each 30 s.
    assert len(compact(beat(WELL))) <= 1730


@pytest.mark.parametrize("sources", [WELL, offline(Cause.REFUSED)])
def test_what_is_left_out_is_what_the_schema_says_by_default(sources: HealthSources) -> None:
    message = beat(sources)
    short = compact(message)
    assert msgspec.json.decode(short, type=wire.Heartbeat) == message
    jsonschema.Draft202012Validator(schema_of("heartbeat")).validate(msgspec.json.decode(short))
    assert len(short) < 0.85 * len(msgspec.json.encode(message))


def test_what_the_schema_requires_is_never_left_out() -> None:
    empty = wire.OutboxHealth(depth=0, bytes=0, oldest_s=0.0, sequence=0, epoch="")
    nothing = having(outbox=empty, cameras=())
    document = msgspec.json.decode(compact(beat(nothing)))
    assert document["outbox"] == {"depth": 0, "bytes": 0, "oldest_s": 0, "sequence": 0, "epoch": ""}
    assert (document["schema"], document["cameras"]) == ("heartbeat/1", {})


def test_unknown_is_null_and_still_valid() -> None:
    unknown = CameraStatus("cam-1", CameraState.STARTING, None, TODAY, 0.0)
    message = beat(having(cameras=(unknown,), box=wire.BoxHealth(), clock=UNSYNCED))
    assert_valid(message)
    document = msgspec.json.decode(msgspec.json.encode(message))
    assert document["box"]["temperature_c"] is None
    assert document["cameras"]["cam-1"]["codec"] is None


@pytest.mark.parametrize(
    ("sources", "line"),
    [
        (
            offline(Cause.UNAUTHORIZED),
            "camera cam-2 offline since 12:03: user name, password or file rights do not let the agent in "
            "(unauthorized)",
        ),
        (
            offline(Cause.UNREACHABLE, "no route to rtsp://u:p@h/s"),
            "camera cam-2 offline since 12:03: no route to rtsp://***@h/s (unreachable)",
        ),
        (
            offline(Cause.STALLED, since_mono=1000.0 - 86_400.0, since_at=TODAY - timedelta(days=1)),
            "camera cam-2 offline since 2026-11-23 12:03: connected, but nothing comes (stalled)",
        ),
        (
            cameras(camera("cam-1", CameraState.DEGRADED, None, 1000.0, "lost rtsp://u:p@10.0.0.1/s")),
            "camera cam-1 degraded since 12:03: lost rtsp://***@10.0.0.1/s",
        ),
        (having(clock=UNSYNCED), "clock not synchronised, times may be wrong"),
        (outbox(degraded="works from memory: disk full"), "outbox: works from memory: disk full"),
        (outbox(shed=7), "outbox: 7 events dropped since start, because it was full"),
        (mqtt(online=False, last_error="certificate expired"), "broker: not connected: certificate expired"),
        (mqtt(no_subscriber=True), "broker: no client subscribes to some events or pictures; they are kept"),
        (having(detector=structs.replace(DETECTOR, degraded="no Edge TPU")), "detector: no Edge TPU"),
        (having(box=wire.BoxHealth(temperature_c=82.0)), "temperature 82 C above 80"),
        (having(box=wire.BoxHealth(temperature_c=86.0)), "temperature 86 C, critical from 85"),
        (having(box=wire.BoxHealth(undervoltage=True)), "undervoltage: the power supply is too weak"),
        (
            replace(outbox(depth=7, oldest_s=95.4), mqtt=mqtt(refused=7).mqtt),
            "broker: 7 events wait, the oldest for 95 s; it refused 7 since start",
        ),
        (
            unconfirmed(9, confirmed_age_s=3600.0),
            "centre: nothing confirmed since 11:03: 7 events are sent and kept, the oldest for 390 s",
        ),
        (
            unconfirmed(7),
            "centre: nothing confirmed since the agent started: "
            "7 events are sent and kept, the oldest for 390 s",
        ),
        (unconfirmed(9, confirmed_age_s=2.0), "broker: 2 events wait, the oldest for 400 s"),
        (having(units=["unit chrony.service failed"]), "unit chrony.service failed"),
        (having(box=wire.BoxHealth(throttled=True)), "the processor is throttled"),
        (having(box=wire.BoxHealth(disk_percent=93.2)), "disk 93 % full"),
        (having(box=wire.BoxHealth(memory_percent=95.0)), "memory 95 % used"),
    ],
)
def test_each_fault_has_its_line(sources: HealthSources, line: str) -> None:
    message = beat(sources)
    assert message.degraded == [line]
    assert_valid(message)


@pytest.mark.parametrize(
    ("count", "oldest_s", "confirmed_age_s"),
    [
        pytest.param(7, 250.0, None, id="a few minutes only"),
        pytest.param(7, 900.0, 9.0, id="one is left"),
        pytest.param(0, 0.0, None, id="nothing waits"),
    ],
)
def test_a_confirming_centre_is_no_fault(count: int, oldest_s: float, confirmed_age_s: float | None) -> None:
    state = wire.MqttHealth(reconnects=0, delivery="confirmed", confirmed_age_s=confirmed_age_s)
    waiting = {"depth": count, "unconfirmed": count, "oldest_s": oldest_s, "oldest_unconfirmed_s": oldest_s}
    assert beat(replace(outbox(**waiting), mqtt=lambda: state)).degraded == []


def test_cameras_that_send_more_than_the_board_decodes_have_theirs() -> None:
    clock = FakeClock()
    profile = profile_of("raspberry-pi-4", BoardIdentity("", ""))
    site = replace(settings(Path("/nowhere")), profile=profile)
    main_stream = replace(camera("cam-2"), width=2560, height=1440, packet_fps=25.0)
    maker = HeartbeatMaker(site, clock, cameras(camera(), main_stream))
    assert maker.make().degraded == []  # their rates are not known yet
    clock.advance(31)
    (line,) = maker.make().degraded
    assert line.startswith("decoding: the cameras send as much as 410 pictures of 640x360 a second")
    assert line.endswith("most comes from cam-2 (2560x1440, 25 a second): use its sub-stream")


def test_error_of_an_earlier_connection_is_history() -> None:
    assert beat(mqtt(last_error="connection reset")).degraded == []


def test_beginning_of_an_outage_is_dated_anew_after_the_clock_was_set() -> None:
    clock = FakeClock()
    long_ago = TODAY - timedelta(days=900)
    down = replace(camera("cam-1", CameraState.OFFLINE, Cause.REFUSED, 940.5), since_at=long_ago)
    message = HeartbeatMaker(settings(Path("/nowhere")), clock, cameras(down)).make()
    assert message.cameras["cam-1"].since == "2026-11-24T05:02:00.000Z"


def test_beginning_of_an_outage_keeps_its_label_while_the_clock_does_not_jump() -> None:
    clock = FakeClock()
    labels = set()
    for _ in range(3):
        clock.advance(30.0007)
        message = HeartbeatMaker(settings(Path("/nowhere")), clock, cameras(camera())).make()
        labels.add(message.cameras["cam-1"].since)
    assert labels == {"2026-11-24T05:03:00.000Z"}


def test_blind_cameras_come_before_everything_else() -> None:
    blurred = camera("cam-1", CameraState.DEGRADED, Cause.DECODE_ERROR)
    gone = camera("cam-2", CameraState.OFFLINE, Cause.REFUSED)
    sources = replace(outbox(degraded="disk full"), cameras=lambda: (blurred, gone))
    wanted = ["camera cam-2 offline", "camera cam-1 degraded", "outbox: disk full"]
    assert [line.split(" since")[0] for line in beat(sources).degraded] == wanted


def test_interval_is_jittered_by_a_tenth() -> None:
    intervals = [next_interval_s(30.0) for _ in range(500)]
    assert 27.0 <= min(intervals) < 28.0
    assert 32.0 < max(intervals) <= 33.0


def test_one_heartbeat_costs_under_three_milliseconds_of_cpu(tmp_path: Path) -> None:
    clock = FakeClock()
    box = HostMetrics(tmp_path, clock, plant(tmp_path, PI_4), "power")
    sync = ClockSync(tmp_path / "clock.json", clock, "boot-1")
    maker = HeartbeatMaker(settings(tmp_path), clock, replace(WELL, box=box.read, clock=sync.health))
    began = time.process_time()
    for _ in range(100):
        clock.advance(30.0)
        msgspec.json.encode(maker.make())
    assert (time.process_time() - began) / 100 < 0.003


def test_birth_says_what_the_gateway_is_made_of(tmp_path: Path) -> None:
    site = settings(tmp_path)
    site = replace(site, gateway=replace(site.gateway, location=Location(20.4463, 106.3366)))
    birth = make_birth(
        site, FakeClock(), "3f2a", "boot-1", BootReason.POWER,
        wire.BirthDetector(name="street", model_sha256=None, labels=["person"], delegate=None),
        {"libavcodec": "61.19.100"}, plant(tmp_path, PI_4),
    )  # fmt: skip
    assert_valid(birth)
    assert (birth.board, birth.os) == ("Raspberry Pi 4 Model B Rev 1.4", "Debian GNU/Linux 13 (trixie)")
    assert {"python", "kernel", "av", "opencv", "numpy", "paho", "libavcodec"} <= set(birth.versions)
    assert [c.id for c in birth.cameras] == ["cam-1", "cam-2"]
    assert birth.location == wire.BirthLocation(latitude=20.4463, longitude=106.3366)


def test_library_that_is_not_installed_has_no_version() -> None:
    assert all(installed_versions().values())


def test_a_tampered_camera_is_one_line_and_rain_is_none() -> None:
    now = datetime(2026, 11, 24, 5, 0, tzinfo=UTC)
    covered = replace(camera("cam-1"), view=("covered", "frozen"))
    rainy = replace(camera("cam-2"), view=("visibility-degraded", "dark"))
    (line,) = camera_lines([covered, rainy], now, UTC)
    assert line == "camera cam-1 is covered and frozen: somebody has to look after it"
