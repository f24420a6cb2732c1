"""The note in a collected frame: place, time and light."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from edge_agent.collection.files import FrameNote, InvalidFrameFile, note_of, with_note
from edge_agent.evidence.jpeg import encode_at

NOTE = FrameNote(
    gateway="dt-001",
    camera="cam-1",
    event_id="collect-1",
    time="2026-11-24T13:42:15.123Z",
    clock="synced",
    width=64,
    height=48,
    light="bright",
    brightness=200.0,
    grey=True,
    active=True,
)
JPEG = encode_at(np.full((48, 64, 3), 200, np.uint8), 85)
FRAME = with_note(JPEG, NOTE)


def test_the_note_comes_back_and_the_picture_is_the_same() -> None:
    assert note_of(FRAME) == NOTE
    shown, plain = (cv2.imdecode(np.frombuffer(each, np.uint8), cv2.IMREAD_COLOR) for each in (FRAME, JPEG))
    assert shown is not None
    assert plain is not None
    assert np.array_equal(shown, plain)
    assert FRAME[:4] == JPEG[:4], "JFIF's own segment stays the first"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"film",
        JPEG,
        FRAME[:60],
        b"\xff\xd8\xff\xfe\x00\x00" * 50,
        FRAME.replace(b'"cam-1"', b'"../.."'),
        FRAME.replace(b"2026-11-24T", b"../../../.."),
    ],
)
def test_anything_else_is_no_frame(content: bytes) -> None:
    with pytest.raises(InvalidFrameFile):
        note_of(content)
