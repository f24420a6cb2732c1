"""The scenes in which the agent runs beside its peers. Data only, one row per scene."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from bench.clips import Clip
from bench.programs import Agent, Ffmpeg, Motion, Program


@dataclass(frozen=True, slots=True)
class Scene:
    """A scene. All ``programs`` read its cameras at the same time. ``settle_s``: time before the first
    window, in which backgrounds are learned and quiet cameras go idle."""

    name: str
    about: str
    clip: Clip
    programs: tuple[Program, ...]
    settle_s: float = 6.0
    window_s: float = 15.0
    in_quick_runs: bool = True
    main: Clip | None = None  # the main stream of all its cameras

    @property
    def description(self) -> str:
        return f"{self.about}; {self.clip.about}"

    @property
    def cameras(self) -> int:
        return max(program.cameras for program in self.programs)


IDLE_SETTLE_S = 47.0
"""Until the agent is idle: an unconfirmed object at the start keeps it awake for 20 s, 20 s
of quiet follow, and it takes time to start."""

STREET = "vn_street_motorbikes.mp4"

NO_INFERENCE = 0.1
"""Inferences a second of an instant detector: decoding, motion and tracking count, the model's time does
not."""

PASSAGES_WINDOW_S = 60.0
"""Passages are written once a minute: each window has one such write."""

FILMED: tuple[Literal["none", "sub", "main"], ...] = ("none", "sub", "main")

SCENES = (
    Scene(
        "quiet",
        "nothing moves",
        Clip("quiet"),
        (Agent("agent auto", 4, gear="auto"), Agent("agent full", 4, gear="full"), Motion(4), Ffmpeg(4)),
        IDLE_SETTLE_S,
    ),
    Scene(
        "growth",
        "nothing moves, no camera and more and more of them",
        Clip("quiet"),
        tuple(Agent(f"agent x{count}", count) for count in (0, 1, 2, 4, 8)),
        IDLE_SETTLE_S,
    ),
    Scene(
        "filmed",
        "nothing moves, a rule is armed: without clips, with them, from main streams (1080p, 4 Mbit/s)",
        Clip("quiet"),
        tuple(Agent(f"clips {clips}", 4, clips=clips) for clips in FILMED),
        IDLE_SETTLE_S,
        in_quick_runs=False,
        main=Clip("quiet", 1920, 1080, fps=25, kbps=4000, seconds=20),
    ),
    Scene(
        "busy",
        "people and vehicles move all the time; with the model, without inference, without a detector",
        Clip("busy"),
        (
            Agent("agent", 4),
            Agent("agent without inference", 4, budget_per_s=NO_INFERENCE),
            Agent("agent without detector", 4, detector="none"),
            Motion(4),
            Ffmpeg(4),
        ),
    ),
    Scene(
        "busy 720p",
        "the same as a main stream; without inference",
        Clip("busy", 1280, 720, fps=15, kbps=2000),
        (
            Agent("agent", 2, budget_per_s=NO_INFERENCE),
            Agent("agent without detector", 2, detector="none"),
            Motion(2),
            Ffmpeg(2),
        ),
    ),
    Scene(
        "busy h265",
        "the same in H.265; without inference",
        Clip("busy", codec="h265"),
        (Agent("agent", 4, budget_per_s=NO_INFERENCE), Motion(4), Ffmpeg(4)),
        in_quick_runs=False,
    ),
    Scene(
        "street",
        "a Vietnamese street with dozens of motorbikes, looped; with the model and without inference",
        Clip(STREET, height=320),  # the nearest to its aspect that motion accepts
        (
            Agent("agent", 1),
            Agent("agent without inference", 1, budget_per_s=NO_INFERENCE),
            Motion(1),
            Ffmpeg(1),
        ),
    ),
    Scene(
        "passages",
        "people and vehicles move all the time; with passages and without",
        Clip("busy"),
        (Agent("agent", 4), Agent("agent without passages", 4, passages=False)),
        window_s=PASSAGES_WINDOW_S,
        in_quick_runs=False,
    ),
    Scene(
        "passages ordinary",
        "a walker every 8.6 s, 10,000 objects a day; with passages and without",
        Clip("ordinary"),
        (
            Agent("agent", 4),
            Agent("agent without passages", 4, passages=False),
            Agent("without passages again", 4, passages=False),  # shows how much of a difference is chance
        ),
        window_s=PASSAGES_WINDOW_S,
        in_quick_runs=False,
    ),
    Scene(
        "passages street",
        "the Vietnamese street; with passages and without",
        Clip(STREET, height=320),
        (Agent("agent", 1), Agent("agent without passages", 1, passages=False)),
        window_s=PASSAGES_WINDOW_S,
        in_quick_runs=False,
    ),
)
