"""Errors, sorted by what the caller can do.

EdgeAgentError
  ConfigError             fix the file; exit code 78, systemd does not restart
  UsageError              of the command line: exit code 2
  CaptureError            has a Cause
    SourceUnavailable     retry with backoff
    SourceStalled         reopen
    SourceRejected        credentials or URL: retry at the slowest pace only, cameras lock accounts
  DetectorError           the camera runs on without detection, and health says so
  OutboxError             disk full or corrupt
  StorageError            a clip or picture is not stored; its event is sent without it
  EvidenceError           of the command line: show it to the user
  CameraSetupError        of the command line: show it to the user
  ModemError              of one reading of the modem: nothing is known until the next one
  MqttError               keep events, retry
  CentralError            of the centre: confirm nothing, retry

Foreign errors are translated in one place per library, with ``from``.
"""

from __future__ import annotations

import errno
from dataclasses import dataclass

from edge_agent.core.languages import Bilingual, Lang, in_lang
from edge_agent.core.model import Cause


class EdgeAgentError(Exception):
    """A failure with a description: what happened, to what, and what happens next."""


@dataclass(frozen=True, slots=True, order=True)
class ConfigProblem:
    """A mistake in a configuration file, with its position."""

    file: str
    line: int  # counted from 1
    column: int  # counted from 1, in characters
    message: str  # never holds a secret

    def __str__(self) -> str:
        return self.text("en")

    def text(self, lang: Lang) -> str:
        return f"{self.file}:{self.line}:{self.column}: {in_lang(self.message, lang)}"


class ConfigError(EdgeAgentError):
    """The configuration cannot be used; nothing was started. ``problems`` holds every mistake found."""

    def __init__(self, message: str, problems: tuple[ConfigProblem, ...] = ()) -> None:
        super().__init__("\n".join([message, *map(str, problems)]))
        self.message = message
        self.problems = problems

    def text(self, lang: Lang) -> str:
        return "\n".join([in_lang(self.message, lang), *(problem.text(lang) for problem in self.problems)])

    @property
    def lines(self) -> list[str]:
        """The mistakes in English, one text each; the message if there are none."""
        return [str(problem) for problem in self.problems] or [str(self)]


class UsageError(EdgeAgentError):
    """The request on the command line is not possible; nothing was started."""


class CaptureError(EdgeAgentError):
    """A camera gives no pictures. ``cause`` is the reason in the wire's words."""

    def __init__(self, camera_id: str, cause: Cause, detail: str) -> None:
        super().__init__(f"{camera_id}: {detail}")
        self.camera_id = camera_id
        self.cause = cause
        self.detail = detail


class SourceUnavailable(CaptureError):
    """The camera cannot be reached: retry with backoff."""


class SourceStalled(CaptureError):
    """The camera sends no more packets: open the stream again."""


class SourceRejected(CaptureError):
    """The camera refuses the login or the URL: retry at the slowest pace only, cameras lock accounts."""


class DetectorError(EdgeAgentError):
    """The detector failed; the pipeline runs on without detections."""


class OutboxError(EdgeAgentError):
    """The event store failed; events are queued in memory."""


class StorageError(EdgeAgentError):
    """Evidence cannot be stored on the gateway; its event is sent without it."""


class EvidenceError(EdgeAgentError):
    """A command about evidence is not possible; the text says why."""


class CameraSetupError(EdgeAgentError):
    """A camera's settings cannot be read or changed; the text says which camera and why."""


class ModemError(EdgeAgentError):
    """ModemManager gave no answer, or one that does not fit its interface."""


class MqttError(EdgeAgentError):
    """The broker is not reachable or refuses the client; events wait."""


class CentralError(EdgeAgentError):
    """The centre cannot store what it receives: it confirms nothing, reports the problem and retries."""


OS_REASONS = {
    errno.ENOENT: "không có tệp hoặc thư mục này",
    errno.EACCES: "không có quyền truy cập",
    errno.EPERM: "không có quyền thực hiện",
    errno.EEXIST: "tên này đã có",
    errno.EISDIR: "đây là thư mục, không phải tệp",
    errno.ENOTDIR: "một phần của đường dẫn không phải là thư mục",
    errno.ENAMETOOLONG: "tên tệp quá dài",
    errno.ELOOP: "liên kết tượng trưng vòng quá nhiều lần",
    errno.ENOSPC: "ổ đĩa đã đầy",
    errno.EROFS: "ổ đĩa đang ở chế độ chỉ đọc",
    errno.EIO: "có lỗi khi đọc hoặc ghi ổ đĩa",
    errno.ENETUNREACH: "thiết bị chưa có mạng",
    errno.EHOSTUNREACH: "không có đường mạng tới máy đó",
}


def os_reason(error: OSError) -> str:
    """Return the system's reason; for common errors it has a Vietnamese translation."""
    english = error.strerror or str(error)
    vietnamese = OS_REASONS.get(error.errno or 0)
    return english if vietnamese is None else Bilingual(english, vietnamese)
