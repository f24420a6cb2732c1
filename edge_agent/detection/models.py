"""The model store: which files are known good, and how to get them.

A file is accepted by its sha256 alone, wherever it came from.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CatalogueEntry:
    """One model file. ``labels`` is empty when the file carries its own."""

    file: str
    sha256: str
    size_bytes: int
    sources: tuple[str, ...]
    licence: str
    labels: tuple[str, ...] = ()


CATALOGUE: tuple[CatalogueEntry, ...] = (
    CatalogueEntry(
        file="coco_ssd_mobilenet_v1_1.0_quant_2018_06_29.tflite",
        sha256="61d598093ed03ed41aa47c3a39a28ac01e960d6a810a5419b9a5016a1e9c469b",
        size_bytes=4185023,
        sources=(
            "https://storage.googleapis.com/mediapipe-assets/coco_ssd_mobilenet_v1_1.0_quant_2018_06_29.tflite",
        ),
        licence="Apache-2.0",
    ),
)
