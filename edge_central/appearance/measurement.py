"""Measures an embedding model on labelled pictures: finding the same object at another camera, and the
likelihood ratio of a similarity.

Rank and mean average precision are those of re-identification (Zheng et al., "Scalable person
re-identification: a benchmark", ICCV 2015), except that no picture of the query's own camera is in the
gallery, and that equal similarities count against the model. Each object counts alike, however many pictures
it has.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_central.appearance.card import (
    MAX_RATIO,
    CurvePoint,
    Estimate,
    GroupFigures,
    SimilarityThreshold,
)

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

FALSE_MATCH_RATES = (0.001, 0.01, 0.1)
FOLDS = 5
PRIOR_COUNT = 0.5
"""Added to each bin, in objects: with 40 objects, no bin can support a ratio above about 40 to 1."""
MIN_BINS, MAX_BINS = 5, 15
_Z = 1.96


@dataclass(frozen=True, slots=True)
class LabelledVectors:
    """Vectors of one group, (pictures, dimensions), of length 1, with the object and camera of each."""

    vectors: Floats
    identities: NDArray[Any]
    cameras: NDArray[Any]

    @property
    def findable(self) -> Flags:
        """Mask of the pictures whose object another camera saw too."""
        return np.asarray((self.same & self.apart).any(axis=1))

    @property
    def same(self) -> Flags:
        return np.asarray(self.identities[:, None] == self.identities[None, :])

    @property
    def apart(self) -> Flags:
        return np.asarray(self.cameras[:, None] != self.cameras[None, :])


def measure_group(labelled: LabelledVectors) -> GroupFigures:
    """Return the figures of one group. The group must have objects that two cameras saw."""
    similarities = labelled.vectors @ labelled.vectors.T
    same, apart = labelled.same, labelled.apart
    queries = np.flatnonzero(labelled.findable)
    ranks = _ranks(similarities, same, apart, queries)
    of_query = labelled.identities[queries]
    objects = len(set(of_query.tolist()))
    pairs = _Pairs.of(similarities, same, apart, labelled.identities)
    return GroupFigures(
        identities=objects,
        pictures=len(labelled.identities),
        cameras=len(set(labelled.cameras.tolist())),
        queries=len(queries),
        same_pairs=int(pairs.same.sum()),
        different_pairs=int((~pairs.same).sum()),
        rank1=_estimate(ranks.first <= 1, of_query),
        rank5=_estimate(ranks.first <= 5, of_query),
        mean_average_precision=_estimate(ranks.precision, of_query),
        chance_rank1=float(_means(ranks.chance, of_query).mean()),
        cost=_cost_of_left_out(pairs, objects),
        thresholds=_thresholds(pairs),
        curve=_curve(pairs, objects),
    )


# --- finding ---


@dataclass(frozen=True, slots=True)
class _Ranks:
    """The results of each query; every array has one value per query."""

    first: NDArray[np.intp]  # rank of the most similar picture of the same object, from 1
    precision: Floats  # average precision
    chance: Floats  # share of the gallery that is of the same object


def _ranks(similarities: Floats, same: Flags, apart: Flags, queries: NDArray[np.intp]) -> _Ranks:
    first, precision, chance = [], [], []
    for query in queries:
        gallery = np.flatnonzero(apart[query])
        right = same[query, gallery]
        order = np.lexsort((right, -similarities[query, gallery]))  # a tie counts against the model
        places = np.flatnonzero(right[order]) + 1
        first.append(places[0])
        precision.append(float(np.mean(np.arange(1, len(places) + 1) / places)))
        chance.append(len(places) / len(gallery))
    return _Ranks(np.asarray(first), np.asarray(precision), np.asarray(chance))


def _means(values: NDArray[Any], identities: NDArray[Any]) -> Floats:
    """Return the mean of the values of each object."""
    return np.asarray([values[identities == each].mean() for each in sorted(set(identities.tolist()))])


def _estimate(values: NDArray[Any], identities: NDArray[Any]) -> Estimate:
    """Return the mean over objects with Wilson's interval ("Probable inference", 1927). For means in 0..1 the
    interval is wider than needed."""
    means = _means(values.astype(np.float64), identities)
    count, mean = len(means), float(means.mean())
    middle = (mean + _Z**2 / (2 * count)) / (1 + _Z**2 / count)
    half = _Z * math.sqrt(mean * (1 - mean) / count + _Z**2 / (4 * count**2)) / (1 + _Z**2 / count)
    low, high = max(0.0, middle - half), min(1.0, middle + half)
    return Estimate(value=round(mean, 4), low=round(min(low, mean), 4), high=round(max(high, mean), 4))


# --- likelihood ratios ---


@dataclass(frozen=True, slots=True)
class _Pairs:
    """Pairs of pictures of two cameras. ``weight``: all pairs of one object have the weight 1 together; all
    pairs of different objects together weigh as much as all pairs of the same object."""

    similarity: Floats
    same: Flags
    weight: Floats
    one: NDArray[np.intp]  # numbers of the objects
    other: NDArray[np.intp]

    @classmethod
    def of(cls, similarities: Floats, same: Flags, apart: Flags, identities: NDArray[Any]) -> _Pairs:
        first, second = np.nonzero(np.triu(apart, 1))
        _, numbers = np.unique(identities, return_inverse=True)
        is_same = same[first, second]
        return cls(
            similarities[first, second], is_same, np.zeros(0), numbers[first], numbers[second]
        )._weighted()

    def where(self, chosen: Flags) -> _Pairs:
        chosen_pairs = _Pairs(
            self.similarity[chosen],
            self.same[chosen],
            self.weight[chosen],
            self.one[chosen],
            self.other[chosen],
        )
        return chosen_pairs._weighted()

    def _weighted(self) -> _Pairs:
        weight = np.zeros(len(self.same))
        objects, place, counts = np.unique(self.one[self.same], return_inverse=True, return_counts=True)
        weight[self.same] = 1 / counts[place]
        weight[~self.same] = len(objects) / max(1, int((~self.same).sum()))
        return _Pairs(self.similarity, self.same, weight, self.one, self.other)


def _curve(pairs: _Pairs, objects: int) -> list[CurvePoint]:
    """Return the curve: the pairs are binned with a prior count in each bin; then neighbouring bins that fall
    are pooled, so that the curve rises (pool adjacent violators: Ayer et al., 1955)."""
    bins = min(max(objects // 4, MIN_BINS), MAX_BINS)
    blocks = [_Block(*bin) for bin in _bins(pairs, bins)]
    pooled: list[_Block] = []
    for block in blocks:
        pooled.append(block)
        while len(pooled) > 1 and pooled[-2].log10_ratio >= pooled[-1].log10_ratio:
            last = pooled.pop()
            pooled[-1] = pooled[-1].joined(last)
    return [CurvePoint(round(block.similarity, 4), round(block.log10_ratio, 4)) for block in pooled]


@dataclass(frozen=True, slots=True)
class _Block:
    """Neighbouring bins: their shares of the pairs of the same and of different objects, and the mean
    similarity."""

    same: float
    different: float
    similarity: float
    mass: float

    @property
    def log10_ratio(self) -> float:
        return math.log10(self.same / self.different)

    def joined(self, other: _Block) -> _Block:
        mass = self.mass + other.mass
        similarity = (self.similarity * self.mass + other.similarity * other.mass) / mass
        return _Block(self.same + other.same, self.different + other.different, similarity, mass)


def _bins(pairs: _Pairs, count: int) -> list[tuple[float, float, float, float]]:
    """Return bins of equal weight: (share of the pairs of the same object, share of the pairs of different
    objects, mean similarity, weight)."""
    order = np.argsort(pairs.similarity, kind="stable")
    similarity, weight, same = pairs.similarity[order], pairs.weight[order], pairs.same[order]
    total = float(weight.sum())
    edges = np.interp(np.linspace(0, total, count + 1)[1:-1], np.cumsum(weight), similarity)
    number = np.searchsorted(np.unique(edges), similarity, side="right")
    half, prior = total / 2, PRIOR_COUNT
    found = []
    present = np.unique(number)
    for each in present:
        here = number == each
        of_same, of_different = float(weight[here & same].sum()), float(weight[here & ~same].sum())
        scale = half + prior * len(present)
        middle = float(np.average(similarity[here], weights=weight[here]))
        shares = ((of_same + prior) / scale, (of_different + prior) / scale)
        found.append((*shares, middle, of_same + of_different))
    return found


def _cost_of_left_out(pairs: _Pairs, objects: int) -> float:
    """Return Cllr by cross-validation: the pairs with an object of one fold are rated by the curve of the
    pairs without the objects of this fold."""
    same, different = [], []
    for fold in range(FOLDS):
        out_one, out_other = pairs.one % FOLDS == fold, pairs.other % FOLDS == fold
        rest, left_out = pairs.where(~(out_one | out_other)), pairs.where(out_one | out_other)
        if not (rest.same.any() and (~rest.same).any() and left_out.same.any() and (~left_out.same).any()):
            continue
        curve = _curve(rest, objects * (FOLDS - 1) // FOLDS)
        known, powers = [point.similarity for point in curve], [point.log10_ratio for point in curve]
        ratio = np.clip(10 ** np.interp(left_out.similarity, known, powers), 1 / MAX_RATIO, MAX_RATIO)
        is_same = left_out.same
        same.append(np.average(np.log2(1 + 1 / ratio[is_same]), weights=left_out.weight[is_same]))
        different.append(float(np.log2(1 + ratio[~is_same]).mean()))
    return round(float(np.mean(same) + np.mean(different)) / 2, 4) if same else 1.0


def _thresholds(pairs: _Pairs) -> list[SimilarityThreshold]:
    different = pairs.similarity[~pairs.same]
    same, weight = pairs.similarity[pairs.same], pairs.weight[pairs.same]
    found = []
    for rate in FALSE_MATCH_RATES:
        if rate * len(different) >= 1:
            limit = float(np.quantile(different, 1 - rate))
            share = float(weight[same > limit].sum() / weight.sum())
            found.append(
                SimilarityThreshold(false_match_rate=rate, similarity=round(limit, 4), found=round(share, 4))
            )
    return found
