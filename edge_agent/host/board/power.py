"""What the power supply of the board has promised."""

from __future__ import annotations

from pathlib import Path

from edge_agent.config.board import device_tree


def supply_ma(sysroot: Path = Path("/")) -> int | None:
    """What the supply said at boot that it can give at 5 V; None: the board does not negotiate.

    Source: Raspberry Pi documentation, "/chosen/power": ``max_current`` in mA, big endian; Pi 5 only.
    """
    try:
        return int.from_bytes((device_tree(sysroot) / "chosen/power/max_current").read_bytes()) or None
    except OSError:
        return None
