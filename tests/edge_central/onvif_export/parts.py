"""Clips of several kinds, and a reader of boxes that shares nothing with the product's."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, cast

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.video.frame import VideoFrame

from edge_central.onvif_export.export_file import ExportFacts, byte_ranges, export_head
from edge_central.onvif_export.recipe import OnvifRecipe, pieces
from edge_central.onvif_export.video_track import VideoTrack, read_video_track

if TYPE_CHECKING:
    from av.video.stream import VideoStream

FPS, PICTURES = 10, 12
FACTS = ExportFacts(
    unit="edge-agent central, de-tham",
    exported_ms=1_795_528_800_000,
    operator="lan",
    source="Chợ Bo · Cổng 1 (dt-001 cam-1)",
    start_ms=1_795_528_000_123,
)
OPTIONS = {
    "libx264": {"preset": "ultrafast", "bf": "0"},
    "libx265": {"preset": "ultrafast", "x265-params": "log-level=none:bframes=2:pools=none:frame-threads=1"},
    "mjpeg": {},
}


@cache
def clip(codec: str = "libx264", *, reordered: bool = False, sound: bool = False, form: str = "mp4") -> bytes:
    """A clip of a square that moves. ``reordered``: with pictures that are shown in another order than they
    are decoded in."""
    file = io.BytesIO()
    options = OPTIONS[codec] | ({"bf": "2"} if reordered else {})
    with av.open(file, "w", format=form) as container:
        stream = cast("VideoStream", container.add_stream(codec, rate=FPS, options=options))
        stream.width, stream.height = 64, 48
        stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        stream.thread_count = 1
        if codec == "libx265":
            stream.codec_context.codec_tag = "hvc1"
        audio = container.add_stream("aac", rate=8000) if sound else None
        for number in range(PICTURES):
            picture = np.full((48, 64, 3), 40, np.uint8)
            picture[10:30, 2 * number : 2 * number + 20] = (30, 200, 90)
            frame = VideoFrame.from_ndarray(picture, format="bgr24").reformat(format=stream.pix_fmt)
            frame.pts = number
            container.mux(stream.encode(frame))
            if audio is not None:
                silence = np.zeros((1, 800), np.float32)
                samples = AudioFrame.from_ndarray(silence, format="fltp", layout="mono")
                samples.sample_rate, samples.pts = 8000, 800 * number
                container.mux(audio.encode(samples))
        container.mux(stream.encode(None))
        if audio is not None:
            container.mux(audio.encode(None))
    return file.getvalue()


def track_of(content: bytes) -> VideoTrack:
    return read_video_track(io.BytesIO(content))


def exported(content: bytes, facts: ExportFacts = FACTS) -> bytes:
    """The clip as an ONVIF Export File."""
    track = track_of(content)
    recipe = OnvifRecipe(head=export_head(track, facts), clip="", ranges=byte_ranges(track))
    found = b"".join(pieces(recipe, io.BytesIO(content)))
    assert len(found) == recipe.size
    return found


def packets(content: bytes) -> list[bytes]:
    """The pictures as they are stored, in the order of decoding, read by FFmpeg."""
    with av.open(io.BytesIO(content), "r") as container:
        return [bytes(each) for each in container.demux(video=0) if each.size]


def shown(content: bytes) -> list[tuple[float, bytes]]:
    """Time since the first picture, and pixels, of all pictures; read by FFmpeg."""
    with av.open(io.BytesIO(content), "r") as container:
        frames = list(container.decode(video=0))
    first = frames[0].time or 0.0
    return [(round((each.time or 0.0) - first, 4), each.to_ndarray().tobytes()) for each in frames]


# --- boxes, by the tables of ISO/IEC 14496-12 and of the specification ---


@dataclass(frozen=True)
class ReadBox:
    kind: str
    content: bytes

    def boxes(self, skipped: int = 0) -> list[ReadBox]:
        return list(read_boxes(self.content[skipped:]))

    def only(self, kind: str, skipped: int = 0) -> ReadBox:
        (found,) = [each for each in self.boxes(skipped) if each.kind == kind]
        return found


def read_boxes(content: bytes) -> Iterator[ReadBox]:
    while content:
        size = int.from_bytes(content[:4], "big")
        assert 8 <= size <= len(content)
        yield ReadBox(content[4:8].decode("ascii"), content[8:size])
        content = content[size:]


class FieldReader:
    """Reads the fields of a box one after the other."""

    def __init__(self, content: bytes) -> None:
        self._rest = content

    def number(self, bits: int) -> int:
        size = bits // 8
        taken, self._rest = self._rest[:size], self._rest[size:]
        assert len(taken) == size
        return int.from_bytes(taken, "big")

    def text(self) -> str:
        taken, zero, self._rest = self._rest.partition(b"\0")
        assert zero
        return taken.decode()

    @property
    def is_at_end(self) -> bool:
        return not self._rest


def with_field(content: bytes, kind: bytes, at: int, layout: str, *values: int | bytes) -> bytes:
    """A clip with other values, ``at`` bytes after the begin of the content of its first box ``kind``."""
    begin = content.index(kind, 0 if kind == b"ftyp" else content.index(b"moov")) + 4 + at
    packed = struct.pack(f">{layout}", *values)
    return content[:begin] + packed + content[begin + len(packed) :]
