"""Steps that several tests need."""

from __future__ import annotations

from pathlib import Path

from training.__main__ import main

SMALL = ["--width", "8"]


def train(data: Path, weights: Path, steps: int, *options: str) -> int:
    return main(["train", str(data), "--weights", str(weights), "--steps", str(steps), *SMALL, *options])
