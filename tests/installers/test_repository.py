"""The apt repository: gateways trust the key that signs it, and no other."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from installers import repository

ADDRESS = "packages@example.org"

pytestmark = pytest.mark.skipif(
    not (shutil.which("gpg") and shutil.which("apt-ftparchive")), reason="gpg or apt-ftparchive is missing"
)


def gpg(home: Path, *words: str, text: bytes = b"") -> bytes:
    command = ["gpg", "--homedir", str(home), "--batch", "--quiet", "--passphrase", "", *words]
    return subprocess.run(command, input=text, capture_output=True, check=True).stdout


def make_key(home: Path, name: str) -> None:
    home.mkdir(mode=0o700, exist_ok=True)
    gpg(home, "--quick-generate-key", name, "ed25519", "sign", "never")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A GnuPG keyring with one secret key, and the public key of a stranger with the same address."""
    own, stranger = tmp_path / "own", tmp_path / "stranger"
    make_key(own, ADDRESS)
    make_key(stranger, f"Stranger <{ADDRESS}>")
    gpg(own, "--import", text=gpg(stranger, "--export"))
    monkeypatch.setenv("GNUPGHOME", str(own))
    yield own
    for each in (own, stranger):
        subprocess.run(["gpgconf", "--homedir", each, "--kill", "gpg-agent"], check=True)


def test_the_keyring_of_gateways_has_only_the_key_that_signs(home: Path, tmp_path: Path) -> None:
    repository.add(tmp_path / "apt", [], ADDRESS)
    shown = gpg(home, "--show-keys", "--with-colons", str(tmp_path / "apt" / repository.KEYRING))
    assert shown.count(b"pub:") == 1
    assert b"Stranger" not in shown


def test_an_address_of_two_secret_keys_or_none_is_refused(home: Path, tmp_path: Path) -> None:
    make_key(home, f"not{ADDRESS}")
    for key, count in ((ADDRESS, 2), ("nobody@example.org", 0)):
        with pytest.raises(repository.NoSigningKey, match=f"has {count} secret keys"):
            repository.add(tmp_path / "apt", [], key)
    assert not (tmp_path / "apt").exists()
