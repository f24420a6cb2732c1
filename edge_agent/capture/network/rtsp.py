"""An RTSP client over TCP (RFC 2326): describe, set up, play, then RTP packets.

FFmpeg's client is not used: it reads an answer of any size into memory, follows a camera's redirects with the
password, and sends the password in clear text to a camera that requests Basic (docs/decisions/0042).
"""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass

from edge_agent.capture.failures import CameraFault, Fault, fault_of_status
from edge_agent.capture.network.authentication import Authenticator
from edge_agent.capture.network.camera_socket import CameraSocket, ReadLimiter
from edge_agent.capture.network.sdp import SdpMedia, video_of

MAX_HEAD_BYTES, MAX_BODY_BYTES = 16_384, 65_536
"""Limits of one answer. Descriptions of cameras have 300 to 2,000 bytes."""
MAX_DIGITS = 9
"""Digits of a length: Python is slow at parsing a number of thousands of digits."""
SESSION_TIMEOUT_S = 60.0
"""The default where the camera gives no timeout (RFC 2326, 12.37)."""
MIN_KEEP_ALIVE_S = 1.0
MAX_LOGINS = 3
"""Attempts of one request: the first, one with a login, and one more with a new nonce."""
RTCP_TYPES = range(72, 77)
"""Types of RTCP packets (200 to 204) without their highest bit, where RTP has the marker (RFC 5761, 4)."""
_INTERLEAVED = 0x24
_CHANNELS = re.compile(r"interleaved=(\d{1,3})")
_MESSAGE = re.compile(rb"RTSP/|[A-Z]{3}[A-Z_ ]{2}")
"""How an answer or a request of the camera begins."""
_REQUEST = re.compile(r"[A-Z_]+ \S+ RTSP/1\.\d$")


@dataclass(frozen=True, slots=True)
class RtspMessage:
    """An answer of the camera, or a request from the camera (status 0)."""

    status: int
    method: str
    headers: dict[str, list[str]]  # by name in lower case
    body: bytes

    def header(self, name: str) -> str:
        return self.headers.get(name, [""])[0]


class RtspConnection:
    """One RTSP session. The constructor blocks until the stream is described; ``play`` begins the stream.
    Used by one thread. Raises ``CameraFault``."""

    def __init__(
        self, url: str, endpoint: tuple[str, int], authenticator: Authenticator, *, tls: bool, limit_s: float
    ) -> None:
        """``url``: without credentials. ``limit_s``: time limit to describe the stream, and to begin it."""
        self._url = url
        self._authenticator = authenticator
        self._limit_s = limit_s
        self._sequence = 0
        self._session = ""
        self._channel = 0
        self._keep_alive_s, self._sent_mono = SESSION_TIMEOUT_S / 2, time.monotonic()
        self._keep_alive_method = "OPTIONS"
        self._has_credentials = authenticator.has_credentials
        self._answered = False
        self._socket = CameraSocket(*endpoint, tls=tls, until_mono=time.monotonic() + limit_s)
        try:
            self.media = self._describe()
        except BaseException:
            self._socket.close()
            raise

    def play(self) -> None:
        """Set up the video stream and begin it."""
        self.wait_at_most(self._limit_s)
        transport = "RTP/AVP/TCP;unicast;interleaved=0-1"
        answer = self._succeed("SETUP", self.media.url, f"Transport: {transport}\r\n")
        self._note_session(answer)
        chosen = answer.header("transport")
        if "UDP" in chosen.upper() and "TCP" not in chosen.upper():
            raise CameraFault(Fault.NO_TCP)
        channels = _CHANNELS.search(chosen)
        self._channel = int(channels[1]) if channels else 0
        try:
            self._succeed("PLAY", self._url, "Range: npt=0.000-\r\n")
        except CameraFault as error:
            begun = {Fault.SILENT: Fault.PLAY_SILENT, Fault.CLOSED: Fault.PLAY_CLOSED}
            raise CameraFault(begun.get(error.fault, error.fault)) from None

    def packets(self, limiter: ReadLimiter) -> Iterator[bytes]:
        """Yield RTP packets of the video until the connection ends or the time limit is over."""
        connection = self._socket
        while True:
            buffer, at = connection.buffer, connection.at
            begun, end, count = at, len(buffer), 0
            while end - at >= 4 and buffer[at] == _INTERLEAVED:
                begin = at + 4
                following = begin + (buffer[at + 2] << 8 | buffer[at + 3])
                if following > end:
                    break
                channel, at = buffer[at + 1], following
                count += 1
                connection.at = at
                if channel == self._channel:
                    yield buffer[begin:following]
            limiter.spend(packets=count, size_bytes=at - begun)
            if at < end and buffer[at] != _INTERLEAVED:
                self._between_packets()
                limiter.spend(pictures=1)
                continue
            if time.monotonic() - self._sent_mono >= self._keep_alive_s:
                self._send(self._keep_alive_method, self._url)
            connection.receive()

    def wait_at_most(self, seconds: float) -> None:
        """Limit the total time of all reads from now on."""
        self._socket.until_mono = time.monotonic() + seconds

    def close(self) -> None:
        with contextlib.suppress(CameraFault):
            if self._session:
                self.wait_at_most(0.5)
                self._send("TEARDOWN", self._url)
        self._socket.close()

    def _describe(self) -> SdpMedia:
        options = self._ask("OPTIONS", self._url)
        if "GET_PARAMETER" in options.header("public"):
            self._keep_alive_method = "GET_PARAMETER"
        answer = self._succeed("DESCRIBE", self._url, "Accept: application/sdp\r\n")
        base = answer.header("content-base") or answer.header("content-location") or self._url
        if "://" not in base:
            base = self._url
        media = video_of(answer.body.decode("utf-8", errors="replace"), base)
        self._url = base
        return media

    def _succeed(self, method: str, url: str, headers: str = "") -> RtspMessage:
        answer = self._ask(method, url, headers)
        if not 200 <= answer.status < 300:
            raise CameraFault(fault_of_status(answer.status, has_credentials=self._has_credentials))
        return answer

    def _ask(self, method: str, url: str, headers: str = "") -> RtspMessage:
        for _ in range(MAX_LOGINS):
            self._send(method, url, headers)
            answer = self._answer()
            if answer.status != 401:
                self._authenticator.accepted()
                return answer
            self._authenticator.challenged(answer.headers.get("www-authenticate", []))
        raise CameraFault(self._authenticator.refusal)

    def _send(self, method: str, url: str, headers: str = "") -> None:
        self._sequence += 1
        lines = f"{method} {url} RTSP/1.0\r\nCSeq: {self._sequence}\r\nUser-Agent: edge-agent\r\n{headers}"
        if self._session:
            lines += f"Session: {self._session}\r\n"
        if (authorization := self._authenticator.authorization(method, url)) is not None:
            lines += f"Authorization: {authorization}\r\n"
        self._socket.send(f"{lines}\r\n".encode())
        self._sent_mono = time.monotonic()

    def _answer(self) -> RtspMessage:
        """Return the final answer to the last request. Skips packets and answers to older requests."""
        while True:
            message = self._message()
            expected = message.header("cseq").strip() in ("", str(self._sequence))
            if message.status >= 200 and expected:
                return message
            if message.status == 0:
                self._reply(message)

    def _message(self) -> RtspMessage:
        """Read the next message; skip RTP packets before it."""
        connection = self._socket
        while (start := connection.peek(5))[0] == _INTERLEAVED:
            connection.take(4)
            connection.take(start[2] << 8 | start[3])
        if _MESSAGE.match(start) is None or (start != b"RTSP/" and not self._answered):
            raise CameraFault(Fault.FOREIGN)
        head = connection.take_until(b"\r\n\r\n", MAX_HEAD_BYTES).decode("utf-8", errors="replace")
        first, *lines = head.split("\r\n")
        headers: dict[str, list[str]] = {}
        for line in lines:
            name, _, value = line.partition(":")
            headers.setdefault(name.strip().lower(), []).append(value.strip())
        self._answered = True
        return RtspMessage(*_first_line(first), headers, self._body(headers))

    def _body(self, headers: dict[str, list[str]]) -> bytes:
        length = headers.get("content-length", ["0"])[0]
        if not length.isdecimal() or len(length) > MAX_DIGITS or int(length) > MAX_BODY_BYTES:
            raise CameraFault(Fault.TOO_MUCH)
        return self._socket.take(int(length))

    def _between_packets(self) -> None:
        """Handle an answer to a keep-alive or a request of the camera; skip anything else."""
        if _MESSAGE.match(self._socket.peek(5)) is None:
            self._skip_to_packet()
            return
        message = self._message()
        if message.status == 0:
            self._reply(message)
        elif message.status == 401:  # the nonce has expired
            self._authenticator.challenged(message.headers.get("www-authenticate", []))
            self._send(self._keep_alive_method, self._url)

    def _skip_to_packet(self) -> None:
        """Skip what is no packet, such as the rest of one that the camera cut off. The data of a picture
        contain ``$``, too: search for one that a packet of this stream follows."""
        connection = self._socket
        while (at := connection.buffer.find(b"$", connection.at)) >= 0:
            connection.at = at
            if self._may_begin_packet(connection.peek(6)):
                return
            connection.at += 1
        connection.at = len(connection.buffer)

    def _may_begin_packet(self, head: bytes) -> bool:
        """``head``: the next 6 bytes."""
        is_ours = head[1] in (self._channel, self._channel ^ 1) and head[4] >> 6 == 2
        kind = head[5] & 127
        return (
            is_ours
            and (kind == self.media.payload_type or kind in RTCP_TYPES)
            and head[2] << 8 | head[3] >= 8
        )

    def _reply(self, request: RtspMessage) -> None:
        status = "200 OK" if request.method in ("OPTIONS", "GET_PARAMETER") else "501 Not Implemented"
        sequence = request.header("cseq")[:20]
        self._socket.send(f"RTSP/1.0 {status}\r\nCSeq: {sequence}\r\n\r\n".encode())

    def _note_session(self, answer: RtspMessage) -> None:
        session, _, rest = answer.header("session").partition(";")
        self._session = session.strip()
        timeout = re.search(r"timeout=(\d{1,6})", rest)
        seconds = float(timeout[1]) if timeout else SESSION_TIMEOUT_S
        self._keep_alive_s = max(MIN_KEEP_ALIVE_S, seconds / 2)


def _first_line(line: str) -> tuple[int, str]:
    """Return the status of an answer, or 0 and the method of a request."""
    if line.startswith("RTSP/"):
        status = line.partition(" ")[2][:3]
        if status.isdecimal():
            return int(status), ""
    elif _REQUEST.match(line):
        return 0, line.partition(" ")[0]
    raise CameraFault(Fault.FOREIGN)
