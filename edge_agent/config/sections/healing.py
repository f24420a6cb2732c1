"""``healing``: what a gateway without a broker does by itself."""

from __future__ import annotations

from edge_agent.config.fields.kinds import Number
from edge_agent.config.fields.many import ListOf
from edge_agent.config.fields.spec import Field, Section, build_from_values
from edge_agent.config.model.addresses import HostPort
from edge_agent.config.model.settings import Healing

_HOURS = "hours"

HEALING = Section(
    "healing",
    "What a gateway does by itself that was connected once and has been without a broker for hours, again "
    "and again; up to a quarter later, so that a city does not do it at once: docs/design/healing.md.",
    (
        Field(
            "reconnect_h",
            Number(0.1, 168, _HOURS, or_zero=True),
            "begin from scratch with the next broker",
            1.0,
        ),
        Field(
            "reset_h",
            Number(0.5, 168, _HOURS, or_zero=True),
            "ask root for the reset of the modem or interface that /etc/edge-agent/healing.json describes, "
            "unless somebody beyond this site answers",
            4.0,
        ),
        Field(
            "reboot_h",
            Number(2, 720, _HOURS, or_zero=True),
            "ask root for a reboot, unless somebody beyond this site answers, or nobody could be asked; root "
            "does it at most once a day",
            12.0,
        ),
        Field(
            "witnesses",
            ListOf(HostPort(), "addresses", most=8, unique=True),
            "hosts beyond this site: while one answers on TCP the network is well, and it is the broker that "
            "is away. Other brokers and the name server are asked anyway",
            (),
        ),
    ),
    build_from_values(Healing),
)
