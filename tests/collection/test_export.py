"""``edge-agent collect``: exports frames to a USB stick, and opens them there."""

from __future__ import annotations

import csv
import hashlib
import os
from pathlib import Path

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from edge_agent.cli import collect as collect_cli
from edge_agent.cli.main import main
from edge_agent.collection.files import FrameNote, with_note
from edge_agent.evidence.jpeg import encode_at
from edge_agent.evidence.seal import seal
from tests.collection.parts import KEY, PEM, box_in
from tests.testbed.small_disk import small_disk

HOUR_S = 3600.0


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "manifest.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_frames_go_from_a_gateway_over_a_stick_to_pictures_with_a_manifest(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stick, out, key = tmp_path / "stick", tmp_path / "out", tmp_path / "centre.pem"
    stick.mkdir()
    key.write_bytes(PEM)
    with box_in(tmp_path) as box:
        box.ask(cameras=["cam-1", "cam-2"], frames=2, send=False)
        box.show("cam-1")
        box.show("cam-2", level=20)
        config = str(tmp_path / "edge-agent.yaml")
        assert main(["collect", "export", str(stick), config, "--by", "an"]) == 0
        assert box.files == []
        assert "2 frames copied" in capsys.readouterr().out
        box.later(31)
        exported = box.events()[-1]
        assert exported["why"] == "2 frames were exported on the gateway by an"
        assert (exported["exported"], exported["left"], exported["state"]) == (2, 0, "taking")
        box.ask(for_s=0)
        box.later(31)
        assert box.events()[-1]["why"].endswith("0 sent, 2 exported, 0 deleted")
    (stick / "evidence.jpg.sealed").write_bytes(seal(b"evidence", KEY.public_key().public_bytes_raw()))
    (stick / "others.sealed").write_bytes(
        seal(b"evidence", X25519PrivateKey.generate().public_key().public_bytes_raw())
    )
    for _ in range(2):
        assert main(["collect", "open", str(stick), "--private-key", str(key), "--out", str(out)]) == 0
        assert "2 frames opened, 2 other files left alone, 0 failed" in capsys.readouterr().out
    first, second = rows(out)
    assert (first["place"], first["light"], second["camera"], second["light"]) == (
        "dt-001-cam-1",
        "bright",
        "cam-2",
        "dark",
    )
    assert first["file"] == "dt-001-cam-1/20261124T134215123Z.jpg"
    for row in (first, second):
        assert hashlib.sha256((out / row["file"]).read_bytes()).hexdigest() == row["sha256"]


def test_a_damaged_file_is_named_and_the_others_are_opened(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    key = tmp_path / "centre.pem"
    key.write_bytes(PEM)
    with box_in(tmp_path) as box:
        box.ask(cameras=["cam-1", "cam-2"], send=False)
        box.show("cam-1")
        box.show("cam-2")
        damaged = box.files[0]
        damaged.write_bytes(damaged.read_bytes()[:-1])
        media = str(tmp_path / "state/collect/media")
        assert (
            main(["collect", "open", media, "--private-key", str(key), "--out", str(tmp_path / "out")]) == 1
        )
    reported = capsys.readouterr().out
    assert f"{damaged}: cut off" in reported
    assert "1 frames opened, 0 other files left alone, 1 failed" in reported


def test_a_gateway_that_has_none_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with box_in(tmp_path, allow=False):
        assert main(["collect", "export", str(tmp_path), str(tmp_path / "edge-agent.yaml")]) == 0
    assert "0 frames copied" in capsys.readouterr().out


def test_a_medium_that_is_not_there_gets_no_frame(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Else the frames would stay on the gateway, in another folder."""
    with box_in(tmp_path) as box:
        box.ask(cameras=["cam-1"])
        box.show("cam-1")
        assert main(["collect", "export", str(tmp_path / "stick"), str(tmp_path / "edge-agent.yaml")]) == 2
        assert "is the medium mounted? Nothing was copied" in capsys.readouterr().err
        assert len(box.files) == 1
        assert not (tmp_path / "stick").exists()


def test_a_frame_leaves_the_gateway_when_file_and_folder_are_on_the_medium(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stick may be pulled right after the command has ended."""
    real, on_medium = os.fsync, []
    with box_in(tmp_path) as box:

        def fsync(handle: int) -> None:
            real(handle)
            on_medium.append((Path(os.readlink(f"/proc/self/fd/{handle}")), len(box.files)))

        box.ask(cameras=["cam-1"], send=False)
        box.show("cam-1")
        (tmp_path / "stick").mkdir()
        monkeypatch.setattr(os, "fsync", fsync)
        assert main(["collect", "export", str(tmp_path / "stick"), str(tmp_path / "edge-agent.yaml")]) == 0
        monkeypatch.undo()
    (file,) = (tmp_path / "stick").rglob("*.sealed")
    assert {(path, 1) for path in (tmp_path / "stick", file.parent, file)} <= set(on_medium)


def test_what_was_copied_before_the_medium_was_full_is_reported(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with small_disk(tmp_path / "stick", kibibytes=64) as stick, box_in(tmp_path) as box:
        box.ask(cameras=["cam-1"], send=False)
        box.show("cam-1")
        first = box.files[0]
        second = first.with_name(first.name.replace(".jpg", "0.jpg"))
        second.write_bytes(bytes(100_000))
        assert main(["collect", "export", str(stick), str(tmp_path / "edge-agent.yaml"), "--by", "an"]) == 1
        reported = capsys.readouterr()
        assert "1 frames copied" in reported.out
        assert "No space left on device" in reported.err
        assert box.files == [second]
        assert len(list(stick.rglob("*.sealed"))) == 1, "no part of the second one"
        box.later(31)
        assert box.events()[-1]["why"] == "1 frames were exported on the gateway by an"


def test_what_an_export_leaves_in_parts_is_counted_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each part is a separate file: the agent may delete one while the next is written."""
    monkeypatch.setattr(collect_cli, "REPORT_EVERY", 1)
    folder = tmp_path / "state/collect"
    with box_in(tmp_path) as box:
        box.ask(cameras=["cam-1", "cam-2"], frames=2, send=False)
        box.show("cam-1")
        box.show("cam-2")
        config = str(tmp_path / "edge-agent.yaml")
        assert main(["collect", "export", str(tmp_path), config, "--by", "an"]) == 0
        assert len(list(folder.glob("exported-*.json"))) == 2
        (folder / "exported-0.json").write_bytes(b"half of a reco")
        box.later(31)
        assert box.events()[-1]["why"] == "2 frames were exported on the gateway by an"
        assert not list(folder.glob("exported*"))


def opened(tmp_path: Path, *paths: Path) -> int:
    key = tmp_path / "centre.pem"
    key.write_bytes(PEM)
    return main(
        ["collect", "open", *map(str, paths), "--private-key", str(key), "--out", str(tmp_path / "out")]
    )


def sealed_frame(path: Path, level: int, **said: object) -> Path:
    """Anyone can make such a file: the key is public."""
    note = FrameNote(
        gateway="dt-001",
        camera="cam-1",
        event_id="collect-1",
        time="2026-11-24T13:42:15.123Z",
        clock="synced",
        width=8,
        height=8,
        light="dim",
        brightness=1.0,
        grey=False,
        active=False,
    )
    written = with_note(encode_at(np.full((8, 8, 3), level, np.uint8), 85), note)
    for name, value in said.items():
        written = written.replace(getattr(note, name).encode(), str(value).encode())
    path.write_bytes(seal(written, KEY.public_key().public_bytes_raw()))
    return path


def test_a_frame_of_the_same_moment_replaces_no_other_one(tmp_path: Path) -> None:
    files = [sealed_frame(tmp_path / f"{level}.sealed", level) for level in (50, 200)]
    for _ in range(2):
        assert opened(tmp_path, *files) == 0
    assert len({row["sha256"] for row in rows(tmp_path / "out")}) == 2
    for row in rows(tmp_path / "out"):
        content = (tmp_path / "out" / row["file"]).read_bytes()
        assert hashlib.sha256(content).hexdigest() == row["sha256"]


@pytest.mark.parametrize(("name", "value"), [("gateway", "../../"), ("camera", "/etc/p"), ("light", "=1+")])
def test_a_frame_that_says_nonsense_of_itself_becomes_no_file(tmp_path: Path, name: str, value: str) -> None:
    assert opened(tmp_path, sealed_frame(tmp_path / "a.sealed", 50, **{name: value})) == 0
    assert not (tmp_path / "out").exists()


def test_what_is_no_plain_file_or_larger_than_any_frame_is_not_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "stick"
    folder.mkdir()
    os.mkfifo(folder / "pipe.sealed")
    with (folder / "bomb\x1b[2J.sealed").open("wb") as file:
        file.truncate(1 << 40)
    (folder / "loop.sealed").symlink_to("loop.sealed")
    sealed_frame(folder / "good.sealed", 50)
    assert opened(tmp_path, folder) == 1
    reported = capsys.readouterr().out
    assert "pipe.sealed: not a plain file" in reported
    assert "loop.sealed: Too many levels of symbolic links" in reported
    assert "1 frames opened, 1 other files left alone, 2 failed" in reported


@pytest.mark.parametrize("content", [b"file,sha256\na.jpg", b"file;sha256\n", b"\xff\xfe\n\xff"])
def test_a_manifest_that_others_wrote_is_left_alone(
    tmp_path: Path, content: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out/manifest.csv").write_bytes(content)
    assert opened(tmp_path, sealed_frame(tmp_path / "a.sealed", 50)) == 1
    assert "nothing was opened" in capsys.readouterr().err
    assert (tmp_path / "out/manifest.csv").read_bytes() == content


def test_a_key_that_opens_nothing_is_named_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = [sealed_frame(tmp_path / f"{level}.sealed", level) for level in (50, 200)]
    (tmp_path / "no.pem").write_text("no key")
    out = str(tmp_path / "out")
    assert (
        main(["collect", "open", *map(str, files), "--private-key", str(tmp_path / "no.pem"), "--out", out])
        == 1
    )
    reported = capsys.readouterr()
    assert (reported.out, reported.err.count("no.pem")) == ("", 1)
