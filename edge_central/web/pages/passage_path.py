"""The path of a passage, as coordinates for inline SVG, and the picture on which it is drawn."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from edge_agent.wire.received.bounds import bounded_time
from edge_central.console.events import StoredMedia, whole_picture
from edge_central.console.fleet import CameraOverview
from edge_central.searches.model import SearchPicture
from edge_central.store.media_folder import MediaFolder
from edge_central.store.scope import Scope

WIDTH = 1600.0
"""Width of the drawing; its height follows from the camera's picture."""
USUAL_RATIO = 16 / 9
JPEG_HEAD_BYTES = 65_536
_FRAME_MARKERS = frozenset({0xC0, 0xC1, 0xC2, 0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF})


@dataclass(frozen=True, slots=True)
class PathDrawing:
    """The drawing of a path. ``points``: the points of a polyline. ``places``: x, y in the drawing."""

    width: float
    height: float
    points: str
    places: tuple[tuple[float, float], ...]
    percent: tuple[tuple[int, int], ...]  # the same places in per cent: from the left, from the top
    lasted_s: float


@dataclass(frozen=True, slots=True)
class SceneDrawing:
    width: float
    height: float
    taken_ms: int
    box: tuple[float, float, float, float]  # the object: x, y, width, height
    path: PathDrawing | None  # None: the path has fewer than two places


def path_drawing(
    path: Sequence[tuple[float, float, float]], ratio: float = USUAL_RATIO
) -> PathDrawing | None:
    """Draw a path. ``path``: x, y in 0..1 of the picture, seconds after the start. ``ratio``: width by height
    of the picture. None: the path has fewer than two places."""
    if len(path) < 2:
        return None
    height = round(WIDTH / ratio, 1)
    places = tuple((round(_unit(x) * WIDTH, 1), round(_unit(y) * height, 1)) for x, y, _ in path)
    return PathDrawing(
        WIDTH,
        height,
        " ".join(f"{x:g},{y:g}" for x, y in places),
        places,
        tuple((round(100 * _unit(x)), round(100 * _unit(y))) for x, y, _ in path),
        max(0.0, path[-1][2] - path[0][2]),
    )


def scene_drawing(
    picture: SearchPicture | None, start_ms: int, ratio: float = USUAL_RATIO
) -> SceneDrawing | None:
    """Return what is drawn on the whole picture of a passage that began at ``start_ms``. None: the centre
    does not have the picture, or it is sealed."""
    if picture is None or picture.box is None or picture.sealed:
        return None
    x1, y1, x2, y2 = (_unit(each) for each in picture.box)
    height = WIDTH / ratio
    sides = (x1 * WIDTH, y1 * height, max(0.0, x2 - x1) * WIDTH, max(0.0, y2 - y1) * height)
    x, y, across, down = (round(each, 1) for each in sides)
    taken_ms = bounded_time(start_ms + picture.after_s * 1000)
    lines = path_drawing(picture.path, ratio)
    return SceneDrawing(WIDTH, round(height, 1), taken_ms, (x, y, across, down), lines)


def picture_ratio(camera: CameraOverview | None) -> float:
    """Return width by height of the camera's picture."""
    return camera.width / camera.height if camera and camera.width and camera.height else USUAL_RATIO


def background(
    connection: Connection, scope: Scope, folder: MediaFolder, gateway: str, camera: CameraOverview | None
) -> StoredMedia | None:
    """Return the newest whole picture of the camera, to draw on it: the scene of a still, or a picture with
    as many pixels as the stream. None: there is none."""
    if camera is None:
        return None

    def is_whole(media: StoredMedia) -> bool:
        if not camera.width or not camera.height:
            return False
        try:
            with folder.path(media.gateway, media.sha256, False).open("rb") as file:
                return jpeg_size(file.read(JPEG_HEAD_BYTES)) == (camera.width, camera.height)
        except OSError:
            return False

    return whole_picture(connection, scope, gateway, camera.id, is_whole)


def jpeg_size(head: bytes) -> tuple[int, int] | None:
    """Return width and height of a JPEG from its frame header (ITU-T T.81, B.2.2); None without one."""
    if head[:2] != b"\xff\xd8":
        return None
    at = 2
    while at + 9 <= len(head) and head[at] == 0xFF:
        marker = head[at + 1]
        if marker in _FRAME_MARKERS:
            height, width = struct.unpack_from(">HH", head, at + 5)
            return (width, height) if width and height else None
        at += 2 + struct.unpack_from(">H", head, at + 2)[0]
    return None


def _unit(value: float) -> float:
    return min(max(value, 0.0), 1.0)
