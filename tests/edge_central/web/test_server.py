"""The server around the pages: TLS, proxies, slow clients, the process and its parent."""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from edge_agent.cli.main import main
from edge_central.console_process import ConsoleProcess
from edge_central.store import tables
from edge_central.web import server
from edge_central.web.auth.accounts import Role
from tests.edge_central.parts import Centre
from tests.edge_central.web.house import PASSWORD, Browser, House, answers
from tests.host.fakes import FakeClock
from tests.testbed.mosquitto import Authority, Mosquitto, free_port, wait_until


def test_with_tls_cookies_are_for_https_only_and_a_renewed_certificate_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "LOOK_AT_CERTIFICATE_S", 0.05)
    authority = Authority(tmp_path / "ca")
    first, second = (authority.issue(name, san="IP:127.0.0.1") for name in ("first", "second"))
    files = {"cert_file": tmp_path / "server.crt", "key_file": tmp_path / "server.key"}
    shutil.copy(first.key, files["key_file"])
    shutil.copy(first.cert, files["cert_file"])
    keys: dict[str, Any] = {key: str(path) for key, path in files.items()}
    with House(tmp_path, **keys).start() as house:
        house.person("lan", Role.ADMIN)
        trust = ssl.create_default_context(cafile=authority.cert)
        browser = Browser(house.anybody(verify=trust))
        answer = browser.log_in("lan")
        assert answer.status_code == 303
        for cookie in answer.headers.get_list("set-cookie"):
            assert cookie.startswith("__Host-")
            assert {"Secure", "HttpOnly", "SameSite=lax"} <= set(cookie.split("; "))
        assert "max-age" in answer.headers["strict-transport-security"]
        assert _subject(trust, house.port) == "first"
        shutil.copy(second.key, files["key_file"])
        shutil.copy(second.cert, files["cert_file"])
        wait_until(lambda: _subject(trust, house.port) == "second", 30, "the new certificate")
        assert browser.get("/").status_code == 200


def test_only_a_trusted_proxy_names_the_client(tmp_path: Path) -> None:
    for proxies, expected in ((["127.0.0.1"], "203.0.113.9"), (["192.0.2.1"], "127.0.0.1")):
        with House(tmp_path / expected, proxies=proxies).start() as house:
            house.person("lan", Role.ADMIN)
            proxied = {"X-Forwarded-For": "10.9.9.9, 203.0.113.9", "X-Forwarded-Proto": "https"}
            browser = Browser(house.anybody(headers=proxied, cookies=httpx.Cookies()))
            page = browser.get("/login")
            cookie = page.headers["set-cookie"].partition(";")[0]
            assert cookie.startswith("__Host-login="), "a proxy means https"
            browser.client.headers["Cookie"] = cookie
            token = page.text.split('name="csrf" value="')[1].split('"')[0]
            form = {"csrf": token, "name": "lan", "password": PASSWORD}
            assert browser.client.post("/login", data=form).status_code == 303
            assert [each.address for each in house.harness.rows(tables.access)] == [expected]


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"GET / HT",
        b"GET /login HTTP/1.1\r\nHost: x\r\n\r\nGET /lo",
        b"GET /login HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nab",
    ],
    ids=["silence", "half a head", "half a second head", "a body without end"],
)
def test_a_slow_client_loses_his_connection(
    house: House, monkeypatch: pytest.MonkeyPatch, sent: bytes
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(server, "ASK_WITHIN_S", 0.2)  # not for the browser after it, on a busy machine
        with socket.create_connection(("127.0.0.1", house.port), 30) as slow:
            slow.sendall(sent)
            assert _ends(slow)
    assert house.anybody().get("/login").status_code == 200


def test_a_client_that_reads_nothing_is_disconnected(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "TAKE_WITHIN_S", 0.2)
    request = b"GET /static/base.css HTTP/1.1\r\nHost: x\r\n\r\n"
    with socket.socket() as lazy:
        lazy.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
        lazy.settimeout(30)
        lazy.connect(("127.0.0.1", house.port))
        assert _ends(lazy, request * 50)


def test_what_is_too_large_is_refused(house: House) -> None:
    client = house.anybody()
    assert client.post("/login", data={"name": "x" * 70_000}).status_code == 413
    as_json = {"Content-Type": "application/json"}
    assert client.post("/login", content=b"{}", headers=as_json).status_code == 400


def test_a_request_with_two_lengths_is_refused_and_the_next_one_in_it_is_not_answered(house: House) -> None:
    lengths = b"Transfer-Encoding: chunked\r\nContent-Length: 5"
    head = b"POST /login HTTP/1.1\r\nHost: x\r\n" + lengths + b"\r\n\r\n0\r\n\r\n"
    with socket.create_connection(("127.0.0.1", house.port), timeout=30) as connection:
        connection.sendall(head + b"GET /login HTTP/1.1\r\nHost: x\r\n\r\n")
        answer = b"".join(iter(lambda: connection.recv(65_536), b""))
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert answer.count(b"HTTP/1.1 ") == 1


@contextmanager
def process_of(folder: Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """A centre in a process of its own, after its console has answered. Its log is ``folder / "log"``."""
    with Mosquitto(folder / "broker") as broker:
        centre = Centre(folder / "centre", broker.port, console={"listen": f"127.0.0.1:{port}"})
        command = [sys.executable, "-m", "edge_agent", "central", "run", str(centre.config)]
        with (folder / "log").open("wb") as log, subprocess.Popen(command, stderr=log) as running:
            try:
                wait_until(lambda: answers(port), 120, "the console")
                yield running
            finally:
                running.kill()


def test_the_console_runs_beside_the_ingest_and_comes_back_when_it_dies(tmp_path: Path) -> None:
    port = free_port()
    with process_of(tmp_path, port) as running:
        (child,) = _children(running.pid)
        child_stat = Path(f"/proc/{child}/oom_score_adj").read_text()
        assert int(child_stat) >= 500, "when memory runs out, the ingest stays"
        os.kill(child, signal.SIGKILL)
        wait_until(lambda: answers(port) and _children(running.pid) != [child], 120, "another one")
        (child,) = _children(running.pid)
        running.send_signal(signal.SIGKILL)
        wait_until(lambda: not Path(f"/proc/{child}").exists(), 30, "the end of an orphan")
    assert "restart in 1 s, the ingest is not affected" in (tmp_path / "log").read_text()


def test_at_a_stop_the_console_ends_well_before_the_ingest(tmp_path: Path) -> None:
    with process_of(tmp_path, free_port()) as running:
        running.terminate()
        assert running.wait(60) == 0
    lines = (tmp_path / "log").read_text()
    assert lines.index("the console has stopped") < lines.index("the centre has stopped")
    assert not re.search("ERROR|Fatal", lines)


def test_a_child_that_dies_again_and_again_is_started_ever_more_rarely() -> None:
    clock = FakeClock()
    child = ConsoleProcess("console", [sys.executable, "-c", ""], clock)

    def ended() -> bool:
        child.check()
        return child.pid is None

    child.start()
    for wait_s in (1, 2, 4, 8):
        wait_until(ended, 30, "its end")
        clock.advance(wait_s - 0.5)
        assert ended(), "too early"
        clock.advance(0.5)
        child.check()
        assert child.pid is not None
    child.stop()
    child.join(30)


@pytest.mark.parametrize(("command", "errors"), [("kill -TERM $$", 0), ("exit 3", 1)])
def test_a_child_that_was_terminated_has_not_failed(
    command: str, errors: int, caplog: pytest.LogCaptureFixture
) -> None:
    child = ConsoleProcess("console", ["sh", "-c", command])
    child.start()
    child.join(30)
    assert len(caplog.records) == errors


def test_users_are_made_without_a_password_on_the_command_line(tmp_path: Path) -> None:
    with House(tmp_path) as house:
        password, poor = tmp_path / "pw", tmp_path / "poor"
        password.write_text(f"{PASSWORD}\n", encoding="utf-8")
        poor.write_text("1234\n")
        done = [
            _user(house, words)
            for words in (
                "list",
                f"add lan --role officer --ward de-tham --new-password-file {password}",
                f"add lan --role viewer --ward de-tham --new-password-file {password}",
                f"add minh --role admin --ward de-tham --new-password-file {password}",
                f"add minh --role viewer --ward nowhere --new-password-file {password}",
                f"add Lan --role admin --new-password-file {password}",
                f"add tam --role admin --new-password-file {poor}",
                "token app --ward de-tham --ward bo-xuyen",
                "token app --ward de-tham",
                "token app --renew",
                f"passwd app --new-password-file {password}",
                "list",
                "list --json",
                "remove app",
                "remove app",
            )
        ]
        assert [code for code, _ in done] == [0, 0, 1, 1, 1, 1, 1, 0, 1, 0, 1, 0, 0, 0, 1]
        assert "no users yet" in done[0][1]
        first, second = done[7][1].strip(), done[9][1].strip()
        assert first.startswith("eac_")
        assert first != second
        assert "bo-xuyen, de-tham" in done[11][1]
        listed = {each["name"]: (each["role"], each["wards"]) for each in json.loads(done[12][1])}
        assert listed == {"lan": ("officer", ["de-tham"]), "app": ("api", ["bo-xuyen", "de-tham"])}
        house.start()
        assert house.browser("lan").get("/").status_code == 200
        assert house.program(second).get("/api/events").status_code == 401, "it was removed"


def _user(house: House, words: str) -> tuple[int, str]:
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        code = main(["central", "user", *words.split(), "--config", str(house.config)])
    return code, out.getvalue()


def _ends(connection: socket.socket, sent: bytes = b"") -> bool:
    """Whether the other side ends the connection, and not the timeout of this test."""
    try:
        while True:
            if sent:
                connection.sendall(sent)
            elif not connection.recv(65_536):
                return True
    except (ConnectionResetError, BrokenPipeError):
        return True


def _subject(trust: ssl.SSLContext, port: int) -> str:
    with (
        socket.create_connection(("127.0.0.1", port), 30) as raw,
        trust.wrap_socket(raw, server_hostname="127.0.0.1") as secured,
    ):
        found = secured.getpeercert()
    assert found is not None
    return json.dumps(found["subject"]).split('"commonName", "')[1].split('"')[0]


def _children(pid: int) -> list[int]:
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(each) for each in children]
