"""Altered copies of clips: the face is covered in every frame, also where no program has found it."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

import av
import numpy as np
import pytest
from av.audio.frame import AudioFrame
from av.video.frame import VideoFrame

from edge_agent.core.model import Box
from edge_central.redaction import clip
from edge_central.redaction.areas import AreaFinder
from edge_central.redaction.clip import redact_clip
from edge_central.redaction.order import RecordedObject, RedactionOrder

if TYPE_CHECKING:
    from edge_agent.core.model import Colour

ORDER = RedactionOrder(kind="clip")
FPS = 10


class ScriptedFinder(AreaFinder):
    """Finds ``areas`` in the frames with these numbers only."""

    def __init__(self, areas: dict[int, list[Box]]) -> None:
        super().__init__(None)
        self._areas = areas
        self.asked = 0

    def find(self, picture: Colour, known: Sequence[RecordedObject] = ()) -> list[Box]:
        number = self.asked  # of a clip with FPS frames a second each is searched
        self.asked += 1
        return self._areas.get(number, [])


def clip_of(
    frames: Sequence[Colour], *, sound: bool = False, fps: int = FPS, last_s: float | None = None
) -> io.BytesIO:
    """``last_s``: time of the last frame; None: one step after the one before."""
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=fps, options={"preset": "ultrafast", "bf": "0"})
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = "yuv420p"
        audio = container.add_stream("aac", rate=8000) if sound else None
        for number, picture in enumerate(frames):
            frame = VideoFrame.from_ndarray(picture, format="bgr24")
            is_last = last_s is not None and number == len(frames) - 1
            frame.pts = round((last_s or 0.0) * fps) if is_last else number
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        if audio is not None:
            silence = AudioFrame.from_ndarray(np.zeros((1, 8000), np.float32), format="fltp", layout="mono")
            silence.sample_rate = 8000
            container.mux(audio.encode(silence))
            container.mux(audio.encode(None))
        container.metadata["location"] = "+20.4500+106.3400/"
    file.seek(0)
    return file


def frames_of(file: io.BytesIO) -> list[tuple[float, Colour]]:
    file.seek(0)
    with av.open(file, "r") as container:
        frames = list(container.decode(video=0))
    return [(frame.time or 0.0, np.asarray(frame.to_ndarray(format="bgr24"), np.uint8)) for frame in frames]


def noise(count: int) -> list[Colour]:
    picture = np.random.default_rng(1).integers(0, 256, (64, 64, 3), np.uint8)
    return [picture] * count


def test_an_area_is_covered_before_and_after_the_frame_in_which_it_was_found() -> None:
    target = io.BytesIO()
    whole = [Box(0.0, 0.0, 1.0, 1.0)]
    redact_clip(clip_of(noise(30)), target, ORDER, ScriptedFinder({14: whole}))
    covered = [picture.std() < 40 for _, picture in frames_of(target)]
    around = round(clip.AROUND_S * FPS)
    first, last = covered.index(True), 29 - covered[::-1].index(True)
    assert all(covered[first : last + 1])
    assert 14 - around - 1 <= first <= 14 - around
    assert 14 + around <= last <= 14 + around + 1


def test_no_frame_between_two_found_ones_shows_the_face() -> None:
    whole = [Box(0.0, 0.0, 1.0, 1.0)]
    target = io.BytesIO()
    redact_clip(clip_of(noise(9)), target, ORDER, ScriptedFinder({0: whole, 8: whole}))
    assert all(picture.std() < 40 for _, picture in frames_of(target))


@pytest.mark.parametrize(("fps", "searched"), [(10, 6), (15, 6), (25, 3)])
def test_with_few_frames_a_second_each_is_searched(fps: int, searched: int) -> None:
    finder = ScriptedFinder({})
    redact_clip(clip_of(noise(6), fps=fps), io.BytesIO(), ORDER, finder)
    assert finder.asked == searched


def test_a_time_far_ahead_shortens_no_cover() -> None:
    target = io.BytesIO()
    whole = [Box(0.0, 0.0, 1.0, 1.0)]
    redact_clip(clip_of(noise(14), last_s=36_000), target, ORDER, ScriptedFinder({6: whole}))
    assert all(picture.std() < 40 for _, picture in frames_of(target)[:13])


def test_a_copy_has_the_times_of_the_original_and_neither_sound_nor_metadata() -> None:
    original, target = clip_of(noise(6), sound=True), io.BytesIO()
    report = redact_clip(original, target, ORDER, ScriptedFinder({}))
    assert (report.areas, report.frames, report.seconds) == (0, 6, 0.5)
    before, after = frames_of(original), frames_of(target)
    assert [round(time, 2) for time, _ in after] == [round(time, 2) for time, _ in before]
    target.seek(0)
    with av.open(target) as container:
        assert len(container.streams) == 1
        assert "location" not in container.metadata
    assert b"+20.45" not in target.getvalue()


def test_an_area_by_hand_is_covered_in_every_frame() -> None:
    target = io.BytesIO()
    order = RedactionOrder(kind="clip", by_hand=((0.0, 0.0, 1.0, 1.0),))
    redact_clip(clip_of(noise(6)), target, order, ScriptedFinder({}))
    assert all(picture.std() < 40 for _, picture in frames_of(target))


@pytest.mark.parametrize("content", [b"", b"\0\0\0\x18ftypmp42 no clip", b"<html>" * 100])
def test_what_is_no_clip_is_refused(content: bytes) -> None:
    report = redact_clip(io.BytesIO(content), io.BytesIO(), ORDER, ScriptedFinder({}))
    assert report.failure == "not-readable"


def test_a_clip_that_is_too_long_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clip, "MAX_FRAMES", 3)
    assert redact_clip(clip_of(noise(6)), io.BytesIO(), ORDER, ScriptedFinder({})).failure == "too-long"
