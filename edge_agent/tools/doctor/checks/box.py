"""Checks of the gateway: configuration, board, clock, disk, temperature and power."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from edge_agent import __version__
from edge_agent.config.board import read_board
from edge_agent.config.model.boards import Profile, Thermal, Watchdog
from edge_agent.config.model.settings import Settings
from edge_agent.config.profiles import detected_profile
from edge_agent.core.clock import Clock
from edge_agent.core.errors import OS_REASONS
from edge_agent.core.languages import Bilingual, named_in_both
from edge_agent.evidence.media_index import read_media_index
from edge_agent.host.board.platform import (
    disk_of,
    firmware_version,
    is_older,
    is_other,
    kernel_has,
    os_supported,
    read_watchdog,
    supply_ma,
)
from edge_agent.host.board.sensors import Thermometer, ThrottleSensors, is_raspberry_pi
from edge_agent.host.health.birth import os_name
from edge_agent.host.health.clock_sync import ClockState
from edge_agent.host.health.degraded import DISK_FULL_PERCENT
from edge_agent.host.local_api.status_words import STATUS
from edge_agent.tools.doctor.check import CheckResult, Figure
from edge_agent.tools.doctor.checks.reported import codes_of, reported_reason
from edge_agent.wire import Heartbeat


def check_config(settings: Settings, unread: str | None) -> Sequence[CheckResult]:
    """Check the configuration. ``unread``: why a password or key file could not be read; None if all were."""
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
    unknown = Bilingual("unknown board", "không rõ loại bo mạch")
    figures: dict[str, Figure] = {
        "board": unknown if board.name == "unknown" else board.name,
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
    """Check the watchdog. ``wanted``: the values to which the Ansible role ``base`` sets it."""
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


CLOCK_OFF_MS = 1000.0  # people read the times of events in seconds


def check_clock(state: ClockState, clock: Clock, settings: Settings) -> Sequence[CheckResult]:
    shown = clock.now().astimezone(settings.gateway.timezone)
    if not state.trusted:
        return [CheckResult("clock", "clock-not-set", {"time": shown})]
    if not state.synced:
        return [CheckResult("clock", "clock-unsynced", {"time": shown})]
    if abs(state.offset_ms or 0.0) >= CLOCK_OFF_MS:
        figures: dict[str, Figure] = {"time": shown, "off_s": abs(state.offset_ms or 0.0) / 1000}
        return [CheckResult("clock", "clock-off", figures)]
    source = named_in_both(STATUS, "source", [state.source or "kernel"])
    return [CheckResult("clock", "clock-synced", {"source": source})]


def check_temperature(thermal: Thermal, sysroot: Path, step: int = 0) -> Sequence[CheckResult]:
    """Check the temperature. ``step``: the running agent's step on the thermal ladder."""
    ladder = [CheckResult("temperature/ladder", "heat-step", {"step": step})] if step else []
    celsius = Thermometer(sysroot, thermal.sensors).read_c()
    if celsius is None:
        return [CheckResult("temperature", "temperature-unknown"), *ladder]
    figures = {"celsius": celsius, "warn_c": thermal.warn_c, "critical_c": thermal.critical_c}
    if celsius >= thermal.critical_c:
        return [CheckResult("temperature", "temperature-hot", figures), *ladder]
    finding = "temperature-warm" if celsius >= thermal.warn_c else "temperature-good"
    return [CheckResult("temperature", finding, figures), *ladder]


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
        unknown = "power-unread" if is_raspberry_pi(sysroot) else "power-unknown"
        first = "power-good" if known else unknown
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


COMMITS = 16
COMMIT_BYTES = 4096  # the outbox writes about twice as much for one event
BULK_BYTES = 4_000_000  # 4.1 MB together with the commits, which is 1/8,000 of a 32 GB card
MIN_FREE_BYTES = 5 * BULK_BYTES  # with less, the test itself could fill the disk that the agent needs
TRY_S = 3.0  # a card that takes longer for this is slow in any case
SLOW_SYNC_MS = 200.0
"""An assumption: in the worst case there are five events a second, which wait for the disk one by one."""
SLOW_MB_S = 2.0  # an assumption: eight cameras, each with a clip of 2 Mbit/s


@dataclass(frozen=True, slots=True)
class DiskSpeed:
    sync_ms: float  # median of a synced write of 4 kB
    write_mb_s: float  # speed of one larger write with its sync


def check_disk(settings: Settings, sysroot: Path, agent: str | None = None) -> Sequence[CheckResult]:
    """Check the disk. ``agent``: the user of the agent, with whose rights this process runs; it is a fault
    if that user may not write to the folder."""
    folder = settings.state_dir
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent  # before the agent's first start, the folder in which it will be created
    figures: dict[str, Figure] = {"folder": str(folder)}
    try:
        usage = shutil.disk_usage(folder)
        figures |= {"free_gb": usage.free / 1e9, "percent": 100 * usage.used / (usage.used + usage.free)}
        figures |= {"free_mb": usage.free / 1e6, "keep_mb": settings.storage.keep_free / 1e6}
        if usage.free < MIN_FREE_BYTES:
            return [CheckResult("disk", "disk-no-room", figures)]
        speed = measure_disk(folder)
    except PermissionError:
        if agent is not None:
            return [CheckResult("disk", "disk-closed", {**figures, "user": agent})]
        return [CheckResult("disk", "disk-not-ours", figures)]
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        english = (error.strerror or type(error).__name__).lower()
        reason = Bilingual(english, OS_REASONS.get(error.errno or 0, english))
        return [
            CheckResult("disk", "disk-no-room" if full else "disk-unwritable", {**figures, "reason": reason})
        ]
    figures |= {"sync_ms": speed.sync_ms, "write_mb_s": speed.write_mb_s}
    results = []
    stored = read_media_index(settings.state_dir / "evidence" / "media").bytes  # makes room for newer media
    if usage.free + stored < settings.storage.keep_free:
        results.append(CheckResult("disk", "disk-short", figures))
    elif usage.used / (usage.used + usage.free) * 100 >= DISK_FULL_PERCENT:
        results.append(CheckResult("disk", "disk-full", figures))
    if speed.sync_ms > SLOW_SYNC_MS or speed.write_mb_s < SLOW_MB_S:
        results.append(CheckResult("disk", "disk-slow", figures))
    return [
        *(results or [CheckResult("disk", "disk-good", figures)]),
        *_disk_kind(settings.profile, folder, sysroot),
    ]


def check_evidence(heartbeat: Heartbeat | None) -> Sequence[CheckResult]:
    """Return why the running agent stores no clips and pictures, or what else is wrong with them."""
    if heartbeat is None or not heartbeat.evidence.degraded:
        return []
    reason = reported_reason(heartbeat, "evidence", heartbeat.evidence.degraded)
    of_disk = any(code.startswith("evidence-disk-") for code in codes_of(reason))
    finding = "evidence-not-stored" if of_disk else "evidence-degraded"
    return [CheckResult("disk/evidence", finding, {"reason": reason})]


def _disk_kind(profile: Profile, folder: Path, sysroot: Path) -> Iterator[CheckResult]:
    disk, wanted = disk_of(folder, sysroot), profile.platform.storage if profile.platform else None
    if disk is None or disk.kind is None or wanted is None:
        return
    figures: dict[str, Figure] = {"name": disk.name, "kind": disk.kind, "advice": wanted.advice}
    if disk.kind in wanted.poor:
        yield CheckResult("disk/kind", "disk-poor", figures)
    elif disk.kind in wanted.good:
        yield CheckResult("disk/kind", "disk-lasting", figures)


def measure_disk(folder: Path) -> DiskSpeed:
    """Write ``COMMITS`` small pieces and one larger one to a file without a name. Takes ``TRY_S`` at most,
    plus the write in progress. Raises OSError."""
    block, bulk = os.urandom(COMMIT_BYTES), os.urandom(BULK_BYTES)
    deadline = time.monotonic() + TRY_S
    with tempfile.TemporaryFile(dir=folder, prefix=".doctor-", buffering=0) as nameless:
        file = nameless.fileno()
        waits: list[float] = []
        while len(waits) < COMMITS and (not waits or time.monotonic() < deadline):
            waits.append(_written_s(file, block))
        bulk_s = _written_s(file, bulk)
    return DiskSpeed(1000 * median(waits), BULK_BYTES / 1e6 / max(bulk_s, 1e-6))


def _written_s(file: int, data: bytes) -> float:
    began = time.monotonic()
    left = memoryview(data)
    while left:
        left = left[os.write(file, left) :]
    os.fsync(file)
    return time.monotonic() - began
