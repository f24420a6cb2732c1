"""Gateways of the tests of updates."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.testbed.mosquitto import Authority
from tests.update.box import UpdatingBox
from tests.update.systemd import Systemd
from tests.update.wheel_server import WheelServer


@pytest.fixture(scope="session")
def update_authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def box(tmp_path: Path, update_authority: Authority) -> Iterator[UpdatingBox]:
    """A gateway without a release, a running agent or a release server."""
    socket, answer = tmp_path / "status.sock", tmp_path / "var/lib/edge-agent-update/check.txt"
    with (
        WheelServer(tmp_path / "server", update_authority) as server,
        Systemd(tmp_path / "systemd", tmp_path / "opt/edge-agent", socket, answer) as systemd,
    ):
        box = UpdatingBox(tmp_path, server, systemd)
        box.set_up()
        yield box


@pytest.fixture
def pulling(box: UpdatingBox, update_authority: Authority) -> UpdatingBox:
    """A gateway that asks a server for its releases."""
    box.set(url=box.server.url, ca_file=str(update_authority.cert))
    return box
