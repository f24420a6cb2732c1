"""Effects of tampering. Each effect ends by itself after ``STAY_S``, and the view is as before."""

from __future__ import annotations

from functools import partial

import cv2
import numpy as np

from bench.motion.scenes import smooth_field
from bench.view.camera import Shot
from bench.view.clips import HEIGHT, WIDTH, Colour
from bench.view.layers import LIT, Effect, blend, cloth, course, curtain, is_mono, softened
from bench.view.world import World

STAY_S = 25.0
"""Duration of the tampered view; the targets allow 15 s for the detection."""
_PAINTS = ((20, 20, 20), (150, 155, 155), (40, 40, 190), (225, 230, 230), (150, 60, 20))
_CLOTHS = ((215, 220, 225), (190, 150, 120), (170, 160, 230), (120, 200, 210))


def hand(world: World, rng: np.random.Generator) -> Effect:
    """A hand lies over the lens, dark against the sky, bright in infrared light, and trembles."""
    level = LIT[world.place.light] * (0.75 if is_mono(world) else 0.32)
    skin = cloth(rng, (120, 150, 205), 0.15, level, is_mono(world))
    degrees, rise = float(rng.uniform(0, 360)), float(rng.uniform(0.4, 1.0))
    reach = float(rng.uniform(0.93, 1.0))

    def at(time_s: float, since: float) -> Shot:
        share = course(since, rise, STAY_S, rise)
        jitter = rng.normal(0, 1.5, 2)
        shift = np.array([[1, 0, jitter[0]], [0, 1, jitter[1]]], np.float32)
        trembling = cv2.warpAffine(skin, shift, (WIDTH, HEIGHT), borderMode=cv2.BORDER_REFLECT)
        return Shot(blend(world.at(time_s), np.asarray(trembling, np.uint8), curtain(share * reach, degrees)))

    return at


def bag(world: World, rng: np.random.Generator) -> Effect:
    """A dark bag is pulled over the camera; a little light comes through."""
    return _pulled_over(world, rng, (32, 30, 28), leak=float(rng.uniform(0.0, 0.06)), level=1.0)


def bright_cloth(world: World, rng: np.random.Generator) -> Effect:
    """A light cloth: in daylight as bright as the view was."""
    colour = _CLOTHS[int(rng.integers(len(_CLOTHS)))]
    return _pulled_over(
        world, rng, colour, leak=float(rng.uniform(0.0, 0.08)), level=float(rng.uniform(0.6, 0.9))
    )


def _pulled_over(
    world: World, rng: np.random.Generator, bgr: tuple[int, int, int], leak: float, level: float
) -> Effect:
    layer = cloth(rng, bgr, 0.14, LIT[world.place.light] * level, is_mono(world))
    degrees, rise = float(rng.uniform(60, 120)), float(rng.uniform(0.6, 1.6))

    def at(time_s: float, since: float) -> Shot:
        view = world.at(time_s)
        flap = 1 + 0.03 * np.sin(1.7 * since)
        through = cv2.addWeighted(layer, flap, softened(view, 14), leak, 0)
        alpha = curtain(course(since, rise, STAY_S, rise), degrees)
        return Shot(blend(view, np.asarray(through, np.uint8), alpha))

    return at


def _sprayed(coverage: float, world: World, rng: np.random.Generator) -> Effect:
    """Blotches of paint grow together within 1 to 3 s."""
    paint = _PAINTS[int(rng.integers(len(_PAINTS)))]
    layer = cloth(rng, paint, 0.06, LIT[world.place.light] * 0.8, is_mono(world))
    field = smooth_field(rng, 60) + 0.4 * smooth_field(rng, 20)
    levels = np.quantile(field, np.linspace(0, 1, 101))
    rise = float(rng.uniform(1.0, 3.0))

    def at(time_s: float, since: float) -> Shot:
        share = coverage * course(since, rise, STAY_S, 1.0)
        if share <= 0:
            return Shot(world.at(time_s))
        below = np.interp(100 * (1 - share), np.arange(101), levels) - (0.6 if share >= 0.995 else 0.0)
        alpha = np.clip((field - below) / 0.25 + 0.5, 0, 1).astype(np.float32)
        return Shot(blend(world.at(time_s), layer, alpha))

    return at


spray_full = partial(_sprayed, 1.0)
spray_most = partial(_sprayed, 0.8)


def defocus(world: World, rng: np.random.Generator) -> Effect:
    """The focus ring is turned within 1 to 6 s."""
    worst, rise = float(rng.uniform(4.0, 8.0)), float(rng.uniform(1.0, 6.0))

    def at(time_s: float, since: float) -> Shot:
        return Shot(softened(world.at(time_s), worst * course(since, rise, STAY_S, 2.0)))

    return at


def _turned(share_x: float, share_y: float, roll: float, world: World, rng: np.random.Generator) -> Effect:
    """The camera is turned and stays so; it blurs while it moves."""
    rise = float(rng.uniform(0.4, 1.6))
    dx, dy = world.turn_room(share_x)[0], world.turn_room(share_y)[1]
    angle = roll * float(rng.choice((-1.0, 1.0)))

    def seen(time_s: float, since: float) -> Colour:
        share = course(since, rise, STAY_S, rise)
        return world.at(time_s, round(dx * share), round(dy * share), angle * share)

    def at(time_s: float, since: float) -> Shot:
        moving = 0 < since < rise or rise + STAY_S < since < 2 * rise + STAY_S
        if not moving:
            return Shot(seen(time_s, since))
        parts = [seen(time_s, since - back) for back in (0.0, 0.02, 0.04)]
        return Shot(np.asarray(np.mean(parts, axis=0), np.uint8))

    return at


turn_10 = partial(_turned, 0.10, 0.0, 0.0)
turn_30 = partial(_turned, 0.30, 0.0, 0.0)
tilt_20 = partial(_turned, 0.0, 0.20, 0.0)
roll_8 = partial(_turned, 0.02, 0.02, 8.0)


def black(world: World, rng: np.random.Generator) -> Effect:
    """The picture is black without any noise: the sensor is defective or covered."""
    nothing = np.zeros((HEIGHT, WIDTH, 3), np.uint8)

    def at(time_s: float, since: float) -> Shot:
        return Shot(nothing, exact=True) if since < STAY_S else Shot(world.at(time_s))

    return at


def frozen(world: World, rng: np.random.Generator) -> Effect:
    """The last picture repeats; clock and encoder continue, if the place has them."""

    def at(time_s: float, since: float) -> Shot:
        return Shot(world.at(time_s), frozen=since < STAY_S)

    return at


def covered_from_the_start(world: World, rng: np.random.Generator) -> Effect:
    """As ``bright_cloth`` or ``bag``, but present from the first frame on."""
    inner = (bag if rng.random() < 0.5 else bright_cloth)(world, rng)
    return lambda time_s, since: inner(time_s, since + 2.0)
