"""The interface between a connection and the reader: packets, their decoder, timeouts and addresses."""

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
    """One open connection. It gives packets, not pictures: clips store packets without transcoding, and
    packets are decoded only when needed."""

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
        """False for a file, whose end is not a connection loss."""
        ...

    @property
    def buffered(self) -> bool:
        """Whether packets that are not read for a while wait in a buffer, and are not lost."""
        ...

    def packets(self) -> Generator[Packet[VideoStream], None, None]:
        """Yield the video packets, in decoding order. Blocks between packets, at most
        ``StreamTimeouts.stall_s``. Raises ``CaptureError``, at the end of the source with cause ENDED."""
        ...

    def decoder(self) -> VideoDecoder:
        """A new decoder for these packets."""
        ...

    def close(self) -> None:
        """Close the connection. Only the reading thread may call it."""
        ...


@dataclass(frozen=True, slots=True)
class StreamTimeouts:
    """How long the agent waits for a camera."""

    open_s: float = 10.0  # to connect and describe the stream
    stall_s: float = 10.0  # between two packets
    picture_s: float = 10.0  # packets without a picture for this long are reported
    reopen_s: float = 60.0  # and for this long: reconnect; some cameras send a keyframe only every 20 s


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
