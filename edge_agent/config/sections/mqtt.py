"""``mqtt``: the broker, and how to get there."""

from __future__ import annotations

from edge_agent.config.fields import login
from edge_agent.config.fields.kinds import Number, ReadableFile, Text, WordChoice
from edge_agent.config.fields.many import ListOf
from edge_agent.config.fields.spec import Field, Section, SectionValues
from edge_agent.config.model.addresses import BrokerAddress
from edge_agent.config.model.settings import Broker, Delivery, Mqtt
from edge_agent.config.texts.messages import message

_LOCAL = ("localhost", "127.0.0.1", "::1")
# Wildcards, empty levels and a leading $ would make topics that nobody can subscribe to as documented.
ROOT_PATTERN = r"(?!\$)[^/+#\s\x00-\x1f]+(/[^/+#\s\x00-\x1f]+)*"
ROOT_WORDS = "levels such as tb/v1, without + # or spaces"
MOST_ROOT = 64
_ROOT = Text("a topic", MOST_ROOT, ROOT_PATTERN, ROOT_WORDS)


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
    "The broker, and how to get there.",
    (
        Field(
            "brokers",
            ListOf(BrokerAddress(), "broker addresses", least=1, most=8, unique=True),
            "addresses, tried in turn",
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
            "when an event may leave the box: broker, on the broker's PUBACK; confirmed, when the central "
            "ingest has it in its database (down/ack), which a broker that is killed cannot undo",
            Delivery.BROKER,
        ),
        Field(
            "spread_s",
            Number(0, 3600, "seconds"),
            "longest random wait before a first connect, so that a ward's boxes do not come back all at "
            "once; 0 in a lab",
            30.0,
        ),
    ),
    _build,
    _check,
    login.ADVICE,
)
