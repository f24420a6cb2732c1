"""What role base switches off for good: a modem keeps its ModemManager."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from jinja2.nativetypes import NativeEnvironment

ROLE = Path(__file__).resolve().parents[2] / "ansible/roles/base"
MODEM_MANAGER = "ModemManager.service"


def masked(**given: object) -> list[str]:
    """Of a box on which all of them are installed, with the role's defaults."""
    defaults = yaml.safe_load((ROLE / "defaults/main.yml").read_text(encoding="utf-8"))
    tasks = yaml.safe_load((ROLE / "tasks/service.yml").read_text(encoding="utf-8"))
    (task,) = (each for each in tasks if each.get("ansible.builtin.systemd_service", {}).get("masked"))
    environment, values = NativeEnvironment(), defaults | given
    installed = defaults["base_unwanted_services"] + defaults["base_unwanted_without_modem"]
    values["base_modem"] = environment.from_string(defaults["base_modem"]).render(values)
    facts = {"services": dict.fromkeys([*installed, *values["base_unwanted_services"]])}
    return list(environment.from_string(task["loop"]).render(values, ansible_facts=facts))


def test_a_box_without_a_modem_runs_no_modem_manager() -> None:
    assert {MODEM_MANAGER, "avahi-daemon.service"} <= set(masked())


@pytest.mark.parametrize(
    "given",
    [
        {"base_modem_apn": "v-internet"},
        {"edge_agent_heal_reset": [["/usr/bin/mmcli", "-m", "any", "--reset"]]},  # as the uplink guide has it
        # Somebody's own list, as it was before: the modem still counts more.
        {"base_modem_apn": "v-internet", "base_unwanted_services": [MODEM_MANAGER, "avahi-daemon.service"]},
    ],
    ids=["a SIM card", "a reset by mmcli", "a list of one's own"],
)
def test_a_box_with_a_modem_keeps_it(given: dict[str, object]) -> None:
    assert MODEM_MANAGER not in masked(**given)
    assert "avahi-daemon.service" in masked(**given)
