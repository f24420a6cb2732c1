"""The text that says what runs in a lab and where to click."""

from __future__ import annotations

from demo.lab.broker import ONVIF_READER, READ_WARD
from demo.lab.configurations import ALARM_RULE, ESCALATION_S
from demo.lab.lab import Lab
from demo.lab.sheet import REAL_SITES
from demo.lab.users import USERS, LabUser
from tests.fleet.broker_side import OPERATOR

_SITE = REAL_SITES[0].id
_SIGNED = f"/sites/{_SITE}/commands?type=mask&rule=cam-1/{ALARM_RULE}&for_s=600&reason=trial"
_CLICKS = (
    ("duty officer", "/alerts", "what rings: open one, acknowledge it, ask for its clip"),
    ("", "/events", "every event with its picture, by ward and kind"),
    ("", "/wall", "the screen on the wall; the places are at /map"),
    ("", f"/sites/{_SITE}", "picture now, live pictures and a clip of a real camera"),
    ("", "/searches/new", "find passages; what you find goes into a case, see /cases"),
    ("operator", _SIGNED, "sign a command with the key below"),
    ("head of staff", "/reports/shift", "a shift on a page; /traffic: what the lines counted"),
    ("contractor", "/availability", "outages by cause; cameras of the city fail now and then"),
    ("", "/fleet", "versions and configurations of all gateways, certificates of the real ones"),
    ("administrator", "/users", "users, their wards and sessions; who opened which picture is at /access"),
    ("developer", "/developers", "try the API; or use the token below"),
)


def where_to_click(lab: Lab) -> str:
    """The text for the terminal. It has the passwords: they are valid in this lab only."""
    clicks = [f"  {who:14}{lab.centre.console}{path}   {why}" for who, path, why in _CLICKS]
    users = [f"  {user.name:14}{lab.passwords[user.name]}   {_rights(user)}" for user in USERS]
    parts = (["", "Where to click", *clicks], ["", "Users", *users], ["", "What runs", *_what_runs(lab)])
    return "\n".join(line for part in parts for line in part)


def _rights(user: LabUser) -> str:
    wards = ", ".join(user.wards) if len(user.wards) == 1 else "all wards"
    return f"{user.role}, {wards}"


def _what_runs(lab: Lab) -> list[str]:
    real = " and ".join(f"{site.id} ({site.ward})" for site in REAL_SITES)
    lines = (
        ("console", f"{lab.centre.console} with a certificate of the lab's CA: accept it, or import"),
        ("", str(lab.broker.ca)),
        ("key", f"{lab.keys.operator}   choose this file in the browser to sign"),
        ("token", f"{lab.token}   all wards, may handle alarms"),
        ("gateways", f"{lab.gateways} simulated ones, sim-001 and so on; real agents at {real}"),
        ("cameras", lab.clips.said),
        ("webhook", f"alarms are posted to {lab.webhook} and printed below,"),
        ("", f"and again if nobody acknowledges them within {ESCALATION_S // 60} minutes"),
        ("metrics", lab.centre.metrics),
        ("broker", f"{lab.broker.url}, all gateways in a table:"),
        ("", f"edge-agent gateways {' '.join(lab.broker.options(OPERATOR))}"),
        ("MQTT", f"events of the ward {READ_WARD}, each once:"),
        ("", " ".join(lab.broker.subscriber())),
        ("ONVIF", "events as ONVIF devices publish them:"),
        ("", " ".join(lab.broker.reading(ONVIF_READER, "tb/v1/central/onvif/#"))),
        ("folder", f"{lab.folder}   logs, keys, data; emptied at the next start"),
    )
    return [f"  {name:14}{text}" for name, text in lines]
