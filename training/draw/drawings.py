"""Draws a set of pieces into a folder: ``person-00012_60_8_131_158.png`` has the object's box in its name."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from training.draw.body import Body, phenotype
from training.draw.clothes import dressed
from training.draw.poses import on_foot
from training.draw.scene import cut_out
from training.draw.shapes import Mesh
from training.draw.things import thing
from training.draw.two_wheelers import two_wheeler

KINDS = ("person", "thing", "two-wheeler")


class Artist:
    def __init__(self) -> None:
        self._body = Body()

    def draw(self, kind: str, number: int, folder: Path) -> None:
        """Draw one object; a number gives always the same one. A file that exists is kept."""
        if any(folder.glob(f"{kind}-{number:05d}_*.png")):
            return
        rng = np.random.default_rng([number // 1000, number % 1000, KINDS.index(kind)])
        made = cut_out(self._meshes(kind, rng), rng)
        name = "_".join([f"{kind}-{number:05d}", *map(str, made.box)])
        cv2.imwrite(str(folder / f"{name}.png"), made.image)

    def _meshes(self, kind: str, rng: np.random.Generator) -> list[Mesh]:
        if kind == "thing":
            return thing(rng)
        if kind == "two-wheeler":
            return two_wheeler(self._body, rng)
        pose = on_foot(rng)
        who = phenotype(rng)
        return dressed(self._body, self._body.shape(pose, who), who, rng)
