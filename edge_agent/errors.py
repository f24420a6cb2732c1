"""Errors, sorted by what the caller can do.

EdgeAgentError
  ConfigError             fix the file; exit code 78, systemd does not restart
  CaptureError            has a Cause
    SourceUnavailable     retry with backoff
    SourceStalled         reopen
    SourceRejected        credentials or URL: retry at the slowest pace only, cameras lock accounts
  DetectorError           the camera runs on without detection, and health says so
  OutboxError             disk full or corrupt
  MqttError               keep events, retry

Foreign errors are translated in one place per library, with ``from``.
"""

from __future__ import annotations

from edge_agent.model import Cause


class EdgeAgentError(Exception):
    """A failure this agent knows how to describe: what happened, to what, what happens next."""


class ConfigError(EdgeAgentError):
    """The configuration cannot be used; nothing was started."""


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


class MqttError(EdgeAgentError):
    """The broker is not reachable or refuses us; events wait."""
