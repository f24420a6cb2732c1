"""Reads hand-marked ground truth in MOTChallenge format, and scales clips to a camera's second stream.

Rows are ``frame, id, x, y, width, height, use, class, visibility`` in pixels of the clip's own picture;
``use`` 0 marks objects that need not be found and do not count as false.
"""

from __future__ import annotations

import csv
import subprocess
from dataclasses import dataclass
from pathlib import Path

from edge_agent.core.model import Box


@dataclass(frozen=True, slots=True)
class Marked:
    """One object on one frame."""

    number: int  # the object's
    box: Box
    demanded: bool


def read_truth(path: Path, width: int, height: int) -> dict[int, list[Marked]]:
    """Frame number (1 is the first) -> what is marked on it; ``width`` x ``height`` is the marked picture."""
    frames: dict[int, list[Marked]] = {}
    with path.open(newline="", encoding="ascii") as file:
        for row in csv.reader(file):
            frame, number, x, y, w, h = (int(v) for v in row[:6])
            box = Box.from_pixels(x, y, x + w, y + h, width, height)
            frames.setdefault(frame, []).append(Marked(number, box, row[6] == "1"))
    return frames


def scaled(source: Path, folder: Path, width: int = 640) -> Path:
    """``source`` at most ``width`` wide with all its frames, made once and kept in ``folder``."""
    path = folder / f"{source.stem}-{width}.mp4"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part.mp4")
        encode = ["-an", "-c:v", "libx264", "-preset", "veryfast", "-crf", "18", "-pix_fmt", "yuv420p"]
        command = ["ffmpeg", "-v", "error", "-nostdin", "-y", "-i", str(source)]
        filters = f"scale='min({width},iw)':-2"
        command += ["-fps_mode", "passthrough", "-vf", filters, *encode, str(part)]
        subprocess.run(command, check=True, timeout=600)
        part.rename(path)
    return path
