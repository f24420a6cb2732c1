"""``uplink``: the way to the broker, and what it may carry."""

from __future__ import annotations

from edge_agent.config.fields.kinds import ByteSize, Number, WordChoice
from edge_agent.config.fields.spec import Field, Section, SectionValues
from edge_agent.config.model.settings import Uplink, UplinkKind

SIM_MONTHLY_BYTES = 3 * 10**9
"""A busy site of four cameras that tells objects sends 2.6 GB in 30 days without TCP and IP headers, one
with counts only 0.27 GB, a quiet one 0.15 GB (bench/results/full.md, traffic)."""
BACKLOG_BYTES_S = {UplinkKind.FIBRE: 250_000, UplinkKind.SIM: 25_000}
"""A day of that busy site with objects (80 MB) is through in 6 minutes, and in an hour on a SIM card."""


def _build_uplink(values: SectionValues) -> Uplink:
    kind: UplinkKind = values["kind"]
    monthly_bytes = values["monthly_bytes"]
    if monthly_bytes is None and kind is UplinkKind.SIM:
        monthly_bytes = SIM_MONTHLY_BYTES
    backlog_bytes_s = values["backlog_bytes_s"] or BACKLOG_BYTES_S[kind]
    return Uplink(kind, monthly_bytes, values["reset_day"], backlog_bytes_s)


UPLINK = Section(
    "uplink",
    "The way to the broker, and what it may carry: docs/design/uplink.md.",
    (
        Field(
            "kind",
            WordChoice(tuple(UplinkKind), UplinkKind),
            "what the defaults below are for",
            UplinkKind.FIBRE,
        ),
        Field(
            "monthly_bytes",
            ByteSize(10 * 10**6, 10**14),
            "what this agent may carry in a billing period, both ways; less than the contract says, since "
            "updates and ssh use the same card. When it runs short, pictures wait first, then infos, then "
            "heartbeats come every 300 s; alarms and warnings always go",
            None,
            "3GB on a sim, no limit on fibre",
        ),
        Field(
            "reset_day",
            Number(1, 31, whole=True),
            "day of the month on which the provider counts anew, at midnight of gateway.timezone; in a "
            "shorter month its last day",
            1,
        ),
        Field(
            "backlog_bytes_s",
            ByteSize(1_000, 10**9),
            "so much a second at most, alarms excepted: what has piled up in an outage leaves no faster",
            None,
            "25kB on a sim, 250kB on fibre",
        ),
    ),
    _build_uplink,
)
