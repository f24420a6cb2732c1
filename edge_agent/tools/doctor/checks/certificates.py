"""The gateway's certificate and its CA: how long they are still valid."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from pathlib import Path

from edge_agent.config.model.settings import Mqtt
from edge_agent.host.health.degraded import CERTIFICATE_WARN_DAYS
from edge_agent.mqtt.causes import CertificateFileError
from edge_agent.mqtt.tls.certificates import CertificateValidity, ca_validity, own_validity
from edge_agent.tools.doctor.check import CheckResult, Figure


def check_certificates(mqtt: Mqtt, now: datetime, *, clock_trusted: bool) -> Sequence[CheckResult]:
    """Nothing where no broker is spoken to with TLS, and nothing of the system's trust store."""
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
        return CheckResult(check, "certificate-unread", {"reason": str(error)})
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
