"""The parts of ``python -m bench``, in their order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from bench import (
    backlog,
    console,
    delivery,
    inference,
    ingest,
    latency,
    motion_quality,
    open_page,
    outbox,
    side_by_side,
    startup,
    traffic,
    visits,
    wake,
)
from bench.plan import Plan
from bench.result import Result
from bench.scenes import SCENES


@dataclass(frozen=True, slots=True)
class Part:
    """One part of the bench. ``name`` is its name for ``--only``. ``measure`` raises Skip where it cannot
    run."""

    name: str
    about: str
    measure: Callable[[Plan], list[Result]]
    in_quick_runs: bool = True


PARTS = (
    *(
        Part(scene.name, scene.description, partial(side_by_side.measure, scene), scene.in_quick_runs)
        for scene in SCENES
    ),
    *(
        Part(street.name, street.about, partial(wake.measure, street), street.in_quick_runs)
        for street in wake.STREETS
    ),
    Part("latency", "from the arrival of the confirming frame to the subscriber", latency.measure),
    Part("visits", "short visits: percent noticed and reported", visits.measure, False),
    Part("traffic", "what a site of 4 cameras sends in 30 days, extrapolated", traffic.measure, False),
    Part("startup", "from exec to ready, from SIGTERM to the end", startup.measure),
    Part("motion", "motion detection on painted scenes", motion_quality.measure),
    Part("inference", "one look at a 160-pixel crop", inference.measure),
    Part("outbox", "durable events", outbox.measure),
    Part("ingest", "a backlog of 465 gateways into the centre", ingest.measure),
    Part(
        "console", "200,000 events behind 50 browsers and a program that reads all of them", console.measure
    ),
    Part("page", "an open page in Chromium at 120 events a second of 465 gateways", open_page.measure, False),
    Part("backlog", "a full outbox into a broker", backlog.measure),
    Part("delivery", "an event on the broker's word and on the centre's", delivery.measure),
)


def chosen(names: str | None, quick: bool) -> list[Part]:
    """All parts of a full or quick run, or those of a comma-separated list. Raises ValueError for an unknown
    name."""
    if names is None:
        return [part for part in PARTS if part.in_quick_runs or not quick]
    wanted = [name.strip() for name in names.split(",")]
    known = {part.name: part for part in PARTS}
    unknown = [name for name in wanted if name not in known]
    if unknown:
        raise ValueError(f"no part {', '.join(unknown)}; there are: {', '.join(known)}")
    return [known[name] for name in wanted]
