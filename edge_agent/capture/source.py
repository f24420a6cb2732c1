"""Where packets come from: one ``FrameSource`` for each connection, chosen by the URL's scheme."""

from __future__ import annotations

import os
import urllib.parse
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from edge_agent.capture.failures import failure
from edge_agent.clock import Clock
from edge_agent.config.settings import Camera
from edge_agent.model import Cause

if TYPE_CHECKING:
    from av.packet import Packet
    from av.video.stream import VideoStream

    from edge_agent.capture.decoder import Decoder

DEFAULT_PORTS = {"rtsp": 554, "rtsps": 322, "http": 80, "https": 443}


class FrameSource(Protocol):
    """One open connection. What it owns are packets; a decoder stands behind it, so that clips without
    transcoding and decoding on demand can be put between the two."""

    @property
    def timed(self) -> bool:
        """Whether the packets' times come from the camera."""
        ...

    @property
    def tick_s(self) -> float:
        """Seconds in one unit of the packets' times."""
        ...

    @property
    def live(self) -> bool:
        """False for a file: it ends, and that is no loss."""
        ...

    @property
    def buffered(self) -> bool:
        """Whether packets that nobody reads for a while wait, and are not lost."""
        ...

    def packets(self) -> Generator[Packet[VideoStream], None, None]:
        """The video packets, in decoding order, until the source ends. Blocks between packets, at most
        ``Limits.stall_s``. Raises ``CaptureError``, for the end as well: ENDED."""
        ...

    def decoder(self) -> Decoder:
        """A fresh decoder for these packets."""
        ...

    def close(self) -> None:
        """Hang up. Only from the thread that reads."""
        ...


@dataclass(frozen=True, slots=True)
class Limits:
    """How long a camera may keep silent."""

    open_s: float = 10.0  # to connect and describe itself
    stall_s: float = 10.0  # between two packets
    picture_s: float = 10.0  # with packets, but without a picture: reported
    reopen_s: float = 60.0  # the same: reconnected; some cameras send a keyframe every 20 s only


class Opener(Protocol):
    """``open_source``, or a fake of it."""

    def __call__(
        self, camera: Camera, clock: Clock, wait: Callable[[float], bool], limits: Limits, *, repeat: bool
    ) -> FrameSource: ...


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a camera on the network is; never has the credentials."""

    scheme: str
    host: str
    port: int

    @property
    def address(self) -> tuple[str, int]:
        return self.host, self.port

    @property
    def tls(self) -> bool:
        return self.scheme.endswith("s")


@dataclass(frozen=True, slots=True)
class Recipe:
    """How FFmpeg has to open a file or device."""

    path: str
    format: str | None = None  # None: let it find out
    live: bool = True  # False: a file, read at the pace of its own time


def open_source(
    camera: Camera, clock: Clock, wait: Callable[[float], bool], limits: Limits, *, repeat: bool = False
) -> FrameSource:
    """Connect; blocks up to twice ``limits.open_s``, and as long as the resolver takes, which has no limit.

    ``wait(seconds)`` sleeps for files that are read at their own pace, and for cameras that send too much; it
    returns True to stop reading.
    ``repeat``: begin a file again when it ends. Raises ``CaptureError``.
    """
    # av takes 0.1 s to import: only what opens cameras pays for it.
    endpoint = endpoint_of(camera)
    if endpoint is not None:
        from edge_agent.capture.network import HttpStream, RtspStream

        kind = RtspStream if endpoint.scheme.startswith("rtsp") else HttpStream
        return kind(camera, endpoint, wait, limits)
    from edge_agent.capture.stream import PacketStream

    recipe = recipe_for(camera)
    if not recipe.live and os.path.exists(recipe.path) and not os.path.isfile(recipe.path):
        # Opening a pipe that nobody writes to blocks for ever, and FFmpeg's timeouts are for networks.
        raise failure(camera.id, Cause.UNSUPPORTED, f"{recipe.path} is not a file")
    return PacketStream(camera.id, recipe, clock, wait, limits, repeat)


def endpoint_of(camera: Camera) -> Endpoint | None:
    """None for files and devices. Raises ``SourceUnavailable`` (unsupported) for a URL without a host."""
    scheme = camera.url.partition(":")[0].lower()
    if scheme not in DEFAULT_PORTS:
        return None
    parts = urllib.parse.urlsplit(camera.url)
    if not parts.hostname:
        raise failure(camera.id, Cause.UNSUPPORTED, "the URL names no host")
    return Endpoint(scheme, parts.hostname, parts.port or DEFAULT_PORTS[scheme])


def recipe_for(camera: Camera) -> Recipe:
    """Of a file or device. Raises ``SourceUnavailable`` (unsupported) for a scheme that is not known."""
    scheme, colon, rest = camera.url.partition(":")
    scheme = scheme.lower()
    if scheme == "v4l2":
        return Recipe(rest, "v4l2")
    if scheme == "file":
        return Recipe(urllib.parse.unquote(urllib.parse.urlsplit(camera.url).path), live=False)
    if not colon or "/" in scheme:
        return Recipe(camera.url, live=False)
    raise failure(camera.id, Cause.UNSUPPORTED, f"{scheme}: is not a kind of URL the agent can read")
