"""Prints each event of a ward once, also those of the time when it was away:
python subscriber_with_history.py BROKER[:PORT] WARD https://CONSOLE TOKEN-FILE [CA CERT KEY]

CA is trusted for the broker, and for the console in addition to the CAs of the system."""

import http.client
import json
import sqlite3
import ssl
import sys
import threading
import time
import urllib.error
import urllib.request

import paho.mqtt.client as mqtt

broker, ward, console, token_file, *tls = sys.argv[1:]
with open(token_file) as file:
    authorization = {"Authorization": "Bearer " + file.read().strip()}
console_tls = ssl.create_default_context()
if tls:
    console_tls.load_verify_locations(tls[0])
store = sqlite3.connect(f"{ward}.db", check_same_thread=False, isolation_level=None)
store.execute("CREATE TABLE IF NOT EXISTS event (source TEXT, id TEXT, PRIMARY KEY (source, id))")
store.execute("CREATE TABLE IF NOT EXISTS place (one INTEGER PRIMARY KEY, cursor TEXT)")
lock = threading.Lock()  # the store has two users: MQTT, which is quick, and the API, which is complete


def report(*words):
    print(*words, file=sys.stderr, flush=True)


def show(event):
    with lock:
        new = store.execute(
            "INSERT OR IGNORE INTO event VALUES (?, ?)", (event["source"], event["id"])
        ).rowcount
        if new:
            print(*(event[key] for key in ("time", "source", "subject", "type", "data")), flush=True)


def catch_up():
    """Everything that the central store has and we have not; then up to 30 s for what comes."""
    row = store.execute("SELECT cursor FROM place").fetchone()
    after = f"&after={row[0]}" if row else ""
    url = f"{console}/api/events?ward={ward}&limit=1000&wait=30{after}"
    request = urllib.request.Request(url, headers=authorization)
    with urllib.request.urlopen(request, timeout=60, context=console_tls) as answer:
        page = json.load(answer)
    for deleted in page["deleted"]:
        report("too late:", deleted)  # away for longer than events are kept
    for event in page["events"]:
        show(event)
    store.execute("INSERT OR REPLACE INTO place VALUES (1, ?)", (page["next"],))


client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, f"history-{ward}", protocol=mqtt.MQTTv5)
client.on_connect = lambda *_: client.subscribe(f"tb/v1/{ward}/+/up/event/+", qos=1)
client.on_connect_fail = lambda *_: report(f"{broker}: cannot connect:", sys.exception())
client.on_disconnect = lambda *event: report(f"{broker}: disconnected:", event[3])
client.on_subscribe = lambda *event: report(f"{broker}:", *event[3], "(also without the right to read)")
client.on_message = lambda _client, _userdata, message: show(json.loads(message.payload))
if tls:
    client.tls_set(*tls)
host, _, port = broker.partition(":")
client.connect_async(host, int(port or (8883 if tls else 1883)))
client.loop_start()
while True:
    try:
        catch_up()
    except urllib.error.HTTPError as error:
        report(f"{console}:", error.read().decode())
        if error.code == 409:  # the store was restored from a backup: read all of it, print what is new
            store.execute("DELETE FROM place")
        time.sleep(10)
    except (OSError, http.client.HTTPException, ValueError) as error:  # also in the middle of an answer
        report(f"{console}:", error)
        time.sleep(10)
