"""The manifest of a model release of ``edge-agent learn``: its signature, and the files that it signs."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import msgspec

from edge_agent.commands.action import CommandRefused
from edge_agent.commands.signature import OperatorKeyring
from edge_agent.core.errors import EdgeAgentError
from edge_agent.core.printable import printable
from edge_agent.core.problems import error_text, problem_text

MANIFEST = "manifest.json"
SIGNED = "manifest.jws"
"""The manifest as a compact JWS. Programs use this one; ``MANIFEST`` is a copy for people."""
KIND = "edge-agent model release 1"
MAX_NAMED = 10  # an error text names at most this many files
_MODEL_FILE = re.compile(r"[A-Za-z0-9_.-]{1,80}\.tflite")


class BadManifest(EdgeAgentError):
    """The text is not the manifest of a model release, or no operator has signed it."""


class ModelManifest(msgspec.Struct, frozen=True, kw_only=True):
    """The signed description of a model release.

    A command carries it to a gateway, so it is small: the figures of all sites are a file of the release.
    """

    kind: str = KIND
    name: str
    made: str
    files: dict[str, str]
    """SHA-256 by file name."""
    in_force_sha256: str
    """SHA-256 of the model in force with which the new model was compared."""
    pictures: dict[str, int]
    held_out: list[str]
    answers: int
    margin: float
    threshold: float

    @property
    def model_file(self) -> str:
        """Name of the one model among the files. Raises BadManifest."""
        models = [name for name in self.files if _MODEL_FILE.fullmatch(name)]
        if len(models) != 1:
            raise BadManifest(problem_text("model-manifest-count", models=len(models)))
        return models[0]


def open_manifest(jws: bytes, operators: OperatorKeyring) -> tuple[ModelManifest, bytes, str]:
    """Verify a manifest. Raises BadManifest.

    Returns the manifest, its bytes as they were signed, and the id of the operator's key."""
    try:
        document, signed_by = operators.open(jws.strip())
        manifest = msgspec.json.decode(document, type=ModelManifest)
    except CommandRefused as error:
        raise BadManifest(problem_text("model-manifest-unsigned", why=error_text(error))) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadManifest(problem_text("model-manifest-malformed", error=str(error))) from error
    if manifest.kind != KIND:
        raise BadManifest(problem_text("model-manifest-other"))
    return manifest, document, signed_by


def check_files(folder: Path, manifest: ModelManifest, document: bytes) -> None:
    """Raise EdgeAgentError if a file of the folder is changed, missing or unknown."""
    wanted = {**manifest.files, MANIFEST: hashlib.sha256(document).hexdigest()}
    changed = {name for name, digest in wanted.items() if _sha256(folder, name) != digest}
    strangers = {path.name for path in folder.iterdir()} - {*wanted, SIGNED}
    if odd := sorted(changed | strangers):
        named = ", ".join(map(printable, odd[:MAX_NAMED])) + (", …" if len(odd) > MAX_NAMED else "")
        raise EdgeAgentError(f"{folder}: not as it was signed: {named}: do not install the model")


def _sha256(folder: Path, name: str) -> str:
    """Return the SHA-256 of a regular file of the folder; empty for anything else.

    A symbolic link does not count, because it could point to another file later.
    """
    path = folder / name
    if path.parent != folder or path.is_symlink() or not path.is_file():
        return ""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
