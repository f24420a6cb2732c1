"""The interface of a connection to a camera, file or device, and how one is opened.

The URL's scheme decides which ``FrameSource`` reads it.
"""

from __future__ import annotations

import os
import urllib.parse
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from edge_agent.capture.failures import failure
from edge_agent.config.model.settings import Camera
from edge_agent.core.clock import Clock
from edge_agent.core.model import Cause
from edge_agent.core.problems import problem_text

if TYPE_CHECKING:
    from av.packet import Packet
    from av.video.stream import VideoStream

    from edge_agent.capture.decode.decoder import VideoDecoder


class FrameSource(Protocol):
    """One open connection. It gives packets, not pictures: clips store packets without transcoding, and
    packets are decoded only when needed."""

    @property
    def timed(self) -> bool:
        """Whether the packets' times come from the camera."""

    @property
    def tick_s(self) -> float:
        """Seconds in one unit of the packets' times."""

    @property
    def live(self) -> bool:
        """False for a file, whose end is not a connection loss."""

    @property
    def buffered(self) -> bool:
        """Whether packets that are not read for a while wait in a buffer, and are not lost."""

    def packets(self) -> Generator[Packet[VideoStream], None, None]:
        """Yield the video packets, in decoding order. Blocks between packets, at most
        ``StreamTimeouts.stall_s``. Raises ``CaptureError``, at the end of the source with cause ENDED."""

    def decoder(self) -> VideoDecoder:
        """Return a new decoder for these packets."""

    def close(self) -> None:
        """Close the connection. Only the reading thread may call it."""


@dataclass(frozen=True, slots=True)
class StreamTimeouts:
    """How long the agent waits for a camera."""

    open_s: float = 10.0  # to connect and describe the stream
    stall_s: float = 10.0  # between two packets
    picture_s: float = 10.0  # packets without a picture for this long are reported
    reopen_s: float = 60.0  # after this long: reconnect; some cameras send a keyframe only every 20 s


class Opener(Protocol):
    """The signature of ``open_source``, which tests replace by a fake."""

    def __call__(
        self,
        camera: Camera,
        clock: Clock,
        wait: Callable[[float], bool],
        limits: StreamTimeouts,
        *,
        repeat: bool,
    ) -> FrameSource: ...


@dataclass(frozen=True, slots=True)
class Endpoint:
    """The network address of a camera, without credentials."""

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
class FfmpegInput:
    """How FFmpeg opens a file or device."""

    path: str
    format: str | None = None  # None: FFmpeg detects it
    live: bool = True  # False: a file, read at the pace of its timestamps


DEFAULT_PORTS = {"rtsp": 554, "rtsps": 322, "http": 80, "https": 443}


def no_limit() -> None:
    """Allow every login: for tests and for cameras without credentials."""


def open_source(
    camera: Camera,
    clock: Clock,
    wait: Callable[[float], bool],
    limits: StreamTimeouts,
    *,
    repeat: bool = False,
    before_login: Callable[[], None] = no_limit,
) -> FrameSource:
    """Connect. Blocks up to twice ``limits.open_s``, plus the time of the name resolver, which has no limit.

    ``wait(seconds)`` sleeps while a file is read at its own pace, or while a camera sends too much; it
    returns True to stop reading. ``repeat``: start a file again when it ends. ``before_login`` is called
    before the password is sent to a camera, and may raise a ``CaptureError``. Raises ``CaptureError``.
    """
    # Importing av takes 0.1 s, so only programs that open a camera import it.
    endpoint = endpoint_of(camera)
    if endpoint is not None:
        from edge_agent.capture.network.streams import HttpStream, RtspStream

        kind = RtspStream if endpoint.scheme.startswith("rtsp") else HttpStream
        return kind(camera, endpoint, wait, limits, before_login)
    from edge_agent.capture.stream import PacketStream

    recipe = ffmpeg_input_for(camera)
    if not recipe.live and os.path.exists(recipe.path) and not os.path.isfile(recipe.path):
        # Opening a pipe without a writer blocks for ever, and FFmpeg's timeouts are for networks.
        raise failure(camera.id, Cause.UNSUPPORTED, problem_text("url-no-file", path=str(recipe.path)))
    return PacketStream(camera.id, recipe, clock, wait, limits, repeat)


def endpoint_of(camera: Camera) -> Endpoint | None:
    """Return the camera's network address; None for files and devices. Raises ``SourceUnavailable``
    (unsupported) for a URL without a host."""
    scheme = camera.url.partition(":")[0].lower()
    if scheme not in DEFAULT_PORTS:
        return None
    parts = urllib.parse.urlsplit(camera.url)
    if not parts.hostname:
        raise failure(camera.id, Cause.UNSUPPORTED, problem_text("url-no-host"))
    return Endpoint(scheme, parts.hostname, parts.port or DEFAULT_PORTS[scheme])


def ffmpeg_input_for(camera: Camera) -> FfmpegInput:
    """Return how FFmpeg opens a file or device. Raises ``SourceUnavailable`` for an unknown scheme."""
    scheme, colon, rest = camera.url.partition(":")
    scheme = scheme.lower()
    if scheme == "v4l2":
        return FfmpegInput(rest, "v4l2")
    if scheme == "file":
        return FfmpegInput(urllib.parse.unquote(urllib.parse.urlsplit(camera.url).path), live=False)
    if not colon or "/" in scheme:
        return FfmpegInput(camera.url, live=False)
    raise failure(camera.id, Cause.UNSUPPORTED, problem_text("url-unknown", scheme=scheme))
