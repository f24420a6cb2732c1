"""What the preflight of the roles says about variables that people write by hand."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

from tests.playbooks.role_files import ANSIBLE, ansible_playbook, read

# Also as the vault has them: read by Ansible's own YAML.
HOSTS = r"""
all:
  vars:
    ansible_connection: local
    edge_agent_at_site: true
    edge_agent_cameras: [{id: cam-1, username: edge}, {id: cam-2, username: edge}, {id: cam-3}]
    edge_agent_camera_passwords: {cam-1: "01234567", cam-2: !unsafe "a{#b"}
    edge_agent_operator_keys: [/keys/an.pem, /keys/binh.pem, /keys/an.pem]
    edge_agent_search_keys: [/centre/an.pem]
    base_modem_pin: "0123"
    base_modem_password: ""
  hosts:
    good:
    number: {edge_agent_camera_passwords: {cam-2: 01234567, cam-1: "yes", cam-3: 1}}
    boolean: {edge_agent_camera_passwords: {cam-1: yes, cam-2: "{{ 'a' }}"}}
    pin: {base_modem_pin: 0123}
    keys: {edge_agent_operator_keys: [/keys/an.pem, /other/an.pem]}
"""
CHECKS = (
    ("edge_agent/tasks/preflight.yml", "Each password is a text"),
    ("edge_agent/tasks/preflight.yml", "Each key has a file name of its own"),
    ("base/tasks/network.yml", "PIN and password of the SIM card are texts"),
)


def test_variables_that_would_be_altered_or_lost_are_refused(tmp_path: Path) -> None:
    tasks = [
        task for file, name in CHECKS for task in read(ANSIBLE / "roles" / file) if task.get("name") == name
    ]
    assert len(tasks) == len(CHECKS)
    book, hosts = tmp_path / "book.yml", tmp_path / "hosts.yml"
    book.write_text(yaml.safe_dump([{"hosts": "all", "gather_facts": False, "tasks": tasks}]))
    hosts.write_text(HOSTS)
    done = ansible_playbook(tmp_path, "-i", str(hosts), str(book))
    shown = " ".join((done.stdout + done.stderr).split())
    assert re.findall(r"(\w+) : ok=\d+ \S+ \S+ failed=1", shown) == ["boolean", "keys", "number", "pin"], (
        shown
    )
    for sentence in (
        "number: YAML does not read the password of cam-2 as a text: put it in quotation marks",
        "boolean: YAML does not read the password of cam-1 as a text",
        "pin: YAML does not read base_modem_pin as a text: put it in quotation marks",
        "keys: /keys/an.pem, /other/an.pem: each needs a file name of its own",
    ):
        assert sentence in shown, shown
    assert not [secret for secret in ("342391", "01234567", "a{#b") if secret in shown]


def test_a_site_that_never_had_a_certificate_is_not_decommissioned(tmp_path: Path) -> None:
    """The first tasks of revoke.yml, for a name in no folder and for one that was revoked before."""
    tasks = read(ANSIBLE / "roles/pki/tasks/revoke.yml")
    names = [task["name"] for task in tasks]
    (tmp_path / "revoked").mkdir()
    (tmp_path / "revoked/dt-001_7.crt").touch()
    play = {"hosts": "all", "gather_facts": False, "vars": {"pki_directory": str(tmp_path)}}
    book, hosts = tmp_path / "book.yml", tmp_path / "hosts.ini"
    book.write_text(yaml.safe_dump([play | {"tasks": tasks[: names.index("Read their numbers")]}]))
    hosts.write_text("done pki_common_name=dt-001\nmisspelt pki_common_name=dt-01\n")
    done = ansible_playbook(tmp_path, "-i", str(hosts), str(book))
    shown = " ".join((done.stdout + done.stderr).split())
    assert f"{tmp_path} has no certificate of dt-01: is the name right? Nothing was revoked." in shown
    assert re.findall(r"(\w+) : ok=\d+ \S+ \S+ failed=1", shown) == ["misspelt"], shown
