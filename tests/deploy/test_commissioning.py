"""A box with the Debian package claims its site on its page: units, rights and root's part in a real systemd.

The centre's side is in tests/fleet, the steps are in tests/commissioning."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from edge_agent import __version__
from edge_agent.wire import BundleCamera, BundleSite, SiteBundle
from edge_agent.wire.claims import check_character
from tests.commissioning.phone import PhoneOverTls
from tests.commissioning.prepared_box import pem
from tests.deploy import apt_repository
from tests.deploy.boxes import Box, Boxes, wait_until
from tests.deploy.conftest import WHEELHOUSE
from tests.testbed.claims import TIME
from tests.testbed.mosquitto import Authority

pytestmark = pytest.mark.xdist_group("commissioning")

LABEL = f"/s/dt-001-{check_character('dt-001')}"
CAMERA = {"id": "cam-1", "url": "rtsp://192.0.2.1/sub", "username": "viewer"}
INSTALL = "apt-get update -q; DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends"


def bundle(authority: Authority, key: Ed25519PrivateKey) -> SiteBundle:
    brokers = ["mqtts://192.0.2.2:8883"]
    files = {"ca_file": "ca.crt", "cert_file": "client.crt", "key_file": "client.key"}
    configuration = {
        "gateway": {"id": "dt-001", "ward": "de-tham", "name": "Lý Bôn"},
        "mqtt": {"brokers": brokers} | {name: f"/etc/edge-agent/tls/{file}" for name, file in files.items()},
        "cameras": [CAMERA | {"password_file": "credentials/cam-1"}],
    }
    site = BundleSite(
        id="dt-001",
        ward="de-tham",
        name="Lý Bôn",
        cameras=[BundleCamera(**CAMERA)],
        configuration=configuration,
    )
    return SiteBundle(
        version=1,
        made_at=TIME,
        brokers=brokers,
        ca=authority.cert.read_text(),
        answer_keys=[pem(key)],
        sites=[site],
    )


@pytest.fixture(scope="module")
def box(boxes: Boxes, tmp_path_factory: pytest.TempPathFactory) -> Box:
    """A box as the workshop leaves it."""
    if not WHEELHOUSE.is_dir():
        pytest.skip(f"{WHEELHOUSE} is missing: make wheelhouse ARCH=x86_64")
    folder = tmp_path_factory.mktemp("commissioning")
    made = boxes.start("unclaimed")
    apt_repository.add_source(made, apt_repository.make(folder, WHEELHOUSE, [__version__]))
    made.run(f"{INSTALL} edge-agent", timeout_s=300.0)
    authority, key = Authority(folder / "ca"), Ed25519PrivateKey.generate()
    content = msgspec.json.encode(bundle(authority, key))
    etc = made.root / "etc/edge-agent"
    (etc / "release.pem").write_text(pem(key))
    (etc / "enrolment/sites.json").write_bytes(content)
    (etc / "enrolment/sites.json.sig").write_bytes(key.sign(content))
    enrolment = authority.issue("enrol-2026-11")
    shutil.copy(enrolment.cert, etc / "enrolment/client.crt")
    shutil.copy(enrolment.key, etc / "enrolment/client.key")
    made.run("chgrp edge-agent /etc/edge-agent/enrolment/*; chmod 640 /etc/edge-agent/enrolment/*")
    made.run("systemctl start edge-agent-commission", timeout_s=120.0)
    return made


@pytest.fixture
def phone(box: Box, tmp_path: Path) -> PhoneOverTls:
    identity = json.loads(box.run("edge-agent commission --identity --json"))
    certificate = tmp_path / "page.crt"
    certificate.write_text(box.run("cat /var/lib/edge-agent-commission/page.crt"))
    phone = PhoneOverTls(box.address, 443, certificate)
    assert phone.ask("/", f"code={identity['code']}")[0] == 303
    return phone


def levels_of_the_final_examination(box: Box) -> dict[str, str]:
    """What doctor finds in the unit, whose own command waits for the centre."""
    mark = "/var/lib/edge-agent-commission/confirmed"
    box.run(f"runuser -u edge-agent touch {mark}; systemctl start edge-agent-examination", timeout_s=60.0)
    assert "final examination: not yet" in box.run("journalctl -o cat -u edge-agent-examination")
    drop_in = (
        "[Service]",
        "ExecStart=",
        "ExecStart=/opt/edge-agent/current/bin/edge-agent doctor --json",
        "StandardOutput=truncate:/run/examined.json",
        "StandardError=journal",
        "SuccessExitStatus=1",
    )
    folder = "/run/systemd/system/edge-agent-examination.service.d"
    words = " ".join(map(repr, drop_in))
    box.run(f"mkdir -p {folder}; printf '%s\\n' {words} > {folder}/doctor.conf")
    box.run("systemctl daemon-reload; systemctl start edge-agent-examination", timeout_s=300.0)
    found = json.loads(box.run("cat /run/examined.json"))
    box.run(f"rm -r {mark} {folder}; systemctl daemon-reload")
    return {line["check"]: line["level"] for line in found["lines"]}


def test_a_claim_and_its_end_in_a_real_system(box: Box, phone: PhoneOverTls) -> None:
    assert box.run("systemctl show -P User edge-agent-commission") == "edge-agent"
    console = box.run("cat /run/issue.d/edge-agent.issue")
    assert box.run("cat /etc/edge-agent/serial") in console
    assert phone.step("/site", label=LABEL)["site"]["id"] == "dt-001"
    claimed = phone.step("/claim", by="Nguyễn Văn An", passwords={"": "secret"})
    assert claimed.get("state") == "claimed", claimed
    wait_until(lambda: box.ssh("systemctl is-active edge-agent").stdout.strip() == "active", 60, "the agent")
    assert box.run("stat -c '%U %a' /etc/edge-agent/credentials/cam-1") == "root 600"
    verdict: dict[str, Any] = phone.step("/examine", lang="vi")["verdict"]
    levels = {line["check"]: line["level"] for line in verdict["lines"]}
    assert levels["cam-1"] == "red", "it is not there"
    assert levels["disk"] == "green"
    assert levels["agent"] != "skipped"
    again = levels_of_the_final_examination(box)
    del again["outbox"], levels["outbox"]  # events begin to wait meanwhile
    assert again == levels, "in its sandbox, with its limits"
    box.run("touch /etc/edge-agent/conf.d/site.yaml")
    undone = phone.step("/undo")
    assert undone.get("state") == "unclaimed", undone
    assert box.ssh("systemctl is-active edge-agent").stdout.strip() == "inactive"
    assert "dt-001-" in box.run("ls /var/lib/edge-agent-apart")
    assert box.run("cd /etc/edge-agent/apart/dt-001-*; ls; ls /etc/edge-agent/conf.d") == "site.yaml"
    again = phone.step("/site", label=LABEL)
    assert "error" not in again, again
