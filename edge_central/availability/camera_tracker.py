"""Decides from events and heartbeats when a camera had a picture, and what was wrong with its view. Pure.

An event says exactly when a state began, but it may arrive hours later, and events may arrive in another
order. If no event reported a change, for example because the event was lost, heartbeats correct the state.
This takes two heartbeats in a row that report the same, because a heartbeat may overtake an event. Times are
those of the gateway's clock, if the clock is synchronised.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import msgspec

from edge_agent.wire.received.health import ReceivedCameraHealth, ReceivedHealth
from edge_agent.wire.received.messages import EventMessage, MalformedMessage, milliseconds
from edge_central.availability.model import (
    OFF,
    ON,
    STORED_DAYS,
    VIEW_LAYERS,
    VIEW_PREFIX,
    Layer,
    PictureState,
    PointChange,
    SeriesKey,
)

MAX_CAMERAS = 64
"""Cameras of one gateway, removed ones included: a gateway that invents cameras must not fill the
database."""
MAX_CHANGES_A_DAY = 2_000
"""Changes of the link of one gateway, and separately of all its cameras together. Eight cameras that change
as often as the agent reports it (six times in a quarter of an hour) reach the limit after ten hours. The
first heartbeats of the next day correct what was left out."""
DAY_MS = 86_400_000
_WORD = re.compile(r"[a-z_-]{1,30}")
PICTURE_STATES = {
    "online": PictureState.ONLINE,
    "degraded": PictureState.ONLINE,
    "offline": PictureState.OFFLINE,
}
"""The picture state for each word of the wire. ``starting`` is left out: it says nothing about the
picture."""


class _Report(msgspec.Struct):
    state: str = ""
    phase: str = ""
    cause: str | None = None
    since_at: str = ""
    started_at: str = ""
    ended_at: str | None = None


class _Reported(msgspec.Struct):
    clock: str = ""
    data: _Report = msgspec.field(default_factory=_Report)


_REPORTED = msgspec.json.Decoder(_Reported)


@dataclass(slots=True)
class SeriesState:
    """The newest state of one series. ``claimed``: the different state that the last heartbeat reported, and
    since when."""

    state: str
    since_ms: int
    claimed: tuple[str, int] | None = None


@dataclass(slots=True)
class CameraSeries:
    """The series of one gateway's cameras: for each camera one series of the picture, and one of each kind of
    view that was ever reported."""

    gateway: str
    states: dict[SeriesKey, SeriesState] = field(default_factory=dict)
    cameras: set[str] = field(default_factory=set)
    day: int = 0
    changes_today: int = 0

    def load(self, key: SeriesKey, state: str, since_ms: int) -> None:
        """Restore the newest state of a series."""
        self.states[key] = SeriesState(state, since_ms)
        self.cameras.add(key.camera)

    def on_heartbeat(self, health: ReceivedHealth, now_ms: int) -> list[PointChange]:
        """Compare a heartbeat with the series, and return what has changed."""
        changes: list[PointChange] = []
        for camera, found in health.cameras.items():
            if camera not in self.cameras:
                if len(self.cameras) >= MAX_CAMERAS:
                    continue
                self.cameras.add(camera)
                state = PICTURE_STATES.get(found.state, PictureState.ONLINE)
                key = SeriesKey(self.gateway, camera, Layer.PICTURE)
                changes += self._change(key, now_ms, state, _detail(state, found.cause), now_ms)
            changes += self._compare(camera, found, bool(health.clock.synced), now_ms)
        if health.cameras:
            for camera in self.cameras - health.cameras.keys():
                key = SeriesKey(self.gateway, camera, Layer.PICTURE)
                changes += self._claim(key, PictureState.REMOVED, None, "", now_ms)
        return changes

    def on_event(self, event: EventMessage, now_ms: int) -> list[PointChange]:
        """Return the changes that an event of kind ``camera-state`` or ``camera-view`` reports."""
        if event.camera not in self.cameras:
            return []
        try:
            reported = _REPORTED.decode(event.payload)
        except (msgspec.DecodeError, RecursionError):
            return []
        if reported.clock != "synced":
            return []  # its times may be years off: the next heartbeats report the state
        if event.kind == "camera-state":
            return self._on_state(event.camera, reported.data, now_ms)
        return self._on_view(event.camera, reported.data, now_ms)

    def _on_state(self, camera: str, data: _Report, now_ms: int) -> list[PointChange]:
        state, since_ms = PICTURE_STATES.get(data.state), _time(data.since_at, now_ms)
        if state is None or since_ms is None:
            return []
        key = SeriesKey(self.gateway, camera, Layer.PICTURE)
        return self._change(key, since_ms, state, _detail(state, data.cause), now_ms)

    def _on_view(self, camera: str, data: _Report, now_ms: int) -> list[PointChange]:
        layer, began_ms = _view_layer(data.state), _time(data.started_at, now_ms)
        if layer is None or began_ms is None or data.phase == "moment":
            return []
        key = SeriesKey(self.gateway, camera, layer)
        changes = self._change(key, began_ms, ON, "", now_ms)
        ended_ms = None if data.ended_at is None else _time(data.ended_at, now_ms)
        if data.phase == "end" and ended_ms is not None:
            changes += self._change(key, max(began_ms, ended_ms), OFF, "", now_ms)
        return changes

    # --- heartbeats ---

    def _compare(
        self, camera: str, found: ReceivedCameraHealth, synced: bool, now_ms: int
    ) -> list[PointChange]:
        changes: list[PointChange] = []
        state = PICTURE_STATES.get(found.state)
        if state is not None:
            since_ms = _time(found.since, now_ms) if synced and found.since else None
            key = SeriesKey(self.gateway, camera, Layer.PICTURE)
            changes += self._claim(key, state, since_ms, _detail(state, found.cause), now_ms)
        views = {layer for layer in map(_view_layer, found.view) if layer is not None}
        for layer in VIEW_LAYERS:
            key = SeriesKey(self.gateway, camera, layer)
            if layer in views or key in self.states:
                changes += self._claim(key, ON if layer in views else OFF, None, "", now_ms)
        return changes

    def _claim(
        self, key: SeriesKey, state: str, since_ms: int | None, detail: str, now_ms: int
    ) -> list[PointChange]:
        """Note the ``state`` that a heartbeat reports. ``since_ms``: when the state began; None: unknown."""
        present = self.states.setdefault(key, SeriesState(OFF, 0))
        if present.state == state:
            present.claimed = None
            return []
        if present.claimed is None or present.claimed[0] != state:
            present.claimed = state, now_ms
            return []
        at_ms = present.claimed[1] if since_ms is None else since_ms
        return self._change(key, max(at_ms, present.since_ms), state, detail, now_ms)

    def _change(self, key: SeriesKey, at_ms: int, state: str, detail: str, now_ms: int) -> list[PointChange]:
        present = self.states.setdefault(key, SeriesState(OFF, 0))
        if at_ms == present.since_ms and state == present.state and present.since_ms:
            return []
        if now_ms // DAY_MS != self.day:
            self.day, self.changes_today = now_ms // DAY_MS, 0
        if self.changes_today >= MAX_CHANGES_A_DAY:
            return []
        self.changes_today += 1
        if at_ms >= present.since_ms:
            present.state, present.since_ms, present.claimed = state, at_ms, None
        return [PointChange(key, at_ms, state, detail)]


def _view_layer(state: str) -> Layer | None:
    try:
        layer = Layer(f"{VIEW_PREFIX}{state}")
    except ValueError:
        return None  # a view without a duration, or a view that only newer versions know
    return layer


def _detail(state: PictureState, cause: str | None) -> str:
    """Return why there is no picture: a word of the wire, which may be of a newer agent. Empty: the camera is
    not offline, or no valid cause is known."""
    if state is not PictureState.OFFLINE or cause is None or not _WORD.fullmatch(cause):
        return ""
    return cause


def _time(text: str, now_ms: int) -> int | None:
    """Return a time of a gateway, at most ``now_ms``. None: the text is no time, or the time is older than
    anything stored."""
    try:
        found_ms = milliseconds(text)
    except MalformedMessage:
        return None
    return None if found_ms < now_ms - STORED_DAYS * DAY_MS else min(found_ms, now_ms)
