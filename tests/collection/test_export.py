"""``edge-agent collect``: frames from the gateway to a stick, and from the stick to pictures."""

from __future__ import annotations

import csv
import hashlib
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from edge_agent.cli import main
from edge_agent.evidence.seal import seal
from tests.collection.parts import KEY, PEM, box_in

HOUR_S = 3600.0


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "manifest.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_frames_go_from_a_gateway_over_a_stick_to_pictures_with_a_manifest(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stick, out, key = tmp_path / "stick", tmp_path / "out", tmp_path / "centre.pem"
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
        assert main(["collect", "open", str(stick), "--key", str(key), "--out", str(out)]) == 0
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
        assert main(["collect", "open", media, "--key", str(key), "--out", str(tmp_path / "out")]) == 1
    told = capsys.readouterr().out
    assert f"{damaged}: cut off" in told
    assert "1 frames opened, 0 other files left alone, 1 failed" in told


def test_a_gateway_that_has_none_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with box_in(tmp_path, allow=False):
        assert main(["collect", "export", str(tmp_path / "s"), str(tmp_path / "edge-agent.yaml")]) == 0
    assert "0 frames copied" in capsys.readouterr().out
