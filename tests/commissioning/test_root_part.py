"""Root's part of commissioning, in a root of its own: what it writes for whom, and what it refuses."""

from __future__ import annotations

import ast
import errno
import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

import edge_set_apart
from edge_agent.commissioning.messages import COMMISSIONING, CommissioningError
from edge_agent.commissioning.page.state_document import state_document
from edge_agent.commissioning.record import ClaimRecord, ClaimStore, CommissioningState
from edge_agent.commissioning.root_part import RootPart
from edge_agent.commissioning.withdrawal import adopt_withdrawal
from edge_agent.config.model.settings import Mqtt
from edge_agent.tools.doctor.checks.broker import is_unconfirmed
from tests.commissioning.prepared_box import PASSWORD, ROOT, ROOT_PART, PreparedBox, prepared_box, read_json
from tests.commissioning.steps import steps_of
from tests.testbed.claims import claim

AGENT_GROUP = 4242
"""Of the folder of the configuration; only root can give files to it."""


@pytest.fixture
def box(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PreparedBox:
    made = prepared_box(tmp_path, 8883, ["rtsp://192.0.2.21/2"])
    if os.geteuid() == 0:
        os.chown(made.paths.etc, -1, AGENT_GROUP)
    monkeypatch.setenv("PATH", f"{made.folder / 'bin'}:{os.environ['PATH']}")
    program = made.folder / "opt/edge-agent/current/bin/edge-agent"
    program.write_text(f"#!/bin/sh\necho check >> {made.folder / 'ran'}\n")
    return made


def ask(box: PreparedBox, **request: Any) -> dict[str, Any]:
    """The answer of root's part to the request."""
    path = box.paths.run / "request.json"
    path.write_text(json.dumps({"id": "r1", **request}))
    ROOT_PART.act(ROOT_PART.Box(box.folder))
    assert not path.exists(), "or the path unit would start it for ever"
    answer: dict[str, Any] = json.loads(box.paths.answer.read_text())
    assert answer["id"] == "r1"
    return answer


def apply(box: PreparedBox, site: str = "dt-001") -> dict[str, Any]:
    return ask(box, action="apply", site=site, passwords={"cam-1": PASSWORD, "../../x": "evil"})


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_a_site_is_configured_from_the_bundle(box: PreparedBox) -> None:
    answer = apply(box)
    assert answer["outcome"] == "done", answer
    assert answer["csr"].startswith("-----BEGIN CERTIFICATE REQUEST-----")
    etc = box.paths.etc
    assert read_json(etc / "edge-agent.yaml")["gateway"]["id"] == "dt-001"
    assert (etc / "site-id").read_text() == "dt-001\n"
    assert [path.name for path in (etc / "credentials").iterdir()] == ["cam-1"], "only cameras of the bundle"
    modes = {name: mode(etc / name) for name in ("credentials/cam-1", "tls/client.key", "edge-agent.yaml")}
    assert modes == {"credentials/cam-1": 0o600, "tls/client.key": 0o640, "edge-agent.yaml": 0o640}
    if os.geteuid() == 0:
        files = ("edge-agent.yaml", "tls/client.key", "tls/client.crt", "tls/ca.crt")
        assert {(etc / name).stat().st_gid for name in files} == {AGENT_GROUP}, "or the agent cannot read it"
    assert box.programs()[-1] == "systemctl restart --no-block edge-agent.service"
    assert "check" in box.programs()


@pytest.mark.parametrize("site", ["dt-009", "../../etc", "", "DT-001"])
def test_a_site_that_is_not_in_the_bundle_is_refused(box: PreparedBox, site: str) -> None:
    assert apply(box, site)["outcome"] == "refused"
    assert not (box.paths.etc / "edge-agent.yaml").exists()


def test_a_bundle_of_another_key_is_refused(box: PreparedBox) -> None:
    box.release_key = Ed25519PrivateKey.generate()
    box.write_bundle()
    answer = apply(box)
    assert (answer["outcome"], answer["code"]) == ("refused", "bundle-unsigned")
    assert box.programs() == []


def test_an_older_bundle_is_refused(box: PreparedBox) -> None:
    box.write_bundle(version=7)
    assert apply(box)["outcome"] == "done"
    box.write_bundle(version=6)
    answer = apply(box)
    assert (answer["outcome"], "older (6)" in answer["detail"]) == ("refused", True)
    assert answer["code"] == "bundle-older"


def test_a_box_that_a_playbook_has_configured_is_not_changed(box: PreparedBox) -> None:
    (box.paths.etc / "edge-agent.yaml").write_text("# Ansible\n")
    assert apply(box)["code"] == "by-playbook"
    assert (box.paths.etc / "edge-agent.yaml").read_text() == "# Ansible\n"


@pytest.mark.parametrize("password", ["", "two\nlines", "x" * 1001])
def test_a_password_that_is_none_is_refused(box: PreparedBox, password: str) -> None:
    assert ask(box, action="apply", site="dt-001", passwords={"cam-1": password})["outcome"] == "refused"


def test_a_configuration_that_check_refuses_is_not_written(box: PreparedBox) -> None:
    program = box.folder / "opt/edge-agent/current/bin/edge-agent"
    program.write_text("#!/bin/sh\necho 'a mistake in line 3' >&2; exit 78\n")
    answer = apply(box)
    assert (answer["outcome"], "a mistake in line 3" in answer["detail"]) == ("refused", True)
    assert (answer["code"], answer["values"]["reason"]) == ("configuration-wrong", "a mistake in line 3")
    assert not (box.paths.etc / "edge-agent.yaml").exists()


@pytest.mark.parametrize(
    "content",
    ["", "[]", "{", '{"action": "reboot"}', '{"action": "apply"}', "x" * 200_001, "[" * 100_000],
)
def test_a_request_that_is_none_does_nothing(box: PreparedBox, content: str) -> None:
    path = box.paths.run / "request.json"
    path.write_text(content)
    assert ROOT_PART.act(ROOT_PART.Box(box.folder)) != "done"
    assert not path.exists()
    assert box.programs() == []


def test_a_request_that_is_a_link_is_not_followed(box: PreparedBox, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text(json.dumps({"id": "r1", "action": "apply", "site": "dt-001"}))
    (box.paths.run / "request.json").symlink_to(elsewhere)
    assert ROOT_PART.act(ROOT_PART.Box(box.folder)) == "no request"
    assert elsewhere.exists()


def test_another_site_sets_the_events_of_the_first_one_apart(box: PreparedBox) -> None:
    apply(box)
    (box.state_dir / "outbox.db").write_bytes(b"events of dt-001")
    (box.state_dir / "models/m.tflite").write_bytes(b"model")
    assert apply(box, "dt-002")["outcome"] == "done"
    (apart,) = (box.folder / "var/lib/edge-agent-apart").glob("dt-001-*")
    assert (apart / "outbox.db").read_bytes() == b"events of dt-001"
    assert sorted(path.name for path in box.state_dir.iterdir()) == ["models"]
    assert (box.state_dir / "models/m.tflite").exists(), "a model belongs to the box"
    assert (box.paths.etc / "site-id").read_text() == "dt-002\n"


def test_settings_that_a_technician_added_do_not_reach_the_next_site(box: PreparedBox) -> None:
    """Neither its masks, nor a camera of it, whose password is deleted: each later claim would be refused."""
    apply(box)
    settings = {"masks.yaml": "masks", "cameras.yaml": "password_file"}
    for name, text in settings.items():
        (box.paths.etc / "conf.d" / name).write_text(text)
    assert apply(box, "dt-002")["outcome"] == "done"
    assert list((box.paths.etc / "conf.d").iterdir()) == []
    (apart,) = (box.paths.etc / "apart").glob("dt-001-*")
    assert {path.name: path.read_text() for path in apart.iterdir()} == settings
    assert mode(apart) == 0o750


def test_a_box_that_a_playbook_assigns_to_another_site_leaves_nothing_of_the_first_one(
    box: PreparedBox,
) -> None:
    (leaves, writes, *_) = yaml.safe_load((ROOT / "ansible/roles/edge_agent/tasks/configure.yml").read_text())
    assert leaves["ansible.builtin.command"]["argv"][-1] == "leave"
    assert writes["ansible.builtin.copy"]["dest"] == "/etc/edge-agent/site-id", "only after it"
    assert leaves["tags"] == writes["tags"]
    root = ROOT_PART.Box(box.folder)
    ROOT_PART.leave(root)
    assert box.programs() == [], "it had no site"
    apply(box)
    (box.state_dir / "outbox.db").write_bytes(b"events of dt-001")
    (box.paths.etc / "conf.d/masks.yaml").write_text("masks")
    ROOT_PART.leave(root)
    assert box.programs()[-1] == "systemctl disable --quiet --now edge-agent.service"
    assert list((box.folder / "var/lib/edge-agent-apart").glob("dt-001-*/outbox.db"))
    assert list((box.paths.etc / "apart").glob("dt-001-*/masks.yaml"))
    assert [path.name for path in box.state_dir.iterdir()] == ["models"]
    assert (box.paths.etc / "tls/client.key").exists(), "the playbook has written it"
    assert box.paths.is_set_up_by_playbook


def test_a_state_on_a_disk_of_its_own_is_set_apart_on_that_disk(
    box: PreparedBox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A mount cannot be renamed, and its content may not fit on another disk."""
    monkeypatch.setattr(edge_set_apart, "is_mount", lambda path: path == box.state_dir)
    apply(box)
    (box.state_dir / "outbox.db").write_bytes(b"events of dt-001")
    (box.state_dir / "models/m.tflite").write_bytes(b"model")
    (box.state_dir / "lost+found").mkdir()
    state = box.state_dir.stat().st_ino
    assert ask(box, action="unclaim", reason="undone")["outcome"] == "done"
    (apart,) = (box.state_dir / "apart").iterdir()
    assert (apart.name[:7], (apart / "outbox.db").read_bytes()) == ("dt-001-", b"events of dt-001")
    assert sorted(path.name for path in box.state_dir.iterdir()) == ["apart", "lost+found", "models"]
    assert (box.state_dir / "models/m.tflite").exists()
    assert box.state_dir.stat().st_ino == state
    assert not (box.folder / "var/lib/edge-agent-apart").exists()


def test_a_state_that_cannot_be_renamed_is_set_apart_inside(
    box: PreparedBox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a folder of the lower layer of overlayfs."""
    apply(box)
    (box.state_dir / "outbox.db").write_bytes(b"events of dt-001")
    (box.state_dir / "models/m.tflite").write_bytes(b"model")
    rename = Path.rename

    def refuse(path: Path, target: Path) -> Path:
        if path == box.state_dir:
            raise OSError(errno.EXDEV, "Invalid cross-device link")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", refuse)
    assert ask(box, action="unclaim", reason="undone")["outcome"] == "done"
    (apart,) = (box.state_dir / "apart").iterdir()
    assert (apart / "outbox.db").read_bytes() == b"events of dt-001"
    assert (box.state_dir / "models/m.tflite").read_bytes() == b"model"
    assert sorted(path.name for path in box.state_dir.parent.iterdir() if "agent.new" in path.name) == []


def test_a_power_cut_while_a_disk_is_set_apart_keeps_the_files_together(
    box: PreparedBox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(edge_set_apart, "is_mount", lambda path: True)
    moving = box.state_dir / "apart/.moving"
    moving.mkdir(parents=True)
    (moving / "outbox.db").write_bytes(b"1")
    (box.state_dir / "outbox.db-wal").write_bytes(b"2")
    edge_set_apart.set_apart(ROOT_PART.Box(box.folder), "dt-001")
    (apart,) = (box.state_dir / "apart").iterdir()
    assert sorted(path.name for path in apart.iterdir()) == ["outbox.db", "outbox.db-wal"]


def test_a_link_of_the_agent_s_user_moves_nothing_elsewhere(
    box: PreparedBox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(edge_set_apart, "is_mount", lambda path: True)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    apply(box)
    (box.state_dir / "evil").write_bytes(b"x")
    (box.state_dir / "apart").symlink_to(elsewhere)
    assert ask(box, action="unclaim", reason="undone")["outcome"] == "failed"
    assert list(elsewhere.iterdir()) == []


def test_a_bind_mount_and_a_link_are_mounts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "link").symlink_to(tmp_path)
    assert edge_set_apart.is_mount(Path("/proc"))
    assert edge_set_apart.is_mount(tmp_path / "link")
    assert not edge_set_apart.is_mount(tmp_path)


def test_an_unclaimed_box_has_nothing_of_the_site(box: PreparedBox) -> None:
    apply(box)
    box.paths.confirmed.touch()
    assert ask(box, action="unclaim", reason="refused claim-site-taken")["outcome"] == "done"
    etc = box.paths.etc
    left = [str(p.relative_to(etc)) for p in etc.rglob("*") if p.is_file() and "enrolment" not in p.parts]
    assert sorted(left) == ["release.pem", "serial"]
    assert not box.paths.confirmed.exists()
    note = json.loads((box.paths.root_state / "unclaimed.json").read_text())
    assert (note["site"], note["reason"]) == ("dt-001", "refused claim-site-taken")
    assert ask(box, action="unclaim", reason="again")["outcome"] == "done", "it may be asked twice"


def unclaim(box: PreparedBox, **request: Any) -> tuple[str, dict[str, Any]]:
    """The agent's request after a signed command."""
    path = box.folder / "run/edge-agent/requests/unclaim"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(request))
    (box.folder / "proc").mkdir(exist_ok=True)
    (box.folder / "proc/uptime").write_text("100.0 1.0\n")
    outcome = ROOT_PART.act_unclaim(ROOT_PART.Box(box.folder), 0.0)
    assert not path.exists()
    return outcome, json.loads((box.folder / "run/edge-agent-unclaim/answer.json").read_text())


def confirmed(box: PreparedBox) -> None:
    apply(box)
    csr = box.paths.etc / "tls/client.key"
    made = box.authority.renew("dt-001", csr)
    answer = ask(box, action="certificate", site="dt-001", claim_id="c1", certificate=made.cert.read_text())
    assert answer["outcome"] == "done", answer
    box.paths.confirmed.touch()


def test_the_command_of_the_centre_ends_the_claim(box: PreparedBox) -> None:
    confirmed(box)
    outcome, answer = unclaim(box, claim_id="c1", why="wrong pole")
    assert (outcome, answer["outcome"]) == ("accepted", "accepted")
    assert not (box.paths.etc / "site-id").exists()
    assert box.programs()[-1] == "systemctl start --no-block edge-agent-commission.service"


@pytest.mark.parametrize(
    ("why", "shown"),
    [
        ("nhầm cột", ("reason: nhầm cột", "lý do: nhầm cột")),
        ('{"code":"claim-moved","params":{"site":"dt-002"}}', ("the box now claims site dt-002", "dt-002")),
        ("17", ("reason: 17", "lý do: 17")),
        ("", None),
    ],
)
def test_the_page_says_why_the_site_was_withdrawn(
    box: PreparedBox, why: str, shown: tuple[str, str] | None
) -> None:
    confirmed(box)
    store = ClaimStore(box.paths.state)
    store.put(ClaimRecord(state=CommissioningState.CONFIRMED, claim=claim(site="dt-001")))
    assert unclaim(box, claim_id="c1", why=why)[0] == "accepted"
    adopt_withdrawal(box.paths, store)
    steps = steps_of(box)
    assert steps.record.state is CommissioningState.WITHDRAWN
    problem = state_document(steps, None)["problem"]
    if shown is None:
        assert problem is None
    else:
        assert (problem["en"], shown[1] in problem["vi"]) == (shown[0], True)


def test_doctor_recognises_the_certificate_of_an_unconfirmed_site(box: PreparedBox) -> None:
    mqtt = Mqtt(brokers=(), cert_file=box.paths.etc / "tls/client.crt")
    assert not is_unconfirmed(mqtt)
    apply(box)
    assert is_unconfirmed(mqtt)
    confirmed(box)
    assert not is_unconfirmed(mqtt)


@pytest.mark.parametrize("wrong", [{"claim_id": "c2"}, {"claim_id": None}, {}])
def test_a_command_about_another_claim_is_refused(box: PreparedBox, wrong: dict[str, Any]) -> None:
    confirmed(box)
    outcome, answer = unclaim(box, why="", **wrong)
    assert (outcome, answer["outcome"]) == ("refused", "refused")
    assert (box.paths.etc / "site-id").exists()


def test_a_box_without_a_claim_refuses_the_command(box: PreparedBox) -> None:
    assert unclaim(box, claim_id="c1", why="")[0] == "refused"


def test_a_power_cut_after_the_answer_is_made_good_at_the_next_start(box: PreparedBox) -> None:
    confirmed(box)
    ROOT_PART.begin_unclaim(ROOT_PART.Box(box.folder), {"claim_id": "c1", "why": "moved"})
    assert (box.paths.etc / "site-id").exists()
    ROOT_PART.prepare(ROOT_PART.Box(box.folder))
    assert not (box.paths.etc / "site-id").exists()


def test_a_certificate_of_another_site_is_refused(box: PreparedBox) -> None:
    apply(box)
    made = box.authority.renew("dt-002", box.paths.etc / "tls/client.key")
    answer = ask(box, action="certificate", site="dt-001", claim_id="c1", certificate=made.cert.read_text())
    assert answer["outcome"] == "refused"
    answer = ask(box, action="certificate", site="dt-009", claim_id="c1", certificate="")
    assert (answer["code"], answer["values"]) == ("answer-other-site", {"site": "dt-009"})


def test_each_refusal_with_a_code_has_its_sentence() -> None:
    """And the values of the sentence: otherwise the page would show the English text."""
    for path in (ROOT / "ansible/roles/edge_agent/files").glob("edge_*.py"):
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(call, ast.Call) and (code := code_in(call)):
                english, vietnamese = COMMISSIONING[code]
                values = {each.arg for each in call.keywords} | ({"reason"} if is_run(call) else set())
                assert set(re.findall(r"{(\w+)}", english + vietnamese)) <= values, code


@pytest.mark.parametrize(
    ("code", "values", "shown"),
    [
        ("by-playbook", {}, "by-playbook"),
        ("site-unknown", {"site": "dt-009"}, "site-unknown"),
        ("site-unknown", {}, "root-refused"),
        ("of-a-newer-version", {}, "root-refused"),
        ("", {}, "root-refused"),
    ],
)
def test_the_page_says_a_refusal_in_the_technicians_language_if_it_can(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str, values: dict[str, str], shown: str
) -> None:
    monkeypatch.setattr("edge_agent.commissioning.root_part.secrets.token_hex", lambda _: "r1")
    answer = {"id": "r1", "outcome": "refused", "detail": "English text", "code": code, "values": values}
    (tmp_path / "answer.json").write_text(json.dumps(answer))
    with pytest.raises(CommissioningError) as error:
        RootPart(tmp_path / "request.json", tmp_path / "answer.json").ask("apply")
    assert error.value.code == shown
    assert ("English text" in error.value.text.vi) is (shown == "root-refused")


def is_run(call: ast.Call) -> bool:
    return isinstance(call.func, ast.Attribute) and call.func.attr == "run"


def code_in(call: ast.Call) -> str:
    """The code of a ``Refused(text, code, …)`` or a ``box.run(…, code=…)``; empty: it has none."""
    given = [each.value for each in call.keywords if each.arg == "code" and is_run(call)]
    if isinstance(call.func, ast.Name) and call.func.id == "Refused":
        given = call.args[1:2]
    return str(given[0].value) if given and isinstance(given[0], ast.Constant) else ""


def test_the_console_shows_no_escape_sequence(box: PreparedBox) -> None:
    (box.paths.run / "console.txt").write_text("box-1 \x1b[31mred\\u and more\n" * 30)
    ROOT_PART.console(ROOT_PART.Box(box.folder))
    text = (box.folder / "run/issue.d/edge-agent.issue").read_text()
    assert "\x1b" not in text
    assert text.count("\\") == 1
    assert "\naddress \\4\n" in text, "agetty shows the IP address here"
    assert text.count("\n") < 25


def test_the_console_shows_the_address_of_each_port(box: PreparedBox) -> None:
    """agetty(8): without a name, it shows the first port's only."""
    for port in ("eth1", "eth0", "odd}name"):
        (box.folder / f"sys/class/net/{port}/device").mkdir(parents=True)
    (box.folder / "sys/class/net/lo").mkdir()
    (box.paths.run / "console.txt").write_text("box-1\n")
    ROOT_PART.console(ROOT_PART.Box(box.folder))
    text = (box.folder / "run/issue.d/edge-agent.issue").read_text()
    assert text == "\nbox-1\naddress eth0 \\4{eth0}\naddress eth1 \\4{eth1}\n\n"


def test_a_certificate_that_is_refused_leaves_the_agent_one_to_start_with(box: PreparedBox) -> None:
    """Such as by a clock that is wrong: the same certificate is taken once the clock is right."""
    apply(box)
    own, program = box.paths.etc / "tls/client.crt", box.folder / "usr/local/sbin/edge-certificates"
    placeholder, wanted = own.read_text(), box.authority.renew("dt-001", own.with_suffix(".key"))
    text = program.read_text()
    program.unlink()
    program.write_text("import sys; sys.exit('not yet valid')\n")
    request = {"site": "dt-001", "claim_id": "c1", "certificate": wanted.cert.read_text()}
    assert ask(box, action="certificate", **request)["outcome"] == "refused"
    assert own.read_text().partition("\n")[0] == placeholder.partition("\n")[0]
    program.write_text(text)
    assert ask(box, action="certificate", **request)["outcome"] == "done"
    assert own.read_text() == wanted.cert.read_text()


class PowerCut(BaseException):
    """The process ends here."""


@contextmanager
def power_cut_after(steps: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let the process end before the change of the disk with this number."""
    left = steps

    def counted(change: Any) -> Any:
        def run(*args: Any, **options: Any) -> Any:
            nonlocal left
            left -= 1
            if left < 0:
                raise PowerCut
            return change(*args, **options)

        return run

    with monkeypatch.context() as patch:
        for name in ("rename", "unlink", "mkdir", "chown"):
            patch.setattr(os, name, counted(getattr(os, name)))
        patch.setattr(ROOT_PART.Path, "replace", counted(Path.replace))
        yield


@pytest.mark.parametrize("steps", range(24))
def test_a_power_cut_at_any_step_of_the_end_is_made_good(
    box: PreparedBox, steps: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    confirmed(box)
    (box.state_dir / "outbox.db").write_bytes(b"events of dt-001")
    (box.state_dir / "models/m.tflite").write_bytes(b"model")
    (box.paths.etc / "conf.d/masks.yaml").write_text("masks")
    root = ROOT_PART.Box(box.folder)
    ROOT_PART.begin_unclaim(root, {"claim_id": "c1", "why": "moved"})
    with power_cut_after(steps, monkeypatch), suppress(PowerCut):
        ROOT_PART.finish_unclaim(root)
    ROOT_PART.prepare(root)
    assert not box.paths.is_set_up_by_playbook
    assert not (box.paths.etc / "site-id").exists()
    assert not (box.paths.root_state / "claimed.json").exists()
    assert list((box.paths.etc / "tls").glob("*.*")) == []
    (apart,) = (box.folder / "var/lib/edge-agent-apart").glob("dt-001-*/outbox.db")
    assert apart.read_bytes() == b"events of dt-001"
    (settings,) = (box.paths.etc / "apart").glob("dt-001-*/masks.yaml")
    assert settings.read_text() == "masks"
    assert [str(p.relative_to(box.state_dir)) for p in box.state_dir.rglob("*.*")] == ["models/m.tflite"]


@pytest.mark.parametrize("steps", range(2, 40, 12))
def test_a_power_cut_at_any_step_of_a_claim_is_made_good(
    box: PreparedBox, steps: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    with power_cut_after(steps, monkeypatch), suppress(PowerCut):
        ROOT_PART.apply(ROOT_PART.Box(box.folder), {"site": "dt-001", "passwords": {"cam-1": PASSWORD}})
    confirmed(box)
    assert (box.paths.etc / "site-id").read_text() == "dt-001\n"


def test_a_page_that_is_still_served_does_not_leave_its_mark_after_the_end(
    box: PreparedBox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The technician has not signed yet when the centre takes the site back."""
    confirmed(box)
    run = ROOT_PART.Box.run

    def leaves_at_its_end(self: Any, *command: str, **options: Any) -> Any:
        if command[:2] == ("systemctl", "stop"):
            box.paths.confirmed.touch()
        if command[:2] == ("systemctl", "start"):
            assert not box.paths.confirmed.exists(), "or the page is not started again"
        return run(self, *command, **options)

    monkeypatch.setattr(ROOT_PART.Box, "run", leaves_at_its_end)
    assert unclaim(box, claim_id="c1", why="wrong pole")[0] == "accepted"
    assert box.programs()[-2:] == [
        "systemctl stop edge-agent-commission.service",
        "systemctl start --no-block edge-agent-commission.service",
    ]


def test_an_examination_that_runs_ends_before_the_site_is_given_up(
    box: PreparedBox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It takes up to two minutes, has the lock that the page needs, and leaves a mark at its end."""
    confirmed(box)
    run, stopped = ROOT_PART.Box.run, list[str]()

    def still_runs(self: Any, *command: str, **options: Any) -> Any:
        if command == ("systemctl", "stop", "edge-agent-examination.service"):
            assert (box.paths.etc / "site-id").exists()
            stopped.append(command[-1])
        if command[:2] == ("systemctl", "start"):
            assert stopped, "or its mark follows"
        return run(self, *command, **options)

    monkeypatch.setattr(ROOT_PART.Box, "run", still_runs)
    assert unclaim(box, claim_id="c1", why="wrong pole")[0] == "accepted"


def test_a_power_cut_before_the_note_leaves_the_page_to_be_started(
    box: PreparedBox, monkeypatch: pytest.MonkeyPatch
) -> None:
    confirmed(box)
    root = ROOT_PART.Box(box.folder)

    def cut(*_: Any) -> None:
        assert not box.paths.confirmed.exists()
        raise PowerCut

    monkeypatch.setattr(ROOT_PART, "write", cut)
    with pytest.raises(PowerCut):
        ROOT_PART.begin_unclaim(root, {"claim_id": "c1", "why": "moved"})
