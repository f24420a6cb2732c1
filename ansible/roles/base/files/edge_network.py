"""Writes the gateway's network settings, as root: the SIM card, a static address, the cameras' network.

``python3 -m edge_network apply`` reads JSON from its standard input (Ansible does this);
``python3 -m edge_network request`` reads the request of the page that a technician opens on a phone, started
by edge-agent-network.path. A key that is left out stays as it is; null removes the setting:

    {"sim": {"apn": "v-internet", "username": "", "password": "", "pin": "", "modem": ""},
     "lan": {"interface": "", "address": "10.0.0.9/24", "gateway": "10.0.0.1", "dns": ["10.0.0.1"]},
     "cameras": {"interface": "", "address": "10.0.1.1/24"}}

A wrong static address cannot cut the gateway off: it is always added beside DHCP, whose default route is
preferred (docs/decisions/0095, 0111). The cameras' network has no DHCP, unless it is set up on the port of
the default route: that port stays a client of DHCP, whose route is then the last one. The program is outside
of the releases and needs only Python.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import stat
import subprocess
import sys
import time
from collections.abc import Mapping, Set
from dataclasses import asdict
from pathlib import Path
from typing import Any

from edge_network_settings import (
    FORMER_NETWORKD,
    LAN,
    NETWORKD,
    SIM,
    Refused,
    SimCard,
    StaticAddress,
    asks_dhcp,
    lan_network,
    lan_profile,
    sim_card,
    sim_profile,
    static_address,
)

STATE = "var/lib/edge-agent-network/addresses.json"  # without the SIM card, whose settings have secrets
PROFILES = "etc/NetworkManager/system-connections"
MODEM_ONLY = "etc/NetworkManager/conf.d/50-edge-modem-only.conf"
NETWORKS = "etc/systemd/network"
REQUEST, ANSWER = "run/edge-agent-network/request.json", "run/edge-agent-network-root/answer.json"
MAX_BYTES = 4096
SIM_WAIT_S = 60
PIN_ATTEMPTS = 2
"""With fewer attempts left no PIN is tried: the last wrong one blocks the card."""
MODEM_WAIT_S = 30.0
"""ModemManager that has just started needs this long to find the modem."""
OFFLINE = "sim-offline"
"""Code of the answer for a card whose settings are written and that does not connect."""
UNLOCKED = ("--", "none", "sim-pin2", "sim-puk2")
"""mmcli's ``unlock-required`` of a card that has accepted its PIN or has none."""

ID = re.compile(r"[0-9a-f]{1,32}")


# --- interfaces ---


def wired_interfaces(root: Path) -> dict[str, bool]:
    """Wired interfaces by name; the value is True for hardware, False for a bridge or a VLAN."""
    found = {}
    for folder in sorted((root / "sys/class/net").glob("*")):
        radio = (folder / "wireless").exists() or folder.name.startswith(("wwan", "wl"))
        if _read(folder / "type") == "1" and not radio:
            found[folder.name] = (folder / "device").exists()
    return found


def chosen_interface(wanted: str, root: Path) -> str:
    """Return the interface of a setting. "": the only one that is hardware, or has the default route."""
    there = wired_interfaces(root)
    if wanted:
        candidates = [name for name in there if name == wanted]
    else:
        candidates = [name for name, is_hardware in there.items() if is_hardware]
    if len(candidates) > 1:
        routed = routed_interfaces(root)
        candidates = [name for name in candidates if name in routed]
    if len(candidates) != 1:
        names = ", ".join(there) or "none"
        raise Refused(f"name a wired interface; there is {names}", "interface", names)
    return candidates[0]


def routed_interfaces(root: Path) -> set[str]:
    """Interfaces with a default route now."""
    lines = [line.split("\t") for line in _read(root / "proc/net/route").splitlines()]
    return {words[0] for words in lines if words[1:2] == ["00000000"]}


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii", errors="replace").strip()
    except OSError:
        return ""


# --- applying ---


class Network:
    """The files and programs below ``root``. Its methods raise Refused, OSError and SubprocessError."""

    def __init__(self, root: Path = Path("/"), modem_wait_s: float = MODEM_WAIT_S) -> None:
        self.root = root
        self._modem_wait_s = modem_wait_s

    def apply(self, settings: Any, *, wait: bool) -> str:
        """Write and activate the settings; return what changed. ``wait``: until the SIM card is connected;
        without it only a card that asks for a new PIN is waited for."""
        if not isinstance(settings, dict) or not set(settings) <= {"sim", "lan", "cameras"}:
            raise Refused("the settings are sim, lan and cameras")
        # Everything is checked before anything is written.
        sim = sim_card(settings["sim"]) if settings.get("sim") is not None else None
        addresses = {
            key: None if settings[key] is None else static_address(settings[key], key)
            for key in ("lan", "cameras")
            if key in settings
        }
        changed = self._apply_addresses(addresses)
        if "sim" in settings and self._apply_sim(sim, wait=wait):
            changed.append("the SIM card")
        return ", ".join(changed)

    def _apply_addresses(self, asked: Mapping[str, StaticAddress | None]) -> list[str]:
        before = self._state()
        wanted = {**before, **asked}
        if not any(wanted.values()) and not any(before.values()):
            return []
        by_interface: dict[str, dict[str, StaticAddress]] = {}
        for key, each in wanted.items():
            if each is not None:
                by_interface.setdefault(chosen_interface(each.interface, self.root), {})[key] = each
        # The state is written last: after an activation that failed, the same settings are activated again.
        new = {
            name for name, keys in by_interface.items() if any(before.get(key) != keys[key] for key in keys)
        }
        changed = self._write_addresses(by_interface, new)
        state = {key: None if each is None else asdict(each) for key, each in wanted.items()}
        _write(self.root / STATE, json.dumps(state, indent=1) + "\n", 0o644)
        return changed

    def _state(self) -> dict[str, StaticAddress | None]:
        try:
            found = json.loads((self.root / STATE).read_bytes())
            return {key: static_address(found[key], key) if found.get(key) else None for key in found}
        except (OSError, ValueError, AttributeError, TypeError, Refused):
            return {}

    def _write_addresses(
        self, by_interface: Mapping[str, Mapping[str, StaticAddress]], new: Set[str]
    ) -> list[str]:
        """Write the files of the interfaces, remove those of others; return the changed interfaces. ``new``:
        interfaces with an address that was not active before."""
        networkd = self._uses_networkd()
        folder = self.root / (NETWORKS if networkd else PROFILES)
        prefix, suffix = (NETWORKD, ".network") if networkd else (LAN, ".nmconnection")
        new = new | self._rename_former()
        changed = []
        for name, each in by_interface.items():
            make, mode = (lan_network, 0o644) if networkd else (lan_profile, 0o600)
            path = folder / f"{prefix}{name}{suffix}"
            # Also if it had the route when the file was written: now its cable may be out.
            keeps_dhcp = name in routed_interfaces(self.root) or asks_dhcp(_read(path))
            text = make(name, each.get("lan"), each.get("cameras"), keeps_dhcp=keeps_dhcp)
            if _write(path, text, mode) or name in new:
                changed.append(name)
        gone = []
        for path in folder.glob(f"{prefix}*{suffix}"):
            name = path.name.removeprefix(prefix).removesuffix(suffix)
            if name not in by_interface:
                path.unlink()
                gone.append(name)
        if networkd:
            self._activate_networkd([*changed, *gone])
        elif changed or gone:
            self._activate_network_manager(changed, gone)
        return [*changed, *gone]

    def _rename_former(self) -> set[str]:
        """Give the files of networkd the prefix of today; return their interfaces."""
        renamed = set()
        for path in (self.root / NETWORKS).glob(f"{FORMER_NETWORKD}*.network"):
            name = path.name.removeprefix(FORMER_NETWORKD)
            path.replace(path.with_name(NETWORKD + name))
            renamed.add(name.removesuffix(".network"))
        return renamed

    def _uses_networkd(self) -> bool:
        """Whether systemd-networkd, not NetworkManager, manages the wired interfaces. Refused: neither."""
        if self._is_active("NetworkManager") and not (self.root / MODEM_ONLY).exists():
            return False
        if self._is_active("systemd-networkd"):
            return True
        raise Refused(
            "neither NetworkManager nor systemd-networkd manages the wired interface here: write the address "
            "into /etc/network/interfaces by hand",
            "by-hand",
        )

    def _is_active(self, service: str) -> bool:
        words = [str(self.root / "usr/bin/systemctl"), "is-active", "--quiet", service]
        return subprocess.run(words, check=False, timeout=30).returncode == 0

    def _activate_networkd(self, interfaces: list[str]) -> None:
        if interfaces:
            self._run("networkctl", "reload")
        for name in interfaces:
            self._run("networkctl", "reconfigure", name)

    def _activate_network_manager(self, changed: list[str], gone: list[str]) -> None:
        self._run("nmcli", "connection", "reload")
        for name in changed:
            # Without a DHCP server it never ends asking: do not wait.
            self._run("nmcli", "--wait", "0", "connection", "up", LAN + name)
        for name in gone:
            with contextlib.suppress(subprocess.CalledProcessError):  # its cable may be out
                self._run("nmcli", "--wait", "30", "device", "connect", name)

    def _apply_sim(self, sim: SimCard | None, *, wait: bool) -> bool:
        path = self.root / PROFILES / f"{SIM}.nmconnection"
        before = path.read_text(encoding="utf-8") if path.exists() else None
        if sim is None:
            path.unlink(missing_ok=True)
            if before is not None:
                self._run("nmcli", "connection", "reload")
            return before is not None
        text = sim_profile(sim)
        asks_for_pin = bool(sim.pin) and (wait or text != before) and self._may_try_pin()
        if changed := _write(path, text, 0o600):
            self._run("nmcli", "connection", "reload")
        if wait or asks_for_pin:
            self._connect(sim, path, before, must_connect=wait)
        return changed or wait

    def _connect(self, sim: SimCard, path: Path, before: str | None, *, must_connect: bool) -> None:
        """Connect the card. A PIN that it has not accepted is taken back, so that it is not tried again at
        each boot. Refused: that, or no connection if there must be one."""
        try:
            self._run("nmcli", "--wait", str(SIM_WAIT_S), "connection", "up", SIM)
        except subprocess.SubprocessError as error:
            if sim.pin and self._modem().get("unlock-required") not in UNLOCKED:
                self._restore(path, before)
                raise Refused(
                    f"the SIM card does not accept the PIN: {failure(error)}", "pin-wrong"
                ) from None
            if must_connect:
                raise Refused(f"written, but not connected: {failure(error)}", OFFLINE) from None

    def _restore(self, path: Path, before: str | None) -> None:
        if before is None:
            path.unlink(missing_ok=True)
        else:
            _write(path, before, 0o600)
        self._run("nmcli", "connection", "reload")

    def _may_try_pin(self) -> bool:
        """Return whether a card asks for a PIN now. Refused: another wrong one could block it."""
        until_mono = time.monotonic() + self._modem_wait_s
        while not (modem := self._modem()) and time.monotonic() < until_mono:
            time.sleep(1.0)
        attempts = re.search(r"sim-pin \((\d+)\)", str(modem.get("unlock-retries")))
        if attempts is not None and int(attempts[1]) < PIN_ATTEMPTS:
            raise Refused("the SIM card accepts one more PIN only: unblock it in a phone first", "pin-last")
        return modem.get("unlock-required") == "sim-pin"

    def _modem(self) -> dict[str, Any]:
        """What mmcli says of the modem; empty without one."""
        words = [str(self.root / "usr/bin/mmcli"), "-m", "any", "-J"]
        done = subprocess.run(words, check=False, capture_output=True, timeout=30)
        try:
            found = json.loads(done.stdout)["modem"]["generic"]
        except (ValueError, LookupError, TypeError):
            return {}
        return found if isinstance(found, dict) else {}

    def _run(self, program: str, *words: str) -> None:
        subprocess.run(
            [str(self.root / "usr/bin" / program), *words],
            check=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=SIM_WAIT_S + 30,
        )


def _write(path: Path, text: str, mode: int) -> bool:
    """Replace a file in one step; False if it has this content already."""
    if path.exists() and path.read_text(encoding="utf-8") == text:
        return False
    path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    new = path.with_name(f".{path.name}.new")
    new.unlink(missing_ok=True)
    handle = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        os.fchmod(file.fileno(), mode)
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
    return True


# --- the request of the page ---


def answer_request(network: Network) -> str:
    """Delete the request, apply it, and write the answer. Return the outcome."""
    found = _read_request(network.root / REQUEST)
    if found is None:
        return "no request"
    id_, outcome, detail, code, names = "", "done", "", "", ""
    try:
        request = json.loads(found)
        if not isinstance(request, dict) or not ID.fullmatch(str(request.get("id"))):
            raise Refused("the request has no id")
        id_ = request.pop("id")
        detail = network.apply(request, wait=True)
    except (Refused, OSError, ValueError, RecursionError, subprocess.SubprocessError) as error:
        outcome, detail = "failed", failure(error)
        if isinstance(error, Refused):
            outcome = "failed" if error.code == OFFLINE else "refused"
            code, names = error.code, error.names
    answer = {"id": id_, "outcome": outcome, "detail": detail[:500], "code": code, "names": names[:200]}
    _write(network.root / ANSWER, json.dumps(answer), 0o644)
    print(f"{outcome}: {detail}")
    return outcome


def _read_request(path: Path) -> bytes | None:
    """Read and delete the request. The agent's user owns the folder: follow no symbolic link."""
    try:
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError:
        return None
    try:
        handle = os.open(path.name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
        with os.fdopen(handle, "rb") as file:
            is_file = stat.S_ISREG(os.fstat(file.fileno()).st_mode)
            return file.read(MAX_BYTES) if is_file else b""
    except OSError:
        return None
    finally:
        with contextlib.suppress(OSError):
            os.unlink(path.name, dir_fd=folder)
        os.close(folder)


def failure(error: Exception) -> str:
    """Return why nothing, or not everything, was applied. The text contains no profile, since profiles have
    secrets."""
    if isinstance(error, subprocess.TimeoutExpired):
        return f"{Path(error.cmd[0]).name} took longer than {error.timeout:.0f} s"
    if isinstance(error, subprocess.CalledProcessError):
        said = (error.output or b"").decode(errors="replace").strip()
        return f"{Path(error.cmd[0]).name} ended with {error.returncode}: {said[-300:]}"
    return str(error) if isinstance(error, Refused) else f"{type(error).__name__}: {error}"


def main(words: list[str]) -> int:
    if words == ["request"]:
        answer_request(Network())
        return 0
    if words != ["apply"]:
        print("usage: python3 -m edge_network apply|request", file=sys.stderr)
        return 2
    try:
        changed = Network().apply(json.load(sys.stdin), wait=False)
    except (Refused, OSError, ValueError, subprocess.SubprocessError) as error:
        print(failure(error), file=sys.stderr)
        return 1
    print(f"changed: {changed}" if changed else "unchanged")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
