from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from edge_agent.core.errors import DetectorError
from edge_agent.detection.model_file import OWN_METADATA, read_labels


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "net.tflite"
    path.write_bytes(b"\x1c\x00\x00\x00TFL3" + bytes(100))
    return path


def test_labels_come_from_the_models_own_metadata_first(model: Path) -> None:
    (model.parent / "net.txt").write_text("wrong\n")
    with zipfile.ZipFile(model, "a") as archive:
        archive.writestr("labelmap.txt", "person\nbicycle\n???\ncar\n")
    assert read_labels(model, None) == ("person", "bicycle", "???", "car")


def test_labels_come_from_the_file_of_the_same_name(model: Path) -> None:
    (model.parent / "labels.txt").write_text("wrong\n")
    (model.parent / "net.txt").write_text("person\ncar\n")
    assert read_labels(model, 2) == ("person", "car")


def test_labels_come_from_labels_txt(model: Path) -> None:
    (model.parent / "labels.txt").write_text("person\ncar\n")
    assert read_labels(model, 2) == ("person", "car")


def test_labels_come_from_the_only_label_file_that_fits_the_output(model: Path) -> None:
    (model.parent / "coco_labels_3.txt").write_text("person\ncar\nbus\n")
    (model.parent / "coco_labels_2.txt").write_text("person\ncar\n")
    assert read_labels(model, 3) == ("person", "car", "bus")


def test_other_peoples_words_become_ours(model: Path) -> None:
    (model.parent / "net.txt").write_text("Pedestrian\nmotorbike\nLorry\n")
    assert read_labels(model, None) == ("person", "motorcycle", "truck")


def test_a_background_class_is_not_counted(model: Path) -> None:
    (model.parent / "net.txt").write_text("???\nperson\nbicycle\n")
    assert read_labels(model, None) == ("person", "bicycle")


def test_no_labels_is_an_error_that_says_where_they_belong(model: Path) -> None:
    with pytest.raises(DetectorError, match=r"no labels.*net\.txt or labels\.txt"):
        read_labels(model, 81)


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


def test_too_few_labels_are_an_error(model: Path) -> None:
    (model.parent / "net.txt").write_text("person\n")
    with pytest.raises(DetectorError, match="1 labels for a model of 80 classes"):
        read_labels(model, 80)
