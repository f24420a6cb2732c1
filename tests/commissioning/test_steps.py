"""The steps of commissioning: good and bad ends, each in its words, and what a kill leaves behind."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import cv2
import pytest

from edge_agent.commissioning.commissioning import Commissioning
from edge_agent.commissioning.messages import COMMISSIONING, CommissioningError
from edge_agent.commissioning.page.pages import NetworkForm
from edge_agent.commissioning.record import ClaimStore, CommissioningState, exclusive
from edge_agent.core.problems import CodedProblem
from edge_agent.tools.cameras.discovered import DiscoveredCamera, DiscoveryState, Vendor
from edge_agent.wire import Claim, ClaimAnswer
from edge_agent.wire.claims import check_character
from tests.commissioning.prepared_box import PASSWORD, PreparedBox, prepared_box
from tests.commissioning.steps import code_of, steps_of
from tests.testbed.claims import SERIAL, TIME
from tests.testbed.mosquitto import wait_until
from tests.tools.doctor.strict_camera import StrictCamera

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


def test_a_dead_camera_is_named_and_does_not_end_the_work(box: PreparedBox) -> None:
    steps, _ = claimed(box)
    assert steps.found is not None
    (camera,) = steps.found.cameras
    assert not camera.fits
    assert str(camera.said) == "not found at 127.0.0.1: check power, cable and address"
    assert camera.said.vi.startswith("không thấy tại 127.0.0.1")


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


def test_a_confirmed_claim_installs_the_certificate_and_spends_the_code(box: PreparedBox) -> None:
    steps, claim = claimed(box)
    made = box.authority.renew("dt-001", box.paths.etc / "tls/client.key")
    steps.accept(answer(claim, "confirmed", certificate=made.cert.read_text()))
    assert steps.record.state is CommissioningState.CONFIRMED
    assert (box.paths.etc / "tls/client.crt").read_text() == made.cert.read_text()
    assert not (box.paths.state / "code").exists()
    assert not box.paths.confirmed.exists(), "the technician has not signed yet"
    with pytest.raises(CommissioningError) as error:
        steps.undo()
    assert code_of(error.value) == "confirmed-already"


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
