"""A real mosquitto on a free loopback port, and a subscriber that collects what it receives.

with Mosquitto(tmp_path) as broker, Subscriber(broker.port) as centre:
    ...
    broker.kill(); broker.start()     # the port stays the same
    centre.wait_for(lambda: len(centre.messages) == 3)
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from tests.testbed import examples

LIFE_SIGN_S = 30.0
"""Nothing takes so long but on a machine with far too much to do."""


def free_port() -> int:
    """A TCP port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def reserved_port() -> socket.socket:
    """A port that no other process is given while the socket is open; a server with SO_REUSEADDR can listen.

    Otherwise a port is anybody's while its broker is away: other tests ask for free ports all the time.
    """
    place = socket.socket()
    place.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    place.bind(("127.0.0.1", 0))
    return place


def answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def wait_until(true: Callable[[], bool], timeout_s: float = LIFE_SIGN_S, what: str = "condition") -> None:
    """Check every 10 ms until ``true()``; for conditions that cannot notify. Raises AssertionError.

    A check that needs much of a core is made less often, but at least every 0.2 s.
    """
    deadline = time.monotonic() + timeout_s
    pause = threading.Event()
    began_s = time.thread_time()
    while not true():
        assert time.monotonic() < deadline, f"{what} did not become true within {timeout_s} s"
        pause.wait(min(max(0.01, 4 * (time.thread_time() - began_s)), 0.2))
        began_s = time.thread_time()


def binary() -> str:
    """Debian installs mosquitto in /usr/sbin, which is not on every PATH."""
    found = shutil.which("mosquitto", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    assert found, "mosquitto is not installed: run tests/testbed/install.sh"
    return found


class Mosquitto:
    """One broker process.

    ``lines`` are added to its configuration. ``certificate`` and ``ca`` make the listener TLS, with client
    certificates when ``mutual``.
    """

    def __init__(
        self,
        folder: Path,
        *lines: str,
        certificate: Certificate | None = None,
        ca: Path | None = None,
        mutual: bool = False,
        persistent: bool = False,
        anonymous: bool = True,
        sys_interval_s: int = 0,
    ) -> None:
        self._place = reserved_port()
        self.port = int(self._place.getsockname()[1])
        self._folder = folder / f"mosquitto-{self.port}"
        self._folder.mkdir(parents=True)
        self._process: subprocess.Popen[bytes] | None = None
        config = [
            f"listener {self.port} 127.0.0.1",
            f"allow_anonymous {str(anonymous).lower()}",
            "max_queued_messages 100000",
            f"sys_interval {sys_interval_s}",
            "log_dest stderr",
            "connection_messages true",
        ]
        if os.geteuid() == 0:
            config.append("user root")
        if persistent:
            config += ["persistence true", f"persistence_location {self._folder}/"]
        if certificate is not None:
            config += [f"certfile {certificate.cert}", f"keyfile {certificate.key}", f"cafile {ca}"]
        if mutual:
            config += ["require_certificate true", "use_identity_as_username true"]
        self._config = self._folder / "mosquitto.conf"
        self._config.write_text("\n".join([*config, *lines, ""]), encoding="utf-8")

    @property
    def url(self) -> str:
        """Its address, where it has no certificate."""
        return f"mqtt://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            self.kill()
        self._place.close()

    @property
    def log(self) -> str:
        return (self._folder / "log").read_text(encoding="utf-8", errors="replace")

    def start(self) -> None:
        """Returns when the broker accepts connections."""
        with (self._folder / "log").open("ab") as log:
            command = [binary(), "-c", str(self._config)]
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        wait_until(self._is_up, what=f"mosquitto on port {self.port}")

    def stop(self) -> None:
        """Send SIGTERM: the broker saves its state and disconnects its clients."""
        self._signal(signal.SIGTERM)
        self._wait()

    def kill(self) -> None:
        self._signal(signal.SIGKILL)
        self._wait()

    def freeze(self) -> None:
        """Send SIGSTOP: connections stay open, and nothing answers."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)

    def reload(self) -> None:
        """Send SIGHUP: read the ACL and password files again; returns when that is done."""
        before = self.log.count("Reloading config")
        self._signal(signal.SIGHUP)
        wait_until(lambda: self.log.count("Reloading config") > before, what="reload")

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def _wait(self) -> None:
        assert self._process is not None
        self._process.wait(LIFE_SIGN_S)
        self._process = None

    def _is_up(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, f"mosquitto ended: {self.log}"
        return answers(self.port)


@dataclass(frozen=True, slots=True)
class Received:
    topic: str
    payload: bytes
    retained: bool
    qos: int
    content_type: str | None
    properties: dict[str, str]


class Subscriber:
    """Subscribes to ``topics`` and collects messages, in order.

    It reconnects by itself and keeps its session, so that no message is missed while a persistent broker is
    down.
    """

    def __init__(
        self,
        port: int,
        *topics: str,
        client_id: str = "centre",
        username: str | None = None,
        password: str | None = None,
        host: str = "127.0.0.1",
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._topics = topics or ("#",)
        self._changed = threading.Condition()
        self._messages: list[Received] = []
        self.subscriptions = 0  # how often the subscriptions were made, reconnects included
        version = CallbackAPIVersion.VERSION2
        self._client = paho.Client(version, client_id=client_id, protocol=paho.MQTTv5)
        self._client.reconnect_delay_set(1, 1)
        self._client.username_pw_set(username, password)
        if tls is not None:
            self._client.tls_set_context(tls)
        self._client.on_connect = self._on_connect
        self._client.on_subscribe = self._on_subscribe
        self._client.on_message = self._on_message
        self._host, self._port = host, port

    def __enter__(self) -> Self:
        session = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        session.SessionExpiryInterval = 3600
        self._client.connect(self._host, self._port, clean_start=False, properties=session)
        self._client.loop_start()
        self.wait_for(lambda: self.subscriptions > 0)
        return self

    def __exit__(self, *_: object) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    @property
    def messages(self) -> list[Received]:
        with self._changed:
            return list(self._messages)

    def on(self, topic_end: str) -> list[Received]:
        """Messages on topics that end with this."""
        return [message for message in self.messages if message.topic.endswith(topic_end)]

    def events(self) -> list[Received]:
        return [message for message in self.messages if "/up/event/" in message.topic]

    def publish(
        self, topic: str, payload: bytes, retain: bool = False, expires_in_s: int | None = None
    ) -> None:
        properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
        if expires_in_s is not None:
            properties.MessageExpiryInterval = expires_in_s
        examples.keep(topic, payload)
        info = self._client.publish(topic, payload, qos=1, retain=retain, properties=properties)
        info.wait_for_publish(LIFE_SIGN_S)

    def wait_for(self, true: Callable[[], bool], timeout_s: float = LIFE_SIGN_S) -> None:
        """Wait until ``true()``, checked at every message. Raises AssertionError."""
        with self._changed:
            topics = [message.topic for message in self._messages]
            assert self._changed.wait_for(true, timeout_s), f"not within {timeout_s} s; at first: {topics}"

    def _on_connect(self, client: paho.Client, *_: object) -> None:
        client.subscribe([(topic, 1) for topic in self._topics])

    def _on_subscribe(self, *_: object) -> None:
        with self._changed:
            self.subscriptions += 1
            self._changed.notify_all()

    def _on_message(self, client: paho.Client, _: object, message: paho.MQTTMessage) -> None:
        properties = message.properties
        received = Received(
            message.topic,
            bytes(message.payload),
            message.retain,
            message.qos,
            getattr(properties, "ContentType", None),
            dict(getattr(properties, "UserProperty", [])),
        )
        examples.keep(received.topic, received.payload, received.properties)
        with self._changed:
            self._messages.append(received)
            self._changed.notify_all()


@dataclass(frozen=True, slots=True)
class Certificate:
    cert: Path
    key: Path

    def server_context(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.cert, self.key)
        return context


class Authority:
    """A throw-away CA made with the openssl command."""

    def __init__(self, folder: Path, name: str = "test CA", *, valid: tuple[str, str] | None = None) -> None:
        """``valid``: as for ``issue``."""
        self._folder = folder / name.replace(" ", "-")
        self._folder.mkdir(parents=True)
        self.cert = self._folder / "ca.pem"
        self._key = self._folder / "ca.key"
        self._openssl(
            *("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-noenc"),
            *_period(valid),
            *("-subj", f"/CN={name}", "-keyout", str(self._key), "-out", str(self.cert)),
            *("-addext", "keyUsage=critical,keyCertSign,cRLSign"),
        )

    def issue(self, common_name: str, *, san: str = "", valid: tuple[str, str] | None = None) -> Certificate:
        """A certificate for server and client use. ``san`` such as ``DNS:localhost,IP:127.0.0.1``;
        ``valid`` as two moments like ``20200101000000Z``, by default two days from now."""
        key = self._new(".key")
        names = ("-addext", f"subjectAltName={san}") if san else ()
        own = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-noenc", "-keyout", str(key))
        return self._sign(common_name, key, *own, *_period(valid), *names)

    def renew(
        self, common_name: str, key: Path, *, valid: tuple[str, str] | None = None, days: int = 3
    ) -> Certificate:
        """Issue another certificate for an existing key."""
        period = ("-days", str(days)) if valid is None else _period(valid)
        usage = ("-addext", "extendedKeyUsage=clientAuth")
        return self._sign(common_name, key, "-key", str(key), *period, *usage)

    def _new(self, suffix: str) -> Path:
        return self._folder / f"{len(list(self._folder.iterdir()))}{suffix}"

    def _sign(self, common_name: str, key: Path, *options: str) -> Certificate:
        made = Certificate(self._new(".pem"), key)
        signed = ("-CA", str(self.cert), "-CAkey", str(self._key), "-subj", f"/CN={common_name}")
        leaf = ("-out", str(made.cert), "-addext", "basicConstraints=critical,CA:FALSE")
        self._openssl("req", "-x509", *signed, *leaf, *options)
        return made

    def copy_to(self, folder: Path, passphrase: str) -> None:
        """Store it as the role pki does: ``ca.crt``, and ``ca.key`` with a passphrase."""
        (folder / "ca.crt").write_bytes(self.cert.read_bytes())
        locked = ("-aes256", "-passout", f"pass:{passphrase}", "-out", str(folder / "ca.key"))
        self._openssl("pkey", "-in", str(self._key), *locked)

    def write_crl(self, path: Path, revoked: Sequence[Certificate] = ()) -> None:
        """The list of revoked certificates, as PEM."""
        index, config = self._folder / "index.txt", self._folder / "crl.cnf"
        index.write_text("")
        own_ca = f"[d]\ndatabase={index}\ndefault_md=sha256\ndefault_crl_days=30\n"
        config.write_text(f"[ca]\ndefault_ca=d\n{own_ca}")
        own = ("-config", str(config), "-keyfile", str(self._key), "-cert", str(self.cert))
        for certificate in revoked:
            self._openssl("ca", *own, "-revoke", str(certificate.cert))
        self._openssl("ca", *own, "-gencrl", "-out", str(path))

    def _openssl(self, *arguments: str) -> None:
        command = ["openssl", *arguments]
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
        assert done.returncode == 0, done.stderr


def _period(valid: tuple[str, str] | None) -> tuple[str, ...]:
    return ("-days", "2") if valid is None else ("-not_before", valid[0], "-not_after", valid[1])
