"""Makes a signed apt repository: packages in ``pool/``, lists in ``dists/stable/``, and the public key.

Every run adds packages and signs the lists of all packages in the pool again. Any web server can offer the
folder.
"""

from __future__ import annotations

import gzip
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

SUITE = "stable"
POOL = "pool/main/e/edge-agent"
ARCHITECTURES = ("amd64", "arm64")
KEYRING = "edge-agent.gpg"


def add(repository: Path, packages: Sequence[Path], key: str) -> None:
    """Copy ``packages`` into the pool, list all packages of the pool, and sign the lists.

    ``key``: a secret key of the caller's GnuPG keyring, as gpg's --local-user names it. Raises
    CalledProcessError.
    """
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
    _sign(suite, key)
    public = subprocess.run(["gpg", "--export", key], check=True, capture_output=True).stdout
    (repository / KEYRING).write_bytes(public)
    shutil.rmtree(lists, ignore_errors=True)
    half.rename(lists)


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
