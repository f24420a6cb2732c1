"""Fourier transforms of one camera's passage counts, and of the counts that its rate alone would give."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from edge_agent.wire.passage_times import COLOUR_ORDER, GROUP_ORDER, SIDE_ORDER, PassageTimeRow

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Spectrum = NDArray[np.complex128]

BIN_S = 2.0
NULL_LAG_S = 1800.0
"""The largest difference of two times that is counted, in both directions."""
SMOOTH_S = 240.0
"""Standard deviation of the kernel for the slow part of a rate."""
PERIODS_S = (12.0, 240.0)
PERIOD_POWER = 10.0
"""Power of a frequency, relative to that of chance (mean 1). A stronger frequency is attributed to a traffic
light."""
MIN_RATE_SHARE = 0.1
"""A rate is at least this share of its slow part."""
NO_COLOUR = -1
MIN_COLOUR_SHARE = 0.08
"""Share of the passages. Rarer colours count as unknown."""
INSIDE = SIDE_ORDER.index("inside")
"""Number of the side ``inside``: the passage began or ended away from all sides of the picture."""
MIN_SIDE_SHARE = 0.15
"""A side of the picture is tried alone if at least this share of the passages uses it."""


WindowMs = tuple[int, int]
"""Begin and end, milliseconds since 1970."""


@dataclass(frozen=True, slots=True)
class WindowRows:
    """Passages of one camera, 16 bytes each. Groups, colours and sides are the numbers that the wire uses."""

    camera: str
    starts: Floats  # seconds since 1970
    durations: NDArray[np.float32]
    kinds: NDArray[np.int8]  # (n, 4): group, colour, entry, exit; -1: unknown

    @classmethod
    def of(cls, camera: str, rows: Sequence[PassageTimeRow], from_ms: int, to_ms: int) -> WindowRows:
        """Make the arrays of these rows; rows outside the window are dropped."""
        first, last_s = from_ms / 1000, (to_ms - from_ms) / 1000
        kept = [row for row in rows if row.start_s <= last_s]
        kinds = [
            (
                _number(GROUP_ORDER, row.group),
                _number(COLOUR_ORDER, row.colour),
                SIDE_ORDER.index(row.entry),
                SIDE_ORDER.index(row.exit),
            )
            for row in kept
        ]
        return cls(
            camera,
            np.array([first + row.start_s for row in kept]),
            np.array([row.duration_s for row in kept], np.float32),
            np.array(kinds, np.int8).reshape(-1, 4),
        )


def _number(order: Sequence[str], word: str | None) -> int:
    return -1 if word is None else order.index(word)


@dataclass(frozen=True)
class CameraSample:
    """Passages of one group at one camera within some windows.

    ``starts``, ``ends``: (n,) seconds after 1970. ``colours``: (n,) number of the first colour, or NO_COLOUR.
    ``entries``, ``exits``: (n,) number of the side of the picture. ``windows``: begin and end of each window,
    in order; both cameras of a pair have the same windows.
    """

    windows: tuple[tuple[float, float], ...]
    starts: Floats
    ends: Floats
    colours: Integers
    entries: Integers
    exits: Integers

    @classmethod
    def of(cls, rows: Sequence[WindowRows], group: str, windows: Sequence[WindowMs]) -> CameraSample:
        """Make the sample of one group from the rows of one camera."""
        number = GROUP_ORDER.index(group)
        starts = np.concatenate([each.starts for each in rows])
        durations = np.concatenate([each.durations for each in rows])
        kinds = np.concatenate([each.kinds for each in rows])
        mine = kinds[:, 0] == number
        colours, entries, exits = (kinds[mine, column].astype(np.int64) for column in (1, 2, 3))
        starts, ends = starts[mine], (starts + durations)[mine]
        return cls(tuple((a / 1000, b / 1000) for a, b in windows), starts, ends, colours, entries, exits)

    @property
    def passages(self) -> int:
        return len(self.starts)

    @cached_property
    def line(self) -> Timeline:
        return Timeline(self.windows)

    @property
    def exits_seen(self) -> float:
        """Share of the passages that ended at a side of the picture."""
        return float(np.mean(self.exits != INSIDE))

    @property
    def entries_seen(self) -> float:
        return float(np.mean(self.entries != INSIDE))

    @cached_property
    def leaving(self) -> list[PassageMoments]:
        """The ends of all passages; then, for each usual exit, the ends of its passages."""
        return [PassageMoments(self.line, self.ends[each], self.colours[each]) for each in _parts(self.exits)]

    @cached_property
    def arriving(self) -> list[PassageMoments]:
        """The starts of all passages; then, for each usual entry, the starts of its passages."""
        return [
            PassageMoments(self.line, self.starts[each], self.colours[each]) for each in _parts(self.entries)
        ]


@dataclass(frozen=True)
class Timeline:
    """The windows as rows of bins. Each row ends with so many empty bins that no lag reaches from one window
    into the next."""

    windows: tuple[tuple[float, float], ...]

    @cached_property
    def size(self) -> int:
        """Number of bins in a row."""
        return _quick_size(max(self.lengths) + round(NULL_LAG_S / BIN_S) + 1)

    @cached_property
    def lengths(self) -> list[int]:
        """Number of bins in each window."""
        return [int(np.ceil((end - begin) / BIN_S)) for begin, end in self.windows]

    def counts(self, times: Floats) -> Floats:
        """Return how many of the times are in each bin, as an array (windows, size)."""
        found = np.zeros((len(self.windows), self.size))
        for row, (begin, end) in zip(found, self.windows, strict=True):
            inside = times[(times >= begin) & (times < end)] - begin
            row += np.bincount((inside / BIN_S).astype(np.int64), minlength=self.size)
        return found

    @cached_property
    def observed(self) -> Spectrum:
        """The transform of the mask of the bins that are inside a window."""
        return np.fft.rfft((np.arange(self.size) < np.array(self.lengths)[:, None]).astype(float))


@dataclass(frozen=True)
class PassageMoments:
    """The starts or the ends of passages that are correlated together. Spectra are (windows, frequencies)."""

    line: Timeline
    times: Floats
    colours: Integers
    _by_colour: dict[int, Spectrum] = field(default_factory=dict)

    @cached_property
    def whole(self) -> Spectrum:
        return np.fft.rfft(self.line.counts(self.times))

    @cached_property
    def shares(self) -> dict[int, float]:
        """The share of each frequent colour. Rare colours are left out, because a single pair of passages of
        a rare colour would look like a peak."""
        named, counts = np.unique(self.colours[self.colours != NO_COLOUR], return_counts=True)
        found = {int(colour): count / len(self.colours) for colour, count in zip(named, counts, strict=True)}
        return {colour: share for colour, share in found.items() if share >= MIN_COLOUR_SHARE}

    def by_colour(self, colour: int) -> Spectrum:
        if colour not in self._by_colour:
            self._by_colour[colour] = np.fft.rfft(self.line.counts(self.times[self.colours == colour]))
        return self._by_colour[colour]

    @cached_property
    def rate(self) -> Spectrum:
        """The transform of the expected number of moments in each bin, from the rate of this camera."""
        counts = self.line.counts(self.times)
        for row, length in zip(counts, self.line.lengths, strict=True):
            row[:length] = _rate(row[:length])
        return np.fft.rfft(counts)


def _parts(sides: Integers) -> list[NDArray[np.bool_]]:
    """Return masks of the passages that are tried together: all passages, and those of each usual side of the
    picture."""
    usual = [side for side in np.unique(sides) if side != INSIDE and np.mean(sides == side) >= MIN_SIDE_SHARE]
    return [np.ones(len(sides), bool), *(sides == side for side in usual)]


def _rate(counts: Floats) -> Floats:
    """Return the expected count of each bin: the slow part, and the part that repeats with the periods of
    traffic lights."""
    reach = round(3 * SMOOTH_S / BIN_S)
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) * BIN_S / SMOOTH_S) ** 2)
    slow = _smoothed(counts, kernel) / _smoothed(np.ones_like(counts), kernel)
    spectrum = np.fft.rfft(counts - slow)
    frequencies = np.fft.rfftfreq(len(counts), BIN_S)
    periodic = (frequencies >= 1 / PERIODS_S[1]) & (frequencies <= 1 / PERIODS_S[0])
    periodic &= np.abs(spectrum) ** 2 > PERIOD_POWER * max(1.0, float(counts.sum()))
    lights = np.fft.irfft(np.where(periodic, spectrum, 0), len(counts))
    rate: Floats = np.maximum(slow + lights, MIN_RATE_SHARE * slow)
    rate *= counts.sum() / max(1.0, rate.sum())
    return rate


def _smoothed(values: Floats, kernel: Floats) -> Floats:
    """Return the convolution, cut to the length of ``values``."""
    size = _quick_size(len(values) + len(kernel))
    whole = np.fft.irfft(np.fft.rfft(values, size) * np.fft.rfft(kernel, size), size)
    begin = len(kernel) // 2
    return whole[begin : begin + len(values)]


def _quick_size(least: int) -> int:
    """Return the smallest number of the form 2^n, 3 * 2^n or 5 * 2^n that is at least ``least``."""
    power = 1 << max(0, least - 1).bit_length()
    return min(each for each in (power, power * 3 // 4, power * 5 // 8) if each >= least)
