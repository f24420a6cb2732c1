"""``edge-agent commission`` at a terminal: the same steps, in the technician's language."""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_agent.cli.arguments import parser
from edge_agent.cli.main import main
from edge_agent.commissioning.command import run_commission
from edge_agent.commissioning.messages import CommissioningError
from edge_agent.commissioning.terminal import Terminal
from edge_agent.core.errors import EdgeAgentError
from edge_agent.host.health.clock_sync import KernelSync
from edge_agent.wire.claims import check_character
from tests.commissioning.prepared_box import CODE, PASSWORD, PreparedBox, prepared_box
from tests.commissioning.steps import code_of, steps_of
from tests.testbed.claims import SERIAL

LABEL = f"dt-001-{check_character('dt-001')}"


@pytest.fixture
def box(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[PreparedBox]:
    made = prepared_box(tmp_path, 8883, ["rtsp://127.0.0.1:1/2"])
    (made.folder / "opt/edge-agent/current/bin/edge-agent").write_text("#!/bin/sh\nexit 0\n")
    with made.root_part(monkeypatch):
        yield made


def test_a_site_is_claimed_and_examined(box: PreparedBox) -> None:
    out = io.StringIO()
    code = Terminal(steps_of(box), out, "vi").commission(LABEL, "Nguyễn Văn An", lambda: PASSWORD, None)
    lines = out.getvalue().splitlines()
    assert code == 0
    assert lines[0] == "dt-001: Ngã tư dt-001, phường Đề Thám"
    assert "không tìm thấy tại 127.0.0.1" in lines[1]
    assert lines[-1] == "ĐẠT"
    assert "LỖI  máy chủ nhận tin: refused" in lines, "named as on the page"
    assert (box.paths.etc / "credentials/cam-1").read_text() == PASSWORD + "\n"
    out.truncate(0)
    Terminal(steps_of(box), out, "en").status()
    assert "the centre has not confirmed it yet" in out.getvalue()


def test_the_site_is_taken_back(box: PreparedBox) -> None:
    out = io.StringIO()
    Terminal(steps_of(box), out, "en").commission(LABEL, "An", lambda: PASSWORD, None)
    passwords = box.paths.run / "credentials"
    assert list(passwords.iterdir())
    assert Terminal(steps_of(box), out, "en").undo() == 0
    assert list(passwords.iterdir()) == [], "nobody needs them any more"
    assert not (box.paths.etc / "site-id").exists()


def test_a_wrong_label_asks_for_no_password(box: PreparedBox) -> None:
    def password() -> str:
        raise AssertionError("asked")

    with pytest.raises(CommissioningError) as error:
        Terminal(steps_of(box), io.StringIO(), "en").commission("dt-001-0", "An", password, None)
    assert code_of(error.value) == "site-check"


def test_a_box_at_a_site_does_not_examine_it_under_the_name_of_another(box: PreparedBox) -> None:
    out = io.StringIO()
    Terminal(steps_of(box), out, "vi").commission(LABEL, "An", lambda: PASSWORD, None)
    other = f"dt-002-{check_character('dt-002')}"
    with pytest.raises(CommissioningError) as error:
        Terminal(steps_of(box), io.StringIO(), "vi").commission(other, "An", lambda: PASSWORD, None)
    assert code_of(error.value) == "claimed-already"
    again = io.StringIO()
    assert Terminal(steps_of(box), again, "vi").commission(LABEL, "An", lambda: PASSWORD, None) == 0
    assert again.getvalue().startswith("dt-001: "), "which site is examined is said each time"


def test_what_is_wrong_with_the_arguments_is_said_in_vietnamese(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    password = tmp_path / "password"
    password.write_bytes("mật khẩu".encode("utf-16"))
    claim = ("commission", LABEL, "--lang", "vi", "--sysroot", str(tmp_path))
    for words, code, said in (
        (("commission", "--lang", "vi"), 2, "hãy ghi mã điểm như trên nhãn"),
        (claim, 2, "hãy ghi họ tên kỹ thuật viên"),
        (("docs", "sotay", "--lang", "vi"), 2, "không có trang 'sotay' (gần giống: 'so-tay')"),
        (("doctor", "--findings", "no.json", "--lang", "vi"), 2, "--findings phải đi cùng --report"),
        ((*claim, "--by", "An", "--cameras-password-file", str(password)), 1, "không phải là văn bản UTF-8"),
        ((*claim, "--by", "An", "--cameras-password-file", str(tmp_path)), 1, "là thư mục, không phải tệp"),
        ((*claim, "--by", "An", "--photo", str(tmp_path / "no.jpg")), 1, "không có tệp hoặc thư mục này"),
    ):
        assert main(words) == code
        assert said in capsys.readouterr().err


def test_a_port_that_does_not_exist_is_a_wrong_use(capsys: pytest.CaptureFixture[str]) -> None:
    for port in ("65536", "-1", "x"):
        with pytest.raises(SystemExit) as ended:
            main(["commission", "--serve", "--page-port", port])
        assert ended.value.code == 2
    assert "is not a port" in capsys.readouterr().err


def run(box: PreparedBox, *words: str) -> str:
    """What the command prints."""
    out = io.StringIO()
    assert run_commission(parser().parse_args(["commission", *words, "--sysroot", str(box.folder)]), out) == 0
    return out.getvalue()


def test_the_workshop_gets_the_row_of_a_box(box: PreparedBox) -> None:
    head, row = run(box, "--identity").splitlines()
    found = dict(zip(head.split(","), row.split(","), strict=True))
    assert (found["serial"], found["note"], len(found["key"])) == (SERIAL, f"code {CODE}", 64)
    assert json.loads(run(box, "--identity", "--json"))["words"] == found["words"]


def test_a_code_that_others_have_seen_is_replaced(box: PreparedBox) -> None:
    before = json.loads(run(box, "--identity", "--json"))
    row = run(box, "--new-code").splitlines()[1]
    after = json.loads(run(box, "--identity", "--json"))
    assert row.endswith(f",code {after['code']}")
    assert after.pop("code") != before.pop("code")
    assert after == before, "the former label's words and address stay right"


def test_the_state_as_json(box: PreparedBox) -> None:
    state = json.loads(run(box, "--status", "--json"))
    assert (state["state"], state["serial"], "code" in state) == ("unclaimed", SERIAL, False)


@pytest.mark.parametrize("synced", [True, False])
def test_the_page_and_doctor_agree_on_the_clock(
    box: PreparedBox, monkeypatch: pytest.MonkeyPatch, synced: bool
) -> None:
    """A time that is only plausible is red for doctor, so the page shows its note about the clock."""
    monkeypatch.setattr("edge_agent.commissioning.command.read_kernel_sync", lambda: KernelSync(synced, 0.0))
    assert json.loads(run(box, "--status", "--json"))["synced"] is synced


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        ([], "name the site as its label does"),
        ([LABEL], "name the person who commissions the site"),
        (["dt-001-0", "--by", "An"], "not what a label says"),
        ([LABEL, "--by", "An", "--photo", "/nowhere.jpg"], "--photo /nowhere.jpg cannot be read"),
    ],
    ids=["no site", "no name", "wrong label", "no photo"],
)
def test_arguments_are_checked_before_the_box(tmp_path: Path, words: list[str], problem: str) -> None:
    with pytest.raises(EdgeAgentError, match=problem):
        run_commission(parser().parse_args(["commission", *words, "--sysroot", str(tmp_path)]), io.StringIO())


@pytest.mark.parametrize(
    ("folder", "words"),
    [
        ("state", ["--status"]),
        ("state", [LABEL, "--by", "An"]),
        ("run", [LABEL, "--by", "An"]),
        ("run", ["--undo"]),
        ("run", ["--serve"]),
    ],
)
def test_a_box_without_its_folders_is_said(box: PreparedBox, folder: str, words: list[str]) -> None:
    missing: Path = getattr(box.paths, folder)
    shutil.rmtree(missing)
    with pytest.raises(CommissioningError) as error:
        run(box, *words)
    assert str(error.value).startswith(f"{missing} is missing: this box was not prepared in the workshop")
