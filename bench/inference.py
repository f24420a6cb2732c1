"""Measures one inference of each model on a whole picture: CPU time on one thread, and of the bare inference.

``python -m bench.detection`` also shows what the models detect.
"""

from __future__ import annotations

from functools import partial

import cv2

from bench.detection.__main__ import bare_inference, load, median_ms, pictures, seen
from bench.plan import Plan
from bench.result import Result


def measure(plan: Plan) -> list[Result]:
    """Measure from a decoded YUV frame of 640 pixels to its detections."""
    cv2.setNumThreads(1)
    clip = plan.footage("vn_street_motorbikes.mp4")
    [street, *_] = pictures(clip, 30)
    rounds = int(plan.choose(60, 20))
    rows = []
    for detector, path in load(clip.parents[1]):
        figures = {
            "frame_ms": round(median_ms(partial(seen, detector, street), rounds), 2),
            "bare_ms": round(median_ms(bare_inference(path), rounds), 2),
        }
        rows.append(Result("inference", detector.name, figures))
    return rows
