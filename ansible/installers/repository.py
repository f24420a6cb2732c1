"""Makes a signed apt repository: packages in ``pool/``, lists in ``dists/stable/``, and the public key.

Every run adds packages and signs the lists of all packages in the pool again. Any web server can offer the
folder.
"""

from __future__ import annotations

import gzip
import shutil
import subprocess
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

SUITE = "stable"
POOL = "pool/main/e/edge-agent"
ARCHITECTURES = ("amd64", "arm64")
KEYRING = "edge-agent.gpg"


class NoSigningKey(Exception):
    """The packages cannot be signed; the message says what to do."""


def add(repository: Path, packages: Sequence[Path], key: str) -> None:
    """Copy ``packages`` into the pool, list all packages of the pool, and sign the lists.

    ``key``: fingerprint or address of one secret key in the caller's GnuPG keyring. Raises NoSigningKey,
    CalledProcessError.
    """
    fingerprint = _fingerprint(key)
    pool = repository / POOL
    pool.mkdir(parents=True, exist_ok=True)
    for package in packages:
        shutil.copy2(package, pool / package.name)
    # The lists are replaced when they are complete and signed; only apt of this second sees none.
    half, lists = repository / "dists.part", repository / "dists"
    shutil.rmtree(half, ignore_errors=True)
    suite = half / SUITE
    for architecture in ARCHITECTURES:
        _list_packages(repository, suite / f"main/binary-{architecture}", architecture)
    _sign(suite, fingerprint)
    public = subprocess.run(["gpg", "--export", fingerprint], check=True, capture_output=True).stdout
    (repository / KEYRING).write_bytes(public)
    shutil.rmtree(lists, ignore_errors=True)
    half.rename(lists)


def _fingerprint(key: str) -> str:
    """Return the fingerprint of the one secret key that ``key`` names.

    An address can also name keys of other people: gpg would export them too, and every gateway trust them.
    """
    command = ["gpg", "--list-secret-keys", "--with-colons", key]
    listed = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    rows = [line.split(":") for line in listed.splitlines()]
    # The first row `fpr` behind a row `sec` is that of the key, others are of its subkeys.
    found = [behind[9] for row, behind in pairwise(rows) if row[0] == "sec"]
    if len(found) != 1:
        raise NoSigningKey(
            f"your GnuPG keyring has {len(found)} secret keys {key}: name one by its fingerprint"
        )
    return found[0]


def _list_packages(repository: Path, folder: Path, architecture: str) -> None:
    folder.mkdir(parents=True)
    command = ["apt-ftparchive", "--arch", architecture, "packages", POOL]
    listed = subprocess.run(command, cwd=repository, check=True, capture_output=True).stdout
    (folder / "Packages").write_bytes(listed)
    (folder / "Packages.gz").write_bytes(gzip.compress(listed, mtime=0))


def _sign(suite: Path, key: str) -> None:
    """Write Release, and InRelease and Release.gpg with its signature."""
    fields = {
        "Origin": "edge-agent",
        "Label": "edge-agent",
        "Suite": SUITE,
        "Codename": SUITE,
        "Components": "main",
        "Architectures": " ".join(ARCHITECTURES),
        "Description": "Camera gateways that run edge-agent",
    }
    options = [f"-oAPT::FTPArchive::Release::{name}={value}" for name, value in fields.items()]
    command = ["apt-ftparchive", *options, "release", "."]
    release = subprocess.run(command, cwd=suite, check=True, capture_output=True).stdout
    (suite / "Release").write_bytes(release)
    gpg = ["gpg", "--yes", "--local-user", key, "--digest-algo", "SHA512"]
    subprocess.run([*gpg, "--clearsign", "--output", "InRelease", "Release"], cwd=suite, check=True)
    subprocess.run(
        [*gpg, "--armor", "--detach-sign", "--output", "Release.gpg", "Release"], cwd=suite, check=True
    )
