"""The model that is loaded has to see what the configuration asks for."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_agent.config import load
from edge_agent.config.settings import Settings
from edge_agent.doctor.detector import check_detector
from edge_agent.doctor.words import level_of, said_of
from edge_agent.wire import DetectorHealth
from tests.testbed.agent import write_config

YOLOX = "yolox_nano_float16_quantize"
ZONES = {"yard": {"polygon": [[0, 0], [1, 0], [1, 1]]}}


def site(
    folder: Path, model: str, labels: list[str] | None = None, watched: list[str] | None = None
) -> Settings:
    """``watched``: the labels of a rule."""
    rule = {"id": "yard-night", "kind": "zone-intrusion", "zone": "yard", "labels": watched}
    camera = {"id": "gate", "url": "rtsp://127.0.0.1:1/s", "zones": ZONES, "rules": [rule] if watched else []}
    path = write_config(folder, cameras=[camera], broker_port=1, detector=model)
    if labels:
        path.write_text(
            path.read_text().replace(f'"model": "{model}"', f'"model": "{model}", "labels": {labels}')
        )
    return load(path)


def loaded(name: str) -> DetectorHealth:
    """By a running agent, which measures it."""
    return DetectorHealth(name=name, queue=0, latency_ms=20.0)


@pytest.mark.parametrize(
    ("model", "labels", "watched", "finding", "said"),
    [
        # As provisioned, without a model: all labels are asked for, and upright people are seen.
        ("auto", None, None, "detector-blind", "hog cannot see bicycle, motorcycle, car, bus, truck"),
        ("hog", ["person"], ["person", "motorcycle"], "detector-blind", "hog cannot see motorcycle"),
        ("none", None, ["motorcycle"], "detector-blind", "asks for (gate: yard-night)"),
        ("none", None, None, "detector-none", ""),
        ("hog", ["person"], ["person"], "detector-good", ""),
        ("auto", ["person"], None, "detector-hog", ""),
    ],
)
def test_a_detector_has_to_see_the_labels_that_the_configuration_asks_for(
    tmp_path: Path, model: str, labels: list[str] | None, watched: list[str] | None, finding: str, said: str
) -> None:
    (found,) = check_detector(site(tmp_path, model, labels, watched), loaded("hog"))
    assert (found.finding, level_of(found) == "red") == (finding, finding == "detector-blind")
    assert said in said_of(found, "en")


def test_a_model_that_was_installed_counts_once_it_is_loaded(tmp_path: Path, test_data: Path) -> None:
    settings = site(tmp_path, str(test_data / "models" / f"{YOLOX}.tflite"))
    before, after = (check_detector(settings, loaded(name))[0] for name in ("hog", YOLOX))
    assert (before.finding, level_of(before)) == ("detector-not-loaded", "red")
    assert after.finding == "detector-good", said_of(after, "en")
