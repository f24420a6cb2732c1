"""Prints each event of a ward once: python subscriber.py BROKER[:PORT] WARD [CA CERT KEY]"""

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


client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, f"printer-{ward}", protocol=mqtt.MQTTv5)
client.on_connect = lambda *_: client.subscribe(f"tb/v1/{ward}/+/up/event/+", qos=1)
client.on_subscribe = lambda *event: print("subscribed:", *event[3], file=sys.stderr)
client.on_message = on_message
if tls:
    client.tls_set(*tls)
session = Properties(PacketTypes.CONNECT)
session.SessionExpiryInterval = 86400  # what comes while we are away is kept for a day
host, _, port = broker.partition(":")
client.connect(host, int(port or (8883 if tls else 1883)), clean_start=False, properties=session)
client.loop_forever()
