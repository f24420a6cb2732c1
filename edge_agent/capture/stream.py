"""Demuxes a file or device into video packets. Cameras on the network: ``capture/network/streams.py``."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Generator
from typing import Any, cast

import av
from av.codec.context import CodecContext
from av.container import InputContainer
from av.error import FFmpegError
from av.packet import Packet
from av.video.codeccontext import VideoCodecContext
from av.video.stream import VideoStream

from edge_agent.capture.decode.decoder import VideoDecoder
from edge_agent.capture.failures import Fault, failure, from_fault, open_failed, read_failed
from edge_agent.capture.source import FfmpegInput, StreamTimeouts
from edge_agent.core.clock import Clock
from edge_agent.core.errors import CaptureError
from edge_agent.core.model import Cause
from edge_agent.core.problems import problem_text

MAX_STEP_S = 5.0
"""Between two packets of a file. A longer step is a cut, as in a recording of events, and is not waited for:
the watchdog and ``doctor`` expect packets."""
NEARLY = 0.95  # FFmpeg checks its timeout every 0.1 s, so the timeout fires a little early or late

TOLERANT: dict[str, Any] = {"metadata_errors": "replace"} if int(av.__version__.split(".")[0]) < 19 else {}
"""Accept cameras whose titles are not UTF-8. PyAV 19 always does, and has no such option."""


class PacketStream:
    """An open file or device, see ``FrameSource``; for the thread that called the constructor."""

    timed, buffered = True, False

    def __init__(
        self,
        camera_id: str,
        recipe: FfmpegInput,
        clock: Clock,
        wait: Callable[[float], bool],
        limits: StreamTimeouts,
        repeat: bool,
    ) -> None:
        self._camera_id = camera_id
        self._recipe = recipe
        self._clock = clock
        self._wait = wait
        self._limits = limits
        self._repeat = repeat and not recipe.live
        self._container = self._open()
        try:
            self._video = self._pick_video()
        except CaptureError:
            self._container.close()
            raise

    @property
    def tick_s(self) -> float:
        return float(self._video.time_base or 0)

    @property
    def live(self) -> bool:
        return self._recipe.live

    def decoder(self) -> VideoDecoder:
        """Return a decoder with its own context. The stream's context cannot be used: the container flushes
        it when it seeks, and packets are read on another thread than they are decoded on."""
        original = self._video.codec_context
        context = cast("VideoCodecContext", CodecContext.create(original.name, "r"))
        context.extradata = original.extradata
        context.width, context.height = original.width, original.height
        if original.pix_fmt is not None:
            context.pix_fmt = original.pix_fmt
        return VideoDecoder(context)

    def close(self) -> None:
        self._container.close()

    def packets(self) -> Generator[Packet[VideoStream], None, None]:
        packets = self._live_packets() if self._recipe.live else self._paced_packets()
        with contextlib.closing(packets):
            yield from packets

    def _live_packets(self) -> Generator[Packet[VideoStream], None, None]:
        last_mono = self._clock.monotonic()
        try:
            for packet in self._container.demux():
                now_mono = self._clock.monotonic()
                if now_mono - last_mono >= self._limits.stall_s * NEARLY:
                    raise self._stalled()
                if packet.stream_index == self._video.index and packet.size:
                    last_mono = now_mono
                    yield cast("Packet[VideoStream]", packet)
        except (FFmpegError, OSError) as error:
            if self._clock.monotonic() - last_mono >= self._limits.stall_s * NEARLY:
                raise self._stalled() from None
            raise read_failed(self._camera_id, error) from None
        raise failure(self._camera_id, Cause.ENDED, problem_text("stream-ended"))

    def _paced_packets(self) -> Generator[Packet[VideoStream], None, None]:
        """Yield a file's packets, each at its time. Starts again at the end if ``repeat`` was given."""
        while True:
            begun_mono, first_s, last_s = self._clock.monotonic(), 0.0, None
            try:
                for packet in self._container.demux(self._video):
                    if packet.dts is not None and packet.time_base is not None:
                        at_s = float(packet.dts * packet.time_base)
                        if last_s is None or abs(at_s - last_s) > MAX_STEP_S:
                            begun_mono, first_s = self._clock.monotonic(), at_s
                        last_s = at_s
                        if self._wait(max(0.0, begun_mono + at_s - first_s - self._clock.monotonic())):
                            return
                    yield packet  # the last one is empty and drains the decoder
                if not self._repeat:
                    raise failure(self._camera_id, Cause.ENDED, problem_text("file-ended"))
                self._container.seek(0)
            except FFmpegError as error:
                raise read_failed(self._camera_id, error) from None

    def _open(self) -> InputContainer:
        try:
            container: InputContainer = av.open(
                self._recipe.path,
                format=self._recipe.format,
                **TOLERANT,
                timeout=(self._limits.open_s, self._limits.stall_s) if self._recipe.live else None,
            )
        except (FFmpegError, OSError, ValueError) as error:
            raise open_failed(error, self._camera_id) from None
        return container

    def _pick_video(self) -> VideoStream:
        if not self._container.streams.video:
            raise from_fault(self._camera_id, Fault.NO_VIDEO)
        video = self._container.streams.video[0]
        if video.codec_context is None:
            raise from_fault(self._camera_id, Fault.NO_DECODER)
        return video

    def _stalled(self) -> CaptureError:
        return failure(
            self._camera_id, Cause.STALLED, problem_text("stream-no-packet", seconds=self._limits.stall_s)
        )
