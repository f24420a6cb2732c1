"""``edge-agent replay --plot``: a picture for a technician, or a clear word why there is none."""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import pytest

from edge_agent.errors import EdgeAgentError
from edge_agent.replay.plot import TruthPlot, spans
from edge_agent.view import CameraView
from tests.view.painted import LEARN_S, NO_MOTION, PaintedCamera, hand


def test_a_plot_shows_the_state_as_a_span(tmp_path: Path) -> None:
    view, camera = CameraView("gate"), PaintedCamera()
    with TruthPlot(tmp_path / "truth.png", view) as plot:
        for second in range(int(LEARN_S) + 15):
            frame = camera.shoot(hand if second >= LEARN_S else None)
            list(view.update(frame, NO_MOTION))
            plot.write(frame)
    picture = cv2.imread(str(tmp_path / "truth.png"))
    assert picture is not None
    red = (picture[..., 2].astype(int) - picture[..., 0] > 25) & (picture[..., 2] > 200)
    assert red.mean() > 0.02  # the span of covered


def test_spans_begin_and_end_with_the_state() -> None:
    assert spans([1.0, 2.0, 3.0, 4.0], [(), ("dark",), (), ("moved",)]) == [
        (2.0, 3.0, "dark"),
        (4.0, 4.0, "moved"),
    ]


def test_without_matplotlib_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(EdgeAgentError, match=r"pip install 'edge-agent\[plot\]'"):
        TruthPlot(tmp_path / "truth.png", CameraView("gate"))


def test_a_camera_that_is_not_watched_has_nothing_to_plot(tmp_path: Path) -> None:
    with pytest.raises(EdgeAgentError, match="watch_view: false"):
        TruthPlot(tmp_path / "truth.png", object())
