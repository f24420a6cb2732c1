"""The one place where FFmpeg's and the system's errors become a ``Cause``.

FFmpeg's exceptions carry the URL with the password in it, in text and in attributes. So nothing of them
goes on: a ``CaptureError`` is built from words of our own, and is raised ``from None``, which keeps the
original out of tracebacks too.
"""

from __future__ import annotations

import errno
from dataclasses import dataclass

from av import error as av_error

from edge_agent.capture.probe import Answer, probe
from edge_agent.errors import CaptureError, SourceRejected, SourceStalled, SourceUnavailable
from edge_agent.model import Cause

SMALLEST_SIDE = 32
"""Pixels. Motion and tracking average over blocks and look for corners: of less nothing remains."""

_BY_TYPE: tuple[tuple[type[Exception], Cause, str], ...] = (
    (av_error.ConnectionRefusedError, Cause.REFUSED, "the host refuses the connection"),
    (av_error.HTTPNotFoundError, Cause.NOT_FOUND, "the camera does not know this path (404)"),
    (av_error.HTTPServerError, Cause.UNREACHABLE, "the camera answers with a server error (5xx)"),
    (av_error.HTTPClientError, Cause.REFUSED, "the camera refuses the stream (4xx): too many viewers?"),
    (av_error.FileNotFoundError, Cause.NOT_FOUND, "there is no such file or device"),
    (av_error.IsADirectoryError, Cause.UNSUPPORTED, "this is a folder, not a video"),
    (av_error.PermissionError, Cause.UNAUTHORIZED, "the agent may not read it"),
    (av_error.ProtocolNotFoundError, Cause.UNSUPPORTED, "this kind of URL is not supported"),
    (av_error.DecoderNotFoundError, Cause.UNSUPPORTED, "there is no decoder for its codec"),
    (av_error.TimeoutError, Cause.UNREACHABLE, "the host does not answer"),
)
_BY_ERRNO = {
    errno.EHOSTUNREACH: (Cause.UNREACHABLE, "there is no route to the host"),
    errno.ENETUNREACH: (Cause.UNREACHABLE, "there is no network"),
    errno.EBUSY: (Cause.REFUSED, "another program uses the device"),
    errno.ENOTTY: (Cause.UNSUPPORTED, "this is not a video device"),
    errno.ENODEV: (Cause.NOT_FOUND, "the device is gone"),
}
_BY_ANSWER = {
    Answer.NO_ADDRESS: (Cause.UNREACHABLE, "its name cannot be resolved"),
    Answer.NO_CONNECTION: (Cause.UNREACHABLE, "the host does not answer"),
    Answer.REFUSED: (Cause.REFUSED, "the host refuses the connection"),
    Answer.SILENT: (Cause.STALLED, "the host accepts the connection and says nothing"),
    Answer.CLOSED: (Cause.ENDED, "the host closes the connection at once"),
    Answer.FOREIGN: (Cause.NO_VIDEO, "what answers there is not a camera"),
    Answer.SPEAKS: (Cause.NO_VIDEO, "the camera answers, but describes no video that can be read"),
}
_UNAUTHORIZED = (av_error.HTTPUnauthorizedError, av_error.HTTPForbiddenError)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a network source is; never has the credentials."""

    scheme: str
    host: str
    port: int


def open_failed(
    error: Exception, camera_id: str, endpoint: Endpoint | None, has_credentials: bool
) -> CaptureError:
    """What to raise when ``av.open`` raised ``error``. ``endpoint`` is None for files and devices.

    FFmpeg says the same "invalid data" for a silent host, for garbage and for a closed connection: then the
    host is asked once more, without credentials, which takes at most a few seconds.
    """
    if isinstance(error, _UNAUTHORIZED):
        told = (
            "wrong user name or password" if has_credentials else "the camera wants a user name and password"
        )
        return SourceRejected(camera_id, Cause.UNAUTHORIZED, told)
    known = _known(error)
    if known is None and endpoint is not None:
        known = _BY_ANSWER[probe(endpoint.scheme, endpoint.host, endpoint.port)]
    cause, detail = known or (Cause.UNSUPPORTED, "this is not a video that can be read")
    return failure(camera_id, cause, detail)


def read_failed(camera_id: str, error: Exception) -> CaptureError:
    """What to raise when a running stream broke with ``error``."""
    known = _BY_ERRNO.get(getattr(error, "errno", None) or 0)
    cause, detail = known or (Cause.ENDED, "the connection broke")
    return failure(camera_id, cause, detail)


def unforeseen(camera_id: str, error: Exception) -> CaptureError:
    """An error that this table does not know: the connection is given up like any other. Its text may hold
    the password, so only its type is told."""
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
    """Raises ``SourceUnavailable`` (unsupported) for pictures that no stage can work on."""
    if min(width, height) < SMALLEST_SIDE:
        raise failure(
            camera_id, Cause.UNSUPPORTED, f"its pictures are {width}x{height}, too small to analyse"
        )


def _known(error: Exception) -> tuple[Cause, str] | None:
    for kind, cause, detail in _BY_TYPE:
        if isinstance(error, kind):
            return cause, detail
    return _BY_ERRNO.get(getattr(error, "errno", None) or 0)
