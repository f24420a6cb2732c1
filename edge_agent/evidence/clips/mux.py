"""Writes packets into an MP4 file, without transcoding.

The file is made in memory with its index first ("faststart"), so that it can be played during the download.
The times of the packets keep the camera's spacing. The gateway's clock gives the first time, and replaces the
camera's clock when that was set or gives no time.
"""

from __future__ import annotations

import contextlib
import io
import itertools
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from typing import TYPE_CHECKING, Literal, cast, get_args

import av
from av.error import FFmpegError
from av.packet import Packet

from edge_agent.core.clock import rfc3339
from edge_agent.core.errors import EdgeAgentError
from edge_agent.core.problems import problem_text
from edge_agent.evidence.clips.annexb import (
    each_set_once,
    has_parameter_sets,
    length_bytes,
    parameter_sets,
    with_start_codes,
)
from edge_agent.evidence.clips.clip_buffer import StreamPacket, StreamParameters

if TYPE_CHECKING:
    from av.container import InputContainer, OutputContainer
    from av.video.stream import VideoStream


TICKS_PER_S = 90_000
"""Time base of clips. It is that of video over RTP, so that a camera's times are whole numbers here too."""
JUMP_S = 1.0
"""A camera's clock that moves further against the gateway's was set. As in ``capture.stream_time``."""
USUAL_STEP_S = 0.1  # how long the only picture of a clip is shown


@dataclass(frozen=True, slots=True)
class PacketTimes:
    """The times of a clip's packets, in the order of decoding."""

    taken_mono: list[float]  # on the gateway's monotonic clock
    pts: list[int]  # ticks since the first packet
    dts: list[int]  # ticks; they rise, and are never later than the pts
    duration: int  # ticks from the first picture to the end of the last one


def times_of(packets: Sequence[StreamPacket], tick_s: float, timed: bool) -> PacketTimes:
    """Return the times of ``packets``. There must be at least one; the first packet must be shown first.

    ``tick_s`` and ``timed`` are those of ``StreamParameters``.
    """
    taken_mono = _taken(packets, tick_s, timed)
    wanted = [round((mono - taken_mono[0]) * TICKS_PER_S) for mono in taken_mono]
    shown = sorted(wanted)
    # Decoding must run ahead of display by the largest distance that a picture is reordered.
    ahead = max(later - own for later, own in zip(shown, wanted, strict=True))
    pts: list[int] = []
    dts: list[int] = []
    for own, at in zip(wanted, shown, strict=True):
        dts.append(max(at - ahead, dts[-1] + 1 if dts else at - ahead))
        pts.append(max(own, dts[-1]))
    steps = [b - a for a, b in itertools.pairwise(shown) if b > a]
    last_step = round(statistics.median(steps)) if steps else round(USUAL_STEP_S * TICKS_PER_S)
    return PacketTimes(taken_mono, pts, dts, max(pts) + last_step)


def _taken(packets: Sequence[StreamPacket], tick_s: float, timed: bool) -> list[float]:
    taken: list[float] = []
    for run in _runs(packets, tick_s, timed):
        own = [_own_s(item, tick_s, timed) for item in run]
        # The median, because the first stamps of a new connection are not exact.
        offset_s = statistics.median(item.stamp_mono - at_s for item, at_s in zip(run, own, strict=True))
        if taken:  # pictures after the camera's clock was set are later than all before
            offset_s = max(offset_s, max(taken) + 1 / TICKS_PER_S - min(own))
        taken += [at_s + offset_s for at_s in own]
    return taken


def _runs(packets: Sequence[StreamPacket], tick_s: float, timed: bool) -> list[list[StreamPacket]]:
    """Split the packets where the camera's clock was set."""
    runs: list[list[StreamPacket]] = []
    before_s: float | None = None
    for item in packets:
        offset_s = item.stamp_mono - _own_s(item, tick_s, timed)
        if before_s is None or abs(offset_s - before_s) > JUMP_S:
            runs.append([])
        runs[-1].append(item)
        before_s = offset_s
    return runs


def _own_s(item: StreamPacket, tick_s: float, timed: bool) -> float:
    """Return the packet's time by the camera's clock; by the gateway's clock if the camera gives no times."""
    pts = item.packet.pts
    return item.stamp_mono if pts is None or not timed else pts * tick_s


Codec = Literal["h264", "hevc", "mjpeg"]
INDEX_BYTES, INDEX_BYTES_PER_PACKET = 8192, 48
"""Space for the index before the pictures. A packet takes at most 40 bytes there: size, position, time,
composition offset, and a keyframe entry."""
_MATRIX_AT = 40
"""Offset of the matrix in a track header of version 0, after the name (ISO/IEC 14496-12, 8.3.2)."""
_ONE, _W = 0x10000, 0x40000000


class NoClip(EdgeAgentError):
    """No file can be made of these packets."""


@dataclass(frozen=True, slots=True, eq=False)
class ClipFile:
    payload: bytes  # MP4
    codec: Codec
    began_mono: float  # when its first picture was taken
    duration_s: float


def mux_clip(packets: list[StreamPacket], parameters: StreamParameters, began_at: datetime) -> ClipFile:
    """Return an MP4 file of these packets. Raises ``NoClip``.

    The function removes the packets from ``packets`` while it writes, so that a clip is not in memory twice.
    ``began_at`` is written into the file.
    """
    codec = _supported(parameters.codec)
    _drop_leading(packets, parameters)
    if not packets:
        raise NoClip(problem_text("clip-without-keyframe"))
    stream = _Stream(codec, parameters, packets[0])
    times = times_of(packets, parameters.tick_s, parameters.timed)
    try:
        payload = _muxed(stream, packets, times.pts, times.dts, times.duration, began_at)
    except (FFmpegError, ValueError) as error:
        # FFmpeg's text alone does not say what failed.
        raise NoClip(problem_text("clip-no-file", error=f"{type(error).__name__}: {error}")) from error
    return ClipFile(
        _turned(payload, parameters.turned_deg), codec, times.taken_mono[0], times.duration / TICKS_PER_S
    )


def _supported(codec: str) -> Codec:
    if codec not in get_args(Codec):
        raise NoClip(problem_text("clip-codec", codec=codec, codecs=list(get_args(Codec))))
    return cast("Codec", codec)


def _drop_leading(packets: list[StreamPacket], parameters: StreamParameters) -> None:
    """Remove from ``packets`` those that cannot be decoded or are empty.

    These are all packets before the first keyframe, and packets after the keyframe whose pictures are shown
    before it: with an open GOP they refer to pictures that are missing.
    """
    key = next((n for n, item in enumerate(packets) if item.keyframe), len(packets))
    del packets[:key]
    last = 1
    while last < len(packets) and _leads(packets[0], packets[last], parameters):
        last += 1
    del packets[1:last]
    packets[:] = [item for item in packets if item.packet.size]


def _leads(keyframe: StreamPacket, item: StreamPacket, parameters: StreamParameters) -> bool:
    begin, own = keyframe.packet.pts, item.packet.pts
    if begin is None or own is None or not parameters.timed:
        return False
    # If the difference is larger, the camera's clock was set.
    return 0 < (begin - own) * parameters.tick_s <= JUMP_S


class _Stream:
    """Converts the packets of one connection to the form that FFmpeg's muxer needs."""

    def __init__(self, codec: Codec, parameters: StreamParameters, first: StreamPacket) -> None:
        self.codec = codec
        self._length_size = length_bytes(codec, parameters.extradata)
        self._head = b""
        if codec != "mjpeg":
            try:
                sets = parameter_sets(codec, parameters.extradata)
            except ValueError as error:
                raise NoClip(str(error)) from error
            # The parameter sets in the stream are newer; with both, FFmpeg would write them twice.
            self._head = b"" if has_parameter_sets(codec, bytes(self.payload(first))) else sets
        self._first = first

    def payload(self, item: StreamPacket) -> bytes | memoryview:
        content = memoryview(item.packet)
        return content if self._length_size is None else with_start_codes(content, self._length_size)

    def template(self) -> InputContainer:
        """Return an input container whose parameters FFmpeg has read from the first picture."""
        content = self._head + bytes(self.payload(self._first))
        if self.codec != "mjpeg":
            content = each_set_once(self.codec, content)
        return av.open(io.BytesIO(content), "r", format=self.codec)


def _muxed(
    stream: _Stream,
    packets: list[StreamPacket],
    pts: list[int],
    dts: list[int],
    duration: int,
    began_at: datetime,
) -> bytes:
    file = io.BytesIO()
    room = INDEX_BYTES + INDEX_BYTES_PER_PACKET * len(packets)
    with contextlib.ExitStack() as stack:
        template = stack.enter_context(stream.template())
        output: OutputContainer = stack.enter_context(
            av.open(file, "w", format="mp4", container_options={"moov_size": str(room)})
        )
        output.metadata["creation_time"] = rfc3339(began_at)
        video = _video(output, template, stream.codec)
        ends = [*dts[1:], max(dts[-1] + 1, duration + dts[0])]
        packets.reverse()
        for shown, decoded, end in zip(pts, dts, ends, strict=True):
            item = packets.pop()
            packet = _packet(stream.payload(item), video)
            packet.pts, packet.dts, packet.duration = shown, decoded, end - decoded
            packet.is_keyframe = item.keyframe
            output.mux_one(packet)
    return file.getvalue()


def _video(output: OutputContainer, template: InputContainer, codec: Codec) -> VideoStream:
    video = output.add_stream_from_template(template.streams.video[0])
    video.time_base = Fraction(1, TICKS_PER_S)
    if codec == "hevc":
        video.codec_context.codec_tag = "hvc1"  # Apple's players refuse hev1, which FFmpeg chooses
    return video


def _packet(payload: bytes | memoryview, video: VideoStream) -> Packet[VideoStream]:
    packet = cast("Packet[VideoStream]", Packet(payload))  # type: ignore[arg-type]  # takes any buffer
    packet.time_base, packet.stream = Fraction(1, TICKS_PER_S), video
    return packet


def _turned(payload: bytes, degrees: int) -> bytes:
    """Return the file with its display matrix set: counterclockwise by a multiple of 90 degrees."""
    matrix = {
        90: (0, -_ONE, 0, _ONE, 0, 0, 0, 0, _W),
        180: (-_ONE, 0, 0, 0, -_ONE, 0, 0, 0, _W),
        270: (0, _ONE, 0, -_ONE, 0, 0, 0, 0, _W),
    }.get(degrees % 360)
    at = payload.find(b"tkhd")
    if matrix is None or at < 0:
        return payload
    begin = at + 4 + _MATRIX_AT
    packed = b"".join(value.to_bytes(4, "big", signed=True) for value in matrix)
    return payload[:begin] + packed + payload[begin + len(packed) :]
