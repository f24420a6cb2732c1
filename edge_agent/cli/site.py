"""Arguments of the commands for a technician at a site: ``cameras``, which finds and sets up cameras, and
``doctor``. Parsing them needs no OpenCV."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TextIO

from edge_agent.core.command_line.parser import CommandParser, Commands, add_command
from edge_agent.core.languages import add_lang


def add_doctor(commands: Commands, default_config: Path) -> None:
    doctor = add_command(
        commands,
        "doctor",
        "examine the gateway, its cameras and its broker, and say what to do",
        "sudo edge-agent doctor",
        "sudo edge-agent doctor --report site.html --by 'Nguyễn Văn An'",
        "sudo edge-agent doctor --aim cam-1",
        exit_codes={1: "failed, or a check is red and not accepted"},
    )
    add_lang(doctor)
    doctor.add_json("its schema: edge-agent schema doctor")
    doctor.add_repeated(
        "--accept",
        "CHECK=REASON",
        "accept a known defect, such as cam-2='not delivered'; may be repeated; default: none",
        type=_acceptance,
    )
    doctor.add_path(
        "--sheet", "OUT.jpg", "write one sheet with the pictures of all cameras; default: not written"
    )
    doctor.add_path(
        "--report", "OUT.html", "write a commissioning report to print and sign; default: not written"
    )
    doctor.add_path("--photo", "FILE", "photo of the notice sign, for the report; default: none")
    doctor.add_by("for the report; default: left blank")
    _add_paper(doctor)
    doctor.add_value(
        "--aim",
        "CAMERA",
        "instead of the examination, show the picture of this camera to a phone for 15 minutes; "
        "default: examine now",
    )
    doctor.add_config(default_config)


def _add_paper(doctor: CommandParser) -> None:
    doctor.add_argument(
        "--also", choices=["en", "vi"], help="a second language beside that of the report; default: none"
    )
    doctor.add_value(
        "--number", "TEXT", "number of the report; default: the site's id and the date", default=""
    )
    parties = (("owner", "owner", "owner"), ("contractor",) * 3, ("authority", "ward", "ward's authority"))
    for option, party, whom in parties:
        doctor.add_value(
            f"--{option}",
            "NAME",
            f"name of the {whom} on the report; default: acceptance.{party} of the configuration",
            dest=party,
            default="",
        )
    doctor.add_repeated(
        "--signature",
        "PARTY=FILE.png",
        "drawn signature of the owner, contractor or ward; may be repeated; default: none",
        type=_signature,
    )
    doctor.add_path(
        "--findings",
        "FINDINGS.json",
        "make the report again from the findings of an earlier examination; default: examine now",
    )


def _signature(text: str) -> tuple[str, Path]:
    party, _, path = text.partition("=")
    if party not in ("owner", "contractor", "ward") or not path:
        raise argparse.ArgumentTypeError(f"{text!r} is not PARTY=FILE.png with owner, contractor or ward")
    return party, Path(path)


def _acceptance(text: str) -> tuple[str, str]:
    check, equals, reason = text.partition("=")
    if not (equals and check.strip() and reason.strip()):
        raise argparse.ArgumentTypeError(f"{text!r} is not CHECK=REASON, such as cam-2='not delivered'")
    return check.strip(), reason.strip()


def add_cameras(commands: Commands, default_config: Path) -> None:
    cameras = add_command(commands, "cameras", "find the cameras of a site, and set up what the agent needs")
    actions = cameras.add_commands("action")
    _add_discover(actions, default_config)
    _add_configure(actions, default_config)


def _add_discover(actions: Commands, default_config: Path) -> None:
    discover = add_command(
        actions,
        "discover",
        "list the cameras of the local network",
        "edge-agent cameras discover --subnet 10.0.0.0/24",
        "edge-agent cameras discover --choose all --camera-username viewer "
        "--write /etc/edge-agent/conf.d/cameras.yaml",
        exit_codes={1: "failed, or no camera was found"},
    )
    discover.add_value(
        "--subnet",
        "10.0.0.0/24",
        "ask each address of this network too, at most a /22: finds cameras whose ONVIF is off, also "
        "behind a firewall that drops answers to multicast; default: multicast only",
    )
    add_lang(discover)
    discover.add_json()
    discover.add_value(
        "--choose",
        "1,2|all",
        "cameras to log in to and to write: numbers of the list, or addresses; default: log in to all; for "
        "--write the command asks on the terminal",
    )
    discover.add_path(
        "--write", "FILE.yaml", "write a drop-in with the chosen cameras, for conf.d; default: not written"
    )
    discover.add_flag("--force", "replace the drop-in and the password files if they exist")
    _add_login(discover, "log in with it to the chosen cameras, at most twice; default: no login")
    _add_state_dir(discover)
    discover.add_config(default_config)


def _add_configure(actions: Commands, default_config: Path) -> None:
    configure = add_command(
        actions,
        "configure",
        "set a camera's sub-stream, clock and NTP as the agent needs them, after asking",
        "edge-agent cameras configure cam-1 --ntp 10.0.0.1 --camera-username admin",
        exit_codes={1: "failed, or the camera did not accept every setting"},
    )
    configure.add_value("camera", "CAMERA", "id of the camera")
    add_lang(configure)
    configure.add_flag(
        "--yes",
        "change the settings without asking; without this option and without a terminal they are only shown",
    )
    configure.add_value(
        "--ntp",
        "10.0.0.1",
        "IPv4 address of the NTP server for the camera; --ntp without an address means this gateway, if it "
        "serves time; default: NTP is not changed",
        nargs="?",
        const="",
    )
    configure.add_argument(
        "--port", type=int, help="port of the camera's web page; default: http_port of the configuration"
    )
    _add_login(configure, "an administrator; default: the login in the configuration")
    _add_state_dir(configure)
    configure.add_config(default_config)


def _add_login(action: CommandParser, what: str) -> None:
    name = action.add_value("--camera-username", "NAME", f"user of the camera; {what}")
    file = action.add_path(
        "--camera-password-file",
        "FILE",
        "file with the password of --camera-username in its one line; default: the command asks on "
        "the terminal",
    )
    action.rename("--username", name)
    action.rename("--password-file", file)


def _add_state_dir(action: CommandParser) -> None:
    action.add_path(
        "--state-dir",
        "DIR",
        "folder where failed logins are stored for an hour; default: the configuration's state_dir",
    )


def run_cameras(args: argparse.Namespace, out: TextIO) -> int:
    from edge_agent.onvif import require_libraries

    require_libraries()
    if args.action == "discover":
        from edge_agent.tools.cameras.discover import run_discover

        return run_discover(args, out)
    from edge_agent.tools.cameras.configure import run_configure

    return run_configure(args, out)
