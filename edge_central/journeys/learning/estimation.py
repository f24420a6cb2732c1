"""Estimates from the passages of two cameras how long objects take from the first to the second.

After Makris, Ellis and Black, "Bridging the gaps between cameras" (CVPR 2004): objects are not matched. For
all pairs of passages, the differences (start at the second) - (end at the first) have a peak if traffic goes
from one camera to the other, above a background of chance. Here the background is computed from the rate of
the second camera, which rush hours and traffic lights change. The excess over the background is judged by
comparison with lags that no journey explains. Pure: no clock, no database.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edge_central.journeys.learning.samples import (
    BIN_S,
    NULL_LAG_S,
    CameraSample,
    Floats,
    PassageMoments,
    Spectrum,
)

MAX_LAG_S = 900.0
"""Longest travel time. Larger differences, positive or negative, show how large chance differences are."""
MIN_LAG_S = -4.0
"""Slightly below 0 only because clocks may differ by one or two seconds. Travel times between views that
overlap are not learnt."""
WIDTHS_BINS = (8, 16, 32, 64, 128)
"""Widths of the peaks that are tried."""
SAME_COLOUR = 0.5
"""If both cameras name a colour of the same object: the probability that they name the same colour for this
reason, and not by chance."""
MIN_PASSAGES = 100
"""Minimum number of passages that are tried together: with fewer, two groups that pass by chance make a large
share of the pairs."""
MIN_CERTAINTY = 5.0
EDGE_SHARE = 0.1
"""A peak ends where the smoothed excess falls to this share of its top."""


@dataclass(frozen=True, slots=True)
class PairEstimate:
    """Times from the end at the first camera to the start at the second, in seconds."""

    median_s: float
    low_s: float  # quantile 0.1
    high_s: float  # quantile 0.9
    share: float  # share of the first camera's passages that the second sees; rather too low
    passages: int  # number of passages at the first camera
    certainty: float  # standard deviations above chance, corrected for the number of peaks tried


@dataclass(frozen=True, slots=True)
class _Correlogram:
    """Values by lag, from -NULL_LAG_S to NULL_LAG_S in steps of BIN_S."""

    pairs: Floats  # pairs of passages with this lag
    expected: Floats  # how many pairs are expected by chance
    possible: Floats  # passages at the first camera for which the window of the second contains this lag
    weighted: Floats  # pairs, weighted by their colours; by chance the mean is ``expected``
    variance: Floats  # variance of ``weighted`` if there is only chance


@dataclass(frozen=True, slots=True)
class _Peak:
    begin: int  # index of the first lag
    width: int
    certainty: float


def estimate(
    first: CameraSample, second: CameraSample, *, colours: bool = True, sides: bool = True
) -> PairEstimate | None:
    """Return the travel time from the first to the second camera. None: no travel time is certain."""
    found = best_estimate(first, second, colours=colours, sides=sides)
    return found if found is not None and found.certainty >= MIN_CERTAINTY else None


def best_estimate(
    first: CameraSample, second: CameraSample, *, colours: bool = True, sides: bool = True
) -> PairEstimate | None:
    """Return the best peak, however uncertain. None: there are too few passages, or there is no peak.

    Traffic leaves the first camera's picture at one side and enters the second camera's picture at one side.
    Passages at these two sides alone have fewer pairs by chance. So each pair of usual sides is tried too.
    """
    if min(first.passages, second.passages) < MIN_PASSAGES:
        return None
    tries = [
        (a, b)
        for number, a in enumerate(first.leaving)
        for other, b in enumerate(second.arriving)
        if (number > 0) == (other > 0)
        and min(len(a.times), len(b.times)) >= MIN_PASSAGES
        and (sides or number == 0)
    ]
    best: tuple[_Peak, _Correlogram, float] | None = None
    for a, b in tries:
        whole = _correlogram(a, b, colours)
        peak = _best_peak(whole, len(tries))
        if peak is not None and (best is None or peak.certainty > best[0].certainty):
            tried = len(a.times) / first.passages
            if a is not first.leaving[0]:  # these passages do not include objects whose side is unknown
                tried /= first.exits_seen * second.entries_seen
            best = peak, whole, tried
    return None if best is None else _describe(best[1], best[0], first.passages, best[2])


def _correlogram(first: PassageMoments, second: PassageMoments, colours: bool) -> _Correlogram:
    ends = np.conj(first.whole)
    products = [ends * second.whole, ends * second.rate, ends * second.line.observed]
    common = [colour for colour in first.shares if colour in second.shares] if colours else []
    if common:
        products += _colour_products(first, second, common)
    lags = round(NULL_LAG_S / BIN_S)
    # For each lag: the sum over all products of two counts that are this lag apart, one window after the
    # other.
    whole = np.fft.irfft(np.array([each.sum(axis=0) for each in products]), first.line.size)
    pairs, expected, possible, *more = np.concatenate([whole[:, -lags:], whole[:, : lags + 1]], axis=1)
    extra, square = more or (0.0, 0.0)
    return _Correlogram(pairs, expected, possible, pairs + extra, expected + square)


def _colour_products(
    first: PassageMoments, second: PassageMoments, common: Sequence[int]
) -> tuple[Spectrum, Spectrum]:
    """Return what the weights by colour add to the pairs, and to the variance of pairs by chance.

    The weight says how much likelier two colours are for one object than by chance. For the same colour it is
    above 1, and larger for a rarer colour; for two different colours it is 1 - SAME_COLOUR; if a colour is
    unknown or not ``common`` to both cameras it is 1. The mean of the weight by chance is 1.
    """
    other, named = 1 - SAME_COLOUR, sum(second.shares[colour] for colour in common)
    extra, square = np.zeros_like(first.whole), np.zeros_like(first.whole)
    left, entered = np.zeros_like(first.whole), np.zeros_like(first.whole)
    for colour in common:
        ends, starts, share = (
            np.conj(first.by_colour(colour)),
            second.by_colour(colour),
            second.shares[colour],
        )
        same = other + SAME_COLOUR * named / share
        extra += (same - other) * ends * starts
        square += ((named - share) * (other**2 - 1) + share * (same**2 - 1)) * ends
        left += ends
        entered += starts
    extra += (other - 1) * left * entered
    return extra, square * second.rate


def _best_peak(whole: _Correlogram, tries: int) -> _Peak | None:
    """Return the peak that is highest above chance, among all widths and lags up to MAX_LAG_S.

    ``tries``: the number of correlograms of the pair of cameras, of which the caller uses the best.
    """
    lags = _lags()
    tried = tries * sum(2 * (MAX_LAG_S - MIN_LAG_S) / (BIN_S * width) for width in WIDTHS_BINS)
    best: _Peak | None = None
    for width in WIDTHS_BINS:
        deviations = _deviations(whole, width)
        begins, ends = lags[: len(deviations)], lags[width - 1 :]
        null = deviations[(begins > MAX_LAG_S) | (ends < -MAX_LAG_S)]
        usual = math.sqrt(max(1.0, float(np.mean(null**2))))
        inside = np.where((begins >= MIN_LAG_S) & (ends <= MAX_LAG_S), deviations, -np.inf)
        at = int(np.argmax(inside))
        height = float(inside[at])
        if height > max(0.0, float(null.max())):
            certainty = math.sqrt(max(0.0, (height / usual) ** 2 - 2 * math.log(tried)))
            if best is None or certainty > best.certainty:
                best = _Peak(at, width, certainty)
    return best


def _deviations(whole: _Correlogram, width: int) -> Floats:
    """Return how far the sum of ``width`` neighbouring lags is from chance, in standard deviations.

    It is the signed root of the deviance of Poisson counts, which is also right for few expected pairs,
    unlike a difference divided by its standard deviation. A weighted sum counts as the number of pairs that
    would have its variance.
    """
    weighted, mean, variance = (
        _sums(each, width) for each in (whole.weighted, whole.expected, whole.variance)
    )
    mean, variance = np.maximum(mean, 1e-6), np.maximum(variance, 1e-6)
    found, chance = np.maximum(weighted, 0.0) * mean / variance, mean**2 / variance
    deviance = found * np.log(np.maximum(found, 1e-12) / chance) - (found - chance)
    deviation: Floats = np.sign(found - chance) * np.sqrt(2 * np.maximum(deviance, 0.0))
    return deviation


def _describe(whole: _Correlogram, peak: _Peak, passages: int, tried: float) -> PairEstimate | None:
    """Return the quantiles of the pairs above chance, around the peak. None: there are no pairs above chance.

    ``tried``: the factor that turns a share of the passages in the correlogram into a share of all passages.
    """
    # The colour weights do not depend on the travel time, and weighted sums contain less chance.
    excess = whole.weighted - whole.expected
    begin, end = _extent(excess, peak)
    lags = _lags()[begin:end]
    # Bins below chance are subtracted from their neighbours, so that chance does not widen the quantiles.
    total = np.maximum.accumulate(np.maximum(np.cumsum(excess[begin:end]), 0.0))
    if total[-1] <= 0:
        return None
    low, median, high = (float(np.interp(q * total[-1], total, lags + BIN_S / 2)) for q in (0.1, 0.5, 0.9))
    possible = np.maximum(whole.possible[begin:end], 1.0)
    share = float(np.sum((whole.pairs - whole.expected)[begin:end] / possible))
    return PairEstimate(
        median_s=median,
        low_s=low,
        high_s=high,
        share=min(1.0, max(0.0, share * tried)),
        passages=passages,
        certainty=peak.certainty,
    )


def _extent(excess: Floats, peak: _Peak) -> tuple[int, int]:
    """Return the index of the first lag that belongs to the peak, and the index after its last lag."""
    width = 2 * peak.width
    smooth = np.convolve(excess, np.ones(width) / width, mode="same")
    top = peak.begin + int(np.argmax(smooth[peak.begin : peak.begin + peak.width]))
    limit, begin, end = EDGE_SHARE * smooth[top], top, top + 1
    first, last = (round((NULL_LAG_S + lag) / BIN_S) for lag in (MIN_LAG_S, MAX_LAG_S))
    while begin > first and smooth[begin - 1] > limit:
        begin -= 1
    while end <= last and smooth[end] > limit:
        end += 1
    return begin, end


def _sums(values: Floats, width: int) -> Floats:
    total = np.concatenate([[0.0], np.cumsum(values)])
    sums: Floats = total[width:] - total[:-width]
    return sums


def _lags() -> Floats:
    """Return the lag of each index. The difference of two times in these bins deviates from it by up to
    BIN_S; the mean deviation is 0."""
    reach = round(NULL_LAG_S / BIN_S)
    lags: Floats = np.arange(-reach, reach + 1, dtype=np.float64) * BIN_S
    return lags
