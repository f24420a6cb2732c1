"""``'auto' | base_watchdog(lines, machine)``: the hardware watchdog of a board, from its profile.

It uses the agent's own code, so that boards and profiles are recognised in one place only.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleFilterError

CHECKOUT = Path(__file__).resolve().parents[4]


def base_watchdog(board: str, lines: Iterable[str], machine: str) -> dict[str, Any]:
    """Return the watchdog settings of the board's profile.

    ``board``: a file name of firmware_profiles, or auto: then ``lines`` and ``machine`` of the gateway
    decide. ``lines``: of the device tree and DMI, as grep prints them: ``/sys/.../model:Raspberry Pi 5 ...``.
    """
    parts = [str(line).partition(":") for line in lines]
    names = {path.rpartition("/")[2]: text.strip("\0 \n\t") for path, _, text in parts}
    dmi = " ".join(names[key] for key in ("sys_vendor", "product_name") if names.get(key))
    if str(CHECKOUT) not in sys.path:
        sys.path.append(str(CHECKOUT))
    try:
        from edge_agent.config.board import BoardIdentity
        from edge_agent.config.profiles import profile_of
        from edge_agent.core.errors import ConfigError
    except ImportError as error:
        raise AnsibleFilterError(
            f"the profiles of the boards cannot be read ({error}): make deploy"
        ) from error
    try:
        profile = profile_of(str(board), BoardIdentity(names.get("model", ""), str(machine), dmi))
    except ConfigError as error:
        raise AnsibleFilterError(str(error)) from None
    if profile.platform is None:
        raise AnsibleFilterError(f"the profile {profile.name} has no watchdog")
    return {"profile": profile.name, **asdict(profile.platform.watchdog)}


class FilterModule:
    def filters(self) -> dict[str, Callable[..., dict[str, Any]]]:
        return {"base_watchdog": base_watchdog}
