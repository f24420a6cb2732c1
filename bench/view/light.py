"""Light that changes: lamps, infrared filter, dusk, clouds, lightning, power cuts, the sun."""

from __future__ import annotations

import cv2
import numpy as np

from bench.motion.scenes import smooth_field
from bench.view.camera import Shot
from bench.view.clips import HEIGHT, WIDTH
from bench.view.layers import Effect, course, put, shade, veil
from bench.view.traffic import head_light
from bench.view.world import World, dimmed


def still_life(world: World, rng: np.random.Generator) -> Effect:
    """No event: only what happens at the place anyway."""
    return lambda time_s, since: Shot(world.at(time_s))


def empty_scene(world: World, rng: np.random.Generator) -> Effect:
    """Nothing moves: only the sensor's noise after encoding shows that the picture is live."""
    return lambda time_s, since: Shot(world.at(time_s - since))


def lights_off_and_on(world: World, rng: np.random.Generator) -> Effect:
    """Half or most of the light goes off at once and comes back 20 s later."""
    low = float(rng.uniform(0.3, 0.6))

    def at(time_s: float, since: float) -> Shot:
        picture = world.at(time_s)
        return Shot(
            shade(picture, low) if 0 <= since < 20 else picture, noise=1.3 if 0 <= since < 20 else 1.0
        )

    return at


def lights_on_and_off(world: World, rng: np.random.Generator) -> Effect:
    """A flood light over part of the view, for 20 s."""
    xx = np.linspace(0, WIDTH, WIDTH, dtype=np.float32)[None, :]
    centre = float(rng.uniform(0, WIDTH))
    pool = np.repeat(0.6 + 2.2 * np.exp(-(((xx - centre) / 260) ** 2)), HEIGHT, axis=0).astype(np.float32)

    def at(time_s: float, since: float) -> Shot:
        picture = world.at(time_s)
        return Shot(dimmed(picture, pool) if 0 <= since < 20 else picture)

    return at


def infrared_switch(world: World, rng: np.random.Generator) -> Effect:
    """Colour to mono for 30 s and back: two dark frames each time, then the exposure settles."""

    def at(time_s: float, since: float) -> Shot:
        if since < 30:
            settle = 0.15 if since < 0.4 else 1.0 + 0.35 * float(np.exp(-(since - 0.4) / 0.4))
            picture = world.by_infrared(world.day(time_s), settle)
            return Shot(picture, noise=1.6, mono=True)
        return Shot(shade(world.at(time_s), 0.2)) if since < 30.4 else Shot(world.at(time_s))

    return at


def _evening(world: World, time_s: float, share: float) -> Shot:
    """From day (0) to night (1): darker, bluer, at the end under lamps, with more noise."""
    picture = world.day(time_s)
    daylight = float(np.interp(share, [0, 0.5, 0.8, 1.0], [1.0, 0.5, 0.12, 0.02]))
    tint = np.array([1 + 0.25 * share, 1.0, 1 - 0.25 * share]) * daylight
    lit = np.asarray(cv2.transform(picture, np.diag(tint)), np.uint8)
    if share > 0.6:
        lit = np.asarray(cv2.add(lit, world.by_lamps(picture, min(1.0, (share - 0.6) * 8))), np.uint8)
    return Shot(lit, noise=1 + 1.5 * share)


def dusk(world: World, rng: np.random.Generator) -> Effect:
    """Day to night within two minutes: two hours, 60 times as fast."""
    return lambda time_s, since: _evening(world, time_s, min(1.0, max(0.0, since / 120)))


def dawn(world: World, rng: np.random.Generator) -> Effect:
    """Night to day within two minutes. The baseline is learned by night."""
    return lambda time_s, since: _evening(world, time_s, 1 - min(1.0, max(0.0, since / 120)))


def dusk_two_hours(world: World, rng: np.random.Generator) -> Effect:
    return lambda time_s, since: _evening(world, time_s, min(1.0, max(0.0, since / 7200)))


def cloud_shadows(world: World, rng: np.random.Generator) -> Effect:
    """Soft shadows of up to 45 % drift over the street; now and then all of it is in the shade."""
    field = smooth_field(rng, 260, WIDTH * 5)
    depth = float(rng.uniform(0.25, 0.45))
    speed = float(rng.uniform(25, 90))

    def at(time_s: float, since: float) -> Shot:
        offset = int(max(0.0, since) * speed) % (WIDTH * 4)
        dark = 1 - depth / (1 + np.exp(-3 * field[:, offset : offset + WIDTH]))
        fade = course(since, 2.0, 40.0, 2.0)
        return Shot(dimmed(world.at(time_s), np.asarray(1 - fade * (1 - dark), np.float32)))

    return at


def lightning(world: World, rng: np.random.Generator) -> Effect:
    """A dozen flashes within 35 s, each of one to three frames, some double."""
    flashes = [
        (float(at), float(rng.uniform(0.1, 0.5)), float(rng.uniform(1.5, 5.0)))
        for at in rng.uniform(0, 35, 12)
    ]

    def at(time_s: float, since: float) -> Shot:
        power = max((p for begin, length, p in flashes if begin <= since < begin + length), default=0.0)
        if not power:
            return Shot(world.at(time_s))
        flash = shade(world.day(time_s), 0.22 * power)
        return Shot(np.asarray(cv2.add(world.at(time_s), flash), np.uint8))

    return at


def power_cut(world: World, rng: np.random.Generator) -> Effect:
    """The street's lamps go out for 40 s; the sky's glow and passing head lights remain."""
    light = head_light(90)
    phase = float(rng.uniform(0, 6))

    def at(time_s: float, since: float) -> Shot:
        if not 0 <= since < 40:
            return Shot(world.at(time_s))
        picture = world.by_lamps(world.day(time_s), 0.10)
        passing = (since + phase) % 9.0
        if passing < 2.5:
            put(picture, light, 700 * passing / 2.5 - 120, 190)
        return Shot(picture, noise=1.5)

    return at


def low_sun(world: World, rng: np.random.Generator) -> Effect:
    """The sun comes into the view: within 15 s up to half of it is white, for 30 s; the rest gets darker."""
    yy, xx = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)
    cx, cy = float(rng.uniform(120, 520)), float(rng.uniform(20, 140))
    radius = float(rng.uniform(110, 190))
    away = ((xx - cx) / radius) ** 2 + ((yy - cy) / radius) ** 2
    glare = np.asarray(np.clip(1.6 * np.exp(-away), 0, 1) * 0.97 + 0.2, np.float32).clip(0, 1)

    def at(time_s: float, since: float) -> Shot:
        share = course(since, 15, 30, 8)
        picture = shade(world.at(time_s), 1 - 0.4 * share)
        return Shot(veil(picture, (245, 250, 255), np.asarray(glare * share, np.float32)))

    return at
