"""Decoded pictures: luma as a view of the decoder's buffer, colour converted only for the requested part.

The conversion matrices follow ITU-R BT.601-7 and BT.709-6 (and BT.2020-2 for completeness), in limited ("TV",
luma 16..235) or full ("JPEG", 0..255) range, as the stream says. If the stream says nothing, BT.601 is
assumed: libswscale and the tools with which models are trained assume it too.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import cv2
import numpy as np
from av.video.frame import VideoFrame
from av.video.plane import VideoPlane

from edge_agent.capture.failures import MIN_SIDE
from edge_agent.core.model import FULL_PICTURE, Box

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edge_agent.core.model import Colour, Gray

    Plane = NDArray[np.uint8]

FULL_RANGE = 2  # AVCOL_RANGE_JPEG

FALLBACK_FORMAT = "yuv422p"
"""The format to which formats outside ``_LAYOUTS`` are converted. Not yuv420p: for packed YUYV with an odd
width, libswscale 9 shifts the columns."""

_LUMA_WEIGHTS = {1: (0.2126, 0.0722), 9: (0.2627, 0.0593), 10: (0.2627, 0.0593)}
"""(Kr, Kb) by AVColorSpace: BT.709 and BT.2020; every other value is BT.601."""
_BT601 = (0.299, 0.114)


_LEVELS = np.arange(256)
_LIMITED_LUMA = np.rint(_LEVELS * 219 / 255 + 16).astype(np.uint8)
_LIMITED_CHROMA = np.rint((_LEVELS - 128) * 224 / 255 + 128).astype(np.uint8)
"""Lookup tables from full range to limited range."""


class _Layout(NamedTuple):
    """How an 8-bit pixel format stores its chroma."""

    shift_x: int  # chroma is 1 << shift_x times narrower than luma
    shift_y: int
    interleaved: str  # "" for three planes, "uv" or "vu" for two


_LAYOUTS = {
    "yuv420p": _Layout(1, 1, ""),
    "yuvj420p": _Layout(1, 1, ""),
    "yuv422p": _Layout(1, 0, ""),
    "yuvj422p": _Layout(1, 0, ""),
    "yuv444p": _Layout(0, 0, ""),
    "yuvj444p": _Layout(0, 0, ""),
    "yuv440p": _Layout(0, 1, ""),
    "yuvj440p": _Layout(0, 1, ""),
    "nv12": _Layout(1, 1, "uv"),
    "nv21": _Layout(1, 1, "vu"),
}


class YuvPicture:
    """A decoder's frame. ``luma`` is a view; ``bgr`` converts only the requested region.

    Formats that are not in ``_LAYOUTS`` (packed YUYV of USB cameras, 10 bit, RGB) are converted to yuv422p
    as a whole at the first use. Not thread-safe: only the pipeline thread uses a picture.
    """

    def __init__(self, frame: VideoFrame, max_width: int | None = None) -> None:
        """``max_width``: largest width of ``luma``, in pixels; it does not limit ``width``, ``height`` and
        ``bgr``."""
        self._frame = frame
        self._max_width = max_width
        self._luma: Gray | None = None
        self._planar: VideoFrame | None = None

    @property
    def width(self) -> int:
        return int(self._frame.width)

    @property
    def height(self) -> int:
        return int(self._frame.height)

    def luma(self) -> Gray:
        """Return the luma, uint8, read-only. Up to ``max_width``: shape (height, width), a view of the
        decoder's buffer with rows ``line_size`` bytes apart; the buffer lives as long as the view. Wider: the
        whole picture scaled to that width, computed once. Limited-range streams keep 16..235."""
        if self._luma is None:
            frame = self._planar_frame()
            self._luma = _limited_width(_plane(frame, 0)[: frame.height, : frame.width], self._max_width)
        return self._luma

    def bgr(self, region: Box = FULL_PICTURE) -> Colour:
        """Return a fresh (height, width, 3) uint8 BGR copy of the pixels that ``region`` touches."""
        frame = self._planar_frame()
        x1, y1, x2, y2 = region.to_pixels(frame.width, frame.height)
        if frame.format.name == "gray":
            return cv2.cvtColor(_plane(frame, 0)[y1:y2, x1:x2], cv2.COLOR_GRAY2BGR)  # type: ignore[return-value]
        layout = _LAYOUTS[frame.format.name]
        # Two pixels share a chroma sample: convert from the even pixel before, then cut the extra one off.
        left, top = (x1 >> layout.shift_x) << layout.shift_x, (y1 >> layout.shift_y) << layout.shift_y
        colour = _convert(frame, layout, left, top, x2, y2)
        return np.ascontiguousarray(colour[y1 - top :, x1 - left :])

    def scaled(self, size: tuple[int, int]) -> Colour:
        """Return a BGR copy with ``size`` (width, height). Scales the planes, then converts them: the other
        order takes four times as long from 640x360 to 416x234, ten times as long from 1920x1080."""
        frame = self._planar_frame()
        if self._luma is not None and self._luma.shape[1] >= size[0]:
            luma = self._luma  # already scaled down for the motion stage
        else:
            luma = _plane(frame, 0)[: frame.height, : frame.width]
        if frame.format.name == "gray":
            return cv2.cvtColor(_scaled(luma, size), cv2.COLOR_GRAY2BGR)  # type: ignore[return-value]
        layout = _LAYOUTS[frame.format.name]
        rows = slice(0, -(-frame.height >> layout.shift_y))
        columns = slice(0, -(-frame.width >> layout.shift_x))
        planes = (luma, *_chroma(frame, layout, rows, columns))
        if layout.shift_x and layout.shift_y and size[0] % 2 == size[1] % 2 == 0:
            return _fast_to_bgr(planes, size, _is_full_range(frame))
        return _to_bgr(frame, [_scaled(plane, size) for plane in planes])

    def _planar_frame(self) -> VideoFrame:
        if self._planar is None:
            known = self._frame.format.name in _LAYOUTS or self._frame.format.name == "gray"
            self._planar = self._frame if known else self._frame.reformat(format=FALLBACK_FORMAT)
        return self._planar


class ArrayPicture:
    """A picture from a BGR array: image files, tests."""

    def __init__(self, bgr: Colour, max_width: int | None = None) -> None:
        """``bgr``: (height, width, 3), uint8; not copied, must not change. ``max_width``: largest width of
        ``luma``."""
        self._bgr = bgr
        self._max_width = max_width
        self._luma: Gray | None = None

    @property
    def width(self) -> int:
        return int(self._bgr.shape[1])

    @property
    def height(self) -> int:
        return int(self._bgr.shape[0])

    def luma(self) -> Gray:
        """Return full-range BT.601 luma, uint8, read-only, at most ``max_width`` wide; computed once."""
        if self._luma is None:
            luma: Gray = cv2.cvtColor(self._bgr, cv2.COLOR_BGR2GRAY)  # type: ignore[assignment]
            luma = _limited_width(luma, self._max_width)
            luma.flags.writeable = False
            self._luma = luma
        return self._luma

    def bgr(self, region: Box = FULL_PICTURE) -> Colour:
        x1, y1, x2, y2 = region.to_pixels(self.width, self.height)
        return self._bgr[y1:y2, x1:x2].copy()

    def scaled(self, size: tuple[int, int]) -> Colour:
        return _scaled(self._bgr, size)


def _limited_width(luma: Gray, max_width: int | None) -> Gray:
    """Return ``luma``, or if it is wider than ``max_width``, a read-only copy scaled to that width with the
    same aspect ratio. No side becomes shorter than ``MIN_SIDE``."""
    height, width = luma.shape
    if max_width is None or width <= max_width:
        return luma
    scale = min(1.0, max(max_width / width, MIN_SIDE / height))
    size = (round(width * scale), round(height * scale))
    small: Gray = cv2.resize(luma, size, interpolation=cv2.INTER_AREA)  # type: ignore[assignment]
    small.flags.writeable = False
    return small


def _scaled(pixels: Plane, size: tuple[int, int], into: Plane | None = None) -> Plane:
    """Scale a plane. Linear sampling uses every pixel only down to half the size, so a stronger reduction
    takes two steps; averaging over every pixel would cost three times as much."""
    if pixels.shape[1] > 2 * size[0]:
        pixels = cv2.resize(pixels, (2 * size[0], 2 * size[1]))  # type: ignore[assignment]
        return cv2.resize(pixels, size, into, interpolation=cv2.INTER_AREA)  # type: ignore[return-value]
    return cv2.resize(pixels, size, into)  # type: ignore[return-value]


def _plane(frame: VideoFrame, index: int) -> Plane:
    """Return a read-only view of one plane, shape (rows, line_size), including the padding columns."""
    plane = VideoPlane(frame, index)  # ``frame.planes`` would create all planes
    # The memoryview keeps the plane, and the plane its frame, alive for as long as the view lives.
    view: Plane = np.frombuffer(memoryview(plane), dtype=np.uint8).reshape(-1, plane.line_size)
    view.flags.writeable = False
    return view


def _convert(frame: VideoFrame, layout: _Layout, left: int, top: int, right: int, bottom: int) -> Colour:
    """Return the BGR of the pixels left..right, top..bottom; left and top lie on the chroma grid."""
    luma = _plane(frame, 0)[top:bottom, left:right]
    rows = slice(top >> layout.shift_y, -(-bottom >> layout.shift_y))
    columns = slice(left >> layout.shift_x, -(-right >> layout.shift_x))
    u, v = _chroma(frame, layout, rows, columns)
    height, width = luma.shape
    u = _enlarged(u, layout)[:height, :width]
    v = _enlarged(v, layout)[:height, :width]
    return _to_bgr(frame, [luma, u, v])


def _fast_to_bgr(planes: Sequence[Plane], size: tuple[int, int], full_range: bool) -> Colour:
    """Scale three planes (chroma has half the size of luma) to ``size`` and convert them in one step.

    Takes half the time of ``_to_bgr``, but always uses BT.601: colours of BT.709 are off by a few levels.
    """
    width, height = size
    packed = np.empty((height * 3 // 2, width), np.uint8)
    _scaled(planes[0], size, packed[:height])
    for chroma, place in zip(planes[1:], packed[height:].reshape(2, height // 2, width // 2), strict=True):
        _scaled(chroma, (width // 2, height // 2), place)
    if full_range:
        cv2.LUT(packed[:height], _LIMITED_LUMA, packed[:height])
        cv2.LUT(packed[height:], _LIMITED_CHROMA, packed[height:])
    return cv2.cvtColor(packed, cv2.COLOR_YUV2BGR_I420)  # type: ignore[return-value]


def _is_full_range(frame: VideoFrame) -> bool:
    return bool(frame.color_range == FULL_RANGE) or frame.format.name.startswith("yuvj")


def _to_bgr(frame: VideoFrame, planes: Sequence[Plane]) -> Colour:
    matrix = _matrix(_LUMA_WEIGHTS.get(int(frame.colorspace), _BT601), _is_full_range(frame))
    return cv2.transform(cv2.merge(planes), matrix)  # type: ignore[return-value]


def _chroma(frame: VideoFrame, layout: _Layout, rows: slice, columns: slice) -> tuple[Plane, Plane]:
    """Return the U and V samples of a part of the chroma grid."""
    if not layout.interleaved:
        return _plane(frame, 1)[rows, columns], _plane(frame, 2)[rows, columns]
    both = _plane(frame, 1)[rows, 2 * columns.start : 2 * columns.stop]
    first, second = both[:, 0::2], both[:, 1::2]
    return (first, second) if layout.interleaved == "uv" else (second, first)


def _enlarged(chroma: Plane, layout: _Layout) -> Plane:
    """Repeat chroma to luma resolution, to the nearest pixel as libswscale does without scaling."""
    if not layout.shift_x and not layout.shift_y:
        return chroma
    height, width = chroma.shape
    size = (width << layout.shift_x, height << layout.shift_y)
    return cv2.resize(chroma, size, interpolation=cv2.INTER_NEAREST)  # type: ignore[return-value]


@functools.cache
def _matrix(weights: tuple[float, float], full_range: bool) -> NDArray[np.float32]:
    """Return the 3 x 4 matrix from (Y, U, V, 1) to (B, G, R), for ``cv2.transform``."""
    kr, kb = weights
    kg = 1.0 - kr - kb
    y = 1.0 if full_range else 255.0 / 219.0
    c = 1.0 if full_range else 255.0 / 224.0
    linear = np.array(
        [
            [y, 2 * (1 - kb) * c, 0.0],
            [y, -2 * (1 - kb) * kb / kg * c, -2 * (1 - kr) * kr / kg * c],
            [y, 0.0, 2 * (1 - kr) * c],
        ]
    )
    offset = -linear @ np.array([0.0 if full_range else 16.0, 128.0, 128.0])
    return np.hstack([linear, offset[:, None]]).astype(np.float32)
