from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.browser.monitoring_room import Room
from tests.edge_central.console.served import CityHouse
from tests.testbed.chromium import Chromium


@pytest.fixture(scope="module")
def room(house: CityHouse, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Room]:
    """An officer at the console of ``house``, a fixture of the module."""
    with Chromium(tmp_path_factory.mktemp("profile")) as browser:
        yield Room(house, browser, "lan")
