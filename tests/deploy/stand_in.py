"""Wheels of a small agent for the tests of roll-outs, which are about links, services and heartbeats.

It signs on over mutual TLS with the box's own certificate, says ``state`` and ``birth``, and beats every
second with its version; broker and ward come from the usual file. The real agent's provisioning is tried
elsewhere: three boxes with two releases of it would be 2 GB.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.update.agents import write_wheel

_AGENT = '''"""The stand-in, version {version}."""
import json, os, socket, ssl, sys, threading, time
from pathlib import Path

VERSION, BAD_ON = "{version}", {bad_on!r}


def tell_systemd(text):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as out:
        out.sendto(text.encode(), os.environ["NOTIFY_SOCKET"].replace("@", chr(0), 1))


def answer(client):
    path = Path("/run/edge-agent/status.sock")
    path.unlink(missing_ok=True)  # the folder stays over a restart
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        path.chmod(0o660)
        server.listen()
        while True:
            asker, _ = server.accept()
            with asker:
                heard = {{"connected": client.is_connected(), "heartbeat": {{"version": VERSION}}}}
                asker.sendall(json.dumps(heard).encode())


def newest(name):
    """Of the next slot, if it has one; the real agent goes back when the broker does not take it."""
    following = Path("/etc/edge-agent/tls/next", name)
    return str(following if following.exists() else following.parents[1] / name)


def run(path):
    import paho.mqtt.client as paho

    kept = json.loads(Path(path).read_text())
    gateway, ward = kept["gateway"]["id"], kept["gateway"]["ward"]
    if gateway in BAD_ON:
        print("this release does not work on", gateway, file=sys.stderr)
        return 1
    up = f"tb/v1/{{ward}}/{{gateway}}/up"
    client = paho.Client(paho.CallbackAPIVersion.VERSION2, client_id=gateway, protocol=paho.MQTTv5)
    tls = ssl.create_default_context(cafile=newest("ca.crt"))
    tls.load_cert_chain(newest("client.crt"), newest("client.key"))
    client.tls_set_context(tls)

    def say(end, retain, **body):
        client.publish(f"{{up}}/{{end}}", json.dumps(body), qos=1, retain=retain)

    def on_connect(*_):
        say("state", True, state="online", time=str(time.time()))
        say("birth", True, version=VERSION)

    client.on_connect = on_connect
    client.will_set(f"{{up}}/state", json.dumps({{"state": "offline"}}), qos=1, retain=True)
    client.connect_async(kept["mqtt"]["host"], kept["mqtt"]["port"], keepalive=5)
    client.loop_start()
    tell_systemd("READY=1")
    threading.Thread(target=answer, args=(client,), daemon=True).start()
    while True:
        if client.is_connected():
            say("heartbeat", False, schema="heartbeat/1", version=VERSION)
        tell_systemd("WATCHDOG=1")
        time.sleep(1)


def main():
    if sys.argv[1:] == ["--version"]:
        print("edge-agent", VERSION)
        return 0
    if sys.argv[1] == "check":
        json.loads(Path(sys.argv[2]).read_text())
        return 0
    return run(sys.argv[2])
'''


def wheelhouse(folder: Path, version: str, bad_on: tuple[str, ...] = (), needs: str = "paho-mqtt") -> Path:
    """Return a folder with a release and its libraries; the release does not start on the gateways
    ``bad_on``."""
    folder.mkdir(parents=True, exist_ok=True)
    if not list(folder.glob("paho_mqtt-*.whl")):
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(folder)]
        subprocess.run([*pip, "paho-mqtt>=2.2,<3"], check=True, timeout=120)
    program = {"stand_in.py": _AGENT.format(version=version, bad_on=bad_on)}
    write_wheel(folder, version, program, meta=f"Requires-Dist: {needs}\n", runs="stand_in:main")
    return folder
