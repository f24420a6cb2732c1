"""The brokers: name, connection, certificates, and what the gateway may write there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edge_agent.config.model.settings import Broker, Settings
from edge_agent.core.errors import MqttError
from edge_agent.mqtt.tools.probe import ConnectRefused, try_connection, try_publish_rights
from edge_agent.tools.doctor.check import CheckLevel, CheckResult, Figure
from edge_agent.tools.doctor.checks.delivery import rights_result
from edge_agent.tools.doctor.words import level_of
from edge_agent.wire.topics import GatewayTopics

LIMIT_S = 14.5
GOOD = ("broker-good", "broker-plain")


@dataclass(frozen=True, slots=True)
class BrokerCheck:
    """One broker. ``name`` is ``broker``, or ``broker-2`` where there are several."""

    name: str
    broker: Broker
    settings: Settings
    clock_trusted: bool
    without_agent: bool  # no agent runs beside

    def run(self) -> Sequence[CheckResult]:
        trouble = try_connection(self.broker, self.settings.mqtt, self.clock_trusted)
        figures: dict[str, Figure] = {
            "address": f"{self.broker.host}:{self.broker.port}",
            "host": self.broker.host,
        }
        if trouble is not None:
            return [CheckResult(self.name, f"broker-{trouble.kind}", {**figures, "text": trouble.text})]
        reached = CheckResult(self.name, "broker-good" if self.broker.tls else "broker-plain", figures)
        check = f"{self.name}/rights"
        if not self.without_agent:
            return [reached]
        login = self.settings.mqtt.credentials
        if login is not None and not login.password.reveal():
            return [reached, CheckResult(check, "rights-unread")]
        topics = probe_topics(self.settings)
        try:
            rights = try_publish_rights(self.broker, self.settings.mqtt, self.settings.gateway.id, *topics)
        except ConnectRefused as error:
            trouble = error.connect_error
            return [CheckResult(self.name, f"broker-{trouble.kind}", {**figures, "text": trouble.text})]
        except MqttError as error:
            return [CheckResult(self.name, "broker-lost", {**figures, "text": str(error)})]
        return [reached, rights_result(check, rights.own, rights.foreign, topics)]


def probe_topics(settings: Settings) -> tuple[str, str]:
    """One of the gateway's own, and one of a gateway that does not exist."""
    topics = GatewayTopics(settings.mqtt.root, settings.gateway.ward, settings.gateway.id)
    return topics.probe, topics.foreign_probe


def is_good(results: Sequence[CheckResult]) -> bool:
    """Whether a broker answers and lets this gateway in."""
    return any(result.finding in GOOD for result in results)


def broker_checks(settings: Settings, *, alone: bool, clock_trusted: bool) -> list[BrokerCheck]:
    brokers = settings.mqtt.brokers
    return [
        BrokerCheck(name, broker, settings, clock_trusted, alone)
        for name, broker in zip(_names(settings), brokers, strict=True)
    ]


def _names(settings: Settings) -> list[str]:
    brokers = settings.mqtt.brokers
    return ["broker"] if len(brokers) == 1 else [f"broker-{n}" for n in range(1, len(brokers) + 1)]


def check_names(settings: Settings) -> list[str]:
    """What ``--accept`` takes; ``broker`` has what a running agent says, however many there are."""
    return list(dict.fromkeys(["broker", *_names(settings)]))


def spare_brokers(results: Sequence[CheckResult]) -> list[CheckResult]:
    """Brokers are tried in turn: while one of them is good, another that is away is no fault of the site."""
    if not is_good(results):
        return list(results)
    return [
        CheckResult(result.check, "broker-spare", result.figures) if _is_away(result) else result
        for result in results
    ]


def _is_away(result: CheckResult) -> bool:
    return result.finding.startswith("broker-") and level_of(result) is CheckLevel.RED
