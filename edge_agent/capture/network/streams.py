"""Packet sources for cameras on the network: RTSP, and MJPEG over HTTP.

FFmpeg receives only complete pictures whose size was checked here.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Generator
from fractions import Fraction
from typing import TYPE_CHECKING, cast

from av.codec.context import CodecContext
from av.packet import Packet
from av.video.codeccontext import VideoCodecContext

from edge_agent.capture.decode.decoder import VideoDecoder
from edge_agent.capture.failures import CameraFault, Fault, failure, from_fault
from edge_agent.capture.network.authentication import Authenticator
from edge_agent.capture.network.camera_socket import ReadLimiter
from edge_agent.capture.network.http_pictures import HttpPictures
from edge_agent.capture.network.rtp import AccessUnitAssembler, H264Payload, H265Payload, PayloadFormat
from edge_agent.capture.network.rtp_jpeg import JpegPayload
from edge_agent.capture.network.rtsp import RtspConnection
from edge_agent.capture.source import Endpoint, StreamTimeouts
from edge_agent.config.model.settings import Camera
from edge_agent.core.errors import CaptureError
from edge_agent.core.model import Cause
from edge_agent.core.problems import problem_text

if TYPE_CHECKING:
    from av.video.stream import VideoStream

FORMATS: dict[str, Callable[[], PayloadFormat]] = {
    "h264": H264Payload,
    "hevc": H265Payload,
    "mjpeg": JpegPayload,
}


class _NetworkStream(ABC):
    """A ``FrameSource`` of a network camera. Connects in the constructor, whose thread alone may use it."""

    live = True

    def __init__(
        self,
        camera: Camera,
        endpoint: Endpoint,
        wait: Callable[[float], bool],
        limits: StreamTimeouts,
        before_login: Callable[[], None],
    ) -> None:
        """``wait(seconds)`` is called while a camera exceeds ``ReadLimiter``, ``before_login`` before the
        password is sent. Raises ``CaptureError``."""
        self._camera_id = camera.id
        self._limiter = ReadLimiter(wait)
        self._limits = limits
        allow_basic = camera.allow_basic or endpoint.tls
        login = Authenticator(camera.credentials, allow_basic=allow_basic, before_login=before_login)
        try:
            self._connect(camera.url, endpoint, login)
        except CameraFault as error:
            raise from_fault(camera.id, error.fault) from None

    def packets(self) -> Generator[Packet[VideoStream], None, None]:
        try:
            yield from self._packets()
        except CameraFault as error:
            raise _lost(self._camera_id, error.fault, self._limits) from None

    @abstractmethod
    def _connect(self, url: str, endpoint: Endpoint, login: Authenticator) -> None:
        """Begin the stream. Raises ``CameraFault``, with the connection closed."""

    @abstractmethod
    def _packets(self) -> Generator[Packet[VideoStream], None, None]:
        """Yield packets as ``packets`` does. Raises ``CameraFault``."""


class RtspStream(_NetworkStream):
    """Video over RTSP."""

    timed = buffered = True

    @property
    def tick_s(self) -> float:
        return 1 / self._media.clock_hz

    def decoder(self) -> VideoDecoder:
        return _decoder(self._media.codec, self._media.extradata)

    def close(self) -> None:
        self._connection.close()

    def _connect(self, url: str, endpoint: Endpoint, login: Authenticator) -> None:
        self._connection = RtspConnection(
            url, endpoint.address, login, tls=endpoint.tls, limit_s=self._limits.open_s
        )
        try:
            self._connection.play()
        except (CameraFault, CaptureError):
            self._connection.close()
            raise
        self._media = self._connection.media

    def _packets(self) -> Generator[Packet[VideoStream], None, None]:
        connection, time_base = self._connection, Fraction(1, self._media.clock_hz)
        assembler = AccessUnitAssembler(self._media, FORMATS[self._media.codec]())
        connection.wait_at_most(self._limits.stall_s)
        for received in connection.packets(self._limiter):
            for unit in assembler.feed(received):
                self._limiter.spend(pictures=1)
                packet = _packet(unit.content)
                packet.pts, packet.time_base = unit.timestamp, time_base
                packet.is_keyframe, packet.is_corrupt = unit.keyframe, unit.damaged
                yield packet
                connection.wait_at_most(self._limits.stall_s)


class HttpStream(_NetworkStream):
    """JPEG pictures over HTTP; they have no timestamps."""

    timed = buffered = False
    tick_s = 0.0

    def decoder(self) -> VideoDecoder:
        return _decoder("mjpeg", b"")

    def close(self) -> None:
        self._pictures.close()

    def _connect(self, url: str, endpoint: Endpoint, login: Authenticator) -> None:
        self._pictures = HttpPictures(
            url, endpoint.address, login, tls=endpoint.tls, limit_s=self._limits.open_s
        )

    def _packets(self) -> Generator[Packet[VideoStream], None, None]:
        self._pictures.wait_at_most(self._limits.stall_s)
        for picture in self._pictures.pictures():
            self._limiter.spend(pictures=1, size_bytes=len(picture))
            packet = _packet(picture)
            packet.is_keyframe = True
            yield packet
            self._pictures.wait_at_most(self._limits.stall_s)


def _decoder(codec: str, extradata: bytes) -> VideoDecoder:
    context = cast("VideoCodecContext", CodecContext.create(codec, "r"))
    if extradata:
        context.extradata = extradata
    return VideoDecoder(context, limited=True)


def _packet(content: bytes) -> Packet[VideoStream]:
    return cast("Packet[VideoStream]", Packet(content))


def _lost(camera_id: str, fault: Fault, limits: StreamTimeouts) -> CaptureError:
    """Return the error for a fault of a running stream."""
    if fault is Fault.SILENT:
        return failure(camera_id, Cause.STALLED, problem_text("stream-no-packet", seconds=limits.stall_s))
    if fault is Fault.CLOSED:
        return failure(camera_id, Cause.ENDED, problem_text("stream-ended"))
    return from_fault(camera_id, fault)
