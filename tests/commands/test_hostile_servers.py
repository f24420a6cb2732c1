"""Servers that a command names: endlessly slow, verbose or redirecting. And invalid URLs."""

from __future__ import annotations

import contextlib
import logging
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from edge_agent.commands.action import CommandFailed, CommandRefused
from edge_agent.commands.transfer.https import MAX_SERVER_TEXT, HttpsTarget, Uploader
from edge_agent.commands.transfer.wheel_cache import ReleaseWheel, WheelCache
from edge_agent.wire import ClipArguments
from tests.commands.put_server import Localhost
from tests.testbed.small_server import SmallServer

SECRET = "X-Amz-Signature-0123456789"


def no_pause(seconds: float) -> bool:
    return False


class RawServer(SmallServer):
    """Calls ``serve`` for each connection, after its TLS handshake if it has a certificate."""

    def __init__(self, serve: Callable[[socket.socket], object], own: Localhost | None) -> None:
        super().__init__()
        self._serve, self._own = serve, own

    @property
    def url(self) -> str:
        return f"https://localhost:{self.port}"

    def talk(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError):  # the client does not wait for the end
            if self._own is None:
                self._serve(connection)
                return
            context = self._own.certificate.server_context()
            with context.wrap_socket(connection, server_side=True) as secured:
                self._serve(secured)


@pytest.fixture(scope="module")
def localhost(tmp_path_factory: pytest.TempPathFactory) -> Localhost:
    return Localhost(tmp_path_factory.mktemp("server"))


ANSWER = b"HTTP/1.1 200 " + b"O" * 1000
HANDSHAKE = b"\x16\x03\x03\x40\x00" + bytes(1000)  # of a record of 16 kB


@pytest.mark.parametrize("handshake", [True, False])
def test_a_server_that_drips_is_left_when_the_time_is_over(localhost: Localhost, handshake: bool) -> None:
    """A server that sends a byte now and then, so that no read timeout ends the request."""
    pause, begun = threading.Event(), time.monotonic()

    def drips(connection: socket.socket) -> None:
        for byte in ANSWER if handshake else HANDSHAKE:
            connection.sendall(bytes([byte]))
            pause.wait(0.05)

    uploader = Uploader(no_pause, localhost.client_tls, within_s=0.5)
    own = localhost if handshake else None
    with RawServer(drips, own) as server, pytest.raises(CommandFailed, match="longer than"):
        uploader.put(b"film", [HttpsTarget.of(f"{server.url}/x?{SECRET}")], 4, "video/mp4")
    assert time.monotonic() - begun < 20


def test_what_servers_say_is_short_and_plain(localhost: Localhost, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)

    def chatty(connection: socket.socket) -> None:
        connection.recv(65_536)
        connection.sendall(b"HTTP/1.1 403 \x1b[31m" + b"no" * 10_000 + b"\r\nContent-Length: 0\r\n\r\n")

    with RawServer(chatty, localhost) as server, pytest.raises(CommandFailed) as failed:
        Uploader(no_pause, localhost.client_tls).put(
            b"film", [HttpsTarget.of(f"{server.url}/{SECRET}")], 4, "video/mp4"
        )
    assert str(failed.value).isprintable()
    assert len(str(failed.value)) < MAX_SERVER_TEXT + 100
    assert SECRET not in str(failed.value) + caplog.text


def test_what_an_upload_carries_is_counted_and_no_faster_than_the_backlog(localhost: Localhost) -> None:
    counted: list[int] = []
    paused: list[float] = []

    def takes(connection: socket.socket) -> None:
        got = b""
        while len(got.partition(b"\r\n\r\n")[2]) < 100_000:
            got += connection.recv(65_536)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    def pause(seconds: float) -> bool:
        paused.append(seconds)
        return False

    with RawServer(takes, localhost) as server:
        uploader = Uploader(pause, localhost.client_tls, bytes_s=25_000, on_bytes_sent=counted.append)
        uploader.put(bytes(100_000), [HttpsTarget.of(server.url)], 100_000, "video/mp4")
    assert sum(counted) == 100_000
    assert sum(paused) == pytest.approx(4.0)


def test_a_server_of_wheels_cannot_send_the_box_to_a_camera(localhost: Localhost, tmp_path: Path) -> None:
    """Some cameras reboot by a GET request."""
    asked = threading.Event()
    with socket.create_server(("localhost", 0)) as camera:

        def accept() -> None:
            with contextlib.suppress(OSError):
                camera.accept()
                asked.set()

        threading.Thread(target=accept, daemon=True).start()
        elsewhere = f"http://localhost:{camera.getsockname()[1]}/reboot"

        def redirects(connection: socket.socket) -> None:
            connection.recv(65_536)
            answer = f"HTTP/1.1 302 Found\r\nLocation: {elsewhere}\r\nContent-Length: 0\r\n\r\n"
            connection.sendall(answer.encode())

        inbox = WheelCache(tmp_path, tmp_path / "have")
        wheel = ReleaseWheel("a-1-py3-none-any.whl", "0" * 64, 10)
        with RawServer(redirects, localhost) as server, pytest.raises(OSError, match="says 302"):
            inbox.fetch(wheel, server.url, str(localhost.ca_file), lambda: False)
        camera.shutdown(socket.SHUT_RDWR)
    assert not asked.is_set()


@pytest.mark.parametrize(
    "url",
    [
        f"https:///{SECRET}",
        f"https://host:port/{SECRET}",
        f"https://host:99999/{SECRET}",
        f"https://[::1/{SECRET}",
        f"https://host/\x01{SECRET}",
        f"https://host/é{SECRET}",
        f"http://host/{SECRET}",
    ],
)
def test_a_url_that_is_none_is_refused_without_its_secret(url: str) -> None:
    with pytest.raises(CommandRefused) as refused:
        HttpsTarget.of(url)
    assert (refused.value.code, SECRET in str(refused.value)) == ("bad-arguments", False)


@pytest.mark.parametrize("url", ["http://host/x", "https://u:p@host/x", "https://host/\x01", "https://h/é"])
def test_such_a_url_is_against_the_schema(url: str) -> None:
    with pytest.raises(msgspec.ValidationError) as wrong:
        msgspec.convert({"event_id": "e", "url": url}, ClipArguments)
    assert "host/" not in str(wrong.value)
