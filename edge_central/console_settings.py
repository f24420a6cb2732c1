"""``console:`` of the centre's configuration."""

import ipaddress
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Annotated
from urllib.parse import quote
from zoneinfo import ZoneInfo

from edge_agent.config.fields.collections import ListOf
from edge_agent.config.fields.declare import Key, Made, section
from edge_agent.config.fields.field_types import Flag, Number, ReadableFile, Text, WordChoice
from edge_agent.config.fields.schema_types import Field, SectionValues
from edge_agent.config.fields.times import TimeZone
from edge_central.config_types import (
    AddressAndPort,
    AddressOrNetwork,
    ListenAddress,
    RecorderUrl,
    is_encrypted_or_here,
)
from edge_central.oidc_settings import HUMAN_ROLES, OIDC, OidcSettings
from edge_central.webhook_settings import PUSH, WEBHOOKS, EventWebhook, PushSettings

_LISTEN = ListenAddress("127.0.0.1", 8443)
DEFAULT_TIMEZONE = ZoneInfo("Asia/Ho_Chi_Minh")


@dataclass(frozen=True, slots=True)
class Tls:
    cert_file: Path
    key_file: Path


def _tls(values: SectionValues) -> Tls | None:
    return None if values["cert_file"] is None else Tls(values["cert_file"], values["key_file"])


_TLS = (
    Field(
        "cert_file",
        ReadableFile("a certificate file"),
        "server certificate with its chain; a renewed one is used within a minute",
        None,
        "none",
    ),
    Field("key_file", ReadableFile("a key file", private=True), "private key of cert_file", None, "none"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Console:
    """The web server: the console and the API. Without this section nothing listens."""

    listen: Annotated[
        ListenAddress,
        Key(
            "address and port of the console; beyond loopback it needs TLS, of its own or of a proxy",
            AddressAndPort(),
        ),
    ] = _LISTEN
    tls: Annotated[Tls | None, Made(_tls, _TLS)] = None
    proxies: Annotated[
        tuple[IPv4Network | IPv6Network, ...],
        Key(
            "reverse proxies with TLS: X-Forwarded-For and X-Forwarded-Proto are trusted from these "
            "addresses only",
            ListOf(AddressOrNetwork(), "addresses", most=16, unique=True),
        ),
    ] = ()
    idle_s: Annotated[
        float,
        Key(
            "a session that is not used ends after this time",
            Number(5, 1440, "minutes"),
            key="idle_min",
            default=60.0,
            make=lambda values: values["idle_min"] * 60,
        ),
    ]
    session_s: Annotated[
        float,
        Key(
            "every session ends after this time, such as the length of a shift",
            Number(1, 720, "hours"),
            key="session_h",
            default=12.0,
            make=lambda values: values["session_h"] * 3600,
        ),
    ]
    second_factor_roles: Annotated[
        tuple[str, ...],
        Key(
            "roles whose users must log in with a code of an authenticator app besides the password; they "
            "set it up at their next login. Not for users of oidc: their provider asks for it",
            ListOf(WordChoice(HUMAN_ROLES), "roles", unique=True),
            "none: each user decides",
        ),
    ] = ()
    timezone: Annotated[
        ZoneInfo, Key("time zone of the times on the pages", TimeZone(), f"`{DEFAULT_TIMEZONE.key}`")
    ] = DEFAULT_TIMEZONE
    sites_file: Annotated[
        Path | None,
        Key(
            "the sheet of the fleet, sites.csv: names of cameras, coordinates; read again when it changes",
            ReadableFile("a CSV file"),
            "none: the names that gateways report",
        ),
    ] = None
    wards_file: Annotated[
        Path | None,
        Key(
            "names of the wards, wards.csv; read again when it changes",
            ReadableFile("a CSV file"),
            "none: their ids",
        ),
    ] = None
    boxes_file: Annotated[
        Path | None,
        Key(
            "the list of prepared boxes, boxes.csv: a claim of another box is reported as wrong; read again "
            "when it changes",
            ReadableFile("a CSV file"),
            "none: every box may claim",
        ),
    ] = None
    release_manifests: Annotated[
        tuple[Path, ...],
        Key(
            "`manifest.json` of the servers of releases, or copies of them: the console shows how far the "
            "published share has come; read again for each page",
            ListOf(ReadableFile("a JSON file"), "files", most=8, unique=True),
            "none",
        ),
    ] = ()
    access_days: Annotated[
        float,
        Key(
            "rows of the access log, such as who opened which picture or clip, are deleted after this time",
            Number(1, 3660, "days"),
        ),
    ] = 365.0
    availability_target_percent: Annotated[
        float | None,
        Key(
            "agreed share of time with a usable picture; the reports of availability say what was missed",
            Number(0, 100, "percent"),
            "none: the reports name no target",
        ),
    ] = None
    url: Annotated[
        str,
        Key(
            "address of the console as users type it, for links in what webhooks post and for the way back "
            "from the provider of oidc",
            Text("an address such as https://console.example:8443", 200, r"https?://[^\s/?#@]+"),
            "none",
        ),
    ] = ""
    webhooks: Annotated[
        tuple[EventWebhook, ...], Key("servers to which events and alerts are posted", WEBHOOKS, "none")
    ] = ()
    push: Annotated[PushSettings | None, Key(PUSH.doc, PUSH, "no notifications")] = None
    onvif_events: Annotated[
        bool,
        Key(
            "whether ONVIF clients may subscribe to events at /onvif/event_service, with the login of a "
            "program",
            Flag(),
        ),
    ] = False
    oidc: Annotated[OidcSettings | None, Key(OIDC.doc, OIDC, "passwords only")] = None
    recorder_url: Annotated[
        str | None,
        Key(
            "page of a recorder's channel, such as `https://nvr.example/live?channel={channel}`: channels "
            "become links; `{gateway}` and `{camera}` may be in it too",
            RecorderUrl(),
            "none: channels are no links",
        ),
    ] = None

    def recorder_link(self, gateway: str, camera: str, channel: str) -> str | None:
        """Return the percent-encoded address of the recorder's page for a channel; None: not configured."""
        if self.recorder_url is None or not channel:
            return None
        values = {"gateway": gateway, "camera": camera, "channel": channel}
        return self.recorder_url.format_map({name: quote(value, safe="") for name, value in values.items()})

    def allows_password(self, name: str) -> bool:
        """Return whether the local account may log in with its password."""
        only = None if self.oidc is None else self.oidc.password_accounts
        return only is None or name in only

    @property
    def secure(self) -> bool:
        """Return whether browsers connect with https."""
        return self.tls is not None or bool(self.proxies)


def _check_webhooks(values: SectionValues) -> None:
    webhooks: tuple[EventWebhook, ...] = values.valid("webhooks") or ()
    if webhooks and not values.given("url"):
        values.reading.refuse(values.place("webhooks"), "webhooks need url: what they post has links to it")
    names = [each.id for each in webhooks]
    for name in sorted({each for each in names if names.count(each) > 1}):
        values.reading.refuse(values.place("webhooks"), f"two webhooks are called {name}")


def _check_oidc(values: SectionValues) -> None:
    if not values.given("oidc"):
        return
    url = values.valid("url")
    if not values.given("url"):
        values.reading.refuse(values.place("oidc"), "oidc needs url: the provider leads users back to it")
    elif url and not is_encrypted_or_here(url):
        why = "the provider's codes would cross the network in clear: write https://"
        values.reading.refuse(values.place("url"), why)


def _check(values: SectionValues) -> None:
    values.require_both("cert_file", "key_file")
    _check_webhooks(values)
    _check_oidc(values)
    listen: ListenAddress | None = values.valid("listen")
    if listen is None or values.given("cert_file") or values.given("proxies"):
        return
    if not ipaddress.ip_address(listen.host).is_loopback:
        values.reading.refuse(
            values.place("listen"),
            f"passwords would cross the network in clear at {listen}: give cert_file and key_file, or "
            "proxies that speak TLS, or listen at 127.0.0.1",
        )


CONSOLE = section(
    Console,
    "console",
    check=_check,
    replacements={"port": "write listen: 127.0.0.1:8443", "tls": "write cert_file: and key_file:"},
)
