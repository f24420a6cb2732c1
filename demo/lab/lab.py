"""Starts the parts of a lab one after the other, and knows their addresses."""

from __future__ import annotations

import socket
import sys
from dataclasses import dataclass
from pathlib import Path

from demo.lab.broker import LabBroker
from demo.lab.cameras import CameraClips, choose_clips
from demo.lab.children import Children
from demo.lab.configurations import CentreAddresses, LabKeys, make_keys, write_agent, write_centre
from demo.lab.options import LabOptions
from demo.lab.sheet import REAL_SITES, write_names, write_scenario
from demo.lab.users import add_token, add_users
from edge_agent.tools.simulate.scenario import make_sites
from tests.fleet.broker_side import OPERATOR
from tests.testbed.mosquitto import free_port
from tests.testbed.rtsp import SCRIPT, SYSTEM_PYTHON

EDGE_AGENT = (sys.executable, "-m", "edge_agent")
SYNCED_AGENT = (sys.executable, "-m", "tests.testbed.synced")
"""The same command with a clock that counts as synchronised: many laptops and containers have none, and their
gateways would refuse signed commands and count no traffic."""
GATEWAYS = ("simulate", *(f"agent-{site.id}" for site in REAL_SITES))
"""Processes that end first, while the broker still takes their last messages."""
NEEDED = ("broker", "centre")
"""Without these the lab ends."""


@dataclass(frozen=True, slots=True)
class Lab:
    """A lab that runs."""

    folder: Path
    gateways: int  # simulated
    centre: CentreAddresses
    broker: LabBroker
    webhook: str
    clips: CameraClips
    keys: LabKeys
    passwords: dict[str, str]  # by the name of the user
    token: Path


def start_lab(folder: Path, options: LabOptions, children: Children, webhook: str) -> Lab:
    """Start all processes, and return once the console answers. ``webhook``: URL to which it posts. Raises
    LabFailed, LabStopped."""
    scenario_file, scenario = write_scenario(folder, options.gateways, options.alarms_per_day)
    sites_file, wards_file, sites = write_names(folder, scenario)
    broker = LabBroker(folder, make_sites(scenario))
    broker.start(children)
    keys = make_keys(folder)
    centre = write_centre(folder, broker, keys, (sites_file, wards_file), webhook, options.webhooks)
    passwords, token = add_users(centre.config), add_token(centre.config)
    children.start("centre", [*EDGE_AGENT, "central", "run", str(centre.config)])
    clips = choose_clips(options.clips, sum(site.cameras for site in REAL_SITES), folder / "clips")
    urls = _start_cameras(children, clips)
    for site in REAL_SITES:
        own, urls = urls[: site.cameras], urls[site.cameras :]
        config = write_agent(folder, site, sites[site.id], broker, clips, own)
        children.start(f"agent-{site.id}", [*SYNCED_AGENT, "run", str(config)])
    children.start("simulate", _simulate(folder, scenario_file, broker, keys))
    children.wait_until(lambda: _answers(centre.console), "the console")
    return Lab(folder, options.gateways, centre, broker, webhook, clips, keys, passwords, token)


def _start_cameras(children: Children, clips: CameraClips) -> list[str]:
    """Start an RTSP server that loops the clips; return a URL for each."""
    port = free_port()
    command = [SYSTEM_PYTHON, str(SCRIPT), "--port", str(port)]
    for number, file in enumerate(clips.files):
        command += ["--mount", f"/{number}={file}"]
    children.start("cameras", command)
    return [f"rtsp://127.0.0.1:{port}/{number}" for number in range(len(clips.files))]


def _simulate(folder: Path, scenario: Path, broker: LabBroker, keys: LabKeys) -> list[str]:
    return [
        *(*EDGE_AGENT, "simulate", str(scenario), *broker.options(OPERATOR)),
        *("--certificates", str(broker.certificates), "--outbox-dir", str(folder / "simulated")),
        *("--search-keys", str(keys.search.with_suffix(".pub.pem"))),
    ]


def _answers(url: str) -> bool:
    host, _, port = url.rpartition("/")[2].partition(":")
    with socket.socket() as probe:
        return probe.connect_ex((host, int(port))) == 0
