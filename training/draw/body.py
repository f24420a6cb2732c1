"""Bodies of people: Anny (Brégier et al., arXiv 2511.03589), which is based on MakeHuman.

Its base mesh has surfaces for clothes beside the body: tights around all of it, a skirt and long hair.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import anny
import numpy as np
import torch
from numpy.typing import NDArray

from training.draw.shapes import Faces, Points

Bool = NDArray[np.bool_]
Pose = dict[str, Points]
"""[3, 3] for each bone that is turned from its place at rest, about axes that do not turn with the body."""
Phenotype = dict[str, float]

_GROUPS = {"body": "skin", "helper-tights": "tights", "helper-skirt": "skirt", "helper-hair": "hair"}


@dataclass(frozen=True)
class Shape:
    """One person: its points at rest, upright with the arms spread, and in a pose."""

    rest: Points
    posed: Points


class Body:
    """Makes shapes. ``faces``: of skin, tights, skirt and hair, which all use the points of one shape."""

    def __init__(self) -> None:
        self._model = anny.Anny(rig="anny", topology="makehuman-full", phenotypes="all").to(torch.float32)
        self._bones = list(self._model.bone_labels)
        weights, indices = (
            self._model.vertex_bone_weights.numpy(),
            self._model.vertex_bone_indices.numpy(),
        )
        strongest = indices[np.arange(len(indices)), weights.argmax(1)]
        self._bone = np.array(self._bones)[strongest]
        self.faces = _read_faces()
        self.skin = self._points_of("skin")
        self.tights = self._points_of("tights")

    def at(self, *bones: str) -> Bool:
        """Of each point: whether a bone moves it whose name begins with one of these."""
        return np.asarray(np.any([np.char.startswith(self._bone, bone) for bone in bones], axis=0), np.bool_)

    def shape(self, pose: Pose, phenotype: Phenotype) -> Shape:
        turned = np.tile(np.eye(4, dtype=np.float32), (len(self._bones), 1, 1))
        for bone, rotation in pose.items():
            turned[self._bones.index(bone), :3, :3] = rotation
        with torch.no_grad():
            made = self._model(
                pose_parameters=torch.from_numpy(turned)[None],
                phenotype_kwargs={name: torch.tensor([value]) for name, value in phenotype.items()},
            )
        rest, posed = (made[name][0].numpy().astype(np.float64) for name in ("rest_vertices", "vertices"))
        return Shape(rest, posed)

    def _points_of(self, group: str) -> Bool:
        found = np.zeros(len(self._bone), np.bool_)
        found[np.unique(self.faces[group])] = True
        return found


def phenotype(rng: np.random.Generator) -> Phenotype:
    """A random person: from a child of school age to an old man or woman. ``gender``: 1 is male."""
    u = rng.uniform
    gender = float(rng.random() < 0.5) * u(0.8, 1) if rng.random() < 0.9 else u(0, 1)
    age = float(rng.choice([u(0.35, 0.55), u(0.5, 0.8), u(0.8, 1.0)], p=[0.18, 0.6, 0.22]))
    most = int(rng.choice(3, p=[0.15, 0.65, 0.2]))
    origins = [u(0, 0.3) for _ in range(3)]
    origins[most] = u(0.7, 1)
    build = {
        "muscle": u(0.3, 0.7),
        "weight": u(0.2, 0.9),
        "height": u(0.25, 0.75),
        "proportions": u(0.3, 0.7),
    }
    named = dict(zip(("african", "asian", "caucasian"), origins, strict=True))
    return {"gender": gender, "age": age, **build, "cupsize": 0.5, "firmness": 0.5, **named}


def _read_faces() -> dict[str, Faces]:
    """Read the four-sided faces of the groups from MakeHuman's base mesh, each as two triangles."""
    path = Path(anny.__file__).parent / "data/mpfb2/3dobjs/base.obj"
    found: dict[str, list[list[int]]] = {group: [] for group in _GROUPS.values()}
    group = None
    for line in path.read_text(encoding="ascii").splitlines():
        kind, _, rest = line.partition(" ")
        if kind == "g":
            group = _GROUPS.get(rest.strip())
        elif kind == "f" and group is not None:
            a, b, c, d = (int(corner.partition("/")[0]) - 1 for corner in rest.split())
            found[group] += [[a, b, c], [a, c, d]]
    return {group: np.array(faces) for group, faces in found.items()}
