"""The frozen settings of the centre."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from zoneinfo import ZoneInfo

from edge_agent.config.model.settings import Mqtt
from edge_agent.core.secrets import Credentials, Secret
from edge_central.alert_rules import AlertSettings


@dataclass(frozen=True, slots=True)
class Database:
    """The database of the centre."""

    url: str  # for SQLAlchemy, without a password
    password: Secret | None = None

    @property
    def embedded(self) -> bool:
        return self.url.startswith("sqlite")


@dataclass(frozen=True, slots=True)
class HeartbeatHistory:
    """Heartbeats stored for plots: one of each gateway per ``every_s``, deleted after ``days``."""

    every_s: float
    days: float


@dataclass(frozen=True, slots=True)
class ListenAddress:
    """Address of the console or of the metrics server; ``host`` is an IP address."""

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
    proxies: tuple[IPv4Network | IPv6Network, ...]  # reverse proxies in front of the console
    idle_s: float  # an unused session ends after this
    session_s: float  # and every session after this
    timezone: ZoneInfo
    sites_file: Path | None
    wards_file: Path | None
    access_days: float  # how long the access log is kept

    @property
    def secure(self) -> bool:
        """Whether browsers connect with https."""
        return self.tls is not None or bool(self.proxies)


@dataclass(frozen=True, slots=True)
class RequestsUser:
    """The broker user that sends the console's commands to gateways, and may do nothing else."""

    id: str  # MQTT client id; at a broker with certificates also the CN
    cert_file: Path | None
    key_file: Path | None
    credentials: Credentials | None


@dataclass(frozen=True, slots=True)
class Webhook:
    """The URL that alerts are posted to."""

    url: str  # https, or http on this machine; without a user part
    secret: Secret | None  # sent as a bearer token
    ca_file: Path | None  # None: the system's trust store


@dataclass(frozen=True, slots=True)
class Retention:
    """How long stored rows are kept, in days since they arrived."""

    info_days: float
    warning_days: float
    alarm_days: float
    media_days: float
    alert_days: float  # cleared alerts
    duty_days: float  # the officers' records: handling steps, requests, handovers
    kinds: Mapping[str, float]  # by kind of event; overrides the days by severity


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
    requests: RequestsUser | None = None  # None: requests use the session of ``mqtt``
    warnings: tuple[str, ...] = ()

    @property
    def requests_mqtt(self) -> Mqtt:
        """Settings of the broker session of ``requests``."""
        user = self.requests
        if user is None:
            return self.mqtt
        return replace(
            self.mqtt, cert_file=user.cert_file, key_file=user.key_file, credentials=user.credentials
        )

    @property
    def media_dir(self) -> Path:
        return self.state_dir / "media"
