"""The section ``webhook:`` of the centre's configuration."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from edge_agent.config.fields import tree
from edge_agent.config.fields.field_types import PasswordFile, ReadableFile, text_of
from edge_agent.config.fields.login import ADVICE
from edge_agent.config.fields.schema_types import (
    Field,
    InvalidValue,
    ReadContext,
    ScalarType,
    Section,
    SectionValues,
)
from edge_agent.core.secrets import Secret
from edge_central.settings import Webhook


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


def _check(values: SectionValues) -> None:
    secret: Secret | None = values.valid("secret_file")
    if secret is not None and not re.fullmatch(r"[\x21-\x7e]*", secret.reveal()):
        values.reading.refuse(
            values.place("secret_file"), "a token is of ASCII letters, digits and signs only"
        )


def _build(values: SectionValues) -> Webhook:
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
    _build,
    _check,
    replacements={**ADVICE, "secret": "name a file in secret_file", "token": "name a file in secret_file"},
)
