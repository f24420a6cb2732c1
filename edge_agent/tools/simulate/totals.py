"""The totals of a simulation, of one gateway, of one process and of all; and the table that prints them."""

from __future__ import annotations

import msgspec

from edge_agent.tools.simulate.delivery_ledger import DeliveryCounts, percentile_s

UNHEARD = "no centre has confirmed any: does one take in these wards?"


class SimulationTotals(msgspec.Struct, kw_only=True):
    processes: int = 0
    gateways: int = 0
    online: int = 0
    left: int = 0  # events and pictures that are still in outboxes
    left_at: list[str] = msgspec.field(default_factory=list)
    reconnects: int = 0
    refused: int = 0
    ignored_acks: int = 0
    shed: int = 0  # dropped by a full outbox
    searches: int = 0  # searches and requests for pictures
    search_cpu_s: float = 0.0  # CPU time of ``searches``: to read the files and make the results
    reply_bytes: int = 0  # size of the MQTT packets with replies
    traffic_bytes: int = 0  # all traffic of TCP in both directions, with headers
    unsettled: int = 0  # runners with actions in progress
    counts: DeliveryCounts = msgspec.field(default_factory=DeliveryCounts)
    behind_s: float = 0.0  # how late the runners are now
    most_behind_s: float = 0.0
    cpu_s: float = 0.0
    pss_mb: float = 0.0
    failures: list[str] = msgspec.field(default_factory=list)

    def add(self, other: SimulationTotals) -> None:
        """Add the totals of a gateway or of a process."""
        for name in (
            *("processes", "gateways", "online", "left", "left_at", "reconnects", "refused", "ignored_acks"),
            *("shed", "unsettled", "cpu_s", "pss_mb", "failures"),
            *("searches", "search_cpu_s", "reply_bytes", "traffic_bytes"),
        ):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.behind_s = max(self.behind_s, other.behind_s)
        self.most_behind_s = max(self.most_behind_s, other.most_behind_s)
        self.counts.add(other.counts)

    @property
    def complete(self) -> bool:
        """Return whether no action runs, all events and pictures are confirmed, and no process failed."""
        counts = self.counts
        return (
            counts.confirmed == counts.stored
            and counts.pictures_confirmed == counts.pictures
            and not self.left
            and not self.shed
            and not self.unsettled
            and not self.failures
        )

    @property
    def unheard(self) -> bool:
        """Return whether events were sent and none was confirmed, for example without a subscriber."""
        return self.counts.sent > 0 and self.counts.confirmed == 0


def progress(elapsed_s: float, totals: SimulationTotals) -> str:
    """Return the line that is printed while the simulation runs."""
    counts = totals.counts
    return (
        f"{elapsed_s:6.0f} s  online {totals.online}/{totals.gateways}  stored {counts.stored}  "
        f"confirmed {counts.confirmed}  left {totals.left}  reconnects {totals.reconnects}  "
        f"behind {totals.behind_s:.1f} s{f'  ({UNHEARD})' if totals.unheard else ''}"
    )


def table(totals: SimulationTotals, lasted_s: float) -> list[str]:
    """Return the lines of the final table."""
    counts = totals.counts
    latency = {share: percentile_s(counts.latency, share) for share in (0.5, 0.99, 1.0)}
    rows = [
        ("gateways", f"{totals.gateways} in {totals.processes} processes"),
        ("events", f"{counts.stored} stored by gateways, {counts.stored / max(lasted_s, 1e-3):.1f} a second"),
        ("sent", f"{counts.sent}, of these {counts.again} again"),
        ("confirmed", f"{counts.confirmed} of {counts.stored}{f' ({UNHEARD})' if totals.unheard else ''}"),
        ("pictures", f"{counts.pictures_confirmed} of {counts.pictures} confirmed"),
        (
            "latency",
            ", ".join(
                f"{name} {_seconds(latency[share])}"
                for name, share in (("half", 0.5), ("99 %", 0.99), ("all", 1.0))
            ),
        ),
        ("reconnects", f"{totals.reconnects}"),
        ("refused", f"{totals.refused} by the broker, {totals.ignored_acks} acks ignored"),
        ("left", f"{totals.left} in outboxes{_where(totals.left_at)}, {totals.shed} given up"),
        ("this machine", f"{totals.cpu_s:.1f} s of CPU, {totals.pss_mb:.0f} MB; "
         f"at most {totals.most_behind_s:.1f} s behind"),
    ]  # fmt: skip
    if totals.searches:
        each_ms = totals.search_cpu_s / totals.searches * 1e3
        each_kb = totals.reply_bytes / totals.searches / 1e3
        text = f"{totals.searches} answered, each with {each_ms:.1f} ms of CPU and {each_kb:.1f} kB"
        rows.append(("searches", text))
    if totals.unsettled:
        rows.append(("going on", "something has not ended in time: a power cut, an outage"))
    return [f"{name:<14}{text}" for name, text in rows] + [
        f"failed        {text}" for text in totals.failures
    ]


def _seconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.2g} s" if value < 10 else f"{value:.0f} s"


def _where(names: list[str]) -> str:
    if not names:
        return ""
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return f" ({', '.join(names[:5])}{more})"
