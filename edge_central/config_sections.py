"""The sections ``retention:``, ``webhook:`` and ``metrics:`` of the centre's configuration."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from edge_agent import wire
from edge_agent.config.fields import tree
from edge_agent.config.fields.collections import MapOf
from edge_agent.config.fields.field_types import Number, PasswordFile, ReadableFile, text_of
from edge_agent.config.fields.login import ADVICE
from edge_agent.config.fields.schema_types import (
    Field,
    InvalidValue,
    ReadContext,
    ScalarType,
    Section,
    SectionValues,
    did_you_mean,
    quoted,
)
from edge_agent.core.secrets import Secret
from edge_central.settings import ListenAddress, Retention, Webhook
from edge_central.web.config import AddressAndPort

# --- retention ---

_DAYS = Number(1, 36_600, "days")


@dataclass(frozen=True)
class DaysByKind(MapOf):
    """Days by kind of event; unknown kinds are refused."""

    def describe(self) -> str:
        return "a mapping of days by kind of event"

    def read(self, node: tree.Node, reading: ReadContext) -> Any:
        if isinstance(node, tree.Mapping):
            for name, entry in node.entries.items():
                if name not in wire.DATA_OF_KIND:
                    near = did_you_mean(name, wire.DATA_OF_KIND)
                    reading.refuse(entry.key, f"no kind of event is called {quoted(name)}{near}")
        return super().read(node, reading)


KINDS = {"chain-head": 730.0, "evidence": 730.0}
"""Evidence of an alarm is kept as long as the alarm."""


def _build_retention(values: SectionValues) -> Retention:
    return Retention(**{**values.found, "kinds": KINDS | values["kinds"]})


RETENTION = Section(
    "retention",
    "Rows and media older than these are deleted, unless a hold keeps them; each deletion is recorded.",
    (
        Field("info_days", _DAYS, "events of severity info", 90.0),
        Field("warning_days", _DAYS, "warnings", 180.0),
        Field("alarm_days", _DAYS, "alarms", 730.0),
        Field(
            "kinds",
            DaysByKind(_DAYS, "kinds"),
            "days of single kinds of events, whatever their severity; add a kind with `{counts: 730}`",
            {},
            f"`{', '.join(f'{kind}: {days:g}' for kind, days in KINDS.items())}`",
        ),
        Field("media_days", _DAYS, "pictures", 90.0),
        Field("alert_days", _DAYS, "cleared alerts", 365.0),
        Field(
            "duty_days",
            _DAYS,
            "notes, requests and handovers of the officers; those about an event or alert are kept at least "
            "as long as the event or alert",
            730.0,
        ),
    ),
    _build_retention,
    replacements={
        "days": "write info_days:, warning_days: and alarm_days:",
        "pictures_days": "write media_days:",
    },
)


# --- webhook ---


@dataclass(frozen=True)
class WebhookUrl(ScalarType):
    """An https URL, or http on this machine. Error texts never quote it: many URLs have a secret in the
    path."""

    def describe(self) -> str:
        return "https://host/path, or http:// with an address of this machine"

    def parse(self, scalar: tree.Scalar, reading: ReadContext) -> str:
        text = text_of(scalar, self.describe()).strip()
        try:
            url = urlsplit(text)
            host, _ = url.hostname, url.port
        except ValueError:
            raise InvalidValue(f"must be {self.describe()}") from None
        if not host or not text.isascii() or any(c.isspace() or not c.isprintable() for c in text):
            raise InvalidValue(f"must be {self.describe()}")
        if "@" in url.netloc:
            raise InvalidValue("a webhook's URL has no user part; name a file in secret_file")
        if url.scheme == "http" and not _is_here(host):
            raise InvalidValue("alerts would cross the network in clear: write https://")
        if url.scheme not in ("http", "https"):
            raise InvalidValue(f"must be {self.describe()}")
        return text


def _is_here(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _check_webhook(values: SectionValues) -> None:
    secret: Secret | None = values.valid("secret_file")
    if secret is not None and not re.fullmatch(r"[\x21-\x7e]*", secret.reveal()):
        values.reading.refuse(
            values.place("secret_file"), "a token is of ASCII letters, digits and signs only"
        )


def _build_webhook(values: SectionValues) -> Webhook:
    return Webhook(values["url"], values["secret_file"], values["ca_file"])


WEBHOOK = Section(
    "webhook",
    "Posts each opened and each cleared alert as JSON, again until it is accepted.",
    (
        Field("url", WebhookUrl(), "URL to post to"),
        Field(
            "secret_file",
            PasswordFile(),
            "file whose one line is sent as `Authorization: Bearer …`; looked for like password_file",
            None,
            "none",
        ),
        Field(
            "ca_file",
            ReadableFile("a CA certificate file"),
            "the CA that signed the receiver's certificate",
            None,
            "the system's trust store",
        ),
    ),
    _build_webhook,
    _check_webhook,
    replacements={**ADVICE, "secret": "name a file in secret_file", "token": "name a file in secret_file"},
)


# --- metrics ---


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
