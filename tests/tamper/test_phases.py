"""For any sequence of pictures, each event has one start, then updates, then at most one end."""

from __future__ import annotations

from collections import defaultdict
from functools import cache
from itertools import pairwise

import cv2
import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge_agent.core.facts import Phase, ViewObservation
from edge_agent.tamper import CameraView
from tests.tamper.painted import NO_MOTION, Change, PaintedCamera, blur, dim, fog, hand, mono, white

SHOWN: dict[str, tuple[Change | None, int]] = {
    "usual": (None, 0),
    "hand": (hand, 0),
    "blur": (blur, 0),
    "fog": (fog, 0),
    "mono": (mono, 0),
    "dim": (dim, 0),
    "white": (white, 0),
    "black": (lambda picture: picture * 0.0 + 16, 0),
    "turned": (None, 64),
}
SIZES = ((640, 360), (320, 180), (64, 48))
SCENES = st.lists(
    st.tuples(
        st.sampled_from(sorted(SHOWN)),
        st.integers(1, 14),  # analyses
        st.sampled_from((1.0, 2.0, 400.0)),  # seconds between them
        st.sampled_from(("go on", "go on", "go on", "relearn", "finish", "refuse", "resize")),
    ),
    min_size=2,
    max_size=9,
)


@cache
def pictures(name: str) -> list[np.ndarray[tuple[int, ...], np.dtype[np.uint8]]]:
    camera = PaintedCamera()
    return [np.asarray(camera.shoot(*SHOWN[name]).picture.bgr()) for _ in range(3)]


def play(scenes: list[tuple[str, int, float, str]]) -> list[ViewObservation]:
    """What the sink stored."""
    view, camera = CameraView("gate"), PaintedCamera()
    took: list[ViewObservation] = []
    size = SIZES[0]
    for name, analyses, every_s, action in [("usual", 12, 1.0, "go on"), *scenes]:
        if action == "relearn":
            view.relearn()
        elif action == "finish":
            took += view.finish("camera")
        elif action == "resize":
            size = SIZES[(SIZES.index(size) + 1) % len(SIZES)]
        for number in range(analyses):
            camera.now += every_s - 1.0
            picture = cv2.resize(pictures(name)[number % 3], size)
            for observation in view.update(camera.show(np.asarray(picture, np.uint8)), NO_MOTION):
                if action == "refuse" and number % 2:
                    break  # as when the outbox raises: it was not stored
                took.append(observation)
    took += view.finish("restart")
    assert view.states == ()
    return took


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(SCENES)
def test_each_event_has_one_start_updates_and_one_end(scenes: list[tuple[str, int, float, str]]) -> None:
    lives: dict[str, list[ViewObservation]] = defaultdict(list)
    for observation in play(scenes):
        lives[observation.event_id].append(observation)
    for observations in lives.values():
        assert len({observation.state for observation in observations}) == 1
        phases = [observation.phase for observation in observations]
        if phases == [Phase.MOMENT]:
            continue
        assert phases[0] is Phase.START
        assert phases[-1] is Phase.END
        assert set(phases[1:-1]) <= {Phase.UPDATE}
        assert observations[0].started_mono == observations[-1].started_mono
        assert all(before.last_mono <= after.last_mono for before, after in pairwise(observations))
