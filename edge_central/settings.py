"""The frozen settings of the centre."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from zoneinfo import ZoneInfo

from edge_agent.config.model.settings import Mqtt
from edge_agent.core.secrets import Credentials, Secret
from edge_central.alert_rules.measures import AlertSettings


@dataclass(frozen=True, slots=True)
class Database:
    """Where rows are kept."""

    url: str  # for SQLAlchemy, without a password
    password: Secret | None = None

    @property
    def embedded(self) -> bool:
        return self.url.startswith("sqlite")


@dataclass(frozen=True, slots=True)
class HeartbeatHistory:
    """Of heartbeats, for plots: one of each gateway is kept this often, for so long."""

    every_s: float
    days: float


@dataclass(frozen=True, slots=True)
class ListenAddress:
    """Where the console or the metrics listen; ``host`` is an address."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Tls:
    cert_file: Path
    key_file: Path


@dataclass(frozen=True, slots=True)
class Console:
    """The web server of the centre."""

    listen: ListenAddress
    tls: Tls | None
    proxies: tuple[IPv4Network | IPv6Network, ...]  # who speaks TLS for us, and says who asks
    idle_s: float  # a session that nobody uses ends after this
    session_s: float  # and every session after this
    timezone: ZoneInfo
    sites_file: Path | None
    wards_file: Path | None
    access_days: float  # who opened which picture is remembered for so long

    @property
    def secure(self) -> bool:
        """Whether browsers reach it by https."""
        return self.tls is not None or bool(self.proxies)


@dataclass(frozen=True, slots=True)
class RequestsUser:
    """Who sends what the console asks of gateways: a user of the broker that may do nothing else."""

    id: str  # MQTT client id; at a broker with certificates also the CN
    cert_file: Path | None
    key_file: Path | None
    credentials: Credentials | None


@dataclass(frozen=True, slots=True)
class Webhook:
    """Where alerts are posted to."""

    url: str  # https, or http on this machine; without a user part
    secret: Secret | None  # sent as a bearer token
    ca_file: Path | None  # None: the system's trust store


@dataclass(frozen=True, slots=True)
class Retention:
    """How long what was reported is kept, in days since it arrived."""

    info_days: float
    warning_days: float
    alarm_days: float
    media_days: float
    alert_days: float  # alerts that are over
    duty_days: float  # what the duty desk wrote
    kinds: Mapping[str, float]  # instead of by severity


@dataclass(frozen=True, slots=True)
class CentralSettings:
    id: str  # MQTT client id; at a broker with certificates also the CN
    wards: tuple[str, ...]
    state_dir: Path
    database: Database
    mqtt: Mqtt
    history: HeartbeatHistory
    alerts: AlertSettings
    retention: Retention
    webhook: Webhook | None = None
    console: Console | None = None  # None: nothing listens
    metrics: ListenAddress | None = None
    requests: RequestsUser | None = None  # None: they go out with the session of ``mqtt``
    warnings: tuple[str, ...] = ()

    @property
    def requests_mqtt(self) -> Mqtt:
        """The broker as that user sees it."""
        user = self.requests
        if user is None:
            return self.mqtt
        return replace(
            self.mqtt, cert_file=user.cert_file, key_file=user.key_file, credentials=user.credentials
        )

    @property
    def media_dir(self) -> Path:
        return self.state_dir / "media"
