"""Time for cameras: a gateway that serves NTP, and one that does not."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread

import pytest

from edge_agent.core.errors import CameraSetupError
from edge_agent.tools.cameras.configure import ntp_server


@contextmanager
def ntp_on_loopback(first_byte: int, port: int = 0, requests: int = 1) -> Iterator[int]:
    """Answer so many NTP requests; yields the port, 0 for a free one."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", port))
        server.settimeout(5)

        def answer() -> None:
            for _ in range(requests):
                _, asker = server.recvfrom(512)
                server.sendto(bytes([first_byte]) + bytes(47), asker)

        thread = Thread(target=answer)
        thread.start()
        yield server.getsockname()[1]
        thread.join(5)


def test_the_box_is_named_where_it_gives_the_time() -> None:
    with ntp_on_loopback(0x24) as port:  # leap 0, version 4, mode server
        assert ntp_server("", "127.0.0.1", port) == "127.0.0.1"
    assert ntp_server("10.0.0.1", "127.0.0.1") == "10.0.0.1"
    assert ntp_server(None, "127.0.0.1") is None


def test_a_box_that_is_not_synchronised_or_silent_is_not_named() -> None:
    with ntp_on_loopback(0xE4) as port, pytest.raises(CameraSetupError, match="time_serve_cameras"):
        ntp_server("", "127.0.0.1", port)
    with pytest.raises(CameraSetupError, match=r"serves no time at 127\.0\.0\.1"):
        ntp_server("", "127.0.0.1", port)
