"""Evaluates a simulated city: counts that have to agree, and times from its samples."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.scale.city import City, Sample
from edge_agent.tools.simulate.delivery_ledger import percentile_s
from edge_agent.tools.simulate.scenario import Scenario
from edge_agent.tools.simulate.totals import SimulationTotals

NOON_H = 12.0
PATIENCE_S = 300.0
MOST_NAMED = 20
"""Gateways with remaining events that are listed by name."""


def city_of(sites: int, **changes: Any) -> Scenario:
    return Scenario(sites=sites, cameras=round(sites * 1194 / 465), **changes)


def account(city: City, totals: SimulationTotals) -> dict[str, Any]:
    """Check by three counts whether any event is lost or duplicated."""
    counts, status = totals.counts, city.status()
    outboxes = [name for name in totals.left_at if (city.folder / "outboxes" / name).exists()]
    for gateway in outboxes:  # for inspection
        kept = Path("build/bench/scale/left")
        shutil.rmtree(kept / gateway, ignore_errors=True)
        shutil.copytree(city.folder / "outboxes" / gateway, kept / gateway)
        shutil.copytree(city.folder / "centre", kept / "centre", dirs_exist_ok=True)
        shutil.copy(city.folder / "central.log", kept)
    return {
        "stored on boxes": counts.stored,
        "confirmed": counts.confirmed,
        "in the database": status.events,
        "sent again": counts.again,
        "reconnects": totals.reconnects,
        "missing": status.missing,
        "rejected": status.rejected,
        "left": [totals.left, *totals.left_at[:MOST_NAMED]],
        "acks ignored": totals.ignored_acks,
        "latency s: half, 99 %, all": [percentile_s(counts.latency, share) for share in (0.5, 0.99, 1.0)],
        "most behind s": totals.most_behind_s,
    }


def latency(before: Sample, after: Sample) -> list[float | None]:
    """Latency of the events that were confirmed between two samples."""
    counts = zip(after.totals.counts.latency, before.totals.counts.latency, strict=True)
    between = [later - earlier for later, earlier in counts]
    return [percentile_s(between, share) for share in (0.5, 0.99, 1.0)]


def when(samples: Sequence[Sample], online: float) -> float | None:
    return next((each.at_s for each in samples if each.totals.online >= online), None)


def steepest(samples: Sequence[Sample], within_s: float) -> int:
    """The largest number of gateways that came online within ``within_s``."""
    return max(
        (
            later.totals.online - earlier.totals.online
            for index, earlier in enumerate(samples)
            for later in samples[index : index + 40]
            if later.at_s - earlier.at_s <= within_s
        ),
        default=0,
    )


def difference(before: dict[str, int], after: dict[str, int]) -> dict[str, Any]:
    return {name: count - before[name] for name, count in after.items()}
