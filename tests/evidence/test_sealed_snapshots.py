"""Sealed pictures: what the outbox, its file and the event contain."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from edge_agent.core.delivery import SEALED_MAGIC, Media
from edge_agent.core.facts import ObjectObservation, Phase
from edge_agent.core.model import FULL_PICTURE, Box
from edge_agent.events import EventSink, NoClips
from edge_agent.evidence.seal import unseal
from edge_agent.evidence.snapshots import ObjectSnapshots, PictureMaker, RuleSnapshots, SealedSnapshots
from tests.events.parts import frame, maker, track
from tests.outbox.parts import outbox_in

KEY = X25519PrivateKey.generate()
PUBLIC = KEY.public_key().public_bytes_raw()
PEM = KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def opened(media: Media | None) -> bytes:
    assert media is not None
    return unseal(media.payload, PEM)


@pytest.mark.parametrize("pictures", [ObjectSnapshots("cam-1", ()), RuleSnapshots("cam-1", ())])
def test_a_picture_is_sealed_once_and_both_hashes_are_known(pictures: PictureMaker) -> None:
    media = SealedSnapshots(pictures, PUBLIC).now("e-1", Box(0.4, 0.4, 0.5, 0.5), frame())
    plain = opened(media)
    assert plain.startswith(b"\xff\xd8\xff"), "a JPEG, not something sealed again"
    assert media is not None
    assert media.plain is not None
    assert (media.plain.sha256, media.plain.size_bytes) == (hashlib.sha256(plain).hexdigest(), len(plain))
    assert (media.sha256, media.sealed) == (hashlib.sha256(media.payload).hexdigest(), True)


def test_an_object_without_a_picture_has_none_sealed() -> None:
    assert SealedSnapshots(RuleSnapshots("cam-1", ()), PUBLIC).take("e", Phase.END, track(), frame()) is None


def test_private_areas_are_black_in_the_whole_view_before_it_is_sealed() -> None:
    """As for an event of a covered or turned camera."""
    import cv2
    import numpy as np

    whole = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))
    media = SealedSnapshots(RuleSnapshots("cam-1", (whole,)), PUBLIC).now("view-1", FULL_PICTURE, frame())
    shown = cv2.imdecode(np.frombuffer(opened(media), np.uint8), cv2.IMREAD_COLOR)
    assert shown is not None
    assert not shown.any()


def test_only_sealed_bytes_reach_the_disk_and_the_event_names_both_hashes(tmp_path: Path) -> None:
    with outbox_in(tmp_path) as outbox:
        pictures = SealedSnapshots(ObjectSnapshots("cam-1", ()), PUBLIC)
        sink = EventSink("cam-1", maker(), outbox, pictures, NoClips())
        sink.accept(ObjectObservation(Phase.START, track(), 998.0), frame())
        sink.flush()
        snapshot = json.loads(outbox.pending(1)[0].payload)["data"]["snapshot"]
        (stored,) = (tmp_path / "media").iterdir()
        content = stored.read_bytes()
    assert content.startswith(SEALED_MAGIC)
    assert hashlib.sha256(content).hexdigest() == snapshot["sealed_sha256"]
    assert hashlib.sha256(unseal(content, PEM)).hexdigest() == snapshot["sha256"]


def test_a_key_that_cannot_seal_costs_the_picture_and_nothing_leaks(caplog: pytest.LogCaptureFixture) -> None:
    pictures = SealedSnapshots(ObjectSnapshots("cam-1", ()), bytes(32))
    assert pictures.now("e-1", FULL_PICTURE, frame()) is None
    assert "the event goes without its picture" in caplog.text
