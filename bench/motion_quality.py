"""Motion detection beside OpenCV's: cost, false motion, objects found. More: ``python -m bench.motion``."""

from __future__ import annotations

import cv2

from bench.motion.peers import PEERS
from bench.motion.scenes import HELD_OUT_SEEDS
from bench.motion.score import Score, run
from bench.plan import Plan
from bench.result import Result
from edge_agent.cameras.build import use_portable_opencv

OURS = "edge_agent.motion"
MUST_BE_SILENT = ("noise", "noise night", "gradual", "clouds", "IR switch")


def measure(plan: Plan) -> list[Result]:
    """Measure on seeds that were not used to choose any constant."""
    cv2.setNumThreads(1)
    use_portable_opencv()  # as the agent's pipelines do
    seeds = HELD_OUT_SEEDS[:1] if plan.quick else HELD_OUT_SEEDS
    peers = PEERS[:2] if plan.quick else PEERS
    scores = run(peers, seeds, plan.choose(60.0, 10.0))
    return [Result("motion", name, _figures(score)) for name, score in scores.items()]


def _figures(score: Score) -> dict[str, float]:
    figures = {
        "us_per_frame": score.us_per_frame,
        "found_day": score.found["day"],
        "found_night": score.found["night"],
        "false_percent": max(score.false_frames[name] for name in MUST_BE_SILENT),
        "false_rain_percent": score.false_frames["rain"],
    }
    return {name: round(value, 2) for name, value in figures.items()}
