"""The parser of ``edge-agent``. A command with many options declares them beside its own code."""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from edge_agent import __version__
from edge_agent.core.command_line.parser import CommandParser, Commands, add_command
from edge_agent.core.languages import add_lang

DEFAULT_CONFIG = Path("/etc/edge-agent/edge-agent.yaml")
DEFAULT_MODELS = Path("/var/lib/edge-agent/models")
NO_AGENT = {3: "no agent runs on this machine"}
CONFIG_SUFFIXES = (".yaml", ".yml")


def parser() -> CommandParser:
    from edge_agent.cli import (
        collect,
        command,
        commission,
        evidence,
        learn,
        manual,
        passages,
        rehearse,
        search,
        site,
    )
    from edge_agent.tools import broker_commands
    from edge_agent.tools.ground import command as ground
    from edge_agent.tools.offline_docs import command as offline_docs
    from edge_central.cli import command as central

    whole = CommandParser(
        prog="edge-agent", description="Camera-gateway agent: cameras in, durable events out over MQTT."
    )
    whole.add_argument(
        "--version", action="version", version=f"edge-agent {__version__}", help="print the version and exit"
    )
    commands = whole.add_commands("command")
    _add_run(commands)
    _add_check(commands)
    _add_replay(commands)
    _add_status(commands)
    _add_reload(commands)
    _add_relearn(commands)
    _add_schema(commands)
    _add_models(commands)
    commission.add_command_to(commands)
    site.add_doctor(commands, DEFAULT_CONFIG)
    evidence.add_command_to(commands, DEFAULT_CONFIG)
    passages.add_command_to(commands, DEFAULT_CONFIG)
    ground.add_command_to(commands, DEFAULT_CONFIG)
    rehearse.add_command_to(commands, DEFAULT_CONFIG)
    collect.add_command_to(commands, DEFAULT_CONFIG)
    learn.add_command_to(commands)
    site.add_cameras(commands, DEFAULT_CONFIG)
    central.add_command_to(commands)
    command.add_command_to(commands)
    search.add_command_to(commands)
    broker_commands.add_conformance(commands)
    broker_commands.add_gateways(commands)
    broker_commands.add_home_assistant(commands)
    broker_commands.add_simulate(commands)
    offline_docs.add_command_to(commands)
    manual.add_command_to(commands)
    whole.rename_command("fleet", "gateways")
    return whole


def _add_run(commands: Commands) -> None:
    run = add_command(
        commands,
        "run",
        "run the agent until SIGTERM",
        "edge-agent run --config edge-agent.yaml --log-level debug",
        exit_codes={75: "the agent exited for a restart that a command or an update requested"},
    )
    run.add_argument(
        "--log-format", choices=["text", "json"], default="text", help="form of the log lines on stderr"
    )
    run.add_logging()
    run.add_flag("--repeat-files", "start the video again when a camera whose url is a file reaches its end")
    run.add_flag(
        "--trust-clock",
        "for trials on one machine: accept signed commands although the clock of this machine is not "
        "synchronised; refused for a service, and if a broker is on another machine. Beware: a broker "
        "on this machine may be a bridge that passes on commands of others",
    )
    run.add_config(DEFAULT_CONFIG)


def _add_check(commands: Commands) -> None:
    check = add_command(
        commands,
        "check",
        "check a configuration and list all mistakes",
        "edge-agent check edge-agent.yaml --no-secrets",
        "edge-agent check --json",
    )
    add_lang(check)
    check.add_json()
    check.add_path("--conf-dir", "DIR", "read drop-ins from this folder; default: conf.d beside CONFIG")
    check.add_flag("--no-secrets", "accept password and key files that do not exist on this machine")
    check.add_config(DEFAULT_CONFIG)


def _add_replay(commands: Commands) -> None:
    replay = add_command(
        commands,
        "replay",
        "run a camera's pipeline on video files, without a broker",
        "edge-agent replay --config edge-agent.yaml --camera cam-1 clip.mp4 --annotate out.mp4",
        description="Run a camera's pipeline on video files, without a broker. Prints each event as one line "
        "of JSON.",
    )
    replay.add_path(
        "video",
        "VIDEO",
        "a video file, or a folder of numbered pictures; a file that ends in .yaml is taken as CONFIG",
        nargs="+",
        action=_VideosAndConfig,
    )
    replay.add_config_option(DEFAULT_CONFIG)
    replay.describe(replay.examples, {78: "the configuration must be corrected"})
    replay.add_value("--camera", "ID", "id of the camera; its settings are used", required=True)
    replay.add_argument(
        "--fps",
        type=_fps,
        help="number of frames to analyse in a second, or 'source' for all frames; default: analyse.fps of "
        "the camera",
    )
    replay.add_value(
        "--start",
        "TIME",
        "time of the first frame, such as 2026-11-24T21:59:00+07:00; without an offset in the time "
        "zone of the site; default: unknown",
        type=parse_moment,
    )
    replay.add_path("--annotate", "OUT.mp4", "write the video with boxes and tracks; default: not written")
    replay.add_path(
        "--mot", "OUT.txt", "write the confirmed tracks in the MOTChallenge format; default: not written"
    )
    replay.add_path("--motion", "OUT.jsonl", "write the motion boxes of each frame; default: not written")
    replay.add_path("--plot", "OUT.png", "draw the metrics of tamper detection over time; default: not drawn")


class _VideosAndConfig(argparse.Action):
    """Split ``VIDEO...`` into videos and the configuration file, which is recognised by its suffix."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: object,
        option_string: str | None = None,
    ) -> None:
        assert isinstance(values, Sequence)
        configs = [each for each in values if each.suffix in CONFIG_SUFFIXES]
        videos = [each for each in values if each.suffix not in CONFIG_SUFFIXES]
        if not videos:
            parser.error("the following arguments are required: VIDEO")
        if len(configs) > 1 or (configs and namespace.config is not DEFAULT_CONFIG):
            parser.error("the configuration file is given twice")
        if configs:
            namespace.config = configs[0]
        setattr(namespace, self.dest, videos)


def _fps(text: str) -> str | float:
    if text == "source":
        return text
    with contextlib.suppress(ValueError):
        if 0 < float(text) <= 1000:
            return float(text)
    raise argparse.ArgumentTypeError(f"{text!r} is neither a number above 0, up to 1000, nor the word source")


def parse_moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a time such as 2026-11-24T21:59:00+07:00"
        ) from None
    return moment


def _add_status(commands: Commands) -> None:
    status = add_command(
        commands,
        "status",
        "show the state of the running agent",
        "edge-agent status",
        "edge-agent status --json",
        exit_codes=NO_AGENT,
    )
    add_lang(status)
    status.add_json()
    status.add_config(DEFAULT_CONFIG)


def _add_reload(commands: Commands) -> None:
    reload = add_command(
        commands,
        "reload",
        "make the running agent read its configuration again",
        "edge-agent reload",
        exit_codes=NO_AGENT,
    )
    add_lang(reload)
    reload.add_config(DEFAULT_CONFIG)


def _add_relearn(commands: Commands) -> None:
    relearn = add_command(
        commands,
        "relearn",
        "make the running agent learn the view of a camera again",
        "edge-agent relearn cam-1",
        exit_codes=NO_AGENT,
    )
    relearn.add_value("camera", "CAMERA", "id of the camera")
    add_lang(relearn)
    relearn.add_config(DEFAULT_CONFIG)


def _add_schema(commands: Commands) -> None:
    schema = add_command(
        commands,
        "schema",
        "print the JSON Schema of a message, or list the messages",
        "edge-agent schema",
        "edge-agent schema heartbeat",
    )
    schema.add_value("name", "NAME", "name of the message; default: list all names", nargs="?")
    schema.add_json("a schema is JSON anyway, the list of names only with this option")


def _add_models(commands: Commands) -> None:
    from edge_agent.cli import learn
    from edge_agent.tools.broker_commands import add_rollout

    models = add_command(commands, "models", "list, fetch, verify and roll out detection models")
    actions = models.add_commands("action")
    listing = add_command(
        actions, "list", "list the catalogue and the installed models", "edge-agent models list --json"
    )
    listing.add_json()
    fetching = add_command(
        actions, "fetch", "fetch a model of the catalogue", "edge-agent models fetch --dest models"
    )
    fetching.add_value("name", "NAME", "the model; default: the best that can be fetched", nargs="?")
    source = fetching.add_value(
        "--source", "URL|DIR", "where to fetch from; default: the public address of the model"
    )
    fetching.rename("--from", source)
    for action in (listing, fetching):
        action.add_path("--dest", "DIR", "folder of the models", default=DEFAULT_MODELS)
    learn.add_verify(actions)
    add_rollout(actions)
