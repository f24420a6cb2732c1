"""A signed apt repository of this checkout's packages, as `make deb` and `make apt-repository` make it."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from installers import deb, repository
from tests.deploy.boxes import Box
from tests.installers.test_repository import make_key

SIGNER = "packages@example.org"
SOURCE = "deb [signed-by=/etc/apt/keyrings/edge-agent.gpg] file:/srv/edge-apt stable main\n"
"""As in docs/guide/image.md, with a folder instead of a web server."""


def make(folder: Path, wheelhouse: Path, versions: Sequence[str]) -> Path:
    """Make a repository below ``folder`` with a package of each release that ``wheelhouse`` has."""
    packages = [deb.build(wheelhouse, version, "x86_64", folder / "deb") for version in versions]
    keys = folder / "gnupg"
    make_key(keys, SIGNER)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GNUPGHOME", str(keys))
        repository.add(folder / "apt", packages, SIGNER)
    subprocess.run(["gpgconf", "--homedir", keys, "--kill", "gpg-agent"], check=True)
    return folder / "apt"


def add_source(box: Box, apt: Path) -> None:
    """Give the box the repository and its key, as the guide says."""
    target = box.root / "srv/edge-apt"
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(apt, target)
    keyring = box.root / "etc/apt/keyrings/edge-agent.gpg"
    keyring.parent.mkdir(exist_ok=True)
    shutil.copyfile(apt / repository.KEYRING, keyring)
    keyring.chmod(0o644)
    (box.root / "etc/apt/sources.list.d/edge-agent.list").write_text(SOURCE)
