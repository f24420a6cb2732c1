"""``oidc:`` of the console: sign-in through an OpenID Connect provider."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from edge_agent.config.fields.collections import ListOf
from edge_agent.config.fields.declare import Key, section
from edge_agent.config.fields.field_types import (
    Flag,
    PasswordFile,
    ReadableFile,
    Text,
    WordChoice,
    identifier,
)
from edge_agent.config.fields.schema_types import SectionValues
from edge_agent.core.secrets import Secret
from edge_central.config_types import IssuerUrl

HUMAN_ROLES = ("admin", "officer", "viewer")
"""Roles of people. Programs have tokens instead."""
_WORD = r"[\x21\x23-\x5b\x5d-\x7e]+"
"""A scope (RFC 6749, section 3.3); a value of acr or amr is written the same way here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleMapping:
    """One value of the claim, with the role and the wards that it grants."""

    value: Annotated[
        str, Key("a value of role_claim, such as the name or id of a group", Text("a value", 200))
    ]
    role: Annotated[str, Key("role of the users who have this value", WordChoice(HUMAN_ROLES))]
    wards: Annotated[
        tuple[str, ...],
        Key(
            "their wards; none for an admin, who sees all",
            ListOf(identifier(), "ward ids", most=1000, unique=True),
            "none",
        ),
    ] = ()


def _check_mapping(values: SectionValues) -> None:
    role, wards = values.valid("role"), values.valid("wards")
    if role == "admin" and wards:
        values.reading.refuse(values.place("wards"), "an admin sees all wards: leave wards out")
    if role is not None and role != "admin" and wards == ():
        values.reading.refuse(values.place("role"), f"the role {role} needs wards")


ROLE_MAPPING = section(
    RoleMapping,
    "the role",
    check=_check_mapping,
    replacements={"group": "write value:", "ward": "write wards: [de-tham]"},
    example="{value: edge-officers, role: officer, wards: [de-tham]}",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class OidcSettings:
    """Sign-in through an OpenID Connect provider, which sets role and wards of its users at each sign-in. It
    needs url. Local accounts still work."""

    issuer: Annotated[
        str, Key("issuer of the provider, exactly as its discovery document has it", IssuerUrl())
    ]
    client_id: Annotated[
        str, Key("id of this console at the provider", Text("a client id", 200, r"[\x21-\x7e]+"))
    ]
    client_secret: Annotated[
        Secret,
        Key(
            "file whose one line is the secret of this client; looked for like password_file",
            PasswordFile(),
            key="client_secret_file",
        ),
    ]
    ca_file: Annotated[
        Path | None,
        Key(
            "the CA that signed the provider's certificate",
            ReadableFile("a CA certificate file"),
            "the system's trust store",
        ),
    ] = None
    label: Annotated[str, Key("name of the provider on the login page", Text("a name", 60))] = (
        "OpenID Connect"
    )
    scopes: Annotated[
        tuple[str, ...],
        Key(
            "what is requested besides `openid`",
            ListOf(Text("a scope", 100, _WORD), "scopes", most=16, unique=True),
            "`[profile]`",
        ),
    ] = ("profile",)
    name_claim: Annotated[
        str,
        Key(
            "claim of the ID token from which the name of a new account is made; the name does not change "
            "later",
            Text("a claim", 200),
        ),
    ] = "preferred_username"
    role_claim: Annotated[
        str,
        Key("claim of the ID token to which roles refers; a text or a list", Text("a claim", 200)),
    ] = "groups"
    roles: Annotated[
        tuple[RoleMapping, ...],
        Key(
            "role and wards for each value of role_claim. If a user has several of these values, the "
            "strongest role counts, with the wards of all values of that role; without any of them the "
            "sign-in is refused",
            ListOf(ROLE_MAPPING, "roles", least=1, most=1000),
        ),
    ]
    prompt_login: Annotated[
        bool,
        Key(
            "whether the provider asks for the login at each sign-in (`prompt=login`), also while the user "
            "has a session there: for computers that several users share",
            Flag(),
        ),
    ] = False
    acr: Annotated[
        tuple[str, ...],
        Key(
            "the claim `acr` must be one of these; they are requested as `acr_values`",
            ListOf(Text("a value", 200, _WORD), "values", most=16, unique=True),
            "none: the provider decides how users prove who they are",
        ),
    ] = ()
    amr: Annotated[
        tuple[str, ...],
        Key(
            "the claim `amr` must contain all of these, such as mfa",
            ListOf(Text("a value", 200, _WORD), "values", most=16, unique=True),
            "none",
        ),
    ] = ()
    password_accounts: Annotated[
        tuple[str, ...] | None,
        Key(
            "only these local accounts may log in with a password, for example while the provider is down",
            ListOf(Text("a user name", 63, r"[a-z0-9][a-z0-9._-]*"), "user names", most=100, unique=True),
            "all local accounts may",
        ),
    ] = None


def _check_oidc(values: SectionValues) -> None:
    mappings: tuple[RoleMapping, ...] = values.valid("roles") or ()
    named = [each.value for each in mappings]
    for value in sorted({each for each in named if named.count(each) > 1}):
        values.reading.refuse(values.place("roles"), f"two roles have the value {value}")
    if values.valid("password_accounts") == ():
        values.warn("password_accounts", "the list is empty: while the provider is down nobody can log in")


OIDC = section(
    OidcSettings,
    "oidc",
    check=_check_oidc,
    replacements={
        "client_secret": "name a file in client_secret_file",
        "secret_file": "write client_secret_file:",
        "url": "write issuer:",
    },
)
