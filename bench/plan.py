"""The plan of a bench run: how long, in which folders, with which footage."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from bench.result import Skip


@dataclass(frozen=True, slots=True)
class Plan:
    """The plan of a run. ``folder`` is deleted afterwards, ``cache`` keeps the clips, ``data`` has video/."""

    quick: bool
    folder: Path
    cache: Path
    data: Path | None

    def choose(self, full: float, quick: float) -> float:
        return quick if self.quick else full

    def footage(self, name: str) -> Path:
        if self.data is None:
            raise Skip(f"EDGE_AGENT_TEST_DATA is not set: a folder with video/{name}")
        path = self.data / "video" / name
        if not path.exists():
            raise Skip(f"there is no video/{name} in EDGE_AGENT_TEST_DATA")
        return path

    def own_folder(self, name: str) -> Path:
        """Make a new empty folder for the part."""
        path = self.folder / name.replace(" ", "-")
        path.mkdir(parents=True)
        return path
