"""Synthetic surveillance scenes, 640 x 360 luma at 5 frames a second, with exact ground truth.

Everything is determined by the seed. ``TUNING_SEEDS`` may be used while the detector is changed;
``HELD_OUT_SEEDS`` must not be used for this, and are reported separately.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.float32]
Gray = NDArray[np.uint8]
PixelBox = tuple[float, float, float, float]
"""x1, y1, x2, y2 in pixels of the 640 x 360 picture."""

WIDTH, HEIGHT, FPS = 640, 360, 5
TUNING_SEEDS = (11, 12)
HELD_OUT_SEEDS = (101, 102, 103)


@dataclass(frozen=True, slots=True)
class SceneFrame:
    luma: Gray
    truth: tuple[PixelBox, ...] = ()


def smooth_field(rng: np.random.Generator, cell: int, width: int = WIDTH, height: int = HEIGHT) -> Plane:
    """A smooth random field with mean 0 and deviation 1; ``cell`` is its grain in pixels."""
    coarse = rng.normal(0, 1, (height // cell + 3, width // cell + 3)).astype(np.float32)
    field = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.asarray((field - field.mean()) / (field.std() + 1e-6), np.float32)


class Street:
    """A still picture: houses with windows, a road with markings, foliage; by day or by night."""

    def __init__(self, seed: int, night: bool) -> None:
        rng = np.random.default_rng([seed, int(night)])
        self.rng = rng
        self.night = night
        self.foliage = self._foliage_mask(rng)
        picture = self._houses(rng)
        picture = self._road(rng, picture)
        leaves = 70 + 22 * smooth_field(rng, 3) + 15 * smooth_field(rng, 12)
        picture = picture * (1 - self.foliage) + leaves * self.foliage
        picture += 3 * smooth_field(rng, 2) + 5 * smooth_field(rng, 20)
        self.reflectance: Plane = np.clip(picture, 8, 235).astype(np.float32)
        self.picture: Plane = self._lit_by_lamps(rng) if night else self.reflectance
        self.clouds: Plane = smooth_field(rng, 220, WIDTH * 5)
        self.phases = (smooth_field(rng, 30), smooth_field(rng, 60))

    @staticmethod
    def _foliage_mask(rng: np.random.Generator) -> Plane:
        mask = np.zeros((HEIGHT, WIDTH), np.float32)
        for _ in range(3):
            centre = (int(rng.integers(40, WIDTH - 40)), int(rng.integers(30, 150)))
            cv2.ellipse(
                mask, centre, (int(rng.integers(35, 80)), int(rng.integers(25, 60))), 0, 0, 360, 1.0, -1
            )
        return np.asarray(cv2.GaussianBlur(mask, (0, 0), 4), np.float32)

    @staticmethod
    def _houses(rng: np.random.Generator) -> Plane:
        picture = np.full((HEIGHT, WIDTH), 150, np.float32)
        x = 0
        while x < WIDTH:
            w = int(rng.integers(50, 130))
            picture[40:190, x : x + w] = rng.uniform(70, 190)
            for wy in range(55, 170, 38):
                for wx in range(x + 8, min(x + w, WIDTH) - 18, 28):
                    picture[wy : wy + 20, wx : wx + 14] = rng.uniform(25, 110)
            x += w
        picture[:40] = 205
        return picture

    @staticmethod
    def _road(rng: np.random.Generator, picture: Plane) -> Plane:
        picture[190:215] = 140
        picture[215:] = rng.uniform(85, 120)
        for x in range(0, WIDTH, 90):
            picture[285:290, x : x + 45] = 185
        return picture

    def _lit_by_lamps(self, rng: np.random.Generator) -> Plane:
        yy, xx = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)
        light = np.full((HEIGHT, WIDTH), 0.16, np.float32)
        for _ in range(3):
            cx, cy = rng.uniform(0, WIDTH), rng.uniform(150, 300)
            light += 0.5 * np.exp(-(((xx - cx) / 130) ** 2 + ((yy - cy) / 80) ** 2))
        return np.asarray(np.clip(self.reflectance * light + 6, 0, 255), np.float32)


class Sensor:
    """Shot and read noise with a camera's slight spatial correlation; stronger at night."""

    def __init__(self, rng: np.random.Generator, sigma: float) -> None:
        self._rng = rng
        self._tiles: list[Plane] = []
        for _ in range(8):
            white = rng.normal(0, 1, (HEIGHT + 64, WIDTH + 64)).astype(np.float32)
            soft = cv2.GaussianBlur(white, (0, 0), 0.6)
            self._tiles.append(np.asarray(soft / soft.std() * sigma, np.float32))

    def expose(self, picture: Plane) -> Gray:
        tile = self._tiles[int(self._rng.integers(8))]
        y, x = self._rng.integers(0, 64, 2)
        noise = tile[y : y + HEIGHT, x : x + WIDTH]
        shot = np.sqrt(0.5 + picture / 200.0)
        return np.asarray(np.clip(np.rint(picture + noise * shot), 0, 255), np.uint8)


def _sensor(street: Street) -> Sensor:
    return Sensor(street.rng, 4.5 if street.night else 2.5)


Effect = Callable[[Street, int], Plane]
"""The picture at a frame number, before the sensor."""


def still(street: Street, number: int) -> Plane:
    return street.picture


def gradual(street: Street, number: int) -> Plane:
    """Dusk and dawn within a minute: 1.0 -> 0.6 -> 1.15, with the camera's gamma."""
    light = np.interp(number / FPS, [0, 30, 60], [1.0, 0.6, 1.15])
    return np.asarray(255 * (street.picture / 255 * light**1.4) ** (1 / 1.1), np.float32)


def clouds(street: Street, number: int) -> Plane:
    """Soft shadows of 15 to 35 % drift over the street at about 40 pixels a second."""
    offset = int(number / FPS * 40) % (WIDTH * 4)
    shade = 1 - 0.3 / (1 + np.exp(-3 * street.clouds[:, offset : offset + WIDTH]))
    return np.asarray(street.picture * shade, np.float32)


def sudden(street: Street, number: int) -> Plane:
    """All lamps at 15 s and off at 30 s; one lamp over half the picture at 40 s, off at 50 s."""
    t = number / FPS
    if 15 <= t < 30:
        return np.asarray(np.minimum(street.picture * 1.5 + 10, 255), np.float32)
    if 40 <= t < 50:
        xx = np.arange(WIDTH, dtype=np.float32)
        lamp = 1 + 0.8 * np.exp(-(((xx - 160) / 150) ** 2))
        return np.asarray(np.minimum(street.picture * lamp[None, :], 255), np.float32)
    return street.picture


def ir_switch(street: Street, number: int) -> Plane:
    """IR cut at 25 s: two dark frames, exposure settling over a second, leaves bright, then back at 45 s."""
    t = number / FPS
    infrared = street.reflectance * 0.55 + street.foliage * 90 + 12
    if 25 <= t < 45:
        since = t - 25
        settle = 0.15 if since < 0.4 else 1.0 + 0.35 * float(np.exp(-(since - 0.4) / 0.4))
        return np.asarray(np.clip(infrared * settle, 0, 255), np.float32)
    if 45 <= t < 45.4:
        return np.asarray(street.picture * 0.2, np.float32)
    settle = 1.0 + (0.3 * float(np.exp(-(t - 45.4) / 0.4)) if t >= 45.4 else 0.0)
    return np.asarray(np.clip(street.picture * settle, 0, 255), np.float32)


def rain(street: Street, number: int) -> Plane:
    """50 streaks a frame, 8 to 30 pixels long, up to 35 grey levels, one to two pixels wide."""
    return _streaks(street, 50, 35.0)


def heavy_rain(street: Street, number: int) -> Plane:
    """160 streaks a frame, up to 60 grey levels."""
    return _streaks(street, 160, 60.0)


def _streaks(street: Street, count: int, brightest: float) -> Plane:
    layer = np.zeros((HEIGHT, WIDTH), np.float32)
    for _ in range(count):
        x, y = street.rng.uniform(0, WIDTH), street.rng.uniform(-20, HEIGHT)
        length = street.rng.uniform(8, 30)
        end = (int(x + 0.15 * length), int(y + length))
        cv2.line(
            layer,
            (int(x), int(y)),
            end,
            float(street.rng.uniform(10, brightest)),
            1 + int(street.rng.random() < 0.2),
        )
    return np.asarray(np.clip(street.picture + cv2.GaussianBlur(layer, (0, 0), 0.6), 0, 255), np.float32)


def sway(street: Street, number: int) -> Plane:
    """Foliage moves by up to 3 pixels, in gusts, each part with its own phase."""
    t = number / FPS
    gust = 0.5 + 0.5 * np.sin(t / 7.0) ** 2
    yy, xx = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)
    dx = 3.0 * gust * street.foliage * np.sin(2 * np.pi * 0.7 * t + 2 * street.phases[0])
    dy = 1.5 * gust * street.foliage * np.sin(2 * np.pi * 0.45 * t + 2 * street.phases[1])
    return np.asarray(
        cv2.remap(
            street.picture,
            xx + dx.astype(np.float32),
            yy + dy.astype(np.float32),
            cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REFLECT,
        ),
        np.float32,
    )


def headlights(street: Street, number: int) -> Plane:
    """Every 8 s a beam from a side street sweeps the houses and the road within 3 s."""
    t = number / FPS % 8.0
    if t >= 3.0:
        return street.picture
    yy, xx = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)
    cx = -150 + (WIDTH + 300) * t / 3.0
    beam = np.exp(-(((xx - cx) / 90) ** 2 + ((yy - 200) / 60) ** 2))
    return np.asarray(np.clip(street.picture + 0.55 * street.reflectance * beam, 0, 255), np.float32)


def shake(street: Street, number: int) -> Plane:
    """The mast moves in the wind: the whole picture by up to 0.8 pixels."""
    t = number / FPS
    shift = np.array([[1, 0, 0.8 * np.sin(2.9 * t)], [0, 1, 0.5 * np.sin(4.3 * t)]], np.float32)
    return np.asarray(
        cv2.warpAffine(
            street.picture, shift, (WIDTH, HEIGHT), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT
        ),
        np.float32,
    )


QUIET_SCENES: dict[str, tuple[Effect, bool]] = {
    "noise": (still, False),
    "noise night": (still, True),
    "gradual": (gradual, False),
    "clouds": (clouds, False),
    "sudden": (sudden, False),
    "IR switch": (ir_switch, False),
    "rain": (rain, False),
    "heavy rain": (heavy_rain, False),
    "sway": (sway, False),
    "headlights": (headlights, True),
    "shake": (shake, False),
}
"""Name -> what happens, and whether it is night. Nothing moves in any of them: every region is false."""


def quiet_scene(name: str, seed: int, seconds: float = 60.0) -> Iterator[SceneFrame]:
    effect, night = QUIET_SCENES[name]
    street = Street(seed, night)
    sensor = _sensor(street)
    for number in range(int(seconds * FPS)):
        yield SceneFrame(sensor.expose(effect(street, number)))


@dataclass(frozen=True, slots=True)
class Mover:
    """One object crossing the picture: size in pixels, contrast in grey levels, speed in pixels a second."""

    width: int
    height: int
    contrast: float
    speed: float
    dark: bool


SIZES = ((6, 10), (14, 32), (44, 66))
CONTRASTS = (20.0, 35.0, 60.0)
SPEEDS = (25.0, 130.0)
EMPTY_S, MOVING_S = 6.0, 5.0


def movers() -> Iterator[Mover]:
    """The 18 combinations; dark and bright take turns."""
    for i, (w, h) in enumerate(SIZES):
        for j, contrast in enumerate(CONTRASTS):
            for k, speed in enumerate(SPEEDS):
                yield Mover(w, h, contrast, speed, dark=(i + j + k) % 2 == 0)


def moving_scene(mover: Mover, seed: int, night: bool) -> Iterator[SceneFrame]:
    """An empty street for ``EMPTY_S``, then the object crosses it for ``MOVING_S``."""
    street = Street(seed, night)
    sensor = _sensor(street)
    y = float(street.rng.uniform(200, HEIGHT - mover.height - 5))
    x = float(street.rng.uniform(5, max(6.0, WIDTH - mover.width - mover.speed * MOVING_S - 5)))
    skin = smooth_field(street.rng, 5, mover.width + 8, mover.height + 8)
    for number in range(int((EMPTY_S + MOVING_S) * FPS)):
        since = number / FPS - EMPTY_S
        if since < 0:
            yield SceneFrame(sensor.expose(street.picture))
            continue
        at = x + mover.speed * since
        if at + mover.width > WIDTH - 2:
            return
        picture = _with_mover(street.picture, mover, skin, at, y)
        yield SceneFrame(sensor.expose(picture), ((at, y, at + mover.width, y + mover.height),))


def _with_mover(picture: Plane, mover: Mover, skin: Plane, x: float, y: float) -> Plane:
    alpha = np.zeros((HEIGHT, WIDTH), np.float32)
    shift = 4  # sixteenths of a pixel: slow objects move by less than a pixel a frame
    unit = 1 << shift
    centre = (round((x + mover.width / 2 - 0.5) * unit), round((y + mover.height / 2 - 0.5) * unit))
    axes = (round(mover.width / 2 * unit), round(mover.height / 2 * unit))
    cv2.ellipse(alpha, centre, axes, 0, 0, 360, 1.0, -1, cv2.LINE_8, shift)
    x0, y0 = int(x), int(y)
    patch = np.zeros((HEIGHT, WIDTH), np.float32)
    h, w = min(skin.shape[0], HEIGHT - y0), min(skin.shape[1], WIDTH - x0)
    patch[y0 : y0 + h, x0 : x0 + w] = skin[:h, :w]
    local = picture[y0 : y0 + mover.height, x0 : x0 + mover.width].mean()
    sign = -1.0 if mover.dark and local - mover.contrast > 4 else 1.0
    body = local + sign * mover.contrast + 0.15 * mover.contrast * patch
    soft = cv2.GaussianBlur(alpha, (0, 0), 0.7)
    return np.asarray(np.clip(picture * (1 - soft) + body * soft, 0, 255), np.float32)
