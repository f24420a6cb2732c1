"""What of a collection can be used, and which cameras are held out."""

from __future__ import annotations

import os
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.learn.cities import FLAT, collect
from training.collection import check, frames, held_out, read_rows
from training.dataset import DataError
from training.progress import Progress


def faults(folder: Path) -> dict[str, str]:
    return check(folder, read_rows(folder), folder / "checked.json", Progress("check"))


def test_bad_pictures_are_named_with_the_reason_and_left_out(tmp_path: Path) -> None:
    collect(tmp_path, FLAT, ["dt-001-cam-1"], 4)
    first, second, third, fourth = (row.file for row in read_rows(tmp_path))
    (tmp_path / first).unlink()
    (tmp_path / second).write_bytes((tmp_path / second).read_bytes()[:-9])
    manifest = tmp_path / "manifest.csv"
    manifest.write_text(manifest.read_text().replace(third, f"../{third}"))
    found = faults(tmp_path)
    assert fourth not in found
    assert {name: fault.split(":")[0] for name, fault in found.items()} == {
        first: "it cannot be read",
        second: "its sha256 is not the manifest's",
        f"../{third}": "the manifest names a file outside of the collection",
    }


@pytest.mark.parametrize("content", [b"no picture", b""])
def test_what_the_manifest_names_truly_may_still_be_no_picture(tmp_path: Path, content: bytes) -> None:
    import hashlib

    collect(tmp_path, FLAT, ["dt-001-cam-1"], 1)
    (row,) = read_rows(tmp_path)
    (tmp_path / row.file).write_bytes(content)
    manifest = tmp_path / "manifest.csv"
    manifest.write_text(manifest.read_text().replace(row.sha256, hashlib.sha256(content).hexdigest()))
    assert faults(tmp_path) == {row.file: "it is no picture that OpenCV can read"}


def test_a_picture_that_was_checked_is_not_read_again(tmp_path: Path) -> None:
    collect(tmp_path, FLAT, ["dt-001-cam-1"], 1)
    assert faults(tmp_path) == {}
    path = tmp_path / read_rows(tmp_path)[0].file
    before = path.stat()
    path.write_bytes(bytes(before.st_size))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert faults(tmp_path) == {}


def test_a_picture_that_was_changed_or_deleted_after_the_check_is_left_out(tmp_path: Path) -> None:
    collect(tmp_path, FLAT, ["dt-001-cam-1"], 2)
    assert faults(tmp_path) == {}
    changed, deleted = (row.file for row in read_rows(tmp_path))
    (tmp_path / changed).write_bytes(b"")
    (tmp_path / deleted).unlink()
    assert set(faults(tmp_path)) == {changed, deleted}


def test_a_picture_that_was_repaired_is_used(tmp_path: Path) -> None:
    collect(tmp_path, FLAT, ["dt-001-cam-1"], 1)
    path = tmp_path / read_rows(tmp_path)[0].file
    whole = path.read_bytes()
    path.write_bytes(whole[:-9])
    assert len(faults(tmp_path)) == 1
    path.write_bytes(whole)
    assert faults(tmp_path) == {}


def test_a_picture_that_comes_twice_counts_once(tmp_path: Path) -> None:
    collect(tmp_path, FLAT, ["dt-001-cam-1"], 2)
    manifest = tmp_path / "manifest.csv"
    one, two = read_rows(tmp_path)
    manifest.write_text(manifest.read_text().replace(two.sha256, one.sha256))
    assert [row.file for row in read_rows(tmp_path)] == [one.file]


def test_a_folder_without_a_manifest_is_refused_with_what_makes_one(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"manifest.csv cannot be read .*edge-agent collect open"):
        read_rows(tmp_path)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"file,sha256,place,light\na.jpg,00", "line 2 is cut off"),
        (b"file,sha256\na.jpg,00\n", "has no column 'place'"),
        (b"file,sha256,place,light\n\xff\xfe,00,a,b\n", "is not a manifest"),
        (b"file,sha256,place,light\n" + b"x" * 200_000 + b",00,a,b\n", "is not a manifest"),
    ],
)
def test_a_damaged_manifest_is_refused(tmp_path: Path, content: bytes, reason: str) -> None:
    (tmp_path / "manifest.csv").write_bytes(content)
    with pytest.raises(DataError, match=rf"manifest\.csv.*{reason}"):
        read_rows(tmp_path)


@pytest.mark.parametrize("name", ["a\0b.jpg", "x" * 300, ".", "/dev/zero", "a/../../b"])
def test_a_name_that_is_none_is_left_out(tmp_path: Path, name: str) -> None:
    (tmp_path / "manifest.csv").write_text(f"file,sha256,place,light\n{name},00,a,b\n")
    assert set(faults(tmp_path)) == {name}


@pytest.mark.parametrize(
    "line", ["7 0.5 0.5 0.1 0.1", "-1 0.5 0.5 0.1 0.1", "1 nan 0.5 0.1 0.1", "1 inf 0 0 0"]
)
def test_labels_that_are_none_are_refused(tmp_path: Path, line: str) -> None:
    collect(tmp_path, FLAT, ["dt-001-cam-1"], 1)
    (one,) = frames(tmp_path, read_rows(tmp_path), tmp_path / "labels")
    one.labels.parent.mkdir(parents=True)
    one.labels.write_text(line)
    with pytest.raises(DataError, match="must begin with a class, 0 to 3, and be of finite numbers"):
        one.boxes(100, 100)


def test_labels_of_two_cameras_at_the_same_moment_are_apart(tmp_path: Path) -> None:
    collect(tmp_path, FLAT, ["dt-001-cam-1", "dt-001-cam-2"], 1)
    one, two = frames(tmp_path, read_rows(tmp_path), tmp_path / "labels")
    one.labels.parent.mkdir(parents=True)
    one.labels.write_text("1 0.5 0.5 0.2 0.2")
    assert np.allclose(one.boxes(100, 100), [(40, 40, 60, 60, 1)])
    assert len(two.boxes(100, 100)) == 0
    assert one.image().shape == cv2.imread(str(two.path)).shape  # type: ignore[union-attr]


def test_whole_cameras_are_held_out_and_stay_so_when_more_frames_come() -> None:
    places = [f"dt-{n:03}-cam-1" for n in range(10)]
    held = held_out(places, [])
    assert len(held) == 2
    assert held_out(places[::-1] * 3, []) == held


def test_a_camera_that_the_checkpoint_was_trained_on_is_not_held_out() -> None:
    places = [f"dt-{n:03}-cam-1" for n in range(10)]
    first = held_out(places[:5], [])
    trained = [place for place in places[:5] if place not in first]
    held = held_out(places, [], trained)
    assert len(held) == 2
    assert not set(held) & set(trained)


@pytest.mark.parametrize(
    ("places", "asked", "before", "reason"),
    [
        (["a"], [], [], "has 1 camera"),
        (["a", "b"], ["c"], [], "c: no such camera in the collection; it has a, b"),
        (["a", "b"], ["a", "b"], [], "none is left to learn from"),
        (["a", "b"], ["a"], ["a"], "a: --checkpoint was trained on it"),
        (["a", "b"], [], ["a", "b"], "--checkpoint was trained on all cameras"),
    ],
)
def test_cameras_that_cannot_be_held_out_are_refused(
    places: list[str], asked: list[str], before: list[str], reason: str
) -> None:
    with pytest.raises(DataError, match=reason):
        held_out(places, asked, before)
