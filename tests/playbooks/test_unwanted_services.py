"""What role base switches off for good: a modem keeps its ModemManager, and the page its avahi."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from jinja2.nativetypes import NativeEnvironment

ROLE = Path(__file__).resolve().parents[2] / "ansible/roles/base"
MODEM_MANAGER, AVAHI, BLUETOOTH = "ModemManager.service", "avahi-daemon.service", "bluetooth.service"


def task(masked: bool) -> dict[str, Any]:
    """The task that masks services, or the one that unmasks them."""
    tasks = yaml.safe_load((ROLE / "tasks/service.yml").read_text(encoding="utf-8"))
    units = "ansible.builtin.systemd_service"
    (found,) = (each for each in tasks if each.get(units, {}).get("masked") is masked)
    return dict(found | {"unit": found[units]})


def masked(**given: object) -> list[str]:
    """Of a box on which all of them are installed, with the role's defaults."""
    defaults = yaml.safe_load((ROLE / "defaults/main.yml").read_text(encoding="utf-8"))
    environment, values = NativeEnvironment(), defaults | given
    installed = defaults["base_unwanted_services"] + defaults["base_unwanted_without_modem"] + [AVAHI]
    values["base_modem"] = environment.from_string(defaults["base_modem"]).render(values)
    facts = {"services": dict.fromkeys([*installed, *values["base_unwanted_services"]])}
    return list(environment.from_string(task(masked=True)["loop"]).render(values, ansible_facts=facts))


def test_a_box_without_a_modem_runs_no_modem_manager() -> None:
    assert {MODEM_MANAGER, BLUETOOTH} <= set(masked())


@pytest.mark.parametrize(
    "given",
    [
        {"base_modem_apn": "v-internet"},
        {"edge_agent_heal_reset": [["/usr/bin/mmcli", "-m", "any", "--reset"]]},  # as the uplink guide has it
        # Somebody's own list, as it was before: the modem still counts more.
        {"base_modem_apn": "v-internet", "base_unwanted_services": [MODEM_MANAGER, BLUETOOTH]},
    ],
    ids=["a SIM card", "a reset by mmcli", "a list of one's own"],
)
def test_a_box_with_a_modem_keeps_it(given: dict[str, object]) -> None:
    assert MODEM_MANAGER not in masked(**given)
    assert BLUETOOTH in masked(**given)


def test_the_page_for_a_technician_can_start_avahi_after_a_second_prepare() -> None:
    """Its unit wants avahi, which a mask would refuse; also with somebody's own list, as it was before."""
    assert AVAHI not in masked(base_unwanted_services=[AVAHI, BLUETOOTH])
    unit = task(masked=False)["unit"]
    assert (task(masked=False)["loop"], unit["enabled"]) == (["avahi-daemon.socket", AVAHI], False)
    for state, expected in (("running", "(left)"), ("inactive", "stopped")):
        facts = {"services": {"edge-agent-commission.service": {"state": state}}}
        rendered = NativeEnvironment().from_string(unit["state"]).render(omit="(left)", ansible_facts=facts)
        assert rendered.strip() == expected


def test_an_image_does_not_start_avahi_by_itself() -> None:
    """Role base finds no services in the root of an image, and Debian's package enables both units."""
    path = ROLE.parent / "image/tasks/service.yml"
    tasks = yaml.safe_load(path.read_text(encoding="utf-8"))
    off = [each for each in tasks if each["ansible.builtin.systemd_service"]["enabled"] is False]
    assert {unit for each in off for unit in each["loop"]} == {AVAHI, "avahi-daemon.socket"}
