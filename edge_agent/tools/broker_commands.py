"""Arguments of the commands that work with a whole fleet through its broker: conformance, gateways,
home-assistant, models rollout, simulate. Importing this module is cheap."""

from __future__ import annotations

import argparse
import re

from edge_agent.core.command_line.parser import CommandParser, Commands, add_command
from edge_agent.core.languages import LANGS
from edge_agent.tools.broker_arguments import (
    BROKER_HELP,
    add_broker_argument,
    add_gateway_arguments,
    add_root_argument,
    add_tls_arguments,
    broker_url,
    seconds,
    topic_id,
)


def add_conformance(commands: Commands) -> None:
    conformance = add_command(
        commands,
        "conformance",
        "check that a live gateway follows the contract",
        "edge-agent conformance --broker mqtts://broker.example:8883 --ca-file ca.crt --gateway dt-001 "
        "--ward de-tham",
        exit_codes={1: "failed, or a check found a breach of the contract"},
    )
    add_broker_argument(conformance)
    add_gateway_arguments(conformance, required=True)
    add_root_argument(conformance)
    conformance.add_value("--listen-s", "SECONDS", "seconds to listen", type=seconds, default=75.0)
    conformance.add_flag("--no-commands", "listen only, send no command")
    conformance.add_json()
    add_tls_arguments(conformance)


PRESENCES = ("offline", "cut", "unstable", "unknown", "stopped", "booting", "online")
"""States of a gateway in the table, worst first: those that the centre publishes, and ``unknown``."""
STANDINGS = ("offline", "silent", "trouble", "unknown", "stopped", "fine")
"""Words that tell an operator what to check about a gateway, worst first."""


def add_gateways(commands: Commands) -> None:
    gateways = add_command(
        commands,
        "gateways",
        "show all gateways of a broker in a live table, worst first",
        "edge-agent gateways --broker mqtts://broker.example:8883 --ca-file ca.crt --cert-file me.crt "
        "--key-file me.key",
        "edge-agent gateways --broker mqtt://127.0.0.1 --ward de-tham --state offline --json",
        exit_codes={1: "failed, or no gateway was heard"},
    )
    add_broker_argument(gateways)
    add_root_argument(gateways)
    gateways.add_repeated(
        "--ward",
        "ID",
        "id of the ward; may be repeated; subscribes to its topics only, which is all that a user of a "
        "ward may read; default: all wards",
        type=topic_id,
    )
    gateways.add_argument(
        "--state",
        action="append",
        default=[],
        choices=tuple(dict.fromkeys((*PRESENCES, *STANDINGS))),
        help="show only gateways in this state. The command derives silent, trouble and fine from the "
        "gateway's own messages. The other states are those that the centre publishes; without a centre they "
        "come from the gateway's messages, too. May be repeated; default: all states",
    )
    gateways.add_flag("--once", "print the table once and exit")
    gateways.add_json("the state once, without the live table")
    gateways.add_value(
        "--listen-s",
        "SECONDS",
        "seconds to listen; --once and --json end earlier, once every gateway has sent a heartbeat",
        type=seconds,
        default=40.0,
    )
    add_tls_arguments(gateways)


def add_home_assistant(commands: Commands) -> None:
    tool = add_command(
        commands,
        "home-assistant",
        "announce gateways and cameras to Home Assistant, through the broker",
        "edge-agent home-assistant --broker mqtts://broker.example:8883 --ca-file ca.crt --cert-file ha.crt "
        "--key-file ha.key --ward de-tham --discovery-prefix homeassistant/de-tham",
        "edge-agent home-assistant --broker mqtt://127.0.0.1 --remove",
        exit_codes={1: "failed, or no gateway has announced itself at the broker"},
    )
    add_broker_argument(tool)
    add_root_argument(tool)
    tool.add_repeated("--ward", "ID", "id of the ward; may be repeated; default: all wards", type=topic_id)
    tool.add_value(
        "--discovery-prefix",
        "TOPIC",
        "discovery prefix that is set in Home Assistant",
        type=_prefix,
        default="homeassistant",
    )
    tool.add_value(
        "--off-delay-s",
        "SECONDS",
        "seconds after the last person, or vehicle, appeared until the sensor for these turns off",
        type=_off_delay,
        default=30,
    )
    tool.add_flag(
        "--with-pictures",
        "also announce the latest picture of each gateway: Home Assistant then stores pictures of "
        "people, and who opens them is not logged",
    )
    tool.add_argument(
        "--lang",
        choices=LANGS,
        default="en",
        help="language of the output; names of entities too; default: %(default)s",
    )
    tool.add_flag("--follow", "keep running until SIGTERM, and publish changes")
    tool.add_flag("--remove", "remove all announcements that this command made")
    add_tls_arguments(tool)


def _prefix(text: str) -> str:
    if re.fullmatch(r"[\w-]+(/[\w-]+){0,5}", text, re.ASCII) is None or len(text) > 100:
        raise argparse.ArgumentTypeError(f"{text!r}: levels such as homeassistant, without + and #")
    return text


def _off_delay(text: str) -> int:
    if re.fullmatch(r"[1-9]\d{0,3}", text) is None:
        raise argparse.ArgumentTypeError(f"{text!r}: whole seconds from 1 to 9999")
    return int(text)


STAGES = "1,5,100%"


def add_rollout(commands: Commands) -> None:
    rollout = add_command(
        commands,
        "rollout",
        "bring a model release to gateways in stages, through the broker",
        "edge-agent models rollout street-20261128 --key operator.pem --broker mqtts://broker.example:8883 "
        "--url https://models.example/street.tflite --ca-file ca.crt --cert-file op.crt --key-file op.key",
        exit_codes={
            0: "every gateway runs the release",
            1: "failed or stopped: a gateway refused the release or returned to its former model",
            3: "some gateways do not run the release yet: they were offline or accept no model; run the same "
            "command again",
        },
    )
    rollout.add_path("release", "FOLDER", "release of `edge-agent learn`")
    rollout.add_argument(
        "--url",
        type=_https,
        required=True,
        help="https address from which gateways fetch the .tflite file of the release",
    )
    rollout.add_path("--key", "PRIVATE.pem", "private key of an operator, to sign with", required=True)
    add_broker_argument(rollout)
    add_root_argument(rollout)
    for name in ("ward", "gateway"):
        rollout.add_repeated(
            f"--{name}",
            "ID",
            f"id of the {name}; may be repeated; default: all that the broker knows",
            type=topic_id,
        )
    _add_pace(rollout)
    ignore = rollout.add_flag(
        "--ignore-results", "switch to the release whatever the results of shadow mode are"
    )
    rollout.rename("--force", ignore)
    rollout.add_flag(
        "--again",
        "try the release again on gateways that gave it up before; without this option such a gateway stops "
        "the roll-out",
    )
    add_tls_arguments(rollout)


def _add_pace(rollout: CommandParser) -> None:
    pace = rollout.add_argument_group("pace")
    pace.add_argument(
        "--stages",
        type=_stages,
        default=_stages(STAGES),
        help="gateways of each stage, as a number or as a percentage of all; the last value is repeated; "
        f"default: {STAGES}%",
    )
    for name, default, doc in (
        ("shadow", 86_400.0, "seconds of shadow mode"),
        (
            "probation",
            86_400.0,
            "seconds after the switch in which a gateway may return to its former model by itself",
        ),
        ("soak", 3600.0, "seconds that a stage runs the model before the next stage begins"),
        ("answer", 600.0, "longest wait for an answer, or for a gateway to come back, in seconds"),
        ("listen", 40.0, "seconds to listen; ends earlier, once all gateways have sent a heartbeat"),
    ):
        pace.add_argument(f"--{name}-s", type=seconds, default=default, metavar="SECONDS", help=doc)
    pace.add_argument(
        "--share", type=_share, default=0.1, help="share of the frames that shadow mode analyses, 0.01 to 1"
    )


def _https(text: str) -> str:
    if re.fullmatch(r"https://[!-~]{3,490}", text) is None:
        raise argparse.ArgumentTypeError(f"{text!r} is not an https address")
    return text


def _share(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0.01 <= value <= 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a share from 0.01 to 1")
    return value


def _stages(text: str) -> tuple[str, ...]:
    stages = tuple(text.split(","))
    if not all(re.fullmatch(r"[1-9]\d{0,4}|[1-9]\d?%|100%", stage) for stage in stages):
        raise argparse.ArgumentTypeError(f"{text!r}: write stages such as {STAGES}")
    return stages


CHANGES = (
    ("sites", int, "number of gateways", "465"),
    (
        "cameras",
        int,
        "number of cameras",
        "in proportion to --sites, as in the city (1,194 cameras at 465 sites)",
    ),
    ("seed", int, "seed of the random numbers; the same seed gives the same fleet and events", "1"),
    ("duration-s", float, "seconds for which events are made", "300"),
    ("drain-s", float, "longest wait after --duration-s until all events are sent, in seconds", "120"),
    ("time-factor", float, "speed of the simulated day; 2 makes it pass twice as fast", "1"),
    ("events-per-camera-day", float, "events of a camera in a simulated day", "8500"),
    (
        "alarms-per-day",
        float,
        "alarms in a simulated day, of all gateways together; each has a drawn picture and clip, and "
        "names its rule",
        "one event in a hundred is an alarm, without drawn picture, clip and rule name",
    ),
    ("heartbeat-s", float, "seconds between heartbeats, in real time, independent of --time-factor", "30"),
    ("picture-share", float, "share of events that have a picture when they begin, 0 to 1", "0"),
    ("passages-per-camera", int, "stored passages of a camera, for searches; 0: none", "0"),
    ("spread-s", float, "longest random wait of a gateway before it connects, in seconds", "30"),
)
"""Keys of the scenario that the command line can change: name, type, help, default."""


def add_simulate(commands: Commands) -> None:
    simulate = add_command(
        commands,
        "simulate",
        "simulate a whole fleet on one machine, against a broker",
        "edge-agent simulate --broker mqtt://127.0.0.1 --sites 20 --duration-s 3600",
        exit_codes={1: "failed, or events are left unsent or lost", 78: "the scenario must be corrected"},
    )
    simulate.add_path(
        "scenario",
        "SCENARIO",
        "YAML file of the scenario; default: the whole city on an ordinary day",
        nargs="?",
    )
    simulate.add_value(
        "--broker",
        "URL",
        f"{BROKER_HELP}; may be repeated, as in mqtt.brokers of a gateway",
        type=broker_url,
        required=True,
        action="append",
    )
    add_root_argument(simulate)
    _add_changes(simulate)
    _add_processes(simulate)
    add_tls_arguments(simulate)


def _add_changes(simulate: CommandParser) -> None:
    for name, kind, doc, default in CHANGES:
        simulate.add_value(f"--{name}", "N", f"{doc}; default: the scenario's, else {default}", type=kind)
    simulate.add_value("--wards", "IDS", "ids of the wards, separated by commas; default: the scenario's")
    simulate.add_argument(
        "--prefix", help="gateways are called PREFIX-001 and so on; default: the scenario's, else sim"
    )
    simulate.add_argument(
        "--delivery",
        choices=["confirmed", "broker"],
        help="mqtt.delivery of the gateways; default: the scenario's, else confirmed",
    )


def _add_processes(simulate: CommandParser) -> None:
    simulate.add_path(
        "--certificates",
        "DIR",
        "folder with ID.crt and ID.key of each gateway, and ca.crt; default: no certificates",
    )
    outboxes = simulate.add_path(
        "--outbox-dir",
        "DIR",
        "folder of the outboxes, which stay for the next run; default: a temporary folder",
    )
    simulate.rename("--state-dir", outboxes)
    simulate.add_path(
        "--search-keys",
        "FILE",
        "public key (PEM) that may sign searches of the passages; may be repeated; default: none",
        action="append",
    )
    simulate.add_path(
        "--ledger",
        "FILE",
        "write what each gateway and camera really did, one change a line (JSON), to compare it with "
        "reports; default: not written",
    )
    simulate.add_value("--per-process", "N", "gateways of one process, 1 to 120", type=int, default=100)
    simulate.add_logging("error")
    simulate.add_json("the totals instead of the table")


def changes_of(args: argparse.Namespace) -> dict[str, object]:
    """Return the keys of the scenario that the command line changes, with their new values."""
    names = [name.replace("-", "_") for name, *_ in CHANGES]
    found: dict[str, object] = {
        name: getattr(args, name)
        for name in (*names, "prefix", "delivery")
        if getattr(args, name) is not None
    }
    if args.wards is not None:
        found["wards"] = args.wards.split(",")
    return found
