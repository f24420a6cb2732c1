"""Switches the power of a PoE port over SNMP (RFC 3621, ``pethPsePortAdminEnable``), by Debian's ``snmpget``
and ``snmpset``.

The programs run only when a port is switched, so that no SNMP library stays in the agent's memory. Community
and passphrases are in a file of this user, never among the arguments, which all users of the gateway can
read.
"""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from pathlib import Path
from typing import Protocol

from edge_agent.config.model.camera_parts import PoePort
from edge_agent.core.errors import EdgeAgentError
from edge_agent.core.secrets import Secret

ADMIN_ENABLE = "1.3.6.1.2.1.105.1.1.1.3"
"""pethPsePortAdminEnable; group and port are appended. 1: the port delivers power; 2: it does not."""
ON, OFF = 1, 2
TIMEOUT_S, RETRIES = 3, 1
PROCESS_TIMEOUT_S = 20.0
_PACKAGE = "install Debian's package snmp"


class SwitchFailed(EdgeAgentError):
    """The switch gives no usable answer, or refuses."""


class PowerSwitch(Protocol):
    """The interface of ``SwitchPort``; tests have a fake of it."""

    def is_on(self) -> bool:
        """Return whether the switch is set to deliver power. Raises ``SwitchFailed``."""

    def set_power(self, on: bool) -> None:
        """Set whether the switch delivers power. Raises ``SwitchFailed``."""


class SwitchPort:
    """One port of a switch. Each call blocks for up to ``PROCESS_TIMEOUT_S``."""

    def __init__(self, poe: PoePort) -> None:
        self._poe = poe
        self._oid = f"{ADMIN_ENABLE}.{poe.group}.{poe.port}"

    def is_on(self) -> bool:
        return self._answer("snmpget", self._oid) == ON

    def set_power(self, on: bool) -> None:
        value = ON if on else OFF
        if self._answer("snmpset", self._oid, "i", str(value)) != value:
            raise SwitchFailed(
                f"switch {self._poe.switch}: port {self._poe.port} did not take over the setting"
            )

    def _answer(self, program: str, *request: str) -> int:
        try:
            with tempfile.TemporaryDirectory(prefix="edge-agent-snmp-") as folder:
                path = Path(folder) / "snmp.conf"
                path.touch(mode=0o600)
                path.write_text(snmp_conf(self._poe), encoding="utf-8")
                done = self._run(program, folder, request)
        except OSError as error:
            why = error.strerror or type(error).__name__
            raise SwitchFailed(f"the file for {program} cannot be written: {why}") from error
        return self._parsed(done.stdout, done.stderr)

    def _run(self, program: str, folder: str, request: tuple[str, ...]) -> subprocess.CompletedProcess[str]:
        environment = {
            "PATH": os.environ.get("PATH", "/usr/bin:/bin"),
            "SNMPCONFPATH": folder,
            "SNMP_PERSISTENT_DIR": folder,
        }
        # Numbers only: no MIB file is needed.
        options = ["-m", "", "-O", "qv", "-t", str(TIMEOUT_S), "-r", str(RETRIES)]
        try:
            return subprocess.run(
                [program, *options, self._poe.switch, *request],
                env=environment,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=PROCESS_TIMEOUT_S,
                check=False,
            )
        except FileNotFoundError as error:
            raise SwitchFailed(f"{program} is missing: {_PACKAGE}") from error
        except (OSError, subprocess.TimeoutExpired) as error:
            raise SwitchFailed(f"switch {self._poe.switch}: {type(error).__name__}") from error

    def _parsed(self, output: str, complaint: str) -> int:
        if re.fullmatch(r"[12]", output.strip()):
            return int(output)
        # the texts are such as "Timeout: No Response from ...", "No Such Instance ...", "Reason: notWritable"
        lines = [line.strip() for line in f"{complaint}\n{output}".splitlines() if line.strip()]
        lines = [line for line in lines if not line.startswith("Created directory")]  # only names the folder
        why = " ".join(line for line in lines if line.isprintable())[:120] or "no answer"
        raise SwitchFailed(f"switch {self._poe.switch}, port {self._poe.port}: {why}")


def snmp_conf(poe: PoePort) -> str:
    """Return the configuration of the programs: version 2c with a community, or 3 with SHA and AES."""
    password = _quoted(poe.password)
    if poe.username is None:
        return f"defVersion 2c\ndefCommunity {password}\n"
    privacy = _quoted(poe.privacy or poe.password)
    return (
        f"defVersion 3\ndefSecurityLevel authPriv\ndefSecurityName {poe.username}\n"
        f"defAuthType SHA\ndefAuthPassphrase {password}\ndefPrivType AES\ndefPrivPassphrase {privacy}\n"
    )


def _quoted(secret: Secret) -> str:
    escaped = secret.reveal().replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
