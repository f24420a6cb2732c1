"""What a run of the bench is given: how long, where, with which model and footage."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from bench.result import Skip

MODEL = "coco_ssd_mobilenet_v1_1.0_quant_2018_06_29.tflite"


@dataclass(frozen=True, slots=True)
class Plan:
    """``folder`` is thrown away afterwards, ``cache`` keeps the clips, ``data`` has models/ and video/."""

    quick: bool
    folder: Path
    cache: Path
    data: Path | None

    def choose(self, full: float, quick: float) -> float:
        return quick if self.quick else full

    @property
    def model(self) -> str:
        """The SSD model, or HOG where there is none: fewer megabytes, so no figure for the target."""
        path = None if self.data is None else self.data / "models" / MODEL
        return str(path) if path is not None and path.exists() else "hog"

    def footage(self, name: str) -> Path:
        if self.data is None:
            raise Skip(f"EDGE_AGENT_TEST_DATA is not set: a folder with video/{name}")
        path = self.data / "video" / name
        if not path.exists():
            raise Skip(f"there is no video/{name} in EDGE_AGENT_TEST_DATA")
        return path

    def own_folder(self, name: str) -> Path:
        """A fresh one."""
        path = self.folder / name.replace(" ", "-")
        path.mkdir(parents=True)
        return path
