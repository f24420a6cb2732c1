"""Where packets come from: one ``FrameSource`` for each connection, chosen by the URL's scheme."""

from __future__ import annotations

import os
import urllib.parse
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from edge_agent.capture.failures import Endpoint, failure
from edge_agent.clock import Clock
from edge_agent.config.settings import Camera
from edge_agent.model import Cause
from edge_agent.secrets import Credentials

if TYPE_CHECKING:
    from av.packet import Packet
    from av.video.stream import VideoStream

    from edge_agent.capture.decoder import Decoder

DEFAULT_PORTS = {"rtsp": 554, "rtsps": 322, "http": 80, "https": 443}
MAX_USERINFO = 127
"""libavformat keeps "user:password", percent-encoded, in 128 bytes and cuts off what is longer."""

FAST_START = {"flags": "low_delay", "analyzeduration": "1000", "probesize": "5000", "fpsprobesize": "0"}
"""0.1 s to the first picture instead of 3.4 to 4.7 s with the defaults. 0 would mean 5 s."""


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
class Recipe:
    """How FFmpeg has to open a URL."""

    url: str  # without credentials
    format: str | None = None  # None: let it find out
    options: tuple[tuple[str, str], ...] = ()
    endpoint: Endpoint | None = None  # for network sources
    live: bool = True  # False: a file, read at the pace of its own time
    timed: bool = True  # packets have the camera's times
    buffered: bool = False  # they wait in a socket


def open_source(
    camera: Camera, clock: Clock, wait: Callable[[float], bool], limits: Limits, *, repeat: bool = False
) -> FrameSource:
    """Connect; blocks up to ``limits.open_s`` and a few seconds of diagnosis after a failure.

    ``wait(seconds)`` sleeps for files that are read at their own pace, and returns True to stop reading; it
    is also called between the attempt and the diagnosis, to show that the thread lives: both resolve the
    host's name, for which nobody sets a limit.
    ``repeat``: begin a file again when it ends. Raises ``CaptureError``.
    """
    # av takes 0.1 s to import: only what opens cameras pays for it.
    from edge_agent.capture.stream import PacketStream

    recipe = recipe_for(camera)
    if not recipe.live and os.path.exists(recipe.url) and not os.path.isfile(recipe.url):
        # Opening a pipe that nobody writes to blocks for ever, and FFmpeg's timeouts are for networks.
        raise failure(camera.id, Cause.UNSUPPORTED, f"{recipe.url} is not a file")
    return PacketStream(camera.id, recipe, camera.credentials, clock, wait, limits, repeat)


def recipe_for(camera: Camera) -> Recipe:
    """Raises ``SourceUnavailable`` (unsupported) for a scheme that is not known."""
    scheme, colon, rest = camera.url.partition(":")
    scheme = scheme.lower()
    if scheme in ("rtsp", "rtsps"):
        options = {"rtsp_transport": "tcp", "allowed_media_types": "video", **FAST_START}
        return Recipe(camera.url, "rtsp", tuple(options.items()), _endpoint(camera, scheme), buffered=True)
    if scheme in ("http", "https"):
        # libavformat numbers these pictures at 25 a second, whatever the camera does.
        endpoint = _endpoint(camera, scheme)
        return Recipe(camera.url, "mpjpeg", tuple(FAST_START.items()), endpoint, timed=False)
    if scheme == "v4l2":
        return Recipe(rest, "v4l2")
    if scheme == "file":
        return Recipe(urllib.parse.unquote(urllib.parse.urlsplit(camera.url).path), live=False)
    if not colon or "/" in scheme:
        return Recipe(camera.url, live=False)
    raise failure(camera.id, Cause.UNSUPPORTED, f"{scheme}: is not a kind of URL the agent can read")


def _endpoint(camera: Camera, scheme: str) -> Endpoint:
    parts = urllib.parse.urlsplit(camera.url)
    if not parts.hostname:
        raise failure(camera.id, Cause.UNSUPPORTED, "the URL names no host")
    return Endpoint(scheme, parts.hostname, parts.port or DEFAULT_PORTS[scheme])


def url_with_credentials(camera_id: str, url: str, credentials: Credentials | None) -> str:
    """The string for ``av.open`` and nothing else: it must not be kept, logged or shown."""
    if credentials is None:
        return url
    user = urllib.parse.quote(credentials.username, safe="")
    userinfo = f"{user}:{urllib.parse.quote(credentials.password.reveal(), safe='')}"
    if len(userinfo) > MAX_USERINFO:
        told = f"user name and password are longer than {MAX_USERINFO} characters when percent-encoded"
        raise failure(camera_id, Cause.UNAUTHORIZED, told)
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{userinfo}@{rest}"
