"""The manifest of a model release of ``edge-agent learn``, and its signature."""

from __future__ import annotations

import re

import msgspec

from edge_agent.commands.action import CommandRefused
from edge_agent.commands.signature import OperatorKeyring
from edge_agent.core.errors import EdgeAgentError

MANIFEST = "manifest.json"
SIGNED = "manifest.jws"
"""The manifest as a compact JWS; what it says counts, and ``MANIFEST`` is for reading."""
KIND = "edge-agent model release 1"
_MODEL_FILE = re.compile(r"[A-Za-z0-9_.-]{1,80}\.tflite")


class BadManifest(EdgeAgentError):
    """It is no manifest of a model release, or none that an operator signed."""


class ModelManifest(msgspec.Struct, frozen=True, kw_only=True):
    """What is signed of a model release.

    A command brings it to a gateway, so it holds no figures of all places of a city: these are a file.
    """

    kind: str = KIND
    name: str
    made: str
    files: dict[str, str]
    """SHA-256 by file name."""
    in_force_sha256: str
    """The model that it was measured beside."""
    pictures: dict[str, int]
    held_out: list[str]
    answers: int
    margin: float
    threshold: float

    @property
    def model_file(self) -> str:
        """The one model among the files. Raises BadManifest."""
        models = [name for name in self.files if _MODEL_FILE.fullmatch(name)]
        if len(models) != 1:
            raise BadManifest(f"the manifest names {len(models)} models (.tflite), and not one")
        return models[0]


def open_manifest(jws: bytes, operators: OperatorKeyring) -> tuple[ModelManifest, bytes, str]:
    """The manifest, its bytes as they were signed, and the id of the operator's key. Raises BadManifest."""
    try:
        signed = operators.open(jws.strip())
        manifest = msgspec.json.decode(signed.document, type=ModelManifest)
    except CommandRefused as error:
        raise BadManifest(f"{error}: do not install the model") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadManifest(f"it is no manifest of a model release: {error}") from error
    if manifest.kind != KIND:
        raise BadManifest("it is signed, but is no model release: do not install the model")
    return manifest, signed.document, signed.by
