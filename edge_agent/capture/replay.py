"""Recorded video as frames, as fast as the caller reads them: for replay, scoring and tuning.

A clip is a video file or a folder of numbered pictures (MOTChallenge: ``img1/000001.jpg`` beside or under a
``seqinfo.ini``). Several clips are one video with continuing time and numbers.
"""

from __future__ import annotations

import configparser
import logging
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol

import av
import cv2
from av.container import InputContainer
from av.error import FFmpegError
from av.packet import Packet
from av.video.stream import VideoStream

from edge_agent.capture.decode.decoder import VideoDecoder
from edge_agent.capture.decode.picture import ArrayPicture
from edge_agent.capture.decode.turned import upright
from edge_agent.capture.failures import check_size
from edge_agent.capture.stream_time import Sampler
from edge_agent.config.model.settings import Camera
from edge_agent.core.errors import SourceUnavailable
from edge_agent.core.model import Cause, Frame, Picture

log = logging.getLogger(__name__)

PICTURE_SUFFIXES = {".jpg", ".jpeg", ".png", ".bmp"}
DEFAULT_PICTURE_FPS = 25.0  # for folders without a seqinfo.ini: the rate of most MOTChallenge sequences


@dataclass(frozen=True, slots=True, eq=False)
class ReplayFrame:
    """One decoded frame of a clip; ``stream_s`` is 0 for the first one and rises strictly."""

    number: int  # from 1; pictures that cannot be read are counted too
    stream_s: float
    picture: Picture


class ReplayClip(Protocol):
    @property
    def fps(self) -> float:
        """Nominal frames a second."""

    @property
    def frames(self) -> int | None:
        """Number of frames, or None where the file does not say."""

    def __iter__(self) -> Iterator[ReplayFrame]: ...


class Replay:
    """Iterates over the frames to analyse, from one or more clips. A second iteration starts again.

    ``frame.number`` counts every frame from 1, analysed or not (as MOTChallenge does), and continues over
    clips; an unreadable picture in a folder has a number too. ``captured_mono`` is stream seconds from 0,
    ``captured_at`` is ``started_at`` plus that.
    """

    def __init__(
        self, clips: Sequence[ReplayClip], camera_id: str, fps: float | None, started_at: datetime
    ) -> None:
        self._clips = clips
        self._camera_id = camera_id
        self._fps = fps
        self._started_at = started_at

    @property
    def source_fps(self) -> float:
        """Nominal frames a second of the first clip."""
        return self._clips[0].fps

    @property
    def total(self) -> int | None:
        """Estimated number of frames in all clips, for a progress bar; None when a file does not say."""
        counts = [clip.frames for clip in self._clips]
        return sum(count for count in counts if count is not None) if None not in counts else None

    def __iter__(self) -> Iterator[Frame]:
        sampler = Sampler(self._fps)
        before, begin_s = 0, 0.0
        for clip in self._clips:
            number, end_s = before, begin_s
            for item in clip:
                number = before + item.number
                check_size(self._camera_id, item.picture.width, item.picture.height)
                stream_s = begin_s + item.stream_s
                end_s = stream_s + 1.0 / clip.fps
                if sampler.due(stream_s):
                    yield self._frame(number, stream_s, item.picture)
            before, begin_s = number, end_s

    def _frame(self, number: int, stream_s: float, picture: Picture) -> Frame:
        captured_at = self._started_at + timedelta(seconds=stream_s)
        return Frame(self._camera_id, number, stream_s, captured_at, picture)


def open_replay(paths: Sequence[Path], camera: Camera, *, fps: float | None, started_at: datetime) -> Replay:
    """Open a replay of ``fps`` frames a second of stream time; None: every frame.

    Raises ``SourceUnavailable`` (not_found, no_video, unsupported) before the first frame is decoded.
    """
    if not paths:
        raise ValueError("no video to replay")
    clips = [_open_clip(path, camera.id, camera.analyse.width) for path in paths]
    return Replay(clips, camera.id, fps, started_at)


def _open_clip(path: Path, camera_id: str, max_width: int) -> ReplayClip:
    if path.is_dir():
        return PictureFolder(path, camera_id, max_width)
    if not path.exists():
        raise SourceUnavailable(camera_id, Cause.NOT_FOUND, f"{path} does not exist")
    return VideoFile(path, camera_id, max_width)


class VideoFile:
    """A video file, decoded in order on one thread."""

    def __init__(self, path: Path, camera_id: str, max_width: int | None = None) -> None:
        """Open the file to read its rate and length, and close it again."""
        self.path = path
        self._camera_id = camera_id
        self._max_width = max_width  # of luma
        with self._open() as container:
            stream = self._video(container)
            self.fps = float(stream.average_rate or stream.guessed_rate or DEFAULT_PICTURE_FPS)
            self.frames = _frame_count(container, stream, self.fps)

    def __iter__(self) -> Iterator[ReplayFrame]:
        with self._open() as container:
            stream = self._video(container)
            stream.thread_type = "NONE"
            # AVI has a rate and no timestamps; libavformat's guesses run backwards on packed B-frames.
            timed = container.format.name != "avi"
            yield from self._frames(container, stream, timed)

    def _frames(self, container: InputContainer, stream: VideoStream, timed: bool) -> Iterator[ReplayFrame]:
        decoder = VideoDecoder(stream.codec_context)
        first_s: float | None = None
        stream_s, number = -1.0 / self.fps, 0
        for packet in self._packets(container, stream):
            for decoded in decoder.decode(packet):
                following_s = stream_s + 1.0 / self.fps
                stamp_s = decoded.frame.time if timed else None
                if first_s is None:
                    first_s = stamp_s or 0.0
                # Broken files repeat a stamp or have none: use the nominal rate there.
                in_order = stamp_s is not None and stamp_s - first_s > stream_s
                stream_s = stamp_s - first_s if stamp_s is not None and in_order else following_s
                number += 1
                picture = upright(decoded.frame, decoded.turns, self._max_width)
                yield ReplayFrame(number, stream_s, picture)
        if not decoder.decoded:
            raise SourceUnavailable(
                self._camera_id, Cause.DECODE_ERROR, f"{self.path}: no picture could be decoded"
            )

    def _packets(
        self, container: InputContainer, stream: VideoStream
    ) -> Iterator[Packet[VideoStream] | None]:
        """Yield every packet, then None to drain the decoder. A truncated file ends where it was cut."""
        try:
            for packet in container.demux(stream):
                if packet.size:
                    yield packet
        except FFmpegError as error:
            log.warning("%s: %s is damaged and ends early: %s", self._camera_id, self.path, error.strerror)
        yield None

    def _open(self) -> InputContainer:
        try:
            return av.open(str(self.path))
        except (FFmpegError, OSError) as error:
            raise SourceUnavailable(
                self._camera_id, Cause.UNSUPPORTED, f"{self.path} is not a video that can be read"
            ) from error

    def _video(self, container: InputContainer) -> VideoStream:
        if not container.streams.video:
            raise SourceUnavailable(self._camera_id, Cause.NO_VIDEO, f"{self.path} has no video in it")
        video = container.streams.video[0]
        if video.codec_context is None:
            raise SourceUnavailable(
                self._camera_id, Cause.UNSUPPORTED, f"{self.path}: there is no decoder for its video"
            )
        return video


def _frame_count(container: InputContainer, stream: VideoStream, fps: float) -> int | None:
    if stream.frames:
        return int(stream.frames)
    if container.duration:
        return round(container.duration / av.time_base * fps)
    return None


class PictureFolder:
    """Numbered pictures at a constant rate, in the order of their numbers."""

    def __init__(self, path: Path, camera_id: str, max_width: int | None = None) -> None:
        """``path``: a MOTChallenge sequence (with seqinfo.ini), its picture folder, or any folder."""
        self.path, self.fps = _sequence(path, camera_id)
        self._camera_id = camera_id
        self._max_width = max_width  # of luma
        self._files = _numbered_pictures(self.path)
        if not self._files:
            raise SourceUnavailable(camera_id, Cause.NO_VIDEO, f"{self.path} holds no numbered pictures")

    @property
    def frames(self) -> int:
        return len(self._files)

    def __iter__(self) -> Iterator[ReplayFrame]:
        unreadable = 0
        for index, file in enumerate(self._files):
            bgr = cv2.imread(str(file), cv2.IMREAD_COLOR)
            if bgr is None:
                unreadable += 1
                log.warning("%s: %s is not a picture and is skipped", self._camera_id, file)
                continue
            picture = ArrayPicture(bgr, self._max_width)  # type: ignore[arg-type]
            yield ReplayFrame(index + 1, index / self.fps, picture)
        if unreadable == self.frames:
            raise SourceUnavailable(
                self._camera_id, Cause.DECODE_ERROR, f"{self.path}: no picture can be read"
            )
        if unreadable:
            text = "%s: %d of the %d pictures in %s cannot be read"
            log.warning(text, self._camera_id, unreadable, self.frames, self.path)


def _sequence(path: Path, camera_id: str) -> tuple[Path, float]:
    """Return the folder of the pictures and its frames a second. ``path``: a sequence or its folder."""
    file = path / "seqinfo.ini"
    is_sequence = file.exists()
    if not is_sequence:
        file = path.parent / file.name
    sequence = configparser.ConfigParser(interpolation=None)
    try:
        sequence.read(file, encoding="utf-8")
        fps = sequence.getfloat("Sequence", "frameRate", fallback=DEFAULT_PICTURE_FPS)
        if not 0 < fps < math.inf:
            raise ValueError(f"frameRate is {fps}")
    except (configparser.Error, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise SourceUnavailable(camera_id, Cause.UNSUPPORTED, f"{file} cannot be used: {reason}") from error
    return path / sequence.get("Sequence", "imDir", fallback="img1") if is_sequence else path, fps


def _numbered_pictures(folder: Path) -> list[Path]:
    def number(file: Path) -> int:
        digits = re.findall(r"\d+", file.stem)
        return int(digits[-1]) if digits else -1

    files = [f for f in folder.iterdir() if f.suffix.lower() in PICTURE_SUFFIXES] if folder.is_dir() else []
    return sorted((f for f in files if number(f) >= 0), key=number)
