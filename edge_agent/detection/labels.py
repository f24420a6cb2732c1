"""Which class number is which label: from the model file itself or from a text file beside it."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

from edge_agent.detection.coco import COCO_80
from edge_agent.errors import DetectorError

OWN_METADATA = "edge_agent_model.json"
"""What ``training/export.py`` appends to a model."""

_ALIASES = {
    "motorbike": "motorcycle",
    "motor bike": "motorcycle",
    "scooter": "motorcycle",
    "bike": "bicycle",
    "pedestrian": "person",
    "people": "person",
    "human": "person",
    "automobile": "car",
    "van": "car",
    "lorry": "truck",
}
_NOTHING = {"???", "", "n/a", "background", "__background__"}


def read_labels(model: Path, classes: int | None) -> tuple[str, ...]:
    """One label per class number; ``???`` where a number means nothing.

    Looked for in this order: the zip that is appended to the model, as TFLite's metadata or our own,
    ``<model's stem>.txt``, ``labels.txt``, and, when ``classes`` is known, the only ``*label*.txt``
    beside the model with just so many lines. Without any, 80 classes are those of COCO, as in every
    published model. Raises DetectorError when there is none or the number of lines is not ``classes``.
    """
    found = _embedded(model) or _beside(model, classes)
    if found is None:
        if classes == len(COCO_80):
            return COCO_80
        raise DetectorError(
            f"{model}: no labels: neither in the file nor in {model.stem}.txt or labels.txt beside it; "
            "write one label a line, in the model's order"
        )
    source, text = found
    labels = _parse(text)
    if classes is not None and len(labels) != classes:
        raise DetectorError(f"{source}: {len(labels)} labels for a model of {classes} classes")
    if len(labels) == 0:
        raise DetectorError(f"{source}: no labels in it")
    return labels


def _parse(text: str) -> tuple[str, ...]:
    lines = [line.strip() for line in text.strip("\n").splitlines()]
    if lines and lines[0].lower() in _NOTHING:
        lines = lines[1:]  # a map that counts the background as its first class; models do not
    return tuple(_normal(line) for line in lines)


def _normal(line: str) -> str:
    name = line.lower().replace("_", " ")
    return "???" if name in _NOTHING else _ALIASES.get(name, name)


def _embedded(model: Path) -> tuple[str, str] | None:
    try:
        with zipfile.ZipFile(model) as archive:
            for name in archive.namelist():
                if name == OWN_METADATA:
                    return f"{model}:{name}", "\n".join(json.loads(archive.read(name))["labels"])
                if name.endswith(".txt"):
                    return f"{model}:{name}", archive.read(name).decode("utf-8", "replace")
    except (zipfile.BadZipFile, OSError, RuntimeError, ValueError, LookupError, TypeError):
        return None  # most models carry no metadata
    return None


def _beside(model: Path, classes: int | None) -> tuple[str, str] | None:
    for path in (model.with_suffix(".txt"), model.parent / "labels.txt"):
        if path.is_file():
            return str(path), _read(path)
    if classes is None:
        return None
    texts = [(str(path), _read(path)) for path in sorted(model.parent.glob("*label*.txt")) if path.is_file()]
    fitting = [(path, text) for path, text in texts if len(_parse(text)) == classes]
    return fitting[0] if len(fitting) == 1 else None


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise DetectorError(f"{path}: labels cannot be read: {error.strerror}") from error
