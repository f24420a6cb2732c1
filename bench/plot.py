"""Plots a run: CPU beside the peers, and the cost of each further camera."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

from bench.report import Report
from bench.result import Result, find, ratio

PEERS = ("motion", "ffmpeg")
COLOURS = ("#1b7837", "#7fbf7b", "#9970ab", "#888888")


def draw(report: Report, path: Path) -> None:
    """Draw the plot. Raises ImportError without matplotlib, which comes with the extra ``bench``."""
    matplotlib = importlib.import_module("matplotlib")  # not at the top: only the picture needs it
    matplotlib.use("Agg")
    plt = importlib.import_module("matplotlib.pyplot")
    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.2), width_ratios=(2, 1))
    _draw_ratios(left, report.results)
    _draw_growth(right, report.results)
    machine = report.machine
    kind = "quick" if report.quick else "full"
    figure.suptitle(
        f"edge-agent beside its peers: {kind} run, {report.taken_at[:10]}, "
        f"{machine.cores} cores of {machine.cpu}",
        fontsize=9,
    )
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    plt.close(figure)


def _draw_ratios(axes: Any, results: list[Result]) -> None:
    """Draw a group of bars for each scene, a bar for each program, in multiples of motion's CPU."""
    bars = _bars(results)
    scenes = list(bars)
    for place, scene in enumerate(scenes):
        width = 0.8 / len(bars[scene])
        for number, (subject, value) in enumerate(bars[scene].items()):
            x = place - 0.4 + (number + 0.5) * width
            colour = "#888888" if subject == "ffmpeg" else COLOURS[number % 3]
            axes.bar(x, value, width * 0.95, color=colour)
            axes.text(x, value, f" {subject} {value:.2f}", rotation=90, ha="center", va="bottom", fontsize=7)
    axes.axhline(1.0, color="black", linewidth=0.8)
    axes.set_xticks(range(len(scenes)), scenes, fontsize=8)
    axes.set_yscale("log")
    axes.set_ylim(top=axes.get_ylim()[1] * 4)
    axes.set_ylabel("CPU, motion = 1")


def _bars(results: list[Result]) -> dict[str, dict[str, float]]:
    """Scene -> subject -> multiple of motion's CPU."""
    bars: dict[str, dict[str, float]] = {}
    for result in results:
        motion = find(results, result.scene, "motion")
        if motion is None or result is motion:
            continue
        value = ratio(result, motion, "cpu_s_per_min")
        if value is not None:
            bars.setdefault(result.scene, {})[result.subject] = value
    return bars


def _draw_growth(axes: Any, results: list[Result]) -> None:
    rows = [r for r in results if r.scene == "growth" and " x" in r.subject]
    cameras = [int(row.subject.rpartition("x")[2]) for row in rows]
    memory = axes.twinx()
    axes.plot(cameras, [row.figures["cpu_s_per_min"] for row in rows], "o-", color=COLOURS[0])
    memory.plot(cameras, [row.figures["rss_mb"] for row in rows], "s--", color=COLOURS[2])
    axes.set_xlabel("quiet cameras")
    axes.set_ylabel("CPU s/min", color=COLOURS[0])
    memory.set_ylabel("RSS MB", color=COLOURS[2])
    axes.set_ylim(bottom=0)
    memory.set_ylim(bottom=0)
