"""The process that makes altered copies: what it does with a real picture and clip, and when it is killed."""

from __future__ import annotations

import io
import sys
import time
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
import pytest

from edge_central.redaction.order import RedactionOrder
from edge_central.redaction.process import RedactionStopped, make_copy
from tests.edge_central.redaction.faces import face_picture, jpeg_of, picture_of, second_detectors_find
from tests.edge_central.redaction.test_clips import clip_of, frames_of

HANGS = (sys.executable, "-c", "import time; time.sleep(600)")


def copied(tmp_path: Path, kind: Literal["picture", "clip"], content: bytes) -> bytes:
    source = tmp_path / "original"
    source.write_bytes(content)
    with (tmp_path / "copy").open("w+b") as target:
        report = make_copy(source, target, RedactionOrder(kind=kind), lambda: True)
    assert (report.failure, report.areas >= 1) == (None, True), report
    assert source.read_bytes() == content, "the original is as it was"
    return (tmp_path / "copy").read_bytes()


def test_a_second_detector_finds_no_face_in_the_copy_of_a_picture(tmp_path: Path) -> None:
    jpeg = jpeg_of(face_picture())
    assert second_detectors_find(picture_of(jpeg)) >= 1
    assert second_detectors_find(picture_of(copied(tmp_path, "picture", jpeg))) == 0


def test_a_second_detector_finds_no_face_in_any_frame_of_the_copy_of_a_clip(tmp_path: Path) -> None:
    clip = clip_of([face_picture()] * 2)
    assert all(second_detectors_find(picture) for _, picture in frames_of(clip))
    copy = copied(tmp_path, "clip", clip.getvalue())
    assert [second_detectors_find(each) for _, each in frames_of(io.BytesIO(copy))] == [0, 0]


@pytest.mark.long
def test_the_memory_suffices_for_a_face_that_fills_the_largest_picture(tmp_path: Path) -> None:
    large = cv2.resize(face_picture(), (8160, 6120), interpolation=cv2.INTER_CUBIC)
    assert copied(tmp_path, "picture", jpeg_of(np.asarray(large, np.uint8)))


def make(tmp_path: Path, *program: str, goes_on: bool = True) -> str | None:
    (tmp_path / "original").write_bytes(b"x")
    with (tmp_path / "copy").open("w+b") as target:
        order = RedactionOrder(kind="picture")
        path = tmp_path / "original"
        return make_copy(path, target, order, lambda: goes_on, within_s=0.1, program=program).failure


def test_a_process_that_takes_too_long_is_killed(tmp_path: Path) -> None:
    began = time.monotonic()
    assert make(tmp_path, *HANGS) == "took-too-long"
    assert time.monotonic() - began < 30


def test_a_process_is_killed_when_the_console_stops(tmp_path: Path) -> None:
    with pytest.raises(RedactionStopped):
        make(tmp_path, *HANGS, goes_on=False)


REPORT = "import os; os.write(2, b'{}'); "


@pytest.mark.parametrize(
    "end", [f"{REPORT} raise SystemExit(3)", "print('no report')", "import os; os.abort()"]
)
def test_a_process_that_ends_without_a_report_has_failed(tmp_path: Path, end: str) -> None:
    assert make(tmp_path, sys.executable, "-S", "-c", end) == "failed"
