"""Packets in, frames out, and the knowledge which frames can be trusted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from av.error import FFmpegError

if TYPE_CHECKING:
    from av.packet import Packet
    from av.video.codeccontext import VideoCodecContext
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream


@dataclass(frozen=True, slots=True, eq=False)
class Decoded:
    """One frame as it came out of the decoder."""

    frame: VideoFrame
    clean: bool  # False: data was missing for it or for a frame it was predicted from


class Decoder:
    """Decodes one stream's packets in order. Not thread-safe.

    After an error or a frame that the decoder had to patch, every frame is marked as not clean until the
    next keyframe: what is predicted from a broken picture is broken too, and looks like motion.
    """

    def __init__(self, context: VideoCodecContext) -> None:
        self._context = context
        self._clean = True
        self.errors = 0  # packets that the decoder refused
        self.corrupt = 0  # frames that came out not clean
        self.decoded = 0  # all frames that came out

    def decode(self, packet: Packet[VideoStream] | None) -> list[Decoded]:
        """The frames that ``packet`` completes; ``None`` drains what is held back at the end."""
        try:
            frames = self._context.decode(packet)
        except FFmpegError:
            self.errors += 1
            self._clean = False
            return []
        return [self._judged(frame) for frame in frames]

    def _judged(self, frame: VideoFrame) -> Decoded:
        self.decoded += 1
        if frame.is_corrupt:
            self._clean = False
        elif frame.key_frame:
            self._clean = True
        self.corrupt += not self._clean
        return Decoded(frame, self._clean)
