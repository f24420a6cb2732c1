"""Checks that the files of a model release are those that its manifest signs."""

from __future__ import annotations

import hashlib
from pathlib import Path

from edge_agent.core.errors import EdgeAgentError
from edge_agent.core.printable import printable
from edge_agent.model_release.manifest import MANIFEST, SIGNED, ModelManifest

MAX_NAMED = 10  # files in the text of the error


def check_files(folder: Path, manifest: ModelManifest, document: bytes) -> None:
    """Raise EdgeAgentError if a file of the folder is changed, missing or unknown."""
    wanted = {**manifest.files, MANIFEST: hashlib.sha256(document).hexdigest()}
    changed = {name for name, digest in wanted.items() if _sha256(folder, name) != digest}
    strangers = {path.name for path in folder.iterdir()} - {*wanted, SIGNED}
    if odd := sorted(changed | strangers):
        named = ", ".join(map(printable, odd[:MAX_NAMED])) + (", …" if len(odd) > MAX_NAMED else "")
        raise EdgeAgentError(f"{folder}: not as it was signed: {named}: do not install the model")


def _sha256(folder: Path, name: str) -> str:
    """Empty for all but regular files of the folder: a link could point to another file later."""
    path = folder / name
    if path.parent != folder or path.is_symlink() or not path.is_file():
        return ""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
