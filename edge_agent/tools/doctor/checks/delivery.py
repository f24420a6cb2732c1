"""Checks whether events arrive at the centre and to which topics the gateway may publish. A running agent
tests both itself; its status and its outbox are checked here too."""

from __future__ import annotations

import time
import uuid
from collections.abc import Sequence
from datetime import timedelta

from edge_agent.config.model.settings import Settings
from edge_agent.core.delivery import SelfTestReport
from edge_agent.core.errors import OutboxError
from edge_agent.core.languages import Bilingual
from edge_agent.host.health.degraded import WAITING_TOO_LONG_S
from edge_agent.host.local_api.control import ask_self_test
from edge_agent.host.local_api.status import StatusDocument, StatusResult
from edge_agent.outbox.sqlite.database import waiting_count
from edge_agent.tools.doctor.check import CheckResult, Figure
from edge_agent.tools.doctor.checks.reported import codes_of, reported_reason
from edge_agent.wire import Heartbeat

RIGHTS, DELIVERY = "broker/rights", "broker/delivery"
ASK_EVERY_S = 0.25


def check_delivery(
    settings: Settings, status: StatusResult, topics: tuple[str, str], within_s: float
) -> list[CheckResult]:
    """Request a test event from the agent. Blocks for up to ``within_s`` if the centre does not confirm it.
    ``topics``: see ``rights_result``."""
    if status.document is None:
        return _untested(status)
    if not status.document.connected:
        return [_session(status.document)]
    began_mono = time.monotonic()
    confirmed = status.document.heartbeat.mqtt.delivery == "confirmed"
    report = _report(settings, within_s, confirmed=confirmed)
    if not isinstance(report, SelfTestReport):
        reason = report or Bilingual("it has just ended", "phần mềm vừa dừng")
        return [
            CheckResult(RIGHTS, "rights-not-tried"),
            CheckResult(DELIVERY, "delivery-not-asked", {"reason": reason}),
        ]
    rights = _rights(report, topics, status.document.heartbeat.mqtt.refused)
    if report.own is False:
        return [rights]
    took_s = time.monotonic() - began_mono
    unread = any(each and each.code == "broker-no-subscriber" for each in status.document.heartbeat.problems)
    return [rights, delivery_result(report, took_s, confirmed=confirmed, unread=unread)]


def rights_result(check: str, own: bool | None, foreign: bool | None, topics: tuple[str, str]) -> CheckResult:
    """Return the finding on the rights to publish. ``topics``: one of this gateway, and one of another;
    ``own`` and ``foreign``: whether the broker accepted a message to it; None: no answer."""
    if own is False:
        return CheckResult(check, "rights-none", {"topic": topics[0]})
    if own is None or foreign is None:
        return CheckResult(check, "rights-silent")
    return (
        CheckResult(check, "rights-open", {"topic": topics[1]})
        if foreign
        else CheckResult(check, "rights-good")
    )


def _untested(status: StatusResult) -> list[CheckResult]:
    if status.failure is None:  # no agent runs, so the doctor itself tested its rights
        return [CheckResult(DELIVERY, "delivery-no-agent")]
    return [
        CheckResult(RIGHTS, "rights-not-tried"),
        CheckResult(DELIVERY, "delivery-not-asked", {"reason": status.failure}),
    ]


def _session(status: StatusDocument) -> CheckResult:
    heartbeat = status.heartbeat
    if heartbeat.mqtt.last_error is None:
        return CheckResult(RIGHTS, "session-waits")
    reason = reported_reason(heartbeat, "broker-not-connected", heartbeat.mqtt.last_error)
    return CheckResult(RIGHTS, "session-refused", {"reason": reason})


def _report(settings: Settings, within_s: float, *, confirmed: bool) -> SelfTestReport | str | None:
    test_id, deadline = uuid.uuid4().hex, time.monotonic() + within_s
    while True:
        report = ask_self_test(settings, test_id)
        over = time.monotonic() > deadline
        if over or not isinstance(report, SelfTestReport) or report.is_done(confirmed=confirmed):
            return report
        time.sleep(ASK_EVERY_S)


def _rights(report: SelfTestReport, topics: tuple[str, str], refused: int) -> CheckResult:
    found = rights_result(RIGHTS, report.own, report.foreign, topics)
    if refused and found.finding == "rights-good":
        return CheckResult(RIGHTS, "rights-refused", {"refused": refused})
    return found


def delivery_result(report: SelfTestReport, took_s: float, *, confirmed: bool, unread: bool) -> CheckResult:
    """Return the finding on the test event. ``unread``: the agent's events have no subscriber, so the test
    event may wait behind them for up to 15 minutes."""
    figures: dict[str, Figure] = {"event": report.event or "-", "took_s": took_s}
    if report.progress == "at-broker" and not confirmed:
        return CheckResult(DELIVERY, "delivery-broker", figures)
    progress = "no-subscriber" if unread and report.progress == "waiting" else report.progress
    return CheckResult(DELIVERY, _FINDINGS[progress], figures)


_FINDINGS = {
    "waiting": "delivery-unsent",
    "refused": "delivery-refused",
    "no-subscriber": "delivery-no-subscriber",
    "at-broker": "delivery-unconfirmed",
    "confirmed": "delivery-confirmed",
}


def with_delivery(results: Sequence[CheckResult], found: Sequence[CheckResult]) -> list[CheckResult]:
    """Return ``results`` with ``found`` inserted after the results of the last broker."""
    last = max(at for at, result in enumerate(results) if result.finding.startswith(("broker-", "rights-")))
    return [*results[: last + 1], *found, *results[last + 1 :]]


def check_agent(status: StatusResult, settings: Settings) -> Sequence[CheckResult]:
    if status.document is not None:
        beat = status.document.heartbeat
        if beat.config_hash != settings.config_hash:
            return [CheckResult("agent", "agent-other-config")]
        return [CheckResult("agent", "agent-running", {"up": timedelta(seconds=beat.uptime_s)})]
    if status.other is not None:
        return [CheckResult("agent", "agent-other-id", {"other": status.other, "id": settings.gateway.id})]
    if status.failure is None:
        return [CheckResult("agent", "agent-stopped")]
    if status.closed:
        return [CheckResult("agent", "agent-closed")]
    return [CheckResult("agent", "agent-mute", {"reason": status.failure})]


def check_outbox(status: StatusResult, settings: Settings) -> Sequence[CheckResult]:
    if status.document is not None:
        return _of_agent(status.document.heartbeat)
    try:
        depth = waiting_count(settings.state_dir)
    except OutboxError as error:
        if isinstance(error.__cause__, PermissionError):
            return [CheckResult("outbox", "outbox-closed")]
        return [CheckResult("outbox", "outbox-unreadable", {"reason": str(error)})]
    if depth:
        return [CheckResult("outbox", "outbox-waiting", {"depth": depth})]
    return [CheckResult("outbox", "outbox-empty")]


IN_MEMORY = {"outbox-disk-failed", "outbox-in-memory"}
"""Codes of the reasons with which events are only in memory; other reasons are notes about the file."""


def _of_agent(heartbeat: Heartbeat) -> Sequence[CheckResult]:
    outbox, results = heartbeat.outbox, []
    if outbox.degraded:
        reason = reported_reason(heartbeat, "outbox", outbox.degraded)
        finding = "outbox-memory" if IN_MEMORY.intersection(codes_of(reason)) else "outbox-noted"
        results.append(CheckResult("outbox", finding, {"reason": reason}))
    if outbox.shed:
        results.append(CheckResult("outbox", "outbox-shed", {"shed": outbox.shed}))
    if outbox.depth and outbox.oldest_s > WAITING_TOO_LONG_S:
        results.append(CheckResult("outbox", "outbox-waiting", {"depth": outbox.depth}))
    elif outbox.depth:
        results.append(CheckResult("outbox", "outbox-sending", {"depth": outbox.depth}))
    return results or [CheckResult("outbox", "outbox-empty")]
