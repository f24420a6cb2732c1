"""Storage on the gateway, and the key to which it is sealed: files as openssl writes them."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from edge_agent.config.model.settings import Storage
from tests.config.places import MINIMAL, problems_of, settings_of, write

_SEALED = MINIMAL + "storage: {seal_to: centre.pem}\n"
_PLACE = (6, 20)


def _openssl(*words: str | Path, input_: bytes = b"") -> bytes:
    return subprocess.run(["openssl", *words], input=input_, capture_output=True, check=True).stdout


def _key(algorithm: str, *options: str) -> bytes:
    return _openssl("genpkey", "-algorithm", algorithm, *options)


def _public(private: bytes, form: str = "PEM") -> bytes:
    return _openssl("pkey", "-pubout", "-outform", form, input_=private)


def test_storage_as_it_is_written(tmp_path: Path) -> None:
    text = MINIMAL + "storage: {max_bytes: 5GB, max_age_days: 7.5, keep_free: 1GB}\n"
    assert settings_of(tmp_path, text).storage == Storage(5 * 10**9, 7.5, 10**9, None)


def test_a_key_from_openssl_is_taken_whole(tmp_path: Path) -> None:
    private = _key("x25519")
    (tmp_path / "centre.pem").write_bytes(_public(private))
    key = settings_of(tmp_path, _SEALED).storage.seal_to
    assert key is not None
    # The key as openssl prints it: the last 32 bytes of the DER form.
    assert key == _public(private, "DER")[-32:]


@pytest.mark.parametrize(
    "written",
    [
        lambda pem: b"# the centre, 2027\n" + pem,
        lambda pem: b"\n" + pem + b"\n\n",
        lambda pem: pem.replace(b"\n", b"\r\n"),  # as on Windows
    ],
)
def test_what_is_around_a_key_does_not_matter(tmp_path: Path, written: Callable[[bytes], bytes]) -> None:
    (tmp_path / "centre.pem").write_bytes(written(_public(_key("x25519"))))
    assert settings_of(tmp_path, _SEALED).storage.seal_to is not None


def _refused(directory: Path, content: bytes) -> str:
    (directory / "centre.pem").write_bytes(content)
    (problem,) = problems_of(write(directory, _SEALED))
    assert (problem.line, problem.column) == _PLACE
    assert problem.message.startswith(f"seal_to: {directory}/centre.pem ")
    return problem.message


def test_a_private_key_is_refused_and_not_quoted(tmp_path: Path) -> None:
    private = _key("x25519")
    encrypted = _openssl("pkey", "-aes256", "-passout", "pass:x", input_=private)
    for content in (private, _public(private) + private, encrypted):
        message = _refused(tmp_path, content)
        assert "has a private key, which decrypts sealed files: it stays at the centre" in message
        assert private.splitlines()[1].decode() not in message


@pytest.mark.parametrize(
    ("key", "said"),
    [
        (("ed25519",), "has an Ed25519 key, which signs and cannot encrypt; make one with: openssl genpkey"),
        (("x448",), "has a public key of another kind than X25519"),
        (("ec", "-pkeyopt", "ec_paramgen_curve:P-256"), "has a public key of another kind than X25519"),
    ],
    ids=["Ed25519", "X448", "P-256"],
)
def test_a_key_of_another_kind(tmp_path: Path, key: tuple[str, ...], said: str) -> None:
    assert said in _refused(tmp_path, _public(_key(*key)))


def test_a_certificate_is_no_key(tmp_path: Path) -> None:
    key = tmp_path / "key.pem"
    key.write_bytes(_key("ed25519"))
    certificate = _openssl("req", "-x509", "-new", "-key", key, "-subj", "/CN=centre")
    assert "has CERTIFICATE in PEM, not PUBLIC KEY" in _refused(tmp_path, certificate)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "has no key in PEM"),
        (b"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5 centre\n", "has no key in PEM"),
        (b"\xff\xfe\x00", "has no key in PEM"),
        (b"x" * 20_000, "is larger than 16384 bytes"),
        (
            b"-----BEGIN PUBLIC KEY-----\nMCow=BQYD\n-----END PUBLIC KEY-----\n",
            "is damaged: the text between its PEM lines is not base64",
        ),
        (
            b"-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VuAyEA\n-----END PUBLIC KEY-----\n",
            "is damaged: an X25519 key has 32 bytes, this one 0",
        ),
        (b"-----BEGIN PUBLIC KEY-----\n-----END PUBLIC KEY-----\n", "has no key in PEM"),
    ],
    ids=["empty", "ssh", "binary", "large", "no base64", "cut off", "nothing between"],
)
def test_what_is_no_key(tmp_path: Path, content: bytes, said: str) -> None:
    assert said in _refused(tmp_path, content)


def test_a_copy_is_checked_where_the_key_is_not(tmp_path: Path) -> None:
    assert settings_of(tmp_path, _SEALED, no_secrets=True).storage.seal_to is None
