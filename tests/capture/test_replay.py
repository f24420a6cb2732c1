"""Replay: files and picture folders as frames with the file's own times and numbers."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from edge_agent.capture.replay import Replay, open_replay
from edge_agent.core.errors import SourceUnavailable
from edge_agent.core.model import Box, Cause
from tests.capture.rig import camera
from tests.testbed.clips import make_clip

START = datetime(2026, 11, 24, 7, 0, tzinfo=UTC)


def replay(*paths: Path, fps: float | None = None) -> Replay:
    return open_replay(paths, camera("unused"), fps=fps, started_at=START)


def test_every_frame_comes_with_its_number_and_time(clips: dict[str, Path]) -> None:
    video = replay(clips["h264"])
    got = list(video)
    assert [f.number for f in got] == list(range(1, 31))
    assert [f.captured_mono for f in got] == pytest.approx([i / 10 for i in range(30)])
    assert got[10].captured_at == START + timedelta(seconds=1)
    assert (video.total, video.source_fps) == (30, 10.0)


def test_a_lower_rate_keeps_the_files_frame_numbers(clips: dict[str, Path]) -> None:
    assert [f.number for f in replay(clips["h264"], fps=5)] == list(range(1, 31, 2))


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("b-frames.mp4", {"extra": ("-preset", "medium", "-tune", "film", "-bf", "3")}),
        ("clip.avi", {"codec": "mjpeg"}),  # has no times, only a rate
    ],
)
def test_pictures_come_in_order_at_a_steady_rate(tmp_path: Path, name: str, options: dict[str, Any]) -> None:
    times = [f.captured_mono for f in replay(make_clip(tmp_path / name, **options))]
    assert times == pytest.approx([i / 10 for i in range(30)])


def test_several_files_are_one_video(clips: dict[str, Path]) -> None:
    got = list(replay(clips["small"], clips["large"]))
    assert [f.number for f in got] == list(range(1, 31))
    assert got[15].captured_mono == pytest.approx(1.5)
    assert (got[0].picture.width, got[29].picture.width) == (320, 480)


def test_a_replay_is_analysed_at_the_cameras_width(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "wide.mp4", size=(1280, 720), seconds=0.3)
    picture = next(iter(replay(clip))).picture
    assert (picture.luma().shape, picture.width, picture.bgr().shape) == ((360, 640), 1280, (720, 1280, 3))


def test_a_second_iteration_begins_again(clips: dict[str, Path]) -> None:
    video = replay(clips["h264"], fps=1)
    assert [f.number for f in video] == [f.number for f in video]


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """A MOTChallenge sequence of 12 pictures at 30 fps, each of its own grey."""
    folder = tmp_path / "MOT-1" / "img1"
    folder.mkdir(parents=True)
    for number in range(1, 13):
        cv2.imwrite(str(folder / f"{number:06d}.png"), np.full((40, 60, 3), number * 10, np.uint8))
    (folder.parent / "seqinfo.ini").write_text("[Sequence]\nimDir=img1\nframeRate=30\nseqLength=12\n")
    return folder


def test_a_folder_of_numbered_pictures_is_a_video(pictures: Path) -> None:
    video = replay(pictures)
    got = list(video)
    assert [f.number for f in got] == list(range(1, 13))
    assert [int(f.picture.luma()[0, 0]) for f in got] == [10 * n for n in range(1, 13)]
    assert got[3].captured_mono == pytest.approx(0.1)
    assert (video.total, video.source_fps) == (12, 30.0)
    assert replay(pictures.parent).total == 12, "the sequence can be named itself"


def test_an_unreadable_picture_is_skipped_and_told(pictures: Path, caplog: pytest.LogCaptureFixture) -> None:
    (pictures / "000003.png").write_bytes(b"half a download")
    (pictures / "000007.png").write_bytes(b"")
    got = list(replay(pictures, pictures))
    assert [f.number for f in got[:8]] == [1, 2, 4, 5, 6, 8, 9, 10]
    assert [f.captured_mono for f in got[:3]] == pytest.approx([0, 1 / 30, 3 / 30])
    assert got[10].number == 13, "the second folder goes on"
    assert got[10].captured_mono == pytest.approx(12 / 30)
    assert "000003.png is not a picture and is skipped" in caplog.text
    assert "2 of the 12 pictures" in caplog.text


def test_a_folder_without_one_readable_picture_is_an_error(pictures: Path) -> None:
    for file in pictures.iterdir():
        file.write_bytes(b"nothing")
    with pytest.raises(SourceUnavailable, match="no picture can be read") as caught:
        list(replay(pictures))
    assert caught.value.cause is Cause.DECODE_ERROR


def turned(clip: Path, degrees: int, to: Path) -> None:
    """Copy a clip with a display matrix that turns it, as a phone writes it."""
    command = ["ffmpeg", "-v", "error", "-nostdin", "-display_rotation", str(degrees), "-i", str(clip)]
    subprocess.run([*command, "-c", "copy", str(to)], check=True, timeout=60)


@pytest.mark.parametrize("degrees", [0, 90, 180, 270])
def test_a_phones_video_stands_upright(tmp_path: Path, degrees: int) -> None:
    lying = make_clip(tmp_path / "lying.mp4", size=(320, 180), seconds=0.2)
    phone, shown = tmp_path / "phone.mp4", tmp_path / "shown.png"
    turned(lying, degrees, phone)
    command = ["ffmpeg", "-v", "error", "-nostdin", "-y", "-i", str(phone), "-frames:v", "1", str(shown)]
    subprocess.run(command, check=True, timeout=60)
    expected = cv2.imread(str(shown))
    assert expected is not None

    picture = next(iter(replay(phone))).picture
    assert (picture.height, picture.width) == picture.luma().shape == expected.shape[:2]
    region = Box(0.1, 0.3, 0.55, 0.77)
    x1, y1, x2, y2 = region.to_pixels(picture.width, picture.height)
    for got, wanted in ((picture.bgr(), expected), (picture.bgr(region), expected[y1:y2, x1:x2])):
        assert got.shape == wanted.shape
        assert np.abs(got.astype(int) - wanted).mean() < 4, "but for how chroma is enlarged"


def test_a_turned_video_is_analysed_at_the_cameras_width_too(tmp_path: Path) -> None:
    lying = make_clip(tmp_path / "lying.mp4", size=(1280, 960), seconds=0.2)
    phone = tmp_path / "phone.mp4"
    turned(lying, 90, phone)
    picture = next(iter(replay(phone))).picture
    assert (picture.width, picture.height, picture.luma().shape) == (960, 1280, (853, 640))


def test_pictures_without_a_rate_count_as_25_a_second(pictures: Path) -> None:
    (pictures.parent / "seqinfo.ini").unlink()
    assert replay(pictures).source_fps == 25


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("frameRate=30", "no section headers"),
        ("[Sequence]\nframeRate=25 fps", "could not convert"),
        ("[Sequence]\nframeRate=0", "frameRate is 0"),
        ("[Sequence]\nframeRate=nan", "frameRate is nan"),
    ],
)
def test_a_sequence_without_a_usable_rate_is_named(pictures: Path, content: str, reason: str) -> None:
    (pictures.parent / "seqinfo.ini").write_text(content)
    for path in (pictures, pictures.parent):
        with pytest.raises(SourceUnavailable, match=rf"seqinfo.ini cannot be used: .*{reason}"):
            replay(path)


@pytest.mark.parametrize(
    ("name", "content", "cause"),
    [("missing.mp4", None, Cause.NOT_FOUND), ("text.mp4", b"this is no video", Cause.UNSUPPORTED)],
)
def test_what_is_no_video_says_why(tmp_path: Path, name: str, content: bytes | None, cause: Cause) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SourceUnavailable, match=name) as caught:
        replay(path)
    assert caught.value.cause is cause


def test_a_codec_that_nobody_knows_is_unsupported(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "clip.mp4", seconds=0.2)
    clip.write_bytes(clip.read_bytes().replace(b"avc1", b"zzz1"))
    with pytest.raises(SourceUnavailable, match="no decoder") as caught:
        replay(clip)
    assert caught.value.cause is Cause.UNSUPPORTED


def test_an_empty_folder_is_no_video(tmp_path: Path) -> None:
    with pytest.raises(SourceUnavailable) as caught:
        replay(tmp_path)
    assert caught.value.cause is Cause.NO_VIDEO


def test_sound_is_no_video(tmp_path: Path) -> None:
    import wave

    with wave.open(str(tmp_path / "voice.wav"), "wb") as sound:
        sound.setparams((1, 2, 8000, 0, "NONE", ""))
        sound.writeframes(bytes(8000))
    with pytest.raises(SourceUnavailable) as caught:
        replay(tmp_path / "voice.wav")
    assert caught.value.cause is Cause.NO_VIDEO


def test_pictures_of_a_few_pixels_cannot_be_replayed(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "1.png"), np.zeros((8, 64, 3), np.uint8))
    with pytest.raises(SourceUnavailable, match="64x8, too small") as caught:
        list(replay(tmp_path))
    assert caught.value.cause is Cause.UNSUPPORTED


def test_a_file_cut_short_ends_where_it_was_cut(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "whole.mkv", codec="mjpeg")
    cut = tmp_path / "cut.mkv"
    cut.write_bytes(clip.read_bytes()[: clip.stat().st_size // 2])
    assert 5 < len(list(replay(cut))) < 25
