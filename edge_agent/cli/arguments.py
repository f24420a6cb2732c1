"""The options of ``edge-agent`` and its subcommands; each that has many says them beside its own code."""

from __future__ import annotations

import argparse
import contextlib
from datetime import datetime
from pathlib import Path

from edge_agent import __version__
from edge_agent.core.languages import add_lang

DEFAULT_CONFIG = Path("/etc/edge-agent/edge-agent.yaml")


def parser() -> argparse.ArgumentParser:
    from edge_agent.cli import cameras as cameras_cli
    from edge_agent.cli import collect as collect_cli
    from edge_agent.cli import command as command_cli
    from edge_agent.cli import evidence as evidence_cli
    from edge_agent.cli import learn as learn_cli
    from edge_agent.tools.conformance import arguments as conformance
    from edge_agent.tools.doctor import arguments as doctor
    from edge_agent.tools.fleet import arguments as fleet
    from edge_agent.tools.simulate import arguments as simulate
    from edge_central.cli import command as central

    whole = argparse.ArgumentParser(
        prog="edge-agent", description="Camera-gateway agent: cameras in, durable events out over MQTT."
    )
    whole.add_argument("--version", action="version", version=f"edge-agent {__version__}")
    commands = whole.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def add(name: str, about: str) -> argparse.ArgumentParser:
        return commands.add_parser(name, help=about)

    _add_run(add("run", "run the agent until SIGTERM"))
    _add_check(add("check", "check a configuration and list everything that is wrong"))
    _add_replay(add("replay", "run a camera's pipeline on video files, without a broker"))
    _add_status(add("status", "what a running agent says about itself"))
    _add_config(add("reload", "have the running agent read its configuration again"))
    _add_relearn(add("relearn", "have the running agent learn anew what a camera shows"))
    add("schema", "print the JSON Schema of a message, or the list of messages").add_argument(
        "name", nargs="?", help="of a message; without it the names are listed"
    )
    _add_models(add("models", "detection models: list, fetch what is pinned, verify and roll out a release"))
    doctor.add_arguments(
        add("doctor", "examine the box, its cameras and its broker; say what to do"), DEFAULT_CONFIG
    )
    evidence_cli.add_commands(
        add("evidence", "check, export and hold evidence; open sealed media"), DEFAULT_CONFIG
    )
    collect_cli.add_commands(
        add("collect", "frames collected for training: export them, open them"), DEFAULT_CONFIG
    )
    learn_cli.add_arguments(
        add("learn", "train the detector with collected frames, measure it, release it signed")
    )
    cameras_cli.add_commands(
        add("cameras", "find a site's cameras, and set up what the agent needs"), DEFAULT_CONFIG
    )
    central.add_commands(add("central", "what runs at the centre: take in what all gateways send"))
    command_cli.add_arguments(add("command", "send a gateway a command and print what it answers"))
    conformance.add_arguments(add("conformance", "look whether a live gateway keeps the contract"))
    fleet.add_arguments(add("fleet", "all gateways in one live table, from the broker alone"))
    simulate.add_arguments(add("simulate", "play a whole fleet at a broker, from one machine"))
    return whole


def _add_config(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("config", type=Path, nargs="?", default=DEFAULT_CONFIG, help="default: %(default)s")


def _add_run(run: argparse.ArgumentParser) -> None:
    _add_config(run)
    run.add_argument("--log-format", choices=["text", "json"], default="text")
    run.add_argument(
        "--repeat-files", action="store_true", help="begin again when a camera that is a file ends"
    )
    run.add_argument("--log-level", choices=["debug", "info", "warning", "error"], default="info")


def _add_check(check: argparse.ArgumentParser) -> None:
    _add_config(check)
    add_lang(check)
    check.add_argument(
        "--conf-dir", type=Path, help="read drop-ins from here instead of conf.d beside CONFIG"
    )
    check.add_argument("--no-secrets", action="store_true", help="password and key files need not exist here")


def _add_status(status: argparse.ArgumentParser) -> None:
    _add_config(status)
    add_lang(status)
    status.add_argument("--json", action="store_true")


def _add_relearn(relearn: argparse.ArgumentParser) -> None:
    relearn.add_argument("camera", help="its id in the configuration")
    _add_config(relearn)


def _add_models(models: argparse.ArgumentParser) -> None:
    from edge_agent.cli import learn as learn_cli
    from edge_agent.tools.rollout import arguments as rollout_arguments

    actions = models.add_subparsers(dest="action", metavar="list|fetch|verify|rollout", required=True)
    rollout_arguments.add_arguments(
        actions.add_parser("rollout", help="bring a release to gateways in stages, through the broker")
    )
    learn_cli.add_verify(
        actions.add_parser("verify", help="whether a release of `edge-agent learn` is genuine")
    )
    listing = actions.add_parser("list", help="the catalogue, and what is installed")
    fetching = actions.add_parser("fetch", help="get a model of the catalogue")
    fetching.add_argument("name", nargs="?", help="which one; by default the best that can be had")
    fetching.add_argument(
        "--from", dest="source", help="URL or folder to fetch from instead of the public one"
    )
    for action in (listing, fetching):
        action.add_argument(
            "--dest",
            type=Path,
            default=Path("/var/lib/edge-agent/models"),
            help="folder of the models; default: %(default)s",
        )


def _add_replay(replay: argparse.ArgumentParser) -> None:
    replay.add_argument("--config", type=Path, default=DEFAULT_CONFIG, help="default: %(default)s")
    replay.add_argument("--camera", required=True, help="whose settings to use")
    replay.add_argument("video", type=Path, nargs="+", help="files, or a folder of numbered pictures")
    replay.add_argument(
        "--fps", type=_fps, help="frames a second to analyse, or 'source' for all; default: the camera's"
    )
    replay.add_argument(
        "--start",
        type=_moment,
        help="time of the first frame; the site's own without +hh:mm; default: not known",
    )
    replay.add_argument(
        "--annotate", type=Path, metavar="OUT.mp4", help="write the video with boxes and tracks"
    )
    replay.add_argument("--mot", type=Path, metavar="OUT.txt", help="write confirmed tracks (MOTChallenge)")
    replay.add_argument("--motion", type=Path, metavar="OUT.jsonl", help="write motion boxes of each frame")
    replay.add_argument(
        "--plot", type=Path, metavar="OUT.png", help="draw what was measured of the camera's view, and why"
    )


def _fps(text: str) -> str | float:
    if text == "source":
        return text
    with contextlib.suppress(ValueError):
        if 0 < float(text) <= 1000:
            return float(text)
    raise argparse.ArgumentTypeError(f"{text!r} is no number above 0, up to 1000, nor the word source")


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no time such as 2026-11-24T21:59:00+07:00") from None
    return moment
