"""Model releases of detectors of drawn people: one as good as the model in force, one that sees nothing."""

from __future__ import annotations

import hashlib
import json
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from edge_agent.commands.signature import sign
from edge_agent.model_release.manifest import MANIFEST, SIGNED, ModelManifest
from tests.commands.counter import OPERATOR
from tests.testbed.walker_model import WALKER_MODEL

SEES = ("person", "two-wheeler", "vehicle")
SEES_NOTHING = ("cat", "two-wheeler", "vehicle")
"""The detector of drawn people with a label that no rule uses."""


def walker_model(labels: tuple[str, ...] = SEES, note: str = "another") -> bytes:
    """The detector of drawn people with another sha256, and optionally other labels."""
    with zipfile.ZipFile(WALKER_MODEL) as archive:
        (entry,) = archive.infolist()
        about = json.loads(archive.read(entry)) | {"labels": list(labels), "note": note}
    path = WALKER_MODEL.read_bytes()[: entry.header_offset]
    return path + _zipped(entry.filename, json.dumps(about))


def _zipped(name: str, text: str) -> bytes:
    import io

    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(zipfile.ZipInfo(name), text)
    return out.getvalue()


@dataclass(frozen=True)
class Release:
    """Make a folder as ``edge-agent learn`` does; its model is also served."""

    name: str
    model: bytes
    folder: Path
    url: str

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.model).hexdigest()

    def arguments(self, **other: object) -> dict[str, Any]:
        """Arguments of the command that tries it."""
        return {
            "action": "try",
            "manifest": (self.folder / SIGNED).read_text(),
            "url": self.url,
            "bytes": len(self.model),
            **other,
        }


def write_release(
    folder: Path,
    name: str,
    model: bytes,
    *,
    served: Path,
    url: str,
    operator: Ed25519PrivateKey = OPERATOR,
) -> Release:
    """``served`` is the folder of the server at ``url``."""
    folder = folder / name
    folder.mkdir(parents=True)
    file = f"{name}.tflite"
    card = b"# a model of drawn walkers\n"
    for place in (folder, served):
        (place / file).write_bytes(model)
    (folder / "model-card.md").write_bytes(card)
    manifest = ModelManifest(
        name=name,
        made="2026-11-28T03:02:11+00:00",
        files={file: hashlib.sha256(model).hexdigest(), "model-card.md": hashlib.sha256(card).hexdigest()},
        in_force_sha256="0" * 64,
        pictures={"collection": 1},
        held_out=[],
        answers=0,
        margin=0.03,
        threshold=0.3,
    )
    document = msgspec.json.encode(manifest)
    (folder / MANIFEST).write_bytes(document)
    (folder / SIGNED).write_bytes(sign(document, operator))
    return Release(name, model, folder, f"{url}/{file}")
