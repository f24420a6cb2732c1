"""Decodes packets to frames, and marks frames whose data was incomplete."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import av
from av.codec.context import CodecContext
from av.error import FFmpegError

from edge_agent.capture.decode.h264 import FrameNumWatch
from edge_agent.capture.decode.picture_limits import MAX_PIXELS, PictureLimits
from edge_agent.capture.decode.turned import quarter_turns

if TYPE_CHECKING:
    from av.packet import Packet
    from av.video.codeccontext import VideoCodecContext
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream


JPEG_END = b"\xff\xd9"
JPEG_TAIL_BYTES = 64  # the end marker lies within the last bytes: cameras pad after it


@dataclass(frozen=True, slots=True, eq=False)
class DecodedFrame:
    """One frame from the decoder."""

    frame: VideoFrame
    clean: bool  # False: data was missing for it or for a frame it was predicted from
    turns: int = 0  # quarter turns counterclockwise, 0 to 3, by which a player turns it


class VideoDecoder:
    """Decodes one stream's packets in order, on the calling thread. Not thread-safe.

    After a packet that the decoder refused, a frame that it had to patch or a picture that never came,
    every frame is marked as not clean until the next keyframe: what is predicted from a broken picture is
    broken too, and looks like motion. Losses that libavcodec does not report are found in ``h264.py``.
    """

    def __init__(self, context: VideoCodecContext, *, limited: bool = False) -> None:
        """``limited``: refuse a stream that needs more memory than ``PictureLimits`` allows."""
        if limited:
            context.options = {"max_pixels": str(MAX_PIXELS)}
        self._limits = PictureLimits(context.name, context.extradata or b"") if limited else None
        context.thread_type = "NONE"  # threads add a frame of latency each and cost more in total
        context.thread_count = 1
        self.context = context
        self._watch = FrameNumWatch(context.extradata or b"") if context.name == "h264" else None
        self._jpeg = context.name == "mjpeg"
        self._clean = True
        self._broken_pts: int | None = None
        self._turns = 0
        self.decoded = 0  # frames
        self.corrupt = 0  # frames that are not clean, and packets that the decoder refused

    @property
    def codec(self) -> str:
        return str(self.context.name)

    @property
    def extradata(self) -> bytes:
        """Parameter sets from the description of the stream; empty where it has none."""
        return self.context.extradata or b""

    def another(self, extradata: bytes) -> VideoDecoder:
        """Make a decoder of the same stream, with the same limits, for another thread. ``extradata``: the
        connection's, because this decoder may be in use on its thread."""
        context = cast("VideoCodecContext", CodecContext.create(self.codec, "r"))
        if extradata:
            context.extradata = extradata
        if self._limits is None:  # a file or device, whose packets may not contain size and format
            context.width, context.height = self.context.width, self.context.height
            if self.context.pix_fmt is not None:
                context.pix_fmt = self.context.pix_fmt
        return VideoDecoder(context, limited=self._limits is not None)

    def decode(self, packet: Packet[VideoStream] | None) -> list[DecodedFrame]:
        """Return the frames that ``packet`` completes. ``None`` or an empty packet drains the decoder and
        makes it ready for an unrelated stream of the same codec. Raises ``PictureTooLarge``."""
        if packet is None or not packet.size:
            return self._drain()
        if self._limits is not None:
            self._limits.check(memoryview(packet), self.context.reorder_depth)
        if self._incomplete(packet):
            self._break(packet)
        try:
            frames = self.context.decode(packet)
        except FFmpegError:
            self.corrupt += 1
            self._break(packet)
            return []
        return [self._checked(frame) for frame in frames]

    def _incomplete(self, packet: Packet[VideoStream]) -> bool:
        if self._watch is not None:
            return self._watch.gap_before(memoryview(packet)) or packet.is_corrupt
        if self._jpeg:  # libavcodec fills the missing part with grey and says nothing
            return JPEG_END not in memoryview(packet)[-JPEG_TAIL_BYTES:].tobytes()
        return bool(packet.is_corrupt)

    def _break(self, packet: Packet[VideoStream]) -> None:
        self._clean = False
        self._broken_pts = packet.pts
        if packet.is_corrupt and packet.pts is not None:
            self._broken_pts = packet.pts + 1  # a keyframe too: data of its own picture are missing

    def _checked(self, frame: VideoFrame) -> DecodedFrame:
        self.decoded += 1
        clean = self._clean
        if frame.is_corrupt:
            self._clean = clean = False
            self._broken_pts = frame.pts
        elif not clean and frame.key_frame and not self._older_than_break(frame):
            # A truncated JPEG is a keyframe too: it is not clean, and the next JPEG is judged by itself.
            self._clean = True
            clean = not self._jpeg
        self.corrupt += not clean
        # The message (SEI) may come with keyframes only, and libavcodec does not keep it for the next frames.
        if (turns := quarter_turns(frame)) or frame.key_frame:
            self._turns = turns
        return DecodedFrame(frame, clean, self._turns)

    def _older_than_break(self, frame: VideoFrame) -> bool:
        """Return whether the picture is older than the loss. With B-frames, older ones may come after it."""
        return self._broken_pts is not None and frame.pts is not None and frame.pts < self._broken_pts

    def _drain(self) -> list[DecodedFrame]:
        try:
            frames = self.context.decode(None)
        except FFmpegError:
            frames = []
        judged = [self._checked(frame) for frame in frames]
        self.context.flush_buffers()
        self._clean, self._broken_pts = True, None
        if self._watch is not None:
            self._watch.reset()
        return judged


def library_versions() -> dict[str, str]:
    """Return FFmpeg's library versions for the birth message, such as ``{"libavcodec": "61.19.101"}``."""
    wanted = ("libavcodec", "libavformat")
    found = {name: av.library_versions.get(name) for name in wanted}
    return {name: ".".join(map(str, version)) for name, version in found.items() if version}
