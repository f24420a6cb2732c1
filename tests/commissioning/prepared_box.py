"""A box as the workshop leaves it, in a folder: bundle, enrolment certificate, and root's part beside it."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from edge_agent.commissioning.paths import CommissioningPaths
from edge_agent.wire import BirthLocation, BundleCamera, BundleSite, SiteBundle
from tests.testbed.claims import SERIAL, TIME
from tests.testbed.mosquitto import Authority
from tests.testbed.walker_model import WALKER_MODEL

ROOT = Path(__file__).resolve().parents[2]
PASSWORD = "Cam-Thai-Binh-1"
CODE = "12345678"


def load_root_part() -> ModuleType:
    path = ROOT / "ansible/roles/edge_agent/files/edge_commission.py"
    spec = importlib.util.spec_from_file_location("edge_commission", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


ROOT_PART = load_root_part()


def pem(key: Ed25519PrivateKey) -> str:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


@dataclass
class PreparedBox:
    folder: Path
    authority: Authority
    release_key: Ed25519PrivateKey
    answer_key: Ed25519PrivateKey
    broker_port: int
    camera_urls: Sequence[str]

    @property
    def paths(self) -> CommissioningPaths:
        return CommissioningPaths.below(self.folder)

    @property
    def state_dir(self) -> Path:
        return self.folder / "var/lib/edge-agent"

    def site(self, id_: str, latitude: float) -> BundleSite:
        cameras = [
            {"id": f"cam-{number}", "url": url, "username": "edge"}
            for number, url in enumerate(self.camera_urls, 1)
        ]
        tls = self.folder / "etc/edge-agent/tls"
        files = {"ca_file": "ca.crt", "cert_file": "client.crt", "key_file": "client.key"}
        configuration: dict[str, Any] = {
            "gateway": {"id": id_, "ward": "de-tham", "name": f"Ngã tư {id_}"},
            "state_dir": str(self.state_dir),
            "mqtt": {
                "brokers": [f"mqtts://127.0.0.1:{self.broker_port}"],
                "spread_s": 0,
                **{key: str(tls / name) for key, name in files.items()},
            },
            "detector": {"model": str(WALKER_MODEL)},
            "cameras": [each | {"password_file": f"credentials/{each['id']}"} for each in cameras],
        }
        return BundleSite(
            id=id_,
            ward="de-tham",
            name=f"Ngã tư {id_}",
            ward_name="Đề Thám",
            location=BirthLocation(latitude=latitude, longitude=106.3366),
            cameras=[BundleCamera(name="Cổng", **each) for each in cameras],
            configuration=configuration,
        )

    def bundle(self, version: int = 1) -> SiteBundle:
        return SiteBundle(
            version=version,
            made_at=TIME,
            brokers=[f"mqtts://127.0.0.1:{self.broker_port}"],
            ca=self.authority.cert.read_text(),
            answer_keys=[pem(self.answer_key)],
            sites=[self.site("dt-001", 20.4463), self.site("dt-002", 20.4563)],
        )

    def write_bundle(self, version: int = 1) -> None:
        content = msgspec.json.encode(self.bundle(version))
        path = self.paths.enrolment / "sites.json"
        path.write_bytes(content)
        path.with_name("sites.json.sig").write_bytes(self.release_key.sign(content))

    def programs(self) -> list[str]:
        """What root's part has asked systemd for."""
        path = self.folder / "ran"
        return path.read_text().splitlines() if path.exists() else []

    @contextmanager
    def root_part(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
        """The path unit: it starts root's part for each request."""
        monkeypatch.setenv("PATH", f"{self.folder / 'bin'}:{os.environ['PATH']}")
        box, stop = ROOT_PART.Box(self.folder), threading.Event()

        def watch() -> None:
            while not stop.wait(0.02):
                if (self.paths.run / "request.json").exists():
                    ROOT_PART.act(box)

        thread = threading.Thread(target=watch, daemon=True)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()


def prepared_box(folder: Path, broker_port: int, camera_urls: Sequence[str]) -> PreparedBox:
    authority = Authority(folder / "ca")
    made = PreparedBox(
        folder / "box",
        authority,
        Ed25519PrivateKey.generate(),
        Ed25519PrivateKey.generate(),
        broker_port,
        camera_urls,
    )
    paths, etc = made.paths, made.paths.etc
    for needed in (
        *(etc / name for name in ("enrolment", "tls", "credentials", "conf.d", "operators", "searches")),
        *(paths.state, paths.run, paths.root_state, paths.answer.parent, made.state_dir / "models"),
    ):
        needed.mkdir(parents=True)
    (etc / "serial").write_text(SERIAL + "\n")
    (etc / "release.pem").write_text(pem(made.release_key))
    (paths.state / "code").write_text(CODE)
    enrolment = authority.issue("enrol-2026-11")
    shutil.copy(enrolment.cert, paths.enrolment / "client.crt")
    shutil.copy(enrolment.key, paths.enrolment / "client.key")
    made.write_bundle()
    _programs(made)
    return made


def _programs(made: PreparedBox) -> None:
    agent = f'cd {ROOT} && exec {sys.executable} -m edge_agent "$@"'
    _program(made.folder / "opt/edge-agent/current/bin/edge-agent", agent)
    for name in ("systemctl", "hostnamectl"):
        _program(made.folder / "bin" / name, f'echo {name} "$@" >> {made.folder / "ran"}')
    tool = made.folder / "usr/local/sbin/edge-certificates"
    tool.parent.mkdir(parents=True)
    shutil.copy(ROOT / "ansible/roles/pki/files/edge_certificates.py", tool)


def _program(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


def read_json(path: Path) -> Mapping[str, Any]:
    found: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8").partition("\n")[2])
    return found
