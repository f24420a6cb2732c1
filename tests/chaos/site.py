"""A gateway, its broker and its ingest as processes, to be killed in any order; what must be true after."""

from __future__ import annotations

import hashlib
import json
import random
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from edge_agent.outbox.reading import waiting_payloads
from tests.testbed.agent import AgentProcess, wait_until, write_config
from tests.testbed.ingest import faults
from tests.testbed.mosquitto import Mosquitto

ROOT = Path(__file__).parents[2]
NOTHING_BEFORE = "0" * 64


class Part(Protocol):
    def start(self) -> None: ...

    def kill(self) -> None: ...


class IngestProcess:
    """``tests.testbed.ingest``."""

    def __init__(self, broker: Mosquitto, database: Path) -> None:
        self.database = database
        self._broker = broker
        self._command = [sys.executable, "-m", "tests.testbed.ingest", str(broker.port), str(database)]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self.database.with_name("ingest.log").open("ab") as log:
            self._process = subprocess.Popen(self._command, cwd=ROOT, stdout=log, stderr=log)

    def kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait(10)

    @property
    def subscribed(self) -> bool:
        """Since the broker's last start, which keeps nothing of the time before: mosquitto's log says so."""
        return self._broker.log.rpartition(" starting")[2].count("as ingest") > 0

    @property
    def stored(self) -> int:
        """Events in the database."""
        if not self.database.exists():
            return 0
        with closing(sqlite3.connect(self.database, timeout=10)) as db:
            try:
                return int(db.execute("SELECT count(*) FROM event").fetchone()[0])
            except sqlite3.OperationalError:  # no table yet
                return 0


@dataclass
class Site:
    """Everything runs while the ``with`` lasts."""

    folder: Path
    cameras: Sequence[dict[str, object]]
    command: Sequence[str]
    delivery: str = "confirmed"
    kills: Counter[str] = field(default_factory=Counter)

    def __enter__(self) -> Self:
        self.broker = Mosquitto(self.folder, persistent=True)
        self.broker.start()
        self.ingest = IngestProcess(self.broker, self.folder / "centre.db")
        self.ingest.start()
        port = self.broker.port
        mqtt = {"brokers": [f"mqtt://127.0.0.1:{port}"], "spread_s": 0, "delivery": self.delivery}
        config = write_config(self.folder, cameras=self.cameras, broker_port=port, mqtt=mqtt)
        self.agent = AgentProcess(config, "--repeat-files", command=self.command)
        self.agent.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.agent.process.poll() is None:
            self.agent.kill()
        self.ingest.kill()
        self.broker.kill()

    def strike(self, dice: random.Random, longest_s: float) -> None:
        """Kill -9 one or more of the three, leave them dead for a while, start them again."""
        parts: dict[str, Part] = {"broker": self.broker, "ingest": self.ingest, "agent": self.agent}
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
        sequence = int(heartbeat["outbox"]["sequence"])

        def all_stored() -> bool:
            with closing(sqlite3.connect(self.ingest.database, timeout=10)) as db:
                sql = "SELECT count(*) FROM event WHERE sequence<=?"
                return int(db.execute(sql, (sequence,)).fetchone()[0]) == sequence

        wait_until(all_stored, patience_s, f"all {sequence} events at the centre")
        return sequence

    def faults(self) -> list[str]:
        """After the agent has ended: what is lost, stored twice, changed or not explained."""
        found = faults(self.ingest.database)
        with closing(sqlite3.connect(self.ingest.database)) as db:
            rows = db.execute("SELECT epoch, sequence, payload FROM event ORDER BY sequence").fetchall()
            losses = db.execute("SELECT count(*) FROM loss").fetchone()[0]
        waiting = {
            int(json.loads(payload)["sequence"]) for payload in waiting_payloads(self.folder / "state")
        }
        if len(epochs := {epoch for epoch, _, _ in rows}) != 1:
            found.append(f"epochs {epochs}: one outbox was enough")
        if losses:
            found.append(f"{losses} ranges were given up, and the outbox was never full")
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
