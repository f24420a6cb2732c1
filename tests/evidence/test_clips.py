"""Clips of real streams: they play in all players, start at the right time, and hold the camera's packets."""

from __future__ import annotations

import dataclasses
import itertools
import subprocess
from pathlib import Path
from typing import Any

import pytest

from edge_agent.config.model.settings import Clip, ClipPolicy, Ring
from edge_agent.core.facts import Phase
from edge_agent.core.model import Severity
from edge_agent.evidence.clips.clips import FinishedClip
from edge_agent.evidence.clips.mux import NoClip, mux_clip
from tests.evidence.clip_scene import ClipScene, camera_with_clips, clip_file
from tests.evidence.player import packet_hashes, played, remuxed, seek_error, timing
from tests.testbed.clips import make_clip
from tests.testbed.ring_feed import START

FRAME_S = 0.1
B_FRAMES = ("-bf", "2", "-tune", "animation")
OPEN_GOP = ("-x265-params", "log-level=error:bframes=3:open-gop=1:keyint=10:min-keyint=10")


@pytest.fixture(scope="module")
def streams(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """20 s at 10 fps with a keyframe each second, in MP4 and Matroska, with separate parameter sets."""
    folder = tmp_path_factory.mktemp("streams")
    wanted: dict[str, dict[str, Any]] = {
        "h264": {},
        "h264-b-frames": {"extra": B_FRAMES},
        "h265": {"codec": "h265"},
        "h265-open-gop": {"codec": "h265", "extra": OPEN_GOP},
        "mjpeg": {"codec": "mjpeg"},
    }
    return {
        name: make_clip(folder / f"{name}.{'mkv' if name == 'mjpeg' else 'mp4'}", seconds=20, **how)
        for name, how in wanted.items()
    }


def only(cuts: list[FinishedClip]) -> FinishedClip:
    (cut,) = cuts
    return cut


TAGS = {
    "h264": ("h264", "avc1"),
    "h264-b-frames": ("h264", "avc1"),
    "h265": ("hevc", "hvc1"),
    "h265-open-gop": ("hevc", "hvc1"),
    "mjpeg": ("mjpeg", "mp4v"),
}


@pytest.mark.parametrize("name", TAGS)
def test_a_clip_plays_and_begins_when_it_says(name: str, streams: dict[str, Path], tmp_path: Path) -> None:
    """In all players, also one that jumps; with the camera's packets bit for bit."""
    scene = ClipScene(streams[name])
    cut = only(scene.event(8.25, 9.0))
    made, path = clip_file(cut, tmp_path / "clip.mp4")
    seen = played(path)
    assert (seen.codec, seen.tag) == TAGS[name]
    assert seen.codec == made.codec
    assert seen.begins_with_keyframe
    assert seen.index_first
    assert not seen.complaints
    assert cut.cut_short is None
    assert seen.times_s[0] == pytest.approx(0, abs=0.001)
    assert seen.by_opencv == len(seen.times_s) == len(cut.packets) - leading(cut)
    assert all(0.09 < b - a < 0.11 for a, b in itertools.pairwise(seen.times_s))
    assert seen.duration_s == pytest.approx(made.duration_s, abs=FRAME_S)
    # The reported pre-roll: the picture at that time is the one of the event.
    assert 5.0 <= scene.pre_roll_s(cut, made) < 6.0 + FRAME_S
    assert made.duration_s - scene.pre_roll_s(cut, made) == pytest.approx(0.75 + 5, abs=2 * FRAME_S)
    begin_s, decoding = timing(path)
    assert begin_s == 0
    assert all(a < b for a, b in itertools.pairwise(decoding))
    for to in (0, 7, 50, 33, 105):  # back and forth
        assert seek_error(path, to) == 0, f"frame {to}"
    for container in ("mkv", "mov"):
        again = tmp_path / f"again.{container}"
        assert not remuxed(path, again)
        assert packet_hashes(again) == packet_hashes(path)
    # An open GOP loses the pictures that refer to what is not there.
    assert bool(leading(cut)) == (name == "h265-open-gop")
    if not leading(cut):
        filmed, sent = packet_hashes(path), packet_hashes(streams[name])
        begin = sent.index(filmed[0])
        assert sent[begin : begin + len(filmed)] == filmed


def leading(cut: FinishedClip) -> int:
    """Return packets of an open GOP that refer to the GOP before."""
    first = cut.packets[0].packet.pts
    assert first is not None
    return sum(1 for item in cut.packets[1:4] if (item.packet.pts or 0) < first)


def annex_b(path: Path, to: Path, *filters: str) -> Path:
    """Return the packets with start codes, as a camera sends them."""
    command = ["ffmpeg", "-v", "error", "-nostdin", "-y", "-i", str(path), "-c", "copy"]
    bitstream = ",".join(("h264_mp4toannexb", *filters))
    subprocess.run([*command, "-bsf:v", bitstream, "-f", "mpegts", str(to)], check=True)
    return to


def test_parameter_sets_may_be_in_the_stream_only(streams: dict[str, Path], tmp_path: Path) -> None:
    scene = ClipScene(annex_b(streams["h264"], tmp_path / "camera.ts"))
    cut = only(scene.event(8.25, 9.0))
    assert cut.parameters is not None
    cut = dataclasses.replace(cut, parameters=Described(cut.parameters.tick_s))
    _, path = clip_file(cut, tmp_path / "clip.mp4")
    seen = played(path)
    assert (seen.tag, seen.complaints, seen.by_opencv) == ("avc1", "", len(cut.packets))


@dataclasses.dataclass(frozen=True)
class Described:
    """Stream parameters as of RTSP without sprop-parameter-sets."""

    tick_s: float
    codec: str = "h264"
    extradata: bytes = b""
    timed: bool = True
    turned_deg: int = 0


def test_a_turned_picture_stays_turned(streams: dict[str, Path], tmp_path: Path) -> None:
    for degrees in (90, 180, 270):
        cut = only(ClipScene(streams["h264"]).event(8.25, 9.0))
        assert cut.parameters is not None
        tick_s, extradata = cut.parameters.tick_s, cut.parameters.extradata
        parameters = Described(tick_s, extradata=extradata, turned_deg=degrees)
        _, path = clip_file(dataclasses.replace(cut, parameters=parameters), tmp_path / "clip.mp4")
        assert played(path).turned_deg % 360 == degrees


def test_pictures_without_a_time_and_a_clock_that_is_set(streams: dict[str, Path], tmp_path: Path) -> None:
    def edit(number: int, packet: Any) -> Any:
        if number in (40, 41, 70):
            packet.pts = packet.dts = None
        elif number > 95:  # the camera's clock jumps by an hour, in the middle of the event
            packet.pts += round(3600 / packet.time_base)
        return packet

    cut = only(ClipScene(streams["h264"], edit=edit).event(8.25, 12.0))
    made, path = clip_file(cut, tmp_path / "clip.mp4")
    seen = played(path)
    assert not seen.complaints
    assert seen.by_opencv == len(cut.packets)
    assert made.duration_s == pytest.approx(17.1 - 3.0, abs=0.2)
    assert all(0 < b - a < 0.3 for a, b in itertools.pairwise(seen.times_s))


def test_pictures_that_come_at_odd_times_are_shown_at_them(streams: dict[str, Path], tmp_path: Path) -> None:
    """A camera that lowers its rate at night."""
    scene = ClipScene(streams["mjpeg"], edit=lambda n, packet: packet if n < 80 or n % 5 == 0 else None)
    _, path = clip_file(only(scene.event(8.25, 9.0)), tmp_path / "clip.mp4")
    steps = {round(b - a, 1) for a, b in itertools.pairwise(played(path).times_s)}
    assert steps == {0.1, 0.5}


def test_a_clip_ends_with_the_connection_and_says_so(streams: dict[str, Path], tmp_path: Path) -> None:
    scene = ClipScene(streams["h264"])
    cuts = scene.run({8.25: lambda: scene.report(Phase.START, 8.25), 10.0: scene.site.ring.end})
    cut = only(cuts)
    assert cut.cut_short == "the connection to the camera was lost"
    made, path = clip_file(cut, tmp_path / "clip.mp4")
    assert made.duration_s == pytest.approx(10.1 - 3.0, abs=0.11)
    assert not played(path).complaints


def test_after_a_reconnect_the_next_event_is_filmed_again(streams: dict[str, Path]) -> None:
    scene = ClipScene(streams["h264"])
    scene.run({18.0: lambda: scene.report(Phase.START, 18.0)})
    scene.site.ring.end()
    cuts = scene.event(30.0, 31.0, event_id="zone-2")
    assert [(cut.event_id, cut.cut_short is None) for cut in cuts] == [("zone-1", False), ("zone-2", True)]


def test_a_long_event_is_cut_at_max_s(streams: dict[str, Path]) -> None:
    scene = ClipScene(streams["h264"], settings=camera_with_clips(Clip(max_s=11.0)))
    cut = only(scene.run({6.25: lambda: scene.report(Phase.START, 6.25)}))
    assert cut.cut_short == "it is longer than clip.max_s (11 s)"
    assert cut.packets[-1].stamp_mono - cut.packets[0].stamp_mono == pytest.approx(11.0, abs=FRAME_S)


def test_the_clip_of_an_event_ends_with_it_although_its_rule_was_muted(streams: dict[str, Path]) -> None:
    scene = ClipScene(streams["h264"])
    muted = {
        6.25: lambda: scene.report(Phase.START, 6.25),
        8.25: lambda: scene.report(Phase.END, 8.25, severity=Severity.INFO),
    }
    assert only(scene.run(muted)).cut_short is None


def test_a_clip_is_never_larger_than_max_bytes_nor_is_the_tape(streams: dict[str, Path]) -> None:
    limit = 250_000
    scene = ClipScene(streams["mjpeg"], settings=camera_with_clips(Clip(max_bytes=limit)))
    cuts = scene.event(8.25, 15.0)
    cut = only(cuts)
    assert cut.cut_short == "it is larger than clip.max_bytes (250000)"
    size = sum(item.packet.size for item in cut.packets)
    assert 0.9 * limit < size <= limit
    assert not scene.site.ring.tapped


def test_a_recorder_that_does_not_come_bounds_the_memory_all_the_same(streams: dict[str, Path]) -> None:
    limit = 250_000
    scene = ClipScene(streams["mjpeg"], settings=camera_with_clips(Clip(max_bytes=limit)))
    for now_s in scene.site.arrive():  # the recorder does not cut
        if now_s == pytest.approx(8.0):
            scene.report(Phase.START, 8.0)
    cut = only(scene.clips.take_finished())
    assert cut.cut_short
    assert sum(item.packet.size for item in cut.packets) <= limit


def test_overlapping_events_share_the_packets(streams: dict[str, Path]) -> None:
    scene = ClipScene(streams["h264"])
    cuts = scene.run(
        {
            7.0: lambda: scene.report(Phase.START, 7.0, event_id="a"),
            9.0: lambda: scene.report(Phase.MOMENT, 9.0, event_id="b"),
            10.0: lambda: scene.report(Phase.END, 10.0, event_id="a"),
        }
    )
    one, two = sorted(cuts, key=lambda cut: cut.event_id)
    shared = {id(item) for item in one.packets} & {id(item) for item in two.packets}
    assert len(shared) > 90
    assert one.packets[0].stamp_mono < two.packets[0].stamp_mono


def test_an_event_that_began_before_the_ring_is_filmed_from_what_there_is(streams: dict[str, Path]) -> None:
    """Loitering is reported after a minute; the reported pre-roll is then negative."""
    short = dataclasses.replace(camera_with_clips(), ring=Ring(3.0, 4_000_000))
    scene = ClipScene(streams["h264"], settings=short)
    cut = only(scene.event(2.0, 10.0, reported_s=9.0))
    assert 6.0 <= cut.packets[0].stamp_mono - scene.site.begin_mono <= 7.0
    assert cut.packets[0].keyframe


def seconds(scene: ClipScene, cut: FinishedClip) -> tuple[float, float]:
    """Return the times of the first and last picture in the stream."""
    begin, *_, end = (item.stamp_mono - scene.site.begin_mono for item in cut.packets)
    return begin, end


def test_a_clip_shows_how_its_event_came_to_be_told_if_it_began_long_before(streams: dict[str, Path]) -> None:
    """A clip from the beginning of the event would end before the report."""
    scene = ClipScene(streams["h264"], settings=camera_with_clips(Clip(pre_s=2.0, post_s=2.0, max_s=6.0)))
    begin_s, end_s = seconds(scene, only(scene.event(4.0, 12.5, reported_s=12.0)))
    assert 8.0 - 1.0 <= begin_s <= 8.0
    assert end_s >= 12.0
    scene = ClipScene(streams["mjpeg"], settings=camera_with_clips(Clip(max_bytes=600_000)))
    begin_s, end_s = seconds(scene, only(scene.event(2.0, 10.5, reported_s=10.0)))
    assert begin_s > 5.0, "half of it is used up before the event is reported"
    assert end_s > 11.0


def test_without_a_keyframe_there_is_no_clip_and_it_is_told_why(tmp_path: Path) -> None:
    rare = make_clip(tmp_path / "rare.mp4", seconds=12, keyframe_s=60)
    short = dataclasses.replace(camera_with_clips(Clip(post_s=1.0)), ring=Ring(3.0, 4_000_000))
    scene = ClipScene(rare, settings=short)
    cut = only(scene.event(8.0, 9.0))
    assert cut.packets == []


def test_a_camera_that_is_away_gives_no_clip(streams: dict[str, Path]) -> None:
    scene = ClipScene(streams["h264"])
    scene.report(Phase.MOMENT, 0.0)
    assert scene.wait(4.0) == []
    cut = only(scene.wait(4.0))
    assert (cut.parameters, cut.packets) == (None, [])


@pytest.mark.parametrize(
    ("policy", "masked", "severity", "filmed"),
    [
        (ClipPolicy.RULES, False, Severity.ALARM, True),
        (ClipPolicy.RULES, False, Severity.WARNING, True),
        (ClipPolicy.RULES, False, Severity.INFO, False),  # a busy line must not fill the card
        (ClipPolicy.RULES, True, Severity.ALARM, False),  # a clip has no privacy masks
        (ClipPolicy.UNMASKED, True, Severity.ALARM, True),  # unless configured
        (ClipPolicy.NONE, False, Severity.ALARM, False),
    ],
)
def test_which_events_are_filmed(
    policy: ClipPolicy, masked: bool, severity: Severity, filmed: bool, streams: dict[str, Path]
) -> None:
    masks = (((0.0, 0.0), (0.1, 0.0), (0.1, 0.1)),) if masked else ()
    scene = ClipScene(streams["h264"], settings=camera_with_clips(policy=policy, privacy_masks=masks))
    assert bool(scene.event(8.25, 9.0, severity=severity)) is filmed


def test_a_closed_camera_finishes_what_is_open_and_begins_nothing(streams: dict[str, Path]) -> None:
    scene = ClipScene(streams["h264"])
    scene.run({8.0: lambda: scene.report(Phase.START, 8.0)})
    scene.clips.close("its settings have changed")
    assert only(scene.clips.take_finished()).cut_short == "its settings have changed"
    assert scene.clips.done
    scene.report(Phase.START, 9.0, event_id="late")
    assert scene.clips.take_finished() == []
    assert not scene.site.ring.tapped


def test_a_codec_that_no_player_of_ours_knows_is_refused() -> None:
    with pytest.raises(NoClip, match="rawvideo"):
        mux_clip([], Described(1e-6, codec="rawvideo"), START)
