"""Sources of events for the view: a subscriber at the broker, or the outbox if there is no broker."""

from __future__ import annotations

import contextlib
import json
import sqlite3
import threading
from pathlib import Path
from typing import Any, Protocol

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from demo.agent import GATEWAY, ROOT, WARD
from demo.picture import BestPicture
from demo.view import View

UP = f"{ROOT}/{WARD}/{GATEWAY}/up"


class Source(Protocol):
    def __enter__(self) -> Source: ...

    def __exit__(self, *_: object) -> None: ...

    def drain(self) -> None:
        """Read the events that remain after the agent has stopped."""
        ...


class Subscriber:
    """Connects, subscribes and reads, like any subscriber."""

    def __init__(self, port: int, view: View, picture: BestPicture) -> None:
        self._port = port
        self._view = view
        self._picture = picture
        self._stopped = threading.Event()  # the agent's `stopped` state arrived: no message follows it
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="demo-view", protocol=mqtt.MQTTv5)
        self._client.on_connect = self._subscribe
        self._client.on_message = self._receive

    def __enter__(self) -> Subscriber:
        self._client.connect("127.0.0.1", self._port)
        self._client.loop_start()
        return self

    def __exit__(self, *_: object) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def drain(self) -> None:
        self._stopped.wait(2.0)

    def _subscribe(
        self, client: mqtt.Client, _: Any, __: Any, ___: ReasonCode, ____: Properties | None
    ) -> None:
        client.subscribe([(f"{UP}/event/+", 1), (f"{UP}/media/+", 1), (f"{UP}/state", 1)])

    def _receive(self, _: mqtt.Client, __: Any, message: mqtt.MQTTMessage) -> None:
        part = message.topic.removeprefix(UP + "/").partition("/")
        if part[0] == "event":
            event = json.loads(message.payload)
            self._view.event(event)
            self._picture.event(event)
        elif part[0] == "media":
            self._picture.media(part[2], bytes(message.payload))
        elif json.loads(message.payload)["state"] == "stopped":
            self._stopped.set()


class OutboxSource:
    """Reads the waiting events from the agent's SQLite file, read-only."""

    def __init__(self, state_dir: Path, view: View, picture: BestPicture) -> None:
        self._state_dir = state_dir
        self._view = view
        self._picture = picture
        self._stop = threading.Event()
        self._shown: set[str] = set()
        self._thread = threading.Thread(target=self._poll, name="outbox-view", daemon=True)

    def __enter__(self) -> OutboxSource:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(2)

    def drain(self) -> None:
        self._read()

    def _poll(self) -> None:
        while not self._stop.wait(0.5):
            self._read()

    def _read(self) -> None:
        path = self._state_dir / "outbox.db"
        if not path.exists():
            return
        with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=5)) as db:
            payloads = [row[0] for row in db.execute("SELECT payload FROM event")]
        waiting = sorted((json.loads(payload) for payload in payloads), key=lambda event: event["sequence"])
        for event in waiting:
            if event["id"] in self._shown:
                continue
            self._shown.add(event["id"])
            self._view.event(event)
            self._picture.event(event)
            if snapshot := event["data"].get("snapshot"):
                jpeg = self._state_dir / "media" / f"{snapshot['media_id']}.jpg"
                self._picture.media(snapshot["media_id"], jpeg.read_bytes())
