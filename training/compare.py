"""Compares the candidate with the model in force, on cameras that were not used for its training."""

from __future__ import annotations

import zipfile
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import msgspec
import numpy as np

from edge_agent.detection.darkness import brightened, only_visible
from edge_agent.detection.litert import LiteRtDetector
from training.dataset import CLASSES, Image, Item, Source
from training.evaluate import LOWEST, Counted, Detect, Result, evaluate
from training.predict import METADATA, Floats, Model
from training.teacher import LABELS, merge_riders

FEWEST = 20
"""Objects of a class at a place; with fewer, a figure is not significant and never refuses a model."""
FALSE_MARGIN = 0.5
"""Additional false detections per picture, compared with the model in force, that refuse a model if there are
few objects.
"""
FEWEST_PICTURES = 10
"""Pictures of a place from which false detections are judged."""
OPEN_DATA = "open data: "
"""Begins the name of a place of the open data; other places are the operator's cameras."""
ALL = "all classes"
EVERYWHERE = "all places"


class Score(msgspec.Struct, frozen=True):
    recall: float
    precision: float
    f1: float
    false_per_picture: float


class Figure(msgspec.Struct, frozen=True):
    """The figures of one class at one place."""

    place: str
    kind: str
    pictures: int
    objects: int
    candidate: Score
    in_force: Score


def detector(path: Path) -> Detect:
    """Load any model of the agent, for whole pictures; a rider and the two-wheeler are one object."""
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            if METADATA in archive.namelist():
                return Model(path).detect
    model = LiteRtDetector(path, list(LABELS), LOWEST)

    def detect(image: Image, threshold: float) -> Floats:
        size = np.array([image.shape[1], image.shape[0]] * 2, np.float32)
        fit = model.fit((image.shape[1], image.shape[0]))
        small = np.asarray(cv2.resize(image, (fit.width, fit.height), interpolation=cv2.INTER_AREA), np.uint8)
        bright = brightened(small)
        found = [one for one in only_visible(model.detect(bright), small, bright) if one.score >= threshold]
        rows = [
            (one.box.x1, one.box.y1, one.box.x2, one.box.y2, one.score, LABELS[one.label]) for one in found
        ]
        boxes = np.array(rows, np.float32).reshape(-1, 6)
        boxes[:, :4] *= size
        merged = merge_riders(boxes)
        return merged[merged[:, 4].argsort()[::-1]]

    return detect


def compare(
    candidate: Detect, in_force: Detect, items: Sequence[Item], sources: dict[str, Source], threshold: float
) -> list[Figure]:
    """Compare by place, by class, and by both together."""
    results = [evaluate(detect, items, sources, threshold) for detect in (candidate, in_force)]
    pictures = Counter(item.place for item in items)
    return [
        Figure(place, kind, count, one.objects, _score(one, count, threshold), _score(two, count, threshold))
        for place, group, count in _places(pictures)
        for kind in (*CLASSES, ALL)
        for one, two in [tuple(_of(result, group, kind) for result in results)]
        if one.objects or one.scores or two.scores
    ]


def _places(pictures: Counter[str]) -> Iterator[tuple[str, str, int]]:
    yield EVERYWHERE, "all", pictures.total()
    for place in sorted(pictures):
        yield place, f"place: {place}", pictures[place]


def _of(result: Result, group: str, kind: str) -> Counted:
    if kind != ALL:
        return result.of(group, kind)
    every = [result.of(group, name) for name in CLASSES]
    return Counted(
        sum(one.objects for one in every),
        [score for one in every for score in one.scores],
        [right for one in every for right in one.right],
    )


def _score(counted: Counted, pictures: int, threshold: float) -> Score:
    kept = [right for right, score in zip(counted.right, counted.scores, strict=True) if score >= threshold]
    hits, found = sum(kept), len(kept)
    return Score(
        recall=round(hits / counted.objects, 3) if counted.objects else 0.0,
        precision=round(hits / found, 3) if found else 0.0,
        f1=round(2 * hits / (counted.objects + found), 3) if counted.objects + found else 0.0,
        false_per_picture=round((found - hits) / max(1, pictures), 3),
    )


def worse(figures: Sequence[Figure], margin: float) -> list[str]:
    """Return the reasons against a release: where the candidate is worse by more than the margin."""
    judged = [figure for figure in figures if figure.objects >= FEWEST]
    reasons = [_worse_f1(figure) for figure in judged if figure.candidate.f1 < figure.in_force.f1 - margin]
    quiet = [
        figure
        for figure in figures
        if figure.kind == ALL and figure.objects < FEWEST and figure.pictures >= FEWEST_PICTURES
    ]
    reasons += [_more_false(figure) for figure in quiet if _false(figure) > FALSE_MARGIN]
    if not any(is_camera(figure.place) for figure in judged):
        reasons.append(
            f"nothing was measured: no held-out camera has {FEWEST} objects; collect more, "
            "or answer more questions"
        )
    return reasons


def is_camera(place: str) -> bool:
    """Return whether a figure is of one of the operator's cameras."""
    return place != EVERYWHERE and not place.startswith(OPEN_DATA)


def hardly_measured(figures: Sequence[Figure]) -> list[str]:
    """Return the held-out cameras with too few objects to refuse a model for the ones that it misses."""
    cameras = {figure.place for figure in figures if is_camera(figure.place)}
    return sorted(cameras - {figure.place for figure in figures if figure.objects >= FEWEST})


def _false(figure: Figure) -> float:
    return figure.candidate.false_per_picture - figure.in_force.false_per_picture


def _worse_f1(figure: Figure) -> str:
    return (
        f"{figure.place}, {figure.kind}: F1 {figure.candidate.f1:.2f} of {figure.objects} objects, "
        f"the model in force has {figure.in_force.f1:.2f}"
    )


def _more_false(figure: Figure) -> str:
    return (
        f"{figure.place}: {figure.candidate.false_per_picture:.1f} false detections a picture, "
        f"the model in force has {figure.in_force.false_per_picture:.1f}"
    )


def table(figures: Sequence[Figure]) -> list[str]:
    """Return the comparison as Markdown."""
    lines = [
        "| place | class | objects | F1 | in force | recall | in force | precision | in force "
        "| false a picture | in force |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for one in figures:
        pairs = (
            (one.candidate.f1, one.in_force.f1),
            (one.candidate.recall, one.in_force.recall),
            (one.candidate.precision, one.in_force.precision),
            (one.candidate.false_per_picture, one.in_force.false_per_picture),
        )
        cells = " | ".join(f"{value:.2f}" for pair in pairs for value in pair)
        lines.append(f"| {one.place} | {one.kind} | {one.objects} | {cells} |")
    return lines
