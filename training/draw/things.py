"""What stands in a street and may be taken for a person: posts, signals, signs, bins, trees, goods."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from training.draw.clothes import cloth_colour
from training.draw.shapes import Mesh, Points, Solid, ball, box, cone, cylinder

LAMPS = ((0.1, 0.8, 0.2), (0.9, 0.7, 0.1), (0.9, 0.1, 0.1))  # green, yellow, red, from below
UNLIT = (0.1, 0.1, 0.1)
BARK, LEAVES = np.array([0.3, 0.22, 0.15]), np.array([0.15, 0.3, 0.1])


def thing(rng: np.random.Generator) -> list[Mesh]:
    kinds: tuple[Callable[[np.random.Generator], list[Mesh]], ...] = (
        *(_signal, _sign, _bollard, _tree, _bin, _goods, _post, _parasol),
    )
    return kinds[int(rng.integers(0, len(kinds)))](rng)


def _part(solid: Solid, at: ArrayLike, colour: ArrayLike, rng: np.random.Generator) -> Mesh:
    """A solid whose brightness varies a little over its surface."""
    plain = solid.painted(colour, at)
    waves = 1 + 0.2 * np.sin(solid.points @ rng.normal(0, 15, (3, 1)))
    return Mesh(plain.points, plain.faces, plain.colours * waves)


def _grey(rng: np.random.Generator) -> Points:
    return np.full(3, rng.uniform(0.1, 0.7))


def _signal(rng: np.random.Generator) -> list[Mesh]:
    u = rng.uniform
    height = u(0.6, 2.0)
    post = cylinder(u(0.04, 0.1), height)
    meshes = [_part(post, (0, 0, height / 2), _grey(rng), rng)]
    wide = u(0.25, 0.4)
    case = box(wide, wide * 0.8, wide * 2.6)
    meshes.append(_part(case, (0, 0, height + wide * 1.3), np.full(3, u(0.03, 0.3)), rng))
    for number, lit in enumerate(LAMPS):
        at = (0, -wide * 0.3, height + wide * (0.45 + 0.85 * number))
        lamp = ball(wide * 0.35, wide * 0.35, wide * 0.35)
        meshes.append(_part(lamp, at, lit if rng.random() < 0.6 else UNLIT, rng))
    return meshes


def _sign(rng: np.random.Generator) -> list[Mesh]:
    u = rng.uniform
    height = u(1.0, 2.0)
    meshes = [_part(cylinder(u(0.02, 0.06), height), (0, 0, height / 2), _grey(rng), rng)]
    if rng.random() < 0.5:
        radius = u(0.2, 0.35)
        plate = ball(radius, radius, radius)
    else:
        plate = box(u(0.3, 0.7), 0.05, u(0.3, 0.7))
    flat = plate.scaled((1, 0.15, 1)) if rng.random() < 0.5 else plate
    meshes.append(_part(flat, (0, 0, height), cloth_colour(rng), rng))
    if rng.random() < 0.3:
        second = box(u(0.2, 0.5), 0.05, u(0.2, 0.4))
        meshes.append(_part(second, (0, 0, height - u(0.4, 0.7)), cloth_colour(rng), rng))
    return meshes


def _bollard(rng: np.random.Generator) -> list[Mesh]:
    """A bollard, a hydrant or a traffic cone."""
    u = rng.uniform
    height, radius, colour = u(0.5, 1.1), u(0.06, 0.2), cloth_colour(rng)
    middle = (0, 0, height / 2)
    if rng.random() < 0.4:
        meshes = [_part(cone(radius * 1.5, radius * 1.5, height), middle, colour, rng)]
    else:
        meshes = [_part(cylinder(radius, height), middle, colour, rng)]
        if rng.random() < 0.6:
            top = radius * u(0.9, 1.4)
            meshes.append(_part(ball(top, top, top), (0, 0, height), cloth_colour(rng), rng))
    if rng.random() < 0.5:
        band = cylinder(radius * 1.04, height * 0.15)
        meshes.append(_part(band, (0, 0, height * u(0.4, 0.8)), cloth_colour(rng), rng))
    return meshes


def _tree(rng: np.random.Generator) -> list[Mesh]:
    u = rng.uniform
    height = u(1.2, 2.5)
    trunk = cylinder(u(0.08, 0.22), height)
    meshes = [_part(trunk, (0, 0, height / 2), BARK * u(0.5, 1.5), rng)]
    for _ in range(rng.integers(0, 9)):
        radius, flat = u(0.15, 0.45), u(0.6, 1)
        at = (u(-0.4, 0.4), u(-0.4, 0.4), height + u(-0.3, 0.3))
        meshes.append(_part(ball(radius, radius, radius * flat), at, LEAVES * u(0.5, 1.6), rng))
    return meshes


def _bin(rng: np.random.Generator) -> list[Mesh]:
    u = rng.uniform
    wide, height = u(0.3, 0.8), u(0.5, 1.5)
    meshes = [_part(box(wide, u(0.3, 0.7), height), (0, 0, height / 2), cloth_colour(rng), rng)]
    if rng.random() < 0.6:
        meshes.append(_part(box(wide * 1.08, 0.5, 0.08), (0, 0, height), cloth_colour(rng), rng))
    return meshes


def _goods(rng: np.random.Generator) -> list[Mesh]:
    """Boxes and sacks on top of each other."""
    u = rng.uniform
    meshes: list[Mesh] = []
    top = 0.0
    for _ in range(rng.integers(1, 5)):
        wide, height = u(0.25, 0.6), u(0.15, 0.6)
        boxes = rng.random() < 0.6
        solid = box(wide, u(0.2, 0.5), height) if boxes else ball(wide / 2, wide / 2, height / 2)
        at = (u(-0.08, 0.08), 0, top + height / 2)
        meshes.append(_part(solid, at, cloth_colour(rng), rng))
        top += height * 0.9
    return meshes


def _post(rng: np.random.Generator) -> list[Mesh]:
    u = rng.uniform
    height = u(1.5, 3.0)
    post = cylinder(u(0.04, 0.15), height)
    colour = cloth_colour(rng) if rng.random() < 0.5 else _grey(rng)
    meshes = [_part(post, (0, 0, height / 2), colour, rng)]
    for _ in range(rng.integers(0, 4)):
        band = cylinder(u(0.1, 0.25), u(0.05, 0.4))
        meshes.append(_part(band, (0, 0, u(0.3, height)), cloth_colour(rng), rng))
    return meshes


def _parasol(rng: np.random.Generator) -> list[Mesh]:
    """A closed parasol, or a sheet over goods."""
    u = rng.uniform
    height = u(1.2, 2.2)
    cloth = cone(u(0.12, 0.35), u(0.12, 0.35), height * u(0.5, 0.9))
    meshes = [_part(cloth, (0, 0, height * 0.6), cloth_colour(rng), rng)]
    meshes.append(_part(cylinder(0.03, height), (0, 0, height / 2), _grey(rng), rng))
    return meshes
