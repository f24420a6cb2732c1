"""Presence changes as the database keeps them: one of a gateway, or one of a whole ward."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Standing(StrEnum):
    ONLINE = "online"
    OFFLINE = "offline"
    STOPPED = "stopped"  # by somebody who meant it
    UNSTABLE = "unstable"


USUAL_INTERVAL_S = 30.0


@dataclass(frozen=True, slots=True)
class BoxReport:
    """``standing`` is None when the gateway was taken away."""

    gateway: str
    ward: str
    standing: Standing | None
    why: str
    since_ms: int
    interval_s: float = USUAL_INTERVAL_S


@dataclass(frozen=True, slots=True)
class OutageReport:
    """``gateways`` went together, of so many that were there; none: it is over."""

    ward: str
    gateways: tuple[str, ...]
    of: int
    since_ms: int


Report = BoxReport | OutageReport
