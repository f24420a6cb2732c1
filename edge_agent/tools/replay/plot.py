"""``--plot``: draws the figures of tamper detection over time, with thresholds and verdicts, for people."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge_agent.core.errors import EdgeAgentError
from edge_agent.core.model import Frame
from edge_agent.tamper import CameraView
from edge_agent.tamper import verdict as limits

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = {
    "covered": "tab:red",
    "defocused": "tab:purple",
    "moved": "tab:orange",
    "frozen": "tab:cyan",
    "dark": "black",
    "overexposed": "gold",
    "visibility-degraded": "tab:gray",
}


@dataclass(frozen=True, slots=True)
class PlotPanel:
    """One graph: features by name, and the thresholds of the verdict."""

    title: str
    features: tuple[str, ...]
    limits: tuple[tuple[str, float], ...] = ()
    most: float | None = None  # top of the graph; higher values are cut off


PANELS = (
    PlotPanel(
        "structure: share of the tiles that show what they always show",
        ("structure", "usual_structure", "blank", "half_structure"),
        (("blank: covered above", limits.BLANK),),
    ),
    PlotPanel(
        "detail, of the usual",
        ("contrast", "fine", "layout"),
        (("contrast: fog below", limits.HAZE), ("fine: defocused below", limits.SOFT)),
    ),
    PlotPanel(
        "shift, in widths and heights of the picture",
        ("shift_x", "shift_y", "agree"),
        (("moved beyond", limits.MOVED), ("moved beyond", -limits.MOVED), ("agree above", limits.AGREE)),
    ),
    PlotPanel("seconds of the same picture", ("still_s", "still_needs_s"), most=60.0),
    PlotPanel("luma", ("mean", "spread", "colour")),
    PlotPanel(
        "share of dark, white and streaky picture",
        ("dark", "bright", "drops"),
        (("dark above", limits.NOTHING_SEEN), ("white above", limits.GLARE), ("rain above", limits.RAIN)),
    ),
)


class ViewPlot:
    """Draws an image file of one replay, in the format of the file's suffix, such as PNG. Use it with
    ``with``; the file is written at the end of the block."""

    def __init__(self, path: Path, view: object, started_at: datetime | None = None) -> None:
        """``started_at``: begin of the recording, in the time zone to show; None: seconds are shown.

        Raises EdgeAgentError without tamper detection, without matplotlib, or if the file cannot be written.
        """
        if not isinstance(view, CameraView):
            raise EdgeAgentError(
                f"{path}: the camera has watch_view: false, there is no tamper detection to plot"
            )
        try:
            from matplotlib.figure import Figure
        except ImportError as error:
            raise EdgeAgentError(
                "--plot needs matplotlib: pip install 'edge-agent[plot]', or matplotlib alone"
            ) from error
        try:
            path.open("wb").close()  # fail now, not after an hour of replay
        except OSError as error:
            raise EdgeAgentError(f"{path}: cannot be written: {error.strerror}") from error
        self._path = path
        self._view = view
        self._started_at = started_at
        self._figure: Figure = Figure(figsize=(14, 2.2 * len(PANELS)), layout="constrained")
        self._times: list[float] = []
        self._features: list[dict[str, float]] = []
        self._states: list[tuple[str, ...]] = []

    def __enter__(self) -> ViewPlot:
        return self

    def __exit__(self, *_: object) -> None:
        self._draw()

    def write(self, frame: Frame) -> None:
        """Record the features after the pipeline has processed ``frame``."""
        features = dict(self._view.features)
        if self._features and features == self._features[-1] and self._states[-1] == self._view.states:
            return  # this frame was not analysed
        self._times.append(frame.captured_mono)
        self._features.append(features)
        self._states.append(self._view.states)

    def _draw(self) -> None:
        axes = self._figure.subplots(len(PANELS), 1, sharex=True)
        for axis, panel in zip(axes, PANELS, strict=True):
            self._panel(axis, panel)
        self._label_time(axes[-1])
        try:
            self._figure.savefig(self._path, dpi=110)
        except (OSError, ValueError) as error:
            raise EdgeAgentError(f"{self._path}: cannot be written: {error}") from error

    def _label_time(self, axis: Axes) -> None:
        if self._started_at is None:
            axis.set_xlabel("seconds of the recording")
            return
        from matplotlib.dates import AutoDateLocator, DateFormatter

        zone = self._started_at.tzinfo
        axis.xaxis.set_major_locator(AutoDateLocator(tz=zone))  # type: ignore[no-untyped-call]
        clock = DateFormatter("%H:%M:%S", tz=zone)  # type: ignore[no-untyped-call]
        axis.xaxis.set_major_formatter(clock)
        axis.set_xlabel(f"time at the site ({zone}), from {self._started_at:%Y-%m-%d %H:%M:%S}")

    def _when(self, second: float) -> Any:
        """Return the position on the time axis: seconds, or a time of day if the start is known."""
        return second if self._started_at is None else self._started_at + timedelta(seconds=second)

    def _panel(self, axis: Axes, panel: PlotPanel) -> None:
        for name in panel.features:
            values = [features.get(name, math.nan) for features in self._features]
            axis.plot([self._when(at) for at in self._times], values, label=name, linewidth=1.2)
        for text, value in panel.limits:
            axis.axhline(value, color="gray", linestyle=":", linewidth=0.9)
            axis.annotate(text, (1.0, value), xycoords=("axes fraction", "data"), fontsize=7, ha="right")
        labelled: set[str] = set()
        for begin_s, end_s, state in spans(self._times, self._states):
            label = None if state in labelled else state
            labelled.add(state)
            axis.axvspan(
                self._when(begin_s),
                self._when(end_s),
                color=COLOURS.get(state, "tab:brown"),
                alpha=0.2,
                label=label,
            )
        axis.set_title(panel.title, fontsize=9, loc="left")
        if panel.most is not None:
            axis.set_ylim(bottom=0.0, top=min(axis.get_ylim()[1], panel.most))
        above = (1.0, 1.0)
        axis.legend(fontsize=7, loc="lower right", bbox_to_anchor=above, ncols=10, frameon=False, borderpad=0)


def spans(times: list[float], states: list[tuple[str, ...]]) -> list[tuple[float, float, str]]:
    """Return begin, end and name of each period of a state."""
    found: list[tuple[float, float, str]] = []
    begun: dict[str, float] = {}
    for at, now in zip(times, states, strict=True):
        for state in [one for one in begun if one not in now]:
            found.append((begun.pop(state), at, state))
        for state in now:
            begun.setdefault(state, at)
    return found + [(begin, times[-1], state) for state, begin in begun.items()]
