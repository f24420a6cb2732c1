"""A world of gateways with a centre, on SQLite."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.edge_central.availability.world import SimulatedWorld
from tests.edge_central.prepared import make_sqlite


@pytest.fixture
def small_world(tmp_path: Path) -> Iterator[SimulatedWorld]:
    built = SimulatedWorld(make_sqlite(tmp_path / "central.db"), tmp_path)
    yield built
    built.close()
