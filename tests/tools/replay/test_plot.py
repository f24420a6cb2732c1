"""``edge-agent replay --plot``: a picture for a technician, or a clear error."""

from __future__ import annotations

import sys
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import cv2
import pytest

from edge_agent.core.errors import EdgeAgentError
from edge_agent.tamper import CameraView
from edge_agent.tools.replay.plot import ViewPlot, spans
from tests.tamper.painted import LEARN_S, NO_MOTION, PaintedCamera, hand

HANOI = ZoneInfo("Asia/Ho_Chi_Minh")


def test_a_plot_shows_the_state_as_a_span(tmp_path: Path) -> None:
    view, camera = CameraView("gate"), PaintedCamera()
    with ViewPlot(tmp_path / "truth.png", view) as plot:
        for second in range(int(LEARN_S) + 15):
            frame = camera.shoot(hand if second >= LEARN_S else None)
            list(view.update(frame, NO_MOTION))
            plot.write(frame)
    picture = cv2.imread(str(tmp_path / "truth.png"))
    assert picture is not None
    red = (picture[..., 2].astype(int) - picture[..., 0] > 25) & (picture[..., 2] > 200)
    assert red.mean() > 0.02  # the coloured span of "covered"


@pytest.mark.parametrize(
    ("started_at", "shown"),
    [
        (
            datetime(2026, 11, 24, 21, 59, 30, tzinfo=HANOI),
            ["21:59:40", "22:00:20", "from 2026-11-24 21:59:30"],
        ),
        (None, ["seconds of the recording"]),
    ],
    ids=["with --start", "without"],
)
def test_the_axis_shows_the_clock_of_the_site_where_it_is_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, started_at: datetime | None, shown: list[str]
) -> None:
    import matplotlib  # takes 0.1 s: not in each process of the tests

    monkeypatch.setitem(matplotlib.rcParams, "svg.fonttype", "none")
    view, camera, path = CameraView("gate"), PaintedCamera(), tmp_path / "truth.svg"
    with ViewPlot(path, view, started_at) as plot:
        for second in range(60):
            frame = replace(camera.shoot(None), captured_mono=float(second))
            list(view.update(frame, NO_MOTION))
            plot.write(frame)
    drawn = path.read_text()
    for text in shown:
        assert text in drawn
    assert ("seconds of the recording" in drawn) == (started_at is None)


def test_spans_begin_and_end_with_the_state() -> None:
    states = [(), ("dark",), (), ("moved",)]
    assert spans([1.0, 2.0, 3.0, 4.0], states) == [(2.0, 3.0, "dark"), (4.0, 4.0, "moved")]


def test_without_matplotlib_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(EdgeAgentError, match=r"pip install 'edge-agent\[plot\]'"):
        ViewPlot(tmp_path / "truth.png", CameraView("gate"))


def test_a_camera_that_is_not_watched_has_nothing_to_plot(tmp_path: Path) -> None:
    with pytest.raises(EdgeAgentError, match="watch_view: false"):
        ViewPlot(tmp_path / "truth.png", object())
