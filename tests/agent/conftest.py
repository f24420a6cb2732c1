from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.testbed import small_disk as mounted
from tests.testbed.clips import make_clip
from tests.testbed.mosquitto import Mosquitto, Subscriber


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five seconds of a test picture, 320x180."""
    return make_clip(tmp_path_factory.mktemp("clips") / "clip.mp4", seconds=5)


@pytest.fixture
def state_disk(tmp_path: Path) -> Iterator[Path]:
    """A separate file system of 2 MB as the state directory."""
    with mounted.small_disk(tmp_path / "state", 2048) as folder:
        yield folder


@pytest.fixture
def centre(broker: Mosquitto) -> Iterator[Subscriber]:
    with Subscriber(broker.port, "tb/v1/#") as subscriber:
        yield subscriber
