"""A hostile camera, or another device at its address, that wants the agent's memory, time or password."""

from __future__ import annotations

import itertools
import random
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pytest

from edge_agent.capture.decode.decoder import VideoDecoder
from edge_agent.capture.decode.picture_limits import PictureLimits, PictureTooLarge
from edge_agent.capture.failures import CameraFault, Fault
from edge_agent.capture.network.camera_socket import BoundedReader
from edge_agent.capture.network.rtp import MAX_UNIT_BYTES
from edge_agent.capture.reader import CameraReader
from edge_agent.capture.source import open_source
from edge_agent.capture.stream_probe import probe_stream
from edge_agent.config.model.settings import Camera
from edge_agent.core.clock import SystemClock
from edge_agent.core.errors import CaptureError, SourceRejected
from edge_agent.core.model import Cause
from tests.capture.conftest import PASSWORD, USER
from tests.capture.rig import QUICK, camera, lost, running
from tests.capture.test_decoder import KINDS, packets_of
from tests.testbed.clips import make_clip
from tests.testbed.mjpeg_server import MjpegServer
from tests.testbed.mosquitto import wait_until
from tests.testbed.scripted_rtsp import HANG_UP, SILENCE, Answer, ScriptedRtsp, interleaved
from tests.testbed.small_server import SmallServer

MAX_GROWTH_BYTES = 64_000_000
GIGABYTE = 1_500_000_000


class HttpAnswer(SmallServer):
    """Answers each request with these bytes, until the client leaves."""

    def __init__(self, *parts: bytes, endless: bytes = b"") -> None:
        super().__init__()
        self.requests: list[bytes] = []
        self._parts, self._endless = parts, endless

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/video"

    def talk(self, connection: socket.socket) -> None:
        self.requests.append(connection.recv(4096))
        for part in itertools.chain(self._parts, itertools.repeat(self._endless) if self._endless else ()):
            connection.sendall(part)


def refusal(url: str, **settings: object) -> CaptureError:
    """Why a camera is given up, between connecting and reading its packets."""
    with pytest.raises(CaptureError) as caught:
        watch(camera(url, **settings))  # type: ignore[arg-type]
    return caught.value


def watch(made: Camera) -> None:
    with closing(open_source(made, SystemClock(), lambda _: False, QUICK)) as source:
        for _ in source.packets():
            pass


@contextmanager
def little_memory() -> Iterator[None]:
    """Fails when the process grew by more than a camera may cost, even for a moment."""
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # reset the peak
    before = _memory_bytes("VmRSS")
    yield
    assert _memory_bytes("VmHWM") - before < MAX_GROWTH_BYTES


def _memory_bytes(name: str) -> int:
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith(name))


def flood(head: bytes) -> Iterator[bytes]:
    return itertools.chain([head], itertools.repeat(bytes(100_000)))


LONG_BODY = f"RTSP/1.0 200 OK\r\nCSeq: 2\r\nContent-Length: {GIGABYTE}\r\n\r\n".encode()


@pytest.mark.parametrize(
    ("answers", "fault"),
    [
        ({"DESCRIBE": flood(LONG_BODY)}, Fault.TOO_MUCH),
        ({"DESCRIBE": flood(LONG_BODY.replace(b": 15", b": 00000000000015"))}, Fault.TOO_MUCH),
        ({"OPTIONS": flood(b"RTSP/1.0 200 OK\r\nPublic: ")}, Fault.TOO_MUCH),
        ({"PLAY": flood(b"RTSP/1.0 200 OK\r\n")}, Fault.TOO_MUCH),
        ({"OPTIONS": flood(b"")}, Fault.FOREIGN),
    ],
    ids=["a long description", "with zeros before", "a long head", "a long head of the last answer", "zeros"],
)
def test_an_rtsp_answer_without_an_end_takes_little_memory(answers: dict[str, Answer], fault: Fault) -> None:
    with little_memory(), ScriptedRtsp(answers) as server:
        error = refusal(server.url)
    assert (error.cause, error.detail) == (fault.cause, fault.detail)


@pytest.mark.parametrize("changing", [False, True], ids=["one timestamp", "new timestamps"])
def test_a_picture_without_an_end_takes_little_memory(changing: bool) -> None:
    beginning = interleaved(b"\x7c\x85" + bytes(8))
    rest = (
        interleaved(b"\x7c\x05" + bytes(60_000), sequence=n, timestamp=3_000 * n * changing)
        for n in itertools.count(1)
    )
    with little_memory(), ScriptedRtsp(stream=itertools.chain([beginning], rest)) as server:
        error = refusal(server.url)
    # With new timestamps each piece is a picture of its own, and a bad one.
    assert error.detail == Fault.TOO_LARGE_UNIT.detail


PARTS = b"HTTP/1.0 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=b\r\n\r\n"


@pytest.mark.parametrize(
    ("head", "fault"),
    [
        (
            PARTS + b"--b\r\nContent-Type: image/jpeg\r\nContent-Length: 1000000000\r\n\r\n",
            Fault.TOO_LARGE_UNIT,
        ),
        (PARTS + b"--b\r\nContent-Type: image/jpeg\r\n\r\n", Fault.TOO_LARGE_UNIT),
        (PARTS + b"--b\r\nContent-Length: 0000000000001000000000\r\n\r\n", Fault.TOO_LARGE_UNIT),
        (PARTS + b"--b\r\nContent-Type: ", Fault.TOO_MUCH),
        (b"HTTP/1.0 200 OK\r\nServer: ", Fault.TOO_MUCH),
    ],
    ids=["a long part", "no length", "with zeros before", "a long head of a part", "a long head"],
)
def test_an_http_answer_without_an_end_takes_little_memory(head: bytes, fault: Fault) -> None:
    with little_memory(), HttpAnswer(head, endless=bytes(100_000)) as server:
        error = refusal(server.url)
    assert (error.cause, error.detail) == (fault.cause, fault.detail)


class Drip(BoundedReader):
    """Gives a few bytes at a time."""

    def _more(self) -> bytes:
        return bytes(64)


def test_a_part_that_comes_a_few_bytes_at_a_time_is_not_copied_for_each_of_them() -> None:
    began_s = time.thread_time()
    with pytest.raises(CameraFault):
        Drip().take_until(b"\r\n--b", MAX_UNIT_BYTES)
    assert time.thread_time() - began_s < 3.0


def resized(jpeg: bytes, width: int, height: int) -> bytes:
    """The picture with another size in its frame header."""
    at = jpeg.index(b"\xff\xc0") + 5
    return jpeg[:at] + height.to_bytes(2, "big") + width.to_bytes(2, "big") + jpeg[at + 4 :]


@pytest.mark.parametrize("as_doctor", [False, True], ids=["the agent", "doctor"])
def test_a_huge_picture_is_refused_before_it_is_decoded(jpegs: list[bytes], as_doctor: bool) -> None:
    with MjpegServer([resized(jpegs[0], 16_000, 16_000)], fps=20) as server, little_memory():
        if as_doctor:
            with pytest.raises(CaptureError, match="its pictures are 16000x16000, too large to analyse"):
                probe_stream(camera(server.url), SystemClock())
            return
        with running(CameraReader(camera(server.url), SystemClock(), limits=QUICK)) as reader:
            wait_until(lost(reader, Cause.UNSUPPORTED))
        assert reader.status().detail == "its pictures are 16000x16000, too large to analyse"


def test_many_reference_pictures_of_a_large_size_are_refused(tmp_path: Path) -> None:
    extra = ("-preset", "superfast", "-refs", "8", "-bf", "0")
    packets, plain = packets_of(make_clip(tmp_path / "c.ts", size=(2560, 1440), seconds=0.1, extra=extra))
    decoder = VideoDecoder(plain.context, limited=True)
    with pytest.raises(PictureTooLarge, match="its pictures are 2560x1440, and 10 of them"):
        decoder.decode(packets[0])


X265_1440P = bytes.fromhex(
    "00000001420101016000000300900000030000030096a001402005a1659e92930bc05a02000003000200000300141000"
)
"""Parameter set of x265 at 2560x1440 with ref=6."""


def test_many_reference_pictures_of_h265_are_refused_too() -> None:
    with pytest.raises(PictureTooLarge, match="its pictures are 2560x1440, and 9 of them"):
        PictureLimits("hevc", b"").check(memoryview(X265_1440P), 0)


@pytest.mark.parametrize("extra", KINDS.values(), ids=KINDS)
def test_ordinary_streams_are_within_the_limits(extra: tuple[str, ...], tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "clip.ts", size=(640, 360), seconds=0.3, extra=extra)
    packets, plain = packets_of(clip)
    decoder = VideoDecoder(plain.context, limited=True)
    assert sum(len(decoder.decode(packet)) for packet in [*packets, None]) == 3


def test_a_picture_of_3840x2160_is_within_the_limits(tmp_path: Path) -> None:
    extra = ("-preset", "ultrafast", "-refs", "1", "-bf", "0")
    packets, plain = packets_of(make_clip(tmp_path / "clip.ts", size=(3840, 2160), seconds=0.1, extra=extra))
    decoder = VideoDecoder(plain.context, limited=True)
    with little_memory():
        assert sum(len(decoder.decode(packet)) for packet in [*packets, None]) == 1


# --- time


def test_a_camera_that_drips_is_given_up_in_time() -> None:
    def drip() -> Iterator[bytes]:
        for byte in itertools.cycle(b"RTSP/1.0 200 OK\r\nServer: x"):
            time.sleep(0.02)  # the camera's, not the test's
            yield bytes((byte,))

    begun_mono = time.monotonic()
    with ScriptedRtsp({"OPTIONS": drip()}) as server:
        assert refusal(server.url).cause is Cause.STALLED
    assert time.monotonic() - begun_mono < 2 * QUICK.open_s


def test_a_session_is_kept_alive_and_the_answers_disturb_no_packet() -> None:
    def pictures() -> Iterator[bytes]:
        for n in range(30):
            time.sleep(0.04)  # the camera's, not the test's
            yield b"RTSP/1.0 200 OK\r\nCSeq: 99\r\nContent-Length: 4\r\n\r\n$\0$\0"
            yield interleaved(b"\x65" + bytes(30), sequence=n, timestamp=3_000 * n, marker=True)

    with ScriptedRtsp(stream=pictures()) as server:
        with closing(open_source(camera(server.url), SystemClock(), lambda _: False, QUICK)) as source:
            packets = list(itertools.islice(source.packets(), 30))
        wait_until(lambda: server.methods[4:] == ["GET_PARAMETER", "TEARDOWN"])
    assert [packet.pts for packet in packets] == [3_000 * n for n in range(30)]
    assert {packet.size for packet in packets} == {35}


def test_a_packet_that_the_camera_cut_off_costs_no_connection() -> None:
    """The next packets come within it. What follows may contain upper-case letters and dollar signs."""
    rng = random.Random(1)
    junk = b"A$\0\0$" + rng.randbytes(20_000) + b"\x91A\x02\x80$\1"

    def pictures() -> Iterator[bytes]:
        for n in range(400):
            picture = interleaved(b"\x65" + rng.randbytes(900), sequence=n, timestamp=3_000 * n, marker=True)
            yield picture[:500] + junk if n % 40 == 20 else picture

    with (
        ScriptedRtsp(stream=pictures()) as server,
        closing(open_source(camera(server.url), SystemClock(), lambda _: False, QUICK)) as source,
    ):
        whole = 0
        with suppress(CaptureError):  # the end of the stream
            for packet in source.packets():
                whole += packet.size == 905
    assert whole == 400, "the cut ones cost no other pictures"
    assert server.methods.count("SETUP") == 1


def test_a_camera_that_floods_the_agent_is_made_to_wait() -> None:
    waits: list[float] = []

    def wait(seconds: float) -> bool:
        waits.append(seconds)
        return False

    flooding = (interleaved(b"\x41", timestamp=n, marker=True) for n in itertools.count())
    with (
        ScriptedRtsp(stream=flooding) as server,
        closing(open_source(camera(server.url), SystemClock(), wait, QUICK)) as source,
    ):
        assert len(list(itertools.islice(source.packets(), 2_000))) == 2_000
    assert len(waits) >= 2
    assert max(waits) <= 1


# --- what an unfinished or false answer means


@pytest.mark.parametrize(
    ("answer", "cause"),
    [
        (SILENCE, Cause.STALLED),
        (HANG_UP, Cause.ENDED),
        ("RTSP/1.0 302 Found\r\nLocation: rtsp://127.0.0.1:9/x", Cause.NOT_FOUND),
        ("RTSP/1.0 100 Continue", Cause.STALLED),
        ([b"junk\r\n\r\n"], Cause.NO_VIDEO),
        ("RTSP/1.0 453 Not Enough Bandwidth", Cause.REFUSED),
        ("RTSP/1.0 461 Unsupported Transport", Cause.UNSUPPORTED),
        ("RTSP/1.0 500 Internal Server Error", Cause.UNREACHABLE),
        ("RTSP/1.0 401 Unauthorized", Cause.UNAUTHORIZED),
        ("RTSP/1.0 403 Forbidden", Cause.UNAUTHORIZED),
    ],
    ids=["unanswered", "closed", "302", "100", "junk", "453", "461", "500", "401", "403"],
)
def test_only_401_and_403_to_play_are_unauthorized(answer: Answer, cause: Cause) -> None:
    with ScriptedRtsp({"PLAY": answer}) as server:
        error = refusal(server.url, user=USER, password=PASSWORD)
    assert error.cause is cause
    assert isinstance(error, SourceRejected) == (cause is Cause.UNAUTHORIZED)


def test_a_camera_that_answers_with_udp_is_named() -> None:
    transport = "Transport: RTP/AVP;unicast;client_port=0-1;server_port=6000-6001"
    for answer in ("RTSP/1.0 461 Unsupported Transport", f"RTSP/1.0 200 OK\r\nSession: 7\r\n{transport}/UDP"):
        with ScriptedRtsp({"SETUP": answer}) as server:
            assert refusal(server.url).detail == Fault.NO_TCP.detail
            assert "PLAY" not in server.methods


# --- the password


METHODS = ("OPTIONS", "DESCRIBE", "SETUP", "PLAY")


@pytest.mark.parametrize("method", METHODS)
def test_an_rtsp_redirect_is_not_followed(method: str) -> None:
    # What a camera says to OPTIONS does not matter: this one goes on, and then sends nothing.
    cause = Cause.STALLED if method == "OPTIONS" else Cause.NOT_FOUND
    with ScriptedRtsp() as other:
        answer = f"RTSP/1.0 302 Moved\r\nLocation: {other.url}"
        with ScriptedRtsp({method: answer}) as server:
            error = refusal(server.url, user=USER, password=PASSWORD)
        assert (error.cause, other.requests) == (cause, [])


def test_an_http_redirect_is_not_followed() -> None:
    with HttpAnswer() as other:
        moved = f"HTTP/1.0 302 Found\r\nLocation: {other.url}\r\n\r\n".encode()
        with HttpAnswer(moved) as server:
            error = refusal(server.url, user=USER, password=PASSWORD)
        assert (error.cause, other.requests) == (Cause.NOT_FOUND, [])


BASIC = 'RTSP/1.0 401 Unauthorized\r\nWWW-Authenticate: Basic realm="x"'
BOTH = f'{BASIC}\r\nWWW-Authenticate: Digest realm="x", nonce="1"'


@pytest.mark.parametrize("method", METHODS)
def test_a_camera_that_asks_for_basic_gets_no_password(method: str) -> None:
    with ScriptedRtsp({method: BASIC}) as server:
        error = refusal(server.url, user=USER, password=PASSWORD)
    assert (error.cause, error.detail) == (Cause.UNAUTHORIZED, Fault.BASIC_ONLY.detail)
    assert "Authorization" not in "".join(server.requests)


def test_an_http_camera_that_asks_for_basic_gets_no_password() -> None:
    answer = b'HTTP/1.0 401 Unauthorized\r\nWWW-Authenticate: Basic realm="x"\r\n\r\n'
    with HttpAnswer(answer) as server:
        error = refusal(server.url, user=USER, password=PASSWORD)
    assert (error.cause, error.detail) == (Cause.UNAUTHORIZED, Fault.BASIC_ONLY.detail)
    assert b"Authorization" not in b"".join(server.requests)


@pytest.mark.parametrize("allow_basic", [False, True])
def test_where_both_are_offered_digest_is_used(allow_basic: bool) -> None:
    def answer(request: str) -> str:
        return "RTSP/1.0 404 Not Found" if "Authorization: Digest" in request else BOTH

    with ScriptedRtsp({"OPTIONS": answer, "DESCRIBE": answer}) as server:
        error = refusal(server.url, user=USER, password=PASSWORD, allow_basic=allow_basic)
    assert error.cause is Cause.NOT_FOUND
    assert "Basic" not in "".join(server.requests)


def test_a_wrong_password_is_tried_once_however_the_nonce_changes() -> None:
    nonces = itertools.count()

    def answer(_request: str) -> str:
        return f'RTSP/1.0 401 Unauthorized\r\nWWW-Authenticate: Digest realm="x", nonce="{next(nonces)}"'

    with ScriptedRtsp({"OPTIONS": answer}) as server:
        assert refusal(server.url, user=USER, password="no").detail == "wrong user name or password"
    assert "".join(server.requests).count("Authorization") == 1


def test_over_tls_basic_is_allowed_and_a_stream_is_read(tmp_path: Path) -> None:
    asked: list[str] = []

    def answer(request: str) -> str:
        asked.append(request)
        return "RTSP/1.0 200 OK" if "Authorization: Basic" in request else BASIC

    picture = interleaved(b"\x65" + bytes(30), marker=True)
    with ScriptedRtsp({"OPTIONS": answer}, stream=[picture], tls=certificate(tmp_path)) as server:
        made = camera(server.url, user=USER, password=PASSWORD)
        with closing(open_source(made, SystemClock(), lambda _: False, QUICK)) as source:
            assert next(source.packets()).size == 35
    assert ["Authorization" in request for request in asked] == [False, True]


def certificate(folder: Path) -> Path:
    """Key and certificate of a camera that signs its own."""
    file = folder / "camera.pem"
    subject = ("-subj", "/CN=camera", "-days", "1", "-nodes")
    command = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        *subject,
    ]
    subprocess.run([*command, "-keyout", file, "-out", folder / "own"], check=True, capture_output=True)
    file.write_bytes(file.read_bytes() + (folder / "own").read_bytes())
    return file
