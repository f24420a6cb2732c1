"""A picture with a face, and detectors that the product does not use."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from edge_central.redaction.areas import CASCADES

if TYPE_CHECKING:
    from edge_agent.core.model import Colour


SECOND = ("haarcascade_frontalface_alt.xml", "haarcascade_frontalface_alt_tree.xml")
"""Trained apart from those that the product uses."""


@cache
def face_picture() -> Colour:
    """The head of Commodore Hopper, 1984: (320, 320, 3). The picture is of the US Navy, in the public domain;
    matplotlib ships it."""
    import matplotlib  # takes 0.1 s: not in each process of the tests

    picture = cv2.imread(str(Path(matplotlib.get_data_path(), "sample_data/grace_hopper.jpg")))
    assert picture is not None
    return np.ascontiguousarray(picture[20:340, 90:410], np.uint8)


def jpeg_of(picture: Colour) -> bytes:
    done, jpeg = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 92])
    assert done
    return jpeg.tobytes()


def picture_of(jpeg: bytes) -> Colour:
    picture = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    return np.asarray(picture, np.uint8)


def second_detectors_find(picture: Colour) -> int:
    """Faces that a second detector finds, with the settings that OpenCV recommends."""
    gray = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
    count = 0
    for name in SECOND:
        cascade = cv2.CascadeClassifier(str(CASCADES / name))
        count += len(cascade.detectMultiScale(gray, 1.1, 3))
    return count
