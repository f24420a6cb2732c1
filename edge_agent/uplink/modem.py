"""The modem as ModemManager describes it on D-Bus: properties of its objects become one ``ModemReading``.

Names and numbers are those of ModemManager's interface, version 1.24
(https://www.freedesktop.org/software/ModemManager/api/latest/). A value that this module does not know is
reported as unknown, never an error: ModemManager is not part of the release.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from edge_agent.core.printable import printable

SERVICE = "org.freedesktop.ModemManager1"
MODEM, REGISTERED, BEARER = f"{SERVICE}.Modem", f"{SERVICE}.Modem.Modem3gpp", f"{SERVICE}.Bearer"

STATES = {
    -1: "failed",
    1: "initializing",
    2: "locked",
    3: "disabled",
    4: "disabling",
    5: "enabling",
    6: "enabled",
    7: "searching",
    8: "registered",
    9: "disconnecting",
    10: "connecting",
    11: "connected",
}
"""MMModemState."""
FAILED = {2: "sim-missing", 3: "sim-error"}
"""MMModemStateFailedReason; all others are ``unknown``."""
LOCKS = {2: "sim-pin", 4: "sim-puk"}
"""MMModemLock. Locks that do not prevent a connection, such as PIN2, count as none."""
FREE = {0, 1, 3, 5}
REGISTRATIONS = {
    0: "idle",
    1: "home",
    2: "searching",
    3: "denied",
    5: "roaming",
    6: "home",
    7: "roaming",
    8: "emergency",
    9: "home",
    10: "roaming",
}
"""MMModem3gppRegistrationState; the variants for SMS and CSFB count as their network."""
TECHNOLOGIES = (
    (15, "5G"),
    (14, "LTE"),
    (16, "LTE-M"),
    (17, "NB-IoT"),
    (9, "HSPA+"),
    (8, "HSPA"),
    (7, "HSPA"),
    (6, "HSPA"),
    (5, "UMTS"),
    (4, "EDGE"),
    (3, "GPRS"),
    (1, "GSM"),
)
"""Bits of MMModemAccessTechnology, the fastest first."""
MAX_TEXT = 40
"""Longest operator name that is reported."""

Properties = Mapping[str, Any]
Objects = Mapping[str, Mapping[str, Properties]]  # path -> interface -> properties


@dataclass(frozen=True, slots=True)
class BearerCount:
    """Bytes of one bearer since it was created, as the modem counts them."""

    path: str
    sent: int
    received: int


@dataclass(frozen=True, slots=True)
class ModemReading:
    """One modem at one moment."""

    state: str  # one of STATES, ``unknown``, or ``missing``: ModemManager runs and has no modem
    port: str = ""  # name of the control port, such as cdc-wdm0
    failed: str | None = None  # why the state is ``failed``
    lock: str | None = None  # ``sim-pin``, ``sim-puk`` or ``other``
    pin_attempts: int | None = None  # how often the PIN may be tried before the card requires its PUK
    registration: str = "unknown"
    operator: str = ""
    operator_code: str = ""  # MCC and MNC
    technology: str | None = None
    signal_percent: int | None = None
    bearers: tuple[BearerCount, ...] = ()
    source: str = ""  # the process of ModemManager: in a new process the bearers count from 0 again


def chosen_modem(objects: Objects) -> Mapping[str, Properties] | None:
    """Return the interfaces of the modem that is closest to being connected; None without a modem.

    Some boards have a second modem, without a SIM card.
    """
    modems = [objects[path] for path in sorted(objects) if MODEM in objects[path]]
    return max(modems, key=lambda interfaces: _number(interfaces[MODEM], "State", 0), default=None)


def bearer_paths(interfaces: Mapping[str, Properties]) -> list[str]:
    found = interfaces[MODEM].get("Bearers")
    return [path for path in found if isinstance(path, str)] if isinstance(found, list) else []


def modem_reading(
    interfaces: Mapping[str, Properties], bearers: Mapping[str, Properties], source: str
) -> ModemReading:
    """Make a reading of the modem's properties. ``bearers``: path -> properties of the bearer."""
    modem, network = interfaces[MODEM], interfaces.get(REGISTERED, {})
    state = STATES.get(_number(modem, "State", 0), "unknown")
    technologies = _number(modem, "AccessTechnologies", 0)
    return ModemReading(
        state=state,
        port=_text(modem, "PrimaryPort"),
        failed=FAILED.get(_number(modem, "StateFailedReason", 0), "unknown") if state == "failed" else None,
        lock=_lock(_number(modem, "UnlockRequired", 1)),
        pin_attempts=_pin_attempts(modem.get("UnlockRetries")),
        registration=REGISTRATIONS.get(_number(network, "RegistrationState", 4), "unknown"),
        operator=_text(network, "OperatorName"),
        operator_code=_text(network, "OperatorCode"),
        technology=next((name for bit, name in TECHNOLOGIES if technologies >> bit & 1), None),
        signal_percent=_signal(modem.get("SignalQuality")),
        bearers=tuple(_counts(bearers)),
        source=source,
    )


def _lock(number: int) -> str | None:
    return None if number in FREE else LOCKS.get(number, "other")


def _pin_attempts(retries: object) -> int | None:
    found = retries.get(2) if isinstance(retries, dict) else None
    return found if isinstance(found, int) else None


def _signal(quality: object) -> int | None:
    """Return the percent of ``(percent, measured recently)``, 0 if not registered; None for another form."""
    if isinstance(quality, tuple) and quality and isinstance(quality[0], int):
        return min(max(quality[0], 0), 100)
    return None


def _counts(bearers: Mapping[str, Properties]) -> Iterator[BearerCount]:
    """Yield each bearer's counts. ``total-*`` includes earlier sessions; absent before ModemManager 1.16."""
    for path, properties in bearers.items():
        stats = properties.get("Stats")
        if isinstance(stats, dict):
            plain = {name: value for name, (_, value) in stats.items()}
            sent, received = (
                max(_number(plain, f"total-{name}", 0), _number(plain, name, 0))
                for name in ("tx-bytes", "rx-bytes")
            )
            yield BearerCount(path, sent, received)


def _number(properties: Properties, name: str, default: int) -> int:
    value = properties.get(name)
    return value if isinstance(value, int) else default


def _text(properties: Properties, name: str) -> str:
    value = properties.get(name)
    return printable(value)[:MAX_TEXT] if isinstance(value, str) else ""
