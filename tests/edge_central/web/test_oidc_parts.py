"""Sign-in through a provider: roles and names from claims, the cookie of a sign-in, limits, and rows."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from edge_agent.core.errors import CentralError
from edge_agent.core.secrets import Secret
from edge_central.oidc_settings import OidcSettings, RoleMapping
from edge_central.settings import Database
from edge_central.store import tables
from edge_central.store.database import DatabaseConnections, DatabaseRejected
from edge_central.web.auth.account_changes import AccountAuthor, AccountChangeRefused, disable
from edge_central.web.auth.accounts import (
    Account,
    ProviderIdentity,
    Role,
    add_account,
    find_account,
    remove_account,
)
from edge_central.web.auth.oidc import documents, provider_accounts
from edge_central.web.auth.oidc.documents import ProviderHttp, ProviderMetadata
from edge_central.web.auth.oidc.errors import SignInFailed, SignInFault
from edge_central.web.auth.oidc.pending import MOST_PATH, PendingSignIns
from edge_central.web.auth.oidc.person import (
    ProviderPerson,
    ProviderRights,
    account_name,
    granted,
    read_person,
)
from edge_central.web.auth.oidc.provider import OidcProvider
from edge_central.web.auth.oidc.provider_accounts import admit
from edge_central.web.auth.sessions import SIGN_IN_S
from tests.edge_central.prepared import make_sqlite
from tests.host.fakes import FakeClock
from tests.testbed.oidc_provider import OidcProviderServer

ISSUER = "https://id.example/realms/city"
ENDPOINTS = "authorization_endpoint", "token_endpoint", "jwks_uri"
NOW_MS = 1_800_000_000_000
ROLES = (
    RoleMapping(value="admins", role="admin"),
    RoleMapping(value="officers", role="officer", wards=("de-tham",)),
    RoleMapping(value="night", role="officer", wards=("bo-xuyen", "de-tham")),
    RoleMapping(value="viewers", role="viewer", wards=("ky-ba",)),
)


def settings(issuer: str = ISSUER, **more: Any) -> OidcSettings:
    return OidcSettings(
        issuer=issuer, client_id="console", client_secret=Secret("secret"), roles=ROLES, **more
    )


@pytest.mark.parametrize(
    ("claim", "expected"),
    [
        (["admins", "officers"], ProviderRights(Role.ADMIN, ())),  # the strongest
        ("officers", ProviderRights(Role.OFFICER, ("de-tham",))),  # one text
        (["night", "officers"], ProviderRights(Role.OFFICER, ("bo-xuyen", "de-tham"))),  # wards add up
        (["viewers", "officers"], ProviderRights(Role.OFFICER, ("de-tham",))),  # not those of a weaker role
        (["Officers"], None),  # exactly as written
        (["off", 3, None, ["admins"]], None),
        ({"admins": True}, None),
        (None, None),
    ],
)
def test_role_and_wards_of_a_claim(claim: object, expected: ProviderRights | None) -> None:
    assert granted(claim, settings()) == expected


@pytest.mark.parametrize(
    ("claim", "name"),
    [
        ("Nguyễn.Lan@city.example", "nguyen.lan"),
        ("Đỗ Minh", "do-minh"),
        ("../../admin", "admin"),
        ("<b>", "b"),
        ("x" * 500, "x" * 60),
        ("김", "user-f0c87f75"),  # nothing of it can be in a name
        (None, "user-f0c87f75"),
        (7, "user-f0c87f75"),
    ],
)
def test_the_name_of_a_new_account(claim: object, name: str) -> None:
    assert account_name(claim, ProviderIdentity(ISSUER, "u-1")) == name


@pytest.mark.parametrize(
    ("claims", "is_enough"),
    [
        ({"acr": "gold", "amr": ["pwd", "mfa"]}, True),
        ({"acr": "gold", "amr": "mfa"}, True),
        ({"acr": "silver", "amr": ["mfa"]}, True),
        ({"acr": "0", "amr": ["mfa"]}, False),
        ({"acr": ["gold"], "amr": ["mfa"]}, False),
        ({"acr": "gold", "amr": ["pwd"]}, False),
        ({"acr": "gold"}, False),
        ({}, False),
    ],
)
def test_a_sign_in_that_the_provider_calls_too_weak(claims: dict[str, Any], is_enough: bool) -> None:
    wanted = settings(acr=("gold", "silver"), amr=("mfa",))
    try:
        read_person({"sub": "u-1", **claims}, wanted)
        fault = None
    except SignInFailed as failure:
        fault = failure.fault
    assert fault == (None if is_enough else SignInFault.WEAK)


def test_the_cookie_of_a_sign_in_opens_here_and_for_ten_minutes() -> None:
    ours = PendingSignIns(b"o" * 32)
    pending = ours.new("/alerts", NOW_MS)
    cookie = ours.seal(pending)
    assert ours.open(cookie, NOW_MS + SIGN_IN_S * 1000 - 1) == pending
    assert pending.verifier not in cookie
    other = "x" if cookie[20] != "x" else "y"
    for damaged in (None, "", "x", cookie[:-4], cookie[:20] + other + cookie[21:], "é" * 40):
        assert ours.open(damaged, NOW_MS) is None
    for now_ms in (NOW_MS + SIGN_IN_S * 1000, NOW_MS - 1):
        assert ours.open(cookie, now_ms) is None
    assert PendingSignIns(b"p" * 32).open(cookie, NOW_MS) is None
    assert ours.new("/" + "x" * MOST_PATH, NOW_MS).next == "/"


def test_a_provider_that_does_not_answer_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "TIMEOUT_S", 0.05)
    with OidcProviderServer(lambda: 0, "http://localhost/login/oidc/callback") as server:
        server.released.clear()
        http = ProviderHttp(settings(server.issuer))
        with pytest.raises(SignInFailed, match="no answer") as failed:
            http.get(f"{server.issuer}/keys", ProviderMetadata)
        assert failed.value.fault is SignInFault.PROVIDER_AWAY
        server.released.set()


def test_a_missing_library_is_named_at_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "edge_central.web.auth.oidc.code_flow", raising=False)
    monkeypatch.setitem(sys.modules, "authlib.oauth2.client", None)
    with pytest.raises(CentralError, match="needs Authlib"):
        OidcProvider(settings(), "https://console.example", PendingSignIns(b"o" * 32), FakeClock())


def test_a_ca_file_without_a_certificate_is_named_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "ca.crt").write_text("no certificate")
    with pytest.raises(CentralError, match="ca_file"):
        ProviderHttp(settings(ca_file=tmp_path / "ca.crt"))


def test_a_provider_elsewhere_leads_no_request_to_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    here = "http://localhost:8080/admin"
    for wrong in (*ENDPOINTS, ""):
        urls: dict[str, Any] = dict.fromkeys(ENDPOINTS, f"{ISSUER}/x")
        found = ProviderMetadata(issuer=ISSUER, **(urls | ({wrong: here} if wrong else {})))
        monkeypatch.setattr(ProviderHttp, "get", lambda *_, found=found: found)
        answers = documents.ProviderDocuments(settings(), ProviderHttp(settings()), FakeClock())
        if wrong:
            with pytest.raises(SignInFailed, match="not https"):
                answers.metadata()
        else:
            assert answers.metadata() == found


# --- rows ---


def person(subject: str, rights: ProviderRights | None, name: str = "lan") -> ProviderPerson:
    return ProviderPerson(ProviderIdentity(ISSUER, subject), name, rights)


OFFICER = ProviderRights(Role.OFFICER, ("de-tham",))


def test_accounts_of_a_provider_follow_it(database: Database) -> None:
    connections = DatabaseConnections(database)
    with connections.writing() as connection:
        add_account(connection, Account("lan", Role.ADMIN, (), NOW_MS), password="digest")
        first = admit(connection, person("u-1", OFFICER), "10.0.0.1", NOW_MS)
        second = admit(connection, person("u-2", ProviderRights(Role.ADMIN, ())), "10.0.0.1", NOW_MS)
    assert isinstance(first, Account)
    assert (first.name, first.role, first.wards) == ("lan-2", Role.OFFICER, ("de-tham",))
    assert isinstance(second, Account)
    assert second.name == "lan-3"
    with connections.writing() as connection:
        assert admit(connection, person("u-1", None), "", NOW_MS) is SignInFault.WITHOUT_ROLE
        assert admit(connection, person("u-9", None), "", NOW_MS) is SignInFault.WITHOUT_ROLE
    with connections.reading() as connection:
        lost, local = find_account(connection, "lan-2"), find_account(connection, "lan")
        columns = tables.access.c
        rows = connection.execute(
            select(columns.what, columns.account, columns.subject, columns.detail).order_by(columns.id)
        ).all()
    connections.close()
    assert lost is not None
    assert (lost.role, lost.wards) == (Role.VIEWER, ())
    assert local is not None
    assert (local.role, local.identity) == (Role.ADMIN, None)
    assert [tuple(row) for row in rows] == [
        ("user-added", "provider@oidc", "lan-2", "officer de-tham"),
        ("user-added", "provider@oidc", "lan-3", "admin"),
        ("user-role", "provider@oidc", "lan-2", "viewer"),
        ("login-provider-refused", "lan-2", None, f"{ISSUER} u-1"),
        ("login-provider-refused", "", None, f"{ISSUER} u-9"),
    ]


def test_an_administrator_of_the_provider_is_not_the_last_one(tmp_path: Path) -> None:
    """While the provider is down, nobody could log in."""
    connections = DatabaseConnections(make_sqlite(tmp_path / "central.db"))
    with connections.writing() as connection:
        add_account(connection, Account("minh", Role.ADMIN, (), NOW_MS), password="digest")
        admit(connection, person("u-1", ProviderRights(Role.ADMIN, ())), "", NOW_MS)
        author = AccountAuthor("lan", "", NOW_MS)
        with pytest.raises(AccountChangeRefused, match="user-error-last-admin"):
            disable(connection, author, "minh")
        remove_account(connection, "minh")
        disable(connection, author, "lan")  # the provider makes another one
    connections.close()


def test_two_accounts_of_one_subject_cannot_be(database: Database) -> None:
    """Two browsers of a new user at the same moment."""
    connections = DatabaseConnections(database)
    identity = ProviderIdentity(ISSUER, "u-1")

    def add(name: str, identity: ProviderIdentity) -> None:
        with connections.writing() as connection:
            add_account(connection, Account(name, Role.VIEWER, (), NOW_MS, identity=identity))

    add("lan", identity)
    with pytest.raises(DatabaseRejected):
        add("lan-2", identity)
    add("lan-2", ProviderIdentity("https://other.example", "u-1"))
    connections.close()


def test_names_run_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(provider_accounts, "MOST_SAME_NAMES", 2)
    connections = DatabaseConnections(make_sqlite(tmp_path / "central.db"))
    with connections.writing() as connection:
        found = [admit(connection, person(subject, OFFICER), "", NOW_MS) for subject in ("a", "b", "c")]
    connections.close()
    assert found[2] is SignInFault.NO_NAME
