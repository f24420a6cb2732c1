"""Reads the labels of a model from its file or from a text file beside it, and maps the file.

Models without labels use COCO's class names (Lin et al., "Microsoft COCO: Common Objects in Context",
arXiv:1405.0312). The mapped file is a private copy that no other process can change.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import logging
import mmap
import os
import shutil
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

from edge_agent.core.errors import DetectorError
from edge_agent.core.model import GROUP_OF_LABEL
from edge_agent.core.problems import problem_text

log = logging.getLogger(__name__)

# fmt: off
COCO_80: tuple[str, ...] = (
    "person", "bicycle", "car", "motorcycle", "airplane", "bus", "train", "truck", "boat",
    "traffic light", "fire hydrant", "stop sign", "parking meter", "bench", "bird", "cat", "dog",
    "horse", "sheep", "cow", "elephant", "bear", "zebra", "giraffe", "backpack", "umbrella", "handbag",
    "tie", "suitcase", "frisbee", "skis", "snowboard", "sports ball", "kite", "baseball bat",
    "baseball glove", "skateboard", "surfboard", "tennis racket", "bottle", "wine glass", "cup", "fork",
    "knife", "spoon", "bowl", "banana", "apple", "sandwich", "orange", "broccoli", "carrot", "hot dog",
    "pizza", "donut", "cake", "chair", "couch", "potted plant", "bed", "dining table", "toilet", "tv",
    "laptop", "mouse", "remote", "keyboard", "cell phone", "microwave", "oven", "toaster", "sink",
    "refrigerator", "book", "clock", "vase", "scissors", "teddy bear", "hair drier", "toothbrush",
)
# fmt: on
"""The 80 classes without the gaps of COCO's 90 numbers, in the order of YOLOX."""


OWN_METADATA = "edge_agent_model.json"  # the file that ``training/export.py`` appends to a model

_LARGEST_BYTES = 1_000_000
"""Limit of a list of labels, since a zip may unpack to more than fits into memory."""
_PLAIN = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_DAMAGED = (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, ValueError)
"""Errors of ``zipfile`` for a damaged or encrypted zip."""

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
    """Return one label per class number; ``???`` for a number without a meaning.

    Sources, in this order: the zip that is appended to the model, with TFLite's metadata or the agent's own;
    ``<model's stem>.txt``; ``labels.txt``; and, if ``classes`` is known, a ``*label*.txt`` beside the model,
    if it is the only one with that many lines. If there is no source, a model of 80 classes gets the labels
    of COCO, which every published model of that size has. Raises DetectorError when there is no source, when
    the labels in the model cannot be read, or when the number of lines is not ``classes``.
    """
    found = _embedded(model) or _beside(model, classes)
    if found is None:
        if classes == len(COCO_80):
            return COCO_80
        raise DetectorError(problem_text("detector-no-labels", file=str(model), name=model.stem))
    source, text = found
    labels = _parse(text)
    if classes is not None and len(labels) != classes:
        counts = {"labels": len(labels), "classes": classes}
        raise DetectorError(problem_text("detector-labels-differ", file=source, **counts))
    if len(labels) == 0:
        raise DetectorError(problem_text("detector-labels-empty", file=source))
    lines = [line.strip().lower() for line in text.splitlines()]
    if twice := sorted({line for line in lines if _normal(line) in GROUP_OF_LABEL and lines.count(line) > 1}):
        raise DetectorError(problem_text("detector-label-twice", file=source, name=twice[0]))
    return labels


def _parse(text: str) -> tuple[str, ...]:
    lines = [line.strip() for line in text.strip("\n").splitlines()]
    if lines and lines[0].lower() in _NOTHING:
        lines = lines[1:]  # some lists count the background as the first class; models do not count it
    return tuple(_normal(line) for line in lines)


def _normal(line: str) -> str:
    name = line.lower().replace("_", " ")
    return "???" if name in _NOTHING else _ALIASES.get(name, name)


def _embedded(model: Path) -> tuple[str, str] | None:
    try:
        with zipfile.ZipFile(model) as archive:
            for entry in archive.infolist():
                if entry.filename == OWN_METADATA or entry.filename.endswith(".txt"):
                    return _listed(model, archive, entry)
            return None
    except (zipfile.BadZipFile, OSError, ValueError):
        return None  # most models have no metadata


def _listed(model: Path, archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> tuple[str, str]:
    """Return the source for messages, and the labels, one a line. Raises DetectorError."""
    source = f"{model}:{entry.filename}"
    try:
        if entry.file_size > _LARGEST_BYTES or entry.compress_type not in _PLAIN:
            raise ValueError(f"{entry.file_size} bytes, packed by method {entry.compress_type}")
        content = archive.read(entry)
        if entry.filename == OWN_METADATA:
            return source, "\n".join(json.loads(content)["labels"])
    except (*_DAMAGED, LookupError, TypeError) as error:
        reason = problem_text("detector-labels-unreadable", file=source, error=str(error))
        raise DetectorError(reason) from error
    return source, content.decode("utf-8", "replace")


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
        with path.open(encoding="utf-8", errors="replace") as file:
            return file.read(_LARGEST_BYTES)
    except OSError as error:
        reason = problem_text("detector-label-file-unreadable", file=str(path), error=str(error.strerror))
        raise DetectorError(reason) from error


_MAPS = Path("/proc/self/maps")


@contextlib.contextmanager
def private_copy(path: Path) -> Iterator[Path]:
    """Yield a path to a copy of the file without a name in any folder; valid inside the ``with``.

    Overwriting a mapped file removes its pages, and the kernel then ends the process (SIGBUS, mmap(2)). The
    copy is on the same disk as the file, so the kernel can drop its pages; it disappears with the last
    mapping. If no copy can be made, yields ``path`` itself. Raises OSError when the file cannot be read.
    """
    with path.open("rb") as file, contextlib.ExitStack() as stack:
        try:
            copy = os.fdopen(os.open(path.parent, os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, 0o600), "w+b")
            stack.enter_context(copy)
            shutil.copyfileobj(file, copy)
            copy.flush()
        except OSError as error:
            log.info(
                "%s is used directly, because no copy of it can be made (%s): do not overwrite it while the "
                "agent runs",
                path,
                error.strerror,
            )
            yield path
            return
        yield Path(f"/proc/self/fd/{copy.fileno()}")


def mapped_name(path: Path) -> str:
    """Return the name that the file has in /proc/self/maps."""
    return os.readlink(path) if path.is_symlink() and path.parent.name == "fd" else str(path.resolve())


def forget_read_pages(name: str) -> None:
    """Drop this process's pages of a file that is mapped read-only; the kernel reads them again when needed.
    It has no effect if the kernel or the C library cannot do it. ``name``: from ``mapped_name``."""
    with contextlib.suppress(OSError, AttributeError, ValueError):
        madvise = ctypes.CDLL(None).madvise
        for line in _MAPS.read_text(errors="replace").splitlines():
            # A line has: first-last permissions offset device inode path.
            place, permissions, _, _, _, *file = line.split(maxsplit=5)
            if file == [name] and permissions[:3] == "r--":
                first, last = (int(address, 16) for address in place.split("-"))
                madvise(ctypes.c_void_p(first), ctypes.c_size_t(last - first), mmap.MADV_DONTNEED)
