"""Where packets come from: one ``FrameSource`` for each connection, chosen by the URL's scheme."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from edge_agent.config.model.settings import Camera
from edge_agent.core.clock import Clock

if TYPE_CHECKING:
    from av.packet import Packet
    from av.video.stream import VideoStream

    from edge_agent.capture.decode.decoder import VideoDecoder


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

    def decoder(self) -> VideoDecoder:
        """A fresh decoder for these packets."""
        ...

    def close(self) -> None:
        """Hang up. Only from the thread that reads."""
        ...


@dataclass(frozen=True, slots=True)
class StreamTimeouts:
    """How long a camera may keep silent."""

    open_s: float = 10.0  # to connect and describe itself
    stall_s: float = 10.0  # between two packets
    picture_s: float = 10.0  # with packets, but without a picture: reported
    reopen_s: float = 60.0  # the same: reconnected; some cameras send a keyframe every 20 s only


class Opener(Protocol):
    """``open_source``, or a fake of it."""

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
class FfmpegInput:
    """How FFmpeg has to open a file or device."""

    path: str
    format: str | None = None  # None: let it find out
    live: bool = True  # False: a file, read at the pace of its own time
