"""One simulated gateway: the agent's own outbox and publisher, with random events in place of cameras."""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec

from edge_agent.commands.action import Action
from edge_agent.commands.dispatcher import CommandDispatcher
from edge_agent.config.model.settings import Broker, Gateway, Mqtt
from edge_agent.core.clock import Clock
from edge_agent.core.delivery import Draft
from edge_agent.core.model import CameraChange, CameraState, Cause, Severity
from edge_agent.events import EventFactory
from edge_agent.mqtt.publisher.publisher import Publisher
from edge_agent.mqtt.session.broker_session import ReconnectSchedule
from edge_agent.tools.simulate.alarm_rules import configured_rules, make_alarm
from edge_agent.tools.simulate.command_responder import (
    DrawnEvent,
    DrawnFiles,
    SearchTurns,
    drawn_actions,
    make_dispatcher,
    search_actions,
)
from edge_agent.tools.simulate.condition_ledger import ConditionChange, ConditionLedger
from edge_agent.tools.simulate.delivery_ledger import CountedOutbox, DeliveryLedger
from edge_agent.tools.simulate.drawn_street import draw_picture
from edge_agent.tools.simulate.event_generator import MODEL, EventGenerator, OngoingEvent
from edge_agent.tools.simulate.health_generator import SIMULATED, HealthGenerator, SimulatedReplies
from edge_agent.tools.simulate.passage_generator import fill_store
from edge_agent.tools.simulate.scenario import Scenario, SimulatedSite
from edge_agent.tools.simulate.totals import SimulationTotals
from edge_agent.uplink.usage import DataUsage
from edge_agent.wire.topics import DownKind, DownMessage, GatewayTopics

log = logging.getLogger(__name__)

MAX_BYTES = 200_000_000  # largest size of an outbox, as in the default configuration
JOIN_S = 5.0
TIMEZONE = ZoneInfo("Asia/Ho_Chi_Minh")


class SimulatedCable(ReconnectSchedule):
    """The network cable. While it is pulled, each connect goes to ``nowhere``, which refuses connections."""

    def __init__(self, brokers: tuple[Broker, ...], spread_s: float, nowhere: Broker) -> None:
        super().__init__(brokers, spread_s)
        self.pulled = False
        self._nowhere = nowhere

    @property
    def broker(self) -> Broker:
        return self._nowhere if self.pulled else super().broker


@dataclass(frozen=True)
class SearchAccess:
    """Which signed searches the gateways of a process accept, and how many run at once."""

    keys: tuple[Path, ...] = ()  # public keys that may sign
    turns: SearchTurns = field(default_factory=SearchTurns)


class SimulatedGateway:
    """One simulated gateway, used by one thread. If it has its own certificate, ``mqtt`` names the files."""

    def __init__(
        self,
        site: SimulatedSite,
        mqtt: Mqtt,
        nowhere: Broker,
        folder: Path,
        scenario: Scenario,
        clock: Clock,
        access: SearchAccess,
        conditions: ConditionLedger | None = None,
    ) -> None:
        self.site = site
        self.ledger = DeliveryLedger(clock)
        self._conditions = conditions or ConditionLedger(None, clock)
        self.rng = random.Random(f"{scenario.seed}/{site.id}")
        self.alarm_rng = random.Random(f"{scenario.seed}/{site.id}/alarms")
        self._mqtt = mqtt
        self._nowhere = nowhere
        self._folder = folder / site.id
        self._scenario = scenario
        self._clock = clock
        self._access = access
        self._gateway = Gateway(site.id, site.ward, f"{site.id} ({SIMULATED})", TIMEZONE)
        self._boots = 0
        self._lock = threading.Lock()  # protects what ``totals`` reads while the gateway starts and stops
        self._cable = SimulatedCable(mqtt.brokers, mqtt.spread_s, nowhere)
        self._outbox: CountedOutbox | None = None
        self._publisher: Publisher | None = None
        self._dispatcher: CommandDispatcher | None = None  # None: it knows only ``rebirth``
        self._files: DrawnFiles | None = None  # None: alarms have no clips
        self._usage: DataUsage | None = None
        self._generator: EventGenerator | None = None
        self._events: EventFactory | None = None
        self._health = HealthGenerator(site, self.rng, clock)
        self._before = SimulationTotals()  # totals at the end of the gateway's last run
        self._session, self._connects = "", 0

    def power_on(self, boot_reason: str = "power") -> None:
        if self._publisher is None:
            self.prepare(boot_reason)
            self.start()

    def start(self) -> None:
        assert self._publisher is not None
        self._conditions.record(self.site.id, ConditionChange.START)
        if self._dispatcher is not None:
            self._dispatcher.start()
        self._publisher.loop.start()

    def prepare(self, boot_reason: str) -> None:
        """Open the outbox and prepare everything else that ``start`` needs."""
        self._boots += 1
        boot_id = f"{SIMULATED}-{self._scenario.seed}-{self._boots}"
        self._folder.mkdir(parents=True, exist_ok=True)
        self._fill_passages()
        clock, pulled = self._clock, self._cable.pulled
        self._events = EventFactory(
            self._gateway, clock=clock, boot_id=boot_id, clock_synced=lambda: True, model=MODEL
        )
        self._outbox = CountedOutbox(
            self._folder,
            self.ledger,
            clock,
            max_bytes=MAX_BYTES,
            boot_id=boot_id,
            encode_loss=self._events.loss,
        )
        self._outbox.open()
        for left in self._outbox.left_open():
            self._outbox.append(self._events.left_open(left))
        share, size = self._scenario.picture_share, self._scenario.picture_bytes
        draws = self._scenario.alarms_per_day is not None
        self._generator = EventGenerator(
            self._gateway, clock, self.rng, boot_id, share, size, with_alarms=not draws
        )
        self._files = self._drawn_files(self._outbox, self._events) if draws else None
        self._cable = SimulatedCable(self._mqtt.brokers, self._mqtt.spread_s, self._nowhere)
        self._cable.pulled = pulled
        self._health.booted(boot_id, boot_reason)
        self._publisher = self._make_publisher(self._outbox)

    def _fill_passages(self) -> None:
        scenario = self._scenario
        if scenario.passages_per_camera:
            seed = f"{scenario.seed}/{self.site.id}/passages"
            fill_store(
                self._folder,
                self.site.cameras,
                scenario.passages_per_camera,
                scenario.passage_picture_share,
                seed,
                self._clock,
                TIMEZONE,
            )

    def _make_publisher(self, outbox: CountedOutbox) -> Publisher:
        answers = SimulatedReplies(self.site.id, self._clock, outbox.wake)
        dispatcher = self._dispatcher = self._make_dispatcher(lambda: publisher, outbox.wake)
        self._usage = DataUsage(self._folder / "usage.json", TIMEZONE, self._clock, lambda: True)

        def obey(message: DownMessage) -> None:
            if message.kind is not DownKind.COMMAND:
                return
            if dispatcher is not None:
                dispatcher.accept(message)
            else:
                answers.receive_command(message, publisher.publish_birth, publisher.session)

        publisher = Publisher(
            self._mqtt,
            GatewayTopics(self._mqtt.root, self.site.ward, self.site.id),
            outbox,
            usage=self._usage,
            clock=self._clock,
            birth=self._birth,
            on_down=obey,
            replies=answers if dispatcher is None else dispatcher.replies,
            clock_trusted=lambda: True,
            reconnect=self._cable,
        )
        return publisher

    def _drawn_files(self, outbox: CountedOutbox, events: EventFactory) -> DrawnFiles:
        return DrawnFiles(
            self.site.id,
            self.site.cameras,
            self._health.is_online,
            lambda media, command_id: outbox.append(events.file(media, command_id)),
        )

    def _make_dispatcher(
        self, publisher: Callable[[], Publisher], wake: Callable[[], None]
    ) -> CommandDispatcher | None:
        actions: tuple[Action, ...] = ()
        if self._scenario.passages_per_camera:
            keys, turns = self._access.keys, self._access.turns
            actions += search_actions(self._folder, self.site.ward, keys, turns, self._clock)
        if self._files is not None:
            rules = configured_rules(self.site.id, self.site.cameras, self._health.config_hash)
            actions += drawn_actions(self._files, rules, self._clock)
        if not actions:
            return None
        return make_dispatcher(
            self.site.id,
            self._folder,
            self._access.keys,
            actions,
            self._clock,
            session=lambda: publisher().session,
            wake=wake,
            publish_birth=lambda: publisher().publish_birth(),
        )

    def begin_stop(self, *, abrupt: bool = False) -> None:
        """Begin to stop, without waiting; ``end_stop`` waits. ``abrupt``: simulate a power cut."""
        if self._files is not None:
            self._files.stop.set()
        if self._dispatcher is not None:
            self._dispatcher.stop()
        if self._publisher is not None:
            change = ConditionChange.POWER_OFF if abrupt else ConditionChange.STOP
            self._conditions.record(self.site.id, change)
            self._publisher.stop(abrupt=abrupt)

    def end_stop(self) -> None:
        if self._publisher is None or self._outbox is None:
            return
        if not self._publisher.loop.join(JOIN_S):
            log.error("%s: its publisher does not end within %.0f s", self.site.id, JOIN_S)
        if self._dispatcher is not None:
            self._dispatcher.join(JOIN_S)
        figures, outbox = self.totals(), self._outbox
        with self._lock:
            self._before = figures
            self._outbox = self._publisher = self._generator = self._events = self._dispatcher = None
        outbox.close(timeout_s=None)

    def pull_cable(self) -> None:
        self._conditions.record(self.site.id, ConditionChange.CABLE_OUT)
        self._cable.pulled = True
        if self._publisher is not None:
            self._publisher.break_connection()

    def plug_in(self) -> None:
        """Plug in the cable. The publisher decides by its delays when it next tries to connect."""
        self._conditions.record(self.site.id, ConditionChange.CABLE_IN)
        self._cable.pulled = False

    def begin_event(self) -> OngoingEvent | None:
        """Begin an event at a camera. None if it has no end, or camera or gateway is off."""
        if self._generator is None:
            return None
        camera = self.rng.choice(self.site.cameras)
        if not self._health.is_online(camera):
            return None
        draft, going = self._generator.begin(camera)
        self._append(draft)
        return going

    def begin_alarm(self) -> OngoingEvent | None:
        """Begin an alarm at a camera. None if camera or gateway is off, or no files are drawn."""
        camera = self.alarm_rng.choice(self.site.cameras)
        alarm = make_alarm(self.site.id, camera, self.alarm_rng)
        if self._generator is None or self._files is None or not self._health.is_online(camera):
            return None
        jpeg = draw_picture(self._files.view(camera), alarm.label, alarm.box)
        draft, going = self._generator.begin_alarm(camera, alarm, jpeg)
        self._append(draft)
        return going

    def end_event(self, going: OngoingEvent) -> None:
        if self._generator is None:
            return
        self._append(self._generator.end(going))
        if self._files is not None and self._events is not None and going.severity is Severity.ALARM:
            drawn = DrawnEvent(going.camera, going.data.label, going.data.box)
            evidence = self._files.report_clip(going.data.event_id, going.data.started_at, drawn)
            self._append(self._events.evidence(going.camera, evidence, going.severity))

    def lose_camera(self) -> str | None:
        """Take a camera offline and return its id; None if the gateway is off or no camera is online."""
        if self._events is None:
            return None
        seeing = [camera for camera in self.site.cameras if self._health.is_online(camera)]
        if not seeing:
            return None
        camera, now = self.rng.choice(seeing), self._clock.monotonic()
        self._health.set_offline(camera)
        self._conditions.record(self.site.id, ConditionChange.CAMERA_OFFLINE, camera)
        change = CameraChange(camera, CameraState.OFFLINE, Cause.UNREACHABLE, "simulated", now)
        self._append(self._events.camera_state(change))
        return camera

    def restore_camera(self, camera: str) -> None:
        now = self._clock.monotonic()
        down_s = self._health.set_online(camera)
        self._conditions.record(self.site.id, ConditionChange.CAMERA_ONLINE, camera)
        if self._events is not None:
            change = CameraChange(camera, CameraState.ONLINE, None, "simulated", now, round(down_s, 1))
            self._append(self._events.camera_state(change))

    def send_heartbeat(self, hour: float) -> None:
        if self._publisher is not None and self._outbox is not None and self._publisher.online:
            heartbeat = self._health.heartbeat(
                self._outbox.stats(), self._publisher.health(), self._publisher.session, hour
            )
            self._publisher.publish_heartbeat(heartbeat)

    def tick(self) -> None:
        """Do what the agent's main thread does about once a second."""
        if self._outbox is not None:
            self._outbox.maintain()
        if self._dispatcher is not None:
            self._dispatcher.tick()

    def _append(self, draft: Draft) -> None:
        assert self._outbox is not None
        self._outbox.append(draft)

    # --- figures: any thread may read them ---

    @property
    def online(self) -> bool:
        publisher = self._publisher
        return publisher is not None and publisher.online

    def totals(self) -> SimulationTotals:
        """Return the counts since the beginning; the agent's own code counts the bytes."""
        totals = SimulationTotals(reconnects=max(0, self._connects - 1), counts=self.ledger.counts)
        with self._lock:
            before = self._before
            totals.refused, totals.ignored_acks = before.refused, before.ignored_acks
            totals.shed, totals.left = before.shed, before.left
            if self._publisher is not None and self._outbox is not None:
                health, stats = self._publisher.health(), self._outbox.stats()
                totals.online = int(self._publisher.online)
                totals.refused += health.refused
                totals.ignored_acks += health.ignored_acks
                totals.shed += stats.shed
                totals.left = stats.depth + stats.media_depth
        totals.left_at = [self.site.id] if totals.left else []
        if self._usage is not None:
            month = self._usage.totals()[1]
            totals.reply_bytes, totals.traffic_bytes = month.reply, sum(msgspec.structs.astuple(month))
        return totals

    def _birth(self, session: str) -> bytes:
        """Return the birth message. The publisher's thread calls it at every connect and on request."""
        if session != self._session:
            self._session = session
            self._connects += 1
            self._conditions.record(self.site.id, ConditionChange.CONNECTED)
        return msgspec.json.encode(self._health.birth(session))


def mqtt_of(mqtt: Mqtt, gateway: str, certificates: Path | None) -> Mqtt:
    """Add ``ID.crt``, ``ID.key`` and ``ca.crt`` of ``certificates``, if any, for the gateway."""
    if certificates is None:
        return mqtt
    return replace(
        mqtt,
        ca_file=certificates / "ca.crt",
        cert_file=certificates / f"{gateway}.crt",
        key_file=certificates / f"{gateway}.key",
    )
