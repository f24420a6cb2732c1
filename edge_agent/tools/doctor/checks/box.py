"""Checks of the gateway: configuration, board, clock, disk, temperature and power."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from edge_agent import __version__
from edge_agent.config.board import read_board
from edge_agent.config.model.boards import Profile, Thermal, Watchdog
from edge_agent.config.model.settings import Settings
from edge_agent.config.profiles import detected_profile
from edge_agent.core.clock import Clock
from edge_agent.host.board.platform import (
    firmware_version,
    is_older,
    is_other,
    kernel_has,
    os_supported,
    read_watchdog,
    supply_ma,
)
from edge_agent.host.board.sensors import Thermometer, ThrottleSensors
from edge_agent.host.health.birth import os_name
from edge_agent.host.health.clock_sync import ClockState, KernelSync, read_clock_state
from edge_agent.tools.doctor.check import CheckResult, Figure


def check_config(settings: Settings, unread: str | None) -> Sequence[CheckResult]:
    """``unread``: why a password or key file could not be read; None if all were read."""
    results = [CheckResult("config", "secrets-unread", {"first": unread})] if unread else []
    if settings.warnings:
        figures: dict[str, Figure] = {"count": len(settings.warnings), "first": settings.warnings[0]}
        return [*results, CheckResult("config", "config-doubtful", figures)]
    if results:
        return results
    valid: dict[str, Figure] = {"cameras": len(settings.cameras), "hash": settings.config_hash[:12]}
    return [CheckResult("config", "config-good", valid)]


def check_board(settings: Settings, sysroot: Path) -> Sequence[CheckResult]:
    """Check the board against its profile. May wait 2 s for vcgencmd."""
    board, profile = read_board(sysroot), settings.profile
    figures: dict[str, Figure] = {
        "board": board.name,
        "profile": profile.name,
        "os": os_name(sysroot),
        "version": __version__,
    }
    better = detected_profile(board)
    if better is not None and better != profile.name:
        first = CheckResult(
            "board", "board-other", {**figures, "said": profile.description, "better": better}
        )
    else:
        first = CheckResult("board", "board-known", figures)
    return [first, *_below(profile, sysroot, figures)]


def _below(profile: Profile, sysroot: Path, figures: dict[str, Figure]) -> Iterator[CheckResult]:
    """Check the requirements of the profile on system, firmware and kernel."""
    if profile.platform is None:
        return
    if os_supported(profile, sysroot) is False:
        yield CheckResult("board/os", "os-other", {**figures, "wanted": ", ".join(profile.platform.systems)})
    firmware = profile.platform.firmware
    version = firmware_version(firmware, sysroot)
    values: dict[str, Figure] = {
        "name": firmware.name,
        "minimum": firmware.minimum or "",
        "fix": firmware.update or "",
    }
    if version is None:
        yield CheckResult("board/firmware", "firmware-unknown", values)
    elif firmware.minimum is not None and is_older(version, firmware.minimum):
        yield CheckResult("board/firmware", "firmware-old", {**values, "version": version})
    else:
        yield CheckResult("board/firmware", "firmware-good", {**values, "version": version})
    for setting in profile.platform.kernel:
        if kernel_has(setting, sysroot) is False:
            reasons: dict[str, Figure] = {"name": setting.name, "why": setting.why, "fix": setting.fix}
            yield CheckResult("board/kernel", "kernel-off", reasons)
    yield _watchdog(profile.platform.watchdog, sysroot)


def _watchdog(wanted: Watchdog, sysroot: Path) -> CheckResult:
    """Check the watchdog. ``wanted``: as role base sets it."""
    state = read_watchdog(wanted, sysroot)
    figures: dict[str, Figure] = {
        "device": wanted.device,
        "identity": wanted.identity or "",
        "wanted_s": wanted.timeout_s,
    }
    if state is None:
        return CheckResult(
            "board/watchdog", "watchdog-missing" if wanted.identity else "watchdog-unknown", figures
        )
    values = {**figures, "found": state.identity or wanted.device, "timeout_s": state.timeout_s or 0}
    if is_other(wanted, state):
        return CheckResult("board/watchdog", "watchdog-other", values)
    if state.armed is None:
        return CheckResult("board/watchdog", "watchdog-unknown", values)
    return CheckResult("board/watchdog", "watchdog-armed" if state.armed else "watchdog-off", values)


def read_clock(
    settings: Settings, clock: Clock, sysroot: Path, kernel: Callable[[], KernelSync | None]
) -> ClockState:
    return read_clock_state(settings.state_dir / "clock.json", clock, sysroot, kernel)


def check_clock(state: ClockState, clock: Clock, settings: Settings) -> Sequence[CheckResult]:
    shown = clock.now().astimezone(settings.gateway.timezone)
    if not state.trusted:
        return [CheckResult("clock", "clock-not-set", {"time": shown})]
    if not state.synced:
        return [CheckResult("clock", "clock-unsynced", {"time": shown})]
    return [CheckResult("clock", "clock-synced", {"source": state.source or "kernel"})]


def check_temperature(thermal: Thermal, sysroot: Path, step: int = 0) -> Sequence[CheckResult]:
    """Check the temperature. ``step``: of the thermal ladder in a running agent."""
    ladder = [CheckResult("temperature/ladder", "heat-step", {"step": step})] if step else []
    return [_temperature(thermal, sysroot), *ladder]


def _temperature(thermal: Thermal, sysroot: Path) -> CheckResult:
    celsius = Thermometer(sysroot, thermal.sensors).read_c()
    if celsius is None:
        return CheckResult("temperature", "temperature-unknown")
    figures = {"celsius": celsius, "warn_c": thermal.warn_c, "critical_c": thermal.critical_c}
    if celsius >= thermal.critical_c:
        return CheckResult("temperature", "temperature-hot", figures)
    warm = celsius >= thermal.warn_c
    return CheckResult("temperature", "temperature-warm" if warm else "temperature-good", figures)


def check_power(profile: Profile, sysroot: Path, clock: Clock) -> Sequence[CheckResult]:
    sensors = ThrottleSensors(sysroot, clock, nodes=profile.alarm_nodes)
    now = sensors.read()
    if now.undervoltage:
        first = "power-undervoltage"
    elif now.throttled:
        first = "power-throttled"
    elif sensors.had_undervoltage_since_boot():
        first = "power-was-low"
    else:
        known = now.undervoltage is not None or now.throttled is not None
        first = "power-good" if known else "power-unknown"
    return [CheckResult("power", first), *_supply(profile, sysroot)]


def _supply(profile: Profile, sysroot: Path) -> Iterator[CheckResult]:
    wanted = profile.platform.power if profile.platform else None
    has_ma = supply_ma(sysroot)
    if wanted and wanted.minimum_ma and has_ma is not None and has_ma < wanted.minimum_ma:
        figures: dict[str, Figure] = {
            "has_ma": has_ma,
            "minimum_ma": wanted.minimum_ma,
            "supply": wanted.supply,
        }
        yield CheckResult("power/supply", "supply-small", figures)
