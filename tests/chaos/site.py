"""A gateway, its broker and the real centre as processes, to be killed in any order; what holds after."""

from __future__ import annotations

import hashlib
import json
import random
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence, Set
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, Self

from edge_agent.core.clock import SystemClock, read_boot_id
from edge_agent.core.model import CameraChange, CameraState, Cause
from edge_agent.events import EventFactory
from edge_agent.outbox import EventOutbox
from edge_agent.outbox.sqlite.database import waiting_payloads
from tests.events.parts import GATEWAY, MODEL
from tests.testbed.agent import AgentProcess, wait_until, write_config
from tests.testbed.mosquitto import Mosquitto

ROOT = Path(__file__).parents[2]
NOTHING_BEFORE = "0" * 64


class Part(Protocol):
    def start(self) -> None: ...

    def kill(self) -> None: ...


class CentreProcess:
    """``edge-agent central run`` on its own SQLite."""

    def __init__(self, broker: Mosquitto, folder: Path) -> None:
        self.database = folder / "centre/central.db"
        self._broker = broker
        self._log = folder / "centre.log"
        self._configuration = folder / "edge-central.yaml"
        mqtt = {"brokers": [broker.url]}
        settings = {"wards": ["de-tham"], "state_dir": str(self.database.parent), "mqtt": mqtt}
        self._configuration.write_text(json.dumps(settings), encoding="utf-8")
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [sys.executable, "-m", "edge_agent", "central", "run", str(self._configuration)]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log)

    def kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait(10)

    @property
    def subscribed(self) -> bool:
        """Since the broker's last start, which keeps nothing of the time before: mosquitto's log says so."""
        return "central 1 tb/v1/" in self._broker.log.rpartition(" starting")[2]

    @property
    def stored(self) -> int:
        """Events in the database."""
        return len(self.rows())

    def rows(self) -> list[tuple[str, int, bytes]]:
        """Epoch, sequence, payload; by sequence."""
        return self._ask("SELECT s.epoch, e.sequence, e.payload FROM event e JOIN stream s ON s.id=e.stream")

    def faults(self, waiting: Set[int]) -> list[str]:
        """What the centre itself says of what it has. A gap of events that are still ``waiting`` on the
        gateway, because it was stopped, is no fault: they come with its next start."""
        gaps = self._ask("SELECT why, first, last FROM gap WHERE why <> 'announced'")
        rejected = self._ask("SELECT topic, reason FROM rejected")
        losses = self._ask("SELECT events, reason FROM loss")
        return [
            *(
                f"a gap ({why}) from {first} to {last}"
                for why, first, last in gaps
                if not set(range(first, last + 1)) <= waiting
            ),
            *(f"{topic}: {reason}" for topic, reason in rejected),
            *(f"{events} given up ({reason}), and the outbox was never full" for events, reason in losses),
        ]

    def _ask(self, sql: str) -> list[Any]:
        if not self.database.exists():
            return []
        with closing(sqlite3.connect(self.database, timeout=10)) as db:
            try:
                return sorted(db.execute(sql).fetchall(), key=lambda row: row[1])
            except sqlite3.OperationalError:  # no table yet
                return []


@dataclass
class Site:
    """Everything runs while the ``with`` lasts."""

    folder: Path
    cameras: Sequence[dict[str, object]]
    command: Sequence[str]
    delivery: str = "confirmed"
    kills: Counter[str] = field(default_factory=Counter)

    def __enter__(self) -> Self:
        reported = [f"log_type {kind}" for kind in ("error", "warning", "notice", "information", "subscribe")]
        self.broker = Mosquitto(self.folder, *reported, persistent=True)
        self.broker.start()
        self.centre = CentreProcess(self.broker, self.folder)
        self.centre.start()
        port = self.broker.port
        mqtt = {"brokers": [f"mqtt://127.0.0.1:{port}"], "spread_s": 0, "delivery": self.delivery}
        config = write_config(self.folder, cameras=self.cameras, broker_port=port, mqtt=mqtt)
        self.agent = AgentProcess(config, "--repeat-files", command=self.command)
        self.agent.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self.agent.process.poll() is None:
            self.agent.kill()
        self.centre.kill()
        self.broker.__exit__()

    def strike(self, dice: random.Random, longest_s: float) -> None:
        """Kill -9 one or more of the three, leave them dead for a while, start them again."""
        parts: dict[str, Part] = {"broker": self.broker, "centre": self.centre, "agent": self.agent}
        victims = dice.sample(sorted(parts), dice.choices([1, 2, 3], [8, 3, 1])[0])
        if "agent" in victims and dice.random() < 0.5:  # it needs 10 s until it sees somebody
            victims.remove("agent")
            victims = victims or ["broker"]
        for name in victims:
            parts[name].kill()
            self.kills[name] += 1
            time.sleep(dice.uniform(0, longest_s / 4))  # the moment of the next kill, not a wait
        time.sleep(dice.uniform(0, longest_s))
        for name in dice.sample(victims, len(victims)):
            parts[name].start()

    def drain(self, patience_s: float) -> int:
        """Until all that the agent has allotted so far is stored at the centre; how much that is."""
        heartbeat = self.agent.wait_for_status(lambda beat: beat["outbox"]["epoch"], "the agent's health")
        last = int(heartbeat["outbox"]["sequence"])

        def all_stored() -> bool:
            return sum(sequence <= last for _, sequence, _ in self.centre.rows()) == last

        wait_until(all_stored, patience_s, f"all {last} events at the centre")
        return last

    def faults(self) -> list[str]:
        """After the agent has ended: what is lost, stored twice, changed or not explained."""
        payloads = waiting_payloads(self.folder / "state")
        waiting = {int(json.loads(payload)["sequence"]) for payload in payloads}
        found = self.centre.faults(waiting)
        rows = self.centre.rows()
        if len(epochs := {epoch for epoch, _, _ in rows}) != 1:
            found.append(f"epochs {epochs}: one outbox was enough")
        sequences = [sequence for _, sequence, _ in rows]
        if missing := set(range(1, max([*sequences, *waiting]) + 1)) - set(sequences) - waiting:
            found.append(f"lost: {sorted(missing)[:20]}")
        if len(set(sequences)) != len(sequences):
            found.append("stored twice")
        hashes = {sequence: hashlib.sha256(payload).hexdigest() for _, sequence, payload in rows}
        for _, sequence, payload in rows:
            before = NOTHING_BEFORE if sequence == 1 else hashes.get(sequence - 1)
            if before is not None and json.loads(payload)["prevhash"] != before:
                found.append(f"{sequence} does not follow the bytes of {sequence - 1}")
        return found


def seed_of(text: str | None) -> int:
    """A given one, or a new one."""
    return int(text) if text else random.SystemRandom().randrange(1_000_000)


def store_events(state_dir: Path, count: int) -> None:
    """Real ones of the same gateway, as an agent leaves behind that was killed while its broker was away."""
    clock, boot_id = SystemClock(), read_boot_id()
    events = EventFactory(GATEWAY, clock=clock, boot_id=boot_id, clock_synced=lambda: True, model=MODEL)
    outbox = EventOutbox(
        state_dir, max_bytes=50_000_000, clock=clock, boot_id=boot_id, encode_loss=events.loss
    )
    with outbox:
        for number in range(count):
            lost, now = number % 2 == 0, clock.monotonic()
            state, cause = (CameraState.OFFLINE, Cause.STALLED) if lost else (CameraState.ONLINE, None)
            outbox.append(events.camera_state(CameraChange("cam-1", state, cause, "", now)))
