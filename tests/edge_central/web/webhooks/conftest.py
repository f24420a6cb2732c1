from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.testbed.push_service import PushService


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PushService]:
    with PushService(tmp_path_factory.mktemp("push")) as started:
        yield started
