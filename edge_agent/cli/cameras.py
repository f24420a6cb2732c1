"""``edge-agent cameras``: find a site's cameras, and set up what the agent needs of them.

Part of the command line: it knows the configuration, which the cameras' own part does not.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TextIO

from edge_agent.core.languages import add_lang

STATE_DIR = Path("/var/lib/edge-agent")


def add_commands(cameras: argparse.ArgumentParser, default_config: Path) -> None:
    actions = cameras.add_subparsers(dest="action", metavar="discover|configure", required=True)
    discover = actions.add_parser("discover", help="list the cameras of the local network")
    discover.add_argument(
        "--config", type=Path, default=default_config, help="whose cameras are known already"
    )
    discover.add_argument(
        "--subnet",
        metavar="10.0.0.0/24",
        help="ask each of its addresses too, at most a /22: finds cameras "
        "whose ONVIF is off, and passes a firewall that drops answers to multicast",
    )
    add_lang(discover)
    discover.add_argument("--json", action="store_true")
    discover.add_argument("--choose", metavar="1,2|all", help="numbers of the list, or addresses")
    discover.add_argument(
        "--write", type=Path, metavar="FILE", help="a drop-in for the chosen ones, in conf.d"
    )
    discover.add_argument("--force", action="store_true", help="replace FILE and password files that exist")
    _add_login(discover, "log in to the chosen cameras (all, if none is chosen), at most twice")
    _add_state_dir(discover)

    configure = actions.add_parser(
        "configure", help="set a camera's sub-stream, clock and NTP as the agent needs them, after asking"
    )
    configure.add_argument("camera", help="its id in the configuration")
    add_lang(configure)
    configure.add_argument("--config", type=Path, default=default_config, help="default: %(default)s")
    configure.add_argument(
        "--yes", action="store_true", help="do it without asking; else only shown, if nobody can be asked"
    )
    configure.add_argument(
        "--ntp",
        nargs="?",
        const="",
        metavar="10.0.0.1",
        help="the NTP server that the camera is to follow, an IPv4 address; without one this box, if it "
        "gives the time",
    )
    configure.add_argument("--port", type=int, default=80, help="of the camera's web page")
    _add_login(configure, "an administrator of the camera; default: the configuration's login")
    _add_state_dir(configure)


def _add_login(action: argparse.ArgumentParser, what: str) -> None:
    action.add_argument("--username", help=what)
    action.add_argument(
        "--password-file",
        type=Path,
        metavar="FILE",
        help="its one line is the password; asked for without it",
    )


def _add_state_dir(action: argparse.ArgumentParser) -> None:
    action.add_argument(
        "--state-dir", type=Path, default=STATE_DIR, help="where failed logins are remembered for an hour"
    )


def run_cameras(args: argparse.Namespace, out: TextIO) -> int:
    from edge_agent.onvif import require_libraries

    require_libraries()
    if args.action == "discover":
        from edge_agent.tools.cameras.discover import run_discover

        return run_discover(args, out)
    from edge_agent.tools.cameras.configure import run_configure

    return run_configure(args, out)
