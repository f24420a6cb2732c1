from __future__ import annotations

import sys
import zipfile
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from edge_agent.core.errors import DetectorError
from edge_agent.detection.litert import LiteRtDetector
from edge_agent.detection.model_file import OWN_METADATA, read_labels
from tests.detection.fakes import LABELS


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "net.tflite"
    path.write_bytes(b"\x1c\x00\x00\x00TFL3" + bytes(5000))
    return path


def test_labels_come_from_the_models_own_metadata_first(model: Path) -> None:
    (model.parent / "net.txt").write_text("wrong\n")
    with zipfile.ZipFile(model, "a") as archive:
        archive.writestr("labelmap.txt", "person\nbicycle\n???\ncar\n")
    assert read_labels(model, None) == ("person", "bicycle", "???", "car")


@pytest.mark.parametrize(
    ("files", "classes", "labels"),
    [
        ({"labels.txt": "wrong\n", "net.txt": "person\ncar\n"}, 2, ("person", "car")),
        ({"labels.txt": "person\ncar\n"}, 2, ("person", "car")),
        (
            {"coco_labels_3.txt": "person\ncar\nbus\n", "coco_labels_2.txt": "person\ncar\n"},
            3,
            ("person", "car", "bus"),
        ),
        ({"net.txt": "Pedestrian\nmotorbike\nLorry\n"}, None, ("person", "motorcycle", "truck")),
        ({"net.txt": "???\nperson\nbicycle\n"}, None, ("person", "bicycle")),  # a background class
    ],
    ids=["of the same name", "labels.txt", "the only one that fits", "other words for ours", "background"],
)
def test_labels_come_from_the_file_that_fits_best(
    model: Path, files: dict[str, str], classes: int | None, labels: tuple[str, ...]
) -> None:
    for name, content in files.items():
        (model.parent / name).write_text(content)
    assert read_labels(model, classes) == labels


def test_no_labels_and_too_few_are_errors_that_say_where_they_belong(model: Path) -> None:
    with pytest.raises(DetectorError, match=r"no labels.*net\.txt or labels\.txt"):
        read_labels(model, 81)
    (model.parent / "net.txt").write_text("person\n")
    with pytest.raises(DetectorError, match="1 labels for a model of 80 classes"):
        read_labels(model, 80)


def test_a_label_of_two_classes_is_an_error(model: Path) -> None:
    (model.parent / "net.txt").write_text("person\n???\nvan\nrobot\ncar\nrobot\n")
    assert len(read_labels(model, 6)) == 6
    (model.parent / "net.txt").write_text("person\n???\nvan\nrobot\ncar\nPerson\n")
    with pytest.raises(DetectorError, match=r"net\.txt: more than one class is called person"):
        read_labels(model, 6)


@pytest.mark.parametrize(
    ("name", "content", "how", "says"),
    [
        (OWN_METADATA, b"{not JSON", zipfile.ZIP_STORED, "Expecting property name"),
        (OWN_METADATA, b'["person"]', zipfile.ZIP_STORED, "must be integers"),
        (OWN_METADATA, b'{"labels": [1, 2]}', zipfile.ZIP_STORED, "expected str"),
        (OWN_METADATA, b"[" * 100_000, zipfile.ZIP_STORED, "recursion"),
        ("labels.txt", bytes(10_000_000), zipfile.ZIP_DEFLATED, "10000000 bytes"),  # 10 kB in the file
        ("labels.txt", b"person\ncar\n" * 9, zipfile.ZIP_LZMA, "packed by method 14"),
    ],
)
def test_labels_in_the_model_that_cannot_be_read_are_an_error_and_no_others_are_used(
    model: Path, name: str, content: bytes, how: int, says: str
) -> None:
    (model.parent / "net.txt").write_text("person\ncar\n")
    with zipfile.ZipFile(model, "a") as archive:
        archive.writestr(name, content, how)
    with pytest.raises(DetectorError, match=rf"net\.tflite:{name}: the labels cannot be read: .*{says}"):
        read_labels(model, 2)


def test_labels_in_the_model_that_do_not_unpack_are_an_error(model: Path) -> None:
    with zipfile.ZipFile(model, "a") as archive:
        archive.writestr("labels.txt", b"person\ncar\n" * 9, zipfile.ZIP_DEFLATED)
    content = model.read_bytes()
    packed = content.index(b"labels.txt") + len(b"labels.txt")
    model.write_bytes(content[:packed] + b"\xff" * 8 + content[packed + 8 :])
    with pytest.raises(DetectorError, match="the labels cannot be read"):
        read_labels(model, 2)


# --- a missing or unsuitable runtime; the modules are fakes, since only one is installed ---


def test_no_runtime_at_all_says_what_to_install(monkeypatch: pytest.MonkeyPatch, model: Path) -> None:
    monkeypatch.setitem(sys.modules, "ai_edge_litert", None)
    monkeypatch.setitem(sys.modules, "tflite_runtime", None)
    with pytest.raises(DetectorError, match="no TFLite runtime: install ai-edge-litert"):
        LiteRtDetector(model, LABELS, 0.5)


def test_the_predecessor_under_numpy_2_is_refused(monkeypatch: pytest.MonkeyPatch, model: Path) -> None:
    predecessor = ModuleType("tflite_runtime")
    predecessor.interpreter = ModuleType("interpreter")  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "ai_edge_litert", None)
    monkeypatch.setitem(sys.modules, "tflite_runtime", predecessor)
    monkeypatch.setattr(np, "__version__", "2.1.0")
    with pytest.raises(DetectorError, match=r"tflite_runtime needs numpy 1, here is 2\.1\.0"):
        LiteRtDetector(model, LABELS, 0.5)
