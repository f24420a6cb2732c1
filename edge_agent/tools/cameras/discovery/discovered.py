"""The result of a search for one camera."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from edge_agent.onvif.soap import CameraClock
from edge_agent.tools.cameras.messages import Fact
from edge_agent.tools.cameras.vendors import Vendor


class DiscoveryState(StrEnum):
    READY = "ready"
    LOGIN_REFUSED = "login refused"
    NOT_ACTIVATED = "not activated"
    ONVIF_OFF = "ONVIF off"
    NOT_SURE = "perhaps a camera"


@dataclass(frozen=True, slots=True)
class DiscoveredStream:
    kind: str  # main or sub
    url: str  # without a user part
    told: bool  # reported by the camera; False: from the vendor's template, and not tried
    width: int | None = None
    height: int | None = None
    codec: str = ""
    fps: float | None = None
    keyframe_s: float | None = None
    smart: bool | None = None  # None: not reported


@dataclass(frozen=True, slots=True)
class DiscoveredCamera:
    """One device. All its text is clean."""

    host: str
    state: DiscoveryState
    vendor: Vendor
    model: str = ""
    known: tuple[Fact, ...] = ()  # reported by the camera
    guessed: tuple[Fact, ...] = ()  # concluded from how it answers
    base: str = ""  # base URL of its web page: http://10.0.0.11
    device_url: str | None = None  # where ONVIF answers; None: nowhere
    streams: tuple[DiscoveredStream, ...] = ()
    clock: CameraClock | None = None
    advice: tuple[Fact, ...] = field(default=())

    def stream(self, kind: str) -> DiscoveredStream | None:
        return next((stream for stream in self.streams if stream.kind == kind), None)
