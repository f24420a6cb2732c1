"""Poses of people in a street. A person looks to -y."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from training.draw.body import Pose
from training.draw.shapes import rotation

KINDS = {"walk": 0.5, "stand": 0.3, "run": 0.05, "sit": 0.06, "squat": 0.03, "bend": 0.04, "lie": 0.02}
"""Shares of the poses of people on foot."""
SIDES = ((1, "L"), (-1, "R"))


class Limbs(NamedTuple):
    """Angles of one arm and one leg, positive to the front; ``spread`` and ``arm_spread`` to the side."""

    thigh: float
    knee: float
    arm: float
    elbow: float
    arm_spread: float
    spread: float
    foot: float = 0.0


def on_foot(rng: np.random.Generator) -> Pose:
    kind = str(rng.choice(list(KINDS), p=list(KINDS.values())))
    u = rng.uniform
    pose: Pose = {}
    hanging = u(28, 42)  # turns the arms down from their place at rest
    if kind in ("walk", "run"):
        _stride(pose, kind == "run", hanging, rng)
    elif kind in ("stand", "bend", "lie"):
        for sign, _ in SIDES:
            limbs = Limbs(u(-4, 8), u(0, 8), u(-8, 15), u(0, 25), u(-4, 12), u(-2, 8))
            _bend(pose, sign, limbs, hanging, rng)
        if kind == "bend":
            bent = u(25, 70)
            for bone, share in (("spine05", 0.5), ("spine04", 0.3), ("spine03", 0.2)):
                pose[bone] = rotation(0, bent * share)
        elif kind == "lie":
            pose["root"] = rotation(0, float(rng.choice((-90, 90)))) @ rotation(2, u(-90, 90))
        else:
            pose["spine04"] = rotation(1, u(-4, 4)) @ rotation(0, u(-3, 6))
    elif kind == "sit":
        for sign, _ in SIDES:
            limbs = Limbs(u(75, 100), u(70, 105), u(5, 45), u(20, 70), u(0, 15), u(0, 20))
            _bend(pose, sign, limbs, hanging, rng)
        pose["spine05"] = rotation(0, u(0, 30))
    else:
        for sign, _ in SIDES:
            limbs = Limbs(u(100, 125), u(115, 140), u(30, 70), u(10, 70), u(0, 15), u(5, 25), u(-25, 0))
            _bend(pose, sign, limbs, hanging, rng)
        pose["spine05"] = rotation(0, u(20, 50))
    _busy_hands(pose, hanging, rng)
    pose["neck01"] = rotation(2, u(-35, 35)) @ rotation(0, u(-10, 25))
    pose["spine02"] = rotation(2, u(-15, 15))
    return pose


def riding(rng: np.random.Generator, bicycle: bool, passenger: bool) -> Pose:
    u = rng.uniform
    pose: Pose = {}
    lean = u(-2, 15) if passenger else u(5, 30)
    for sign, side in SIDES:
        thigh, knee = (u(20, 80), u(30, 95)) if bicycle else (u(55, 80), u(65, 95))
        pose[f"upperleg01.{side}"] = rotation(1, -sign * u(3, 12)) @ rotation(0, -thigh)
        pose[f"lowerleg01.{side}"] = rotation(0, knee)
        pose[f"foot.{side}"] = rotation(0, -u(0, 20))
        arm = u(10, 50) if passenger else u(35, 60)
        pose[f"upperarm01.{side}"] = rotation(0, -arm) @ rotation(1, sign * u(20, 40))
        pose[f"lowerarm01.{side}"] = rotation(0, -u(5, 45)) @ rotation(2, -sign * u(0, 15))
    pose["spine05"] = rotation(0, lean * 0.6)
    pose["spine03"] = rotation(0, lean * 0.4)
    pose["neck01"] = rotation(2, u(-30, 30)) @ rotation(0, -lean * 0.5)
    return pose


def _stride(pose: Pose, runs: bool, hanging: float, rng: np.random.Generator) -> None:
    """Walk or run: legs swing in opposition, arms against the legs; a knee bends on its way forward."""
    u = rng.uniform
    phase = u(0, 2 * math.pi)
    swing = u(35, 50) if runs else u(14, 32)
    for sign, at in ((1, phase), (-1, phase + math.pi)):
        thigh = swing * math.sin(at) + u(0, 6)
        knee = max(2.0, (95 if runs else 55) * max(0, math.sin(at + 1.2 + math.pi / 2)) ** 2 + u(0, 8))
        arm = -swing * u(0.4, 1.0) * math.sin(at) + u(-5, 10)
        elbow = u(70, 110) if runs else u(5, 35)
        _bend(pose, sign, Limbs(thigh, knee, arm, elbow, u(-2, 10), u(-3, 4)), hanging, rng)
    pose["spine04"] = rotation(0, u(5, 15) if runs else u(-2, 6))


def _bend(pose: Pose, sign: int, limbs: Limbs, hanging: float, rng: np.random.Generator) -> None:
    """Bend one arm and one leg. ``sign``: 1 is left. ``hanging``: turns an arm at rest down."""
    u = rng.uniform
    side = "L" if sign > 0 else "R"
    pose[f"upperleg01.{side}"] = rotation(1, sign * (u(2, 7) - limbs.spread)) @ rotation(0, -limbs.thigh)
    pose[f"lowerleg01.{side}"] = rotation(0, limbs.knee)
    pose[f"foot.{side}"] = rotation(0, limbs.foot)
    pose[f"upperarm01.{side}"] = rotation(0, -limbs.arm) @ rotation(1, sign * (hanging - limbs.arm_spread))
    pose[f"lowerarm01.{side}"] = rotation(0, -limbs.elbow) @ rotation(2, -sign * u(0, 20))


def _busy_hands(pose: Pose, hanging: float, rng: np.random.Generator) -> None:
    """By chance a hand holds something up, points at something, or is on the hip."""
    u = rng.uniform
    for sign, side in SIDES:
        chance = u(0, 1)
        if chance < 0.12:
            pose[f"lowerarm01.{side}"] = rotation(0, -u(60, 120)) @ rotation(2, -sign * u(0, 40))
        elif chance < 0.16:
            pose[f"upperarm01.{side}"] = rotation(0, -u(40, 100)) @ rotation(1, sign * hanging)
        elif chance < 0.19:
            pose[f"upperarm01.{side}"] = rotation(1, sign * u(-5, 15))
            pose[f"lowerarm01.{side}"] = rotation(1, sign * u(40, 80))
