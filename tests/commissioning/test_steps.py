"""The steps of commissioning: good and bad ends, each in its words, and what a kill leaves behind."""

from __future__ import annotations

import errno
import json
import os
import re
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
import pytest
from msgspec import Struct, structs

from edge_agent.commands.signature import open_claim
from edge_agent.commissioning.cameras import adopt_passwords
from edge_agent.commissioning.commissioning import Commissioning
from edge_agent.commissioning.messages import COMMISSIONING, CommissioningError
from edge_agent.commissioning.page.pages import NetworkForm
from edge_agent.commissioning.page.state_document import state_document
from edge_agent.commissioning.record import ClaimStore, CommissioningState, exclusive
from edge_agent.commissioning.withdrawal import adopt_withdrawal
from edge_agent.core.languages import Lang
from edge_agent.core.problems import CodedProblem
from edge_agent.core.state_file import write_record
from edge_agent.tools.cameras.discovered import DiscoveredCamera, DiscoveryState, Vendor
from edge_agent.tools.doctor.report import KEPT
from edge_agent.wire import Claim, ClaimAnswer, Doctor, DoctorLine, VerdictCounts
from edge_agent.wire.claims import check_character
from tests.commissioning.prepared_box import CODE, PASSWORD, ROOT_PART, PreparedBox, prepared_box
from tests.commissioning.steps import code_of, examined, steps_of
from tests.testbed.claims import SERIAL, TIME
from tests.testbed.mosquitto import wait_until
from tests.tools.doctor.conftest import StrictCamera

BY = "Nguyễn Văn An"


def label(site: str) -> str:
    return f"{site}-{check_character(site)}"


@pytest.fixture
def box(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[PreparedBox]:
    """No camera answers: its claim is possible, and doctor says so later."""
    made = prepared_box(tmp_path, 8883, ["rtsp://127.0.0.1:1/2"])
    (made.folder / "opt/edge-agent/current/bin/edge-agent").write_text("#!/bin/sh\nexit 0\n")
    with made.root_part(monkeypatch):
        yield made


def claimed(box: PreparedBox) -> tuple[Commissioning, Claim]:
    steps = steps_of(box)
    steps.choose(label("dt-001"))
    return steps, steps.claim(BY, {"": PASSWORD})


def answer(
    claim: Claim, decision: Literal["confirmed", "refused", "withdrawn"], **more: object
) -> ClaimAnswer:
    values = {"claim_id": claim.claim_id, "serial": SERIAL, "decision": decision, "time": TIME, **more}
    return ClaimAnswer(**values)  # type: ignore[arg-type]


def test_a_claim_has_what_the_centre_needs(box: PreparedBox) -> None:
    steps, claim = claimed(box)
    assert (claim.site, claim.ward, claim.serial, claim.by) == ("dt-001", "de-tham", SERIAL, BY)
    assert (claim.key_sha256, claim.synced, claim.bundle_version) == (steps.box.identity.key_sha256, True, 1)
    assert [(each.id, each.address) for each in claim.cameras] == [("cam-1", None)]
    assert ClaimStore(box.paths.state).record.claim == claim, "it survives the process"


@pytest.mark.parametrize(
    "typed", ["dt-001-0", "dt-001", "dt-002-" + check_character("dt-001"), "", "<script>"]
)
def test_a_label_with_a_wrong_letter_is_not_a_site(box: PreparedBox, typed: str) -> None:
    with pytest.raises(CommissioningError) as error:
        steps_of(box).choose(typed)
    assert code_of(error.value) == "site-check"


def test_a_missing_or_wrong_release_key_is_not_called_a_missing_list(box: PreparedBox) -> None:
    key = box.folder / "etc/edge-agent/release.pem"
    key.write_text("-----BEGIN CERTIFICATE-----")
    with pytest.raises(CommissioningError, match="it holds no public key") as error:
        steps_of(box)
    assert code_of(error.value) == "release-key-invalid"
    key.unlink()
    with pytest.raises(CommissioningError, match=r"release\.pem") as error:
        steps_of(box)
    assert code_of(error.value) == "release-key-missing"


def test_a_site_that_is_newer_than_the_bundle(box: PreparedBox) -> None:
    with pytest.raises(CommissioningError) as error:
        steps_of(box).choose(label("dt-009"))
    assert code_of(error.value) == "site-unknown"


def test_a_wrong_password_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with StrictCamera() as camera:
        box = prepared_box(tmp_path, 8883, [camera.url])
        with box.root_part(monkeypatch):
            steps = steps_of(box)
            steps.choose(label("dt-001"))
            for _ in range(3):
                with pytest.raises(CommissioningError) as error:
                    steps.claim(BY, {"": "wrong"})
                assert code_of(error.value) == "password-wrong"
                assert "cam-1" in str(error.value)
        assert camera.logins <= 2, "a third one locks the account"
    assert steps.record.state is CommissioningState.UNCLAIMED
    assert not (box.paths.etc / "edge-agent.yaml").exists()
    assert not (box.paths.run / "credentials").exists()


def test_other_passwords_are_tried_at_once_until_the_camera_has_refused_four(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with StrictCamera() as camera:
        box = prepared_box(tmp_path, 8883, [camera.url])
        with box.root_part(monkeypatch):
            steps = steps_of(box)
            steps.choose(label("dt-001"))
            codes = []
            for password in ("first", "second", "third", "fourth", "fifth"):
                with pytest.raises(CommissioningError) as error:
                    steps.claim(BY, {"": password})
                codes.append(code_of(error.value))
    assert (codes, camera.logins) == (["password-wrong"] * 4 + ["password-untried"], 4)


def test_a_dead_camera_is_named_and_does_not_end_the_work(box: PreparedBox) -> None:
    steps, _ = claimed(box)
    assert steps.found is not None
    (camera,) = steps.found.cameras
    assert not camera.fits
    assert str(camera.said) == "not found at 127.0.0.1: check power, cable and address"
    assert camera.said.vi.startswith("không tìm thấy tại 127.0.0.1")


def test_what_the_search_finds_is_compared_with_the_sheet(box: PreparedBox) -> None:
    fresh = DiscoveredCamera("127.0.0.1", DiscoveryState.NOT_ACTIVATED, Vendor.HIKVISION, "DS-2CD")
    stranger = DiscoveredCamera("192.0.2.77", DiscoveryState.READY, Vendor.DAHUA)
    steps = steps_of(box, [fresh, stranger])
    steps.choose(label("dt-001"))
    assert steps.found is not None
    assert steps.found.cameras[0].model == "DS-2CD"
    assert "no password yet" in str(steps.found.cameras[0].said)
    assert [str(each) for each in steps.found.strangers] == [
        "192.0.2.77: a camera that is not in the list of this site"
    ]


@pytest.mark.parametrize(
    ("by", "password", "code"),
    [("", PASSWORD, "name-missing"), (BY, "", "password-missing"), (BY, "a\nb", "password-missing")],
)
def test_what_is_missing_is_asked_for(box: PreparedBox, by: str, password: str, code: str) -> None:
    steps = steps_of(box)
    steps.choose(label("dt-001"))
    with pytest.raises(CommissioningError) as error:
        steps.claim(by, {"": password})
    assert code_of(error.value) == code


def test_a_full_card_is_named(box: PreparedBox, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of root's part, whose answer has the error of the system."""
    steps = steps_of(box)
    steps.choose(label("dt-001"))
    check = box.folder / "opt/edge-agent/current/bin/edge-agent"
    check.write_text("#!/bin/sh\necho 'OSError: [Errno 28] No space left on device' >&2; exit 1\n")
    with pytest.raises(CommissioningError) as error:
        steps.claim(BY, {"": PASSWORD})
    assert code_of(error.value) == "disk-full"
    assert steps.record.state is CommissioningState.UNCLAIMED


def test_an_error_of_root_s_part_is_no_riddle_on_the_phone(
    box: PreparedBox, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    steps, _ = claimed(box)

    def fail(*_: object) -> None:
        raise OSError(errno.EXDEV, "Invalid cross-device link")

    monkeypatch.setattr(ROOT_PART, "set_apart", fail)
    with pytest.raises(CommissioningError) as error:
        steps.undo()
    assert code_of(error.value) == "root-failed"
    assert "Errno" not in error.value.text.vi + error.value.text
    assert "[Errno 18] Invalid cross-device link" in caplog.text, "the workshop needs it"


def test_a_card_that_cannot_store_the_claim_is_named(box: PreparedBox) -> None:
    steps = steps_of(box)
    steps.choose(label("dt-001"))
    (box.paths.state / "claim.json").mkdir()  # no file can take its place
    with pytest.raises(CommissioningError) as error:
        steps.claim(BY, {"": PASSWORD})
    assert code_of(error.value) == "disk-full"
    assert steps.record.state is CommissioningState.UNCLAIMED


def test_without_root_s_part_the_page_says_so(tmp_path: Path) -> None:
    steps = steps_of(prepared_box(tmp_path, 8883, ["rtsp://127.0.0.1:1/2"]), wait_s=0.1)
    steps.choose(label("dt-001"))
    with pytest.raises(CommissioningError) as error:
        steps.claim(BY, {"": PASSWORD})
    assert code_of(error.value) == "root-silent"
    assert not (steps.box.paths.run / "request.json").exists(), "passwords do not stay there"


def test_a_second_site_needs_an_undo_first(box: PreparedBox) -> None:
    steps, claim = claimed(box)
    with pytest.raises(CommissioningError) as error:
        steps.choose(label("dt-002"))
    assert code_of(error.value) == "claimed-already"
    steps.undo()
    assert not (box.paths.etc / "edge-agent.yaml").exists()
    steps.choose(label("dt-002"))
    assert steps.claim(BY, {"": PASSWORD}).previous_claim_id == claim.claim_id


def test_a_confirmed_claim_installs_the_certificate(box: PreparedBox) -> None:
    steps, claim = claimed(box)
    made = box.authority.renew("dt-001", box.paths.etc / "tls/client.key")
    steps.accept(answer(claim, "confirmed", certificate=made.cert.read_text()))
    assert steps.record.state is CommissioningState.CONFIRMED
    assert (box.paths.etc / "tls/client.crt").read_text() == made.cert.read_text()
    assert not box.paths.confirmed.exists(), "the technician has not signed yet"
    with pytest.raises(CommissioningError) as error:
        steps.undo()
    assert code_of(error.value) == "confirmed-already"
    assert steps_of(box).box.identity.code == CODE, "the label opens the page after a power cut, too"


def test_the_code_on_the_label_opens_the_page_after_a_withdrawal(box: PreparedBox) -> None:
    steps, claim = claimed(box)
    made = box.authority.renew("dt-001", box.paths.etc / "tls/client.key")
    steps.accept(answer(claim, "confirmed", certificate=made.cert.read_text()))
    (box.paths.etc / "site-id").unlink()  # as root's part leaves it
    store = ClaimStore(box.paths.state)
    adopt_withdrawal(box.paths, store)
    again = steps_of(box)
    assert (again.record.state, again.box.identity.code) == (CommissioningState.WITHDRAWN, CODE)


def test_another_site_can_be_chosen_before_the_claim(box: PreparedBox) -> None:
    steps = steps_of(box)
    steps.choose(label("dt-002"))
    steps.choose_another()
    assert state_document(steps, None)["site"] is None
    claimed_steps, _ = claimed(box)
    with pytest.raises(CommissioningError) as error:
        claimed_steps.choose_another()
    assert code_of(error.value) == "claimed-already"


@pytest.mark.parametrize("decision", ["refused", "withdrawn"])
def test_a_wrong_claim_returns_the_box_to_no_site(
    box: PreparedBox, decision: Literal["refused", "withdrawn"]
) -> None:
    steps, claim = claimed(box)
    (box.state_dir / "outbox.db").write_bytes(b"events")
    problem = CodedProblem("claim-site-taken", {"site": "dt-001", "serial": "box-other0001"})
    steps.accept(answer(claim, decision, problem=problem))
    assert (steps.record.state, steps.record.problem) == (CommissioningState(decision), problem)
    assert steps.site is None
    assert list((box.folder / "var/lib/edge-agent-apart").glob("dt-001-*/outbox.db"))
    again = steps_of(box)
    again.choose(label("dt-002"))
    assert again.claim(BY, {"": PASSWORD}).previous_claim_id == claim.claim_id


def test_an_answer_that_comes_after_an_undo_is_ignored(box: PreparedBox) -> None:
    steps, claim = claimed(box)
    steps.undo()
    steps.accept(answer(claim, "withdrawn"))
    assert steps.record.state is CommissioningState.UNCLAIMED


def test_a_kill_between_the_answer_and_root_s_part(box: PreparedBox) -> None:
    _, claim = claimed(box)
    store = ClaimStore(box.paths.state)
    store.change(answer=answer(claim, "refused"), settled=False)
    again = steps_of(box)
    again.settle()
    assert again.record.state is CommissioningState.REFUSED
    assert not (box.paths.etc / "site-id").exists()


def test_the_network_is_set_by_root_s_other_program(box: PreparedBox) -> None:
    folder = box.folder / "run/edge-agent-network"
    folder.mkdir()
    steps, asked = steps_of(box), list[dict[str, object]]()

    def root() -> None:
        wait_until((folder / "request.json").exists)
        asked.append(json.loads((folder / "request.json").read_bytes()))
        (folder / "request.json").unlink()
        answer = box.folder / "run/edge-agent-network-root/answer.json"
        answer.parent.mkdir()
        refused = {"id": asked[0]["id"], "outcome": "refused", "detail": "there is no modem"}
        answer.write_text(json.dumps(refused))

    thread = threading.Thread(target=root)
    thread.start()
    form = NetworkForm(apn="v-internet", pin="1234")
    with pytest.raises(CommissioningError, match="the network was not changed: there is no modem"):
        steps.set_network(form.settings())
    thread.join()
    assert asked[0]["sim"] == {
        "apn": "v-internet",
        "username": "",
        "password": "",
        "pin": "1234",
        "modem": "",
    }
    assert "lan" not in asked[0]


def test_a_box_without_that_program_says_so(box: PreparedBox) -> None:
    with pytest.raises(CommissioningError) as error:
        steps_of(box).set_network(NetworkForm(apn="v-internet").settings())
    assert code_of(error.value) == "network-unavailable"


def test_only_one_process_commissions_a_box(box: PreparedBox) -> None:
    second = exclusive(box.paths.state)
    with exclusive(box.paths.state), pytest.raises(CommissioningError) as error:
        second.__enter__()
    assert code_of(error.value) == "in-use"
    with exclusive(box.paths.state):
        pass


def test_the_papers_need_an_examination_and_a_signature(box: PreparedBox) -> None:
    steps, _ = claimed(box)
    with pytest.raises(CommissioningError) as error:
        steps.finish(BY)
    assert code_of(error.value) == "examined-first"
    steps.examine("vi")
    with pytest.raises(CommissioningError) as error:
        steps.finish(BY)
    assert code_of(error.value) == "signature-missing"


def test_a_failed_examination_leaves_no_former_verdict(box: PreparedBox) -> None:
    steps, _ = claimed(box)
    steps.examine("vi")

    def fail(lang: Lang, paper: bool) -> Doctor:
        raise CommissioningError("disk-full")

    steps.box = replace(steps.box, examine=fail)
    with pytest.raises(CommissioningError):
        steps.examine("vi")
    assert state_document(steps, None)["verdict"] is None


@pytest.mark.parametrize(
    ("finding", "code"), [("clock-not-set", "clock-first"), ("clock-not-set-offline", "signature-missing")]
)
def test_nothing_is_signed_while_a_time_server_can_still_set_the_clock(
    box: PreparedBox, finding: str, code: str
) -> None:
    steps, _ = claimed(box)
    clock = DoctorLine(check="clock", level="red", finding=finding, said="2021", todo=None)
    steps.papers.put_verdict(structs.replace(examined("vi"), lines=[clock]))
    with pytest.raises(CommissioningError) as error:
        steps.finish(BY)
    assert code_of(error.value) == code


def sign(steps: Commissioning) -> Path:
    done, png = cv2.imencode(".png", np.zeros((20, 20), np.uint8))
    assert done
    steps.papers.put("signature.png", png.tobytes())
    return steps.finish(BY)


def test_a_report_that_is_signed_before_the_clock_is_set_has_no_date_in_its_name(box: PreparedBox) -> None:
    """The box's clock says 2021 then."""
    steps, _ = claimed(box)
    clock = DoctorLine(check="clock", level="red", finding="clock-not-set-offline", said="2021", todo=None)
    steps.papers.put_verdict(structs.replace(examined("vi"), lines=[clock]))
    assert re.fullmatch(r"dt-001-undated-[0-9a-f]{8}\.signed\.html", sign(steps).name)
    steps.papers.put_verdict(examined("vi"))
    assert re.fullmatch(r"dt-001-20\d{6}T\d{6}Z\.signed\.html", sign(steps).name)


def test_only_the_newest_signed_reports_stay_and_the_one_just_signed(box: PreparedBox) -> None:
    steps, _ = claimed(box)
    steps.examine("vi")
    folder = box.state_dir / "reports"
    folder.mkdir(exist_ok=True)
    earlier = [folder / f"dt-001-undated-{number:08x}.signed.html" for number in range(KEPT + 1)]
    for age, page in enumerate(reversed(earlier)):
        page.write_text("signed")
        os.utime(page, (4e9 - age, 4e9 - age))
    just = sign(steps)
    assert set(folder.glob("*.html")) == {*earlier[1:], just}


def test_the_technician_may_examine_again_after_signing(box: PreparedBox) -> None:
    steps, _ = claimed(box)
    steps.examine("vi")
    signed = sign(steps)
    asked: list[bool] = []

    def examine(lang: Lang, paper: bool) -> Doctor:
        asked.append(paper)
        return examined(lang)

    steps.box = replace(steps.box, examine=examine)
    steps.examine("en")
    verdict = steps.papers.verdict()
    assert verdict is not None
    assert (asked, verdict.lang) == ([False], "en")
    assert list(signed.parent.glob("*.html")) == [signed]


def test_an_examination_sends_the_claim_again_until_it_is_answered(box: PreparedBox) -> None:
    steps, claim = claimed(box)
    sent = steps.record
    steps.delivered(sent)
    assert steps.record.delivered
    steps.examine("vi")
    steps.delivered(sent)
    record = steps.record
    assert not record.delivered, "the session had sent the claim without the verdict"
    signed = open_claim(record.jws.encode())
    assert signed == record.claim == structs.replace(claim, verdict=VerdictCounts(green=1, yellow=1, red=0))
    steps.delivered(record)
    steps.examine("vi")
    assert steps.record.delivered, "the verdict is the same"
    made = box.authority.renew("dt-001", box.paths.etc / "tls/client.key")
    steps.accept(answer(signed, "confirmed", certificate=made.cert.read_text()))
    before = steps.record
    steps.box = replace(steps.box, examine=lambda lang, _: structs.replace(examined(lang), lines=[]))
    steps.examine("vi")
    assert steps.record == before, "an answered claim stays as it is"


@pytest.mark.parametrize(
    "content",
    [b"", b"GIF89a", b"\xff\xd8\xff" + bytes(20), bytes(range(64))],
    ids=["empty", "gif", "cut-jpeg", "no-picture"],
)
def test_a_picture_that_is_none_is_refused(box: PreparedBox, content: bytes) -> None:
    with pytest.raises(CommissioningError) as error:
        steps_of(box).papers.put("photo.jpg", content)
    assert code_of(error.value) == "picture-wrong"


@pytest.mark.parametrize("name", ["photo.jpg", "signature.png"])
def test_a_small_file_with_a_huge_picture_is_not_decoded(
    box: PreparedBox, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Decoded, 20 kB would take half of the memory of a board."""
    steps, decoded = steps_of(box), []
    monkeypatch.setattr(cv2, "imdecode", lambda *_: decoded.append(1))
    header = (13).to_bytes(4) + b"IHDR" + (30_000).to_bytes(4) * 2 + bytes(9)
    frame = b"\xff\xd8\xff\xc0\x00\x11\x08" + (30_000).to_bytes(2) * 2 + bytes(20)
    for content in (b"\x89PNG\r\n\x1a\n" + header, frame, b"BM" + bytes(100)):
        with pytest.raises(CommissioningError) as error:
            steps.papers.put(name, content)
        assert code_of(error.value) == "picture-wrong"
    assert decoded == []


def test_both_languages_have_the_same_figures() -> None:
    import string

    for code, sentences in COMMISSIONING.items():
        fields = [{name for _, name, _, _ in string.Formatter().parse(text) if name} for text in sentences]
        assert fields[0] == fields[1], code


def test_a_delivery_while_the_technician_signs_loses_neither(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slow_write(path: Path, record: Struct) -> bool:
        time.sleep(0.05)
        return write_record(path, record)

    monkeypatch.setattr("edge_agent.commissioning.record.write_record", slow_write)
    store = ClaimStore(tmp_path)
    threads = [threading.Thread(target=store.change, kwargs={key: True}) for key in ("delivered", "finished")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for record in (store.record, ClaimStore(tmp_path).record):
        assert (record.delivered, record.finished) == (True, True)


def test_passwords_are_adopted_as_the_agent_reads_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also with a space at their beginning or end, and after the box has started again."""
    given, run = tmp_path / "given", tmp_path / "run"
    given.mkdir()
    run.mkdir()
    (given / "credentials_cam-1").write_text(" geheim \n")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(given))
    adopt_passwords(run)
    assert (run / "credentials" / "cam-1").read_text() == " geheim \n"
    assert os.environ["CREDENTIALS_DIRECTORY"] == str(run)
