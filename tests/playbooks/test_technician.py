"""What a technician sees of commission.yml: phases, and last the verdict or one sentence about a fault."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

ANSIBLE = Path(__file__).resolve().parents[2] / "ansible"
BIN = Path(sys.executable).parent
PLAY = """
- hosts: all
  gather_facts: false
  vars: {site_language: vi}
  tasks:
    - {name: The first step, ansible.builtin.raw: "true", changed_when: false}
    - {name: The second step, ansible.builtin.debug: {msg: noise of Ansible}}
    - name: A step that may fail
      ansible.builtin.command: {argv: [sh, -c, "echo {{ words }} >&2; exit 1"]}
      when: words is defined
    - name: The verdict
      ansible.builtin.debug: {msg: ["LỖI cam-1: mất hình -> kiểm tra cáp", "Điểm dt-001: CHƯA ĐẠT."]}
      tags: [verdict]
    - {name: The site is not done, ansible.builtin.fail: {msg: red}, tags: [verdict]}
"""


@pytest.fixture(scope="module")
def technician() -> Any:
    """Prints what commission.yml does. It imports Ansible, 0.1 s: not in each process of the tests."""
    return importlib.import_module("technician")


def commissioned(
    folder: Path, *options: str, name: str = "commission.yml", password: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run the stand-in playbook with the settings of the repository's own ansible.cfg for printing."""
    (folder / name).write_text(PLAY, encoding="utf-8")
    (folder / "hosts").write_text("dt-001 ansible_connection=local\n")
    (folder / "ansible.cfg").write_text(
        f"[defaults]\nstdout_callback = technician\ncallback_plugins = {ANSIBLE / 'callback_plugins'}\n"
    )
    vault = ["--vault-password-file", "password"] if password else []
    (folder / "password").write_text(password)
    return subprocess.run(
        [str(BIN / "ansible-playbook"), "-i", "hosts", name, *vault, *options],
        cwd=folder,
        env=os.environ | {"ANSIBLE_HOME": str(folder / "home"), "ANSIBLE_NOCOLOR": "1"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_verdict_is_last_and_alone_and_the_rest_is_in_the_log(tmp_path: Path) -> None:
    done = commissioned(tmp_path)
    (log,) = (tmp_path / "logs").iterdir()
    assert (done.returncode, done.stderr) == (2, "")
    assert done.stdout.splitlines() == [
        "1/4  Kết nối với thiết bị ...",
        "4/4  Kiểm tra điểm, có thể mất một phút ...",
        "",
        f"Nhật ký đầy đủ: {log}",
        "",
        "LỖI cam-1: mất hình -> kiểm tra cáp",
        "Điểm dt-001: CHƯA ĐẠT.",
    ]
    assert "noise of Ansible" in log.read_text(encoding="utf-8")
    assert "failed=1" in log.read_text(encoding="utf-8")
    assert log.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(("name", "options"), [("commission.yml", ["-v"]), ("prepare.yml", [])])
def test_with_v_and_in_other_playbooks_ansible_prints_itself(
    tmp_path: Path, name: str, options: list[str]
) -> None:
    done = commissioned(tmp_path, *options, name=name)
    assert ("noise of Ansible" in done.stdout, "PLAY RECAP" in done.stdout) == (True, True)
    assert not (tmp_path / "logs").exists()


def test_the_former_name_of_the_playbook_says_the_new_one(tmp_path: Path) -> None:
    assert "commission.yml" in commissioned(tmp_path, name="site.yml").stdout.splitlines()[0]


def test_a_site_that_is_not_reached_is_one_sentence(tmp_path: Path) -> None:
    nowhere = "ansible_connection=ssh ansible_host=127.0.0.1 ansible_port=1 site_language=en"
    done = commissioned(tmp_path, "-e", nowhere)
    assert done.returncode == 4
    assert done.stdout.splitlines()[-2:] == [
        "",
        "dt-001 is not reached: check power, network and ssh_host in the sheet, then run it again.",
    ]
    assert done.stderr == ""


def test_a_wrong_vault_password_is_one_sentence(tmp_path: Path) -> None:
    secrets = tmp_path / "group_vars/all.yml"
    secrets.parent.mkdir()
    secrets.write_text("a: b\n")
    (tmp_path / "right").write_text("right")
    encrypt = [str(BIN / "ansible-vault"), "encrypt", "--vault-password-file", "right", str(secrets)]
    subprocess.run(encrypt, cwd=tmp_path, capture_output=True, check=True)
    done = commissioned(tmp_path, password="wrong")
    assert done.stdout.splitlines()[-1] == "Sai mật khẩu vault: chạy lại và nhập đúng mật khẩu."
    assert (done.returncode, done.stderr) == (4, "")


def test_a_step_that_fails_is_named_with_its_reason(tmp_path: Path) -> None:
    done = commissioned(tmp_path, "-e", '{"words": "the reason"}')
    assert done.stdout.splitlines()[-1] == "dt-001: bước “A step that may fail” bị lỗi: the reason"


@pytest.mark.parametrize(
    ("text", "english", "vietnamese"),
    [
        ("Attempting to decrypt but no vault secrets found.", "--ask-vault-pass", "--ask-vault-pass"),
        ("Task failed: Syntax error in template: x", '"a{#b"', "chứa {{, {% hay {#: ghi !unsafe"),
        ("Task failed: Missing sudo password", "run it again with -K", "chạy lại với -K"),
        ("Premature end of stream: sudo: a password is required", "run it again with -K", "chạy lại với -K"),
        ("Sorry, a password is required to run sudo", "run it again with -K", "chạy lại với -K"),
        ("Incorrect sudo password", "type the right one", "nhập đúng mật khẩu"),
        ("pi is not in the sudoers file.", "may not use sudo", "không được dùng sudo"),
        ("Failed to connect via ssh: Host key verification failed.", "fleet host-key x", "fleet host-key x"),
        ("@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @", "--replace", "--replace"),
        ("fleet@10.0.0.1: Permission denied (publickey).", "this ssh key", "khóa ssh này"),
        ("write: No space left on device", "is full", "đã hết chỗ trống"),
        ("touch: Read-only file system", "read-only", "chỉ đọc"),
        ("Connection timed out", "is not reached", "Không kết nối được"),
    ],
)
def test_a_fault_of_ansible_says_what_to_do(
    technician: Any, text: str, english: str, vietnamese: str
) -> None:
    fault = technician.fault_of(text, technician.UNREACHABLE)
    assert english in fault.said("en", host="x")
    assert vietnamese in fault.said("vi", host="x")


def test_a_gateway_that_was_not_prepared_is_one_sentence(tmp_path: Path) -> None:
    """The real playbook, here on this machine, where no agent is installed."""
    (tmp_path / "hosts.ini").write_text("[gateways]\ndt-001 ansible_connection=local ansible_become=false\n")
    done = subprocess.run(
        [str(BIN / "ansible-playbook"), "-i", str(tmp_path / "hosts.ini"), "commission.yml"],
        cwd=ANSIBLE,
        env=os.environ | {"ANSIBLE_HOME": str(tmp_path / "home"), "TECHNICIAN_LOGS": str(tmp_path / "logs")},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.splitlines()[-1] == (
        "dt-001 chưa được chuẩn bị: chạy prepare.yml trước, ở nơi có mạng nhanh."
    ), done.stdout + done.stderr
    assert len(list((tmp_path / "logs").iterdir())) == 1


def test_a_failure_that_a_rescue_mended_is_not_told(technician: Any) -> None:
    run = technician.Commissioning(faults={"dt-001": "mended", "dt-002": "broken"})
    ending = run.ending({"dt-002"}, "log")
    assert ending[-1] == "broken"
    assert "mended" not in ending


def test_the_newest_logs_stay(technician: Any, tmp_path: Path) -> None:
    for second in range(technician.KEPT_LOGS + 5):
        path, log = technician.new_log(tmp_path, "commission", datetime(2026, 11, 29, 5, 0, second))
        log.close()
    names = sorted(each.name for each in tmp_path.iterdir())
    assert (len(names), names[-1]) == (technician.KEPT_LOGS, path.name)


def test_the_playbook_has_what_the_printing_goes_by(technician: Any) -> None:
    (play,) = yaml.safe_load((ANSIBLE / "commission.yml").read_text(encoding="utf-8"))
    (verdict,) = [task for task in play["tasks"] if task["name"] == technician.VERDICT_TASK]
    assert verdict["tags"] == ["verdict"]
    assert "msg" in verdict["ansible.builtin.debug"]
    assert all((ANSIBLE / "roles" / role).is_dir() for role in technician.PHASE_OF_ROLE)
    assert technician.WORDS["en"].keys() == technician.WORDS["vi"].keys()
    settings = (ANSIBLE / "ansible.cfg").read_text(encoding="utf-8")
    assert "stdout_callback = technician" in settings
    assert "callback_plugins = callback_plugins" in settings
