"""Checks of the brokers: name, connection, certificates, and the topics to which the gateway may publish.
Also checks how long the gateway's certificate and its CA are still valid."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from edge_agent.config.model.settings import Broker, Mqtt, Settings
from edge_agent.core.errors import MqttError
from edge_agent.core.problems import error_text
from edge_agent.host.health.degraded import CERTIFICATE_WARN_DAYS
from edge_agent.mqtt.connect_errors import CertificateFileError, ConnectError
from edge_agent.mqtt.connect_errors import ConnectErrorKind as Kind
from edge_agent.mqtt.tls.certificates import CertificateValidity, ca_validity, own_validity
from edge_agent.mqtt.tools.probe import try_connection, try_publish_rights
from edge_agent.mqtt.tools.tool_client import ConnectRefused
from edge_agent.tools.doctor.check import CheckLevel, CheckResult, Figure
from edge_agent.tools.doctor.checks.delivery import rights_result
from edge_agent.tools.doctor.words import level_of
from edge_agent.wire.topics import GatewayTopics

LIMIT_S = 14.5
GOOD = ("broker-good", "broker-plain")
PLACEHOLDER = b"edge-agent: not confirmed yet"
"""First bytes of the temporary certificate that commissioning makes, as root, for a claimed site."""
NO_UPLINK = (Kind.DNS, Kind.UNREACHABLE, Kind.TIMEOUT)
OWN_REFUSED = (Kind.OWN_REJECTED, Kind.OWN_MISSING, Kind.OWN_EXPIRED, Kind.NOT_AUTHORISED)


@dataclass(frozen=True, slots=True)
class BrokerCheck:
    """Checks one broker. ``name`` is ``broker``, or ``broker-2`` and so on for several."""

    name: str
    broker: Broker
    settings: Settings
    clock_trusted: bool
    without_agent: bool  # no agent runs on this gateway

    def run(self) -> Sequence[CheckResult]:
        trouble = try_connection(self.broker, self.settings.mqtt, self.clock_trusted)
        figures: dict[str, Figure] = {
            "address": f"{self.broker.host}:{self.broker.port}",
            "host": self.broker.host,
        }
        if is_unconfirmed(self.settings.mqtt) and (finding := _unconfirmed(trouble)) is not None:
            return [CheckResult(self.name, finding, figures)]
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


def is_unconfirmed(mqtt: Mqtt) -> bool:
    """Return whether the gateway got its site by a claim that the centre has not confirmed yet. It then has
    a certificate that it signed itself, and no broker accepts that."""
    if mqtt.cert_file is None:
        return False
    try:
        with mqtt.cert_file.open("rb") as file:
            return file.read(len(PLACEHOLDER)) == PLACEHOLDER
    except OSError:
        return False


def _unconfirmed(trouble: ConnectError | None) -> str | None:
    """Return the finding of an unconfirmed site; None if the broker has another fault. ``trouble`` may be
    None: with TLS 1.3 the handshake succeeds before the broker refuses the certificate."""
    if trouble is None or trouble.kind in OWN_REFUSED:
        return "broker-unconfirmed"
    return "broker-offline" if trouble.kind in NO_UPLINK else None


def without_time_server(results: Sequence[CheckResult]) -> list[CheckResult]:
    """Lower the level of the clock's finding at an unconfirmed site without an uplink: without an uplink the
    gateway cannot reach a time server."""
    brokers = [result.finding for result in results if result.finding.startswith("broker-")]
    if not brokers or any(finding != "broker-offline" for finding in brokers):
        return list(results)
    lowered = {"clock-unsynced": "clock-offline", "clock-not-set": "clock-not-set-offline"}
    return [replace(result, finding=lowered.get(result.finding, result.finding)) for result in results]


def probe_topics(settings: Settings) -> tuple[str, str]:
    """Return a topic of this gateway, and one of a gateway that does not exist."""
    topics = GatewayTopics(settings.mqtt.root, settings.gateway.ward, settings.gateway.id)
    return topics.probe, topics.foreign_probe


def is_good(results: Sequence[CheckResult]) -> bool:
    """Return whether at least one broker answers and accepts this gateway."""
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
    """Return the names for ``--accept``. ``broker`` is always among them: it covers what a running agent
    reports, also if there are several brokers."""
    return list(dict.fromkeys(["broker", *_names(settings)]))


def spare_brokers(results: Sequence[CheckResult]) -> list[CheckResult]:
    """Lower the level of brokers with a fault if another is good, because the agent tries them in turn."""
    if not is_good(results):
        return list(results)
    return [
        CheckResult(result.check, "broker-spare", result.figures)
        if result.finding.startswith("broker-") and level_of(result) is CheckLevel.RED
        else result
        for result in results
    ]


def check_certificates(mqtt: Mqtt, now: datetime, *, clock_trusted: bool) -> Sequence[CheckResult]:
    """Check certificates. Empty without TLS; the system's trust store is not checked."""
    return list(_all(mqtt, now, clock_trusted)) if any(broker.tls for broker in mqtt.brokers) else []


def _all(mqtt: Mqtt, now: datetime, clock_trusted: bool) -> Iterator[CheckResult]:
    if mqtt.cert_file is not None:
        yield _judged("certificate", mqtt.cert_file, lambda _: own_validity(mqtt), now, clock_trusted)
    if mqtt.ca_file is not None:
        yield _judged("certificate/ca", mqtt.ca_file, ca_validity, now, clock_trusted)


def _judged(
    check: str, path: Path, read: Callable[[Path], CertificateValidity], now: datetime, clock_trusted: bool
) -> CheckResult:
    try:
        valid = read(path)
    except CertificateFileError as error:
        return CheckResult(check, "certificate-unread", {"reason": error_text(error)})
    days = (valid.end - now).days
    figures: dict[str, Figure] = {
        "file": path.name,
        "start": valid.start.date(),
        "end": valid.end.date(),
        "days": days,
    }
    if not clock_trusted:
        return CheckResult(check, "certificate-unjudged", figures)
    if now >= valid.end:
        return CheckResult(check, "certificate-expired", figures)
    if now < valid.start:
        return CheckResult(check, "certificate-early", figures)
    return CheckResult(
        check, "certificate-ending" if days < CERTIFICATE_WARN_DAYS else "certificate-good", figures
    )
