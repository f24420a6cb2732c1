"""The centre, provisioned beside the broker: it stores the events of a provisioned box, and confirms them."""

from __future__ import annotations

import json
import ssl
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.deploy.boxes import Box, wait_until
from tests.deploy.site import CONSOLE_PORT, SITE, WARD, Provisioning

pytestmark = pytest.mark.xdist_group("site")

CENTRE = "/opt/edge-agent/current/bin/edge-agent central"
STORED = (
    "import json, sqlite3, sys; "
    "rows = sqlite3.connect('file:/var/lib/edge-central/central.db?mode=ro', uri=True)"
    ".execute('select payload from event where gateway = ? and kind = ?', sys.argv[1:]); "
    "print(json.dumps([json.loads(row[0]) for row in rows]))"
)


def status(machine: Box) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(machine.run(f"{CENTRE} status --json"))
    return found


def stored(machine: Box, kind: str) -> list[dict[str, Any]]:
    """Events of the site in the database."""
    found: list[dict[str, Any]] = json.loads(machine.run(f'python3 -c "{STORED}" {SITE} {kind}'))
    return found


def main_pid(machine: Box) -> int:
    return int(machine.run("systemctl show -P MainPID edge-central"))


def test_what_the_box_sees_is_stored_at_the_centre(filmed: Provisioning) -> None:
    machine = filmed.broker
    assert machine.run("ps -o user= -p $(systemctl show -P MainPID edge-central)") == "edge-central"
    wait_until(lambda: bool(stored(machine, "zone-intrusion")), 120, "an alarm of cam-1 in the database")
    alarm = stored(machine, "zone-intrusion")[0]
    assert (alarm["subject"], alarm["ward"], alarm["data"]["label"]) == ("cam-1", WARD, "person")
    wait_until(lambda: status(machine)["media"] > 0, 60, "its picture")
    (gateway,) = status(machine)["gateways"]
    assert (gateway["gateway"], gateway["ward"], gateway["state"]) == (SITE, WARD, "online")


def test_what_is_stored_is_confirmed_and_leaves_the_box(filmed: Provisioning) -> None:
    def is_empty() -> bool:
        return bool(filmed.box.status()["heartbeat"]["outbox"]["depth"] == 0)

    wait_until(is_empty, 120, "nothing waits on the box")
    assert status(filmed.broker)["missing"] == 0


def test_a_centre_that_is_killed_comes_back_and_misses_nothing(filmed: Provisioning) -> None:
    machine = filmed.broker
    before, known = main_pid(machine), len(stored(machine, "zone-intrusion"))
    machine.run(f"kill -9 {before}")
    wait_until(lambda: main_pid(machine) not in (0, before), 60, "the centre started again")
    wait_until(lambda: len(stored(machine, "zone-intrusion")) > known, 180, "another alarm")
    assert status(machine)["missing"] == 0
    again = filmed.play_well("servers.yml")
    assert again.changed == 0, again.text


def test_the_console_answers_with_its_certificate_and_behind_the_ingest(filmed: Provisioning) -> None:
    machine = filmed.broker
    trust = ssl.create_default_context(cafile=Path(str(filmed.vars["pki_directory"])) / "ca.crt")
    url = f"https://{machine.address}:{CONSOLE_PORT}"
    token = machine.run(f"{CENTRE} user token watcher --ward {WARD} 2>/dev/null")
    with httpx.Client(verify=trust, base_url=url, timeout=60) as client:
        assert client.get("/login").status_code == 200
        answer = client.get("/api/events?limit=1", headers={"Authorization": f"Bearer {token}"})
        assert answer.json()["events"][0]["source"] == f"/tb/{SITE}"
    child = machine.run(f"pgrep -P {main_pid(machine)}")
    nice, adjusted = machine.run(f"ps -o ni= -p {child}"), machine.run(f"cat /proc/{child}/oom_score_adj")
    assert (int(nice), int(adjusted) >= 500) == (5, True)
    machine.run(f"kill -9 {child}")
    wait_until(lambda: machine.ssh(f"pgrep -P {main_pid(machine)}").returncode == 0, 60, "another console")
