"""The table: rows, their order and columns."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Sequence

import msgspec

from edge_agent.core.clock import rfc3339_of_ms
from edge_agent.tools.broker_commands import PRESENCES, STANDINGS
from edge_agent.tools.gateways.fleet_status import FleetGateway, FleetStatus

MIN_WHY_WIDTH = 10


class GatewayRow(msgspec.Struct, frozen=True, kw_only=True):
    """One gateway's row of the table; ``--json`` prints it as it is."""

    gateway: str
    ward: str
    state: str  # as the centre publishes it, or by the gateway's own messages
    since: str | None  # when this state began
    standing: str  # what an operator should check
    since_s: float | None
    why: str
    version: str | None
    model: str | None
    model_sha256: str | None
    cameras_up: int | None
    cameras: int | None
    outbox: int | None  # events that wait
    outbox_oldest_s: float | None
    temperature_c: float | None
    heartbeat_age_s: float | None


def gateway_rows(
    board: FleetStatus, mono: float, now_ms: int, connected_mono: float, states: Sequence[str] = ()
) -> list[GatewayRow]:
    """Return the rows, worst standing first; offline and silent ones by their last change, newest first.
    ``states``: return only gateways in one of these states or standings; empty: all."""
    trusted = board.centre_reports
    rows = [_row(box, mono, now_ms, connected_mono, trusted) for box in board.gateways.values()]
    wanted = [row for row in rows if not states or any(_matches(row, word) for word in states)]
    return sorted(wanted, key=_rank)


def _matches(row: GatewayRow, word: str) -> bool:
    """Return whether the row has the state ``word``, or the standing, if it is not in ``PRESENCES``."""
    return word == (row.state if word in PRESENCES else row.standing)


def _rank(row: GatewayRow) -> tuple[int, float, str, str]:
    since_s = row.since_s if row.since_s is not None and row.standing in ("offline", "silent") else 0.0
    return STANDINGS.index(row.standing), since_s, row.ward, row.gateway


def _row(
    box: FleetGateway, mono: float, now_ms: int, connected_mono: float, centre_reports: bool
) -> GatewayRow:
    presence = box.presence_at(mono, connected_mono, centre_reports=centre_reports)
    since_ms = presence.since_ms
    up, all_ = box.cameras or (None, None)
    health = box.health
    return GatewayRow(
        gateway=box.gateway,
        ward=box.ward,
        state=presence.state,
        since=None if since_ms is None else rfc3339_of_ms(since_ms),
        standing=box.standing(presence.state, mono, connected_mono),
        since_s=None if since_ms is None else max(0.0, (now_ms - since_ms) / 1000),
        why=box.why(presence, mono, connected_mono),
        version=box.version,
        model=box.model,
        model_sha256=box.model_sha256,
        cameras_up=up,
        cameras=all_,
        outbox=None if health is None else health.outbox.depth,
        outbox_oldest_s=None if health is None else health.outbox.oldest_s,
        temperature_c=None if health is None else health.box.temperature_c,
        heartbeat_age_s=None if box.heartbeat_mono is None else round(mono - box.heartbeat_mono, 1),
    )


HEAD = ("GATEWAY", "WARD", "STATE", "SINCE", "VERSION", "MODEL", "CAMERAS", "OUTBOX", "TEMP", "BEAT", "WHY")


def cells(row: GatewayRow) -> tuple[str, ...]:
    outbox = "-" if row.outbox is None else str(row.outbox)
    if row.outbox and row.outbox_oldest_s:
        outbox += f" {duration(row.outbox_oldest_s)}"
    return (
        row.gateway,
        row.ward,
        row.state,
        duration(row.since_s),
        row.version or "-",
        model_cell(row),
        "-" if row.cameras is None else f"{row.cameras_up}/{row.cameras}",
        outbox,
        "-" if row.temperature_c is None else f"{row.temperature_c:.0f} C",
        duration(row.heartbeat_age_s),
        row.why,
    )


def model_cell(row: GatewayRow) -> str:
    """Return the model's name, and enough of its sha256 to distinguish two models of the same name."""
    if not row.model:
        return "-"
    return row.model if row.model_sha256 is None else f"{row.model} {row.model_sha256[:6]}"


def lines(rows: Sequence[GatewayRow], width: int) -> list[str]:
    """Format the rows; the first line is the head. Each column is as wide as its longest cell; the last
    column gets the rest of ``width``."""
    table = [HEAD, *map(cells, rows)]
    widths = [max(text_width(line[column]) for line in table) for column in range(len(HEAD) - 1)]
    left = max(MIN_WHY_WIDTH, width - sum(widths) - 2 * len(widths))
    made = []
    for line in table:
        first = "  ".join(padded(text, wide) for text, wide in zip(line, widths, strict=False))
        made.append(cut(f"{first}  {cut(line[-1], left)}", width).rstrip())
    return made


def summary(rows: Sequence[GatewayRow]) -> str:
    """Return the number of gateways in each state, and of those that are online and have a problem."""
    counts = Counter(row.state for row in rows)
    words = [*PRESENCES, *sorted(counts.keys() - set(PRESENCES))]
    parts = ", ".join(f"{counts[word]} {word}" for word in words if counts[word])
    troubles = sum(row.standing == "trouble" and row.state != "unstable" for row in rows)
    things = "gateway" if len(rows) == 1 else "gateways"
    more = f" ({troubles} with trouble)" if troubles else ""
    return f"{len(rows)} {things}: {parts}{more}" if rows else "no gateway heard yet"


def duration(seconds: float | None) -> str:
    if seconds is None:
        return "-"
    if seconds < 120:
        return f"{seconds:.0f} s"
    if seconds < 7_200:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.0f} h" if seconds < 172_800 else f"{seconds / 86_400:.0f} d"


def text_width(text: str) -> int:
    """Return the width of a text on a terminal: East Asian letters take two columns, combining marks none."""
    return sum(_width(each) for each in text)


def padded(text: str, wide: int) -> str:
    return text + " " * max(0, wide - text_width(text))


def cut(text: str, wide: int) -> str:
    if text_width(text) <= wide:
        return text
    taken, used = "", 1  # one column for the sign that the text continues
    for each in text:
        used += _width(each)
        if used > wide:
            break
        taken += each
    return taken + "…"


def _width(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
