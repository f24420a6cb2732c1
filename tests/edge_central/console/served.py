"""The invented city behind a console in this process, on a free port."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.edge_central.console.city import City, build
from tests.edge_central.web.house import House


class CityHouse(House):
    """A console over ``city``; log in as an account of ``person``."""

    def __init__(self, folder: Path, *, now_ms: int | None = None, events: int = 1_500, **keys: Any) -> None:
        self.city: City = build(folder / "state", now_ms, events=events)
        keys |= {"sites_file": str(self.city.sites_file), "wards_file": str(self.city.wards_file)}
        super().__init__(folder, **keys)
