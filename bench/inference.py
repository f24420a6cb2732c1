"""What one look of each detector costs: CPU time on one thread, beside the bare inference of its model.

``python -m bench.detection`` shows besides what they recognise.
"""

from __future__ import annotations

from functools import partial

import cv2

from bench.detection.__main__ import bare_inference, load, median_ms, pictures
from bench.plan import Plan
from bench.result import Result
from edge_agent.detection.detector import Detector
from edge_agent.model import Box, Detection, Picture


def measure(plan: Plan) -> list[Result]:
    """Looks at a 160-pixel crop of a 640-pixel picture, cut and converted from YUV."""
    cv2.setNumThreads(1)
    models = plan.footage("vn_street_motorbikes.mp4").parents[1] / "models"
    [street, *_] = pictures(plan.footage("vn_street_motorbikes.mp4"), 30)
    crop = Box(0.5, 0.2, 0.75, 0.2 + 0.25 * street.width / street.height)
    rounds = int(plan.choose(60, 20))
    rows = []
    for detector, path in load(models):
        figures = {"look_ms": median_ms(partial(_look, detector, street, crop), rounds)}
        if path is not None:
            figures["bare_ms"] = median_ms(bare_inference(path), rounds)
        rounded = {name: round(value, 2) for name, value in figures.items()}
        rows.append(Result("inference", detector.name, rounded))
    return rows


def _look(detector: Detector, street: Picture, crop: Box) -> list[Detection]:
    return detector.detect(street.bgr(crop))
