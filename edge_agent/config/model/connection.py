"""``mqtt``: the broker and the login; ``healing``: what a gateway without a broker does; ``uplink``: the
connection to the broker and its data limit."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated

from edge_agent.config.fields import login
from edge_agent.config.fields.collections import ListOf
from edge_agent.config.fields.declare import Key, section
from edge_agent.config.fields.field_types import ByteSize, Number, ReadableFile, Text, WordChoice
from edge_agent.config.fields.schema_types import SectionValues
from edge_agent.config.model.addresses import Broker, BrokerAddress, HostPort, ProbeTarget
from edge_agent.config.texts.messages import message
from edge_agent.core.secrets import Credentials

_LOCAL = ("localhost", "127.0.0.1", "::1")
# Wildcards, empty levels and a leading $ would make topics to which subscribers cannot subscribe as
# documented.
ROOT_PATTERN = r"(?!\$)[^/+#\s\x00-\x1f]+(/[^/+#\s\x00-\x1f]+)*"
ROOT_WORDS = "levels such as tb/v1, without + # or spaces"
MAX_ROOT_CHARACTERS = 64
_ROOT = Text("a topic", MAX_ROOT_CHARACTERS, ROOT_PATTERN, ROOT_WORDS)


class Delivery(StrEnum):
    BROKER = "broker"  # an event leaves the outbox on a successful PUBACK
    CONFIRMED = "confirmed"  # ... when the central ingest confirms it on down/ack


@dataclass(frozen=True, slots=True)
class Mqtt:
    """The broker and the connection to it."""

    brokers: Annotated[
        tuple[Broker, ...],
        Key(
            "addresses of the brokers, tried in turn",
            ListOf(BrokerAddress(), "broker addresses", least=1, most=8, unique=True),
        ),
    ]
    root: Annotated[str, Key("first levels of every topic", _ROOT)] = "tb/v1"
    ca_file: Annotated[
        Path | None,
        Key(
            "the CA that signed the broker's certificate",
            ReadableFile("a CA certificate file"),
            "the system's trust store",
        ),
    ] = None
    cert_file: Annotated[
        Path | None,
        Key("client certificate; its CN is the gateway's id", ReadableFile("a certificate file"), "none"),
    ] = None
    key_file: Annotated[
        Path | None, Key("private key of cert_file", ReadableFile("a key file", private=True), "none")
    ] = None
    credentials: Annotated[Credentials | None, login.LOGIN] = None
    delivery: Annotated[
        Delivery,
        Key(
            "when an event is deleted from the outbox. broker: after the broker's PUBACK; confirmed: after "
            "the centre has stored it in its database (down/ack), so that the loss of a broker loses no "
            "event",
            WordChoice(tuple(Delivery), Delivery),
        ),
    ] = Delivery.BROKER
    spread_s: Annotated[
        float,
        Key(
            "longest random wait before the first connection, so that the gateways of a ward do not return "
            "all at once; 0 in a lab",
            Number(0, 3600, "seconds"),
        ),
    ] = 30.0


def _check(values: SectionValues) -> None:
    login.check_login(values)
    values.require_both("cert_file", "key_file")
    brokers: tuple[Broker, ...] = values.valid("brokers") or ()
    if brokers and not any(broker.tls for broker in brokers):
        for key in ("ca_file", "cert_file"):
            if values.given(key):
                values.warn(key, message("tls-unused", key=key))
    open_network = any(not broker.tls and broker.host not in _LOCAL for broker in brokers)
    if open_network and values.given("username"):
        values.warn("brokers", message("mqtt-plain"))


MQTT = section(Mqtt, "mqtt", check=_check, replacements=login.ADVICE)

_HOURS = "hours"


@dataclass(frozen=True, slots=True)
class Healing:
    """Repairs that a gateway makes by itself, repeatedly, if it was connected before and has been without a
    broker for hours. Each is delayed by up to a quarter, so that not all gateways of a city do it at once:
    docs/design/healing.md."""

    reconnect_h: Annotated[
        float,
        Key(
            "hours until the agent starts again with the next broker", Number(0.1, 168, _HOURS, or_zero=True)
        ),
    ] = 1.0
    reset_h: Annotated[
        float,
        Key(
            "hours until the agent requests a reset of the modem or interface in "
            "/etc/edge-agent/healing.json, unless a host beyond this site answers",
            Number(0.5, 168, _HOURS, or_zero=True),
        ),
    ] = 4.0
    reboot_h: Annotated[
        float,
        Key(
            "hours until the agent requests a reboot, unless a host beyond this site answers or there is no "
            "host to query; at most one reboot a day",
            Number(2, 720, _HOURS, or_zero=True),
        ),
    ] = 12.0
    witnesses: Annotated[
        tuple[ProbeTarget, ...],
        Key(
            "hosts beyond this site: while one answers on TCP the network works, and only the broker is "
            "unreachable. Other brokers and the DNS server are always queried",
            ListOf(HostPort(), "addresses", most=8, unique=True),
        ),
    ] = ()


HEALING = section(Healing, "healing")


class UplinkKind(StrEnum):
    FIBRE = "fibre"
    SIM = "sim"


SIM_MONTHLY_BYTES = 3 * 10**9
"""In 30 days a busy site of four cameras with object events sends 2.6 GB without TCP and IP headers, one with
counts only 0.27 GB, a quiet one 0.15 GB (bench/results/full.md, traffic)."""
BACKLOG_BYTES_S = {UplinkKind.FIBRE: 250_000, UplinkKind.SIM: 25_000}
"""A day's backlog of that busy site with objects (80 MB) is sent in 6 minutes, and in an hour on a SIM
card."""


def _monthly_bytes(values: SectionValues) -> int | None:
    monthly_bytes: int | None = values["monthly_bytes"]
    if monthly_bytes is None and values["kind"] is UplinkKind.SIM:
        return SIM_MONTHLY_BYTES
    return monthly_bytes


@dataclass(frozen=True, slots=True)
class Uplink:
    """The kind of connection to the broker, and its data limit: docs/design/uplink.md."""

    kind: Annotated[
        UplinkKind, Key("selects the defaults below", WordChoice(tuple(UplinkKind), UplinkKind))
    ] = UplinkKind.FIBRE
    monthly_bytes: Annotated[
        int | None,  # None: not limited
        Key(
            "data of this agent in a billing period, both directions; set it below the contract's limit, "
            "because updates and ssh use the same card. Near the limit, pictures wait first, then events of "
            "severity info, then heartbeats are sent every 300 s; alarms and warnings are always sent",
            ByteSize(10 * 10**6, 10**14),
            "3GB on a sim, no limit on fibre",
            make=_monthly_bytes,
        ),
    ] = None
    reset_day: Annotated[
        int,
        Key(
            "day of the month on which the billing period begins, at midnight of gateway.timezone; in a "
            "shorter month its last day",
            Number(1, 31, whole=True),
        ),
    ] = 1
    backlog_bytes_s: Annotated[
        int,
        Key(
            "highest rate of sending the backlog of an outage, in bytes a second; alarms are not limited",
            ByteSize(1_000, 10**9),
            "25kB on a sim, 250kB on fibre",
            default=None,
            make=lambda values: values["backlog_bytes_s"] or BACKLOG_BYTES_S[values["kind"]],
        ),
    ] = BACKLOG_BYTES_S[UplinkKind.FIBRE]
    max_clip_bytes: Annotated[
        int,
        Key(
            "largest clip that the command clip sends through the broker; a larger one is refused and needs "
            "a URL. Above 1.9 MB it is sent in parts, which the centre must take",
            ByteSize(100_000, 64_000_000),
        ),
    ] = 32_000_000


UPLINK = section(Uplink, "uplink")
