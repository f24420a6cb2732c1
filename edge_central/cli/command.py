"""``edge-agent central``: arguments of its sub-commands, and the call of each.

Importing this module needs no library of the extra ``central``.
"""

from __future__ import annotations

import argparse
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from edge_agent.core.command_line.parser import CommandParser, Commands, add_command
from edge_agent.core.errors import UsageError
from edge_central.cli.rollout_arguments import add_rollout_to

if TYPE_CHECKING:
    from edge_central.settings import CentralSettings


DEFAULT_CONFIG = Path("/etc/edge-central/edge-central.yaml")
ROLES = ("admin", "officer", "viewer")
NOTHING = {1: "failed, or there is no such event, gateway, camera, hold or waiting deletion"}


def add_command_to(commands: Commands) -> None:
    central = add_command(
        commands, "central", "run and manage the centre, which stores what all gateways send"
    )
    actions = central.add_commands("action")
    run = add_command(
        actions,
        "run",
        "store what the gateways send, until SIGTERM",
        "edge-agent central run --config edge-central.yaml",
    )
    _add_logging(run)
    check = add_command(
        actions,
        "check",
        "check a configuration of the centre and list all mistakes",
        "edge-agent central check edge-central.yaml --no-secrets",
    )
    check.add_json()
    check.add_flag("--no-secrets", "accept password and key files that do not exist on this machine")
    status = add_command(
        actions,
        "status",
        "show which gateways have reported, and which events are missing",
        "sudo -u edge-central edge-agent central status --json",
        exit_codes={3: "the ingest does not run"},
    )
    status.add_json()
    console = add_command(
        actions,
        "console",
        "run only the web server; `central run` also starts it, if it is configured",
        "edge-agent central console --config edge-central.yaml",
    )
    _add_logging(console)
    console.add_flag("--with-parent", argparse.SUPPRESS)
    for action in (run, check, status, console, *_add_retention(actions), _add_proposals(actions)):
        action.add_config(DEFAULT_CONFIG)
    _add_user(actions)
    add_rollout_to(actions, DEFAULT_CONFIG)
    _add_appearance(actions)


def _add_logging(parser: CommandParser) -> None:
    parser.add_argument(
        "--log-format", choices=["text", "json"], default="text", help="form of the log lines on stderr"
    )
    parser.add_logging()


def _add_user(actions: Commands) -> None:
    user = add_command(actions, "user", "manage who may use the console and the API")
    todo = user.add_commands("todo")
    people = _add_people(todo)
    listing = add_command(todo, "list", "list people and programs", "edge-agent central user list --json")
    listing.add_json()
    remove = add_command(
        todo,
        "remove",
        "remove a person or program, with all sessions and the token",
        "edge-agent central user remove lan",
    )
    named = (*people, *_add_account_changes(todo), remove, _add_token(todo))
    for each in named:
        each.add_value("name", "NAME", "name of the person or program")
    for each in (*named, listing):
        each.add_config(DEFAULT_CONFIG)


def _add_people(todo: Commands) -> tuple[CommandParser, ...]:
    """Add the commands that set password, role and wards of a person."""
    add = add_command(
        todo,
        "add",
        "add a person; asks for the password on the terminal",
        "edge-agent central user add lan --role officer --ward de-tham",
    )
    passwd = add_command(
        todo,
        "passwd",
        "set another password, which ends all sessions of that person",
        "edge-agent central user passwd lan",
    )
    role = add_command(
        todo,
        "role",
        "change role and wards of a person, which ends all sessions",
        "edge-agent central user role lan --role officer --ward de-tham --ward bo-xuyen",
    )
    for each in (add, role):
        each.add_argument(
            "--role",
            choices=ROLES,
            required=True,
            help="what the person may do; admin: everything in all wards, and manage users; officer: act "
            "in the wards; viewer: only read",
        )
        _add_wards(each, "not needed for an admin")
    for each in (add, passwd):
        password = each.add_path(
            "--new-password-file",
            "FILE",
            "file whose first line is the new password, - for standard input; default: the command "
            "asks on the terminal",
            dest="password_file",
        )
        each.rename("--password-file", password)
    return add, passwd, role


def _add_token(todo: Commands) -> CommandParser:
    token = add_command(
        todo,
        "token",
        "make a token of the API for a program and print it once",
        "edge-agent central user token traffic-app --ward de-tham > token",
        "edge-agent central user token zalo-bridge --ward de-tham --may-act > token",
    )
    _add_wards(token, "not accepted with --renew")
    token.add_flag("--renew", "replace the token of this program; the old token stops working")
    token.add_flag(
        "--may-act",
        "the program may also acknowledge and close alarms, like an officer; default: it only reads",
    )
    return token


def _add_account_changes(todo: Commands) -> tuple[CommandParser, ...]:
    """Add the commands that need only an account's name: they change it or print a program's password."""
    return tuple(
        add_command(todo, name, text, f"edge-agent central user {name} lan")
        for name, text in (
            ("disable", "end the sessions of a person or program and refuse logins and the token"),
            ("enable", "allow logins and the token again"),
            ("end-sessions", "end all sessions of a person"),
            ("reset-second-factor", "remove the second factor of a person who has lost it"),
            ("onvif-password", "print the password with which a program logs in as an ONVIF client"),
        )
    )


def _add_wards(parser: CommandParser, when: str) -> None:
    parser.add_repeated("--ward", "ID", f"id of the ward; may be repeated; default: none, {when}")


def _add_retention(actions: Commands) -> tuple[CommandParser, ...]:
    hold = add_command(
        actions,
        "hold",
        "keep events and their pictures from being deleted",
        "edge-agent central hold --event dt-001-a1b2 --why 'file 7/2026'",
        "edge-agent central hold --gateway dt-001 --camera cam-2 --from 2026-11-24T20:00 "
        "--to 2026-11-24T22:00 --why 'theft, file 8/2026'",
        exit_codes=NOTHING,
    )
    what = hold.add_mutually_exclusive_group(required=True)
    what.add_argument(
        "--event",
        metavar="EVENT_ID",
        help="hold one event with its pictures and clip; default: none, then --gateway is needed",
    )
    what.add_argument(
        "--gateway",
        metavar="ID",
        help="id of the gateway; hold its events between --from and --to; default: none, then --event is "
        "needed",
    )
    hold.add_value("--camera", "ID", "id of the camera; with --gateway; default: all its cameras")
    for name, of, which in (("--from", "from_time", "start"), ("--to", "to_time", "end")):
        hold.add_value(
            name,
            "TIME",
            f"{which} of the period; in the time zone of this machine, such as 2026-11-24T20:15; "
            "default: none, needed with --gateway",
            dest=of,
        )
    hold.add_value("--why", "TEXT", "reason of the hold; such as a file number", required=True)
    holds = add_command(
        actions,
        "holds",
        "list the holds: what they keep, why, and who set them",
        "edge-agent central holds --all",
    )
    holds.add_flag("--all", "list released holds, too")
    holds.add_json()
    deletions = add_command(
        actions,
        "deletions",
        "list what retention deleted, newest first",
        "edge-agent central deletions --most 50",
    )
    deletions.add_value("--most", "N", "number of deletions to list", type=int, default=20)
    deletions.add_json()
    return (
        hold,
        holds,
        _add_release(actions),
        deletions,
        _add_searches(actions),
        _add_cases(actions),
        *_add_travel_times(actions),
    )


def _add_searches(actions: Commands) -> CommandParser:
    searches = add_command(
        actions,
        "searches",
        "list for a month who searched how often and for which cases, and how many pictures were opened",
        "sudo -u edge-central edge-agent central searches --month 2026-11",
    )
    searches.add_value("--month", "YYYY-MM", "month of the report; default: this month")
    searches.add_json()
    return searches


def _add_cases(actions: Commands) -> CommandParser:
    case = add_command(actions, "case", "export a case as one signed zip")
    export = add_command(
        case.add_commands("todo"),
        "export",
        "write a case with its pictures, accesses and a signature into one zip",
        "sudo -u edge-central edge-agent central case export 7/2026 --by 'Nguyễn Văn An' --out case.zip",
        description="Write a case with its pictures and accesses into one zip, signed with "
        "search.key_file. The access log records the export. "
        "docs/guide/cases.md says how to verify it.",
    )
    export.add_value("case", "CASE", "number of the case, such as 7/2026")
    export.add_path("--out", "FILE", "where to write the result; a zip", required=True)
    export.add_by("for the access log", required=True)
    return export


def _add_travel_times(actions: Commands) -> tuple[CommandParser, ...]:
    travel_times = add_command(
        actions, "travel-times", "learn and list how long objects take from one camera to another"
    )
    todo = travel_times.add_commands("todo")
    listing = add_command(
        todo,
        "list",
        "list the learnt travel times: cameras, group, median, 10th and 90th percentile, share, certainty, "
        "when",
        "sudo -u edge-central edge-agent central travel-times list --json",
    )
    listing.add_json()
    learn = add_command(
        todo,
        "learn",
        "ask the gateways that are online at what times objects passed, and learn from the answers",
        "sudo -u edge-central edge-agent central travel-times learn --dry-run",
        exit_codes={1: "failed, or no gateway was asked"},
        description="Ask the gateways that are online at what times objects passed in the windows of "
        "journeys.learn, and store only the travel times that follow from the answers. Before "
        "that, print how much data this costs at most. The weekly timer of the role central runs it.",
    )
    learn.add_flag("--dry-run", "print what would be asked, and ask nothing")
    return listing, learn


def _add_proposals(actions: Commands) -> CommandParser:
    proposals = add_command(
        actions,
        "proposals",
        "propose changes of a rule, from the outcomes of its alarms",
        "edge-agent central proposals --gateway dt-001 --camera cam-1 --rule yard "
        "--gateway-config dt-001.yaml",
        exit_codes={1: "failed, or there is nothing to propose"},
    )
    for name, what in (("--gateway", "id of the gateway"), ("--camera", "id of the camera")):
        proposals.add_value(name, "ID", what, required=True)
    proposals.add_value("--rule", "ID", "the rule; its id", required=True)
    proposals.add_path(
        "--gateway-config",
        "FILE",
        "configuration of the gateway, from which the changed rules are drafted; default: only the reasons "
        "are printed",
    )
    proposals.add_path(
        "--drafts-to", "DIR", "write each drafted rule into a file of this folder; default: printed"
    )
    proposals.add_value("--days", "N", "read what was stored in the last N days", type=int, default=90)
    proposals.add_value("--timezone", "NAME", "time zone of the site", default="Asia/Ho_Chi_Minh")
    proposals.add_json()
    return proposals


def _add_appearance(actions: Commands) -> None:
    appearance = add_command(actions, "appearance", "measure a model that compares pictures of passages")
    measure = add_command(
        appearance.add_commands("todo"),
        "measure",
        "measure a model on labelled pictures and write its card",
        "edge-agent central appearance measure vehicles.tflite labelled/ --card vehicles.json",
        exit_codes={1: "failed, or the model is no better than chance"},
    )
    layout = "IDENTITY/CAMERA-*.jpg or GROUP/IDENTITY/CAMERA-*.jpg"
    remarks = "text for the card, such as licence, source, and who measured; default: none"
    measure.add_path("model", "MODEL", "TFLite file of a model that makes a vector of a picture")
    measure.add_path("folder", "FOLDER", f"folder of pictures; {layout}")
    measure.add_path("--card", "FILE", "card to write", required=True)
    values = ["0..1", "-1..1", "0..255", "imagenet"]
    measure.add_argument(
        "--pixels", choices=values, default="0..1", help="pixel values that the model expects"
    )
    measure.add_flag("--bgr", "the model expects the colours as blue, green, red; default: red, green, blue")
    measure.add_value("--remarks", "TEXT", remarks, default="")
    measure.add_json()


def _add_release(actions: Commands) -> CommandParser:
    release = add_command(
        actions,
        "release",
        "end a hold, release a large deletion, or trust the system's clock again",
        "edge-agent central release 3",
        "edge-agent central release --deletions",
        description="With ID: end a hold, so that retention may delete the events again. With --deletions: "
        "allow the deletion of more than a fifth of what is stored, which waits for this permission. With "
        "--clock: confirm "
        "that the clock of this machine is right, after the centre stopped trusting it. `status` shows "
        "what waits.",
        exit_codes=NOTHING,
    )
    release.add_value(
        "id",
        "ID",
        "number of the hold, see `holds`; default: none, with --deletions or --clock",
        type=_id_or_config,
        nargs="?",
    )
    which = release.add_mutually_exclusive_group()
    which.add_argument("--deletions", action="store_true", help="permit the large deletion that waits")
    which.add_argument("--clock", action="store_true", help="make the centre use this machine's clock again")
    return release


def _id_or_config(text: str) -> int | Path:
    return int(text) if text.isdecimal() else Path(text)


def _sort_release(args: argparse.Namespace) -> None:
    """With ``--deletions`` or ``--clock``, read the only positional argument as CONFIG. Raises UsageError."""
    if not (args.deletions or args.clock):
        if not isinstance(args.id, int):
            raise UsageError(
                "release: give the number of a hold (`holds` lists them), --deletions or --clock"
            )
    elif isinstance(args.id, int):
        raise UsageError(f"release: --deletions and --clock end no hold; leave out {args.id}")
    elif args.id is not None:
        args.config, args.id = args.id, None


def run_central(args: argparse.Namespace, stdout: TextIO) -> int:
    if args.action == "run":
        return _run(args)
    if args.action == "check":
        from edge_central.config import run_check

        return run_check(args.config, args.no_secrets, stdout, sys.stderr, args.json)
    if args.action == "console":
        return _console(args)
    if args.action == "user":
        from edge_central.cli.user import run_user

        return run_user(args, stdout)
    if args.action == "rollout":
        from edge_central.cli.rollouts import run_rollout_records

        return run_rollout_records(args, stdout)
    if args.action == "appearance":
        from edge_central.cli.appearance import run_appearance

        return run_appearance(args, stdout, sys.stderr)
    from edge_central.config import load, load_for_database

    if args.action in ("hold", "holds", "release"):
        from edge_central.cli.retention_commands import run_holds

        if args.action == "release":
            _sort_release(args)
        settings = load_for_database(args.config)
        return run_holds(args, settings.database, stdout, sys.stderr, settings.id)
    if args.action == "deletions":
        from edge_central.cli.retention_commands import run_deletions

        return run_deletions(load_for_database(args.config).database, args.most, args.json, stdout)
    if args.action == "searches":
        from edge_central.cli.searches import run_searches

        return run_searches(args, load_for_database(args.config), stdout)
    if args.action == "case":
        from edge_central.cli.cases import run_cases

        return run_cases(args, load_for_database(args.config), stdout)
    if args.action == "travel-times":
        from edge_central.cli.travel_times import run_travel_times

        asks = args.todo == "learn" and not args.dry_run  # which needs the login at the broker
        settings = load(args.config) if asks else load_for_database(args.config)
        return run_travel_times(args, settings, stdout, sys.stderr)
    if args.action == "proposals":
        from edge_central.cli.proposals import run_proposals

        return run_proposals(args, stdout, sys.stderr)
    from edge_central.cli.status import run_status

    settings = load_for_database(args.config)
    return run_status(settings.database, args.json, stdout, settings.id)


def _run(args: argparse.Namespace) -> int:
    stop, settings = _prepare(args)
    from edge_central.console_process import ConsoleProcess
    from edge_central.service import CentralService

    console = None
    if settings.console is not None:
        command = [sys.executable, "-m", "edge_agent", "central", "console", "--with-parent"]
        options = ["--log-format", args.log_format, "--log-level", args.log_level, str(args.config)]
        console = ConsoleProcess("console", [*command, *options])
    return CentralService(settings, stop, console=console).run()


def _console(args: argparse.Namespace) -> int:
    stop, settings = _prepare(args)
    from edge_central.web.service import ConsoleServer, lower_priority, stop_with_parent

    if args.with_parent:
        stop_with_parent(stop)
        lower_priority()
    return ConsoleServer(settings, stop).run()


def _prepare(args: argparse.Namespace) -> tuple[threading.Event, CentralSettings]:
    """Handle the stop signals, set up the log, and load the configuration, whose passwords the log masks."""
    from edge_agent.host.system.process import stop_on_signals

    stop = stop_on_signals()  # before the slow imports, so that a stop during the start is a clean one too
    from edge_agent.host.system import logs
    from edge_central.config import load

    masker = logs.setup_logging(args.log_format, args.log_level)
    settings = load(args.config, for_console=args.action == "console")
    if settings.database.password is not None:
        masker.register(settings.database.password)
    if settings.mqtt.credentials is not None:
        masker.register(settings.mqtt.credentials.password)
    return stop, settings
