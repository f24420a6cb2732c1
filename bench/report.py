"""A run of the bench as a document (JSON) and as text (Markdown)."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from bench.machine import Machine
from bench.result import Result, ratio
from bench.targets import Verdict

PEERS = ("motion", "ffmpeg", "MOG2 half size + shadow", "bare SQLite")
"""Programs and methods that are the divisor of ratios in their scene, and the figure of the ratio."""
COMPARED = ("cpu_s_per_min", "us_per_frame", "per_s")
TOO_BUSY_PERCENT = 70.0
"""Load of the whole machine from which on programs wait for each other, so that ratios are unreliable."""


class Report(msgspec.Struct, frozen=True):
    """The report of a run. ``scenes``: description of each part. ``skipped`` and ``failed``: part ->
    reason."""

    taken_at: str
    quick: bool
    took_s: float
    machine: Machine
    scenes: dict[str, str]
    results: list[Result]
    verdicts: list[Verdict]
    skipped: dict[str, str]
    failed: dict[str, str]


def to_json(report: Report) -> str:
    return msgspec.json.format(msgspec.json.encode(report), indent=1).decode() + "\n"


def to_markdown(report: Report) -> str:
    machine = report.machine
    lines = [
        f"{report.taken_at}, {'quick' if report.quick else 'full'} run, {report.took_s / 60:.0f} minutes; "
        f"{machine.cores} cores of {machine.cpu}, {machine.memory_gb:g} GB, {machine.system}, "
        f"Python {machine.python}; load before: {machine.load_before:g}",
        "",
    ]
    for scene, about in report.scenes.items():
        rows = [result for result in report.results if result.scene == scene]
        if rows:
            lines += [f"**{scene}**: {about}", "", *scene_table(rows), ""]
    if report.verdicts:
        lines += ["**Targets**", "", *verdict_table(report.verdicts), ""]
    if crowded := [r.scene for r in report.results if r.figures.get("busy_percent", 0) > TOO_BUSY_PERCENT]:
        busy = f"over {TOO_BUSY_PERCENT:g} % of the whole machine were busy"
        lines.append(f"- {busy} in: {', '.join(crowded)}; run it again when less else is going on")
    lines += [f"- not measured: {scene}: {why}" for scene, why in report.skipped.items()]
    lines += [f"- **failed**: {scene}: {why}" for scene, why in report.failed.items()]
    return "\n".join(lines).rstrip() + "\n"


def scene_table(rows: Sequence[Result]) -> list[str]:
    """A table with one line per subject and one ratio column per peer of the scene."""
    figures = list(dict.fromkeys(name for row in rows for name in row.figures))
    compared = next((name for name in COMPARED if name in figures), "")
    peers = [row for row in rows if row.subject in PEERS and compared in row.figures]
    head = [rows[0].scene, *figures, *(f"of {peer.subject}" for peer in peers)]
    lines = [_line(head), _line(["---"] * len(head))]
    for row in rows:
        cells = [number(row.figures.get(name)) for name in figures]
        ratios = [number(ratio(row, peer, compared)) for peer in peers]
        lines.append(_line([row.subject, *cells, *ratios]))
    return lines


def verdict_table(verdicts: Sequence[Verdict]) -> list[str]:
    head = ["scene", "subject", "figure", "target", "measured", "reached"]
    lines = [_line(head), _line(["---"] * len(head))]
    for v in verdicts:
        reached = "yes" if v.met else "**no**"
        lines.append(_line([v.scene, v.subject, v.figure, v.target, number(v.measured), reached]))
    return lines


def number(value: float | None) -> str:
    """Three significant digits, thousands separated."""
    if value is None:
        return "-"
    if value == 0:
        return "0"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}" if abs(value) >= 0.1 else f"{value:.3f}"


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"
