"""Servers that a command names: endlessly slow, verbose or redirecting. And invalid URLs."""

from __future__ import annotations

import contextlib
import logging
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest

from edge_agent.commands.action import CommandFailed, CommandRefused
from edge_agent.commands.transfer.https import MAX_SERVER_TEXT, HttpsTarget, Uploader
from edge_agent.commands.transfer.wheel_cache import ReleaseWheel, WheelCache
from edge_agent.wire import ClipArguments
from tests.testbed.mosquitto import Authority

SECRET = "X-Amz-Signature-0123456789"


def no_pause(seconds: float) -> bool:
    return False


class Server:
    """Calls ``serve`` for each connection after its TLS handshake."""

    def __init__(self, folder: Path) -> None:
        authority = Authority(folder)
        certificate = authority.issue("localhost", san="DNS:localhost")
        self.ca_file = authority.cert
        self.client_tls = ssl.create_default_context(cafile=authority.cert)
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.tls.load_cert_chain(certificate.cert, certificate.key)

    def _secured(self, plain: socket.socket, handshake: bool) -> socket.socket:
        return self.tls.wrap_socket(plain, server_side=True) if handshake else plain

    @contextmanager
    def serving(self, serve: Callable[[socket.socket], object], *, handshake: bool = True) -> Iterator[str]:
        """The URL."""

        def run() -> None:
            while True:
                try:
                    plain, _ = listener.accept()
                except OSError:
                    return
                with contextlib.suppress(OSError), self._secured(plain, handshake) as connection:
                    serve(connection)

        with socket.create_server(("localhost", 0)) as listener:
            threading.Thread(target=run, daemon=True).start()
            try:
                yield f"https://localhost:{listener.getsockname()[1]}"
            finally:
                listener.shutdown(socket.SHUT_RDWR)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Server:
    return Server(tmp_path_factory.mktemp("server"))


ANSWER = b"HTTP/1.1 200 " + b"O" * 1000
HANDSHAKE = b"\x16\x03\x03\x40\x00" + bytes(1000)  # of a record of 16 kB


@pytest.mark.parametrize("handshake", [True, False])
def test_a_server_that_drips_is_left_when_the_time_is_over(server: Server, handshake: bool) -> None:
    """A server that sends a byte now and then, so that no read timeout ends the request."""
    pause, begun = threading.Event(), time.monotonic()

    def drips(connection: socket.socket) -> None:
        for byte in ANSWER if handshake else HANDSHAKE:
            connection.sendall(bytes([byte]))
            pause.wait(0.05)

    uploader = Uploader(no_pause, server.client_tls, within_s=0.5)
    with server.serving(drips, handshake=handshake) as url, pytest.raises(CommandFailed, match="longer than"):
        uploader.put(b"film", [HttpsTarget.of(f"{url}/x?{SECRET}")], 4, "video/mp4")
    assert time.monotonic() - begun < 20


def test_what_a_server_says_is_short_and_plain_in_log_and_answer(
    server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)

    def chatty(connection: socket.socket) -> None:
        connection.recv(65_536)
        connection.sendall(b"HTTP/1.1 403 \x1b[31m" + b"no" * 10_000 + b"\r\nContent-Length: 0\r\n\r\n")

    with server.serving(chatty) as url, pytest.raises(CommandFailed) as failed:
        Uploader(no_pause, server.client_tls).put(
            b"film", [HttpsTarget.of(f"{url}/{SECRET}")], 4, "video/mp4"
        )
    assert str(failed.value).isprintable()
    assert len(str(failed.value)) < MAX_SERVER_TEXT + 100
    assert SECRET not in str(failed.value) + caplog.text


def test_what_an_upload_carries_is_counted_and_no_faster_than_the_backlog(server: Server) -> None:
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

    with server.serving(takes) as url:
        uploader = Uploader(pause, server.client_tls, bytes_s=25_000, on_bytes_sent=counted.append)
        uploader.put(bytes(100_000), [HttpsTarget.of(url)], 100_000, "video/mp4")
    assert sum(counted) == 100_000
    assert sum(paused) == pytest.approx(4.0)


def test_a_server_of_wheels_cannot_send_the_box_to_a_camera_beside_it(server: Server, tmp_path: Path) -> None:
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
        with server.serving(redirects) as url, pytest.raises(OSError, match="says 302"):
            inbox.fetch(wheel, url, str(server.ca_file), lambda: False)
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
