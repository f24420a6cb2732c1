"""Counts what the model in force sees at each camera, and offers its frames to shadow mode."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field

from edge_agent.config.model.settings import Camera
from edge_agent.core.model import GROUP_OF_LABEL, Detection, Frame
from edge_agent.detection.shadow import Shadow


@dataclass(slots=True)
class SeenObjects:
    """Of one camera: inferences on frames in which something moved, and the objects that they found."""

    inferences: int = 0
    objects: dict[str, int] = field(default_factory=dict)  # by group; each frame counts anew


class InferenceMonitor:
    """One for the gateway. ``analysed`` on the cameras' threads, the rest on any."""

    def __init__(self, sure: float) -> None:
        """``sure``: the score from which on an object counts."""
        self.shadow: Shadow | None = None
        self._sure = sure
        self._lock = threading.Lock()  # protects the next line
        self._seen: dict[str, SeenObjects] = {}

    def record(self, camera: Camera, frame: Frame, *, moving: bool, found: Sequence[Detection]) -> None:
        """The model in force has found that in the frame, outside of the camera's masks."""
        if moving:
            self._count(camera.id, found)
        shadow = self.shadow
        if shadow is not None and not frame.late:
            shadow.offer(camera, frame, found)

    def drain(self) -> dict[str, SeenObjects]:
        """By camera, since the last call."""
        with self._lock:
            seen, self._seen = self._seen, {}
            return seen

    def _count(self, camera_id: str, found: Sequence[Detection]) -> None:
        groups = [GROUP_OF_LABEL.get(each.label, each.label) for each in found if each.score >= self._sure]
        with self._lock:
            seen = self._seen.setdefault(camera_id, SeenObjects())
            seen.inferences += 1
            for group in groups:
                seen.objects[group] = seen.objects.get(group, 0) + 1
