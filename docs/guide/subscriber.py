"""Prints each event of a ward once: python subscriber.py BROKER[:PORT] WARD [CA CERT KEY]

A line has the time, the gateway, the camera, the type and the data of an event."""

import json
import sys

import paho.mqtt.client as mqtt
from paho.mqtt.properties import PacketTypes, Properties

broker, ward, *tls = sys.argv[1:]
seen = set()  # a resend is the same event; a real subscriber keeps this on disk


def on_message(client, userdata, message):
    event = json.loads(message.payload)
    if (event["source"], event["id"]) not in seen:
        seen.add((event["source"], event["id"]))
        print(*(event[key] for key in ("time", "source", "subject", "type", "data")), flush=True)


def report(*words):
    print(*words, file=sys.stderr, flush=True)


client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, f"printer-{ward}", protocol=mqtt.MQTTv5)
client.on_connect = lambda *_: client.subscribe(f"tb/v1/{ward}/+/up/event/+", qos=1)
client.on_connect_fail = lambda *_: report("cannot connect:", sys.exception())
client.on_disconnect = lambda *event: report("disconnected:", event[3])
client.on_subscribe = lambda *event: report("subscribed:", *event[3], "(also without the right to read)")
client.on_message = on_message
if tls:
    client.tls_set(*tls)
session = Properties(PacketTypes.CONNECT)
session.SessionExpiryInterval = 86400  # what comes while we are away is kept for a day
host, _, port = broker.partition(":")
client.connect_async(host, int(port or (8883 if tls else 1883)), clean_start=False, properties=session)
client.loop_forever(retry_first_connection=True)
