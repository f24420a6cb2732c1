"""The loaded model must have the labels that the configuration asks for."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from edge_agent.config import load
from edge_agent.config.model.settings import Settings
from edge_agent.tools.doctor.checks.detector import check_detector
from edge_agent.tools.doctor.words import level_of, said_of
from edge_agent.wire import DetectorHealth
from tests.testbed.agent import write_config

YOLOX, SSD = "yolox_nano_float16_quantize", "coco_ssd_mobilenet_v1_1.0_quant_2018_06_29"
PERSONS = "knows_only_persons"
ZONES = {"yard": {"polygon": [[0, 0], [1, 0], [1, 1]]}}


def site(
    folder: Path, model: str, labels: list[str] | None = None, watched: list[str] | None = None
) -> Settings:
    """``watched``: the labels of a rule."""
    rule = {"id": "yard-night", "kind": "zone-intrusion", "zone": "yard", "labels": watched}
    camera = {"id": "gate", "url": "rtsp://127.0.0.1:1/s", "zones": ZONES, "rules": [rule] if watched else []}
    path = write_config(folder, cameras=[camera], detector=model)
    if labels:
        with_labels = f'"model": "{model}", "labels": {labels}'
        path.write_text(path.read_text().replace(f'"model": "{model}"', with_labels))
    return load(path)


def loaded(name: str) -> DetectorHealth:
    """The report of a running agent, which measures the model."""
    return DetectorHealth(name=name, queue=0, latency_ms=20.0)


@pytest.mark.parametrize(
    ("model", "labels", "watched", "finding", "said"),
    [
        # As provisioned: a rule asks for all labels, and each is detected as one of its group.
        ("auto", None, ["motorcycle", "truck"], "detector-good", ""),
        (SSD, None, None, "detector-good", ""),
        (PERSONS, None, None, "detector-blind", "does not detect bicycle, motorcycle, car, bus, truck"),
        (PERSONS, ["person"], ["person", "motorcycle"], "detector-blind", "does not detect motorcycle"),
        (PERSONS, ["person"], ["person"], "detector-good", ""),
        ("none", None, ["motorcycle"], "detector-blind", "uses (gate: yard-night)"),
        ("none", None, None, "detector-none", ""),
    ],
)
def test_a_detector_has_to_see_the_labels_that_the_configuration_asks_for(
    tmp_path: Path,
    test_data: Path,
    model: str,
    labels: list[str] | None,
    watched: list[str] | None,
    finding: str,
    said: str,
) -> None:
    name, path = "street", model
    if model in (SSD, PERSONS):
        name, path = model, str(tmp_path / f"{model}.tflite")
        shutil.copy(test_data / "models" / f"{YOLOX if model == PERSONS else SSD}.tflite", path)
        if model == PERSONS:
            Path(path).with_suffix(".txt").write_text("person\n" + "thing\n" * 79)
    (found,) = check_detector(site(tmp_path, path, labels, watched), loaded(name))
    assert (found.finding, level_of(found) == "red") == (finding, finding == "detector-blind")
    assert said in said_of(found, "en")


def test_a_model_that_was_configured_counts_once_it_is_loaded(tmp_path: Path, test_data: Path) -> None:
    settings = site(tmp_path, str(test_data / "models" / f"{YOLOX}.tflite"))
    before, after = (check_detector(settings, loaded(name))[0] for name in ("street", YOLOX))
    assert (before.finding, level_of(before)) == ("detector-not-loaded", "red")
    assert after.finding == "detector-good", said_of(after, "en")


def test_a_board_too_slow_for_its_cameras_is_said_with_what_it_manages(tmp_path: Path) -> None:
    settings = site(tmp_path, "auto")
    slow = DetectorHealth(name="street", queue=0, latency_ms=200.0)
    (found,) = check_detector(settings, slow)
    assert found.finding == "detector-slow"
    assert "only 2.5 of 5 a second" in said_of(found, "en")
