"""A real agent leaves a searchable passage of a person who broke no rule."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from edge_agent.passages.filters import PassageFilter
from edge_agent.passages.passage import Side
from edge_agent.passages.reader import PassageReader
from tests.testbed.agent import AgentProcess, write_config
from tests.testbed.mosquitto import Mosquitto
from tests.testbed.walker import walking_clip


def test_a_walker_who_breaks_no_rule_is_found_afterwards(tmp_path: Path, broker: Mosquitto) -> None:
    clip = walking_clip(tmp_path / "walker.mp4", empty_s=1.0, walk_s=4.0, tail_s=1.0)
    config = write_config(tmp_path, cameras=[{"id": "cam-1", "url": str(clip)}], broker_port=broker.port)
    with AgentProcess(config, "--repeat-files") as agent:  # a loaded machine skips frames of one walk
        agent.wait_for_status(lambda beat: beat["detector"]["inferences"] > 20, "a walk")
        assert agent.stop() == 0
    reader = PassageReader(tmp_path / "state")
    passages = list(reader.find(PassageFilter(group="person", cameras=("cam-1",))))
    assert passages
    walk = max(passages, key=lambda each: each.duration_s)
    assert walk.detail.votes >= 2
    assert walk.direction_deg is not None
    assert walk.detail.entry in (Side.LEFT, Side.RIGHT)
    assert len(walk.detail.path) >= 4
    picture = reader.crop(walk.id)
    assert picture is not None
    assert cv2.imdecode(np.frombuffer(picture, np.uint8), cv2.IMREAD_COLOR) is not None
