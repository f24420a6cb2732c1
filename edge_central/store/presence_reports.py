"""Presence reports as the database stores them: of one gateway, or of a whole ward."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class PresenceState(StrEnum):
    ONLINE = "online"
    OFFLINE = "offline"
    STOPPED = "stopped"  # stopped on purpose
    UNSTABLE = "unstable"


USUAL_INTERVAL_S = 30.0


@dataclass(frozen=True, slots=True)
class GatewayReport:
    """The published state of one gateway; ``state`` is None after the gateway was removed."""

    gateway: str
    ward: str
    state: PresenceState | None
    why: str
    since_ms: int
    interval_s: float = USUAL_INTERVAL_S


@dataclass(frozen=True, slots=True)
class OutageReport:
    """Gateways of one ward went at once, of ``of`` that were there; no ``gateways``: the outage is over."""

    ward: str
    gateways: tuple[str, ...]
    of: int
    since_ms: int


PresenceReport = GatewayReport | OutageReport
