"""A camera and the light of the day: meshes become a picture with a mask and a shadow."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from embreex.mesh_construction import TriangleMesh
from embreex.rtcore_scene import EmbreeScene
from numpy.typing import NDArray

from training.draw.shapes import Mesh, Points, normals, rotation

FINER = 2  # rays for each pixel, in each direction
SIZE = 320  # pixels of the drawn square, which is 2.5 times as high as the object
TALLEST = 150  # pixels of an object in the result
SIDE, ABOVE, BELOW = 60, 8, 25
"""Pixels of the drawn square beside, above and below the object, for its shadow."""
DARKEST = 0.75  # alpha of a shadow
OPAQUE = 0.4  # alpha from which a pixel is in the object's box

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class CutOut:
    image: NDArray[np.uint8]  # [height, width, 4], BGRA; a shadow is black with a low alpha
    box: tuple[int, int, int, int]  # left, top, right, bottom of the object, without its shadow


@dataclass(frozen=True)
class _View:
    eye: Points
    target: tuple[float, float, float]
    angle: float  # vertical, degrees


@dataclass(frozen=True)
class _Light:
    sun: Points  # direction to it
    ambient: float
    diffuse: float
    above: float  # of the sky


class Scene:
    """The triangles of one object, as rays see them."""

    def __init__(self, meshes: list[Mesh]) -> None:
        offsets = np.cumsum([0, *(len(mesh.points) for mesh in meshes[:-1])])
        pairs = list(zip(meshes, offsets, strict=True))
        self._faces = np.concatenate([mesh.faces + offset for mesh, offset in pairs])
        self._points = np.concatenate([mesh.points for mesh in meshes])
        self._normals = np.concatenate([normals(mesh.points, mesh.faces) for mesh in meshes])
        self._colours = np.concatenate([mesh.colours for mesh in meshes]).clip(0, 1)
        self._counts = np.concatenate([np.full(len(mesh.faces), mesh.counts) for mesh in meshes])
        self._scene = EmbreeScene()
        TriangleMesh(self._scene, self._points[self._faces].astype(np.float32))

    def picture(self, view: _View, light: _Light) -> tuple[Floats, Floats, Floats]:
        """Return the object, what of it counts for its box, and its shadow on the ground, 0..1.

        [SIZE, SIZE, 4]: red, green and blue, each times alpha, and alpha. [SIZE, SIZE]: alpha of what counts;
        shadow.
        """
        rays = _rays(view)
        eyes = np.broadcast_to(view.eye, rays.shape)
        hits = self._scene.run(eyes.astype(np.float32), rays.astype(np.float32), output=True)
        seen = hits["primID"] >= 0
        pixels = np.zeros((len(rays), 6), np.float32)
        pixels[seen, :3] = self._colours_at(
            {key: found[seen] for key, found in hits.items()}, rays[seen], light
        )
        pixels[seen, 3] = 1
        pixels[seen, 4] = self._counts[hits["primID"][seen]]
        down = ~seen & (rays[:, 2] < 0)
        far = -view.eye[2] / rays[down, 2]
        pixels[down, 5] = self._shaded(view.eye + rays[down] * far[:, None], light)
        count = SIZE * FINER
        fine = pixels.reshape(count, count, 6)
        small = np.asarray(cv2.resize(fine, (SIZE, SIZE), interpolation=cv2.INTER_AREA), np.float32)
        return small[..., :4], small[..., 4], small[..., 5]

    def _colours_at(self, hits: dict[str, NDArray[Any]], rays: Points, light: _Light) -> Points:
        """Colours where rays hit: light of the sky from everywhere and from above, and of the sun."""
        corners = self._faces[hits["primID"]]
        u, v = hits["u"][:, None], hits["v"][:, None]

        def between(values: Points) -> Points:
            a, b, c = (values[corners[:, corner]] for corner in range(3))
            return np.asarray(a * (1 - u - v) + b * u + c * v)

        outward = between(self._normals)
        outward /= np.linalg.norm(outward, axis=1, keepdims=True) + 1e-9
        outward *= np.where((outward * rays).sum(1, keepdims=True) > 0, -1, 1)  # towards the camera
        shaded = self._shaded(between(self._points) + outward * 0.004, light)
        sunny = (outward @ light.sun).clip(0) * ~shaded
        bright = light.ambient + light.diffuse * (sunny + light.above * outward[:, 2].clip(0))
        return np.asarray((between(self._colours) * bright[:, None]).clip(0, 1))

    def _shaded(self, points: Points, light: _Light) -> NDArray[np.bool_]:
        towards = np.broadcast_to(light.sun, points.shape).astype(np.float32)
        return np.asarray(
            self._scene.run(points.astype(np.float32), towards, query="OCCLUDED") >= 0, np.bool_
        )


def cut_out(meshes: list[Mesh], rng: np.random.Generator) -> CutOut:
    """Put the object on the ground, turn it, and look at it from a random place in random light."""
    meshes = [mesh for mesh in meshes if len(mesh.faces)]
    turned = rotation(2, math.degrees(rng.uniform(0, 2 * math.pi)))
    ground = min(mesh.used()[:, 2].min() for mesh in meshes if mesh.counts)
    meshes = [mesh.moved((0, 0, -ground)).turned(turned) for mesh in meshes]
    view = _view(max(float(mesh.used()[:, 2].max()) for mesh in meshes), rng)
    light, hard = _light(rng)
    drawn, counts, shade = Scene(meshes).picture(view, light)
    soft = cv2.GaussianBlur(shade * np.float32(hard * DARKEST), (0, 0), rng.uniform(0.5, 4))
    return _cut(drawn, counts, np.asarray(soft, np.float32))


def _rays(view: _View) -> Points:
    """[pixels, 3]: directions, row by row from the top left, not of length 1."""
    forward = np.asarray(view.target) - view.eye
    forward /= np.linalg.norm(forward)
    right = np.cross(forward, (0, 0, 1))
    right /= np.linalg.norm(right)
    up = np.cross(right, forward)
    count = SIZE * FINER
    steps = ((np.arange(count) + 0.5) / count * 2 - 1) * math.tan(math.radians(view.angle) / 2)
    x, y = np.meshgrid(steps, -steps)
    return np.asarray(forward + x.reshape(-1, 1) * right + y.reshape(-1, 1) * up)


def _view(height: float, rng: np.random.Generator) -> _View:
    """From 5 to 40 metres, at the height of eyes up to steeply from above."""
    u = rng.uniform
    elevation = math.radians(u(3, 25) if rng.random() < 0.6 else u(15, 60))
    distance = float(np.exp(u(np.log(5), np.log(40))))
    eye = np.array([0, -distance * math.cos(elevation), distance * math.sin(elevation) + height / 2])
    angle = math.degrees(2 * math.atan(1.25 * max(height, 1.0) / distance))
    return _View(eye, (0, 0, height / 2), angle)


def _light(rng: np.random.Generator) -> tuple[_Light, float]:
    """Return a light and how dark its shadow is, 0..1."""
    u = rng.uniform
    azimuth, height = u(0, 2 * math.pi), math.radians(u(20, 80))
    flat = math.cos(height)
    sun = np.array([math.cos(azimuth) * flat, math.sin(azimuth) * flat, math.sin(height)])
    hard = u(0, 1)
    return _Light(sun, u(0.25, 0.6), u(0.5, 1.0), u(0.2, 0.8)), hard


def _cut(drawn: Floats, counts: Floats, shade: Floats) -> CutOut:
    """Join the object with its shadow and cut away what is empty."""
    alpha = drawn[..., 3]
    left, top, right, bottom = _edges(counts)
    outer = np.add(_edges(alpha), (-SIDE, -ABOVE, SIDE, BELOW))
    x, y, end_x, end_y = outer.clip(0, SIZE)
    joined = np.dstack([drawn[..., 2::-1], 1 - (1 - alpha) * (1 - shade)])[y:end_y, x:end_x]
    scale = min(1.0, TALLEST / (bottom - top))
    small = np.asarray(cv2.resize(joined, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.float32)
    small[..., :3] /= np.maximum(small[..., 3:], 0.01)  # after scaling: else edges would become dark
    edges = (round(float(edge) * scale) for edge in (left - x, top - y, right - x, bottom - y))
    box = (next(edges), next(edges), next(edges), next(edges))
    return CutOut((small * 255).clip(0, 255).round().astype(np.uint8), box)


def _edges(alpha: Floats) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of what is opaque."""
    rows, columns = np.where(alpha > OPAQUE)
    return int(columns.min()), int(rows.min()), int(columns.max()) + 1, int(rows.max()) + 1
