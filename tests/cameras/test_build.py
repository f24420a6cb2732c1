"""A built pipeline uses OpenCV in the same way on every machine."""

from __future__ import annotations

import io
from pathlib import Path

import cv2
import pytest

from edge_agent.cameras.build import build_pipeline
from edge_agent.config.loader import load
from tests.testbed.agent import write_config
from tests.testbed.traffic import Street
from tests.tools.replay.test_traffic import context


def test_the_thread_of_a_pipeline_uses_no_code_that_only_x86_has(tmp_path: Path) -> None:
    cv2.ipp.setUseIPP(True)
    if not cv2.ipp.useIPP():
        pytest.skip("this OpenCV has no IPP")
    settings = load(write_config(tmp_path, cameras=[{"id": "cam-1", "url": str(tmp_path)}], broker_port=1883))
    build_pipeline(settings.cameras[0], context(settings, Street(), io.StringIO()), "t")
    assert not cv2.ipp.useIPP()
