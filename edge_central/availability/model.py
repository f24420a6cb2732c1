"""The series of intervals, their states, and the conditions of a camera that follow from them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

STORED_DAYS = 400.0
"""How long intervals are stored: 13 months, so that a month can be compared with the same one a year ago."""


class Layer(StrEnum):
    """What a series of intervals is about. Each kind of view has a series of its own, because two can last at
    once."""

    LINK = "link"  # of a gateway: whether it runs and is connected
    PICTURE = "picture"  # of a camera: whether it delivers a picture
    COVERED = "view-covered"
    MOVED = "view-moved"
    FROZEN = "view-frozen"
    DEFOCUSED = "view-defocused"
    DARK = "view-dark"
    OVEREXPOSED = "view-overexposed"
    RAIN = "view-visibility-degraded"
    CENTRE = "centre"  # when the centre itself had no broker connection


VIEW_PREFIX = "view-"
TAMPER_LAYERS = (Layer.COVERED, Layer.MOVED, Layer.FROZEN)
"""Layers in which the picture does not show what it should: it is not usable."""
QUALITY_LAYERS = (Layer.DARK, Layer.OVEREXPOSED, Layer.DEFOCUSED, Layer.RAIN)
"""Layers in which the picture is usable, but worse than usual."""
VIEW_LAYERS = (*TAMPER_LAYERS, *QUALITY_LAYERS)
ON, OFF = "on", "off"
"""States of a view."""
AWAY = "away"
"""The only state of Layer.CENTRE."""


class LinkState(StrEnum):
    """The state of a gateway."""

    CONNECTED = "connected"
    NETWORK = "network"  # it ran, but had no broker connection
    POWER = "power"  # it was off; its boot was not ordered
    GATEWAY = "gateway"  # its agent or its kernel failed: a crash, a watchdog, a panic
    MAINTENANCE = "maintenance"  # stopped on purpose, or rebooted by a command or an update
    ABSENT = "absent"  # it has not come back yet, or does not report why it was away
    UNKNOWN = "unknown"  # the centre itself was away, and nothing shows what the gateway did
    REMOVED = "removed"  # its retained messages were cleared


class PictureState(StrEnum):
    """The state of a camera's picture."""

    ONLINE = "online"
    OFFLINE = "offline"
    REMOVED = "removed"  # no longer in the configuration


class Condition(StrEnum):
    """The classes in which a camera's time is counted."""

    USABLE = "usable"
    CAMERA = "camera"
    TAMPER = "tamper"
    NETWORK = "network"
    POWER = "power"
    GATEWAY = "gateway"
    ABSENT = "absent"
    MAINTENANCE = "maintenance"
    UNKNOWN = "unknown"


OUTAGES = (
    *(Condition.CAMERA, Condition.TAMPER, Condition.NETWORK),
    *(Condition.POWER, Condition.GATEWAY, Condition.ABSENT),
)
"""Conditions that count against the target."""
NOT_COUNTED = (Condition.MAINTENANCE, Condition.UNKNOWN)
"""Conditions that count neither as available nor as an outage."""


@dataclass(frozen=True, slots=True)
class SeriesKey:
    """One series of intervals; ``camera`` is empty for a gateway."""

    gateway: str
    camera: str
    layer: Layer


@dataclass(frozen=True, slots=True)
class StateInterval:
    """One stored interval, from ``from_ms`` to ``to_ms`` (exclusive); ``to_ms`` None: the state still
    lasts."""

    from_ms: int
    to_ms: int | None
    state: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class RangeChange:
    """A change that sets the state of a series from ``from_ms`` to ``to_ms``, whatever was stored there
    before; ``to_ms`` None: without an end."""

    key: SeriesKey
    from_ms: int
    to_ms: int | None
    state: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class PointChange:
    """A change that sets the state of a series from ``at_ms`` to the next stored change: changes may arrive
    in another order."""

    key: SeriesKey
    at_ms: int
    state: str
    detail: str = ""


StateChange = RangeChange | PointChange


@dataclass(frozen=True, slots=True)
class TimeSpan:
    """The time from ``from_ms`` to ``to_ms`` (exclusive), milliseconds since 1970."""

    from_ms: int
    to_ms: int

    def overlaps(self, from_ms: int, to_ms: int) -> bool:
        return self.from_ms < to_ms and from_ms < self.to_ms
