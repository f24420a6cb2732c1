"""Bicycles and motorcycles, nearly always with riders. They look to -y; the seat is at x = y = 0."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from training.draw.body import Body, phenotype
from training.draw.clothes import cloth_colour, dressed, rainwear
from training.draw.poses import riding
from training.draw.shapes import Mesh, Points, ball, box, cylinder, ring, rod, rotation

BICYCLES, WITHOUT_RIDER, SCOOTERS, HELMETS, PONCHOS = 0.35, 0.04, 0.7, 0.8, 0.12  # shares
PASSENGERS = (0.35, 0.12)  # shares, of motorcycles and of bicycles
BEHIND = 0.38  # metres from the rider to the passenger


@dataclass(frozen=True)
class Paint:
    colour: Points
    dark: Points
    metal: Points


def two_wheeler(body: Body, rng: np.random.Generator) -> list[Mesh]:
    bicycle = bool(rng.random() < BICYCLES)
    paint = Paint(cloth_colour(rng), np.full(3, rng.uniform(0.03, 0.15)), np.full(3, rng.uniform(0.3, 0.8)))
    meshes, seat = _bicycle(paint, rng) if bicycle else _motorcycle(paint, rng)
    if rng.random() > WITHOUT_RIDER:
        meshes += _rider(body, rng, seat, bicycle, passenger=False)
        if rng.random() < PASSENGERS[bicycle]:
            meshes += _rider(body, rng, seat, bicycle, passenger=True)
    leaning = rotation(1, rng.uniform(-6, 6))
    return [mesh.turned(leaning) for mesh in meshes]


def _bicycle(paint: Paint, rng: np.random.Generator) -> tuple[list[Mesh], float]:
    """Return the meshes and the height of the seat."""
    u = rng.uniform
    radius, seat = u(0.27, 0.34), u(0.75, 0.92)
    front, rear = -u(0.62, 0.75), u(0.3, 0.42)
    y, z = front + 0.12, u(0.92, 1.08)  # of the handlebar
    meshes = [
        ring(radius, u(0.015, 0.025)).painted(paint.dark, (0, wheel, radius)) for wheel in (front, rear)
    ]
    for wheel in (front, rear):
        if rng.random() < 0.25:  # spokes that one cannot see through
            disc = cylinder(radius * 0.9, 0.004).turned(1, 90)
            meshes.append(disc.painted(np.full(3, 0.35), (0, wheel, radius)))
    pedals = (0, -0.1, 0.28)
    for start, end in (
        ((0, rear, radius), (0, 0, seat)),
        ((0, rear, radius), pedals),
        ((0, 0, seat), pedals),
        (pedals, (0, y, 0.75)),
        ((0, 0, seat - 0.15), (0, y, 0.8)),
        ((0, front, radius), (0, y, z)),
    ):
        meshes.append(rod(start, end, 0.02).painted(paint.colour))
    meshes.append(rod((-0.28, y, z), (0.28, y, z), 0.016).painted(paint.metal))
    meshes.append(ball(0.1, 0.14, 0.04).painted(paint.dark, (0, 0.03, seat)))
    if rng.random() < 0.4:
        meshes.append(box(0.3, 0.25, 0.2).painted(cloth_colour(rng), (0, front, z - 0.15)))
    return meshes, seat


def _motorcycle(paint: Paint, rng: np.random.Generator) -> tuple[list[Mesh], float]:
    """Return the meshes and the height of the seat."""
    u = rng.uniform
    colour, dark, metal = paint.colour, paint.dark, paint.metal
    radius, seat = u(0.24, 0.3), u(0.7, 0.8)
    front, rear = -u(0.72, 0.85), u(0.42, 0.55)
    wide = u(0.8, 1.2)
    y, z = front + 0.22, u(0.95, 1.08)  # of the lamp and the handlebar
    meshes: list[Mesh] = []
    for wheel in (front, rear):
        meshes.append(ring(radius - 0.04, 0.05).painted(dark, (0, wheel, radius)))
        meshes.append(cylinder(radius * 0.6, 0.05).turned(1, 90).painted(metal, (0, wheel, radius)))
    for x in (-0.06, 0.06):
        meshes.append(rod((x, front, radius), (x, y + 0.05, 0.75), 0.025).painted(metal))
    meshes.append(ball(0.16 * wide, 0.52, 0.16).painted(colour, (0, 0.22, seat - 0.16)))
    meshes.append(ball(0.13, 0.42, 0.06).painted(dark, (0, 0.16, seat - 0.02)))
    if rng.random() < SCOOTERS:
        shield = ball(0.2 * wide, 0.07, 0.33).turned(0, -18)
        meshes.append(shield.painted(colour, (0, front + 0.25, 0.62)))
        meshes.append(box(0.26, 0.4, 0.06).painted(dark, (0, -0.3, 0.3)))
    else:
        meshes.append(ball(0.15 * wide, 0.26, 0.14).painted(colour, (0, -0.22, seat + 0.05)))
        meshes.append(ball(0.14, 0.25, 0.16).painted(metal * 0.5, (0, -0.2, 0.38)))
    meshes.append(ball(0.09, 0.06, 0.08).painted((0.9, 0.9, 0.85), (0, y - 0.1, z - 0.1)))
    meshes.append(ball(0.12, 0.1, 0.08).painted(colour, (0, y, z - 0.06)))
    meshes.append(rod((-0.34, y + 0.06, z), (0.34, y + 0.06, z), 0.018).painted(dark))
    for x in (-0.3, 0.3):
        if rng.random() < 0.8:  # a mirror
            meshes.append(ball(0.06, 0.02, 0.04).painted(dark, (x, y, z + 0.16)))
            meshes.append(rod((x * 0.9, y, z), (x, y, z + 0.15), 0.008).painted(dark))
    return [*meshes, *_rear(seat, metal, rng)], seat


def _rear(seat: float, metal: Points, rng: np.random.Generator) -> list[Mesh]:
    """Rear light, number plate, exhaust pipe, and by chance a box."""
    u = rng.uniform
    meshes = [ball(0.1, 0.05, 0.04).painted((0.7, 0.05, 0.05), (0, 0.7, seat - 0.08))]
    meshes.append(box(0.18, 0.02, 0.13).painted(np.full(3, u(0.6, 0.95)), (0, 0.72, seat - 0.25)))
    meshes.append(cylinder(0.05, 0.5).turned(0, 80).painted(metal, (0.16, 0.4, 0.3)))
    if rng.random() < 0.2:
        load = box(u(0.3, 0.6), u(0.3, 0.5), u(0.3, 0.5))
        meshes.append(load.painted(cloth_colour(rng), (0, 0.65, seat + 0.2)))
    return meshes


def _rider(
    body: Body, rng: np.random.Generator, seat: float, bicycle: bool, *, passenger: bool
) -> list[Mesh]:
    pose = riding(rng, bicycle, passenger)
    who = phenotype(rng)
    shape = body.shape(pose, who)
    meshes = [replace(mesh, counts=True) for mesh in dressed(body, shape, who, rng)]
    if rng.random() < PONCHOS:
        meshes += rainwear(body, shape, rng)
    if not bicycle and rng.random() < HELMETS:
        head = shape.posed[body.at("head") & body.skin]
        at = (head.min(0) + head.max(0)) / 2 + (0, 0.015, 0.05)
        meshes.append(ball(0.14, 0.16, 0.14).painted(cloth_colour(rng), at))
    sits = shape.posed[body.at("pelvis")]
    behind = BEHIND if passenger else 0.0
    by = np.array([0, behind - sits[:, 1].mean(), seat - np.percentile(sits[:, 2], 10) + 0.03])
    return [mesh.moved(by) for mesh in meshes]
