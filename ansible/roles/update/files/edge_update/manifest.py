"""Reads the signed list of a release's wheels, and verifies its signature."""

from __future__ import annotations

import hashlib
import json
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge_update.programs import run
from edge_update.settings import UpdateError

VERSION = re.compile(r"[0-9][A-Za-z0-9.+!-]{0,63}")
WHEEL = re.compile(r"[A-Za-z0-9_.+!-]{1,200}\.whl")
DIGEST = re.compile(r"[0-9a-f]{64}")
MANIFEST_BYTES = 1_000_000
SIGNATURE_BYTES = 64  # Ed25519


@dataclass(frozen=True)
class Wheel:
    name: str
    sha256: str
    size: int


@dataclass(frozen=True)
class Manifest:
    version: str
    serial: int  # only grows; an older manifest is refused, whatever its source
    percent: int  # share of the gateways that install it when they ask the server
    wheels: tuple[Wheel, ...]


def verified(text: bytes, signature: bytes, public_key: Path) -> Manifest:
    """Return the manifest. Raises UpdateError if it is not signed, or signed but not valid."""
    with tempfile.TemporaryDirectory() as folder:
        paths = Path(folder, "manifest.json"), Path(folder, "manifest.json.sig")
        for path, content in zip(paths, (text, signature), strict=True):
            path.write_bytes(content)
        verify = ["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", str(public_key), "-rawin"]
        if run([*verify, "-in", str(paths[0]), "-sigfile", str(paths[1])]).returncode:
            raise UpdateError("the manifest is not signed with the fleet's key; nothing was changed")
    return _parse(text)


def _parse(text: bytes) -> Manifest:
    try:
        raw: dict[str, Any] = json.loads(text)
        wheels = tuple(Wheel(str(w["name"]), str(w["sha256"]), int(w["bytes"])) for w in raw["wheels"])
        manifest = Manifest(str(raw["version"]), int(raw["serial"]), int(raw["percent"]), wheels)
    except (ValueError, KeyError, TypeError) as error:
        raise UpdateError(f"the manifest cannot be read: {error}") from error
    named = all(WHEEL.fullmatch(wheel.name) and DIGEST.fullmatch(wheel.sha256) for wheel in wheels)
    if not VERSION.fullmatch(manifest.version) or not named:
        raise UpdateError("the manifest has an invalid version, or a wheel with an invalid name or SHA-256")
    return manifest


def place_of(version: str, gateway: str) -> int:
    """Return a gateway's place for a version, 0 to 99; the order differs for each version. The centre
    computes the same, to show the share."""
    digest = hashlib.sha256(f"{version}/{gateway}".encode()).digest()
    return int.from_bytes(digest[:4], "big") % 100
