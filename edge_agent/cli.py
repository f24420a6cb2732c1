"""The ``edge-agent`` command: one function a subcommand, imports where they are used.

Importing OpenCV, PyAV and LiteRT takes half a second and 80 MB, which ``check`` does not need.
Exit codes: 0 good, 1 failed (``doctor``: something is red), 2 wrong usage, 3 no agent runs here
(``status``, ``reload``, ``relearn``), 78 the configuration must be fixed (EX_CONFIG).
"""

from __future__ import annotations

import argparse
import contextlib
import logging
import os
import sys
import threading
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from edge_agent import __version__
from edge_agent.errors import ConfigError, EdgeAgentError, UsageError

if TYPE_CHECKING:
    from edge_agent.config.settings import Settings

EX_USAGE = 2
EX_CONFIG = 78
DEFAULT_CONFIG = Path("/etc/edge-agent/edge-agent.yaml")


def main(argv: Sequence[str] | None = None) -> int:
    args = _parser().parse_args(argv)
    try:
        return _RUN[args.command](args)
    except ConfigError as error:
        print(error, file=sys.stderr)
        return EX_CONFIG
    except UsageError as error:
        print(f"edge-agent {args.command}: {error}", file=sys.stderr)
        return EX_USAGE
    except EdgeAgentError as error:
        print(f"edge-agent {args.command}: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        if isinstance(error, BrokenPipeError):
            # The reader of our output has gone, as `| head` does: not an error of ours.
            sys.stderr.close()
            return 0
        where = "" if error.filename is None else f"{os.fsdecode(error.filename)}: "
        print(f"edge-agent {args.command}: {where}{error.strerror or error}", file=sys.stderr)
        return 1


def _run(args: argparse.Namespace) -> int:
    from edge_agent.device.memory import limit_malloc_arenas
    from edge_agent.device.signals import ignore_hangups, stop_on_signals

    limit_malloc_arenas()
    hangup = threading.Event()
    stop = stop_on_signals(hangup)  # before the slow imports: a stop during the start is a clean one too
    from edge_agent import logs
    from edge_agent.agent import Agent
    from edge_agent.clock import SystemClock, rfc3339
    from edge_agent.config import last_good
    from edge_agent.config.pushed import ConfigSource, Origin
    from edge_agent.reload import Instead

    camera_ids: set[str] = set()
    tail = logs.LogTail()
    masker = logs.setup_logging(args.log_format, args.log_level, camera_ids, tail=tail)

    def known(settings: Settings) -> Settings:
        camera_ids.update(camera.id for camera in settings.cameras)
        for credentials in settings.all_credentials:
            masker.register(credentials.password)
        return settings

    source = ConfigSource(args.config)

    def used(settings: Settings) -> Settings:
        if source.chosen is not None and source.chosen.origin is Origin.FILE:
            last_good.keep(args.config, settings)
        return known(settings)

    def load() -> Settings:
        return used(source.load())

    instead = None
    try:
        settings = used(source.start(rfc3339(SystemClock().now())))
    except ConfigError as error:
        found = last_good.find(args.config)
        if found is None:
            raise
        print(error, file=sys.stderr)
        settings, instead = known(found.settings), Instead(error, found.since)
    code = Agent(
        settings,
        stop,
        load=load,
        instead=instead,
        hangup=hangup,
        source=source,
        log_lines=tail.lines,
        repeat_files=args.repeat_files,
    ).run()
    ignore_hangups()
    _leave_blocked_threads_behind(code)
    return code


def _leave_blocked_threads_behind(code: int) -> None:
    """End now if a thread is still inside FFmpeg or a detector, which nothing can interrupt.

    Python's own end would unwind such a thread in the middle of C++ code, and that aborts the process:
    seen with OpenCV as exit code -6.
    """
    if threading.active_count() > 1:
        logging.shutdown()
        sys.stdout.flush()
        os._exit(code)


def _check(args: argparse.Namespace) -> int:
    from edge_agent.config.check import run_check

    return run_check(args.config, args.conf_dir, args.no_secrets, sys.stdout, sys.stderr)


def _replay(args: argparse.Namespace) -> int:
    from edge_agent import config
    from edge_agent.replay import ReplayOutputs, run_replay

    settings = config.load(args.config, no_secrets=True)
    outputs = ReplayOutputs(sys.stdout, args.annotate, args.mot, args.motion, args.plot)
    start = args.start
    if start is not None and start.tzinfo is None:
        start = start.replace(tzinfo=settings.gateway.timezone)
    return run_replay(settings, args.camera, args.video, fps=args.fps, start=start, outputs=outputs)


def _status(args: argparse.Namespace) -> int:
    from edge_agent.device.status import run_status

    return run_status(args.config, args.json, sys.stdout)


def _reload(args: argparse.Namespace) -> int:
    from edge_agent.device.control import run_reload

    return run_reload(args.config, sys.stdout, sys.stderr)


def _relearn(args: argparse.Namespace) -> int:
    from edge_agent.device.control import run_relearn

    return run_relearn(args.config, args.camera, sys.stdout, sys.stderr)


def _schema(args: argparse.Namespace) -> int:
    from edge_agent.schema import run_schema

    return run_schema(args.name, sys.stdout)


def _models(args: argparse.Namespace) -> int:
    from edge_agent.detection.models import run_models

    return run_models(args, sys.stdout)


def _evidence(args: argparse.Namespace) -> int:
    from edge_agent.evidence_cli import run_evidence

    return run_evidence(args, sys.stdout)


def _doctor(args: argparse.Namespace) -> int:
    if args.aim is not None:
        return _aim(args)
    from edge_agent.doctor.command import run_doctor

    logging.disable(logging.WARNING)  # what the checks find stands in their lines, in order
    try:
        code = run_doctor(args, sys.stdout)
    finally:
        logging.disable(logging.NOTSET)
    _leave_blocked_threads_behind(code)
    return code


def _cameras(args: argparse.Namespace) -> int:
    from edge_agent.cameras_cli import run_cameras

    return run_cameras(args, sys.stdout)


def _central(args: argparse.Namespace) -> int:
    from edge_agent.central.command import run_central

    try:
        return run_central(args, sys.stdout)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] not in ("sqlalchemy", "psycopg"):
            raise
        print(
            f"edge-agent central: {error.name} is not installed: install edge-agent[central]", file=sys.stderr
        )
        return 1


def _command(args: argparse.Namespace) -> int:
    from edge_agent.command_cli import run_command

    return run_command(args, sys.stdout)


def _simulate(args: argparse.Namespace) -> int:
    from edge_agent.simulate.command import run_simulate

    return run_simulate(args, sys.stdout)


def _fleet(args: argparse.Namespace) -> int:
    from edge_agent.fleet.command import run_fleet

    return run_fleet(args, sys.stdout)


def _conformance(args: argparse.Namespace) -> int:
    from edge_agent.conformance.command import run_conformance

    return run_conformance(args, sys.stdout)


def _aim(args: argparse.Namespace) -> int:
    from edge_agent.device.signals import stop_on_signals

    stop = stop_on_signals()
    from edge_agent.doctor.aim.command import run_aim

    code = run_aim(args, sys.stdout, stop)
    _leave_blocked_threads_behind(code)
    return code


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


def _parser() -> argparse.ArgumentParser:
    from edge_agent import cameras_cli, command_cli, evidence_cli
    from edge_agent.central import command as central
    from edge_agent.conformance import arguments as conformance
    from edge_agent.doctor import arguments as doctor
    from edge_agent.fleet import arguments as fleet
    from edge_agent.simulate import arguments as simulate

    parser = argparse.ArgumentParser(
        prog="edge-agent", description="Camera-gateway agent: cameras in, durable events out over MQTT."
    )
    parser.add_argument("--version", action="version", version=f"edge-agent {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def add(name: str, about: str) -> argparse.ArgumentParser:
        return commands.add_parser(name, help=about)

    _add_run(add("run", "run the agent until SIGTERM"))
    _add_check(add("check", "check a configuration and list everything that is wrong"))
    _add_replay(add("replay", "run a camera's pipeline on video files, without a broker"))
    _add_status(add("status", "what a running agent says about itself"))
    _add_config(add("reload", "have the running agent read its configuration again"))
    _add_relearn(add("relearn", "have the running agent learn anew what a camera shows"))
    add("schema", "print the JSON Schema of a message, or the list of messages").add_argument(
        "name", nargs="?"
    )
    _add_models(add("models", "detection models: list what is there, fetch what is pinned"))
    doctor.add_arguments(
        add("doctor", "examine the box, its cameras and its broker; say what to do"), DEFAULT_CONFIG
    )
    evidence_cli.add_commands(
        add("evidence", "check, export and hold evidence; open sealed media"), DEFAULT_CONFIG
    )
    cameras_cli.add_commands(
        add("cameras", "find a site's cameras, and set up what the agent needs"), DEFAULT_CONFIG
    )
    central.add_commands(add("central", "what runs at the centre: take in what all gateways send"))
    command_cli.add_arguments(add("command", "send a gateway a command and print what it answers"))
    conformance.add_arguments(add("conformance", "look whether a live gateway keeps the contract"))
    fleet.add_arguments(add("fleet", "all gateways in one live table, from the broker alone"))
    simulate.add_arguments(add("simulate", "play a whole fleet at a broker, from one machine"))
    return parser


def _add_config(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("config", type=Path, nargs="?", default=DEFAULT_CONFIG)


def _add_run(run: argparse.ArgumentParser) -> None:
    _add_config(run)
    run.add_argument("--log-format", choices=["text", "json"], default="text")
    run.add_argument(
        "--repeat-files", action="store_true", help="begin again when a camera that is a file ends"
    )
    run.add_argument("--log-level", choices=["debug", "info", "warning", "error"], default="info")


def _add_check(check: argparse.ArgumentParser) -> None:
    _add_config(check)
    check.add_argument(
        "--conf-dir", type=Path, help="read drop-ins from here instead of conf.d beside CONFIG"
    )
    check.add_argument("--no-secrets", action="store_true", help="password and key files need not exist here")


def _add_status(status: argparse.ArgumentParser) -> None:
    _add_config(status)
    status.add_argument("--json", action="store_true")


def _add_relearn(relearn: argparse.ArgumentParser) -> None:
    relearn.add_argument("camera")
    _add_config(relearn)


def _add_models(models: argparse.ArgumentParser) -> None:
    actions = models.add_subparsers(dest="action", metavar="list|fetch", required=True)
    listing = actions.add_parser("list", help="the catalogue, and what is installed")
    fetching = actions.add_parser("fetch", help="get a model of the catalogue")
    fetching.add_argument("name", nargs="?", help="which one; by default the best that can be had")
    fetching.add_argument(
        "--from", dest="source", help="URL or folder to fetch from instead of the public one"
    )
    for action in (listing, fetching):
        action.add_argument("--dest", type=Path, default=Path("/var/lib/edge-agent/models"))


def _add_replay(replay: argparse.ArgumentParser) -> None:
    replay.add_argument("--config", type=Path, default=DEFAULT_CONFIG)
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
        "--plot", type=Path, metavar="OUT.png", help="draw what the camera truth measured, and its verdicts"
    )


_RUN: dict[str, Callable[[argparse.Namespace], int]] = {
    "run": _run,
    "check": _check,
    "replay": _replay,
    "status": _status,
    "reload": _reload,
    "relearn": _relearn,
    "schema": _schema,
    "models": _models,
    "evidence": _evidence,
    "doctor": _doctor,
    "cameras": _cameras,
    "command": _command,
    "conformance": _conformance,
    "central": _central,
    "simulate": _simulate,
    "fleet": _fleet,
}
