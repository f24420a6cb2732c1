"""Effects of weather and animals: rain, drops on the glass, fog, insects, a spider, wind in trees and
pole."""

from __future__ import annotations

from functools import partial

import cv2
import numpy as np

from bench.motion.scenes import smooth_field
from bench.view.camera import Shot
from bench.view.clips import HEIGHT, WIDTH, Colour
from bench.view.layers import LIT, Effect, Figure, course, put, softened, veil
from bench.view.world import World

AIR: tuple[float, float, float] = (205, 205, 200)
"""Colour of fog and rain by day."""


def _raining(
    count: int, brightest: float, dense: float, drops: int, world: World, rng: np.random.Generator
) -> Effect:
    level = max(0.25, LIT[world.place.light])
    sheets = [_streaks(rng, count, brightest * level) for _ in range(8)]
    lens = [_drop(rng) for _ in range(drops)]
    places = rng.uniform(0, 1, (drops, 3))
    haze = dense * (0.6 + 0.4 * np.linspace(1, 0, HEIGHT, dtype=np.float32))[:, None].repeat(WIDTH, 1)

    def at(time_s: float, since: float) -> Shot:
        share = course(since, 5.0, 35.0, 5.0)
        picture = world.at(time_s)
        if share <= 0:
            return Shot(picture)
        if dense:
            air = [c * LIT[world.place.light] for c in AIR]
            picture = veil(softened(picture, 1.2 * share), air, np.asarray(haze * share, np.float32))
        picture = _with_streaks(picture, rng, sheets, share)
        for mask, (x, y, falls) in zip(lens, places, strict=True):
            _refract(picture, mask, x, (y + (since / 60 if falls > 0.7 else 0.0)) % 1.0, share)
        return Shot(picture)

    return at


rain = partial(_raining, 90, 60.0, 0.0, 6)
heavy_rain = partial(_raining, 320, 95.0, 0.42, 22)


def _streaks(rng: np.random.Generator, count: int, brightest: float) -> Colour:
    layer = np.zeros((HEIGHT, WIDTH), np.uint8)
    starts = rng.uniform((-20, -20), (WIDTH, HEIGHT), (count, 2))
    lengths = rng.uniform(10, 45, count)
    lights = rng.uniform(0.2, 1.0, count) * brightest
    for (x, y), length, light in zip(starts, lengths, lights, strict=True):
        end = (int(x + 0.15 * length), int(y + length))
        cv2.line(layer, (int(x), int(y)), end, float(light), 1, cv2.LINE_AA)
    return np.asarray(cv2.merge([layer] * 3), np.uint8)


def _with_streaks(picture: Colour, rng: np.random.Generator, sheets: list[Colour], share: float) -> Colour:
    """One of the sheets, shifted: no two frames have the same drops."""
    sheet = np.roll(sheets[int(rng.integers(len(sheets)))], rng.integers(0, 300, 2), axis=(0, 1))
    return np.asarray(cv2.addWeighted(picture, 1.0, sheet, share, 0), np.uint8)


def _drop(rng: np.random.Generator) -> Figure:
    radius = int(rng.uniform(10, 38))
    yy, xx = np.mgrid[-radius:radius, -radius:radius].astype(np.float32)
    alpha = np.clip((1 - np.sqrt(xx**2 + (0.8 * yy) ** 2) / radius) * 3, 0, 1).astype(np.float32)
    return Figure(np.zeros((1, 1, 3), np.uint8), alpha)


def _refract(picture: Colour, drop: Figure, x: float, y: float, share: float) -> None:
    """A drop on the glass shows the whole view upside down and out of focus."""
    side = drop.alpha.shape[0]
    small = cv2.flip(cv2.resize(picture, (side, side), interpolation=cv2.INTER_AREA), -1)
    soft = np.asarray(cv2.GaussianBlur(small, (0, 0), 2.0), np.uint8)
    alpha = np.asarray(drop.alpha * 0.9 * share, np.float32)
    put(picture, Figure(soft, alpha), x * WIDTH - side / 2, y * HEIGHT - side / 2)


def fog(world: World, rng: np.random.Generator) -> Effect:
    """Fog comes within 30 s, densest at a distance (above), stays for 20 s and clears."""
    densest = float(rng.uniform(0.55, 0.85))
    depth = np.linspace(1.0, 0.55, HEIGHT, dtype=np.float32)[:, None].repeat(WIDTH, 1)
    banks = 1 + 0.06 * smooth_field(rng, 120)
    air = [c * LIT[world.place.light] for c in AIR]

    def at(time_s: float, since: float) -> Shot:
        share = course(since, 30.0, 20.0, 10.0)
        alpha = np.clip(densest * share * depth * banks, 0, 0.95).astype(np.float32)
        return Shot(veil(softened(world.at(time_s), 1.5 * share), air, alpha))

    return at


def insects(world: World, rng: np.random.Generator) -> Effect:
    """Moths in front of the infrared lamp: bright, large, out of focus, visible for a frame or two."""
    bodies = [_moth(rng) for _ in range(5)]

    def at(time_s: float, since: float) -> Shot:
        picture = world.at(time_s)
        for body in bodies if 0 <= since < 40 else ():
            if rng.random() < 0.55:
                put(picture, body, float(rng.uniform(-60, WIDTH - 60)), float(rng.uniform(-60, HEIGHT - 40)))
        return Shot(picture)

    return at


def _moth(rng: np.random.Generator) -> Figure:
    w, h = int(rng.uniform(60, 260)), int(rng.uniform(40, 150))
    alpha = np.zeros((h, w), np.float32)
    cv2.ellipse(alpha, (w // 2, h // 2), (w // 4, h // 6), float(rng.uniform(-12, 12)), 0, 360, 1.0, -1)
    soft = cv2.GaussianBlur(alpha, (0, 0), h / 11) * rng.uniform(0.5, 0.95)
    return Figure(np.full((h, w, 3), 225, np.uint8), np.asarray(soft, np.float32))


def spider(world: World, rng: np.random.Generator) -> Effect:
    """A spider sits in front of the glass for 40 s and walks about; threads of its web glow and swing."""
    body = _spider_body()
    centre = rng.uniform((150, 100), (490, 260))

    def at(time_s: float, since: float) -> Shot:
        picture = world.at(time_s)
        if not 0 <= since < 40:
            return Shot(picture)
        swing = 6 * np.sin(1.3 * since)
        web = np.zeros((HEIGHT, WIDTH), np.uint8)
        for k in range(9):
            end = (int(320 + 500 * np.cos(0.7 * k)), int(180 + 500 * np.sin(0.7 * k)))
            cv2.line(web, (int(centre[0] + swing), int(centre[1])), end, 70, 2, cv2.LINE_AA)
        picture = np.asarray(cv2.add(picture, cv2.merge([cv2.GaussianBlur(web, (0, 0), 2.0)] * 3)), np.uint8)
        walk = centre + 60 * np.array([np.sin(since / 5), np.cos(since / 7)])
        put(picture, body, float(walk[0]) - 110, float(walk[1]) - 80)
        return Shot(picture)

    return at


def _spider_body() -> Figure:
    alpha = np.zeros((160, 220), np.float32)
    cv2.ellipse(alpha, (110, 85), (42, 32), 0, 0, 360, 1.0, -1)
    for k in range(8):
        angle = 0.35 + 0.78 * k
        tip = (int(110 + 95 * np.cos(angle)), int(85 + 65 * np.sin(angle)))
        cv2.line(alpha, (110, 85), tip, 1.0, 7)
    soft = cv2.GaussianBlur(alpha, (0, 0), 4.0)
    return Figure(np.full((160, 220, 3), 205, np.uint8), np.asarray(soft, np.float32))


def trees(world: World, rng: np.random.Generator) -> Effect:
    """Branches over a third of the view sway by up to 7 pixels."""
    leafy = np.clip(smooth_field(rng, 110) - 0.3, 0, 1).astype(np.float32)
    phases = smooth_field(rng, 40)
    yy, xx = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)

    def at(time_s: float, since: float) -> Shot:
        gust = course(since, 2.0, 35.0, 3.0) * (0.6 + 0.4 * np.sin(since / 3))
        dx = 7 * gust * leafy * np.sin(2 * np.pi * 0.7 * since + 2 * phases)
        dy = 3 * gust * leafy * np.sin(2 * np.pi * 0.45 * since + phases)
        moved = cv2.remap(
            world.at(time_s),
            xx + dx.astype(np.float32),
            yy + dy.astype(np.float32),
            cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REFLECT,
        )
        return Shot(np.asarray(moved, np.uint8))

    return at


def _shaken(share: float, world: World, rng: np.random.Generator) -> Effect:
    fast, slow = rng.uniform(0.9, 1.9, 2)

    def at(time_s: float, since: float) -> Shot:
        swing = share * WIDTH * course(since, 2.0, 35.0, 3.0)
        dx = swing * np.sin(2 * np.pi * fast * since)
        dy = 0.5 * swing * np.sin(2 * np.pi * slow * since)
        return Shot(world.at(time_s, float(round(dx)), float(round(dy))))

    return at


shaking_pole = partial(_shaken, 0.006)
vibration = partial(_shaken, 0.02)
