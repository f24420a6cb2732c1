"""``mqtt``: the broker and the login; ``healing``: what a gateway without a broker does; ``uplink``: the
connection to the broker and its data limit."""

from __future__ import annotations

from edge_agent.config.fields import login
from edge_agent.config.fields.collections import ListOf
from edge_agent.config.fields.field_types import ByteSize, Number, ReadableFile, Text, WordChoice
from edge_agent.config.fields.schema_types import Field, Section, SectionValues, build_from_values
from edge_agent.config.model.addresses import BrokerAddress, HostPort
from edge_agent.config.model.settings import Broker, Delivery, Healing, Mqtt, Uplink, UplinkKind
from edge_agent.config.texts.messages import message

_LOCAL = ("localhost", "127.0.0.1", "::1")
# Wildcards, empty levels and a leading $ would make topics to which subscribers cannot subscribe as
# documented.
ROOT_PATTERN = r"(?!\$)[^/+#\s\x00-\x1f]+(/[^/+#\s\x00-\x1f]+)*"
ROOT_WORDS = "levels such as tb/v1, without + # or spaces"
MAX_ROOT_CHARACTERS = 64
_ROOT = Text("a topic", MAX_ROOT_CHARACTERS, ROOT_PATTERN, ROOT_WORDS)


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


def _build(values: SectionValues) -> Mqtt:
    own = {key: value for key, value in values.found.items() if key not in ("username", "password_file")}
    return Mqtt(**own, credentials=login.credentials_of(values))


MQTT = Section(
    "mqtt",
    "The broker and the connection to it.",
    (
        Field(
            "brokers",
            ListOf(BrokerAddress(), "broker addresses", least=1, most=8, unique=True),
            "addresses of the brokers, tried in turn",
        ),
        Field("root", _ROOT, "first levels of every topic", "tb/v1"),
        Field(
            "ca_file",
            ReadableFile("a CA certificate file"),
            "the CA that signed the broker's certificate",
            None,
            "the system's trust store",
        ),
        Field(
            "cert_file",
            ReadableFile("a certificate file"),
            "client certificate; its CN is the gateway's id",
            None,
            "none",
        ),
        Field("key_file", ReadableFile("a key file", private=True), "private key of cert_file", None, "none"),
        *login.FIELDS,
        Field(
            "delivery",
            WordChoice(tuple(Delivery), Delivery),
            "when an event is deleted from the outbox. broker: after the broker's PUBACK; confirmed: after "
            "the centre has stored it in its database (down/ack), so that the loss of a broker loses no "
            "event",
            Delivery.BROKER,
        ),
        Field(
            "spread_s",
            Number(0, 3600, "seconds"),
            "longest random wait before the first connection, so that the gateways of a ward do not return "
            "all at once; 0 in a lab",
            30.0,
        ),
    ),
    _build,
    _check,
    login.ADVICE,
)


_HOURS = "hours"

HEALING = Section(
    "healing",
    "Repairs that a gateway makes by itself, repeatedly, if it was connected before and has been without a "
    "broker for hours. Each is delayed by up to a quarter, so that not all gateways of a city do it at "
    "once: docs/design/healing.md.",
    (
        Field(
            "reconnect_h",
            Number(0.1, 168, _HOURS, or_zero=True),
            "hours until the agent starts again with the next broker",
            1.0,
        ),
        Field(
            "reset_h",
            Number(0.5, 168, _HOURS, or_zero=True),
            "hours until the agent requests a reset of the modem or interface in "
            "/etc/edge-agent/healing.json, unless a host beyond this site answers",
            4.0,
        ),
        Field(
            "reboot_h",
            Number(2, 720, _HOURS, or_zero=True),
            "hours until the agent requests a reboot, unless a host beyond this site answers or there is no "
            "host to query; at most one reboot a day",
            12.0,
        ),
        Field(
            "witnesses",
            ListOf(HostPort(), "addresses", most=8, unique=True),
            "hosts beyond this site: while one answers on TCP the network works, and only the broker is "
            "unreachable. Other brokers and the DNS server are always queried",
            (),
        ),
    ),
    build_from_values(Healing),
)


SIM_MONTHLY_BYTES = 3 * 10**9
"""In 30 days a busy site of four cameras with object events sends 2.6 GB without TCP and IP headers, one with
counts only 0.27 GB, a quiet one 0.15 GB (bench/results/full.md, traffic)."""
BACKLOG_BYTES_S = {UplinkKind.FIBRE: 250_000, UplinkKind.SIM: 25_000}
"""A day's backlog of that busy site with objects (80 MB) is sent in 6 minutes, and in an hour on a SIM
card."""


def _build_uplink(values: SectionValues) -> Uplink:
    kind: UplinkKind = values["kind"]
    monthly_bytes = values["monthly_bytes"]
    if monthly_bytes is None and kind is UplinkKind.SIM:
        monthly_bytes = SIM_MONTHLY_BYTES
    backlog_bytes_s = values["backlog_bytes_s"] or BACKLOG_BYTES_S[kind]
    return Uplink(kind, monthly_bytes, values["reset_day"], backlog_bytes_s)


UPLINK = Section(
    "uplink",
    "The kind of connection to the broker, and its data limit: docs/design/uplink.md.",
    (
        Field(
            "kind",
            WordChoice(tuple(UplinkKind), UplinkKind),
            "selects the defaults below",
            UplinkKind.FIBRE,
        ),
        Field(
            "monthly_bytes",
            ByteSize(10 * 10**6, 10**14),
            "data of this agent in a billing period, both directions; set it below the contract's limit, "
            "because updates and ssh use the same card. Near the limit, pictures wait first, then events of "
            "severity info, then heartbeats are sent every 300 s; alarms and warnings are always sent",
            None,
            "3GB on a sim, no limit on fibre",
        ),
        Field(
            "reset_day",
            Number(1, 31, whole=True),
            "day of the month on which the billing period begins, at midnight of gateway.timezone; in a "
            "shorter month its last day",
            1,
        ),
        Field(
            "backlog_bytes_s",
            ByteSize(1_000, 10**9),
            "highest rate of sending the backlog of an outage, in bytes a second; alarms are not limited",
            None,
            "25kB on a sim, 250kB on fibre",
        ),
    ),
    _build_uplink,
)
