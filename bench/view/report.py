"""Writes the figures as Markdown, and as JSON to compare two runs."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from dataclasses import fields

from bench.view.score import (
    TARGET_SHARE,
    NormalScore,
    TamperScore,
    Verdict,
    percentile,
    share_right,
)


def figures(
    tampers: Sequence[TamperScore], normals: Sequence[NormalScore], mode: str, wall_s: float
) -> dict[str, object]:
    return {
        "mode": mode,
        "machine": platform.platform(),
        "wall_s": round(wall_s),
        "right_share": round(share_right(tampers), 4),
        "false_tampers": sum(score.false_tampers for score in normals),
        "tampers": [_plain(score) for score in tampers],
        "normals": [_plain(score) for score in normals],
    }


def _plain(score: TamperScore | NormalScore) -> dict[str, object]:
    """For JSON: ``asdict`` of Python 3.11 breaks counters."""
    names = [field.name for field in fields(score)]
    return {name: getattr(score, name) for name in names}


def tables(tampers: Sequence[TamperScore], normals: Sequence[NormalScore]) -> str:
    return "\n".join([*_tamper_table(tampers), "", *_normal_table(normals), "", *_verdict(tampers, normals)])


def _tamper_table(scores: Sequence[TamperScore]) -> list[str]:
    lines = [
        "| done to the camera | gear | cases | right in 15 s | late | wrong class | missed | p50 s | p95 s "
        "| wrong too | ended |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for s in scores:
        counts = [s.verdicts[verdict] for verdict in Verdict]
        delays = [percentile(s.delays_s, which) for which in (50, 95)]
        cells = [s.kind, s.gear, s.cases, *counts, *delays, s.also_wrong, f"{s.ended} of {len(s.delays_s)}"]
        lines.append("| " + " | ".join("" if c is None else str(c) for c in cells) + " |")
    return lines


def _normal_table(scores: Sequence[NormalScore]) -> list[str]:
    lines = [
        "| ordinary life | gear | cases | tamper events | cases with one | right reports | other reports |",
        "|---|---|---|---|---|---|---|",
    ]
    for s in scores:
        reported = [
            ", ".join(f"{state} {n}" for state, n in which.items()) for which in (s.reported, s.unexpected)
        ]
        cells = [s.kind, s.gear, s.cases, s.false_tampers, s.cases_with_false, *reported]
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    return lines


def _verdict(tampers: Sequence[TamperScore], normals: Sequence[NormalScore]) -> list[str]:
    lines = []
    for gear in sorted({score.gear for score in tampers}):
        share = share_right(s for s in tampers if s.gear == gear)
        reached = "reached" if share >= TARGET_SHARE else "missed"
        lines.append(
            f"- {gear}: right class within 15 s in {share:.1%} (target {TARGET_SHARE:.0%}: {reached})"
        )
    if tampers:
        worst = min(tampers, key=lambda s: share_right([s]))
        lines.append(f"- worst class: {worst.kind} ({worst.gear}), {share_right([worst]):.0%}")
    false = sum(s.false_tampers for s in normals)
    cases = sum(s.cases for s in normals)
    reached = "missed" if false else "reached"
    lines.append(f"- tamper events in {cases} cases of ordinary life: {false} (target 0: {reached})")
    return lines


def failures(tampers: Sequence[TamperScore], normals: Sequence[NormalScore]) -> list[str]:
    scores: list[TamperScore | NormalScore] = [*tampers, *normals]
    return [f"{s.gear}: {line}" for s in scores for line in s.failures]
