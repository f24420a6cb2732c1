"""The guide's relay passes a notice on to Telegram, mail and Zalo; the services are fakes on this machine."""

from __future__ import annotations

import json
import socketserver
import threading
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

import webhook_relay

NOTICE: dict[str, Any] = {
    "text": {"vi": "Báo động: Xâm nhập vùng\nChợ Đề Thám · Cổng sau", "en": "Alarm: Zone intrusion"},
    "links": {"console": "https://console.example:8443/events/7", "picture": None},
}
SECRET = {"Authorization": "Bearer s3cret"}


class Service:
    """A fake of Telegram and Zalo: answers what the test says, and records the requests."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, dict[str, str], bytes]] = []
        self.answers: list[dict[str, Any]] = []
        service = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                service.requests.append((self.path, dict(self.headers.items()), body))
                answer = json.dumps(service.answers.pop(0)).encode()
                self.send_response(200)
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}"


class Mails(socketserver.StreamRequestHandler):
    """Just enough of SMTP (RFC 5321) to receive one message."""

    received: list[bytes]

    def handle(self) -> None:
        self.wfile.write(b"220 here\r\n")
        while line := self.rfile.readline():
            if line.upper().startswith(b"DATA"):
                self.wfile.write(b"354 go on\r\n")
                lines = iter(self.rfile.readline, b".\r\n")
                self.received.append(b"".join(lines))
            self.wfile.write(b"221 bye\r\n" if line.upper().startswith(b"QUIT") else b"250 ok\r\n")


@contextmanager
def serving(server: socketserver.BaseServer) -> Iterator[None]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join(10)
        server.server_close()


@pytest.fixture
def service() -> Iterator[Service]:
    made = Service()
    with serving(made.server):
        yield made


@contextmanager
def relay(**settings: Any) -> Iterator[httpx.Client]:
    webhook_relay._tokens.clear()
    handler = webhook_relay.handler_of({"secret": "s3cret", **settings})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    with (
        serving(server),
        httpx.Client(base_url=f"http://127.0.0.1:{server.server_address[1]}", headers=SECRET) as client,
    ):
        yield client


def test_telegram(service: Service) -> None:
    service.answers = [{"ok": True}, {"ok": False, "description": "chat not found"}]
    with relay(telegram={"token": "1:a", "chat": -100, "api": service.url}) as client:
        assert client.post("/telegram", json=NOTICE).status_code == 200
        assert client.post("/telegram", json=NOTICE).status_code == 502, "the centre posts it again"
    path, _, body = service.requests[0]
    assert path == "/bot1:a/sendMessage"
    sent = json.loads(body)
    assert sent["chat_id"] == -100
    assert sent["text"] == f"{NOTICE['text']['vi']}\n{NOTICE['links']['console']}"


def test_zalo_with_a_new_token_when_the_old_one_has_expired(service: Service, tmp_path: Path) -> None:
    (tmp_path / "refresh").write_text("r1\n")
    zalo = {
        "app_id": "7", "secret_key": "k", "users": ["u1"], "api": service.url, "login": service.url,
        "refresh_token_file": str(tmp_path / "refresh"),
    }  # fmt: skip
    service.answers = [
        {"access_token": "t1", "refresh_token": "r2"}, {"error": 0},
        {"error": -216, "message": "Access token is invalid"},
        {"access_token": "t2", "refresh_token": "r3"}, {"error": 0},
    ]  # fmt: skip
    with relay(zalo=zalo) as client:
        assert [client.post("/zalo", json=NOTICE).status_code for _ in range(3)] == [200, 502, 200]
    paths = [path for path, _, _ in service.requests]
    login, message = "/v4/oa/access_token", "/v3.0/oa/message/cs"
    assert paths == [login, message, message, login, message]
    form = urllib.parse.parse_qs(service.requests[3][2].decode())
    assert form["refresh_token"] == ["r2"], "each is valid once"
    assert (tmp_path / "refresh").read_text() == "r3"
    tokens = [{name.lower(): value for name, value in headers.items()}.get("access_token")
              for path, headers, _ in service.requests if path == message]  # fmt: skip
    assert tokens == ["t1", "t1", "t2"]
    assert json.loads(service.requests[1][2])["recipient"] == {"user_id": "u1"}


def test_one_failing_user_of_zalo_keeps_nothing_from_the_others(
    service: Service, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "refresh").write_text("r1")
    zalo = {
        "app_id": "7", "secret_key": "k", "users": ["gone", "u2"], "api": service.url, "login": service.url,
        "refresh_token_file": str(tmp_path / "refresh"),
    }  # fmt: skip
    refused = {"error": -213, "message": "not interested"}
    service.answers = [
        {"access_token": "t1", "refresh_token": "r2"},
        *(refused, {"error": 0}),
        *(refused, refused),
    ]
    with relay(zalo=zalo) as client:
        assert client.post("/zalo", json=NOTICE).status_code == 200
        assert client.post("/zalo", json=NOTICE).status_code == 502, "nobody has it"
    users = [json.loads(body)["recipient"]["user_id"] for _, _, body in service.requests[1:]]
    assert users == ["gone", "u2"] * 2
    assert "zalo: user gone: -213 not interested" in capsys.readouterr().err


def test_mail() -> None:
    Mails.received = []
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Mails) as server, serving(server):
        mail = {
            "host": "127.0.0.1", "port": server.server_address[1], "starttls": False,
            "from": "centre@example", "to": ["duty@example"],
        }  # fmt: skip
        with relay(mail=mail, language="en") as client:
            assert client.post("/mail", json=NOTICE).status_code == 200
    (message,) = Mails.received
    assert b"Subject: Alarm: Zone intrusion" in message
    assert b"https://console.example:8443/events/7" in message


def test_what_is_no_notice_or_of_somebody_else_is_refused(service: Service) -> None:
    with relay(telegram={"token": "1:a", "chat": 1, "api": service.url}) as client:
        assert client.post("/telegram", json={"text": "x"}).status_code == 400
        assert client.post("/telegram", content=b"{").status_code == 400
        assert client.post("/mail", json=NOTICE).status_code == 404, "it is not set up"
        assert client.post("/telegram", json=NOTICE, headers={"Authorization": "x"}).status_code == 401
    assert service.requests == []
