"""Limits the memory of a camera's decoded pictures: checks what the stream announces before the decoder
allocates it (docs/decisions/0042)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice

from edge_agent.capture.decode import h264, h265
from edge_agent.capture.decode.h264 import BitReader
from edge_agent.core.problems import problem_text

MAX_PIXELS = 4096 * 2304
MAX_PICTURES_BYTES = 52_000_000
"""Limit for all pictures in the decoder, with metadata: enough for 3840x2160 with one reference picture, or
1920x1080 with ten. A picture's packets add at most three times 4 MB: the total stays under 64 MB."""
IN_FLIGHT = 2
"""Pictures beside those that the stream requires: the one being decoded, and the one being analysed."""
UNIT_BYTES, UNIT_BYTES_PER_PICTURE = 4_300, 530
"""Bytes that libavcodec allocates for each NAL unit, however short it is: ``UNIT_BYTES`` once, and for H.265
``UNIT_BYTES_PER_PICTURE`` again with each picture that it keeps (h2645_parse.c, hevc/refs.c)."""
MAX_UNITS = MAX_PICTURES_BYTES // UNIT_BYTES + 1
"""A packet with so many NAL units is refused whatever the size of its pictures, so no more are counted."""
PPS_BYTES_H264, PPS_BYTES_PER_PIXEL_H265, VPS_BYTES_PER_BYTE = 184_000, 0.05, 8_600
"""Bytes that libavcodec allocates for a parameter set (measured): for scaling factors, for block tables (for
each pixel of the picture), and for layer timing (for each byte of the set)."""
MAX_VERSIONS = 4
"""Limit of a parameter set's versions in one connection. Only changed settings of a camera make a new one."""
_PARAMETER_BYTES = 16_384
"""Longer than any parameter set that libavcodec accepts, up to the last field that is read here."""

_START_CODE = re.compile(rb"\x00\x00\x01")
_JPEG_HEADER = re.compile(
    rb"\xff[\xc0-\xc3\xc5-\xc7\xc9-\xcb\xcd-\xcf]\x00[\x0b\x11\x14][\x08\x0c].{4}[\x01\x03\x04].{2}",
    re.DOTALL,
)


class PictureTooLarge(Exception):
    """The stream announces pictures that need too much memory; the text says which limit."""


@dataclass(frozen=True, slots=True)
class AnnouncedFormat:
    """What a stream announces about its pictures."""

    width: int
    height: int
    dpb_size: int  # pictures that the decoder keeps, as references or for reordering
    bytes_per_pixel: float
    metadata_per_pixel: float = 0  # bytes that the decoder stores with each picture that it keeps

    def total_bytes(self, pictures: int) -> float:
        """Return the bytes of ``pictures`` pictures, one of which left the decoder and is being analysed."""
        per_pixel = pictures * self.bytes_per_pixel + (pictures - 1) * self.metadata_per_pixel
        return self.width * self.height * per_pixel


class PictureLimits:
    """The limits of one decoder. Not thread-safe."""

    def __init__(self, codec: str, extradata: bytes) -> None:
        self._read = {"h264": self._read_h264, "hevc": self._read_h265, "mjpeg": self._read_jpeg}[codec]
        self._announced = self._largest = AnnouncedFormat(0, 0, 0, 0)  # the newest, and the largest of all
        self._announcement = extradata  # checked with the first packet
        self._max_units_seen = 0  # most NAL units of a packet
        self._parameters: dict[tuple[int, int], float] = {}  # bytes of parameter sets, by kind and number
        self._reference_sets = h265.ReferenceSets()
        self._slices_matter = False  # a slice could require so many pictures that they exceed the limit

    def check(self, packet: memoryview, reorder_depth: int) -> None:
        """Check what ``packet`` announces. ``reorder_depth``: pictures that the decoder holds back now.
        Raises ``PictureTooLarge``."""
        if self._announcement:
            self._read(memoryview(self._announcement))
            self._announcement = b""
        self._read(packet)
        _check(self._announced, reorder_depth, self._max_units_seen, sum(self._parameters.values()))

    def _read_jpeg(self, packet: memoryview) -> None:
        for match in _JPEG_HEADER.finditer(packet):
            self._announce(_jpeg(bytes(match.group())))

    def _read_h264(self, packet: memoryview) -> None:
        for start, end in self._units(packet):
            kind = packet[start] & 31
            if kind == h264.PPS:
                self._keep(kind, BitReader(bytes(packet[start + 1 : start + 9])).ue(), PPS_BYTES_H264)
            elif kind == h264.SPS:
                found = h264.picture_format(bytes(packet[start + 1 : end]))
                if found is not None:
                    # Motion vectors and block types take 0.55 bytes a pixel (libavcodec, h264_slice.c).
                    per_pixel = found.bytes_per_pixel + 0.55
                    self._announce(AnnouncedFormat(found.width, found.height, found.references, per_pixel))

    def _read_h265(self, packet: memoryview) -> None:
        for start, end in self._units(packet):
            kind = packet[start] >> 1 & 63
            if h265.VPS <= kind <= h265.PPS and end > start + 2:
                self._read_parameters(kind, bytes(packet[start:end]))
            elif self._slices_matter and h265.begins_picture(bytes(packet[start : start + 3])):
                self._slice(bytes(packet[start : min(end, start + h265.HEADER_BYTES)]))

    def _units(self, packet: memoryview) -> Iterator[tuple[int, int]]:
        """Yield begin and end of each NAL unit, at most ``_PARAMETER_BYTES`` of it."""
        starts = [match.end() for match in islice(_START_CODE.finditer(packet), MAX_UNITS)]
        self._max_units_seen = max(self._max_units_seen, len(starts))
        _check(self._announced, most_units=self._max_units_seen)
        for start, following in zip(starts, [*starts[1:], len(packet)], strict=True):
            if following > start:
                yield start, min(following, start + _PARAMETER_BYTES)

    def _announce(self, found: AnnouncedFormat) -> None:
        _check(found)
        self._announced = found
        self._largest = max(
            found, self._largest, key=lambda announced: announced.total_bytes(h265.MAX_PICTURES)
        )

    def _read_parameters(self, kind: int, unit: bytes) -> None:
        if kind == h265.VPS:
            self._keep(kind, unit[2] >> 4, len(unit) * VPS_BYTES_PER_BYTE)
        elif kind == h265.PPS:
            pixels = self._largest.width * self._largest.height
            self._keep(kind, BitReader(unit[2:10]).ue(), pixels * PPS_BYTES_PER_PIXEL_H265)
            self._reference_sets.add_picture(unit)
        else:
            found = h265.sequence_format(unit)
            if found is None:
                return
            size = (found.width, found.height)
            self._announce(
                AnnouncedFormat(*size, found.dpb_size, found.bytes_per_pixel, found.metadata_per_pixel)
            )
            self._reference_sets.add_sequence(found)
            most = self._largest.total_bytes(h265.MAX_PICTURES + IN_FLIGHT)
            self._slices_matter = most > MAX_PICTURES_BYTES
        if self._reference_sets.versions > MAX_VERSIONS:
            raise PictureTooLarge(problem_text("parameter-sets-change"))

    def _keep(self, kind: int, number: int, kept_bytes: float) -> None:
        self._parameters[kind, number] = max(kept_bytes, self._parameters.get((kind, number), 0))
        _check(self._announced, parameters_bytes=sum(self._parameters.values()))

    def _slice(self, unit: bytes) -> None:
        """Check how many pictures a slice requires: libavcodec accepts more than the stream has announced."""
        _check(replace(self._largest, dpb_size=self._reference_sets.pictures(unit) + 1))


def _check(
    announced: AnnouncedFormat, reorder_depth: int = 0, most_units: int = 0, parameters_bytes: float = 0
) -> None:
    size = f"{announced.width}x{announced.height}"
    if announced.width * announced.height > MAX_PIXELS:
        raise PictureTooLarge(problem_text("picture-too-large", size=size))
    pictures = announced.dpb_size + reorder_depth + IN_FLIGHT
    pictures_bytes = announced.total_bytes(pictures)
    if pictures_bytes > MAX_PICTURES_BYTES:
        raise PictureTooLarge(problem_text("picture-too-many", size=size, pictures=pictures))
    units_bytes = most_units * (UNIT_BYTES + pictures * UNIT_BYTES_PER_PICTURE)
    if pictures_bytes + units_bytes > MAX_PICTURES_BYTES:
        raise PictureTooLarge(problem_text("picture-too-many-units", units=most_units))
    if pictures_bytes + units_bytes + parameters_bytes > MAX_PICTURES_BYTES:
        raise PictureTooLarge(problem_text("parameter-sets-too-large"))


def _jpeg(header: bytes) -> AnnouncedFormat:
    """Read a JPEG frame header (ITU-T T.81, B.2.2)."""
    height, width = int.from_bytes(header[5:7], "big"), int.from_bytes(header[7:9], "big")
    sampling = header[11] if header[9] == 3 else 0
    per_pixel = {0x22: 1.5, 0x21: 2.0, 0x12: 2.0}.get(sampling, 1.0 if header[9] == 1 else float(header[9]))
    progressive = header[1] not in (0xC0, 0xC1)
    # Progressive pictures are kept as coefficients, of two bytes each, until their last scan.
    return AnnouncedFormat(width, height, 2 if progressive else 0, per_pixel)
