"""Sign-in through an OpenID Connect provider, against one that really signs."""

from __future__ import annotations

import itertools
import logging
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest
from sqlalchemy import select

from edge_agent.cli.main import main
from edge_central.settings import Console
from edge_central.store import tables
from edge_central.web.auth.accounts import Account, Role, find_account
from edge_central.web.auth.oidc import documents
from edge_central.web.auth.oidc.documents import FAILED_S, MOST_BYTES, RENEW_S
from edge_central.web.auth.oidc.person import SKEW_S
from edge_central.web.auth.oidc.provider import CALLBACK
from edge_central.web.auth.sessions import SIGN_IN_S, LoginSessions
from edge_central.web.i18n import ALL
from edge_central.web.request_handler import MOST_OUTGOING
from tests.edge_central.web.house import PATIENCE_S, Browser, House
from tests.host.fakes import FakeClock
from tests.testbed.mosquitto import wait_until
from tests.testbed.oidc_provider import (
    CLIENT_ID,
    CLIENT_SECRET,
    OidcProviderServer,
    hmac_signed,
    public_jwk,
    unsigned,
)

URL = "http://localhost:8443"
"""The address in the configuration: no browser in these tests uses it."""
ROLES = [
    {"value": "edge-admins", "role": "admin"},
    {"value": "edge-officers", "role": "officer", "wards": ["de-tham"]},
    {"value": "edge-viewers", "role": "viewer", "wards": ["de-tham", "bo-xuyen"]},
]
_subjects = (f"u-{number}" for number in itertools.count(100))

Json = dict[str, Any]


@pytest.fixture(scope="module")
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture(scope="module")
def serving(clock: FakeClock) -> Iterator[OidcProviderServer]:
    with OidcProviderServer(lambda: int(clock.now().timestamp()), f"{URL}/login/oidc/callback") as server:
        yield server


@contextmanager
def opened(folder: Path, clock: FakeClock, provider: OidcProviderServer, **keys: Any) -> Iterator[House]:
    """A console; ``keys``: more of ``oidc:``."""
    (folder / "oidc.secret").write_text(CLIENT_SECRET, encoding="utf-8")
    oidc = {
        "issuer": provider.issuer,
        "client_id": CLIENT_ID,
        "client_secret_file": str(folder / "oidc.secret"),
        "label": "Tài khoản thành phố",
        "roles": ROLES,
        **keys,
    }
    with House(folder, clock=clock, url=URL, oidc=oidc, second_factor_roles=["officer"]) as built:
        built.person("minh", Role.ADMIN)
        yield built.start()


@pytest.fixture(scope="module")
def house(
    tmp_path_factory: pytest.TempPathFactory, clock: FakeClock, serving: OidcProviderServer
) -> Iterator[House]:
    """One console for all tests."""
    with opened(tmp_path_factory.mktemp("house"), clock, serving) as built:
        yield built


@pytest.fixture
def provider(serving: OidcProviderServer, clock: FakeClock) -> OidcProviderServer:
    """It behaves, it has one new user, and the console asks it again."""
    clock.advance(documents.CACHE_S + 1)
    serving.reset()
    serving.user["sub"] = next(_subjects)
    return serving


def begin(client: httpx.Client, path: str = "/") -> str:
    """The address at the provider."""
    answer = client.get("/login/oidc", params={"next": path})
    assert answer.status_code == 303, answer.text
    return answer.headers["location"]


def sign_in(
    house: House, provider: OidcProviderServer, client: httpx.Client | None = None, path: str = "/"
) -> httpx.Response:
    client = client or house.anybody()
    return client.get(provider.authorize(begin(client, path)))


def answer_of(provider: OidcProviderServer, client: httpx.Client) -> dict[str, str]:
    """What the user's browser brings back."""
    return dict(parse_qsl(urlsplit(provider.authorize(begin(client))).query))


def signed_in(house: House, provider: OidcProviderServer) -> Browser:
    browser = Browser(house.anybody())
    answer = sign_in(house, provider, browser.client)
    assert answer.status_code == 303, answer.text
    return browser


def account_of(house: House, provider: OidcProviderServer) -> Account | None:
    with house.connections.reading() as connection:
        columns = tables.account.c
        found = select(columns.name).where(columns.subject == provider.user["sub"])
        name = connection.scalar(found)
        return None if name is None else find_account(connection, name)


def named(house: House, provider: OidcProviderServer) -> Account:
    account = account_of(house, provider)
    assert account is not None
    return account


def assert_refused(answer: httpx.Response, status: int, key: str) -> None:
    """The login page says why, and there is no session."""
    assert (answer.status_code, ALL[key][0] in answer.text) == (status, True), answer.text
    assert "session" not in answer.cookies


def test_a_user_signs_in_and_is_led_back(house: House, provider: OidcProviderServer) -> None:
    page = house.anybody().get("/login?next=/alerts").text
    assert 'href="/login/oidc?next=/alerts"' in page
    assert "Tài khoản thành phố" in page
    client = house.anybody()
    asked = begin(client, "/alerts")
    assert dict(parse_qsl(urlsplit(asked).query))["redirect_uri"] == f"{URL}/login/oidc/callback", (
        "of the configuration, not of the Host header"
    )
    answer = client.get(provider.authorize(asked))
    assert (answer.status_code, answer.headers["location"]) == (303, "/alerts")
    assert client.get("/alerts").status_code == 200, "the provider asks for a second factor, not the console"
    account = named(house, provider)
    assert (account.role, account.wards) == (Role.OFFICER, ("de-tham",))
    assert account.name.startswith("lan"), "from Lân"
    log = house.browser("minh").get(f"/access?kind=accounts&account={account.name}").text
    assert f"{provider.issuer} {provider.user['sub']}" in log
    assert ALL["access-login-provider"][0] in log


def test_the_provider_may_want_the_secret_in_the_form(house: House, provider: OidcProviderServer) -> None:
    provider.metadata["token_endpoint_auth_methods_supported"] = ["client_secret_post"]
    signed_in(house, provider)
    assert provider.authorizations == [""]


def test_role_and_wards_are_what_the_provider_says_now(house: House, provider: OidcProviderServer) -> None:
    before = signed_in(house, provider)
    provider.user["groups"] = ["edge-viewers", "others"]
    after = signed_in(house, provider)
    account = named(house, provider)
    assert (account.role, account.wards) == (Role.VIEWER, ("bo-xuyen", "de-tham"))
    assert (before.get("/").status_code, after.get("/").status_code) == (303, 200)
    changes = house.browser("minh").get(f"/users?user={account.name}").text
    assert "chỉ xem: bo-xuyen, de-tham" in changes
    assert "provider@oidc" in changes


@pytest.mark.parametrize("groups", [["others"], [], "edge", None, {"edge-admins": 1}, [["edge-admins"], 7]])
def test_a_user_without_a_group_is_refused(
    house: House, provider: OidcProviderServer, groups: object
) -> None:
    provider.user["groups"] = groups
    assert_refused(sign_in(house, provider), 403, "sign-in-without-role")
    assert account_of(house, provider) is None
    english = sign_in(house, provider, house.anybody(headers={"Accept-Language": "en"}))
    assert ALL["sign-in-without-role"][1] in english.text
    assert (
        f"{provider.issuer} {provider.user['sub']}" in house.browser("minh").get("/access?kind=accounts").text
    )


def test_a_user_who_left_the_group_is_out_everywhere(house: House, provider: OidcProviderServer) -> None:
    browser = signed_in(house, provider)
    provider.user["groups"] = []
    assert_refused(sign_in(house, provider), 403, "sign-in-without-role")
    assert browser.get("/").status_code == 303
    assert (named(house, provider).role, named(house, provider).wards) == (Role.VIEWER, ())


def test_a_local_account_is_not_taken_over_by_its_name(house: House, provider: OidcProviderServer) -> None:
    provider.user |= {"preferred_username": "MINH@evil.example", "groups": ["edge-viewers"]}
    signed_in(house, provider)
    name = named(house, provider).name
    assert re.fullmatch(r"minh-\d", name)
    provider.user["preferred_username"] = "other"
    signed_in(house, provider)
    assert named(house, provider).name == name, "the account is that of the subject"


def test_accounts_of_the_provider_are_managed_there(house: House, provider: OidcProviderServer) -> None:
    browser, minh = signed_in(house, provider), house.browser("minh")
    name = named(house, provider).name
    for what in ("password", "second-factor", "role"):
        answer = minh.post(f"/users/{what}", {"user": name, "role": "admin"}, page="/users")
        assert (answer.status_code, ALL["user-error-provider"][0] in answer.text) == (409, True)
    page = minh.get(f"/users?user={name}").text
    assert provider.issuer in page
    assert provider.user["sub"] in page
    assert "/users/password" not in page
    assert provider.issuer in minh.get("/users").text
    own = browser.get("/account").text
    assert provider.issuer in own
    assert 'type="password"' not in own
    assert browser.get("/password").headers["location"] == "/account"
    for path in ("/password", "/account/second-factor", "/account/second-factor/code"):
        assert browser.post(path, {}, page="/account").status_code == 403
    assert Browser(house.anybody()).log_in(name, "").status_code == 401


def test_an_admin_of_the_provider_confirms_there(
    house: House, provider: OidcProviderServer, clock: FakeClock
) -> None:
    """A session that is open at the provider is not enough to change accounts."""
    provider.user["groups"] = ["edge-admins"]
    browser, now_s = signed_in(house, provider), int(clock.now().timestamp())
    fields = {"name": f"new-{provider.user['sub']}", "role": "viewer", "ward de-tham": "on"}
    for auth_time in (None, now_s - SKEW_S - 1, now_s + SIGN_IN_S + SKEW_S + 1, "now", now_s):
        answer = browser.post("/users/add", fields, page="/users")
        assert (answer.status_code, ALL["user-error-confirm"][0] in answer.text) == (403, True)
        assert 'href="/login/oidc?again&amp;next=/users"' in answer.text
        assert "auth_time" in answer.text, "why the notice may stay after the login"
        asked = browser.get("/login/oidc?again&next=/users").headers["location"]
        assert {"prompt": "login", "max_age": str(SIGN_IN_S)}.items() <= dict(
            parse_qsl(urlsplit(asked).query)
        ).items()
        provider.user["auth_time"] = auth_time
        browser.get(provider.authorize(asked))
    assert browser.post("/users/add", fields, page="/users").status_code == 200


def test_a_disabled_account_stays_out(house: House, provider: OidcProviderServer) -> None:
    browser, minh = signed_in(house, provider), house.browser("minh")
    name = named(house, provider).name
    assert minh.post("/users/disable", {"user": name}, page="/users").status_code == 303
    assert browser.get("/").status_code == 303
    assert_refused(sign_in(house, provider), 403, "sign-in-disabled")
    minh.post("/users/enable", {"user": name}, page="/users")
    signed_in(house, provider)


def test_the_command_line_says_where_an_account_comes_from(
    house: House, provider: OidcProviderServer, capsys: pytest.CaptureFixture[str]
) -> None:
    signed_in(house, provider)
    name = named(house, provider).name
    command = ["central", "user", "list", "--config", str(house.config)]
    assert main(command) == main([*command, "--json"]) == 0
    said = capsys.readouterr()
    assert f"{name:20} officer  de-tham" in said.out
    assert f"from {provider.issuer}" in said.out
    assert f'"subject": "{provider.user["sub"]}"' in said.out
    role = ["central", "user", "role", name, "--role", "admin", "--config", str(house.config)]
    assert main(role) != 0
    assert ALL["user-error-provider"][1] in capsys.readouterr().err


@pytest.mark.parametrize("path", ["//evil.example", "/\\evil.example", "https://evil.example", ""])
def test_a_sign_in_leads_to_no_other_site(house: House, provider: OidcProviderServer, path: str) -> None:
    assert sign_in(house, provider, path=path).headers["location"] == "/"


# --- hostile answers ---


def with_claims(**changed: object) -> Callable[[OidcProviderServer, Json, Json], str]:
    return lambda provider, header, claims: provider.signed(header, claims | changed)


def without(claim: str) -> Callable[[OidcProviderServer, Json, Json], str]:
    return lambda provider, header, claims: provider.signed(
        header, {key: value for key, value in claims.items() if key != claim}
    )


def of_public_key(provider: OidcProviderServer, header: Json, claims: Json) -> str:
    """A verifier that takes the algorithm from the token would use the public key as a shared secret."""
    key = public_jwk(provider.key_id)["n"].encode()
    return hmac_signed(header | {"alg": "HS256"}, claims, key)


TOKENS: dict[str, Callable[[OidcProviderServer, Json, Json], str]] = {
    "another key": lambda provider, header, claims: provider.signed(header, claims, "thief"),
    "alg none": lambda _, header, claims: unsigned(header | {"alg": "none"}, claims),
    "no signature": lambda _, header, claims: unsigned(header, claims),
    "signed with the client secret": lambda _, header, claims: hmac_signed(
        header | {"alg": "HS256"}, claims, CLIENT_SECRET.encode()
    ),
    "signed with the public key": of_public_key,
    "a key in the header": lambda provider, header, claims: provider.signed(
        {"alg": "RS256", "jwk": public_jwk("thief")}, claims, "thief"
    ),
    "another algorithm than it says": lambda provider, header, claims: provider.signed(
        header | {"alg": "PS256"}, claims
    ),
    "another issuer": with_claims(iss="https://evil.example"),
    "another client": with_claims(aud="other"),
    "another audience, from this client": with_claims(aud="other", azp=CLIENT_ID),
    "another client beside": with_claims(aud=[CLIENT_ID, "other"], azp="other"),
    "no audience": with_claims(aud=[]),
    "another nonce": with_claims(nonce="x"),
    "no nonce": without("nonce"),
    "a nonce that need not be checked": with_claims(nonce="x", nonce_supported=False),
    "expired": with_claims(exp=1_000_000_000),
    "expires as a text": with_claims(exp="never"),
    "no expiry": without("exp"),
    "not issued yet": with_claims(iat=4_000_000_000, exp=4_100_000_000),
    "not valid yet": with_claims(nbf=4_000_000_000),
    "no subject": without("sub"),
    "an empty subject": with_claims(sub=""),
    "a subject of two lines": with_claims(sub="a\nb"),
    "a subject that is no text": with_claims(sub=["u-1"]),
    "another access token": with_claims(at_hash="x" * 22),
    "no token": lambda *_: "",
    "four parts": lambda *_: "a.b.c.d",
    "no JSON": lambda *_: "e30.bm8.c2ln",
    "a critical header": lambda provider, header, claims: provider.signed(
        header | {"crit": ["b64"], "b64": False}, claims
    ),
    "far too long": with_claims(filler="x" * 70_000),
}


@pytest.mark.parametrize("kind", TOKENS)
def test_a_token_that_is_not_valid_is_refused(house: House, provider: OidcProviderServer, kind: str) -> None:
    provider.token = lambda header, claims: TOKENS[kind](provider, header, claims)
    assert_refused(sign_in(house, provider), 502, "sign-in-wrong")
    assert account_of(house, provider) is None


def test_an_audience_of_several_counts_if_it_is_for_us(house: House, provider: OidcProviderServer) -> None:
    change = with_claims(aud=["other", CLIENT_ID], azp=CLIENT_ID)
    provider.token = lambda header, claims: change(provider, header, claims)
    signed_in(house, provider)


def test_new_keys_of_the_provider_count_at_once(
    house: House, provider: OidcProviderServer, clock: FakeClock
) -> None:
    signed_in(house, provider)
    provider.key_id = "key-2"
    assert_refused(sign_in(house, provider), 502, "sign-in-wrong")
    clock.advance(RENEW_S + 1)
    signed_in(house, provider)
    assert provider.requests.count("keys") == 2
    assert provider.requests.count("openid-configuration") == 1


def test_an_answer_counts_once_in_its_browser_and_for_ten_minutes(
    house: House, provider: OidcProviderServer, clock: FakeClock
) -> None:
    client = house.anybody()
    back = provider.authorize(begin(client))
    begun = dict(client.cookies)
    assert_refused(house.anybody().get(back), 403, "sign-in-outdated")
    assert client.get(back).status_code == 303
    assert_refused(client.get(back), 403, "sign-in-outdated")
    stolen = house.anybody(cookies=begun)
    assert_refused(stolen.get(back), 403, "sign-in-outdated")
    other_state = answer_of(provider, client) | {"state": "x"}
    assert_refused(client.get(CALLBACK, params=other_state), 403, "sign-in-outdated")
    late = provider.authorize(begin(client))
    clock.advance(SIGN_IN_S + 1)
    assert_refused(client.get(late), 403, "sign-in-outdated")


def test_a_code_of_another_sign_in_is_not_redeemed(house: House, provider: OidcProviderServer) -> None:
    """The code of an attacker's account, put into the answer to the victim's browser."""
    victim, thief = house.anybody(), house.anybody()
    mixed = answer_of(provider, victim) | {"code": answer_of(provider, thief)["code"]}
    assert_refused(victim.get(CALLBACK, params=mixed), 403, "sign-in-outdated")


@pytest.mark.parametrize("issuer", ["https://evil.example", None])
def test_the_answer_of_another_provider_is_refused(
    house: House, provider: OidcProviderServer, issuer: str | None
) -> None:
    client = house.anybody()
    answer = answer_of(provider, client)
    del answer["iss"]
    answer |= {} if issuer is None else {"iss": issuer}
    assert_refused(client.get(CALLBACK, params=answer), 502, "sign-in-wrong")
    assert "token" not in provider.requests, "the code is sent to no provider"


def test_a_refusal_of_the_provider_is_a_page_without_its_words(
    house: House, provider: OidcProviderServer
) -> None:
    client = house.anybody()
    state = dict(parse_qsl(urlsplit(begin(client)).query))["state"]
    fields = {"error": "access_denied", "error_description": "<b>odd words</b>", "state": state}
    answer = client.get(CALLBACK, params=fields | {"iss": provider.issuer})
    assert_refused(answer, 403, "sign-in-refused")
    assert "odd words" not in answer.text


AWAY = (503, "sign-in-away")
WRONG = (502, "sign-in-wrong")


WRONG_ANSWERS: dict[str, tuple[str, int, bytes, tuple[int, str]]] = {
    "no document: it fails": ("openid-configuration", 500, b"", AWAY),
    "no document: not found": ("openid-configuration", 404, b"", WRONG),
    "no document: a redirect": ("openid-configuration", 302, b"", WRONG),
    "a document of HTML": ("openid-configuration", 200, b"<html>", WRONG),
    "a document that is no text": ("openid-configuration", 200, b"\xff\xfe", WRONG),
    "an empty document": ("openid-configuration", 200, b"{}", WRONG),
    "a deep document": ("openid-configuration", 200, b"[" * 100_000, WRONG),
    "a long document": ("openid-configuration", 200, b" " * MOST_BYTES + b"{}", WRONG),
    "no keys": ("keys", 200, b'{"keys": []}', WRONG),
    "a shared key": ("keys", 200, b'{"keys": [{"kty": "oct", "k": "c2VjcmV0"}]}', WRONG),
    "an odd key": ("keys", 200, b'{"keys": [{"kty": "RSA", "n": 5, "e": null}]}', WRONG),
    "a key of nothing": ("keys", 200, b'{"keys": [{"kty": "RSA"}]}', WRONG),
    "keys: it fails": ("keys", 503, b"", AWAY),
    "a wrong secret": ("token", 401, b'{"error": "invalid_client"}', WRONG),
    "an odd error": ("token", 400, b'{"error": ["invalid_grant"]}', WRONG),
    "an error that is no error": ("token", 200, b'{"error": "server_error"}', WRONG),
    "an odd token": ("token", 200, b'{"id_token": 5}', WRONG),
    "a list": ("token", 200, b"[]", WRONG),
    "a redirect": ("token", 302, b"", WRONG),
    "token: it fails": ("token", 502, b"bad gateway", AWAY),
}


@pytest.mark.parametrize("kind", WRONG_ANSWERS)
def test_a_wrong_answer_of_the_provider_is_a_page(
    house: House, provider: OidcProviderServer, kind: str
) -> None:
    word, status, body, expected = WRONG_ANSWERS[kind]
    provider.answers[word] = (status, body)
    client = house.anybody()
    begun = client.get("/login/oidc")
    if begun.status_code == 303:
        begun = client.get(provider.authorize(begun.headers["location"]))
    assert_refused(begun, *expected)


@pytest.mark.parametrize(
    "metadata",
    [
        {"issuer": "https://evil.example"},
        {"token_endpoint": "http://evil.example/token"},
        {"jwks_uri": "file:///etc/passwd"},
        {"authorization_endpoint": "javascript:alert(1)"},
        {"token_endpoint": "https://x/" + "y" * 3_000},
    ],
    ids=lambda metadata: next(iter(metadata)),
)
def test_a_discovery_document_that_leads_elsewhere_is_not_used(
    house: House, provider: OidcProviderServer, metadata: Json
) -> None:
    provider.metadata = metadata
    assert_refused(house.anybody().get("/login/oidc"), 502, "sign-in-wrong")


def test_a_provider_that_is_away_is_asked_once_in_some_seconds(
    house: House, provider: OidcProviderServer, clock: FakeClock
) -> None:
    provider.answers["openid-configuration"] = (503, b"")
    for _ in range(3):
        assert_refused(house.anybody().get("/login/oidc"), *AWAY)
    assert len(provider.requests) == 1
    provider.answers.clear()
    clock.advance(FAILED_S + 1)
    signed_in(house, provider)


def test_while_the_provider_hangs_passwords_work(house: House, provider: OidcProviderServer) -> None:
    provider.released.clear()
    answers: list[httpx.Response] = []
    clients = [house.anybody() for _ in range(MOST_OUTGOING)]
    waiting = [
        threading.Thread(target=lambda client=client: answers.append(client.get("/login/oidc")))
        for client in clients
    ]
    for thread in waiting:
        thread.start()
    wait_until(lambda: len(provider.requests) > 0, what="a request that waits")
    assert house.browser("minh").get("/").status_code == 200
    assert answers == [], "the provider has not answered yet"
    provider.released.set()
    for thread in waiting:
        thread.join(PATIENCE_S)
    assert [answer.status_code for answer in answers] == [303] * MOST_OUTGOING
    assert provider.requests == ["openid-configuration"], "one of the four has requested it"


def test_no_secret_is_logged_or_shown(
    house: House, provider: OidcProviderServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    client = house.anybody()
    back = provider.authorize(begin(client))
    answer = client.get(back)
    provider.token = lambda header, claims: TOKENS["another nonce"](provider, header, claims)
    other = house.anybody()
    second = provider.authorize(begin(other))
    page = other.get(second).text
    ours = "".join(record.getMessage() for record in caplog.records if record.name.startswith("edge_central"))
    said = ours + page + str(answer.headers) + house.browser("minh").get("/access?kind=accounts").text
    codes = [dict(parse_qsl(urlsplit(each).query))["code"] for each in (back, second)]
    for secret in (CLIENT_SECRET, *codes):
        assert secret not in said


# --- configuration ---


def test_a_console_can_be_strict_about_passwords_and_sign_ins(
    tmp_path: Path, clock: FakeClock, provider: OidcProviderServer
) -> None:
    keys = {"password_accounts": ["minh"], "prompt_login": True, "acr": ["gold", "silver"]}
    with opened(tmp_path, clock, provider, **keys) as house:
        asked = dict(parse_qsl(urlsplit(begin(house.anybody())).query))
        assert (asked["prompt"], asked["acr_values"]) == ("login", "gold silver")
        house.person("lan", Role.VIEWER, "de-tham")
        answer = Browser(house.anybody()).log_in("lan")
        assert_refused(answer, 403, "login-provider-only")
        assert Browser(house.anybody()).log_in("lan", "wrong password").status_code == 401
        house.person("hoa", Role.ADMIN)
        answer = house.browser("minh").post("/users/disable", {"user": "minh"}, page="/users")
        assert answer.status_code == 409, "hoa is an administrator too, but may not log in with a password"
        with house.connections.writing() as connection:
            sessions = LoginSessions(Console(idle_s=3_600, session_s=3_600))
            token = sessions.begin(connection, "lan", "", house.now_ms())
        assert house.anybody(cookies={"session": token}).get("/").status_code == 303, "begun before"


def test_accounts_of_a_former_provider_are_out(
    tmp_path: Path, clock: FakeClock, provider: OidcProviderServer
) -> None:
    with opened(tmp_path, clock, provider) as house:
        kept = dict(signed_in(house, provider).client.cookies)
    with House(tmp_path, clock=clock).start() as house:
        assert house.anybody(cookies=kept).get("/").status_code == 303
        assert house.anybody().get("/login/oidc").status_code == 404
        assert "/login/oidc" not in house.anybody().get("/login").text
