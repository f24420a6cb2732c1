"""Keeps the best detection so far, and draws its box into its snapshot."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np


class BestPicture:
    """Matches an event and its snapshot by the media id. They arrive separately, in any order."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._events: dict[str, dict[str, Any]] = {}
        self._best: tuple[float, dict[str, Any], bytes] | None = None

    def event(self, event: dict[str, Any]) -> None:
        snapshot = event["data"].get("snapshot")
        if snapshot:
            self._events[snapshot["media_id"]] = event

    def media(self, media_id: str, jpeg: bytes) -> None:
        event = self._events.pop(media_id, None)
        if event is None:
            return
        data = event["data"]
        x1, y1, x2, y2 = data["box"]
        # Confidence and size count: a distant walker at 0.9 is a worse picture than a near one at 0.85.
        worth = data["score"] * min(1.0, (x2 - x1) * (y2 - y1) * 50) ** 0.25
        if self._best is None or worth > self._best[0]:
            self._best = worth, event, jpeg

    def save(self) -> bool:
        """Write the picture; False when there was none."""
        if self._best is None:
            return False
        _, event, jpeg = self._best
        data = event["data"]
        picture = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
        if picture is None:
            return False
        height, width = picture.shape[:2]
        x1, y1, x2, y2 = (
            round(v * side) for v, side in zip(data["snapshot"]["box"], [width, height] * 2, strict=True)
        )
        cv2.rectangle(picture, (x1, y1), (x2, y2), (60, 220, 60), 2)
        text = f"{data['label']} {data['score']:.2f}  {event['time']}"
        cv2.putText(
            picture, text, (6, height - 8), cv2.FONT_HERSHEY_SIMPLEX, 0.4, (255, 255, 255), 1, cv2.LINE_AA
        )
        cv2.imwrite(str(self._path), picture)
        return True
