"""Builds the parts of the agent, each from the parts that it uses. Nothing is started here.

``agent.py`` calls these functions in the order of the dependencies. Only ``agent.py`` and this module name
concrete classes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from edge_agent.cameras.build import PipelineContext
from edge_agent.cameras.running import Cameras
from edge_agent.cameras.shared_detector import SharedDetector
from edge_agent.capture.logins import LimitedLogins
from edge_agent.collection.collector import Collector
from edge_agent.commands.dispatcher import CommandDispatcher
from edge_agent.config.model.settings import Settings
from edge_agent.control.camera_identities import CameraIdentities
from edge_agent.control.camera_power import CameraPower
from edge_agent.control.certificates import CertificateWatch
from edge_agent.control.commissioning import CommissioningReports
from edge_agent.control.modem import ModemWatch
from edge_agent.control.recovery import RecoveryControl
from edge_agent.control.thermal import ThermalControl
from edge_agent.control.updates import UpdateService
from edge_agent.control.uplink import UplinkControl
from edge_agent.control.withdrawal import WithdrawalCheck
from edge_agent.core.clock import Clock, SystemClock, read_boot_id
from edge_agent.core.facts import OverrideChange, RuleChange
from edge_agent.core.load_limits import WorkloadLimiter
from edge_agent.core.overrides import Overrides
from edge_agent.core.worker import Supervisor
from edge_agent.events import EventFactory
from edge_agent.host.board.boot import BootHistory
from edge_agent.host.health.camera_clock import FILE as CAMERA_CLOCKS
from edge_agent.host.health.camera_clock import CameraClocks
from edge_agent.host.health.camera_states import CameraStateFilter
from edge_agent.host.health.clock_sync import ClockSync, KernelSync
from edge_agent.host.system.process import StartupPageRelease
from edge_agent.model_release.service import ModelService
from edge_agent.model_release.store import ModelStore
from edge_agent.mqtt.publisher.publisher import Publisher
from edge_agent.outbox import EventOutbox
from edge_agent.passages.recorder import PassageRecorder
from edge_agent.runtime.event_store import EventStore
from edge_agent.runtime.reload import ConfigFallback, Configuration
from edge_agent.stills.recorder import StillRecorder
from edge_agent.uplink.usage import DataUsage
from edge_agent.wire.topics import GatewayTopics


@dataclass(frozen=True, slots=True)
class SharedParts:
    """What all parts use: the settings at the start, the clock, and the state of the boot."""

    settings: Settings
    clock: Clock
    boot_id: str
    sysroot: Path
    configuration: Configuration
    boot: BootHistory
    clock_sync: ClockSync

    def current_settings(self) -> Settings:
        """Return the settings in force; a reload replaces them."""
        return self.configuration.settings

    def synced(self) -> bool:
        """Return whether the clock is synchronised now."""
        return self.clock_sync.synced

    def steady(self) -> bool:
        """Return whether stored data may be deleted by age now."""
        return self.clock_sync.steady

    def has_been_synced(self) -> bool:
        """Return whether the clock was synchronised at any time since the boot."""
        return self.clock_sync.has_been_synced


@dataclass(frozen=True, slots=True)
class DetectionParts:
    """The detector, the limiter of its workload, and the store of its models."""

    limiter: WorkloadLimiter
    models: ModelStore
    detector: SharedDetector


@dataclass(frozen=True, slots=True)
class EventParts:
    """The factory that makes events, and the store that keeps them."""

    factory: EventFactory
    store: EventStore

    @property
    def outbox(self) -> EventOutbox:
        return self.store.outbox

    def report_override(self, change: OverrideChange) -> None:
        self.outbox.append(self.factory.rule_override(change))

    def report_rule_change(self, change: RuleChange) -> None:
        self.outbox.append(self.factory.rule_change(change))


@dataclass(frozen=True, slots=True)
class UplinkParts:
    """The parts for the connection to the broker: data usage and budget, modem, certificates."""

    usage: DataUsage
    control: UplinkControl
    modem: ModemWatch
    certificates: CertificateWatch


@dataclass(frozen=True, slots=True)
class ControlParts:
    """The parts that the main thread runs in addition to cameras and commands."""

    updates: UpdateService
    camera_states: CameraStateFilter
    camera_clocks: CameraClocks
    camera_identities: CameraIdentities
    camera_power: CameraPower
    thermal: ThermalControl
    reports: CommissioningReports
    recovery: RecoveryControl
    startup_pages: StartupPageRelease
    withdrawal: WithdrawalCheck


def build_base(
    settings: Settings,
    load: Callable[[], Settings] | None,
    fallback: ConfigFallback | None,
    clock: Clock | None,
    kernel_sync: Callable[[], KernelSync | None],
    sysroot: Path,
) -> SharedParts:
    state_dir, boot_id = settings.state_dir, read_boot_id()
    clock = clock or SystemClock()
    return SharedParts(
        settings=settings,
        clock=clock,
        boot_id=boot_id,
        sysroot=sysroot,
        configuration=Configuration(settings, load, clock, fallback),
        boot=BootHistory(state_dir / "boot.json", boot_id),
        clock_sync=ClockSync(state_dir / "clock.json", clock, boot_id, kernel=kernel_sync),
    )


def build_detection(base: SharedParts) -> DetectionParts:
    limiter, models = WorkloadLimiter(), ModelStore(base.settings, base.clock)
    return DetectionParts(limiter, models, SharedDetector(base.settings, limiter, models.start()))


def build_events(base: SharedParts, detection: DetectionParts) -> EventParts:
    factory = EventFactory(
        base.settings.gateway,
        clock=base.clock,
        boot_id=base.boot_id,
        clock_synced=base.synced,
        model=detection.detector.model,
    )
    return EventParts(factory, EventStore(base.settings, factory, base.clock, base.boot_id, base.steady))


def build_uplink(base: SharedParts, events: EventParts) -> UplinkParts:
    settings, clock = base.settings, base.clock
    usage = DataUsage(
        settings.state_dir / "usage.json",
        settings.gateway.timezone,
        clock,
        base.clock_sync.trusted,
        reset_day=settings.uplink.reset_day,
    )
    control = UplinkControl(settings.uplink, settings.state_dir, clock, usage, events.factory, events.outbox)
    modem = ModemWatch(
        settings.state_dir, base.boot_id, clock, lambda: usage.period().first_day, base.sysroot
    )
    certificates = CertificateWatch(settings, clock, base.clock_sync, events.factory, events.outbox)
    return UplinkParts(usage, control, modem, certificates)


def build_publisher(
    base: SharedParts,
    events: EventParts,
    uplink: UplinkParts,
    dispatcher: CommandDispatcher,
    birth: Callable[[str], bytes],
) -> Publisher:
    """Build the publisher. ``birth`` makes the birth message for the id of a session."""
    mqtt, gateway = base.settings.mqtt, base.settings.gateway
    return Publisher(
        mqtt,
        GatewayTopics(mqtt.root, gateway.ward, gateway.id),
        events.outbox,
        usage=uplink.usage,
        clock=base.clock,
        birth=birth,
        on_down=dispatcher.accept,
        replies=dispatcher.replies,
        clock_trusted=base.clock_sync.trusted,
        limiter=uplink.control.pace,
        rotation=uplink.certificates.rotation,
    )


def build_collector(
    base: SharedParts, events: EventParts, uplink: UplinkParts, online: Callable[[], bool]
) -> Collector:
    return Collector(
        base.settings,
        base.clock,
        base.synced,
        events.factory,
        events.outbox,
        clock_steady=base.steady,
        online=online,
        uplink=uplink.control.health,
    )


def build_passages(base: SharedParts) -> PassageRecorder:
    return PassageRecorder(base.settings, base.clock, base.boot_id, base.synced, base.steady)


def build_stills(base: SharedParts, detection: DetectionParts, events: EventParts) -> StillRecorder:
    return StillRecorder(
        events.factory,
        events.outbox,
        events.store.recorder.store_picture,
        detection.limiter,
        base.clock,
        base.settings.storage.seal_to,
    )


def build_models(
    base: SharedParts, detection: DetectionParts, events: EventParts, publisher: Publisher
) -> ModelService:
    return ModelService(
        detection.models,
        detection.detector,
        events.factory,
        events.outbox,
        base.clock,
        base.settings.gateway.timezone,
        base.synced,
        publish_birth=publisher.publish_birth,
    )


def build_cameras(
    base: SharedParts,
    detection: DetectionParts,
    events: EventParts,
    overrides: Overrides,
    collector: Collector,
    passages: PassageRecorder,
    stills: StillRecorder,
    supervisor: Supervisor,
    *,
    repeat_files: bool,
) -> Cameras:
    settings = base.settings
    context = PipelineContext(
        detection=detection.detector.access,
        min_score=settings.detector.min_score,
        events=events.factory,
        outbox=events.outbox,
        timezone=settings.gateway.timezone,
        holidays=settings.gateway.holidays,
        seal_to=settings.storage.seal_to,
        limiter=detection.limiter,
        overrides=overrides,
        clock_known=base.has_been_synced,
        collector=collector,
        passages=passages.observer,
        stills=stills,
        detector_problem=lambda: detection.detector.health().degraded,
    )
    return Cameras(
        settings.cameras,
        context,
        base.clock,
        supervisor,
        events.store.recorder,
        settings.state_dir / "cameras",
        repeat_files=repeat_files,
        opener=LimitedLogins(settings.state_dir, base.clock, settings.gateway.timezone).open,
    )


def build_controls(
    base: SharedParts,
    detection: DetectionParts,
    events: EventParts,
    uplink: UplinkParts,
    publisher: Publisher,
) -> ControlParts:
    settings, clock, sysroot = base.settings, base.clock, base.sysroot
    factory, outbox, state_dir = events.factory, events.outbox, base.settings.state_dir
    return ControlParts(
        updates=UpdateService(state_dir, clock, factory, outbox, sysroot, uplink.usage.received),
        camera_states=CameraStateFilter(state_dir / "cameras.json", clock, base.boot_id),
        camera_clocks=CameraClocks(state_dir / CAMERA_CLOCKS, clock, base.synced),
        camera_identities=CameraIdentities(
            state_dir,
            clock,
            settings.gateway.timezone,
            lambda: base.current_settings().cameras,
            publisher.publish_birth,
            sysroot,
        ),
        camera_power=CameraPower(
            state_dir,
            clock,
            base.boot_id,
            settings.gateway.timezone,
            lambda: base.current_settings().cameras,
            factory,
            outbox,
        ),
        thermal=ThermalControl(settings.profile.thermal, detection.limiter, clock, factory, outbox, sysroot),
        reports=CommissioningReports(base.current_settings, clock, factory, outbox),
        recovery=RecoveryControl(settings, publisher, clock, base.boot_id, factory, outbox, sysroot),
        startup_pages=StartupPageRelease(clock),
        withdrawal=WithdrawalCheck(lambda: publisher.certificate_refused, clock, sysroot),
    )
