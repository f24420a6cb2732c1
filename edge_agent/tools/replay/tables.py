"""Text outputs of a replay: tracks in MOTChallenge format, motion boxes as JSON lines."""

from __future__ import annotations

import json
from typing import TextIO

from edge_agent.core.model import Frame, Motion, Tracks, TrackState


class MotTable:
    """Confirmed tracks of each analysed frame, one line each, for standard scorers such as TrackEval.

    ``frame,id,left,top,width,height,score,-1,-1,-1`` in pixels of the file's picture. Frame numbers are
    the file's, from 1; ids are whole numbers from 1 in order of confirmation; coordinates are 1-based as
    MOTChallenge defines them (https://arxiv.org/abs/1603.00831, section 5). A lost track is not written.
    """

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._numbers: dict[str, int] = {}

    def write(self, frame: Frame, tracks: Tracks) -> None:
        width, height = frame.picture.width, frame.picture.height
        for track in tracks.confirmed:
            if track.state is TrackState.LOST:
                continue
            number = self._numbers.setdefault(track.id, len(self._numbers) + 1)
            box = track.box.clipped()
            left, top = box.x1 * width + 1, box.y1 * height + 1
            self._out.write(
                f"{frame.number},{number},{left:.2f},{top:.2f},{box.width * width:.2f},"
                f"{box.height * height:.2f},{track.score:.4f},-1,-1,-1\n"
            )


class MotionTable:
    """One JSON object a line and analysed frame: number, seconds, scene, boxes in 0..1."""

    def __init__(self, out: TextIO) -> None:
        self._out = out

    def write(self, frame: Frame, motion: Motion) -> None:
        line = {
            "frame": frame.number,
            "time_s": round(frame.captured_mono, 3),
            "scene": motion.scene.value,
            "boxes": [region.box.rounded() for region in motion.regions],
        }
        self._out.write(json.dumps(line) + "\n")
