"""A central ingest of a few lines, for tests of gateways with ``mqtt.delivery: confirmed``.

One row for each event, by (source, id); PUBACK and ``down/ack`` after the commit. As a process, to be killed:
``python -m tests.testbed.ingest PORT DATABASE [mute]``. The real one is in ``edge_central/``.
"""

from __future__ import annotations

import json
import sqlite3
import sys
import threading
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

SCHEMA = """
CREATE TABLE IF NOT EXISTS event (source TEXT, id TEXT, epoch TEXT, sequence INTEGER, payload BLOB,
                                  PRIMARY KEY (source, id), UNIQUE (source, epoch, sequence));
CREATE TABLE IF NOT EXISTS media (gateway TEXT, id TEXT, payload BLOB, PRIMARY KEY (gateway, id));
CREATE TABLE IF NOT EXISTS loss (source TEXT, epoch TEXT, first INTEGER, last INTEGER);
CREATE TABLE IF NOT EXISTS fault (text TEXT);
"""


@dataclass
class Run:
    """What is stored of one epoch: everything up to ``upto``, and some events beyond a gap."""

    upto: int = 0
    beyond: set[int] = field(default_factory=set)

    def add(self, first: int, last: int) -> None:
        self.beyond.update(number for number in range(first, last + 1) if number > self.upto)
        while self.upto + 1 in self.beyond:
            self.upto += 1
            self.beyond.remove(self.upto)


class Store:
    """The database of events and pictures."""

    def __init__(self, path: Path) -> None:
        self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=FULL")
        self._db.executescript(SCHEMA)
        self.runs: dict[tuple[str, str], Run] = {}
        for source, epoch, sequence in self._db.execute("SELECT source, epoch, sequence FROM event"):
            self._run(source, epoch).add(sequence, sequence)
        for source, epoch, first, last in self._db.execute("SELECT * FROM loss"):
            self._run(source, epoch).add(first, last)

    def close(self) -> None:
        self._db.close()

    def add_event(self, payload: bytes) -> tuple[str, Run]:
        """Commit the event; returns its epoch, and what is stored of that epoch."""
        event: dict[str, Any] = json.loads(payload)
        source, epoch, sequence = event["source"], event["epoch"], int(event["sequence"])
        key, losses = (source, event["id"]), []
        if event["type"].endswith(".loss.v1"):
            losses = [(source, event["data"]["epoch"], *ends) for ends in event["data"]["ranges"]]
        self._db.execute("BEGIN IMMEDIATE")
        old = self._db.execute("SELECT payload FROM event WHERE source=? AND id=?", key).fetchone()
        if old is None:
            self._db.execute("INSERT INTO event VALUES (?, ?, ?, ?, ?)", (*key, epoch, sequence, payload))
            self._db.executemany("INSERT INTO loss VALUES (?, ?, ?, ?)", losses)
        elif old[0] != payload:
            self._db.execute("INSERT INTO fault VALUES (?)", (f"{key}: a resend is not the same bytes",))
        self._db.execute("COMMIT")
        for _, lost_epoch, first, last in losses:
            self._run(source, lost_epoch).add(first, last)
        run = self._run(source, epoch)
        run.add(sequence, sequence)
        return epoch, run

    def add_media(self, gateway: str, media_id: str, payload: bytes) -> None:
        self._db.execute("INSERT OR IGNORE INTO media VALUES (?, ?, ?)", (gateway, media_id, payload))

    def _run(self, source: str, epoch: str) -> Run:
        return self.runs.setdefault((source, epoch), Run())


class Ingest:
    """Runs while the ``with`` lasts. While ``mute`` it stores and confirms nothing."""

    def __init__(self, port: int, database: Path) -> None:
        self.store = Store(database)
        self.mute = False
        self._port = port
        self._epoch = ""  # epoch of the last stored event
        self._subscribed = threading.Event()
        self._client = paho.Client(
            CallbackAPIVersion.VERSION2, client_id="ingest", protocol=paho.MQTTv5, manual_ack=True
        )
        self._client.reconnect_delay_set(1, 1)
        self._client.on_connect = self._on_connect
        self._client.on_subscribe = lambda *_: self._subscribed.set()
        self._client.on_message = self._on_message

    def __enter__(self) -> Self:
        self.connect()
        self._client.loop_start()
        assert self._subscribed.wait(10), "the broker does not let the ingest subscribe"
        return self

    def __exit__(self, *_: object) -> None:
        self._client.disconnect()
        self._client.loop_stop()
        self.store.close()

    def connect(self) -> None:
        session = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        session.SessionExpiryInterval = 86_400
        self._client.connect_async("127.0.0.1", self._port, clean_start=False, properties=session)

    def run_for_ever(self) -> None:
        self.connect()
        self._client.loop_forever(retry_first_connection=True)

    def ack(self, gateway: str, document: dict[str, Any]) -> None:
        self._client.publish(f"{gateway}/down/ack", json.dumps(document), qos=1)

    def _on_connect(self, client: paho.Client, *_: object) -> None:
        client.subscribe([("tb/v1/+/+/up/event/#", 1), ("tb/v1/+/+/up/media/#", 1)])

    def _on_message(self, client: paho.Client, _: object, message: paho.MQTTMessage) -> None:
        gateway, _, rest = message.topic.partition("/up/")
        document: dict[str, Any]
        if rest.startswith("media/"):
            media_id = rest.removeprefix("media/")
            self.store.add_media(gateway, media_id, bytes(message.payload))
            document = {"epoch": self._epoch or "none", "upto": 0, "media": [media_id]}
        else:
            self._epoch, run = self.store.add_event(bytes(message.payload))
            document = {"epoch": self._epoch, "upto": run.upto, "also": sorted(run.beyond)}
        client.ack(message.mid, message.qos)
        if not self.mute:
            self.ack(gateway, document)


def faults(database: Path) -> list[str]:
    """What is wrong in the store: changed resends, gaps that no loss event announces, a broken chain."""
    store = Store(database)
    gaps = [f"{key}: missing below {max(run.beyond)}" for key, run in store.runs.items() if run.beyond]
    store.close()
    with closing(sqlite3.connect(database)) as db:
        return [*gaps, *(text for (text,) in db.execute("SELECT text FROM fault"))]


def main(port: int, database: Path, mute: bool) -> None:
    ingest = Ingest(port, database)
    ingest.mute = mute
    ingest.run_for_ever()


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]), "mute" in sys.argv[3:])
