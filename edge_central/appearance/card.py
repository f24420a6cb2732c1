"""The measured card of an embedding model: what it was measured on, how well it finds the same object at
another camera, and what a similarity is worth."""

from __future__ import annotations

import hashlib
import math
from bisect import bisect_right
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from edge_agent.core.errors import CentralError
from edge_agent.core.problems.problem import encode_json
from edge_agent.core.state_file import read_bounded
from edge_agent.wire.base import Sha256
from edge_central.sentences import problem_text

ALL = "all"
"""The group of a card whose pictures were not divided into groups."""
MIN_IDENTITIES = 20
MAX_RATIO = 20.0
"""Likelihood ratios are clipped to 1/20..20: a card of a few dozen objects cannot support a stronger
statement."""

Share = Annotated[float, Meta(ge=0, le=1)]
Count = Annotated[int, Meta(ge=0, le=2**53)]
Similarity = Annotated[float, Meta(ge=-1.001, le=1.001)]


class CardRefused(CentralError):
    """The card cannot be read, or it does not permit the use of the model."""


class Estimate(msgspec.Struct, frozen=True, kw_only=True):
    """A mean over objects, and its 95 % interval (Wilson, one observation for each object)."""

    value: Share
    low: Share
    high: Share


class SimilarityThreshold(msgspec.Struct, frozen=True, kw_only=True):
    """For a similarity: the share of the pairs of different objects, and of the same object, that are more
    similar."""

    false_match_rate: Share
    similarity: Similarity
    found: Share


class CurvePoint(msgspec.Struct, frozen=True, array_like=True):
    similarity: Similarity
    log10_ratio: Annotated[float, Meta(ge=-6, le=6)]  # log10 p(similarity | same) / p(similarity | different)


class GroupFigures(msgspec.Struct, frozen=True, kw_only=True):
    """The figures measured for one group of objects. Two pictures of the same camera were never compared."""

    identities: Count  # objects with pictures of two cameras or more
    pictures: Count
    cameras: Count
    queries: Count  # pictures whose object also has a picture of another camera
    same_pairs: Count
    different_pairs: Count
    rank1: Estimate  # the most similar picture of the other cameras is of the same object
    rank5: Estimate  # one of the five most similar pictures is
    mean_average_precision: Estimate
    chance_rank1: Share  # the rank1 of a model that orders by chance
    cost: Annotated[float, Meta(ge=0, le=100)]
    """Cllr of likelihood ratios for objects that were left out when the curve was made: 0 perfect, 1 says
    nothing (Brümmer and du Preez, "Application-independent evaluation of speaker detection", 2006)."""
    thresholds: Annotated[list[SimilarityThreshold], Meta(max_length=20)]
    curve: Annotated[list[CurvePoint], Meta(min_length=1, max_length=100)]

    @property
    def is_better_than_chance(self) -> bool:
        enough = self.identities >= MIN_IDENTITIES
        return enough and self.rank1.low > self.chance_rank1 and self.cost < 1.0

    def ratio(self, similarity: float) -> float:
        """Return the likelihood ratio of a similarity, interpolated in log10 and clipped to 1/20..20."""
        points = self.curve
        after = bisect_right(points, similarity, key=lambda point: point.similarity)
        if after in (0, len(points)):
            power = points[min(after, len(points) - 1)].log10_ratio
        else:
            one, other = points[after - 1], points[after]
            share = (similarity - one.similarity) / (other.similarity - one.similarity)
            power = one.log10_ratio + share * (other.log10_ratio - one.log10_ratio)
        return min(max(math.pow(10.0, power), 1 / MAX_RATIO), MAX_RATIO)


class AppearanceCard(msgspec.Struct, frozen=True, kw_only=True):
    """``card.json``."""

    format: Annotated[int, Meta(ge=1, le=1)] = 1
    model: Annotated[str, Meta(max_length=100)]  # name of the file without its ending
    sha256: Sha256  # of the model file
    made_at: Annotated[str, Meta(max_length=40)]
    remarks: Annotated[str, Meta(max_length=2000)] = ""
    pixels: Annotated[str, Meta(pattern=r"^(0\.\.1|-1\.\.1|0\.\.255|imagenet)$")]
    order: Annotated[str, Meta(pattern=r"^(rgb|bgr)$")]
    input_size: tuple[int, int]  # width, height in pixels
    dimensions: Annotated[int, Meta(ge=1, le=1020)]
    not_readable: Count = 0  # pictures of the folder that have no embedding
    groups: Annotated[
        dict[Annotated[str, Meta(max_length=20)], GroupFigures], Meta(min_length=1, max_length=4)
    ]

    def figures(self, group: str | None) -> GroupFigures | None:
        """Return the figures of the group; without these, those of ``ALL``. None: neither was measured, or
        the model is no better than chance."""
        found = self.groups.get(group or "", self.groups.get(ALL))
        return found if found is not None and found.is_better_than_chance else None


def read_card(path: Path) -> AppearanceCard:
    """Read a card. Raises CardRefused."""
    try:
        card = msgspec.json.decode(read_bounded(path), type=AppearanceCard)
    except OSError as error:
        why = error.strerror or str(error)
        raise CardRefused(problem_text("appearance-card-unreadable", file=path.name, error=why)) from error
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        why = str(error)
        raise CardRefused(problem_text("appearance-card-unreadable", file=path.name, error=why)) from error
    for figures in card.groups.values():
        if not _rises(figures.curve):
            why = "the curve does not rise"
            raise CardRefused(problem_text("appearance-card-unreadable", file=path.name, error=why))
    return card


def usable_card(model: Path, card_file: Path | None, groups: Sequence[str]) -> AppearanceCard:
    """Return the card. Raises CardRefused unless it was measured on this model and permits the comparison of
    pictures of at least one of the groups."""
    if card_file is None or not card_file.exists():
        raise CardRefused(problem_text("appearance-no-card", file=model.name))
    card = read_card(card_file)
    try:
        with model.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        why = error.strerror or str(error)
        raise CardRefused(problem_text("appearance-model-unusable", file=model.name, error=why)) from error
    if sha256 != card.sha256:
        raise CardRefused(problem_text("appearance-other-model", model=card.model))
    if all(card.figures(group) is None for group in groups):
        refused = {"file": card_file.name, "groups": list(groups)}
        raise CardRefused(problem_text("appearance-by-chance", **refused))
    return card


def card_text(card: AppearanceCard) -> bytes:
    return msgspec.json.format(encode_json(card), indent=2) + b"\n"


def _rises(curve: list[CurvePoint]) -> bool:
    return all(
        one.similarity < other.similarity and one.log10_ratio <= other.log10_ratio
        for one, other in pairwise(curve)
    )
