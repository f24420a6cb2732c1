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

MIN_SIDE = 32
"""Pixels. Motion and tracking average over blocks and search for corners, which needs at least this size."""

_BY_TYPE: tuple[tuple[type[Exception], Cause, str], ...] = (
    (av_error.FileNotFoundError, Cause.NOT_FOUND, "there is no such file or device"),
    (av_error.IsADirectoryError, Cause.UNSUPPORTED, "this is a folder, not a video"),
    (av_error.PermissionError, Cause.UNAUTHORIZED, "the agent may not read it"),
    (av_error.DecoderNotFoundError, Cause.UNSUPPORTED, "there is no decoder for its codec"),
)
_BY_ERRNO = {
    errno.EHOSTUNREACH: (Cause.UNREACHABLE, "there is no route to the host"),
    errno.ENETUNREACH: (Cause.UNREACHABLE, "there is no network"),
    errno.EBUSY: (Cause.REFUSED, "another program uses the device"),
    errno.ENOTTY: (Cause.UNSUPPORTED, "this is not a video device"),
    errno.ENODEV: (Cause.NOT_FOUND, "the device is gone"),
}


class Fault(Enum):
    """What is wrong with a camera on the network, with the cause and text that are reported."""

    NO_ADDRESS = (Cause.UNREACHABLE, "its name cannot be resolved")
    NO_ROUTE = (Cause.UNREACHABLE, "there is no route to the host")
    NO_NETWORK = (Cause.UNREACHABLE, "there is no network")
    NO_CONNECTION = (Cause.UNREACHABLE, "the host does not answer")
    REFUSED = (Cause.REFUSED, "the host refuses the connection")
    NO_TLS = (Cause.NO_VIDEO, "what answers there does not speak TLS")
    SILENT = (Cause.STALLED, "the host accepts the connection and says nothing")
    CLOSED = (Cause.ENDED, "the host closes the connection at once")
    FOREIGN = (Cause.NO_VIDEO, "what answers there is not a camera")
    BROKE = (Cause.ENDED, "the connection broke")
    PLAY_SILENT = (Cause.STALLED, "the camera does not answer when the stream is to begin")
    PLAY_CLOSED = (Cause.ENDED, "the camera closes the connection when the stream is to begin")
    TOO_MUCH = (
        Cause.UNSUPPORTED,
        "the camera sends more than an answer may have",
    )
    TOO_LARGE_UNIT = (
        Cause.UNSUPPORTED,
        "a picture of the stream has more than 4 MB",
    )
    REDIRECTED = (
        Cause.NOT_FOUND,
        "the camera redirects to another address (3xx), which is not followed",
    )
    NOT_FOUND = (Cause.NOT_FOUND, "the camera does not know this path (404)")
    TOO_MANY = (Cause.REFUSED, "the camera refuses the stream (4xx): too many viewers?")
    SERVER_ERROR = (Cause.UNREACHABLE, "the camera answers with a server error (5xx)")
    UNDESCRIBED = (Cause.NO_VIDEO, "the camera answers, but describes no video that can be read")
    NO_VIDEO = (Cause.NO_VIDEO, "there is no video in the stream")
    NO_DECODER = (Cause.UNSUPPORTED, "there is no decoder for its codec")
    WRONG_LOGIN = (Cause.UNAUTHORIZED, "wrong user name or password")
    NO_LOGIN = (Cause.UNAUTHORIZED, "the camera wants a user name and password")
    UNKNOWN_LOGIN = (Cause.UNAUTHORIZED, "the camera offers no way to log in that the agent knows")
    BASIC_ONLY = (
        Cause.UNAUTHORIZED,
        "the camera offers Basic login only: switch Digest on in the camera, or set allow_basic: true",
    )

    @property
    def cause(self) -> Cause:
        return self.value[0]

    @property
    def detail(self) -> str:
        return self.value[1]


class CameraFault(Exception):
    """A fault of a camera; it becomes a ``CaptureError`` where the camera's id is known."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.detail)
        self.fault = fault


def fault_of_status(status: int, *, has_credentials: bool) -> Fault:
    """The fault for an RTSP or HTTP answer that is not a success."""
    if status in (401, 403):
        return Fault.WRONG_LOGIN if has_credentials else Fault.NO_LOGIN
    if status == 404:
        return Fault.NOT_FOUND
    if 300 <= status < 400:
        return Fault.REDIRECTED
    if 400 <= status < 500:
        return Fault.TOO_MANY
    return Fault.SERVER_ERROR if 500 <= status < 600 else Fault.FOREIGN


def fault_of_errno(number: int | None) -> Fault:
    """The fault for the errno of a failed connection."""
    by_errno = {
        errno.ECONNREFUSED: Fault.REFUSED,
        errno.EHOSTUNREACH: Fault.NO_ROUTE,
        errno.ENETUNREACH: Fault.NO_NETWORK,
    }
    return by_errno.get(number or 0, Fault.NO_CONNECTION)


def from_fault(camera_id: str, fault: Fault) -> CaptureError:
    return failure(camera_id, fault.cause, fault.detail)


def open_failed(error: Exception, camera_id: str) -> CaptureError:
    """The error to raise when ``av.open`` raised ``error`` for a file or device."""
    cause, detail = _classified(error) or (Cause.UNSUPPORTED, "this is not a video that can be read")
    return failure(camera_id, cause, detail)


def read_failed(camera_id: str, error: Exception) -> CaptureError:
    """The error to raise when a running stream failed with ``error``."""
    known = _BY_ERRNO.get(getattr(error, "errno", None) or 0)
    cause, detail = known or (Cause.ENDED, "the connection broke")
    return failure(camera_id, cause, detail)


def unforeseen(camera_id: str, error: Exception) -> CaptureError:
    """The error to raise for an unexpected exception: the connection is closed and opened again. The
    exception's text may contain the password, so only its type is reported."""
    detail = f"the agent failed on this stream ({type(error).__name__})"
    return failure(camera_id, Cause.DECODE_ERROR, detail)


def failure(camera_id: str, cause: Cause, detail: str) -> CaptureError:
    """The error class that fits the cause."""
    if cause is Cause.UNAUTHORIZED:
        return SourceRejected(camera_id, cause, detail)
    if cause is Cause.STALLED:
        return SourceStalled(camera_id, cause, detail)
    return SourceUnavailable(camera_id, cause, detail)


def check_size(camera_id: str, width: int, height: int) -> None:
    """Raise ``SourceUnavailable`` (unsupported) for pictures that are too small for the stages."""
    if min(width, height) < MIN_SIDE:
        raise failure(
            camera_id, Cause.UNSUPPORTED, f"its pictures are {width}x{height}, too small to analyse"
        )


def _classified(error: Exception) -> tuple[Cause, str] | None:
    for kind, cause, detail in _BY_TYPE:
        if isinstance(error, kind):
            return cause, detail
    return _BY_ERRNO.get(getattr(error, "errno", None) or 0)
