"""What lies below the agent, against what the board's profile asks for. It changes with a reboot only."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from edge_agent.config.model.boards import KernelSetting, Profile, Watchdog
from edge_agent.host.board.firmware import firmware_version, is_older
from edge_agent.host.board.sensors import read_text
from edge_agent.host.board.watchdog import ADVICE, is_other, read_watchdog


def platform_lines(profile: Profile, sysroot: Path = Path("/")) -> Iterator[str]:
    """One line for each thing that is not as the profile asks for, and what to do. What cannot be read is no
    reason for a line. May wait 2 s for vcgencmd."""
    if profile.platform is None:
        return
    firmware = profile.platform.firmware
    version = firmware_version(firmware, sysroot)
    if version is not None and firmware.minimum is not None and is_older(version, firmware.minimum):
        asks = f"older than {firmware.minimum}, which {profile.name} asks for"
        yield f"firmware: {firmware.name} {version} is {asks}: {firmware.update}"
    for setting in profile.platform.kernel:
        if kernel_has(setting, sysroot) is False:
            yield f"kernel: {setting.name} are off, {setting.why}: {setting.fix}"
    yield from _watchdog_lines(profile.platform.watchdog, sysroot)


def _watchdog_lines(wanted: Watchdog, sysroot: Path) -> Iterator[str]:
    """Only where the profile knows the timer of the board: nobody arms one of a PC that tries the agent."""
    state = read_watchdog(wanted, sysroot)
    if state is None or wanted.identity is None:
        return
    if is_other(wanted, state):
        yield f"watchdog: {state.identity} instead of {wanted.identity}, which resets the board: {ADVICE}"
    elif state.armed is False:
        yield f"watchdog: {wanted.identity} is not armed, nothing resets a box that hangs: {ADVICE}"


def kernel_has(setting: KernelSetting, sysroot: Path = Path("/")) -> bool | None:
    """Whether the running kernel offers it; None: it does not tell, here or to this user."""
    text = read_text(sysroot / setting.file)
    return None if text is None else setting.word in text.split()


def os_supported(profile: Profile, sysroot: Path = Path("/")) -> bool | None:
    """Whether the profile names this system; None: it does not say what it is."""
    release = os_release(sysroot)
    system, version = release.get("ID"), release.get("VERSION_ID")
    if profile.platform is None or system is None or version is None:
        return None
    return f"{system} {version}" in profile.platform.systems


def os_release(sysroot: Path = Path("/")) -> dict[str, str]:
    """``/etc/os-release``; empty where there is none."""
    lines = (read_text(sysroot / "etc/os-release") or "").splitlines()
    pairs = (line.partition("=") for line in lines)
    return {key: value.strip("\"'") for key, equals, value in pairs if equals}
