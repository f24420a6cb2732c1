"""Translates errors of FFmpeg, the system and the cameras into a ``Cause``.

FFmpeg's exceptions contain the URL that was opened, in text and in attributes, and the URL may contain the
password. So a ``CaptureError`` has its own text, and is raised ``from None``, which keeps the original out of
tracebacks too.
"""

from __future__ import annotations

import errno
from enum import Enum

from av import error as av_error

from edge_agent.core.errors import CaptureError, SourceRejected, SourceStalled, SourceUnavailable
from edge_agent.core.model import Cause
from edge_agent.core.problems import ProblemText, problem_text

MIN_SIDE = 32
"""Pixels. Motion and tracking average over blocks and search for corners, which needs at least this size."""

_BY_TYPE: tuple[tuple[type[Exception], Cause, ProblemText], ...] = (
    (av_error.FileNotFoundError, Cause.NOT_FOUND, problem_text("file-not-found")),
    (av_error.IsADirectoryError, Cause.UNSUPPORTED, problem_text("file-is-folder")),
    (av_error.PermissionError, Cause.UNAUTHORIZED, problem_text("file-unreadable")),
    (av_error.DecoderNotFoundError, Cause.UNSUPPORTED, problem_text("stream-no-decoder")),
)
_BY_ERRNO: dict[int, tuple[Cause, ProblemText]] = {
    errno.EHOSTUNREACH: (Cause.UNREACHABLE, problem_text("host-no-route")),
    errno.ENETUNREACH: (Cause.UNREACHABLE, problem_text("host-no-network")),
    errno.EBUSY: (Cause.REFUSED, problem_text("device-busy")),
    errno.ENOTTY: (Cause.UNSUPPORTED, problem_text("device-no-video")),
    errno.ENODEV: (Cause.NOT_FOUND, problem_text("device-gone")),
}


class Fault(Enum):
    """What is wrong with a camera on the network, with the cause and text that are reported."""

    NO_ADDRESS = (Cause.UNREACHABLE, problem_text("host-no-name"))
    NO_ROUTE = (Cause.UNREACHABLE, problem_text("host-no-route"))
    NO_NETWORK = (Cause.UNREACHABLE, problem_text("host-no-network"))
    NO_CONNECTION = (Cause.UNREACHABLE, problem_text("host-silent"))
    REFUSED = (Cause.REFUSED, problem_text("host-refuses"))
    NO_TLS = (Cause.NO_VIDEO, problem_text("host-no-tls"))
    SILENT = (Cause.STALLED, problem_text("host-accepts-silent"))
    CLOSED = (Cause.ENDED, problem_text("host-closes"))
    FOREIGN = (Cause.NO_VIDEO, problem_text("host-no-camera"))
    PLAY_SILENT = (Cause.STALLED, problem_text("play-silent"))
    PLAY_CLOSED = (Cause.ENDED, problem_text("play-closed"))
    TOO_MUCH = (Cause.UNSUPPORTED, problem_text("answer-too-long"))
    TOO_LARGE_UNIT = (Cause.UNSUPPORTED, problem_text("picture-too-many-bytes"))
    REDIRECTED = (Cause.NOT_FOUND, problem_text("camera-redirects"))
    NOT_FOUND = (Cause.NOT_FOUND, problem_text("path-not-found"))
    NO_TCP = (Cause.UNSUPPORTED, problem_text("camera-no-tcp"))
    TOO_MANY = (Cause.REFUSED, problem_text("camera-refuses-stream"))
    SERVER_ERROR = (Cause.UNREACHABLE, problem_text("camera-server-error"))
    UNDESCRIBED = (Cause.NO_VIDEO, problem_text("camera-no-description"))
    NO_VIDEO = (Cause.NO_VIDEO, problem_text("stream-no-video"))
    NO_DECODER = (Cause.UNSUPPORTED, problem_text("stream-no-decoder"))
    WRONG_LOGIN = (Cause.UNAUTHORIZED, problem_text("login-wrong"))
    NOT_PERMITTED = (Cause.UNAUTHORIZED, problem_text("stream-not-permitted"))
    NO_LOGIN = (Cause.UNAUTHORIZED, problem_text("login-wanted"))
    UNKNOWN_LOGIN = (Cause.UNAUTHORIZED, problem_text("login-unknown"))
    BASIC_ONLY = (Cause.UNAUTHORIZED, problem_text("login-basic-only"))

    @property
    def cause(self) -> Cause:
        return self.value[0]

    @property
    def detail(self) -> ProblemText:
        return self.value[1]


class CameraFault(Exception):
    """A fault of a camera; it becomes a ``CaptureError`` where the camera's id is known."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.detail)
        self.fault = fault


def fault_of_status(status: int, *, has_credentials: bool) -> Fault:
    """Return the fault for an RTSP or HTTP answer that is not a success."""
    if status == 401:
        return Fault.WRONG_LOGIN if has_credentials else Fault.NO_LOGIN
    if status == 403:
        return Fault.NOT_PERMITTED if has_credentials else Fault.NO_LOGIN
    if status == 404:
        return Fault.NOT_FOUND
    if status == 461:  # unsupported transport
        return Fault.NO_TCP
    if 300 <= status < 400:
        return Fault.REDIRECTED
    if 400 <= status < 500:
        return Fault.TOO_MANY
    return Fault.SERVER_ERROR if 500 <= status < 600 else Fault.FOREIGN


def fault_of_errno(number: int | None) -> Fault:
    """Return the fault for the errno of a failed connection."""
    by_errno = {
        errno.ECONNREFUSED: Fault.REFUSED,
        errno.EHOSTUNREACH: Fault.NO_ROUTE,
        errno.ENETUNREACH: Fault.NO_NETWORK,
    }
    return by_errno.get(number or 0, Fault.NO_CONNECTION)


def from_fault(camera_id: str, fault: Fault) -> CaptureError:
    return failure(camera_id, fault.cause, fault.detail)


def open_failed(error: Exception, camera_id: str) -> CaptureError:
    """Return the error to raise when ``av.open`` raised ``error`` for a file or device."""
    cause, detail = _classified(error) or (Cause.UNSUPPORTED, problem_text("file-no-video"))
    return failure(camera_id, cause, detail)


def read_failed(camera_id: str, error: Exception) -> CaptureError:
    """Return the error to raise when a running stream failed with ``error``."""
    known = _BY_ERRNO.get(getattr(error, "errno", None) or 0)
    cause, detail = known or (Cause.ENDED, problem_text("connection-broke"))
    return failure(camera_id, cause, detail)


def unexpected(camera_id: str, error: Exception) -> CaptureError:
    """Return the error to raise for an unexpected exception, so that the connection is closed and opened
    again. The exception's text may contain the password, so only its type is reported."""
    detail = problem_text("stream-agent-failed", error=type(error).__name__)
    return failure(camera_id, Cause.DECODE_ERROR, detail)


def failure(camera_id: str, cause: Cause, detail: str) -> CaptureError:
    """Return an error of the class that fits the cause."""
    if cause is Cause.UNAUTHORIZED:
        return SourceRejected(camera_id, cause, detail)
    if cause is Cause.STALLED:
        return SourceStalled(camera_id, cause, detail)
    return SourceUnavailable(camera_id, cause, detail)


def check_size(camera_id: str, width: int, height: int) -> None:
    """Raise ``SourceUnavailable`` (unsupported) for pictures that are too small for the stages."""
    if min(width, height) < MIN_SIDE:
        raise failure(
            camera_id, Cause.UNSUPPORTED, problem_text("picture-too-small", size=f"{width}x{height}")
        )


def _classified(error: Exception) -> tuple[Cause, str] | None:
    for kind, cause, detail in _BY_TYPE:
        if isinstance(error, kind):
            return cause, detail
    return _BY_ERRNO.get(getattr(error, "errno", None) or 0)
