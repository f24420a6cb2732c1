"""A centre that stores nothing and confirms every event and picture, for gateways with ``mqtt.delivery:
confirmed``.

As a process: ``python -m tests.testbed.ingest PORT [mute]``. The real one is in ``edge_central/``.
"""

from __future__ import annotations

import json
import signal
import sys
from typing import Any

from paho.mqtt import client as paho

from tests.testbed.mosquitto import Subscriber


class Ingest(Subscriber):
    """Confirms each message at once, events together with all earlier ones. While ``mute`` it confirms
    nothing."""

    def __init__(self, port: int, *, mute: bool = False) -> None:
        super().__init__(port, "tb/v1/+/+/up/event/#", "tb/v1/+/+/up/media/#", client_id="ingest")
        self.mute = mute
        self._stored: dict[str, tuple[int, set[int]]] = {}  # by epoch: up to this sequence, and beyond a gap

    def _on_message(self, client: paho.Client, userdata: object, message: paho.MQTTMessage) -> None:
        super()._on_message(client, userdata, message)
        gateway, _, rest = message.topic.partition("/up/")
        ack: dict[str, Any] = {"epoch": "none", "upto": 0}
        if rest.startswith("media/"):
            ack["media"] = [rest.removeprefix("media/")]
        else:
            ack |= self._store(json.loads(message.payload))
        if not self.mute:
            client.publish(f"{gateway}/down/ack", json.dumps(ack), qos=1)

    def _store(self, event: dict[str, Any]) -> dict[str, Any]:
        upto, beyond = self._stored.get(event["epoch"], (0, set()))
        beyond = {number for number in {*beyond, int(event["sequence"])} if number > upto}
        while upto + 1 in beyond:
            upto += 1
            beyond.remove(upto)
        self._stored[event["epoch"]] = upto, beyond
        return {"epoch": event["epoch"], "upto": upto, "also": sorted(beyond)}


if __name__ == "__main__":
    with Ingest(int(sys.argv[1]), mute="mute" in sys.argv[2:]):
        signal.pause()
