"""Logins of ONVIF clients: HTTP Digest and WS-UsernameToken, with the derived password."""

from __future__ import annotations

import base64
import hashlib
import io
from argparse import Namespace
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from starlette.requests import Request

from edge_agent.core.errors import CentralError
from edge_central.cli.user import run_user
from edge_central.onvif.soap.envelope import WSSE, WSU
from edge_central.web.auth import accounts
from edge_central.web.onvif import credentials
from edge_central.web.onvif.credentials import NonceNotValid, OnvifLogins
from tests.edge_central.onvif.parts import soap
from tests.edge_central.web.house import House
from tests.host.fakes import FakeClock

SERVICE = "/onvif/event_service"
CALL = "<tev:GetEventProperties/>"
TYPE = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-username-token-profile-1.0#Password"


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with House(tmp_path_factory.mktemp("logins"), onvif_events=True) as built:
        built.token("vms", "de-tham")
        yield built.start()


def password_of(house: House, name: str = "vms") -> str:
    out = io.StringIO()
    run_user(Namespace(config=house.config, todo="onvif-password", name=name), out)
    return out.getvalue().strip()


def token(
    password: str, name: str = "vms", late_s: float = 0.0, nonce: bytes = b"", kind: str = "Digest"
) -> str:
    created = (datetime.now(UTC) - timedelta(seconds=late_s)).strftime("%Y-%m-%dT%H:%M:%SZ")
    nonce = nonce or hashlib.sha256(f"{created}{late_s}{name}{password}{kind}".encode()).digest()[:16]
    digest = base64.b64encode(hashlib.sha1(nonce + created.encode() + password.encode()).digest()).decode()
    shown = digest if kind == "Digest" else password
    return (
        f'<s:Security xmlns:s="{WSSE}" env:mustUnderstand="1">'
        f"<s:UsernameToken><s:Username>{name}</s:Username>"
        f'<s:Password Type="{TYPE}{kind}">{shown}</s:Password>'
        f"<s:Nonce>{base64.b64encode(nonce).decode()}</s:Nonce>"
        f'<u:Created xmlns:u="{WSU}">{created}</u:Created></s:UsernameToken></s:Security>'
    )


def asked(house: House, header: str) -> int:
    return house.anybody().post(SERVICE, content=soap(CALL, header)).status_code


def test_a_username_token_logs_in_once(house: House) -> None:
    header = token(password_of(house))
    assert asked(house, header) == 200
    assert asked(house, header) == 401, "the same login again is a replay"


def test_a_username_token_whose_nonce_is_written_otherwise_is_a_replay(house: House) -> None:
    """The last bits of base64 before ``=`` mean nothing."""
    header = token(password_of(house), nonce=b"x")
    assert asked(house, header) == 200
    assert "<s:Nonce>eA==<" in header
    assert asked(house, header.replace("eA==", "eB==")) == 401


@pytest.mark.parametrize(
    "more",
    [{"name": "nobody"}, {"late_s": 400.0}, {"late_s": -400.0}, {"kind": "Text"}, {"name": "VMS"}],
    ids=["unknown name", "too late", "too early", "password in clear", "other letters"],
)
def test_a_wrong_username_token_is_refused(house: House, more: dict[str, object]) -> None:
    assert asked(house, token(password_of(house), **more)) == 401  # type: ignore[arg-type]
    assert asked(house, token("wrong")) == 401


def test_http_digest_logs_in(house: House) -> None:
    client = house.anybody(auth=httpx.DigestAuth("vms", password_of(house)))
    assert client.post(SERVICE, content=soap(CALL)).status_code == 200
    assert client.post(SERVICE, content=soap(CALL)).status_code == 200, "the same nonce, counted on"
    wrong = house.anybody(auth=httpx.DigestAuth("vms", "wrong"))
    assert wrong.post(SERVICE, content=soap(CALL)).status_code == 401


def test_a_digest_counts_once(house: House) -> None:
    sent: list[str] = []
    client = house.anybody(auth=httpx.DigestAuth("vms", password_of(house)))
    client.event_hooks["request"] = [lambda request: sent.append(request.headers.get("authorization", ""))]
    assert client.post(SERVICE, content=soap(CALL)).status_code == 200
    assert sent[-1].startswith("Digest ")
    replayed = {"Authorization": sent[-1]}
    assert house.anybody().post(SERVICE, content=soap(CALL), headers=replayed).status_code == 401


def test_only_an_old_nonce_is_called_stale(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """libcurl gives up when a nonce that it had is refused without ``stale``."""
    wrong = house.anybody(auth=httpx.DigestAuth("vms", "wrong")).post(SERVICE, content=soap(CALL))
    assert "stale" not in wrong.headers["www-authenticate"]
    monkeypatch.setattr(credentials, "NONCE_S", -1.0)
    old = house.anybody(auth=httpx.DigestAuth("vms", password_of(house))).post(SERVICE, content=soap(CALL))
    assert old.status_code == 401
    assert "stale=true" in old.headers["www-authenticate"]


def test_a_nonce_of_before_a_restart_is_not_valid() -> None:
    """The time in it is of another process, which may have run for longer than this one ever will."""
    before, after = FakeClock(), FakeClock()
    before.advance(1_000_000.0)
    nonce = OnvifLogins(b"key", before).challenge().partition('nonce="')[2].strip('"')
    header = f'Digest username="vms", qop=auth, nonce="{nonce}", uri="{SERVICE}"'
    scope = {"type": "http", "method": "POST", "path": SERVICE, "query_string": b""}
    request = Request(scope | {"headers": [(b"authorization", header.encode()), (b"host", b"c")]})
    with pytest.raises(NonceNotValid):
        OnvifLogins(b"key", after).authenticate(None, request, None, None)  # type: ignore[arg-type]


def test_an_empty_request_gets_the_challenge(house: House) -> None:
    """As curl and libraries on top of it send it first."""
    answer = house.anybody().post(SERVICE, content=b"")
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith('Digest realm="edge-central", qop="auth"')


@pytest.mark.parametrize(
    "header",
    [
        "Digest",
        "Digest x",
        'Digest username="vms"',
        'Digest username="vms", qop=auth, nonce="1-2-3"',
        "Basic eA==",
    ],
)
def test_a_header_that_is_no_digest_is_refused(house: House, header: str) -> None:
    answer = house.anybody().post(SERVICE, content=soap(CALL), headers={"Authorization": header})
    assert answer.status_code == 401


def test_the_password_changes_with_the_token_and_ends_with_the_program(house: House) -> None:
    house.token("other", "de-tham")
    before = password_of(house, "other")
    assert before != password_of(house), "each program has its own"
    with house.connections.writing() as connection:
        accounts.set_token(connection, "other", "eac_new")
    assert password_of(house, "other") != before
    assert asked(house, token(before, "other")) == 401
    with house.connections.writing() as connection:
        accounts.change_account(connection, "other", disabled_ms=1)
    with pytest.raises(CentralError, match="there is no program other"):
        password_of(house, "other")


def test_neither_password_nor_token_is_in_the_database(house: House) -> None:
    password = password_of(house).encode()
    files = [path for path in (house.folder / "state").iterdir() if path.name.startswith("central.db")]
    assert files
    assert not [path for path in files if password in path.read_bytes()]
