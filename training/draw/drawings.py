"""Draws a set of pieces into a folder: ``person-00012_60_8_131_158.png`` has the object's box in its name."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import cv2
import numpy as np

from training.draw.body import Body, phenotype
from training.draw.clothes import dressed, rainwear, shoulder_pole, umbrella
from training.draw.poses import on_foot
from training.draw.scene import cut_out
from training.draw.shapes import Mesh
from training.draw.things import thing
from training.draw.two_wheelers import two_wheeler

EXTRAS = {rainwear: 0.04, umbrella: 0.04, shoulder_pole: 0.02}
"""Shares of people on foot with one of these."""
KINDS = ("person", "thing", "two-wheeler")


class Artist:
    """Draws into a folder. Files that exist are kept."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._drawn = {path.name.partition("_")[0] for path in folder.glob("*.png")}
        self._body = Body()

    def draw(self, kind: str, number: int) -> None:
        """Draw one object; a number gives always the same one."""
        name = f"{kind}-{number:05d}"
        if name in self._drawn:
            return
        rng = np.random.default_rng([number // 1000, number % 1000, KINDS.index(kind)])
        made = cut_out(self._meshes(kind, rng), rng)
        fresh = self._folder / f"{name}.new"
        fresh.write_bytes(cv2.imencode(".png", made.image)[1].tobytes())
        whole = self._folder / f"{'_'.join([name, *map(str, made.box)])}.png"
        fresh.replace(whole)  # in one step: after a kill there is no half drawing

    def _meshes(self, kind: str, rng: np.random.Generator) -> list[Mesh]:
        if kind == "thing":
            return thing(rng)
        if kind == "two-wheeler":
            return two_wheeler(self._body, rng)
        pose = on_foot(rng)
        who = phenotype(rng)
        shape = self._body.shape(pose, who)
        meshes = dressed(self._body, shape, who, rng)
        shares = [*EXTRAS.values(), 1 - sum(EXTRAS.values())]
        add = rng.choice(np.array([*EXTRAS, None], object), p=shares)
        if add is not None:
            meshes += add(self._body, shape, rng)
        return meshes


def draw(folder: Path, wanted: Mapping[str, int], processes: int = 1) -> None:
    """Draw so many objects of each kind. Blocks; raises OSError."""
    numbers = [(kind, number) for kind, count in wanted.items() for number in range(count)]
    if processes == 1:
        _draw(folder, numbers)
        return
    with ProcessPoolExecutor(processes, get_context("spawn")) as pool:
        for _ in pool.map(partial(_draw, folder), (numbers[one::processes] for one in range(processes))):
            pass


def _draw(folder: Path, numbers: list[tuple[str, int]]) -> None:
    artist = Artist(folder)
    for kind, number in numbers:
        artist.draw(kind, number)
