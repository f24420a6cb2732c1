"""Building blocks of the effects: time courses, masks, cloth, small figures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from bench.motion.scenes import smooth_field
from bench.view.camera import Shot
from bench.view.clips import HEIGHT, WIDTH, Colour
from bench.view.world import Light, Plane, World

Effect = Callable[[float, float], Shot]
"""Makes the shot at a time of the world, so many seconds after the event began."""
Maker = Callable[[World, np.random.Generator], Effect]

LIT: dict[Light, float] = {Light.DAY: 1.0, Light.LAMPS: 0.22, Light.INFRARED: 0.9, Light.DARK: 0.07}
"""Brightness of a white object right in front of the lens."""


def course(since: float, rise_s: float, stay_s: float, fall_s: float) -> float:
    """0 to 1 within ``rise_s``, 1 for ``stay_s``, back to 0 within ``fall_s``."""
    return float(np.interp(since, [0.0, rise_s, rise_s + stay_s, rise_s + stay_s + fall_s], [0, 1, 1, 0]))


def blend(below: Colour, above: Colour, alpha: Plane) -> Colour:
    """``above`` where ``alpha`` is 1."""
    return np.asarray(cv2.blendLinear(below, above, 1.0 - alpha, alpha), np.uint8)


def curtain(share: float, degrees: float, softness: float = 0.12) -> Plane:
    """The area covered by a sheet that is pulled over the picture from the side at ``degrees``; with soft
    edges, as near objects have."""
    yy, xx = np.mgrid[0:90, 0:160].astype(np.float32)
    angle = np.radians(degrees)
    along = (xx / 160 - 0.5) * np.cos(angle) + (yy / 90 - 0.5) * np.sin(angle)
    reach = 0.5 * (abs(np.cos(angle)) + abs(np.sin(angle))) + softness
    edge = -reach + share * 2 * reach
    alpha = np.clip((edge - along) / softness + 0.5, 0, 1).astype(np.float32)
    return np.asarray(cv2.resize(alpha, (WIDTH, HEIGHT), interpolation=cv2.INTER_LINEAR), np.float32)


def cloth(rng: np.random.Generator, bgr: Sequence[float], folds: float, level: float, mono: bool) -> Colour:
    """A near cloth out of focus in one colour, with folds of ``folds`` (share of its brightness)."""
    relief = 0.8 * smooth_field(rng, 140) + 0.2 * smooth_field(rng, 60)
    shade = cv2.GaussianBlur(1 + folds * relief, (0, 0), 10) * level
    if mono:
        bgr = [float(np.mean(bgr))] * 3
    layer = cv2.merge([shade * c for c in bgr])
    return np.asarray(np.clip(layer, 0, 255), np.uint8)


def is_mono(world: World) -> bool:
    return world.place.light is Light.INFRARED


def softened(picture: Colour, sigma: float) -> Colour:
    """Gaussian blur; large ones at half or quarter size, where they cost little."""
    if sigma < 0.3:
        return picture
    shrink = 1 if sigma < 3 else 2 if sigma < 8 else 4
    small = (
        picture
        if shrink == 1
        else cv2.resize(picture, (WIDTH // shrink, HEIGHT // shrink), interpolation=cv2.INTER_AREA)
    )
    soft = cv2.GaussianBlur(small, (0, 0), sigma / shrink)
    return np.asarray(soft if shrink == 1 else cv2.resize(soft, (WIDTH, HEIGHT)), np.uint8)


def shade(picture: Colour, factor: float) -> Colour:
    return np.asarray(cv2.convertScaleAbs(picture, alpha=factor), np.uint8)


def veil(picture: Colour, bgr: Sequence[float], alpha: Plane) -> Colour:
    """Lay a colour over the picture, with the density ``alpha``."""
    plain = np.empty_like(picture)
    plain[:] = bgr
    return blend(picture, plain, alpha)


@dataclass(frozen=True, slots=True)
class Figure:
    """A small picture with soft edges, to be put anywhere."""

    picture: Colour
    alpha: Plane


def put(onto: Colour, figure: Figure, x: float, y: float) -> None:
    """Paint ``figure`` with its top left at ``x``, ``y``, in place; what is outside is cut off."""
    h, w = figure.alpha.shape
    x0, y0 = int(x), int(y)
    left, top = max(0, x0), max(0, y0)
    right, bottom = min(WIDTH, x0 + w), min(HEIGHT, y0 + h)
    if right - left < 2 or bottom - top < 2:
        return
    part = (slice(top - y0, bottom - y0), slice(left - x0, right - x0))
    alpha = np.ascontiguousarray(figure.alpha[part])
    below = np.ascontiguousarray(onto[top:bottom, left:right])
    above = np.ascontiguousarray(figure.picture[part])
    onto[top:bottom, left:right] = blend(below, above, alpha)


def person(rng: np.random.Generator, height: int, level: float, mono: bool, plain: bool = False) -> Figure:
    """Head, trunk and legs in random clothes; ``plain``: under one wide coat of one colour."""
    width = max(8, round(height * (0.55 if plain else 0.38)))
    picture = np.empty((height, width, 3), np.float32)
    alpha = np.zeros((height, width), np.float32)
    coat, trousers = rng.uniform(20, 235, 3), rng.uniform(15, 120, 3)
    picture[:] = coat
    if not plain:
        picture[round(height * 0.55) :] = trousers
    picture[: round(height * 0.17)] = coat if plain else rng.choice(([40, 35, 30], [90, 120, 170]))
    middle = width // 2
    cv2.ellipse(
        alpha, (middle, round(height * 0.1)), (max(2, height // 14), max(2, height // 11)), 0, 0, 360, 1.0, -1
    )
    trunk = (middle, round(height * (0.58 if plain else 0.38)))
    cv2.ellipse(alpha, trunk, (width // 2 - 1, round(height * (0.42 if plain else 0.23))), 0, 0, 360, 1.0, -1)
    if not plain:
        cv2.rectangle(alpha, (width // 4, round(height * 0.5)), (width * 3 // 4, height - 1), 1.0, -1)
    grain = smooth_field(rng, max(2, height // 12), width, height)[..., None]
    picture = picture * level * (1 + (0.06 if plain else 0.18) * grain)
    if mono:
        picture[:] = picture.mean(axis=2, keepdims=True)
    soft = cv2.GaussianBlur(alpha, (0, 0), max(0.6, height / 120))
    return Figure(np.asarray(np.clip(picture, 0, 255), np.uint8), np.asarray(soft, np.float32))
