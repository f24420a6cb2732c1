"""The agent that may run beside: what it says, what waits in its outbox."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from edge_agent.config.model.settings import Settings
from edge_agent.core.errors import OutboxError
from edge_agent.host.health.degraded import WAITING_TOO_LONG_S
from edge_agent.host.local_api.status import Asked
from edge_agent.outbox.reading import waiting_count
from edge_agent.tools.doctor.check import Result
from edge_agent.wire import OutboxHealth


def check_agent(asked: Asked, settings: Settings) -> Sequence[Result]:
    if asked.document is not None:
        beat = asked.document.heartbeat
        if beat.config_hash != settings.config_hash:
            return [Result("agent", "agent-other-config")]
        return [Result("agent", "agent-running", {"up": timedelta(seconds=beat.uptime_s)})]
    if asked.failure is None:
        return [Result("agent", "agent-stopped")]
    if asked.closed:
        return [Result("agent", "agent-closed")]
    return [Result("agent", "agent-mute", {"reason": asked.failure})]


def check_outbox(asked: Asked, settings: Settings) -> Sequence[Result]:
    if asked.document is not None:
        return list(_of_agent(asked.document.heartbeat.outbox))
    try:
        depth = waiting_count(settings.state_dir)
    except OutboxError as error:
        if isinstance(error.__cause__, PermissionError):
            return [Result("outbox", "outbox-closed")]
        return [Result("outbox", "outbox-unreadable", {"reason": str(error)})]
    if depth:
        return [Result("outbox", "outbox-waiting", {"depth": depth})]
    return [Result("outbox", "outbox-empty")]


def _of_agent(outbox: OutboxHealth) -> Sequence[Result]:
    results = []
    if outbox.degraded:
        results.append(Result("outbox", "outbox-memory", {"reason": outbox.degraded}))
    if outbox.shed:
        results.append(Result("outbox", "outbox-shed", {"shed": outbox.shed}))
    if outbox.depth and outbox.oldest_s > WAITING_TOO_LONG_S:
        results.append(Result("outbox", "outbox-waiting", {"depth": outbox.depth}))
    elif outbox.depth:
        results.append(Result("outbox", "outbox-sending", {"depth": outbox.depth}))
    return results or [Result("outbox", "outbox-empty")]
