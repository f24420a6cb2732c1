"""Commands that send files: what they make, where it goes, and what they refuse."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from edge_agent.commands.action import CommandFailed, CommandRefused, CommandSucceeded
from edge_agent.commands.document import arguments
from edge_agent.commands.handlers.diagnostics import (
    HISTORY_EVERY_S,
    HISTORY_LENGTH,
    HealthHistory,
    bundle,
    configuration_text,
)
from edge_agent.commands.handlers.files import (
    ClipCommand,
    LivePicturesCommand,
    diagnostics_action,
    hold_action,
    media_of,
    snapshot_action,
)
from edge_agent.commands.handlers.media_service import ClipLimits, sent_from
from edge_agent.commands.handlers.storm import StormMode
from edge_agent.commands.transfer.https import HttpsTarget, Uploader
from edge_agent.core.delivery import MAX_MESSAGE_BYTES, Media
from edge_agent.wire import (
    ClipArguments,
    DiagnosticsArguments,
    HoldArguments,
    LivePicturesArguments,
    SnapshotArguments,
    StormArguments,
    UplinkHealth,
)
from tests.commands.contexts import ContextRecorder
from tests.commands.put_server import PutServer
from tests.host.fakes import FakeClock

MP4 = b"\0\0\0\x18ftypisom" + b"film" * 100_000
JPEG = b"\xff\xd8picture"


class Site:
    """Fake cameras and files."""

    def __init__(self) -> None:
        self.clips: dict[str, tuple[str, bytes]] = {}
        self.sent: list[tuple[Media, str]] = []
        self.held: dict[str, str] = {}
        self.filmed: list[tuple[str, float, float]] = []
        self.clock = FakeClock()
        self.began_mono = self.clock.monotonic()
        self.gives_clip = True
        self.recorded: set[str] = set()
        self.largest = MAX_MESSAGE_BYTES
        self.uplink = UplinkHealth()

    @property
    def paused_s(self) -> float:
        return self.clock.monotonic() - self.began_mono

    def still(self, camera: str, event_id: str, timeout_s: float) -> Media:
        return self.snapshot(camera, event_id, timeout_s)

    def snapshot(self, camera: str, event_id: str, timeout_s: float) -> Media:
        if camera != "cam-1":
            raise CommandRefused(f"there is no camera {camera}; there are: cam-1")
        return media_of(JPEG, event_id, camera)

    def record_clip(self, camera: str, event_id: str, last_s: float, next_s: float) -> None:
        self.filmed.append((event_id, last_s, next_s))

    def send(self, media: Media, command_id: str) -> str | None:
        self.sent.append((media, command_id))
        return sent_from(self.uplink)

    def clip_of(self, event_id: str) -> tuple[str, bytes] | None:
        return self.clips.get(event_id)

    def has_clip(self, event_id: str) -> bool:
        return event_id in self.clips

    def is_recorded(self, event_id: str) -> bool:
        return event_id in self.recorded

    def largest_clip(self) -> int:
        return self.largest

    def hold(self, event_id: str, why: str, who: str) -> None:
        self.held[event_id] = f"{who}: {why}"

    def release(self, event_id: str) -> bool:
        return self.held.pop(event_id, None) is not None

    def pause(self, seconds: float) -> bool:
        self.clock.advance(seconds)
        if self.filmed and self.gives_clip and self.paused_s > self.filmed[-1][2] + 1:
            self.clips[self.filmed[-1][0]] = ("cam-1", MP4)
        return False


@pytest.fixture
def site() -> Site:
    return Site()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PutServer]:
    with PutServer(tmp_path_factory.mktemp("put")) as running:
        yield running


def run(action: Any, args: Any) -> Any:
    return action.run(ContextRecorder().context(args))


def clip_command(site: Site) -> ClipCommand:
    return ClipCommand(site, site.pause, Uploader(site.pause))


def test_a_snapshot_goes_as_media_that_names_its_command(site: Site) -> None:
    outcome = run(snapshot_action(site), SnapshotArguments(camera="cam-1"))
    ((media, command_id),) = site.sent
    assert (media.payload, media.event_id, media.content_type) == (JPEG, "snapshot-c-1", "image/jpeg")
    assert command_id == "c-1"
    assert outcome.result["media_id"] == media.media_id
    assert outcome.result["sha256"] == hashlib.sha256(JPEG).hexdigest()


def test_a_picture_that_the_budget_holds_back_is_not_said_to_be_on_its_way(site: Site) -> None:
    snapshot = snapshot_action(site)
    assert run(snapshot, SnapshotArguments(camera="cam-1")).text == "the picture of cam-1 is on its way"
    site.uplink = UplinkHealth(held=["media"], resets_on="2026-12-01", step=1)
    reported = run(snapshot, SnapshotArguments(camera="cam-1")).text
    assert reported.startswith("the picture of cam-1 waits on the gateway:")
    assert reported.endswith("are sent again on 2026-12-01")


def test_live_pictures_come_once_a_second_until_their_time_is_over(site: Site) -> None:
    given = ContextRecorder()
    live = LivePicturesCommand(site, site.pause, site.clock).action()
    outcome = live.run(given.context(LivePicturesArguments(camera="cam-1", for_s=20)))
    assert [media.event_id for media, _ in site.sent] == [f"live-c-1-{n}" for n in range(1, 21)]
    assert given.progress_texts == ["pictures of cam-1 are sent one after another"]
    assert isinstance(outcome, CommandSucceeded)
    assert (outcome.text, outcome.result) == ("20 pictures of cam-1 were sent", {"pictures": 20})


def test_live_pictures_end_with_the_first_one_that_the_budget_delays(site: Site) -> None:
    site.uplink = UplinkHealth(held=["media"], resets_on="2026-12-01", step=1)
    live = LivePicturesCommand(site, site.pause, site.clock).action()
    outcome = run(live, LivePicturesArguments(camera="cam-1"))
    assert len(site.sent) == 1
    assert outcome.text.startswith("ended after 1 pictures of cam-1")


def test_an_events_clip_goes_as_media(site: Site) -> None:
    site.clips["zone-1"] = ("cam-2", MP4)
    outcome = run(clip_command(site), ClipArguments(event_id="zone-1"))
    ((media, _),) = site.sent
    assert (media.camera, media.content_type, media.payload) == ("cam-2", "video/mp4", MP4)
    assert outcome.result["bytes"] == len(MP4)


def test_the_last_seconds_of_a_camera_are_filmed_and_waited_for(site: Site) -> None:
    given = ContextRecorder()
    clip = clip_command(site)
    outcome = clip.run(given.context(ClipArguments(camera="cam-1", last_s=5, next_s=3)))
    assert site.filmed == [("clip-c-1", 5, 3)]
    assert isinstance(outcome, CommandSucceeded)
    assert outcome.result["event_id"] == "clip-c-1"
    assert "recorded" in given.progress_texts[0]


def test_a_film_that_does_not_come_is_a_failure(site: Site) -> None:
    site.gives_clip = False
    with pytest.raises(CommandFailed, match="no clip was made"):
        run(clip_command(site), ClipArguments(camera="cam-1"))
    assert site.sent == []


def test_after_a_restart_what_was_filmed_is_sent_and_nothing_is_filmed_again(site: Site) -> None:
    clip, order = clip_command(site), ContextRecorder().context(ClipArguments(camera="cam-1"))
    assert isinstance(clip.resume(order), CommandFailed)
    site.clips["clip-c-1"] = ("cam-1", MP4)
    assert isinstance(clip.resume(order), CommandSucceeded)
    assert (site.filmed, len(site.sent)) == ([], 1)


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (ClipArguments(), "one of them"),
        (ClipArguments(event_id="zone-1", camera="cam-1"), "one of them"),
        (ClipArguments(event_id="zone-9"), "no clip of zone-9"),
        (ClipArguments(camera="cam-1", last_s=0), "less than a second"),
        (ClipArguments(event_id="large"), "give a url"),
        (ClipArguments(event_id="large", url="https://a/b", urls=["https://a/b"]), "not both"),
    ],
)
def test_a_clip_that_cannot_be_is_refused(site: Site, args: ClipArguments, says: str) -> None:
    site.clips["large"] = ("cam-1", MP4.ljust(MAX_MESSAGE_BYTES + 1))
    with pytest.raises(CommandRefused, match=says):
        run(clip_command(site), args)
    assert site.sent == []


MB = 1_000_000


@pytest.mark.parametrize(
    ("takes_parts", "max_bytes", "used", "largest"),
    [
        (True, 32 * MB, 0, 32 * MB),
        (True, 4 * MB, 0, 4 * MB),
        (True, 32 * MB, 100 * MB, 28 * MB),  # half of the outbox is for clips
        (True, 32 * MB, 200 * MB, MAX_MESSAGE_BYTES),
        (False, 32 * MB, 0, MAX_MESSAGE_BYTES),  # an older centre
        (False, MB, 0, MB),
    ],
)
def test_how_large_a_clip_may_be(takes_parts: bool, max_bytes: int, used: int, largest: int) -> None:
    assert ClipLimits(lambda: takes_parts, max_bytes, 256 * MB).largest(used) == largest


def test_a_large_clip_goes_where_the_centre_takes_parts(site: Site) -> None:
    site.clips["large"] = ("cam-1", MP4.ljust(8 * MB))
    site.largest = 32 * MB
    outcome = run(clip_command(site), ClipArguments(event_id="large"))
    assert outcome.result["bytes"] == 8 * MB


def test_where_pictures_go_to_a_url_an_operator_has_to_sign(site: Site) -> None:
    uploader = Uploader(site.pause)
    clip = ClipCommand(site, site.pause, uploader).action()
    diagnostics = diagnostics_action(lambda: b"", site, uploader)
    assert clip.needs_signature(ClipArguments(event_id="zone-1", url="https://a/b"))
    assert clip.needs_signature(ClipArguments(event_id="zone-1", urls=["https://a/b"]))
    assert not clip.needs_signature(ClipArguments(event_id="zone-1"))
    assert diagnostics.needs_signature(DiagnosticsArguments(url="https://a/b"))
    assert hold_action(site).needs_signature(HoldArguments(event_id="e", why="w", release=True))
    assert not hold_action(site).needs_signature(HoldArguments(event_id="e", why="w"))


# --- uploads ---


def upload_of(site: Site, server: PutServer, **where: Any) -> CommandSucceeded:
    site.clips["zone-1"] = ("cam-1", MP4)
    clip = ClipCommand(site, site.pause, Uploader(site.pause, server.client_tls))
    outcome: CommandSucceeded = run(clip, ClipArguments(event_id="zone-1", **where))
    return outcome


def test_a_clip_is_put_to_a_url_whole_with_its_query(site: Site, server: PutServer) -> None:
    outcome = upload_of(site, server, url=server.url("/whole.mp4?signature=abc"))
    assert server.stored["/whole.mp4?signature=abc"] == MP4
    assert server.types[-1] == "video/mp4"
    assert outcome.result["sha256"] == hashlib.sha256(MP4).hexdigest()
    assert outcome.result["media_id"] is None
    assert site.sent == []


def test_a_large_one_is_put_in_parts_with_their_etags(site: Site, server: PutServer) -> None:
    urls = [server.url(f"/part-{number}") for number in range(5)]
    outcome = upload_of(site, server, urls=urls, part_bytes=100_000)
    assert b"".join(server.stored[f"/part-{number}"] for number in range(5)) == MP4
    first = hashlib.md5(MP4[:100_000], usedforsecurity=False).hexdigest()
    assert outcome.result["etags"][0] == f'"{first}"'


def test_parts_and_urls_have_to_be_as_many(site: Site, server: PutServer) -> None:
    asked = server.asked
    with pytest.raises(CommandFailed, match=r"are 5 parts of 100000, and there are 2 URLs"):
        upload_of(site, server, urls=[server.url("/a"), server.url("/b")], part_bytes=100_000)
    assert server.asked == asked


@pytest.mark.parametrize("status", [500, 503, 429])
def test_a_server_in_trouble_is_asked_again_and_gets_all(site: Site, server: PutServer, status: int) -> None:
    server.answers = [status, status]
    upload_of(site, server, url=server.url(f"/again-{status}"))
    assert server.stored[f"/again-{status}"] == MP4
    assert site.paused_s > 0


@pytest.mark.parametrize("status", [403, 404, 302])
def test_a_refusal_is_final_and_no_redirect_is_followed(site: Site, server: PutServer, status: int) -> None:
    asked, server.answers = server.asked, [status]
    with pytest.raises(CommandFailed, match=str(status)) as failed:
        upload_of(site, server, url=server.url("/refused?signature=secret"))
    assert server.asked == asked + 1
    assert "secret" not in str(failed.value)
    assert "/elsewhere" not in server.stored


def test_a_server_that_is_not_the_one_it_says_gets_nothing(site: Site, server: PutServer) -> None:
    site.clips["zone-1"] = ("cam-1", MP4)
    asked = server.asked
    with pytest.raises(CommandFailed, match="CERTIFICATE_VERIFY_FAILED"):
        run(clip_command(site), ClipArguments(event_id="zone-1", url=server.url("/x")))
    assert server.asked == asked


def test_the_agents_stop_ends_an_upload_between_two_attempts(server: PutServer) -> None:
    server.answers = [500]
    stopped = Uploader(lambda _: True, server.client_tls)
    with pytest.raises(CommandFailed, match="stops") as failed:
        stopped.put(MP4, [HttpsTarget.of(server.url("/x"))], len(MP4), "video/mp4")
    assert failed.value.code == "interrupted"


# --- holds ---


def test_what_is_held_stays_and_says_whether_there_is_a_clip(site: Site) -> None:
    site.clips["zone-1"] = ("cam-1", MP4)
    held = run(hold_action(site), HoldArguments(event_id="zone-1", why="case 12"))
    assert (held.result, site.held) == ({"clip": True}, {"zone-1": "command c-1: case 12"})
    run(hold_action(site), HoldArguments(event_id="zone-1", why="over", release=True))
    assert site.held == {}
    with pytest.raises(CommandRefused, match="was not held"):
        run(hold_action(site), HoldArguments(event_id="zone-1", why="over", release=True))


def test_a_release_that_was_done_before_a_kill_is_answered_as_done(site: Site) -> None:
    asked = HoldArguments(event_id="zone-1", why="over", release=True)
    site.held["zone-1"] = "somebody"
    for _ in range(2):
        outcome = hold_action(site).resume(ContextRecorder().context(asked))
        assert isinstance(outcome, CommandSucceeded)
    assert site.held == {}


# --- storm mode ---


class Sky:
    def __init__(self, folder: Path) -> None:
        self.path, self.clock = folder / "storm.json", FakeClock()
        self.taken: list[tuple[str, str, str]] = []
        self.start()

    def start(self) -> None:
        self.storm = StormMode(
            self.path, self.clock, lambda: ["cam-1", "cam-2"], lambda *taken: self.taken.append(taken)
        )

    def pass_s(self, seconds: int) -> None:
        for _ in range(seconds):
            self.clock.advance(1)
            self.storm.tick()


@pytest.fixture
def sky(tmp_path: Path) -> Sky:
    return Sky(tmp_path)


def test_a_storm_takes_pictures_at_once_and_then_every_so_often_until_it_is_over(sky: Sky) -> None:
    outcome = run(sky.storm, StormArguments(cameras=["cam-2"], every_s=60, for_s=300))
    assert outcome.result["cameras"] == ["cam-2"]
    sky.pass_s(1000)
    assert sky.taken == [("cam-2", f"storm-c-1-{number}", "c-1") for number in range(1, 6)]
    assert sky.storm.health() is None
    assert not sky.path.exists()


def test_a_camera_that_is_named_a_thousand_times_gives_one_picture_and_none_is_no_storm(sky: Sky) -> None:
    outcome = run(sky.storm, StormArguments(cameras=["cam-2", "cam-1"] * 1000, every_s=60, for_s=60))
    assert outcome.result["cameras"] == ["cam-2", "cam-1"]
    sky.pass_s(1)
    assert [camera for camera, *_ in sky.taken] == ["cam-2", "cam-1"]
    with pytest.raises(CommandRefused, match="length >= 1"):
        arguments(StormArguments, {"cameras": []})


def test_it_goes_on_after_a_restart_and_ends_at_the_same_time(sky: Sky) -> None:
    run(sky.storm, StormArguments(every_s=60, for_s=300))
    sky.pass_s(100)
    sky.clock.advance(50)
    sky.start()
    health = sky.storm.health()
    assert health is not None
    assert health.cameras == ["cam-1", "cam-2"]
    before = len(sky.taken)
    sky.pass_s(149)
    assert len(sky.taken) > before
    assert sky.storm.health() is not None
    sky.pass_s(2)
    assert sky.storm.health() is None


def test_a_clock_that_was_behind_at_the_restart_does_not_make_it_longer(sky: Sky) -> None:
    run(sky.storm, StormArguments(every_s=60, for_s=300))
    sky.clock.jump(sky.clock.now().replace(year=2024))
    sky.start()
    sky.pass_s(301)
    assert sky.storm.health() is None


def test_zero_ends_it_and_an_unknown_camera_is_refused(sky: Sky) -> None:
    with pytest.raises(CommandRefused, match="no camera cam-9; there are: cam-1, cam-2"):
        run(sky.storm, StormArguments(cameras=["cam-9"]))
    run(sky.storm, StormArguments())
    run(sky.storm, StormArguments(for_s=0))
    sky.pass_s(400)
    assert (sky.taken, sky.storm.health()) == ([], None)


def test_a_disk_that_takes_nothing_ends_the_storm_and_not_the_agent(sky: Sky) -> None:
    run(sky.storm, StormArguments(every_s=60, for_s=100))
    sky.path.unlink()
    (sky.path / "in the way").mkdir(parents=True)
    sky.pass_s(200)
    assert sky.storm.health() is None
    sky.start()
    sky.pass_s(10)


# --- diagnostics ---


def unpacked(packed: bytes) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(packed)) as tar:
        return {
            name.removeprefix("diagnostics/"): file.read()
            for name in tar.getnames()
            if (file := tar.extractfile(name)) is not None
        }


def test_the_bundle_has_its_parts_and_says_what_is_missing() -> None:
    def broken() -> bytes:
        raise OSError("rtsp://admin:hunter2@10.0.0.1 is gone")

    files = unpacked(bundle({"status.json": lambda: b"{}", "bad": broken}, ["one", "two"]))
    assert files["status.json"] == b"{}"
    assert files["log.txt"] == b"one\ntwo"
    assert b"OSError" in files["missing.txt"]
    assert b"hunter2" not in files["missing.txt"]


def test_of_a_log_that_is_too_long_the_end_is_kept() -> None:
    log = [hashlib.sha256(str(number).encode()).hexdigest() for number in range(20_000)]
    packed = bundle({}, log, max_bytes=100_000)
    assert len(packed) <= 100_000
    lines = unpacked(packed)["log.txt"].decode().splitlines()
    assert lines == log[-len(lines) :]
    assert len(lines) > 1000


@pytest.mark.parametrize(
    "written",
    [
        "password: hunter2",
        "  - pass : 'hunter2'",
        'mqtt: {username: box, "password": "hunter2", brokers: [x]}',
        "{username: box, pwd: hunter2}",
        "password: |\n  hunter2\n  hunter2\nnext: 1",
        "# password: hunter2",
        "# the installer's login is admin / hunter2",
        "heartbeat_s: 30  # hunter2 opens the cabinet",
    ],
)
def test_no_password_is_in_the_configuration_even_where_it_must_not_be(tmp_path: Path, written: str) -> None:
    """The agent refuses such a file, runs with the last good one, and a developer needs to see why."""
    path, drop_in = tmp_path / "edge-agent.yaml", tmp_path / "x.yaml"
    path.write_text("password_file: credentials/cam-1\nurl: 'rtsp://admin:hunter2@10.0.0.1/s'\n")
    drop_in.write_text(f"{written}\nlast: line\n")
    text = configuration_text(path, drop_in)
    assert b"***@10.0.0.1/s" in text
    assert b"hunter2" not in text
    assert b"password_file: credentials/cam-1" in text
    assert text.endswith(b"last: line\n\n")


def test_a_day_of_health_takes_little_memory() -> None:
    now = [0.0]
    history = HealthHistory(lambda: now[0])
    for number in range(2 * 24 * 120):
        now[0] = number * 30.0
        history.add(json.dumps({"n": number, "text": "x" * 1500}).encode())
    lines = history.lines().splitlines()
    assert len(lines) == HISTORY_LENGTH
    step = round(HISTORY_EVERY_S / 30)
    assert json.loads(lines[-1])["n"] - json.loads(lines[-2])["n"] == step


def test_the_bundle_goes_as_media_or_to_a_url(site: Site, server: PutServer) -> None:
    packed = bundle({}, ["line"])
    diagnostics = diagnostics_action(lambda: packed, site, Uploader(site.pause, server.client_tls))
    run(diagnostics, DiagnosticsArguments())
    assert (site.sent[0][0].content_type, site.sent[0][0].camera) == ("application/gzip", "gateway")
    run(diagnostics, DiagnosticsArguments(url=server.url("/bundle")))
    assert server.stored["/bundle"] == packed
