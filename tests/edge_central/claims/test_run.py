"""From a claim at the broker to its answer and its withdrawal: broker with the role's rights, ingest, control
machine; and the same rows on both databases."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from edge_agent.commands.signature import make_key, payload_of, sign
from edge_agent.mqtt.session.client import MqttMessage
from edge_agent.wire import ClaimAnswer
from edge_agent.wire.topics import CentralTopics, ClaimTopics
from edge_central.claims.boxes_file import BoxesFile
from edge_central.claims.model import ClaimWithdrawal
from edge_central.claims.publisher import ClaimPublisher
from edge_central.claims.records import read_claims, withdraw
from edge_central.console.site_names import FleetSheet
from edge_central.measures import Measure
from edge_central.store.database import read_transaction, write_transaction
from edge_central.store.scope import EVERYWHERE
from tests.edge_central.ingest_harness import IngestHarness
from tests.edge_central.parts import Centre
from tests.fleet.broker_side import FleetBroker
from tests.testbed.claiming_box import ClaimingBox, withdrawal
from tests.testbed.claims import SERIAL, TIME
from tests.testbed.mosquitto import Authority, wait_until

ROOT = Path(__file__).parents[3]
SHEET = (
    "site,ward,name,latitude,longitude,board,camera,camera_name,camera_url\n"
    "dt-001,de-tham,Chợ,20.4463,106.3366,auto,cam-1,Cổng,rtsp://192.168.1.10/sub\n"
)
USERS = {
    "broker_enrolment_batches": ["2026-11"],
    "broker_claims_users": ["fleet-claims"],
    "broker_operators": [{"name": "op-an"}],
}


def centre_at(broker: FleetBroker, folder: Path) -> Centre:
    own = broker.issue("central")
    mqtt = {
        "brokers": [f"mqtts://127.0.0.1:{broker.port}"],
        "ca_file": str(broker.ca),
        "cert_file": str(own.cert),
        "key_file": str(own.key),
    }
    return Centre(folder / "centre", 0, "de-tham", mqtt=mqtt)


@contextmanager
def watching(broker: FleetBroker, folder: Path) -> Iterator[Path]:
    """``fleet claims --watch`` in a process of its own; yields the file with its output."""
    own, out = broker.issue("fleet-claims"), folder / "said"
    command = [
        sys.executable, "-u", "-m", "fleet", "claims", str(folder / "pki"), str(folder / "sites.csv"),
        "--wards", str(folder / "wards.csv"), "--passphrase-file", str(folder / "phrase"),
        "--answer-key", str(folder / "answers.pem"), "--operator", str(folder / "an.pub.pem"),
        "--broker", f"mqtts://127.0.0.1:{broker.port}", "--ca-file", str(broker.ca),
        "--cert-file", str(own.cert), "--key-file", str(own.key), "--confirm-matching", "--watch",
    ]  # fmt: skip
    with out.open("w") as target:
        process = subprocess.Popen(command, cwd=ROOT / "ansible", stdout=target, stderr=target)
    try:
        yield out
    finally:
        process.terminate()
        process.wait(20)


def control_machine(folder: Path) -> None:
    for name in ("issued", "superseded", "revoked", "also-trusted"):
        (folder / "pki" / name).mkdir(parents=True)
    Authority(folder, "fleet CA").copy_to(folder / "pki", "a long passphrase")
    (folder / "phrase").write_text("a long passphrase")
    (folder / "sites.csv").write_text(SHEET, encoding="utf-8")
    (folder / "wards.csv").write_text("ward;name\nde-tham;Đề Thám\n", encoding="utf-8")
    for name in ("answers", "an"):
        make_key(folder / f"{name}.pem")


def answer_of(broker: FleetBroker) -> str:
    """The decision that is retained for the box; empty: none."""
    topic = ClaimTopics("tb/v1", SERIAL).answer
    found = broker.run("mosquitto_sub", "enrol-2026-11", "-t", topic, "-C", "1", "-W", "2").out.strip()
    if not found:
        return ""
    return msgspec.json.decode(payload_of(found.encode()), type=ClaimAnswer).decision


def test_a_claim_is_confirmed_and_withdrawn_across_all_machines(tmp_path: Path) -> None:
    control_machine(tmp_path)
    box = ClaimingBox()
    with (
        FleetBroker(tmp_path, {"dt-001": "de-tham"}, users=USERS) as broker,
        centre_at(broker, tmp_path) as centre,
        watching(broker, tmp_path) as said,
    ):
        claim, topic = box.claims().decode(), ClaimTopics("tb/v1", SERIAL).claim

        def confirmed() -> bool:
            broker.publish("enrol-2026-11", topic, claim)  # again, until the centre has its subscription
            return "confirmed" in said.read_text()

        wait_until(confirmed, what="the confirmation")
        wait_until(lambda: answer_of(broker) == "confirmed", what="the answer at the broker")

        def state() -> str:
            with read_transaction(centre.database) as connection:
                return "".join(each.state.value for each in read_claims(connection, EVERYWHERE))

        wait_until(lambda: state() == "confirmed", what="the answer at the centre")
        operator = load_pem_private_key((tmp_path / "an.pem").read_bytes(), None)
        assert isinstance(operator, Ed25519PrivateKey)
        by = ClaimWithdrawal(1, "lan", "the neighbouring pole")
        with write_transaction(centre.database) as connection:
            assert withdraw(connection, 1, withdrawal(operator), by, EVERYWHERE)
        wait_until(lambda: state() == "withdrawn", what="the withdrawal")
        assert answer_of(broker) == "withdrawn"
        assert "the certificate of dt-001 is revoked" in said.read_text()
        assert not (tmp_path / "pki/issued/dt-001.crt").exists()


def test_claims_are_the_same_on_both_databases(ingest: IngestHarness) -> None:
    box, now_ms = ClaimingBox(), 1_795_860_000_000
    topics = ClaimTopics("tb/v1", SERIAL)
    assert ingest.write((topics.claim, box.claims()), now_ms=now_ms).rejected == 0
    assert ingest.write((topics.claim, box.claims(claim_id="c2")), now_ms=now_ms).rejected == 0
    publisher = ClaimPublisher(
        CentralTopics("tb/v1", "central"), ["de-tham"], FleetSheet(None, None), BoxesFile(None)
    )
    with read_transaction(ingest.database) as connection:
        measured = publisher.measurements(connection, now_ms + 60_000)
        published = list[MqttMessage]()
        publisher.publish(connection, "s", published.append)
        states = [each.state.value for each in read_claims(connection, EVERYWHERE)]
    assert states == ["pending", "replaced"]
    assert measured[Measure.CLAIM_PENDING_S]["de-tham"].value == 60
    *replaced, pending = published
    assert [each.payload for each in replaced] == [b""], "what is retained of it at the broker is cleared"
    assert json.loads(pending.payload)["withdrawal"] is None
    answer = ClaimAnswer(claim_id="c2", serial=SERIAL, decision="confirmed", time=TIME)
    jws = sign(msgspec.json.encode(answer), Ed25519PrivateKey.generate())
    result = ingest.write((topics.answer, jws), now_ms=now_ms + 1)
    assert len(result.answered_claims) == 1
    with write_transaction(ingest.database) as connection:
        (number,) = result.answered_claims
        assert withdraw(connection, number, b"a.b.c", ClaimWithdrawal(1, "lan", "x"), EVERYWHERE)
        publisher.publish(connection, "s", published.append)
    assert json.loads(published[-1].payload)["withdrawal"] == "a.b.c"
