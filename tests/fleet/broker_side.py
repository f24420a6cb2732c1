"""A broker with the templates of the role ``broker`` and its own certificates."""

from __future__ import annotations

import json
import os
import ssl
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import jinja2
import yaml
from paho.mqtt.reasoncodes import ReasonCode

from tests.testbed.mosquitto import Authority, Certificate, Subscriber, binary, free_port, wait_until

ROLE = Path(__file__).parents[2] / "ansible/roles/broker"
EDGE_BROKER = ROLE / "files/edge_broker.py"
OPERATOR = "fleet-operator"
STARTED = " running"
"""In the log of each start of mosquitto."""


def rendered(template: str, **changes: object) -> str:
    """Render a template of the role with its defaults, as Ansible does."""
    defaults = yaml.safe_load((ROLE / "defaults/main.yml").read_text(encoding="utf-8"))
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(ROLE / "templates"),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        keep_trailing_newline=True,
    )
    made_by_ansible = {"broker_console_users": ["central-console"]}  # a Jinja expression in the defaults
    return environment.get_template(template).render(defaults | made_by_ansible | changes)


@dataclass(frozen=True)
class Answer:
    code: int
    out: str
    err: str


def answer_of(*command: str | Path, **environment: str) -> Answer:
    """Run a program to its end; ``environment`` is added to that of this process."""
    environ = os.environ | environment
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env=environ)
    return Answer(done.returncode, done.stdout, done.stderr)


class FleetBroker:
    """Mosquitto with the role's own configuration, except for paths and ports."""

    def __init__(
        self,
        folder: Path,
        gateways: Mapping[str, str],
        ward_users: Sequence[Mapping[str, str]] = (),
        users: Mapping[str, object] | None = None,
        valid: tuple[str, str] | None = None,
        **limits: int,
    ) -> None:
        """``users`` and ``limits``: variables of the role, instead of their defaults. ``valid``: of all
        certificates, see ``Authority``."""
        self.folder = folder / "broker"
        self.folder.mkdir()
        self.port, self.operator_port = free_port(), free_port()
        self._users = {"broker_ward_users": ward_users} | dict(users or {})
        self._valid = valid
        self._authority = Authority(folder, "city CA", valid=valid)
        self._revoked: list[Certificate] = []
        self._known: dict[str, Certificate] = {}
        self._process: subprocess.Popen[bytes] | None = None
        self.ca = self._authority.cert
        (self.folder / "ca.crt").write_bytes(self.ca.read_bytes())
        self._put(self.issue("broker", san="IP:127.0.0.1"), self.folder, "broker")
        self.write_acl(gateways)
        self.write_crl()
        (self.folder / "operator").mkdir()
        (self.folder / "operator/ca.crt").write_bytes(self.ca.read_bytes())
        self._put(self.issue(OPERATOR), self.folder / "operator", "client")
        self.settings = self.folder / "operator/edge-broker.json"
        kept = {"port": self.operator_port, "root": "tb/v1", "folder": str(self.folder / "operator")}
        self.settings.write_text(json.dumps(kept), encoding="utf-8")
        self.configuration = self.folder / "mosquitto.conf"
        text = rendered(
            "mosquitto.conf.j2",
            broker_folder=self.folder,
            broker_bind_address="127.0.0.1",
            broker_port=self.port,
            broker_operator_port=self.operator_port,
            **limits,
        )
        moved = {
            "user mosquitto": "user root",
            "/run/mosquitto/mosquitto.pid": f"{self.folder}/pid",
            "/var/lib/mosquitto/": f"{self.folder}/",
        }
        for old, new in moved.items():
            assert old in text
            text = text.replace(old, new)
        self.configuration.write_text(text, encoding="utf-8")

    def __enter__(self) -> Self:
        starts = self.log.count(STARTED) if (self.folder / "log").exists() else 0
        with (self.folder / "log").open("ab") as log:
            command = [binary(), "-c", str(self.configuration)]
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            wait_until(lambda: self.log.count(STARTED) > starts, what="mosquitto's start")
        except AssertionError as error:
            self._process.kill()
            self._process.wait(10)
            raise AssertionError(self.log) from error
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait(10)

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text(encoding="utf-8", errors="replace")

    def issue(self, name: str, san: str = "") -> Certificate:
        if name not in self._known:
            self._known[name] = self._authority.issue(name, san=san, valid=self._valid)
        return self._known[name]

    def write_acl(self, gateways: Mapping[str, str]) -> None:
        """Write the ACL of an inventory: gateway id to ward."""
        text = rendered("acl.j2", broker_gateways=gateways, **self._users)
        path = self.folder / "acl"
        path.write_text(text, encoding="utf-8")
        path.chmod(0o640)

    def revoke(self, certificate: Certificate) -> None:
        self._revoked.append(certificate)
        self.write_crl()

    def write_crl(self) -> None:
        self._authority.write_crl(self.folder / "crl.pem", self._revoked)

    def restart(self) -> None:
        """As the role does after each change. Sessions and what waits for them stay."""
        assert self._process is not None
        self._process.terminate()
        self._process.wait(20)
        self.__enter__()

    def client(self, command: str, name: str, *arguments: str, port: int | None = None) -> list[str]:
        """Run ``mosquitto_pub`` or ``mosquitto_sub`` with the certificate of ``name``."""
        certificate = self.issue(name)
        files = ["--cafile", str(self.ca), "--cert", str(certificate.cert), "--key", str(certificate.key)]
        return [command, "-h", "127.0.0.1", "-p", str(port or self.port), "-V", "5", *files, *arguments]

    def run(self, command: str, name: str, *arguments: str, port: int | None = None) -> Answer:
        return answer_of(*self.client(command, name, *arguments, port=port))

    def publish(self, name: str, topic: str, payload: str = "{}", *, retain: bool = False) -> Answer:
        """Publish with QoS 1; mosquitto_pub prints ``Not authorized`` when the broker refuses."""
        more = ["-r"] if retain else []
        return self.run("mosquitto_pub", name, "-q", "1", "-t", topic, "-m", payload, *more)

    @staticmethod
    def _put(certificate: Certificate, folder: Path, name: str) -> None:
        (folder / f"{name}.crt").write_bytes(certificate.cert.read_bytes())
        (folder / f"{name}.key").write_bytes(certificate.key.read_bytes())


class FleetClient(Subscriber):
    """A client with the certificate of ``name``."""

    def __init__(self, broker: FleetBroker, name: str, *topics: str) -> None:
        tls, own = ssl.create_default_context(cafile=broker.ca), broker.issue(name)
        tls.load_cert_chain(own.cert, own.key)
        super().__init__(broker.port, *topics, client_id=name, tls=tls)
        self._refused: set[int] = set()
        self._client.on_publish = self._on_publish

    def _on_publish(self, _: object, __: object, message: int, reason: ReasonCode, ___: object) -> None:
        if reason.is_failure:
            self._refused.add(message)

    def write(self, topics: Iterable[str], payload: bytes, *, retain: bool = False) -> set[str]:
        """Publish a message on each topic; return the topics that the broker accepted."""
        sent = {topic: self._client.publish(topic, payload, qos=1, retain=retain) for topic in topics}
        for each in sent.values():
            each.wait_for_publish(30)
        return {topic for topic, each in sent.items() if each.mid not in self._refused}

    def heard(self, payload: bytes = b"") -> set[str]:
        """The topics of all messages; with ``payload``, of those with it."""
        return {each.topic for each in self.messages if payload in each.payload}
