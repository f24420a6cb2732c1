"""``webhooks:`` and ``push:`` of the console: where events and alerts are posted."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Annotated

from edge_agent import wire
from edge_agent.config.fields.collections import ListOf, MapOf
from edge_agent.config.fields.declare import Key, section
from edge_agent.config.fields.field_types import (
    Flag,
    Number,
    PasswordFile,
    ReadableFile,
    Text,
    WordChoice,
    identifier,
)
from edge_agent.config.fields.schema_types import SectionValues
from edge_agent.core.model import Severity
from edge_agent.core.secrets import Secret
from edge_central.config_types import IN_CLEAR, AddressOrNetwork, WebhookUrl, crosses_in_clear

MAX_WEBHOOKS = 16
MAX_GATEWAYS = 2_000

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
class MilestoneFormat:
    """Posts analytics events of Milestone XProtect, as XML, instead of JSON: docs/guide/milestone.md."""

    sources: Annotated[
        Mapping[str, Mapping[str, str]],
        Key(
            "name, address or GUID of each camera in XProtect, by gateway and camera: `{dt-001: {cam-1: "
            "10.1.0.11}}`",
            MapOf(MapOf(Text("a name, address or GUID", 200), "cameras"), "gateways", most=MAX_GATEWAYS),
            "the cameras' names in the sheet",
            default={},
        ),
    ] = field(default_factory=dict)
    lang: Annotated[str, Key("language of the event's name and description", WordChoice(("vi", "en")))] = "vi"
    allow_http: Annotated[
        bool,
        Key(
            "whether `url` may be http:// with an address of another machine: names and texts of events "
            "cross the network in clear",
            Flag(),
        ),
    ] = False


@dataclass(frozen=True, slots=True, kw_only=True)
class EventWebhook:
    """Posts events and alerts with names, a text in both languages and links."""

    id: Annotated[str, Key("names the webhook in the delivery log", identifier())]
    url: Annotated[str, Key("URL to post to", WebhookUrl(any_http=True))]
    secret: WebhookSecret = None
    ca_file: WebhookAuthority = None
    wards: Annotated[
        tuple[str, ...],
        Key(
            "post only events and alerts of these wards",
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
            "post only what nobody has acknowledged for this time; 0: at once",
            Number(10, 86_400, "seconds", or_zero=True),
        ),
    ] = 0.0
    milestone: Annotated[
        MilestoneFormat | None,
        Key(
            "Posts analytics events of Milestone XProtect instead of JSON.",
            section(MilestoneFormat, "milestone"),
            "JSON is posted",
        ),
    ] = None


def check_secret(values: SectionValues) -> None:
    """Refuse a token that an HTTP header cannot carry."""
    secret: Secret | None = values.valid("secret_file")
    if secret is not None and not re.fullmatch(r"[\x21-\x7e]*", secret.reveal()):
        values.reading.refuse(
            values.place("secret_file"), "a token is of ASCII letters, digits and signs only"
        )


def _check_webhook(values: SectionValues) -> None:
    check_secret(values)
    url: str | None = values.valid("url")
    if url is None or not crosses_in_clear(url):
        return
    milestone: MilestoneFormat | None = values.valid("milestone")
    if milestone is None or not milestone.allow_http:
        values.reading.refuse(values.place("url"), IN_CLEAR)
    elif values.given("secret_file"):
        values.reading.refuse(
            values.place("secret_file"), "the token would cross the network in clear: write https://"
        )


EVENT_WEBHOOK = section(
    EventWebhook,
    "the webhook",
    check=_check_webhook,
    example="{id: duty-phone, url: https://relay.example/edge}",
)
WEBHOOKS = ListOf(EVENT_WEBHOOK, "webhooks", most=MAX_WEBHOOKS)

# --- Web Push ---

PUSH_SERVICES = (
    "fcm.googleapis.com",
    "updates.push.services.mozilla.com",
    "*.push.apple.com",
    "*.notify.windows.com",
)
"""The push services of Chrome, Firefox, Safari and Edge, as their makers document them."""
_SERVICE = r"(\*\.)?[a-z0-9-]+(\.[a-z0-9-]+)*(:\d{1,5})?"
_CONTACT = r"mailto:[^\s@<>]+@[^\s@<>]+|https://[^\s<>@]+"


@dataclass(frozen=True, slots=True, kw_only=True)
class PushSettings:
    """Web Push: notifications on the phones and computers of users who turn them on. Without this section the
    console connects to no push service."""

    contact: Annotated[
        str,
        Key(
            "address of those who run this centre; each message names it to the push service (RFC 8292)",
            Text("an address such as mailto:it@city.example", 200, _CONTACT),
        ),
    ]
    services: Annotated[
        tuple[str, ...],
        Key(
            "hosts of the push services to which the console may connect; `*.` stands for one or more names, "
            "and a port other than 443 is written behind the host",
            ListOf(
                Text("a host name", 253, _SERVICE, "small letters, such as push.example or *.push.example"),
                "hosts",
                1,
                unique=True,
            ),
            "those of Chrome, Firefox, Safari and Edge",
        ),
    ] = PUSH_SERVICES
    networks: Annotated[
        tuple[IPv4Network | IPv6Network, ...],
        Key(
            "networks in which push services may have addresses that are not public, for a push service in "
            "your own network",
            ListOf(AddressOrNetwork(), "addresses", most=16, unique=True),
        ),
    ] = ()
    ca_file: WebhookAuthority = None


PUSH = section(PushSettings, "push", example="{contact: 'mailto:it@city.example'}")
