"""Tests with the real models and footage of EDGE_AGENT_TEST_DATA."""

from __future__ import annotations

import errno
import os
import random
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge_agent.core.errors import DetectorError
from edge_agent.detection.detector import ObjectDetector
from edge_agent.detection.litert import LiteRtDetector
from edge_agent.detection.models import CATALOGUE
from tests.detection.fakes import LABELS, Pixels

YOLOX, SSD = (entry.file for entry in CATALOGUE)


def frames(path: Path, every: int) -> list[Pixels]:
    """Each ``every``-th frame, BGR."""
    capture = cv2.VideoCapture(str(path))
    taken = []
    index = 0
    while capture.grab():
        if index % every == 0:
            taken.append(np.asarray(capture.retrieve()[1], np.uint8))
        index += 1
    capture.release()
    return taken


def load(data: Path, file: str, min_score: float) -> LiteRtDetector:
    return LiteRtDetector(data / "models" / file, LABELS, min_score)


def street(data: Path) -> Pixels:
    """The first frame of the Vietnamese street at 640 pixels width."""
    picture = frames(data / "video" / "vn_street_motorbikes.mp4", 1000)[0]
    size = (640, round(picture.shape[0] * 640 / picture.shape[1]))
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)


def on_tiles(detector: ObjectDetector, picture: Pixels) -> Counter[str]:
    """Labels found on 15 tiles of 160 pixels."""
    found: Counter[str] = Counter()
    for y in np.linspace(0, picture.shape[0] - 160, 3).astype(int):
        for x in np.linspace(0, picture.shape[1] - 160, 5).astype(int):
            crop = np.ascontiguousarray(picture[y : y + 160, x : x + 160])
            found.update(d.label for d in detector.detect(crop))
    return found


@pytest.mark.parametrize(
    ("file", "min_score"),
    [(SSD, 0.4), (YOLOX, 0.3), ("yolox_nano_dynamic_range_quantize.tflite", 0.3)],
)
def test_riders_are_seen_on_tiles_and_not_on_the_whole_street(
    test_data: Path, file: str, min_score: float
) -> None:
    detector, picture = load(test_data, file, min_score), street(test_data)
    whole = Counter(d.label for d in detector.detect(picture) if d.score >= min_score)
    tiles = on_tiles(detector, picture)
    assert whole["motorcycle"] <= 1
    assert tiles["motorcycle"] >= 3
    assert tiles["person"] >= 6


@pytest.mark.parametrize("file", [SSD, YOLOX, "../teachers/picodet_s_320_coco_float16.tflite"])
def test_a_walking_person_is_seen_by_the_models(test_data: Path, file: str) -> None:
    if "teachers" in file and not (test_data / "models" / file).exists():
        pytest.skip("no teachers/ in EDGE_AGENT_TEST_DATA")
    detector = load(test_data, file, 0.5)
    pictures = frames(test_data / "video" / "one-by-one-person-detection.mp4", 60)
    assert sum(bool(detector.detect(picture)) for picture in pictures) / len(pictures) >= 0.6


def test_the_same_crop_gives_the_same_answer_after_others(test_data: Path) -> None:
    detector, picture = load(test_data, YOLOX, 0.3), street(test_data)
    wide, square = picture[100:200, 200:500].copy(), picture[60:220, 400:560].copy()
    first = detector.detect(square)
    detector.detect(wide)  # leaves padding behind that must not stay
    assert detector.detect(square) == first
    assert first


def test_a_crop_of_one_pixel_is_nothing_to_see(test_data: Path) -> None:
    assert load(test_data, SSD, 0.5).detect(np.zeros((1, 1, 3), np.uint8)) == []


def test_a_model_that_knows_none_of_the_labels_is_refused(test_data: Path) -> None:
    with pytest.raises(DetectorError, match="knows none of the configured labels tricycle"):
        LiteRtDetector(test_data / "models" / SSD, ("tricycle",), 0.5)


def test_a_model_of_80_classes_without_labels_knows_those_of_coco(test_data: Path, tmp_path: Path) -> None:
    path = tmp_path / YOLOX
    path.write_bytes((test_data / "models" / YOLOX).read_bytes())
    assert LiteRtDetector(path, LABELS, 0.5).labels == frozenset(LABELS)


@pytest.mark.parametrize("share", [0.2, 0.5, 0.99, None], ids=str)
def test_a_truncated_model_or_noise_is_refused(test_data: Path, tmp_path: Path, share: float | None) -> None:
    content = (test_data / "models" / SSD).read_bytes()
    noise = b"\x1c\x00\x00\x00TFL3" + random.Random(1).randbytes(100_000)  # behind the right identifier
    path = tmp_path / SSD
    path.write_bytes(content[: int(len(content) * share)] if share else noise)
    with pytest.raises(DetectorError, match="cannot be loaded"):
        LiteRtDetector(path, LABELS, 0.5)


@pytest.fixture
def ssd(test_data: Path, tmp_path: Path) -> Path:
    """A copy of the file, alone in its folder."""
    return Path(shutil.copy(test_data / "models" / SSD, tmp_path))


def test_a_model_file_is_not_kept_in_memory_and_may_be_exchanged_by_renaming(
    test_data: Path, tmp_path: Path, ssd: Path
) -> None:
    detector = LiteRtDetector(ssd, LABELS, 0.3)
    before = detector.detect(street(test_data))
    mapped = resident_kb(tmp_path)
    assert mapped, "its own copy is mapped"
    assert sum(mapped) < ssd.stat().st_size / 1024 / 4
    assert [each.name for each in tmp_path.iterdir()] == [SSD], "and lies in no folder"
    other = tmp_path / "other"
    other.write_bytes(b"another model")
    other.rename(ssd)
    assert detector.detect(street(test_data)) == before


def resident_kb(folder: Path) -> list[int]:
    """Resident memory of this process's mappings of unnamed files in the folder."""
    found, within = [], False
    for line in Path("/proc/self/smaps").read_text().splitlines():
        first, *rest = line.split()
        if "-" in first and not first.endswith(":"):
            within = len(rest) > 4 and rest[4].startswith(f"{folder}/#")
        elif within and first == "Rss:":
            found.append(int(rest[0]))
    return found


WRITES_OVER = """
import sys
from pathlib import Path
import numpy as np
from edge_agent.detection.litert import LiteRtDetector
path = Path(sys.argv[1])
crop = np.random.default_rng(1).integers(0, 255, (300, 300, 3), dtype=np.uint8)
detector = LiteRtDetector(path, ("person",), 0.01)
before = detector.detect(crop)
with path.open("r+b") as file:
    file.truncate(0)
assert before and all(detector.detect(crop) == before for _ in range(3))
"""


def test_a_model_that_is_written_over_while_it_runs_does_not_end_the_process(ssd: Path) -> None:
    done = subprocess.run([sys.executable, "-c", WRITES_OVER, str(ssd)], check=False, timeout=60)
    assert done.returncode == 0, "a negative one is the kernel's signal"


def test_a_model_in_a_folder_that_takes_no_copy_runs_where_it_lies(
    test_data: Path, ssd: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read_only(*args: object, **more: object) -> int:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    with monkeypatch.context() as patch:
        patch.setattr("edge_agent.detection.model_file.os.open", read_only)
        detector = LiteRtDetector(ssd, LABELS, 0.3)
    assert detector.model.sha256 == LiteRtDetector(ssd, LABELS, 0.3).model.sha256
    assert detector.detect(street(test_data))
