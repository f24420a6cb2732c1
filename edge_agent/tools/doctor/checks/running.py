"""The agent that may run beside: what it says, what waits in its outbox."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from edge_agent.config.model.settings import Settings
from edge_agent.core.errors import OutboxError
from edge_agent.host.health.degraded import WAITING_TOO_LONG_S
from edge_agent.host.local_api.status import StatusResult
from edge_agent.outbox.reading import waiting_count
from edge_agent.tools.doctor.check import CheckResult
from edge_agent.wire import OutboxHealth


def check_agent(asked: StatusResult, settings: Settings) -> Sequence[CheckResult]:
    if asked.document is not None:
        beat = asked.document.heartbeat
        if beat.config_hash != settings.config_hash:
            return [CheckResult("agent", "agent-other-config")]
        return [CheckResult("agent", "agent-running", {"up": timedelta(seconds=beat.uptime_s)})]
    if asked.failure is None:
        return [CheckResult("agent", "agent-stopped")]
    if asked.closed:
        return [CheckResult("agent", "agent-closed")]
    return [CheckResult("agent", "agent-mute", {"reason": asked.failure})]


def check_outbox(asked: StatusResult, settings: Settings) -> Sequence[CheckResult]:
    if asked.document is not None:
        return list(_of_agent(asked.document.heartbeat.outbox))
    try:
        depth = waiting_count(settings.state_dir)
    except OutboxError as error:
        if isinstance(error.__cause__, PermissionError):
            return [CheckResult("outbox", "outbox-closed")]
        return [CheckResult("outbox", "outbox-unreadable", {"reason": str(error)})]
    if depth:
        return [CheckResult("outbox", "outbox-waiting", {"depth": depth})]
    return [CheckResult("outbox", "outbox-empty")]


def _of_agent(outbox: OutboxHealth) -> Sequence[CheckResult]:
    results = []
    if outbox.degraded:
        results.append(CheckResult("outbox", "outbox-memory", {"reason": outbox.degraded}))
    if outbox.shed:
        results.append(CheckResult("outbox", "outbox-shed", {"shed": outbox.shed}))
    if outbox.depth and outbox.oldest_s > WAITING_TOO_LONG_S:
        results.append(CheckResult("outbox", "outbox-waiting", {"depth": outbox.depth}))
    elif outbox.depth:
        results.append(CheckResult("outbox", "outbox-sending", {"depth": outbox.depth}))
    return results or [CheckResult("outbox", "outbox-empty")]
