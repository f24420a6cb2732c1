"""``edge-agent command``: the tool that sends commands."""

from __future__ import annotations

import functools
import hashlib
import itertools
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from edge_agent.commands.signature import read_public
from tests.commands.centre import new_id
from tests.commands.test_over_mqtt import Site
from tests.commands.test_over_mqtt import site as site  # the same box
from tests.testbed.command_line import CommandResult, run_command
from tests.testbed.mosquitto import Subscriber, free_port


def run(*words: str, **args: object) -> CommandResult:
    """``edge-agent command``, with ``args`` of the command."""
    given = (("--arg", f"{name}={value}") for name, value in args.items())
    return run_command("command", *words, *itertools.chain(*given))


def at(port: int, gateway: str = "dt-001") -> list[str]:
    return ["--broker", f"mqtt://127.0.0.1:{port}", "--gateway", gateway, "--ward", "de-tham"]


def test_it_prints_the_replies_until_the_last_and_ends_with_0(site: Site) -> None:
    id_ = new_id()
    done = run("arm", *at(site.broker.port), "--id", id_, camera="cam-1", rule="yard", for_s=5)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        f"dt-001: arm sent as {id_}",
        "dt-001: accepted: it waits for its turn",
        "dt-001: running: it is being executed",
        "dt-001: succeeded: cam-1: rule yard is armed for 5 s, also outside its schedule",
    ]


def test_who_asks_again_with_the_id_gets_the_answer_that_was_lost(site: Site) -> None:
    arm = ["arm", *at(site.broker.port), "--id", new_id()]
    first, again = (run(*arm, "--json", camera="cam-1", rule="yard", for_s=5) for _ in range(2))
    assert (again.returncode, again.stdout) == (0, first.stdout.splitlines(keepends=True)[-1])
    assert "(id-reused)" in run(*arm, camera="cam-1", rule="yard", for_s=6).stdout


def test_a_public_key_that_is_there_already_leaves_no_private_one_without_it(tmp_path: Path) -> None:
    (tmp_path / "operator.pub.pem").touch()
    assert run("keygen", str(tmp_path / "operator.pem")).returncode == 1
    assert not (tmp_path / "operator.pem").exists()


def test_what_is_refused_ends_with_1(site: Site) -> None:
    done = run("snapshot", *at(site.broker.port), camera="cam-9")
    assert done.returncode == 1
    assert "dt-001: rejected (not-possible): there is no camera cam-9" in done.stdout


def test_what_is_risky_is_refused_without_a_key(site: Site) -> None:
    with Subscriber(site.broker.port, "tb/v1/de-tham/dt-001/down/cmd/reboot") as listener:
        done = run("reboot", *at(site.broker.port))
        listener.wait_for(lambda: bool(listener.on("/reboot")))
    assert (done.returncode, listener.on("/reboot")[0].retained) == (1, False)
    assert "dt-001: rejected (unsigned): reboot has to be signed by an operator" in done.stdout
    assert "--key operator.pem" in done.stderr


@contextmanager
def trusted(site: Site, folder: Path) -> Iterator[None]:
    """Let the gateway trust the key that was made in ``folder``."""
    known = site.config.parent / "operators/made.pem"
    known.write_bytes((folder / "operator.pub.pem").read_bytes())
    yield
    known.unlink()


def test_it_signs_with_a_key_that_it_made(site: Site, tmp_path: Path) -> None:
    made = run("keygen", str(tmp_path / "operator.pem"))
    assert made.returncode == 0
    uses = ("commands.operator_keys", "commands.search_keys", "`fleet bundle --answer-key`")
    assert all(each in made.stdout for each in uses)
    assert (tmp_path / "operator.pem").stat().st_mode & 0o777 == 0o600
    read_public((tmp_path / "operator.pub.pem").read_text())
    signed = ["status", *at(site.broker.port), "--key", str(tmp_path / "operator.pem"), "--json"]
    refused = run(*signed)
    assert (refused.returncode, json.loads(refused.stdout)["code"]) == (1, "unknown-key")
    with trusted(site, tmp_path):
        assert run(*signed).returncode == 0
    again = run("keygen", str(tmp_path / "operator.pem"))
    assert (again.returncode, "operator.pub.pem: File exists; no key was made" in again.stderr) == (1, True)


def test_it_signs_what_has_to_be_signed_with_the_key_that_the_environment_names(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("keygen", str(tmp_path / "operator.pem"))
    monkeypatch.setenv("EDGE_AGENT_OPERATOR_KEY", str(tmp_path / "operator.pem"))
    disarm = functools.partial(run, "disarm", *at(site.broker.port), camera="cam-1", rule="yard")
    with trusted(site, tmp_path):
        assert disarm(for_s=5).returncode == 0
    assert "(unknown-key)" in disarm(for_s=5).stdout
    assert disarm(for_s=0).returncode == 0, "its end need not be signed"


HOSTILE = "\x1b[2K\rdt-001: succeeded: all well\ndt-001: \u202eevil \x9b31m"


def answer_with_lies(box: Subscriber, id_: str) -> None:
    """Publish as anyone with a gateway's certificate can."""
    reply = {
        "schema": "reply/1", "id": id_, "type": "status", "gateway": "dt-001", "session": "",
        "time": "2026-11-25T00:00:00.000Z", "status": "failed", "code": "\x1b[1m", "text": HOSTILE,
        "result": {"\x1b]0;x\x07": ["\x9b31m"]},
    }  # fmt: skip
    box.wait_for(lambda: any(id_.encode() in message.payload for message in box.messages))
    for payload in (b"[" * 50_000, b'{"id": "\xff"}', json.dumps(reply, ensure_ascii=False).encode()):
        box.publish(f"tb/v1/de-tham/dt-666/up/reply/{id_}", payload)


@pytest.mark.parametrize("more", [[], ["--json"]])
def test_what_a_box_answers_moves_no_cursor_and_forges_no_line(site: Site, more: list[str]) -> None:
    id_ = new_id()
    with Subscriber(site.broker.port, "tb/v1/de-tham/dt-666/down/cmd/+", client_id="box") as box:
        liar = threading.Thread(target=answer_with_lies, args=(box, id_))
        liar.start()
        done = run("status", *at(site.broker.port, "dt-666"), "--id", id_, *more)
        liar.join()
    assert (done.returncode, done.stderr.count("cannot be read")) == (1, 2)
    lines = done.stdout.splitlines()
    assert all(line.isprintable() for line in lines)
    assert not any("succeeded" in line[:30] for line in lines)
    assert not more or json.loads(lines[-1])["text"] == HOSTILE


def test_each_mistake_of_a_pushed_configuration_has_a_line_of_its_own(site: Site, tmp_path: Path) -> None:
    run("keygen", str(tmp_path / "operator.pem"))
    pushed = tmp_path / "pushed.yaml"
    pushed.write_text("version: 7\ngateway: {id: dt-001}\ncameras: 5\n")
    key = ["--key", str(tmp_path / "operator.pem")]
    sha256 = hashlib.sha256(pushed.read_bytes()).hexdigest()
    with trusted(site, tmp_path):
        done = run("set-config", *at(site.broker.port), *key, version=7, config=f"@{pushed}", sha256=sha256)
    assert done.returncode == 1
    assert len([line for line in done.stdout.splitlines() if line.startswith("  | /")]) >= 2, done.stdout


def test_a_gateway_that_is_not_there_is_told_at_once(site: Site) -> None:
    done = run("status", *at(site.broker.port, "dt-404"))
    assert done.returncode == 1
    assert "the broker knows no gateway dt-404" in done.stderr


@pytest.mark.parametrize(
    ("words", "reported"),
    [
        (["stauts"], "there is no command 'stauts'"),
        (["mask", "--arg", "camera=cam-1"], "missing required field `rule`"),
        (["mask", "--arg", "camera"], "write KEY=VALUE"),
        (["status", "--arg", "x=1"], "there is no argument 'x'; nothing was sent"),
        (["search", "--arg", "color=red"], "there is no argument 'color' (the nearest is 'colour')"),
        (["search", "--arg", "purpose=x"], "--arg purpose: Expected `str` of length >= 3; nothing was sent"),
        (
            ["search", "--arg", "purpose=theft", "--arg", "case=7", "--arg", "from_at=2026-11-27"],
            "--arg from_at: write a time in UTC, such as 2026-11-27T14:00:00Z; nothing was sent",
        ),
        (["relearn"], "`edge-agent schema command-relearn` describes them"),
        (["status", "--id", "Ä"], "is not an id"),
        (["relearn", "--arg", "camera=@/nowhere"], "/nowhere cannot be read"),
        (
            ["relearn", "--arg", "camera=cam 1"],
            "--arg camera: Expected `str` matching regex '^[a-z0-9-]{1,63}$'",
        ),
        (["status", "--expires-s", "-5"], "--expires-s: from 1 to 2678400"),
        (["status", "--expires-s", "2678401"], "--expires-s: from 1 to 2678400"),
        (["status", "--expires-s", "86401"], "a day, only with --key"),
        (["status", "--wait-s", "-1"], "--wait-s: from 0 to 86400"),
        (["status", "--wait-s", "nan"], "--wait-s: from 0 to 86400"),
    ],
)
def test_what_is_written_wrong_is_not_sent(words: list[str], reported: str) -> None:
    done = run(*words, *at(free_port()))
    assert (done.returncode, reported in done.stderr) == (2, True), done.stderr


@pytest.mark.parametrize("option", ["--key", "--password-file"])
def test_a_file_that_is_not_there_is_named(tmp_path: Path, option: str) -> None:
    missing = tmp_path / "missing"
    done = run("status", *at(free_port()), "--username", "ops", option, str(missing))
    assert done.returncode == 1
    assert done.stderr == f"edge-agent command: {missing}: No such file or directory; nothing was sent\n"
