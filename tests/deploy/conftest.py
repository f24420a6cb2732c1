"""Boxes for the tests: none of them runs where systemd-nspawn cannot."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.deploy.boxes import Boxes
from tests.deploy.network import Network
from tests.deploy.root import missing


@pytest.fixture(scope="session")
def network() -> Iterator[Network]:
    reason = missing()
    if reason:
        pytest.skip(reason)
    with Network() as network:
        yield network


@pytest.fixture(scope="module")
def boxes(network: Network, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Boxes]:
    with Boxes(tmp_path_factory.mktemp("boxes"), network) as boxes:
        yield boxes
