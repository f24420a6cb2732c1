"""Whether the hardware watchdog of the board is there and armed: systemd arms it, the kernel tells.

Source: Linux ``Documentation/ABI/testing/sysfs-class-watchdog``.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edge_agent.config.model.boards import Watchdog
from edge_agent.host.board.sensors import read_number, read_text

ADVICE = "run depot.yml again, it has systemd arm it"


@dataclass(frozen=True, slots=True)
class WatchdogState:
    """Of the device that the profile names. None: the kernel does not tell."""

    identity: str | None
    armed: bool | None
    timeout_s: int | None


def read_watchdog(wanted: Watchdog, sysroot: Path = Path("/")) -> WatchdogState | None:
    """None where there is no such device, or the kernel tells nothing of watchdogs."""
    name = Path(wanted.device).name
    node = sysroot / "sys/class/watchdog" / (name if name != "watchdog" else "watchdog0")
    if not node.is_dir():
        return None
    state = read_text(node / "state")
    return WatchdogState(
        identity=read_text(node / "identity") or None,
        armed=None if state is None else state == "active",
        timeout_s=read_number(node / "timeout"),
    )


def is_other(wanted: Watchdog, state: WatchdogState) -> bool:
    """Whether another timer answers than the board has; one in software hangs with the kernel."""
    return None not in (wanted.identity, state.identity) and state.identity != wanted.identity
