"""Ordinary scenes that fill the view: a bus, a crowd, ponchos, head lights, a flood with debris."""

from __future__ import annotations

import cv2
import numpy as np

from bench.motion.scenes import smooth_field
from bench.view.camera import Shot
from bench.view.clips import HEIGHT, WIDTH, Colour
from bench.view.layers import LIT, Effect, Figure, blend, course, is_mono, person, put, shade
from bench.view.world import Light, Plane, World


def bus(world: World, rng: np.random.Generator) -> Effect:
    """A bus drives in front of the camera, stands there for 40 s and drives on; it hides three quarters of
    the view."""
    level = {Light.LAMPS: 0.35, Light.DARK: 0.1}.get(world.place.light, 0.9)
    figure = _bus(rng, level, is_mono(world))
    top = int(rng.uniform(30, 80))

    def at(time_s: float, since: float) -> Shot:
        picture = world.at(time_s)
        left = 30 - (1 - course(since, 2.5, 40.0, 1e6)) * 700 + max(0.0, since - 42.5) / 2.5 * 700
        if 0 <= since < 46:
            put(picture, figure, left, top)
        return Shot(picture)

    return at


def _bus(rng: np.random.Generator, level: float, mono: bool) -> Figure:
    width, height = 590, 300
    picture = np.empty((height, width, 3), np.float32)
    picture[:] = rng.uniform(60, 220, 3)
    picture[height * 5 // 9 : height * 11 // 18] = rng.uniform(40, 230, 3)
    for x in range(18, width - 80, 92):
        picture[36:140, x : x + 78] = rng.uniform(25, 60)
        head = int(rng.integers(8, 50))
        cv2.ellipse(picture, (x + head + 10, 120), (13, 20), 0, 0, 360, (70, 90, 120), -1)
        picture[36:42, x : x + 78] = 190
    for x in (90, 450):
        cv2.circle(picture, (x, height - 14), 40, (18, 18, 18), -1)
        cv2.circle(picture, (x, height - 14), 18, (120, 120, 120), -1)
    cv2.putText(picture, "THAI BINH 02", (170, 235), cv2.FONT_HERSHEY_SIMPLEX, 1.3, (240, 240, 240), 3)
    picture *= (level * (1 + 0.05 * smooth_field(rng, 4, width, height)))[..., None]
    if mono:
        picture[:] = picture.mean(axis=2, keepdims=True)
    alpha = np.ones((height, width), np.float32)
    return Figure(np.asarray(np.clip(picture, 0, 255), np.uint8), alpha)


def crowd(world: World, rng: np.random.Generator) -> Effect:
    """Eighty people come within 8 s, and stand and walk all over the view for 35 s."""
    return _people(world, rng, 80, (90, 190), plain=False)


def ponchos(world: World, rng: np.random.Generator) -> Effect:
    """Riders in wide bright coats, one colour each, close by and many at a time."""
    return _people(world, rng, 22, (170, 300), plain=True)


def _people(
    world: World, rng: np.random.Generator, count: int, heights: tuple[int, int], plain: bool
) -> Effect:
    level = LIT[world.place.light]
    tall = sorted(int(h) for h in rng.uniform(*heights, count))
    figures = [person(rng, h, level, is_mono(world), plain) for h in tall]
    x0, pace = rng.uniform(-60, WIDTH, count), rng.normal(0, 60 if plain else 14, count)
    feet = np.interp(tall, heights, (130, HEIGHT + 80)) + rng.normal(0, 12, count)
    phase, comes = rng.uniform(0, 6, count), rng.uniform(0, 8, count)

    def at(time_s: float, since: float) -> Shot:
        picture = world.at(time_s)
        for k, figure in enumerate(figures):
            if comes[k] <= since < 35 + comes[k]:
                x = (x0[k] + pace[k] * since + 200) % (WIDTH + 260) - 200
                put(picture, figure, x, feet[k] - figure.alpha.shape[0] + 3 * np.sin(2 * since + phase[k]))
        return Shot(picture)

    return at


def head_light(radius: int) -> Figure:
    """A lamp's glow that burns the picture out in its middle."""
    yy, xx = np.mgrid[-radius:radius, -radius:radius].astype(np.float32)
    glow = np.clip(1.5 * np.exp(-4 * (xx**2 + yy**2) / radius**2) - 0.03, 0, 1)
    white = np.full((2 * radius, 2 * radius, 3), (235, 250, 255), np.uint8)
    return Figure(white, np.asarray(glow, np.float32))


def headlight_glare(world: World, rng: np.random.Generator) -> Effect:
    """Head lights and their long reflections on wet asphalt come, stop in the view and go."""
    lamps = [head_light(int(r)) for r in rng.uniform(45, 100, 6)]
    lanes, begins = rng.uniform(0, WIDTH, 6), np.sort(rng.uniform(0, 30, 6))
    streak = _streak()

    def at(time_s: float, since: float) -> Shot:
        picture = shade(world.at(time_s), 1.1)
        for lamp, x, begin in zip(lamps, lanes, begins, strict=True):
            nearer = course(since - begin, 4.0, 5.0, 2.0)
            if nearer > 0:
                radius = lamp.alpha.shape[0] // 2
                y = 60 + 150 * nearer
                size = 0.35 + 0.65 * nearer
                glow = Figure(lamp.picture, np.asarray(lamp.alpha * size, np.float32))
                put(picture, glow, x - radius, y - radius)
                put(picture, Figure(streak.picture, np.asarray(streak.alpha * size, np.float32)), x - 35, y)
        return Shot(picture)

    return at


def _streak() -> Figure:
    yy, xx = np.mgrid[0:220, -35:35].astype(np.float32)
    broken = 0.75 + 0.25 * np.sin(yy / 5.0)
    glow = np.exp(-((xx / 16) ** 2)) * np.exp(-yy / 110) * broken
    return Figure(np.full((220, 70, 3), (225, 245, 255), np.uint8), np.asarray(glow, np.float32))


def flood(world: World, rng: np.random.Generator) -> Effect:
    """Within 40 s water rises over the lower half, mirrors the upper half and keeps moving; it stays."""
    return _water(world, rng, debris=0)


def debris(world: World, rng: np.random.Generator) -> Effect:
    """The flood, with leaves, crates and bags that drift on it."""
    return _water(world, rng, debris=14)


def _water(world: World, rng: np.random.Generator, debris: int) -> Effect:
    yy, xx = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)
    phase = smooth_field(rng, 40)
    things = [_thing(rng, LIT[world.place.light], is_mono(world)) for _ in range(debris)]
    xs, ys, pace = rng.uniform(0, WIDTH, debris), rng.uniform(0.55, 0.95, debris), rng.uniform(8, 40, debris)
    mud = np.array((45, 62, 75), np.float32) * LIT[world.place.light]

    def at(time_s: float, since: float) -> Shot:
        picture = world.at(time_s)
        share = course(since, 40.0, 1e6, 1.0)
        shore = HEIGHT * (1 - 0.55 * share)
        if share > 0:
            wet = np.clip((yy - shore - 6 * phase) / 6, 0, 1).astype(np.float32)
            picture = blend(picture, _mirror(picture, xx, yy, shore, phase, since, mud), wet)
            for thing, x, y, v in zip(things, xs, ys, pace, strict=True):
                if y * HEIGHT > shore + 20:
                    put(
                        picture,
                        thing,
                        (x + v * since) % (WIDTH + 100) - 80,
                        y * HEIGHT + 2 * np.sin(since + x),
                    )
        return Shot(picture)

    return at


def _mirror(
    picture: Colour, xx: Plane, yy: Plane, shore: float, phase: Plane, since: float, mud: Plane
) -> Colour:
    ripple = 2.5 * np.sin(0.35 * yy + 3.1 * since + 2 * phase)
    image = cv2.remap(
        picture,
        xx + ripple.astype(np.float32),
        np.clip(2 * shore - yy + 1.5 * ripple, 0, HEIGHT - 1).astype(np.float32),
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REFLECT,
    )
    return np.asarray(cv2.convertScaleAbs(image, alpha=0.6), np.uint8) + np.asarray(mud, np.uint8)


def _thing(rng: np.random.Generator, level: float, mono: bool) -> Figure:
    w, h = int(rng.integers(20, 90)), int(rng.integers(10, 40))
    alpha = np.zeros((h, w), np.float32)
    cv2.ellipse(alpha, (w // 2, h // 2), (w // 2 - 2, h // 2 - 2), 0, 0, 360, 1.0, -1)
    picture = rng.uniform(20, 220, 3) * level * (1 + 0.15 * smooth_field(rng, 3, w, h)[..., None])
    if mono:
        picture = np.repeat(picture.mean(axis=2, keepdims=True), 3, axis=2)
    soft = np.asarray(cv2.GaussianBlur(alpha, (0, 0), 0.8), np.float32)
    return Figure(np.asarray(np.clip(picture, 0, 255), np.uint8), soft)
