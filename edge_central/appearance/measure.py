"""``edge-agent central appearance measure``: makes the card of a model from a folder of labelled pictures."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from edge_agent.core.errors import CentralError
from edge_central.appearance.card import MIN_IDENTITIES, AppearanceCard, GroupFigures
from edge_central.appearance.embedding_process import EmbeddingProcess, PictureNotEmbedded
from edge_central.appearance.labelled_folder import LabelledPicture, read_folder
from edge_central.appearance.measurement import LabelledVectors, measure_group

MAX_UNREADABLE = 0.1
SMALLEST_DIFFERENCE = 1e-3
"""Smallest difference between vectors of length 1 as float16: a model whose vectors differ by less does not
react to the pictures."""


def measure(
    process: EmbeddingProcess, folder: Path, made_at: str, remarks: str, pixels: str, order: str,
    notice: Callable[[str], None],
) -> AppearanceCard:  # fmt: skip
    """Return the card of the model that ``process`` runs. ``notice`` is called with a line for everything
    that was left out. Raises CentralError if the folder or the model cannot be measured."""
    hello = process.hello()
    pictures = read_folder(folder)
    vectors, unreadable = _embed(process, pictures, notice)
    if unreadable > MAX_UNREADABLE * len(pictures):
        raise CentralError(
            f"{folder}: {unreadable} of {len(pictures)} pictures cannot be read; nothing was measured"
        )
    groups = _measure_groups(list(vectors), np.array(list(vectors.values()), np.float64), notice)
    if not groups:
        raise CentralError(
            f"{folder}: no group has {MIN_IDENTITIES} objects with pictures of two cameras; "
            "nothing was measured"
        )
    return AppearanceCard(
        model=hello.name[:100],
        sha256=hello.sha256,
        made_at=made_at,
        remarks=remarks,
        pixels=pixels,
        order=order,
        input_size=hello.input_size,
        dimensions=hello.dimensions,
        not_readable=unreadable,
        groups=groups,
    )


def _embed(
    process: EmbeddingProcess, pictures: Sequence[LabelledPicture], notice: Callable[[str], None]
) -> tuple[Mapping[LabelledPicture, np.ndarray[tuple[int], np.dtype[np.float16]]], int]:
    """Return the vector of each picture that has one, and the number of pictures without a vector."""
    found, unreadable = {}, 0
    for picture in pictures:
        try:
            found[picture] = np.frombuffer(process.embed(picture.path.read_bytes()), "<f2")
        except PictureNotEmbedded as error:
            notice(f"{picture.path}: left out: {error}")
            unreadable += 1
        except OSError as error:
            notice(f"{picture.path}: left out: {error.strerror}")
            unreadable += 1
    return found, unreadable


def _measure_groups(
    pictures: Sequence[LabelledPicture], vectors: np.ndarray[tuple[int, ...], np.dtype[np.float64]],
    notice: Callable[[str], None],
) -> dict[str, GroupFigures]:  # fmt: skip
    if np.ptp(vectors, axis=0).max() < SMALLEST_DIFFERENCE:
        raise CentralError(
            "the vectors of all pictures are equal: is it the right model, and the right --pixels?"
        )
    vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    figures = {}
    for group in sorted({each.group for each in pictures}):
        chosen = [number for number, each in enumerate(pictures) if each.group == group]
        identities = np.array([pictures[number].identity for number in chosen])
        cameras = np.array([pictures[number].camera for number in chosen])
        labelled = LabelledVectors(vectors[chosen], identities, cameras)
        count = len(set(identities[labelled.findable].tolist()))
        if count < MIN_IDENTITIES:
            notice(
                f"{group}: left out: {count} objects with pictures of two cameras, at least {MIN_IDENTITIES} "
                "are needed"
            )
            continue
        figures[group] = measure_group(labelled)
    return figures
