"""Sealed media: only the centre's key opens them, and every change is detected."""

from __future__ import annotations

import subprocess
import tracemalloc
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.cli.main import main
from edge_agent.evidence import seal as sealing
from edge_agent.evidence.seal import OVERHEAD_BYTES, SealError, seal, seal_parts, unseal

KEY = X25519PrivateKey.generate()
PUBLIC = KEY.public_key().public_bytes_raw()


def pem(
    key: X25519PrivateKey | Ed25519PrivateKey, encryption: KeySerializationEncryption | None = None
) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption or NoEncryption())


@given(st.binary(max_size=2000))
def test_what_is_sealed_opens_again(payload: bytes) -> None:
    sealed = seal(payload, PUBLIC)
    assert unseal(sealed, pem(KEY)) == payload
    assert len(sealed) == len(payload) + OVERHEAD_BYTES


def test_nothing_of_the_content_is_in_a_sealed_file() -> None:
    sealed = seal(b"a face at the gate" * 100, PUBLIC)
    assert b"face" not in sealed


def test_the_same_picture_is_sealed_differently_each_time() -> None:
    assert seal(b"picture", PUBLIC) != seal(b"picture", PUBLIC)


SEALED = seal(b"picture of 37 bytes, or something so.", PUBLIC)


def test_any_changed_bit_is_found() -> None:
    for place in range(len(SEALED)):
        for bit in (0x01, 0x80):
            altered = SEALED[:place] + bytes([SEALED[place] ^ bit]) + SEALED[place + 1 :]
            with pytest.raises(SealError):
                pytest.fail(f"byte {place} ^ {bit}: {unseal(altered, pem(KEY))!r}")


def test_a_file_that_is_cut_off_says_so() -> None:
    for length in range(1, len(SEALED)):
        with pytest.raises(sealing.Truncated, match="cut off"):
            pytest.fail(f"{length} bytes: {unseal(SEALED[:length], pem(KEY))!r}")


def test_something_behind_the_end_is_found() -> None:
    with pytest.raises(sealing.Altered, match="1 bytes too many"):
        unseal(SEALED + b"\n", pem(KEY))


def test_another_key_is_named() -> None:
    other = X25519PrivateKey.generate()
    with pytest.raises(sealing.WrongKey, match=sealing.key_id(PUBLIC).hex()):
        unseal(SEALED, pem(other))


@pytest.mark.parametrize("content", [b"", b"\xff\xd8\xff\xe0 a JPEG"], ids=["empty", "plain picture"])
def test_what_is_not_sealed_is_named(content: bytes) -> None:
    with pytest.raises(sealing.NotSealed, match="not a sealed file"):
        unseal(content, pem(KEY))


@pytest.mark.parametrize(
    ("private", "why"),
    [
        (b"no key", "not a PEM file"),
        (pem(KEY, BestAvailableEncryption(b"secret")), "passphrase"),
        (pem(Ed25519PrivateKey.generate()), "of another kind"),
    ],
    ids=["garbage", "protected", "signing key"],
)
def test_a_key_that_cannot_open_says_why(private: bytes, why: str) -> None:
    with pytest.raises(SealError, match=why):
        unseal(SEALED, private)


@pytest.mark.parametrize("recipient", [b"", b"short", bytes(32)], ids=["none", "short", "of small order"])
def test_nothing_is_sealed_to_a_key_that_is_none(recipient: bytes) -> None:
    with pytest.raises(SealError, match="nothing is sealed"):
        seal(b"picture", recipient)


def test_sealing_a_clip_takes_the_memory_of_one_copy() -> None:
    clip = bytes(8_000_000)
    seal(b"", PUBLIC)  # do not count the imports
    tracemalloc.start()
    parts = seal_parts(clip, PUBLIC)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert sum(map(len, parts)) <= peak < 1.1 * len(clip)
    assert unseal(b"".join(parts), pem(KEY)) == clip


def test_the_centre_opens_what_is_sealed(tmp_path: Path) -> None:
    private, sealed = tmp_path / "centre.pem", tmp_path / "clip.mp4.sealed"
    subprocess.run(["openssl", "genpkey", "-algorithm", "X25519", "-out", str(private)], check=True)
    public = load_pem_private_key(private.read_bytes(), None).public_key().public_bytes_raw()  # type: ignore[union-attr]
    sealed.write_bytes(seal(b"a clip", public))
    command = ["evidence", "open", "--private-key", str(private), str(sealed)]
    assert main(command) == 0
    assert (tmp_path / "clip.mp4").read_bytes() == b"a clip"
    assert main(command) == 1, "nothing is written over"
