"""Estimates the bytes that a site sends in a month, by class, from a few minutes of the agent's own count,
and the bytes that it writes to its SD card in a day.

The bytes between two heartbeats are extrapolated to 30 days. ``other`` is TLS, pings and acknowledgements.
Messages that are sent only at a connect (CONNECT, birth) come before the second heartbeat and are not
counted, nor are TCP and IP headers. Written bytes are the kernel's count (``write_bytes``, proc(5)) over the
same minutes, without the overhead of file system and card.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Sequence
from dataclasses import dataclass

from bench.clips import Clip
from bench.outbox import written_bytes
from bench.plan import Plan
from bench.result import Result
from bench.watch import Arrival, Watch
from tests.testbed.agent import AgentProcess, write_config
from tests.testbed.mosquitto import Mosquitto
from tests.testbed.rtsp import RtspServer

DAY_S = 86_400.0
MONTH_S = 30 * DAY_S
CLASSES = ("heartbeat", "event", "media", "reply", "other")
CAMERAS = 4
HEARTBEAT_S, USUAL_HEARTBEAT_S = 10, 30
"""Heartbeats are more frequent than usual, so that a short run has enough; scaled to the usual interval."""
SETTLE_S = 20.0


@dataclass(frozen=True, slots=True)
class Site:
    """A gateway with four cameras. An empty ``report`` is the default: counts once a minute."""

    name: str
    clip: Clip
    report: tuple[tuple[str, object], ...] = ()


BUSY = Clip("ordinary")
"""10,000 objects a day on each camera, evenly over day and night."""

SITES = (
    Site("quiet site", Clip("quiet")),
    Site("busy site, counts", BUSY),
    Site("busy site, counts, no passages", BUSY, (("passages", False),)),
    Site("busy site, objects", BUSY, (("objects", True), ("snapshots", "none"))),
    Site("busy site, objects and pictures", BUSY, (("objects", True), ("snapshots", "objects"))),
)


def measure(plan: Plan) -> list[Result]:
    mounts = {f"/{site.clip.content}": site.clip.file(plan) for site in SITES}
    with contextlib.ExitStack() as stack:
        folder = plan.own_folder("traffic")
        broker = stack.enter_context(Mosquitto(folder))
        watch = stack.enter_context(Watch(broker.port))
        server = stack.enter_context(RtspServer(mounts))
        pids: list[int] = []
        for number, site in enumerate(SITES):
            url = server.url(f"/{site.clip.content}")
            report = {"report": dict(site.report)} if site.report else {}
            own = plan.own_folder(f"traffic/{number}")
            config = write_config(
                own,
                cameras=[{"id": f"cam-{n}", "url": url, **report} for n in range(1, CAMERAS + 1)],
                broker_port=broker.port,
                detector="auto",
                gateway={"id": f"site-{number}", "ward": "bench"},
                heartbeat_s=HEARTBEAT_S,
            )
            pids.append(stack.enter_context(AgentProcess(config)).process.pid)
        time.sleep(SETTLE_S)
        seconds, before = plan.choose(300.0, 60.0), [written_bytes(pid) for pid in pids]
        time.sleep(seconds)
        cards = [
            (written_bytes(pid) - was) / seconds * DAY_S / 1e6 for pid, was in zip(pids, before, strict=True)
        ]
        heartbeats = watch.arrivals("heartbeat")
    rows = []
    for number, (site, card_mb_day) in enumerate(zip(SITES, cards, strict=True)):
        figures = month_mb([h for h in heartbeats if h.gateway == f"site-{number}"][1:])
        rows.append(Result("traffic", site.name, figures | {"card_mb_day": round(card_mb_day, 1)}))
    return rows


def month_mb(heartbeats: Sequence[Arrival]) -> dict[str, float]:
    """Megabytes (10^6) in 30 days by class, and ``measured_s``. Raises ValueError without two heartbeats."""
    if len(heartbeats) < 2:
        raise ValueError("two heartbeats are needed")
    first, last = heartbeats[0], heartbeats[-1]
    seconds = last.mono - first.mono
    counts = [h.document["mqtt"].get("bytes_month", {}) for h in (first, last)]  # zeros are omitted
    mb = {
        name: (counts[1].get(name, 0) - counts[0].get(name, 0)) / seconds * MONTH_S / 1e6 for name in CLASSES
    }
    mb["heartbeat"] *= HEARTBEAT_S / USUAL_HEARTBEAT_S
    figures = {f"{name}_mb_month": value for name, value in mb.items()}
    figures |= {"total_mb_month": sum(mb.values()), "measured_s": seconds}
    return {name: round(value, 2) for name, value in figures.items()}
