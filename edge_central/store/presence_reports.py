"""Presence changes as the database keeps them: one of a gateway, or one of a whole ward."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class PresenceState(StrEnum):
    ONLINE = "online"
    OFFLINE = "offline"
    STOPPED = "stopped"  # by somebody who meant it
    UNSTABLE = "unstable"


USUAL_INTERVAL_S = 30.0


@dataclass(frozen=True, slots=True)
class GatewayReport:
    """``standing`` is None when the gateway was taken away."""

    gateway: str
    ward: str
    state: PresenceState | None
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


PresenceReport = GatewayReport | OutageReport
