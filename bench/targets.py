"""The agent's performance targets, as data. Ratios are to a program that ran in the same windows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from bench.result import Result, find, ratio


@dataclass(frozen=True, slots=True)
class Target:
    """A bound for one figure, or for its ratio to the same figure of ``over``."""

    scene: str
    subject: str
    figure: str
    at_most: float | None = None
    at_least: float | None = None
    over: str | None = None

    @property
    def text(self) -> str:
        bound = f"<= {self.at_most:g}" if self.at_most is not None else f">= {self.at_least:g}"
        return f"{bound} x {self.over}" if self.over else bound


CPU = "cpu_s_per_min"

TARGETS = (
    Target("growth", "agent x0", CPU, at_most=0.1),
    Target("quiet", "agent auto", CPU, at_most=0.40, over="motion"),
    Target("quiet", "agent auto", CPU, at_most=0.30, over="motion"),  # the moonshot
    Target("quiet", "agent auto", CPU, at_most=0.45, over="ffmpeg"),
    Target("quiet", "agent full", CPU, at_most=1.05, over="motion"),
    Target("quiet", "agent auto", "rss_mb", at_most=150),
    Target("quiet", "agent full", "rss_mb", at_most=150),
    Target("growth", "a further camera", "rss_mb", at_most=6),
    Target("busy", "agent", CPU, at_most=1.8, over="motion"),
    Target("busy", "agent without inference", CPU, at_most=1.15, over="motion"),
    Target("busy", "agent", "rss_mb", at_most=100),
    Target("street", "agent", CPU, at_most=5.0, over="motion"),
    Target("passages", "agent", CPU, at_most=1.02, over="agent without passages"),
    Target("busy", "agent without detector", CPU, at_most=0.95, over="motion"),
    Target("busy 720p", "agent", CPU, at_most=0.80, over="motion"),
    Target("busy 720p", "agent without detector", CPU, at_most=0.80, over="motion"),
    Target("waking", "agent", "p95_s", at_most=2.5),  # one keyframe interval + 0.5 s
    Target("waking", "agent", "missed", at_most=0),  # missed visitors have no time
    Target("latency", "agent x1", "p95_s", at_most=0.060),
    Target("latency", "agent x1", "p95_of_bound", at_most=1.0),
    Target("latency", "agent x4", "p95_of_bound", at_most=1.0),
    Target("startup", "agent x4", "ready_longest_s", at_most=2.0),
    Target("startup", "agent x4", "stopped_longest_s", at_most=2.0),
    Target("motion", "edge_agent.motion", "us_per_frame", at_most=0.65, over="MOG2 half size + shadow"),
    Target("motion", "edge_agent.motion", "found_day", at_least=17),
    Target("motion", "edge_agent.motion", "found_night", at_least=17),
    Target("motion", "edge_agent.motion", "false_percent", at_most=0),
    Target("page", "overview", "page_cpu_percent", at_most=3.0),
    Target("page", "overview", "alarm_p99_s", at_most=1.0),
    Target("outbox", "outbox, 1 thread", "per_s", at_least=1000),
    # In CPU seconds, so that other load on a shared machine does not count.
    Target("ingest", "SQLite, one core", "per_cpu_s", at_least=3000),
    Target("console", "live", "p99_s", at_most=1.0),
)


class Verdict(msgspec.Struct, frozen=True):
    scene: str
    subject: str
    figure: str
    target: str
    measured: float
    met: bool


def judge(results: list[Result], targets: Sequence[Target]) -> list[Verdict]:
    """One verdict for each target whose figures were measured."""
    return [verdict for target in targets if (verdict := _verdict(results, target)) is not None]


def _verdict(results: list[Result], target: Target) -> Verdict | None:
    measured = _measured(results, target)
    if measured is None:
        return None
    met = (target.at_most is None or measured <= target.at_most) and (
        target.at_least is None or measured >= target.at_least
    )
    return Verdict(target.scene, target.subject, target.figure, target.text, round(measured, 4), met)


def _measured(results: list[Result], target: Target) -> float | None:
    result = find(results, target.scene, target.subject)
    if result is None:
        return None
    if target.over is None:
        return result.figures.get(target.figure)
    peer = find(results, target.scene, target.over)
    return None if peer is None else ratio(result, peer, target.figure)
