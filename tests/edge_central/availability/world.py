"""Gateways that fail as a list says, with their ledger, and a centre that receives what they send: the
ingest's own code with a clock that the test turns."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from edge_agent.core.clock import rfc3339_of_ms
from edge_agent.mqtt.session.signal_queue import MessageReceived
from edge_agent.tools.simulate.condition_ledger import ConditionChange, ConditionLedger
from edge_agent.wire.topics import CentralTopics
from edge_central.availability.recorder import AvailabilityRecorder
from edge_central.ingest.batch_writer import BatchWriter
from edge_central.settings import Database, HeartbeatHistory
from edge_central.store.batch import Batch, Store
from edge_central.store.fleet_state import FleetState
from edge_central.store.media_folder import MediaFolder
from tests.edge_central.parts import FakeGateway

WARDS = ("de-tham", "bo-xuyen")
BEGIN_MS = round(datetime(2026, 10, 31, 17, tzinfo=UTC).timestamp() * 1000)
"""Midnight of 1 November in Vietnam."""
STEP_MS = 30_000
MINUTE_MS, HOUR_MS, DAY_MS = 60_000, 3_600_000, 86_400_000
WILL_MS = 90_000
"""After the last packet the broker sends the will: one and a half keepalives."""
NEAR_MS = 4 * MINUTE_MS
"""Around a change every heartbeat arrives, otherwise one of three (QoS 0)."""


class HandClock:
    """A clock that shows what a test sets."""

    def __init__(self, now_ms: int) -> None:
        self.now_ms = now_ms

    def monotonic(self) -> float:
        return self.now_ms / 1000

    def now(self) -> datetime:
        return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=self.now_ms)


class TestCentre:
    """The ingest without threads and broker: ``receive`` does what it does with a batch. A transaction stays
    open until ``commit``."""

    __test__ = False

    def __init__(self, database: Database, folder: Path, clock: HandClock) -> None:
        self.clock = clock
        self._database = database
        self._folder = folder
        self.start()

    def start(self) -> None:
        topics = CentralTopics("tb/v1", "central")
        media = MediaFolder(self._folder / "media")
        self._writer = BatchWriter(topics, WARDS, media, HeartbeatHistory(600, 30))
        self.store = Store(self._database)
        self.fleet: FleetState = self.store.load()
        self.recorder = AvailabilityRecorder("central", WARDS)
        self.connected_ms: int | None = self.clock.now_ms
        self._open: tuple[Any, Batch] | None = None

    def receive(self, *messages: tuple[str, bytes]) -> None:
        now_ms, batch = self.clock.now_ms, self._batch()
        received = [MessageReceived(*each, 1) for each in messages]
        result = self._writer.write(received, self.fleet, batch, now_ms)
        assert result.rejected == 0, result.first_rejected
        self.recorder.record(result, batch.connection, now_ms)

    def tick(self) -> None:
        if self.recorder.is_due(self.clock.now_ms, self.connected_ms):
            self.recorder.tick(self._batch().connection, self.clock.now_ms, self.connected_ms)

    def commit(self) -> None:
        self.recorder.mark_alive(self._batch().connection, self.clock.now_ms)
        context, batch = self._open or (None, None)
        self._open = None
        if context is None or batch is None:
            return
        context.__exit__(None, None, None)
        for stream in batch.streams.values():
            stream.clear_changes()
        for gateway in batch.gateways.values():
            gateway.changes.clear()

    def fail(self) -> None:
        """The database fails before the commit."""
        context, _ = self._open or (None, None)
        self._open = None
        if context is not None:
            error = RuntimeError("failed")
            with suppress(RuntimeError):
                context.__exit__(RuntimeError, error, None)
        self.fleet = self.store.load()
        self.recorder.reset()

    def stop(self) -> None:
        self.commit()
        self.store.close()

    def _batch(self) -> Batch:
        if self._open is None:
            context = self.store.batch()
            self._open = context, context.__enter__()
        return self._open[1]


@dataclass
class SimulatedBox:
    """One gateway: what it really does goes to the ledger, what it sends to the centre or its outbox."""

    fake: FakeGateway
    cameras: tuple[str, ...]
    clock: HandClock
    ledger: ConditionLedger
    send: Callable[..., None]
    running: bool = False
    cable: bool = True
    session: str = ""
    sessions: int = 0
    boots: int = 0
    sequence: int = 0
    booted_ms: int = 0
    started_ms: int = 0
    boot_reason: str = "unknown"
    next_beat_ms: int = 0
    beats: int = 0
    offline: dict[str, int] = field(default_factory=dict)
    views: dict[tuple[str, str], int] = field(default_factory=dict)
    outbox: list[tuple[str, bytes]] = field(default_factory=list)

    @property
    def connected(self) -> bool:
        return self.session != ""

    # --- what really happens ---

    def boot(self, reason: str = "unknown") -> None:
        self.boots += 1
        self.fake = replace(self.fake, boot_id=f"boot-{self.boots}")
        self.booted_ms, self.boot_reason = self.clock.now_ms - 20_000, reason
        self.start()

    def start(self) -> None:
        self.running, self.started_ms = True, self.clock.now_ms
        self.ledger.record(self.fake.id, ConditionChange.START)

    def connect(self) -> None:
        if not self.running or not self.cable or self.connected:
            return
        self.sessions += 1
        self.session = f"session-{self.sessions}"
        self.next_beat_ms = self.clock.now_ms + 5_000
        self.ledger.record(self.fake.id, ConditionChange.CONNECTED)
        self.send(self.fake.state("online", self.session), self.fake.birth(self.session))

    def lose_power(self) -> None:
        self.running, self.session = False, ""
        self.ledger.record(self.fake.id, ConditionChange.POWER_OFF)

    def stop(self) -> None:
        session, self.running, self.session = self.session, False, ""
        self.ledger.record(self.fake.id, ConditionChange.STOP)
        if session:
            self.send(self.fake.state("stopped", session, rfc3339_of_ms(self.clock.now_ms)))

    def pull_cable(self) -> None:
        self.cable, self.session = False, ""
        self.ledger.record(self.fake.id, ConditionChange.CABLE_OUT)

    def plug_in(self) -> None:
        self.cable = True
        self.ledger.record(self.fake.id, ConditionChange.CABLE_IN)

    def lose_camera(self, camera: str) -> None:
        self.ledger.record(self.fake.id, ConditionChange.CAMERA_OFFLINE, camera)
        self.offline[camera] = self.clock.now_ms
        self._report_state(camera, "offline", "unreachable")

    def restore_camera(self, camera: str) -> None:
        self.ledger.record(self.fake.id, ConditionChange.CAMERA_ONLINE, camera)
        del self.offline[camera]
        self._report_state(camera, "online", None)

    def begin_view(self, camera: str, view: str) -> None:
        self.ledger.record(self.fake.id, ConditionChange.VIEW_BEGIN, camera, view)
        self.views[camera, view] = self.clock.now_ms
        self._report_view(camera, view, "start", None)

    def end_view(self, camera: str, view: str) -> None:
        self.ledger.record(self.fake.id, ConditionChange.VIEW_END, camera, view)
        self._report_view(camera, view, "end", self.clock.now_ms)
        del self.views[camera, view]

    # --- what it sends ---

    def _report_state(self, camera: str, state: str, cause: str | None) -> None:
        at = rfc3339_of_ms(self.clock.now_ms)
        data = {"state": state, "cause": cause, "detail": "", "since_at": at, "kept_back": 0}
        self._report("camera-state", camera, data)

    def _report_view(self, camera: str, view: str, phase: str, ended_ms: int | None) -> None:
        began_ms = self.views[camera, view]
        times = {
            "started_at": rfc3339_of_ms(began_ms),
            "ended_at": None if ended_ms is None else rfc3339_of_ms(ended_ms),
        }
        data = {"phase": phase, "event_id": f"{view}-{began_ms}", "state": view, "tamper": True, "why": ""}
        self._report("camera-view", camera, data | {"features": {}} | times)

    def _report(self, kind: str, camera: str, data: dict[str, Any]) -> None:
        self.sequence += 1
        at = rfc3339_of_ms(self.clock.now_ms)
        self.outbox.append(self.fake.of_kind(kind, self.sequence, camera, at, **data))
        self.flush()

    def flush(self) -> None:
        if self.connected and self.outbox:
            sent, self.outbox = self.outbox, []
            self.send(*sent)

    def beat(self, near: bool) -> None:
        """Send a heartbeat if one is due; far from any change, one of three arrives."""
        if not self.connected or self.clock.now_ms < self.next_beat_ms:
            return
        self.next_beat_ms = self.clock.now_ms + STEP_MS
        self.beats += 1
        if near or self.beats % 3 == 0:
            self.send(self.heartbeat())
        self.flush()

    def heartbeat(self) -> tuple[str, bytes]:
        now_ms = self.clock.now_ms
        box = {"uptime_s": (now_ms - self.booted_ms) // 1000, "boot_reason": self.boot_reason}
        return self.fake.heartbeat(
            self.session,
            time=rfc3339_of_ms(now_ms),
            uptime_s=(now_ms - self.started_ms) // 1000,
            clock={"synced": True},
            box=box,
            cameras={camera: self._camera(camera) for camera in self.cameras},
        )

    def _camera(self, camera: str) -> dict[str, Any]:
        since_ms = self.offline.get(camera)
        views = [view for of, view in self.views if of == camera]
        if since_ms is None:
            return {"state": "online", "packet_fps": 10.0, "view": views}
        since = rfc3339_of_ms(since_ms)
        return {"state": "offline", "cause": "unreachable", "since": since, "packet_fps": 0.0, "view": views}


Action = tuple[int, SimulatedBox | None, Callable[[], None]]
"""When, of which gateway, and what; None: of the centre."""


class SimulatedWorld:
    """Plays actions in the order of their times, and heartbeats in between."""

    def __init__(self, database: Database, folder: Path, seed: int = 1) -> None:
        self.rng = random.Random(seed)
        self.clock = HandClock(BEGIN_MS)
        self.path = folder / "ledger.jsonl"
        self.ledger = ConditionLedger(self.path, self.clock)
        self.centre = TestCentre(database, folder, self.clock)
        self.boxes: list[SimulatedBox] = []
        self._actions: list[Action] = []
        self._queued: list[tuple[str, bytes]] = []  # QoS 1, at the broker while the centre is away
        self._centre_away = False
        self._near_until_ms = 0

    def close(self) -> None:
        self.centre.stop()
        self.ledger.close()

    def add_box(self, id: str, ward: str, cameras: Sequence[str]) -> SimulatedBox:
        box = SimulatedBox(FakeGateway(id, ward), tuple(cameras), self.clock, self.ledger, self._deliver)
        self.boxes.append(box)
        self.at(BEGIN_MS, box, box.boot)
        self.at(BEGIN_MS, box, box.connect)
        return box

    def at(self, time_ms: int, box: SimulatedBox | None, action: Callable[[], None]) -> None:
        self._actions.append((time_ms, box, action))

    # --- faults ---

    def network_outage(self, box: SimulatedBox, from_ms: int, to_ms: int) -> None:
        self.at(from_ms, box, lambda: self.lose_connection(box, from_ms, box.pull_cable))
        self.at(to_ms, box, box.plug_in)
        self.at(to_ms + round(self.rng.uniform(0, 120_000)), box, box.connect)

    def power_cut(self, box: SimulatedBox, from_ms: int, to_ms: int) -> None:
        self.at(from_ms, box, lambda: self.lose_connection(box, from_ms, box.lose_power))
        self.at(to_ms + 20_000, box, box.boot)
        self.at(to_ms + 20_000 + round(self.rng.uniform(0, 30_000)), box, box.connect)

    def maintenance(self, box: SimulatedBox, from_ms: int, to_ms: int) -> None:
        self.at(from_ms, box, box.stop)
        self.at(to_ms, box, box.start)
        self.at(to_ms + round(self.rng.uniform(0, 30_000)), box, box.connect)

    def camera_outage(self, box: SimulatedBox, camera: str, from_ms: int, to_ms: int) -> None:
        self.at(from_ms, box, lambda: box.lose_camera(camera))
        self.at(to_ms, box, lambda: box.restore_camera(camera))

    def view(self, box: SimulatedBox, camera: str, view: str, from_ms: int, to_ms: int) -> None:
        self.at(from_ms, box, lambda: box.begin_view(camera, view))
        self.at(to_ms, box, lambda: box.end_view(camera, view))

    def centre_away(self, from_ms: int, to_ms: int) -> None:
        """The centre is killed, and starts again: its broker runs on."""
        self.at(from_ms, None, self._kill_centre)
        self.at(to_ms, None, self._start_centre)

    def lose_connection(self, box: SimulatedBox, at_ms: int, action: Callable[[], None]) -> None:
        """``action`` ends the connection without a stop; the broker publishes the will later."""
        session = box.session
        action()
        will_ms = at_ms + round(self.rng.uniform(WILL_MS / 2, WILL_MS))
        self._insert(will_ms, box, lambda: self._deliver(box.fake.state("offline", session)))

    def _kill_centre(self) -> None:
        self.centre.stop()
        self._centre_away = True

    def _start_centre(self) -> None:
        self.centre.start()
        self._centre_away = False
        queued, self._queued = self._queued, []
        self._deliver(*queued)

    # --- time ---

    def run_until(self, end_ms: int) -> None:
        """Play everything up to ``end_ms``."""
        self._actions.sort(key=lambda action: action[0])
        committed_ms = self.clock.now_ms
        while self.clock.now_ms < end_ms:
            step_ms = self.clock.now_ms + STEP_MS
            while self._actions and self._actions[0][0] <= step_ms:
                at_ms, _, action = self._actions.pop(0)
                self.clock.now_ms = at_ms
                self._near_until_ms = at_ms + NEAR_MS
                action()
            self.clock.now_ms = step_ms
            near = self._is_near(step_ms)
            for box in self.boxes:
                box.beat(near)
            if not self._centre_away:
                self.centre.tick()
                if step_ms - committed_ms >= HOUR_MS:
                    self.centre.commit()
                    committed_ms = step_ms
        if not self._centre_away:
            self.centre.commit()

    def _is_near(self, now_ms: int) -> bool:
        """Whether an action was a moment ago, or comes soon."""
        if self._actions and self._actions[0][0] - now_ms < NEAR_MS:
            return True
        return now_ms < self._near_until_ms

    def _insert(self, time_ms: int, box: SimulatedBox, action: Callable[[], None]) -> None:
        self._actions.append((time_ms, box, action))
        self._actions.sort(key=lambda each: each[0])

    def _deliver(self, *messages: tuple[str, bytes]) -> None:
        if not messages:
            return
        if self._centre_away:
            self._queued += [each for each in messages if not each[0].endswith("/heartbeat")]
        else:
            self.centre.receive(*messages)
