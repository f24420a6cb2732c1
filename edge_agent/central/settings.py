"""The frozen settings of the centre."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edge_agent.config.settings import Mqtt
from edge_agent.secrets import Secret


@dataclass(frozen=True, slots=True)
class Database:
    """Where rows are kept."""

    url: str  # for SQLAlchemy, without a password
    password: Secret | None = None

    @property
    def embedded(self) -> bool:
        return self.url.startswith("sqlite")


@dataclass(frozen=True, slots=True)
class History:
    """Of heartbeats, for plots: one of each gateway is kept this often, for so long."""

    every_s: float
    days: float


@dataclass(frozen=True, slots=True)
class CentralSettings:
    id: str  # MQTT client id; at a broker with certificates also the CN
    wards: tuple[str, ...]
    state_dir: Path
    database: Database
    mqtt: Mqtt
    history: History
    warnings: tuple[str, ...] = ()

    @property
    def pictures(self) -> Path:
        return self.state_dir / "media"
