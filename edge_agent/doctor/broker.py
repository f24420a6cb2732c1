"""The brokers: name, connection, certificates, and what the gateway may write there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edge_agent.config.settings import Broker, Settings
from edge_agent.doctor.check import Figure, Level, Result
from edge_agent.doctor.words import level_of
from edge_agent.errors import MqttError
from edge_agent.mqtt.probe import NotLetIn, Rights, reach, try_rights
from edge_agent.mqtt.topics import Topics

LIMIT_S = 14.5
NOBODY = "doctor"
"""No gateway has this id: whoever may write its topics may write everybody's."""
_OF_THE_ID = (0x85, 0x87)
"""Client identifier not valid, not authorized: MQTT 5.0, section 3.2.2.2."""


@dataclass(frozen=True, slots=True)
class BrokerCheck:
    """One broker. ``name`` is ``broker``, or ``broker-2`` where there are several."""

    name: str
    broker: Broker
    settings: Settings
    clock_trusted: bool
    agent_runs: bool
    agent_connected: bool

    def look(self) -> Sequence[Result]:
        trouble = reach(self.broker, self.settings.mqtt, self.clock_trusted)
        figures: dict[str, Figure] = {
            "address": f"{self.broker.host}:{self.broker.port}",
            "host": self.broker.host,
        }
        if trouble is not None:
            return [Result(self.name, f"broker-{trouble.kind}", {**figures, "text": trouble.text})]
        reached = Result(self.name, "broker-good" if self.broker.tls else "broker-plain", figures)
        login = self.settings.mqtt.credentials
        if login is not None and not login.password.reveal():
            return [reached, Result(f"{self.name}/rights", "rights-unread")]
        try:
            rights = self._rights()
        except NotLetIn as error:
            if self.agent_connected and error.reason in _OF_THE_ID:
                return [reached, Result(f"{self.name}/rights", "rights-own-id")]
            trouble = error.trouble
            return [Result(self.name, f"broker-{trouble.kind}", {**figures, "text": trouble.text})]
        except MqttError as error:
            return [Result(self.name, "broker-lost", {**figures, "text": str(error)})]
        return [reached, self._judged(rights)]

    def _rights(self) -> Rights:
        """Raises what ``try_rights`` raises."""
        gateway = self.settings.gateway.id
        try:
            return self._tried(f"{gateway}-doctor", keep_session=False)
        except NotLetIn as error:
            if self.agent_runs or error.reason not in _OF_THE_ID:
                raise
            return self._tried(gateway, keep_session=True)

    def _tried(self, client_id: str, *, keep_session: bool) -> Rights:
        own, foreign = self._topics
        return try_rights(self.broker, self.settings.mqtt, client_id, own, foreign, keep_session=keep_session)

    @property
    def _topics(self) -> tuple[str, str]:
        root, gateway = self.settings.mqtt.root, self.settings.gateway
        return Topics(root, gateway.ward, gateway.id).probe, Topics(root, gateway.ward, NOBODY).probe

    def _judged(self, rights: Rights) -> Result:
        check, (own, foreign) = f"{self.name}/rights", self._topics
        if rights.own is False:
            return Result(check, "rights-none", {"topic": own})
        if rights.own is None or rights.foreign is None:
            return Result(check, "rights-silent")
        return (
            Result(check, "rights-open", {"topic": foreign})
            if rights.foreign
            else Result(check, "rights-good")
        )


def broker_checks(
    settings: Settings, *, clock_trusted: bool, agent_runs: bool, agent_connected: bool
) -> list[BrokerCheck]:
    brokers = settings.mqtt.brokers
    names = ["broker"] if len(brokers) == 1 else [f"broker-{n}" for n in range(1, len(brokers) + 1)]
    return [
        BrokerCheck(name, broker, settings, clock_trusted, agent_runs, agent_connected)
        for name, broker in zip(names, brokers, strict=True)
    ]


def spare_brokers(results: Sequence[Result]) -> list[Result]:
    """Brokers are tried in turn: while one of them is good, another that is away is no fault of the site."""
    if not any(result.finding in ("broker-good", "broker-plain") for result in results):
        return list(results)
    return [
        Result(result.check, "broker-spare", result.figures) if _is_away(result) else result
        for result in results
    ]


def _is_away(result: Result) -> bool:
    return result.finding.startswith("broker-") and level_of(result) is Level.RED
