"""The control machine answers claims: what it checks, signs, records and publishes."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key

from edge_agent.commands.signature import OperatorKeyring, make_key, verify
from edge_agent.core.problems import ProblemText
from edge_agent.mqtt.tools.tool_client import SubscribedMessage
from edge_agent.wire import CentralClaim, Claim, ClaimAnswer, VerdictCounts
from fleet.__main__ import load
from fleet.__main__ import main as fleet_command
from fleet.boxes.answers import AnsweredClaim, Choice, ClaimDecider
from fleet.boxes.checks import CheckedClaim, FleetState, check_claim
from fleet.boxes.claim_records import DecidedClaims
from fleet.boxes.serials import KnownBox
from fleet.boxes.session import ClaimCounts, _messages, ask_on_terminal, listed_first
from fleet.certificates import Authority
from tests.fleet.broker_side import FleetBroker, FleetClient
from tests.testbed.claiming_box import ClaimingBox, withdrawal
from tests.testbed.claims import SERIAL, TIME
from tests.testbed.mosquitto import Authority as Issuer

ROOT = Path(__file__).parents[2]
PASSPHRASE = "a long passphrase"
OTHER = "box-20000000a1b2c3d4"
SHEET = (
    "site,ward,name,latitude,longitude,board,camera,camera_name,camera_url\n"
    "dt-001,de-tham,Chợ,20.4463,106.3366,auto,cam-1,Cổng,rtsp://192.168.1.10/sub\n"
    "dt-002,de-tham,Ga,20.4473,106.3366,auto,cam-1,Cổng,rtsp://192.168.1.10/sub\n"
)


@dataclass
class Control:
    """A control machine with its CA, sheet and keys."""

    folder: Path
    issuer: Issuer

    def __post_init__(self) -> None:
        for name in ("issued", "superseded", "revoked", "also-trusted"):
            (self.folder / "pki" / name).mkdir(parents=True)
        self.issuer.copy_to(self.folder / "pki", PASSPHRASE)
        (self.folder / "phrase").write_text(PASSPHRASE)
        (self.folder / "sites.csv").write_text(SHEET, encoding="utf-8")
        (self.folder / "wards.csv").write_text("ward;name\nde-tham;Đề Thám\n", encoding="utf-8")
        for name in ("answers", "an", "thief"):
            make_key(self.folder / f"{name}.pem")
        self.authority = Authority(self.folder / "pki", lambda: PASSPHRASE)
        self.records = DecidedClaims(self.folder / "pki/claims")
        sites = load(self.folder / "sites.csv", self.folder / "wards.csv", ROOT / "firmware_profiles")[0]
        self.sites = {site.id: site for site in sites}
        self.asked: list[tuple[str, ProblemText | None]] = []

    def private(self, name: str) -> Ed25519PrivateKey:
        key = load_pem_private_key((self.folder / f"{name}.pem").read_bytes(), None)
        assert isinstance(key, Ed25519PrivateKey)
        return key

    def answers(
        self,
        jws: bytes,
        *,
        taken_back: bytes | None = None,
        boxes: dict[str, KnownBox] | None = None,
        replaced: str = "",
        choice: Choice | None = None,
    ) -> list[AnsweredClaim]:
        state = FleetState(
            self.sites, boxes, self.records, self.authority, frozenset(filter(None, [replaced]))
        )
        keyring = OperatorKeyring([self.folder / "an.pub.pem"])

        def ask(claim: Claim, checked: CheckedClaim) -> tuple[Choice, str]:
            self.asked.append((claim.site, checked.question))
            return choice or "later", "a trial"

        decider = ClaimDecider(state, self.private("answers"), keyring, 730, ask if choice else None)
        back = None if taken_back is None else taken_back.decode()
        return decider.answer(CentralClaim(claim=jws.decode(), received=TIME, withdrawal=back))

    def answer(self, jws: bytes, **more: Any) -> ClaimAnswer:
        (only,) = self.answers(jws, **more)
        return self.opened(only)

    def opened(self, answered: AnsweredClaim) -> ClaimAnswer:
        assert answered.jws is not None
        public = self.private("answers").public_key().public_bytes_raw()
        return msgspec.json.decode(verify(answered.jws, public), type=ClaimAnswer)

    def issued(self, site: str = "dt-001") -> x509.Certificate:
        return x509.load_pem_x509_certificate(self.authority.issued(site).read_bytes())

    def revoked(self) -> list[int]:
        path = self.folder / "pki/crl.pem"
        return [e.serial_number for e in x509.load_pem_x509_crl(path.read_bytes())] if path.exists() else []


@pytest.fixture(scope="module")
def issuer(tmp_path_factory: pytest.TempPathFactory) -> Issuer:
    return Issuer(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def control(tmp_path: Path, issuer: Issuer) -> Control:
    return Control(tmp_path, issuer)


@pytest.fixture
def box() -> ClaimingBox:
    return ClaimingBox()


def test_a_claim_that_fits_gets_a_certificate_for_its_own_key(control: Control, box: ClaimingBox) -> None:
    answer = control.answer(box.claims())
    assert (answer.decision, answer.claim_id, answer.serial) == ("confirmed", "c1", SERIAL)
    made = x509.load_pem_x509_certificate((answer.certificate or "").encode())
    assert made.subject.rfc4514_string() == "CN=dt-001"
    assert made.public_key() == box.site_key.public_key()
    made.verify_directly_issued_by(control.authority.certificate)
    assert made == control.issued()
    assert [record.site for record in control.records.confirmed()] == ["dt-001"]


def test_a_decision_is_on_the_disk_before_its_answer_is_published(
    control: Control, box: ClaimingBox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A power cut must not leave an empty record or certificate, with which no claim can be answered."""
    synced: list[str] = []
    monkeypatch.setattr(os, "fsync", lambda handle: synced.append(os.readlink(f"/proc/self/fd/{handle}")))
    control.answer(box.claims())
    (record,) = (control.folder / "pki/claims").iterdir()
    issued = control.folder / "pki/issued/.dt-001.crt.new"
    assert synced == [str(issued), f"{record}.new", str(record.parent)]


def test_the_same_claim_gets_the_same_answer(control: Control, box: ClaimingBox) -> None:
    examined = VerdictCounts(green=9, yellow=2, red=1)
    (first,), (second,) = control.answers(box.claims()), control.answers(box.claims(verdict=examined))
    assert first.jws == second.jws
    assert second.text.endswith("answered again; verdict of the box: 9 good, 2 remarks, 1 faults")


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"site": "dt-009"}, "claim-site-unknown"),
        ({"ward": "bo-xuyen"}, "claim-ward-differs"),
        ({"csr": "no request"}, "claim-request-wrong"),
    ],
)
def test_a_claim_that_cannot_be_right_is_refused(
    control: Control, box: ClaimingBox, changes: dict[str, Any], code: str
) -> None:
    answer = control.answer(box.claims(**changes))
    assert (answer.decision, answer.certificate) == ("refused", None)
    assert answer.problem is not None
    assert answer.problem.code == code
    assert not list((control.folder / "pki/issued").iterdir())


@pytest.mark.parametrize(
    "what", ["another name", "two names", "a CA", "a name of a host", "another's signature"]
)
def test_a_request_for_more_than_the_site_is_refused(control: Control, box: ClaimingBox, what: str) -> None:
    request = {
        "another name": box.request("dt-002"),
        "two names": box.request("dt-001", "fleet-operator"),
        "a CA": box.request("dt-001", extension=x509.BasicConstraints(ca=True, path_length=None)),
        "a name of a host": box.request(
            "dt-001", extension=x509.SubjectAlternativeName([x509.DNSName("broker.example")])
        ),
        "another's signature": forged(box.request("dt-001")),
    }[what]
    answer = control.answer(box.claims(csr=request))
    assert answer.problem is not None
    assert answer.problem.code == "claim-request-wrong"


def test_a_request_of_openssl_as_root_makes_it_on_the_box_is_signed(
    control: Control, box: ClaimingBox
) -> None:
    key = control.folder / "site.key"
    make = ["openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", str(key)]
    subprocess.run(make, check=True, capture_output=True)
    ask = ["openssl", "req", "-new", "-key", str(key), "-subj", "/CN=dt-001"]
    request = subprocess.run(ask, check=True, capture_output=True, text=True).stdout
    assert control.answer(box.claims(csr=request)).decision == "confirmed"


def forged(request: str) -> str:
    """The request with another last byte of its signature."""
    der = bytearray(x509.load_pem_x509_csr(request.encode()).public_bytes(Encoding.DER))
    der[-1] ^= 1
    return x509.load_der_x509_csr(bytes(der)).public_bytes(Encoding.PEM).decode()


def test_a_usage_that_the_request_asks_for_is_not_copied(control: Control, box: ClaimingBox) -> None:
    server = x509.ExtendedKeyUsage([x509.oid.ExtendedKeyUsageOID.SERVER_AUTH])
    control.answer(box.claims(csr=box.request("dt-001", extension=server)))
    usage = control.issued().extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usage) == [x509.oid.ExtendedKeyUsageOID.CLIENT_AUTH]


def test_a_site_with_a_box_is_not_given_to_another(control: Control, box: ClaimingBox) -> None:
    control.answer(box.claims())
    answer = control.answer(ClaimingBox(OTHER).claims(claim_id="c2"))
    assert answer.problem is not None
    assert answer.problem.code == "claim-site-taken"
    assert control.issued().public_key() == box.site_key.public_key()


def test_a_site_that_was_set_up_by_a_playbook_is_not_given_to_a_box(
    control: Control, box: ClaimingBox
) -> None:
    control.authority.issued("dt-001").write_bytes(control.issuer.issue("dt-001").cert.read_bytes())
    answer = control.answer(box.claims())
    assert answer.problem is not None
    assert answer.problem.code == "claim-site-has-certificate"


def test_a_replaced_box_is_revoked_and_gets_an_answer(control: Control, box: ClaimingBox) -> None:
    control.answer(box.claims())
    old = control.issued().serial_number
    former, new = control.answers(ClaimingBox(OTHER).claims(claim_id="c2"), replaced="dt-001")
    assert (former.serial, control.opened(former).decision) == (SERIAL, "withdrawn")
    assert (new.serial, control.opened(new).decision) == (OTHER, "confirmed")
    assert control.revoked() == [old]
    assert control.issued().serial_number != old


def test_a_box_that_moves_leaves_its_former_site(control: Control, box: ClaimingBox) -> None:
    control.answer(box.claims())
    old = control.issued().serial_number
    refused = control.answer(box.claims(site="dt-002", claim_id="c2"))
    assert refused.problem is not None
    assert refused.problem.code == "claim-box-elsewhere", "it has not said that it leaves dt-001"
    answer = control.answer(box.claims(site="dt-002", claim_id="c3", previous_claim_id="c1"))
    assert answer.decision == "confirmed"
    assert control.revoked() == [old]
    assert [record.site for record in control.records.confirmed()] == ["dt-002"]
    assert not control.authority.issued("dt-001").exists()


def test_a_box_that_was_made_anew_gets_a_new_certificate(control: Control, box: ClaimingBox) -> None:
    control.answer(box.claims())
    old = control.issued().serial_number
    box.site_key = ClaimingBox().site_key
    assert control.answer(box.claims(claim_id="c2")).decision == "confirmed"
    assert control.revoked() == [old]


def test_a_box_that_pretends_to_be_another_is_refused(control: Control, box: ClaimingBox) -> None:
    control.answer(box.claims())
    thief = ClaimingBox()  # the same serial, another key
    for changes in ({"claim_id": "c1"}, {"claim_id": "c2", "site": "dt-002", "previous_claim_id": "c1"}):
        answer = control.answer(thief.claims(**changes))
        assert answer.problem is not None
        assert answer.problem.code == "claim-key-differs"
    listed = {SERIAL: KnownBox(SERIAL, key_sha256=box.key_sha256)}
    fresh = control.answer(thief.claims(claim_id="c4", site="dt-002"), boxes=listed)
    assert fresh.problem is not None
    assert fresh.problem.code == "claim-key-differs"


def test_a_box_that_is_not_in_the_list_is_a_question(control: Control, box: ClaimingBox) -> None:
    (waits,) = control.answers(box.claims(), boxes={})
    assert waits.jws is None
    assert f"{SERIAL} is not in the list of boxes" in waits.text
    (invented,) = control.answers(ClaimingBox(OTHER).claims(site="dt-009"), boxes={})
    assert invented.jws is None, "no answer stays at the broker for an invented serial"
    assert control.answer(box.claims(), boxes={SERIAL: KnownBox(SERIAL)}).decision == "confirmed"


def test_the_claims_of_listed_boxes_are_answered_first(box: ClaimingBox) -> None:
    """A person is not asked about 500 invented serials before them."""

    def message(jws: bytes) -> SubscribedMessage:
        held = CentralClaim(claim=jws.decode(), received=TIME)
        return SubscribedMessage("tb/v1/central/claim/1", msgspec.json.encode(held), retained=True)

    boxes = {SERIAL: KnownBox(SERIAL, key_sha256=box.key_sha256)}
    others = [message(each) for each in (ClaimingBox(OTHER).claims(), ClaimingBox().claims(), b"e30.e30.e30")]
    cleared, own = SubscribedMessage("tb/v1/central/claim/2", b"", retained=True), message(box.claims())
    assert listed_first([*others, cleared, own], boxes) == [own, *others, cleared]


def test_a_person_confirms_refuses_or_waits(control: Control, box: ClaimingBox) -> None:
    (waits,) = control.answers(box.claims(), choice="later")
    assert waits.jws is None
    assert control.answer(box.claims(claim_id="c2"), choice="refuse").problem is not None
    assert control.answer(box.claims(claim_id="c3"), boxes={}, choice="confirm").decision == "confirmed"
    assert [misfit is None for _, misfit in control.asked] == [True, True, False]


def test_a_withdrawal_that_an_operator_signed_revokes_the_certificate(
    control: Control, box: ClaimingBox
) -> None:
    control.answer(box.claims())
    number = control.issued().serial_number
    back = withdrawal(control.private("an"))
    (answered,) = control.answers(box.claims(), taken_back=back)
    assert "the broker accepts it until you run `ansible-playbook servers.yml`" in answered.text
    answer = control.opened(answered)
    assert answer.decision == "withdrawn"
    assert answer.problem is not None
    assert answer.problem.params["why"] == "the neighbouring pole"
    assert control.revoked() == [number]
    assert control.answer(box.claims(), taken_back=back).decision == "withdrawn", "once more, with no effect"
    assert control.revoked() == [number]


def test_a_claim_is_withdrawn_before_it_was_answered(control: Control, box: ClaimingBox) -> None:
    assert control.answer(box.claims(), taken_back=withdrawal(control.private("an"))).decision == "withdrawn"
    assert control.revoked() == []
    assert control.answer(box.claims()).decision == "withdrawn", "and stays so"


@pytest.mark.parametrize(
    ("signer", "changes"),
    [
        ("thief", {}),
        ("an", {"claim_id": "c9"}),
        ("an", {"gateway": "dt-002"}),
        ("an", {"serial": OTHER}),
        ("an", {"type": "disarm"}),
    ],
)
def test_a_withdrawal_of_nobody_or_of_another_claim_changes_nothing(
    control: Control, box: ClaimingBox, signer: str, changes: dict[str, Any]
) -> None:
    control.answer(box.claims())
    (waits,) = control.answers(box.claims(), taken_back=withdrawal(control.private(signer), **changes))
    assert waits.jws is None
    assert "the withdrawal is not valid" in waits.text
    assert control.revoked() == []


@pytest.mark.parametrize("damage", ["another signature", "no claim", "an answer"])
def test_what_no_box_has_signed_is_left_alone(control: Control, box: ClaimingBox, damage: str) -> None:
    jws = {
        "another signature": b".".join([*box.claims().split(b".")[:2], box.claims(site="x").split(b".")[2]]),
        "no claim": b"e30.e30.e30",
        "an answer": control.answers(box.claims())[0].jws or b"",
    }[damage]
    with pytest.raises(ValueError, match="not a claim signed by its box"):
        control.answers(jws)


def test_a_person_hears_of_a_wrong_clock_and_of_a_missing_camera(
    control: Control, box: ClaimingBox, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    state = FleetState(control.sites, None, control.records, control.authority)
    claim = box.claim(synced=False, cameras=[])
    typed = iter(["y", "cancel", "C"])
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    monkeypatch.setattr("builtins.input", lambda _: next(typed))
    assert ask_on_terminal(claim, check_claim(claim, state)) == ("confirm", "")
    shown = capsys.readouterr().out
    assert shown.count("type c, r or l") == 2, "neither word is an answer"
    remarks = ("the box's clock was not synchronised", "cameras of the sheet that were not found: cam-1")
    assert all(f"  note: {each}" in shown for each in remarks)
    assert "verdict of the box: not examined yet" in shown
    (confirmed,) = control.answers(box.claims(synced=False, cameras=[]))
    assert all(each in confirmed.text for each in remarks)


def test_a_claim_cannot_forge_a_line_of_the_terminal(control: Control, box: ClaimingBox) -> None:
    (answered,) = control.answers(box.claims(by="An\x1b[2J\ndt-002: confirmed"))
    assert answered.text.isprintable()


@pytest.mark.parametrize("mistake", [False, True])
def test_the_sheet_is_read_again_when_it_changes(
    control: Control, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], mistake: bool
) -> None:
    """`--watch` goes on for days."""
    sheet, seen = control.folder / "sites.csv", []

    def answer_claims(_: Any, decider: ClaimDecider, __: Any, **options: Any) -> ClaimCounts:
        for line in ("", "dt-003,de-tham,Cầu,20.4483,106.3366,auto,cam-1,Cổng,rtsp://192.168.1.10/sub\n"):
            sheet.write_text(
                SHEET + line + ("dt-004,nowhere\n" if line and mistake else ""), encoding="utf-8"
            )
            options["before_each"]()
            seen.append(sorted(decider.state.sites))
        return ClaimCounts(0, 0)

    monkeypatch.setattr("fleet.boxes.session.answer_claims", answer_claims)
    command = [
        "claims",
        str(control.folder / "pki"),
        str(sheet),
        "--wards",
        str(control.folder / "wards.csv"),
    ]
    more = ["--answer-key", str(control.folder / "answers.pem"), "--broker", "mqtt://127.0.0.1:1", "--watch"]
    assert fleet_command([*command, *more]) == 0
    assert seen == [["dt-001", "dt-002"], ["dt-001", "dt-002"] + ([] if mistake else ["dt-003"])]
    assert ("stay in force" in capsys.readouterr().out) is mistake


def test_a_watch_says_that_it_waits() -> None:
    class SilentBroker:
        def receive(self, timeout_s: float) -> None:
            if timeout_s > 60:
                raise KeyboardInterrupt

    said: list[str] = []
    no_list: Any = SimpleNamespace(state=SimpleNamespace(boxes=None))
    broker: Any = SilentBroker()
    with pytest.raises(KeyboardInterrupt):
        list(_messages(broker, no_list, said.append, watch=True))
    assert said == ["waiting for new claims; Ctrl-C ends"]


def test_claims_at_a_broker_are_answered_and_retained(
    tmp_path: Path, control: Control, capsys: pytest.CaptureFixture[str]
) -> None:
    """The role's broker with its rights: the centre retains claims, `fleet claims` answers, the box reads."""
    users = {"broker_enrolment_batches": ["2026-11"], "broker_claims_users": ["fleet-claims"]}
    good, wrong = ClaimingBox(), ClaimingBox(OTHER)
    (tmp_path / "boxes.csv").write_text(f"serial\n{SERIAL}\n{OTHER}\n")
    with FleetBroker(tmp_path, {}, users=users) as broker:
        for number, jws in enumerate([good.claims(), wrong.claims(site="dt-009"), b"e30.e30.e30"]):
            held = msgspec.json.encode(CentralClaim(claim=jws.decode(), received=TIME)).decode()
            broker.publish("central", f"tb/v1/central/claim/{number}", held, retain=True)
        own = broker.issue("fleet-claims")
        command = [
            "claims", str(tmp_path / "pki"), str(tmp_path / "sites.csv"),
            "--wards", str(tmp_path / "wards.csv"),
            "--passphrase-file", str(tmp_path / "phrase"), "--answer-key", str(tmp_path / "answers.pem"),
            "--operator", str(tmp_path / "an.pub.pem"), "--boxes", str(tmp_path / "boxes.csv"),
            "--broker", f"mqtts://127.0.0.1:{broker.port}", "--ca-file", str(broker.ca),
            "--cert-file", str(own.cert), "--key-file", str(own.key), "--confirm-matching",
        ]  # fmt: skip
        assert fleet_command(command) == 0
        said = capsys.readouterr().out
        assert f"dt-001: {SERIAL}, by Nguyễn Văn An: confirmed" in said
        assert "dt-009" in said
        assert "2 answered, 0 wait for a person" in said
        assert "it is left alone" in said
        with FleetClient(broker, "enrol-2026-11", "tb/v1/unclaimed/+/down/answer") as box:
            box.wait_for(lambda: [each.payload[:2] for each in box.messages] == [b"ey"] * 2)
