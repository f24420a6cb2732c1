"""The batches of rollout.yml at the city's size, as Ansible itself makes them from the keys of the play."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from tests.playbooks.role_files import ANSIBLE, ansible_playbook, read

SITES = [f"tb-{number:03}" for number in range(1, 466)]
WHO_AND_WHEN = ("name", "hosts", "order", "serial", "max_fail_percentage", "gather_facts")
BATCH = {
    "name": "A batch begins",
    "ansible.builtin.debug": {
        "msg": "batch {{ ansible_play_batch | length }} from {{ ansible_play_batch[0] }}"
    },
    "run_once": True,
}


def switching() -> dict[str, Any]:
    """The play that switches gateways."""
    (play,) = [play for play in read(ANSIBLE / "rollout.yml") if play["hosts"] == "rollout_targets"]
    return dict(play)


def begun(folder: Path, sites: list[str], *more: dict[str, Any]) -> list[tuple[int, str]]:
    """Size and first site of each batch, in their order. ``more``: instead of tasks that switch a box."""
    play = switching()
    book, inventory = folder / "book.yml", folder / "hosts.ini"
    kept = {key: play[key] for key in WHO_AND_WHEN}
    book.write_text(yaml.safe_dump([kept | {"tasks": [BATCH, *more]}]), encoding="utf-8")
    # Not in the order of the roll-out.
    inventory.write_text("[rollout_targets]\n" + "".join(f"{site}\n" for site in reversed(sites)))
    done = ansible_playbook(folder, "-i", str(inventory), str(book))
    return [(int(size), site) for size, site in re.findall(r"batch (\d+) from (\S+)", done.stdout)]


def test_the_city_gets_one_box_then_five_then_a_tenth_at_a_time(tmp_path: Path) -> None:
    batches = begun(tmp_path, SITES)
    assert [size for size, _ in batches] == [1, 5, *[46] * 9, 45]
    assert [site for _, site in batches][:4] == ["tb-001", "tb-002", "tb-007", "tb-053"]


def test_after_one_bad_box_of_a_tenth_no_other_tenth_begins(tmp_path: Path) -> None:
    fails = {"ansible.builtin.fail": {"msg": "it does not"}, "when": "inventory_hostname == 'tb-030'"}
    breaks = {"name": "The release works", **fails}
    assert begun(tmp_path, SITES, breaks) == [(1, "tb-001"), (5, "tb-002"), (46, "tb-007")]


def asking(program: Path) -> dict[str, Any]:
    """The play's own task that asks the centre, with this program."""
    asks, updates, *_ = switching()["tasks"]
    assert "block" in updates, "it asks before anything is changed, and outside of the rollback"
    key = "ansible.builtin.command"
    argv = asks[key]["argv"].replace("/opt/edge-agent/current/bin/edge-agent", str(program))
    recorded = {"rollout_recorded": {"stdout": '{"id": 7}'}, "rollout_id": switching()["vars"]["rollout_id"]}
    given = {"rollout_has_centre": True, "rollout_centre": "localhost", "version": "0.2.0", **recorded}
    return dict(asks | {key: {"argv": argv}, "vars": given})


def test_no_batch_begins_after_the_centre_has_refused_one(tmp_path: Path) -> None:
    """With a program that refuses the second batch."""
    calls, program = tmp_path / "calls", tmp_path / "edge-agent"
    program.write_text(f'#!/bin/sh\necho "$@" >> {calls}\n[ $(wc -l < {calls}) -lt 2 ]\n', encoding="utf-8")
    program.chmod(0o755)
    assert begun(tmp_path, SITES[:20], asking(program)) == [(1, "tb-001"), (5, "tb-002")]
    first, second = calls.read_text(encoding="utf-8").splitlines()
    assert first == "central rollout batch 0.2.0 --run=7 --gateway=tb-001"
    assert second.split()[-5:] == [f"--gateway=tb-00{number}" for number in range(2, 7)]


def test_only_a_centre_that_does_not_know_the_command_is_not_asked(tmp_path: Path) -> None:
    """Both end with exit code 2: a program that is not there, and an older release."""
    program = tmp_path / "edge-agent"
    assert begun(tmp_path, SITES[:2], asking(program)) == [(1, "tb-001")]
    older = "edge-agent central: error: there is no command 'rollout'"
    program.write_text(f'#!/bin/sh\necho "{older}" >&2\nexit 2\n', encoding="utf-8")
    program.chmod(0o755)
    assert begun(tmp_path, SITES[:2], asking(program)) == [(1, "tb-001"), (1, "tb-002")]


RESTART = '"ansible.builtin.systemd_service": {"name": "edge-agent", "state": "restarted"}'
NO_UNIT = {RESTART: '"ansible.builtin.debug": {"msg": "restarted"}'}
LOST = "tb-002"
BROKER = f"""#!/bin/sh
[ "$1 $2" = "wait --version" ] || exit 2
version=$3
shift 5
heard=
for gateway; do
    case $gateway in --*) continue; esac
    [ $gateway = {LOST} ] && seen=null || seen=\\"$version\\"
    heard="$heard, \\"$gateway\\": $seen"
done
echo "{{${{heard#, }}}}"
case "$heard" in *null*) exit 1; esac
"""


def the_switch(block: list[dict[str, Any]], programs: Mapping[str, object]) -> dict[str, Any]:
    """The play that switches gateways, with these tasks in its block. ``programs``: texts to replace."""
    play = switching()
    _, updates, *after = play["tasks"]
    text = json.dumps({"tasks": [updates | {"block": block}, *after], "vars": play["vars"]})
    for old, new in programs.items():
        text = text.replace(old, str(new))
    given: dict[str, Any] = json.loads(text)
    given["vars"] |= {"rollout_timeout_s": 5, "version": "0.2.0"}
    return {key: play[key] for key in WHO_AND_WHEN} | given


def begins_and_rest() -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """What the first block does before it installs a release, and what it does from the switch on."""
    block = switching()["tasks"][1]["block"]
    names = [task["name"] for task in block]
    begin, switch = (
        names.index(each) for each in ("The release is installed beside it", "The gateway is being switched")
    )
    return block[:begin], block[switch:]


def from_the_switch_on(programs: Mapping[str, object]) -> dict[str, Any]:
    """The play that switches gateways, without what comes before the switch."""
    play = the_switch(begins_and_rest()[1], programs)
    play["vars"]["rollout_before"] = "0.1.0"
    return play


def test_a_gateway_that_ssh_loses_is_judged_by_its_heartbeats(tmp_path: Path) -> None:
    """ssh loses every gateway after the switch. The broker hears the new version of all but one."""
    calls, book, inventory = tmp_path / "calls", tmp_path / "book.yml", tmp_path / "hosts.ini"
    broker, centre, ssh = tmp_path / "edge-broker", tmp_path / "edge-agent", tmp_path / "ssh"
    broker.write_text(BROKER, encoding="utf-8")
    centre.write_text(f'#!/bin/sh\necho "$@" >> {calls}\n', encoding="utf-8")
    ssh.write_text("#!/bin/sh\nexit 255\n", encoding="utf-8")
    for program in (broker, centre, ssh):
        program.chmod(0o755)
    programs = {"/usr/local/sbin/edge-broker": broker, "/opt/edge-agent/current/bin/edge-agent": centre}
    play = from_the_switch_on(programs) | {"serial": [2, 1]}
    book.write_text(yaml.safe_dump([play]), encoding="utf-8")
    inventory.write_text(
        "[rollout_targets]\n"
        + "".join(f"{site}\n" for site in SITES[:3])
        + f"[rollout_targets:vars]\nansible_ssh_executable={ssh}\n"
        + "[brokers]\nlocalhost ansible_connection=local\n[central]\nlocalhost\n"
    )
    done = ansible_playbook(tmp_path, "-i", str(inventory), str(book))
    assert done.returncode != 0
    shown, _, recap = done.stdout.partition("PLAY RECAP")
    message = "COULD NOT BE PUT BACK to 0.1.0: check the gateway on site"
    assert message in " ".join(shown.split()), done.stdout + done.stderr
    (recorded,) = calls.read_text(encoding="utf-8").splitlines()
    assert recorded.startswith(
        f"central rollout failed 0.2.0 --gateway {LOST} --reason={LOST}: no good heartbeat"
    )
    failed = dict(re.findall(r"^(tb-\d+) .* failed=(\d)", recap, re.M))
    assert failed == {"tb-001": "0", LOST: "1"}, "tb-003 is of the next batch"


def script(path: Path, text: str) -> Path:
    """Write a program for sh."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
    path.chmod(0o755)
    return path


def test_a_roll_out_that_was_interrupted_after_the_switch_goes_back_to_the_release_before(
    tmp_path: Path,
) -> None:
    """The links lead to 0.2.0, which does not report. Only the first gateway has the release before, and a
    detector that works."""
    calls, book, inventory = tmp_path / "calls", tmp_path / "book.yml", tmp_path / "hosts.ini"
    broker = script(tmp_path / "edge-broker", f"echo $@ >> {calls}; echo '{{}}'; exit 1")
    for site, why in (("tb-001", "null"), ("tb-002", '"no Edge TPU"')):
        status = f'{{"heartbeat": {{"detector": {{"degraded": {why}}}}}}}'
        script(tmp_path / site / "0.2.0/bin/edge-agent", f"echo '{status}'")
        (tmp_path / site / "current").symlink_to("0.2.0")
    (tmp_path / "tb-001/0.1.0").mkdir()
    (tmp_path / "tb-001/0.1.0/.complete").touch()
    opt = tmp_path / "{{ inventory_hostname }}"
    begins, rest = begins_and_rest()
    programs = {"/usr/local/sbin/edge-broker": broker, "/opt/edge-agent": opt, **NO_UNIT}
    play = the_switch([*begins, *rest], programs)
    book.write_text(yaml.safe_dump([play | {"serial": 2}]), encoding="utf-8")
    known = json.dumps({site: {"state": "online", "version": "0.1.0"} for site in ("tb-001", "tb-002")})
    given = json.dumps({"rollout_states": {"stdout": known}, "release_folder": str(opt)})
    hosts = "[rollout_targets]\ntb-001\ntb-002\n[all:vars]\nansible_connection=local\n[brokers]\nb\n"
    inventory.write_text(hosts)
    done = ansible_playbook(tmp_path, "-i", str(inventory), "-e", given, str(book))
    shown = " ".join(done.stdout.split())
    assert "tb-001: no good heartbeat with 0.2.0" in shown, done.stdout + done.stderr
    assert "It was put back to 0.1.0" in shown, done.stdout
    assert "There is NO RELEASE FOR A ROLL-BACK: it keeps 0.2.0" in shown, done.stdout
    links = [str((tmp_path / site / "current").readlink()) for site in ("tb-001", "tb-002")]
    assert links == ["0.1.0", "0.2.0"]
    first, back = calls.read_text(encoding="utf-8").splitlines()
    options = "--version 0.2.0 --timeout-s 5 --stay-s=60 --detector=tb-001"
    assert first == f"wait {options} tb-001 tb-002"
    assert back == "wait --version 0.1.0 --timeout-s 5 tb-001", "the former release need only report"
