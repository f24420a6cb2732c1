"""Time for cameras: a gateway that serves NTP, and one that does not."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

import pytest

from edge_agent.core.errors import CameraSetupError
from edge_agent.tools.cameras.configure import CHRONY, is_allowed, ntp_server, serving_address
from tests.playbooks.test_board_and_network import rendered

CHRONYD = "/usr/sbin/chronyd"


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
    with ntp_on_loopback(0xE4) as port, pytest.raises(CameraSetupError, match="serve_time"):
        ntp_server("", "127.0.0.1", port)
    with pytest.raises(CameraSetupError, match=r"is not a time server for 127\.0\.0\.1"):
        ntp_server("", "127.0.0.1", port)


CAMERAS, STRANGER = "127.0.9.11", "127.0.9.12"


@pytest.fixture
def chrony(tmp_path: Path) -> Iterator[int]:
    """The real chronyd with the configuration of the role time, below ``tmp_path``; yields its port.

    It sets no clock (-x), and takes its own for right, because no server is asked here."""
    if not Path(CHRONYD).exists():
        pytest.skip("chrony is not installed")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    text = rendered("time", "chrony.conf.j2", time_sources=[], time_serve_cameras=[f"{CAMERAS}/32"])
    path = tmp_path / CHRONY
    path.parent.mkdir(parents=True)
    path.write_text(text)
    own = tmp_path / "chronyd.conf"
    changed = [line for line in text.splitlines() if not line.startswith(("driftfile", "logdir", "rtcsync"))]
    own.write_text("\n".join([*changed, f"port {port}", "local stratum 8", f"pidfile {tmp_path}/pid", ""]))
    process = subprocess.Popen([CHRONYD, "-d", "-x", "-U", "-f", own], stderr=subprocess.PIPE)
    yield port
    process.terminate()
    process.communicate(timeout=10)


def answer(asker: str, server: str, port: int) -> int | None:
    """The first byte of the answer to a camera at the address ``asker``; None: silence."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.bind((asker, 0))
        client.settimeout(0.3)
        client.sendto(bytes([0x23]) + bytes(47), (server, port))
        try:
            return client.recv(512)[0]
        except TimeoutError:
            return None


def test_chrony_gives_the_time_to_the_cameras_of_the_sheet_and_to_no_other(
    chrony: int, tmp_path: Path
) -> None:
    deadline = time.monotonic() + 10
    while (found := answer(CAMERAS, "127.0.0.1", chrony)) is None and time.monotonic() < deadline:
        pass
    assert found is not None
    assert found & 7 == 4, "mode server"
    assert found >> 6 == 0, "synchronised"
    assert answer(STRANGER, "127.0.0.1", chrony) is None
    # The gateway itself is no camera: its own address is silent, and it is offered all the same.
    assert answer(STRANGER, STRANGER, chrony) is None
    assert serving_address(CAMERAS, chrony, tmp_path) is not None
    assert not is_allowed(STRANGER, tmp_path)
    assert not is_allowed("cam-1.example", tmp_path)
    assert not is_allowed(CAMERAS, tmp_path / "none")
