"""The frozen settings of the centre, and the keys of ``/etc/edge-central/edge-central.yaml``."""

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import tzinfo
from pathlib import Path
from typing import Annotated

from edge_agent.config.fields import login
from edge_agent.config.fields.collections import ListOf
from edge_agent.config.fields.declare import Key, Made, section
from edge_agent.config.fields.field_types import Number, PasswordFile, PathType, ReadableFile, identifier
from edge_agent.config.fields.schema_types import Field, Section, SectionValues
from edge_agent.config.model.connection import MQTT
from edge_agent.config.model.settings import Mqtt
from edge_agent.core.secrets import Secret
from edge_central.alert_settings import ALERTS, AlertSettings, default_rules
from edge_central.broker_user import BrokerUser, check_user
from edge_central.config_types import (
    SQLITE,
    AddressAndPort,
    DatabaseAddress,
    DaysByKind,
    ListenAddress,
    WebhookUrl,
)
from edge_central.console_settings import CONSOLE, DEFAULT_TIMEZONE, Console, Tls
from edge_central.journey_settings import JOURNEYS, JourneySettings
from edge_central.webhook_settings import WebhookAuthority, WebhookSecret, check_secret

STATE_DIR = Path("/var/lib/edge-central")


@dataclass(frozen=True, slots=True)
class Database:
    """The database of the centre."""

    url: str  # for SQLAlchemy, without a password
    password: Secret | None = None

    @property
    def embedded(self) -> bool:
        return self.url.startswith("sqlite")


BROKER = section(
    Mqtt,
    "mqtt",
    "The broker that the gateways publish to.",
    check=MQTT.check,
    replacements=MQTT.replacements,
    changes={
        "root": {"doc": "first levels of every topic, as the gateways have them"},
        "cert_file": {"doc": "client certificate; with one, the broker knows the centre by its CN"},
        "spread_s": {"doc": "longest random wait before a first connect", "default": 0.0},
    },
    without=("delivery",),
)


@dataclass(frozen=True, slots=True)
class HeartbeatHistory:
    """Heartbeats that are stored for plots."""

    every_s: Annotated[
        float,
        Key(
            "one heartbeat of each gateway is stored in each interval of this length",
            Number(60, 86400, "seconds"),
        ),
    ] = 600.0
    days: Annotated[float, Key("a stored heartbeat is deleted after this time", Number(1, 3660, "days"))] = (
        30.0
    )


HISTORY = section(HeartbeatHistory, "history")


@dataclass(frozen=True, slots=True)
class Webhook:
    """Posts each opened and each cleared alert as JSON, again until it is accepted."""

    url: Annotated[str, Key("URL to post to", WebhookUrl())]
    secret: WebhookSecret = None
    ca_file: WebhookAuthority = None


WEBHOOK = section(
    Webhook,
    "webhook",
    check=check_secret,
    replacements={
        **login.ADVICE,
        "secret": "name a file in secret_file",
        "token": "name a file in secret_file",
    },
)

_DAYS = Number(1, 36_600, "days")
KINDS = {"chain-head": 730.0, "evidence": 730.0}  # evidence of an alarm is kept as long as the alarm


@dataclass(frozen=True, slots=True)
class Retention:
    """Rows and media older than these are deleted, unless a hold keeps them; each deletion is recorded."""

    info_days: Annotated[float, Key("events of severity info", _DAYS)] = 90.0
    warning_days: Annotated[float, Key("warnings", _DAYS)] = 180.0
    alarm_days: Annotated[float, Key("alarms", _DAYS)] = 730.0
    kinds: Annotated[
        Mapping[str, float],
        Key(
            "days of single kinds of events, whatever their severity; add a kind with `{counts: 730}`",
            DaysByKind(_DAYS, "kinds"),
            f"`{', '.join(f'{kind}: {days:g}' for kind, days in KINDS.items())}`",
            default={},
            make=lambda values: KINDS | values["kinds"],
        ),
    ] = field(default_factory=lambda: KINDS)
    media_days: Annotated[float, Key("pictures", _DAYS)] = 90.0
    paper_days: Annotated[
        float,
        Key(
            "commissioning reports and later examinations: of each gateway the first 50 of each kind, "
            "further ones are deleted like pictures",
            _DAYS,
        ),
    ] = 3650.0
    alert_days: Annotated[float, Key("cleared alerts", _DAYS)] = 365.0
    traffic_days: Annotated[float, Key("counts of traffic by quarter of an hour", _DAYS)] = 760.0
    duty_days: Annotated[
        float,
        Key(
            "notes, requests and handovers of the officers; those about an event or alert are kept at least "
            "as long as the event or alert",
            _DAYS,
        ),
    ] = 730.0
    claim_days: Annotated[
        float,
        Key(
            "claims of boxes that were not repeated or answered since, with the technician's name and the "
            "place of the phone; one in force stays while its site reports",
            _DAYS,
        ),
    ] = 365.0


RETENTION = section(
    Retention,
    "retention",
    replacements={
        "days": "write info_days:, warning_days: and alarm_days:",
        "pictures_days": "write media_days:",
    },
)


def _check_metrics(values: SectionValues) -> None:
    listen: ListenAddress | None = values.valid("listen")
    if listen is not None and not ipaddress.ip_address(listen.host).is_loopback:
        values.warn("listen", "every host that reaches it can read the metrics of all wards, without a login")


METRICS = Section(
    "metrics",
    "Metrics for Prometheus at `/metrics`. Without this section nothing listens.",
    (Field("listen", AddressAndPort(), "address and port, such as `127.0.0.1:9108`"),),
    lambda values: values["listen"],
    _check_metrics,
    {"port": "write listen: 127.0.0.1:9108"},
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestsUser(BrokerUser):
    """A second broker session for the commands that the console sends to gateways, as a broker user that may
    do nothing else. Broker, root and ca_file are those of mqtt."""


REQUESTS = section(RequestsUser, "requests", check=check_user, replacements=login.ADVICE)


@dataclass(frozen=True, slots=True, kw_only=True)
class OnvifPublishing(BrokerUser):
    """Publishes events as ONVIF devices do over MQTT (`onvif-ej`), as a broker user that may do nothing else.
    Broker, root and ca_file are those of mqtt. Without this section none are published."""


ONVIF = section(OnvifPublishing, "onvif", check=check_user, replacements=login.ADVICE)


SEARCH_DAYS = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchSettings:
    """Searches of the passages that gateways store: officers ask at the console or over the API, and this
    centre signs the commands. Without this section it sends none."""

    key_file: Annotated[
        Path,
        Key(
            "private key that signs the commands (made by `edge-agent command keygen`); the gateways have "
            "its public key in `commands.search_keys`",
            ReadableFile("a key file", private=True),
        ),
    ]
    days: Annotated[
        float,
        Key("a search, its answers and the pictures that were opened are deleted after this time", _DAYS),
    ] = SEARCH_DAYS


SEARCH = section(SearchSettings, "search", replacements={"key": "name a file in key_file"})


CASE_DAYS = 365.0


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseSettings:
    """Cases: copies of passages and pictures that officers keep under a case number."""

    days: Annotated[
        float,
        Key("a case, with its copies of facts and pictures, is deleted this long after it was closed", _DAYS),
    ] = CASE_DAYS


CASES = section(CaseSettings, "cases")


def _database(values: SectionValues) -> Database:
    address: str = values["database"]
    if address == SQLITE:
        state_dir: Path = values["state_dir"]
        address = f"sqlite:///{state_dir.absolute() / 'central.db'}"
    return Database(address, values["database_password_file"])


_DATABASE = (
    Field("database", DatabaseAddress(), "database for everything but pictures and clips", SQLITE),
    Field(
        "database_password_file",
        PasswordFile(),
        "file whose one line is the password; a relative path is looked for in systemd's "
        "`$CREDENTIALS_DIRECTORY`, then beside the configuration file",
        None,
        "none",
    ),
)
_ALERTS = (
    Field(
        "alerts",
        ALERTS,
        "changes and additions to the rules that ship",
        default_rules(),
        "the rules that ship",
    ),
    Field(
        "boot_grace_s",
        Number(0, 3600, "seconds"),
        "no camera alerts for this time after a gateway came back: its cameras start later",
        300.0,
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CentralSettings:
    """One file, without drop-ins."""

    id: Annotated[
        str, Key("MQTT client id; at a broker with certificates the CN of cert_file", identifier())
    ] = "central"
    wards: Annotated[
        tuple[str, ...],
        Key(
            "wards whose gateways this centre serves; several processes can divide the wards among them",
            ListOf(identifier(), "ward ids", most=1000, unique=True),
        ),
    ]
    state_dir: Annotated[
        Path,
        Key(
            "directory of the SQLite file and of pictures and clips; relative to the configuration file",
            PathType("a directory"),
            str(STATE_DIR),
        ),
    ] = STATE_DIR
    database: Annotated[Database, Made(_database, _DATABASE)]
    mqtt: Annotated[Mqtt, BROKER]
    history: Annotated[HeartbeatHistory, HISTORY] = field(default_factory=HeartbeatHistory)
    alerts: Annotated[
        AlertSettings, Made(lambda values: AlertSettings(values["alerts"], values["boot_grace_s"]), _ALERTS)
    ]
    webhook: Annotated[Webhook | None, Key(WEBHOOK.doc, WEBHOOK, "none")] = None
    retention: Annotated[Retention, RETENTION] = field(default_factory=Retention)
    metrics: Annotated[ListenAddress | None, Key(METRICS.doc, METRICS, "nothing listens")] = None
    console: Annotated[Console | None, Key(CONSOLE.doc, CONSOLE, "nothing listens")] = None
    requests: Annotated[RequestsUser | None, Key(REQUESTS.doc, REQUESTS, "the session of mqtt")] = None
    onvif: Annotated[OnvifPublishing | None, Key(ONVIF.doc, ONVIF, "no ONVIF events over MQTT")] = None
    search: Annotated[SearchSettings | None, Key(SEARCH.doc, SEARCH, "no searches")] = None
    journeys: Annotated[JourneySettings, JOURNEYS] = field(default_factory=JourneySettings)
    cases: Annotated[CaseSettings, CASES] = field(default_factory=CaseSettings)
    warnings: tuple[str, ...] = ()

    @property
    def requests_mqtt(self) -> Mqtt:
        """Return the settings of the broker session for ``requests``."""
        return self.mqtt if self.requests is None else self.requests.mqtt(self.mqtt)

    @property
    def search_days(self) -> float:
        """Return for how many days searches are kept, also those from before ``search`` was removed."""
        return SEARCH_DAYS if self.search is None else self.search.days

    @property
    def timezone(self) -> tzinfo:
        """Return the time zone of the pages, which also divides the days by which traffic is counted."""
        return DEFAULT_TIMEZONE if self.console is None else self.console.timezone

    @property
    def media_dir(self) -> Path:
        return self.state_dir / "media"
