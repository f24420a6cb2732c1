"""``webhooks:`` of the console: servers to which events and alerts are posted."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from edge_agent import wire
from edge_agent.config.fields.collections import ListOf
from edge_agent.config.fields.declare import Key, section
from edge_agent.config.fields.field_types import (
    Flag,
    Number,
    PasswordFile,
    ReadableFile,
    WordChoice,
    identifier,
)
from edge_agent.config.fields.schema_types import SectionValues
from edge_agent.core.model import Severity
from edge_agent.core.secrets import Secret
from edge_central.config_types import WebhookUrl

MAX_WEBHOOKS = 16

WebhookSecret = Annotated[
    Secret | None,  # sent as a bearer token
    Key(
        "file whose one line is sent as `Authorization: Bearer …`; looked for like password_file",
        PasswordFile(),
        "none",
        key="secret_file",
    ),
]
WebhookAuthority = Annotated[
    Path | None,
    Key(
        "the CA that signed the receiver's certificate",
        ReadableFile("a CA certificate file"),
        "the system's trust store",
    ),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class EventWebhook:
    """Posts events and alerts with names, a text in both languages and links."""

    id: Annotated[str, Key("names the webhook in the delivery log", identifier())]
    url: Annotated[str, Key("URL to post to", WebhookUrl())]
    secret: WebhookSecret = None
    ca_file: WebhookAuthority = None
    wards: Annotated[
        tuple[str, ...],
        Key(
            "of these wards only",
            ListOf(identifier(), "ward ids", most=1000, unique=True),
            "all of the centre",
        ),
    ] = ()
    kinds: Annotated[
        tuple[str, ...] | None,
        Key(
            "kinds of events; an empty list: alerts only",
            ListOf(WordChoice(tuple(wire.DATA_OF_KIND)), "kinds of events", unique=True),
            "those that ring at the console",
        ),
    ] = None
    severity: Annotated[
        Severity,
        Key(
            "events and alerts of this severity and higher",
            WordChoice(tuple(each.name.lower() for each in Severity), lambda word: Severity[word.upper()]),
            "`alarm`",
        ),
    ] = Severity.ALARM
    alerts: Annotated[bool, Key("whether alerts of gateways and wards are posted too", Flag())] = True
    unacknowledged_s: Annotated[
        float,
        Key(
            "post only what nobody has acknowledged for so long; 0: at once",
            Number(10, 86_400, "seconds", or_zero=True),
        ),
    ] = 0.0


def check_secret(values: SectionValues) -> None:
    """Refuse a token that no header can have."""
    secret: Secret | None = values.valid("secret_file")
    if secret is not None and not re.fullmatch(r"[\x21-\x7e]*", secret.reveal()):
        values.reading.refuse(
            values.place("secret_file"), "a token is of ASCII letters, digits and signs only"
        )


EVENT_WEBHOOK = section(
    EventWebhook,
    "the webhook",
    check=check_secret,
    example="{id: duty-phone, url: https://relay.example/edge}",
)
WEBHOOKS = ListOf(EVENT_WEBHOOK, "webhooks", most=MAX_WEBHOOKS)
