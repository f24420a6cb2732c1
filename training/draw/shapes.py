"""Simple solids as triangles, and what is done with them."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import trimesh
from numpy.typing import ArrayLike, NDArray

Points = NDArray[np.float64]  # [points, 3]
Faces = NDArray[np.int64]  # [triangles, 3]: indices of points

SIDES = 20  # of what is round


@dataclass(frozen=True)
class Mesh:
    points: Points
    faces: Faces
    colours: Points  # of each point
    counts: bool = True  # whether it is in the object's box; what a person carries is not

    def moved(self, by: ArrayLike) -> Mesh:
        return replace(self, points=self.points + np.asarray(by, np.float64))

    def turned(self, rotation: Points) -> Mesh:
        """``rotation``: [3, 3]."""
        return replace(self, points=np.asarray(self.points @ rotation.T))

    def uncounted(self) -> Mesh:
        return replace(self, counts=False)

    def used(self) -> Points:
        """The points that a face has."""
        return self.points[np.unique(self.faces)]


@dataclass(frozen=True)
class Solid:
    """A mesh without a colour."""

    points: Points
    faces: Faces

    def scaled(self, by: ArrayLike) -> Solid:
        return Solid(self.points * np.asarray(by, np.float64), self.faces)

    def turned(self, axis: int, degrees: float) -> Solid:
        return Solid(np.asarray(self.points @ rotation(axis, degrees).T), self.faces)

    def painted(self, colour: ArrayLike, at: ArrayLike = (0, 0, 0)) -> Mesh:
        colours = np.tile(np.asarray(colour, np.float64), (len(self.points), 1))
        return Mesh(self.points, self.faces, colours).moved(at)


def rotation(axis: int, degrees: float) -> Points:
    """[3, 3]: about x, y or z (0, 1, 2)."""
    angle = math.radians(degrees)
    turned = np.eye(3)
    i, j = ((1, 2), (2, 0), (0, 1))[axis]
    turned[i, i] = turned[j, j] = math.cos(angle)
    turned[j, i] = math.sin(angle)
    turned[i, j] = -turned[j, i]
    return turned


def normals(points: Points, faces: Faces) -> Points:
    """Of each point: mean direction of its faces, weighted by their areas; 0 for a point without a face."""
    a, b, c = (points[faces[:, corner]] for corner in range(3))
    across = np.cross(b - a, c - a)
    total = np.zeros_like(points)
    for corner in range(3):
        np.add.at(total, faces[:, corner], across)
    return np.asarray(total / (np.linalg.norm(total, axis=1, keepdims=True) + 1e-9))


def ball(x: float, y: float, z: float) -> Solid:
    """An ellipsoid with these half axes."""
    return _solid(trimesh.creation.uv_sphere(radius=1, count=(16, 16))).scaled((x, y, z))


def box(x: float, y: float, z: float) -> Solid:
    made = trimesh.creation.box((x, y, z))
    made.unmerge_vertices()  # its edges are sharp
    return _solid(made)


def cone(x: float, y: float, height: float) -> Solid:
    """Its centre is at half of its height; ``x`` and ``y`` are the half axes of its base."""
    upright = _solid(trimesh.creation.cone(radius=1, height=1, sections=SIDES))
    return Solid(upright.points - (0, 0, 0.5), upright.faces).scaled((x, y, height))


def cylinder(radius: float, height: float) -> Solid:
    """Upright, around the origin."""
    return _solid(trimesh.creation.cylinder(radius=radius, height=height, sections=SIDES))


def ring(radius: float, thickness: float) -> Solid:
    """A wheel that rolls along y. ``thickness``: radius of the tyre."""
    made = trimesh.creation.torus(radius, thickness, major_sections=24, minor_sections=8)
    return _solid(made).turned(1, 90)


def rod(start: ArrayLike, end: ArrayLike, radius: float) -> Solid:
    """A cylinder between two points."""
    return _solid(trimesh.creation.cylinder(radius=radius, segment=(start, end), sections=SIDES))


def hull(points: Points) -> Solid:
    """The convex hull of points."""
    return _solid(trimesh.convex.convex_hull(points))


def _solid(made: trimesh.Trimesh) -> Solid:
    return Solid(np.asarray(made.vertices, np.float64), np.asarray(made.faces, np.int64))
