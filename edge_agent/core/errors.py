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
  StorageError            a clip or picture is not kept; its event goes on without it
  EvidenceError           of the command line: tell the user
  CameraSetupError        of the command line: tell the user
  MqttError               keep events, retry
  CentralError            of the centre: confirm nothing, retry

Foreign errors are translated in one place per library, with ``from``.
"""

from __future__ import annotations

from dataclasses import dataclass

from edge_agent.core.languages import Lang, in_lang
from edge_agent.core.model import Cause


class EdgeAgentError(Exception):
    """A failure this agent knows how to describe: what happened, to what, what happens next."""


@dataclass(frozen=True, slots=True, order=True)
class ConfigProblem:
    """One thing wrong in a configuration file, and where it stands."""

    file: str
    line: int  # counted from 1
    column: int  # counted from 1, in characters
    message: str  # never holds a secret

    def __str__(self) -> str:
        return self.text("en")

    def text(self, lang: Lang) -> str:
        return f"{self.file}:{self.line}:{self.column}: {in_lang(self.message, lang)}"


class ConfigError(EdgeAgentError):
    """The configuration cannot be used; nothing was started. ``problems`` holds all that was found."""

    def __init__(self, message: str, problems: tuple[ConfigProblem, ...] = ()) -> None:
        super().__init__("\n".join([message, *map(str, problems)]))
        self.problems = problems


class UsageError(EdgeAgentError):
    """What the command line asks for cannot be; nothing was begun."""


class CaptureError(EdgeAgentError):
    """A camera gives no pictures. ``cause`` is the wire's word for why."""

    def __init__(self, camera_id: str, cause: Cause, detail: str) -> None:
        super().__init__(f"{camera_id}: {detail}")
        self.camera_id = camera_id
        self.cause = cause
        self.detail = detail


class SourceUnavailable(CaptureError):
    """Retry with backoff."""


class SourceStalled(CaptureError):
    """Reopen."""


class SourceRejected(CaptureError):
    """Retry at the slowest pace only."""


class DetectorError(EdgeAgentError):
    """No detection; the pipeline runs on."""


class OutboxError(EdgeAgentError):
    """The event store failed; events go on from memory."""


class StorageError(EdgeAgentError):
    """Evidence is not kept on the box; its event goes on without it."""


class EvidenceError(EdgeAgentError):
    """A command about evidence cannot be done; says why."""


class CameraSetupError(EdgeAgentError):
    """A camera cannot be asked for, or given, its settings; says which camera, why, and what was not done."""


class MqttError(EdgeAgentError):
    """The broker is not reachable or refuses us; events wait."""


class CentralError(EdgeAgentError):
    """The centre cannot keep what it gets: it confirms nothing, says so, and tries again."""
