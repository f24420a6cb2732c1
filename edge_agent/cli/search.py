"""``edge-agent search``: ask the gateways of a centre for passages over its API, and print them as they come.

It runs anywhere: it needs a token of the centre, no configuration and no broker.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from edge_agent.cli.arguments import parse_moment
from edge_agent.cli.passage_filters import DIRECTIONS, GROUPS, parse_amount, parse_colour, parse_share
from edge_agent.core.clock import rfc3339
from edge_agent.core.command_line.exit_codes import EX_FAILED, EX_OK
from edge_agent.core.command_line.parser import CommandParser, Commands, add_command
from edge_agent.core.errors import EdgeAgentError, UsageError
from edge_agent.core.printable import printable, printable_json

if TYPE_CHECKING:
    from edge_agent.cli.centre_client import CentreClient

POLL_S = 20.0
MAX_TOKEN_BYTES = 1_000
NUMBERS = {
    "min_height": ("SHARE", "smallest height of the box, as a share of the picture's height"),
    "max_height": ("SHARE", "largest height of the box, as a share of the picture's height"),
    "min_speed": ("LENGTHS", "lowest speed, in lengths of the object per second"),
    "max_speed": ("LENGTHS", "highest speed, in lengths of the object per second"),
    "min_speed_m_s": ("METRES", "lowest speed, in metres per second; only cameras with a ground plane"),
    "max_speed_m_s": ("METRES", "highest speed, in metres per second; only cameras with a ground plane"),
    "min_still_s": ("SECONDS", "shortest time of standing still"),
    "min_for_s": ("SECONDS", "shortest time in sight"),
}
"""Filters with a number, by their name in the API."""
OPTIONS = {"min_still_s": "--still", "min_for_s": "--for"}
"""Command-line options whose name differs from that of the filter."""


def add_command_to(commands: Commands) -> None:
    search = add_command(
        commands,
        "search",
        "ask the gateways of a centre what their cameras saw, and print the answers as they arrive",
        "edge-agent search --centre https://centre.example:8443 --token-file token --purpose 'stolen moped' "
        "--case 7/2026 --from 2026-11-27T21:00 --to 2026-11-27T23:00 --ward de-tham --group two-wheeler "
        "--colour red",
        exit_codes={
            0: "all gateways that were asked have answered; with --withdraw: the search is withdrawn",
            1: "failed, or some gateways have not answered yet, which the output names",
        },
    )
    search.add_value("--centre", "URL", "address of the centre's console, https://HOST:PORT", required=True)
    search.add_path(
        "--token-file", "FILE", "file with the token (edge-agent central user token)", required=True
    )
    search.add_path(
        "--centre-ca-file",
        "FILE",
        "CA that signed the console's certificate; default: the system's trust store",
    )
    _add_question(search)
    _add_places(search)
    search.add_value("--search", "ID", "id of a search that was made before, to read it; default: a new one")
    search.add_value(
        "--withdraw",
        "ID",
        "id of a search that was made before, to withdraw it: gateways that have not answered are not "
        "asked any more; default: none",
    )
    search.add_value(
        "--wait-s",
        "SECONDS",
        "longest wait for the next reply, in seconds; gateways answer until --hours are over",
        type=parse_amount,
        default=60.0,
    )
    search.add_path(
        "--pictures",
        "DIR",
        "write the pictures of what is listed into this folder; opening each goes on record; default: "
        "not opened",
    )
    search.add_json("each match as it arrives, one a line")


def _add_question(search: CommandParser) -> None:
    search.add_value("--purpose", "TEXT", "purpose of the access; it goes on record; default: none, needed")
    search.add_value("--case", "NUMBER", "number of the case; it goes on record; default: none, needed")
    for name, dest, which, otherwise in (
        ("--from", "from_at", "start", "none, needed"),
        ("--to", "to_at", "end", "now"),
    ):
        search.add_value(
            name,
            "TIME",
            f"{which} of the period; in the time zone of this machine; default: {otherwise}",
            dest=dest,
            type=parse_moment,
        )
    search.add_argument("--group", choices=GROUPS, help="group of the object; default: all")
    search.add_value("--colour", "COLOUR", "colour of any part, such as red, or upper:red; default: all")
    search.add_argument(
        "--direction", choices=tuple(DIRECTIONS), help="direction in the picture; default: all"
    )
    for name, (unit, what) in NUMBERS.items():
        option = OPTIONS.get(name, f"--{name.replace('_', '-')}")
        parse = parse_share if unit == "SHARE" else parse_amount
        search.add_value(option, unit, f"{what}; default: none", dest=name, type=parse)
    search.add_value(
        "--hours",
        "HOURS",
        "hours in which gateways that are offline now may still answer",
        type=float,
        default=24.0,
    )


def _add_places(search: CommandParser) -> None:
    for name, what in (("ward", "ward"), ("gateway", "gateway")):
        search.add_value(
            f"--{name}", "ID", f"id of the {what}; may be repeated; default: all", action="append"
        )
    search.add_value(
        "--camera", "GATEWAY/CAMERA", "id of the camera; may be repeated; default: all", action="append"
    )
    search.add_value(
        "--circle",
        "LATITUDE,LONGITUDE,METRES",
        "only gateways within METRES of this point; default: all",
    )
    search.add_value(
        "--line",
        "X1,Y1,X2,Y2",
        "line in 0..1 of the picture of one --camera, which the object crossed; default: none",
    )
    search.add_value(
        "--then",
        "GATEWAY[/CAMERA]",
        "find only objects that were seen at this second place afterwards; default: no second place",
    )
    search.add_value(
        "--within",
        "MINUTES",
        "with --then: longest time between the passages at the two places, in minutes",
        type=float,
        default=10.0,
    )


def run_search(args: argparse.Namespace, out: TextIO) -> int:
    """Return 0 when all gateways have answered or the search was withdrawn, else 1. Raises UsageError,
    CentreRefused, OSError."""
    from edge_agent.cli.centre_client import CentreClient

    _check_id("--search", args.search)
    _check_id("--withdraw", args.withdraw)
    question = None if args.search or args.withdraw else question_of(args)
    client = CentreClient(args.centre, _token(args.token_file), args.centre_ca_file)
    if args.withdraw:
        return _withdraw(client, args.withdraw, out)
    search = args.search or str(client.post("/api/searches", question)["id"])
    if not args.json:
        print(f"search {search}", file=out, flush=True)
    for match in client.matches(search, args.wait_s, POLL_S):
        for line in [printable_json(match)] if args.json else _lines(match):
            print(line, file=out, flush=True)
        if args.pictures is not None:
            _save_picture(client, search, match, args.pictures)
    status = client.get(f"/api/searches/{search}")
    print("\n".join(_summary(status)), file=sys.stderr if args.json else out)
    return EX_OK if status["answered"] == status["asked"] else EX_FAILED


def _token(path: Path) -> str:
    """Read the token. Raises UsageError, OSError."""
    with path.open("rb") as file:
        content = file.read(MAX_TOKEN_BYTES + 1)
    if len(content) > MAX_TOKEN_BYTES or not content.isascii():
        raise UsageError(f"--token-file {path}: must hold one token in one line")
    return content.decode("ascii").strip()


def _check_id(option: str, search: str | None) -> None:
    if search is not None and not (search.isascii() and search.isalnum()):
        raise UsageError(f"{option} {printable(search)}: this is not the id of a search")


def _withdraw(client: CentreClient, search: str, out: TextIO) -> int:
    client.delete(f"/api/searches/{search}")
    answers = client.get(f"/api/searches/{search}")["answers"]
    gateways = {each["gateway"] for each in answers if each["status"] == "withdrawn"}
    print(f"withdrawn; gateways without an answer: {len(gateways)}", file=out)
    return EX_OK


def question_of(args: argparse.Namespace) -> dict[str, Any]:
    """Return the question in the form of the API. Raises UsageError."""
    missing = [
        option
        for option, value in (("--purpose", args.purpose), ("--case", args.case), ("--from", args.from_at))
        if not value
    ]
    if missing:
        raise UsageError(f"give {', '.join(missing)}: a search is on record at each gateway")
    part, colour = parse_colour(args.colour)
    found = {
        "purpose": args.purpose,
        "case": args.case,
        "from_at": _utc(args.from_at),
        "to_at": rfc3339(datetime.now(UTC)) if args.to_at is None else _utc(args.to_at),
        "wards": args.ward,
        "gateways": args.gateway,
        "cameras": _cameras(args.camera),
        "circle": _circle(args.circle),
        "line": _line(args),
        "second": _second(args),
        "group": args.group,
        "colour": colour,
        "part": part,
        "direction_deg": None if args.direction is None else DIRECTIONS[args.direction],
        "hours": args.hours,
        **{name: getattr(args, name) for name in NUMBERS},
    }
    return {name: value for name, value in found.items() if value is not None}


def _utc(moment: datetime) -> str:
    try:
        return rfc3339(moment.astimezone())
    except (ValueError, OverflowError):  # before year 1 or after 9999 in UTC
        raise UsageError(f"{moment:%Y-%m-%d}: this time is too far away") from None


def _cameras(cameras: list[str] | None) -> list[str] | None:
    for each in cameras or ():
        gateway, _, camera = each.partition("/")
        if not gateway or not camera:
            raise UsageError(f"--camera {each}: must be GATEWAY/CAMERA, such as dt-001/cam-2")
    return cameras


def _numbers(option: str, text: str, count: int, form: str) -> list[float]:
    try:
        numbers = [float(each) for each in text.split(",")]
    except ValueError:
        numbers = []
    if len(numbers) != count:
        raise UsageError(f"{option} {text}: must be {form}")
    return numbers


def _circle(text: str | None) -> dict[str, float] | None:
    if text is None:
        return None
    latitude, longitude, radius = _numbers("--circle", text, 3, "LATITUDE,LONGITUDE,METRES")
    return {"latitude": latitude, "longitude": longitude, "radius_m": radius}


def _line(args: argparse.Namespace) -> dict[str, Any] | None:
    if args.line is None:
        return None
    if len(args.camera or ()) != 1:
        raise UsageError("--line needs one --camera: it is drawn on the picture of a camera")
    gateway, _, camera = args.camera[0].partition("/")
    numbers = _numbers("--line", args.line, 4, "X1,Y1,X2,Y2")
    return {"gateway": gateway, "camera": camera, "from": numbers[:2], "to": numbers[2:]}


def _second(args: argparse.Namespace) -> dict[str, Any] | None:
    if args.then is None:
        return None
    gateway, _, camera = args.then.partition("/")
    return {"gateway": gateway, "camera": camera or None, "within_min": args.within}


def _lines(match: Mapping[str, Any]) -> Iterator[str]:
    yield _line_of(match)
    if match.get("then"):
        yield f"    then {_line_of(match['then'])}"


def _line_of(passage: Mapping[str, Any]) -> str:
    began = datetime.fromisoformat(passage["start"]).astimezone().strftime("%Y-%m-%d %H:%M:%S")
    what = passage["label"] or passage["group"] or "unknown"
    colours = ", ".join(f"{part} {'/'.join(terms)}" for part, terms in passage["colours"].items())
    marks = "" if passage["clock"] != "unsynced" else " (clock not synchronised)"
    place = f"{passage['name']}, {passage['camera_name']} ({passage['gateway']}/{passage['camera']})"
    return printable(f"{began}  {passage['for_s']:5.0f}s  {what:12} {place}  {colours}{marks}")


def _summary(status: Mapping[str, Any]) -> Iterator[str]:
    answers, pairs = status["answers"], status["question"].get("second") is not None
    asked = {each["gateway"] for each in answers}
    missing = {each["gateway"] for each in answers if each["status"] != "answered"}
    fit = "passages that fit at one of the two places" if pairs else "passages that fit"
    yield f"{len(asked - missing)} of {len(asked)} gateways answered; {fit}: {status['total']}"
    dropped = sum(each["dropped"] for each in answers)
    if dropped:
        yield f"{dropped} rows of the answers could not be true and were dropped"
    here = sum(each["matches"] for each in answers)
    if here + dropped < status["total"]:
        yield f"only {here} of them were sent: for the rest choose a shorter time, one camera or a direction"
    yield from dict.fromkeys(filter(None, map(_missing_answer, answers)))
    if status["open"]:
        yield f"read the rest later: --search {status['id']}"


def _missing_answer(answer: Mapping[str, Any]) -> str | None:
    """Return why a gateway has not answered; None: it has answered."""
    if answer["status"] == "answered":
        return None
    name = f"{answer['name']} ({answer['gateway']})"
    if answer["status"] not in ("waiting", "sent"):
        return printable(f"{name}: {answer['status']}: {answer['text']}")
    if not answer["online"]:
        return printable(f"{name} is offline: it answers when it is back")
    why = f": {answer['text']}" if answer["text"] else ""
    return printable(f"{name} has not answered yet{why}")


_PICTURE_NAME = re.compile(r"[a-z0-9-]{1,63}-[0-9]{1,20}\.(jpg|sealed)")


def _save_picture(client: CentreClient, search: str, match: Mapping[str, Any], folder: Path) -> None:
    if not match["has_picture"]:
        return
    content, sealed = client.picture(search, match["gateway"], match["passage"])
    if content is None:
        return
    folder.mkdir(parents=True, exist_ok=True)
    name = f"{match['gateway']}-{match['passage']}{'.sealed' if sealed else '.jpg'}"
    # The centre has sent the parts of this name: a path in them would lead out of the folder.
    if not _PICTURE_NAME.fullmatch(name):
        raise EdgeAgentError(
            f"the centre names a picture {name!r}, which is not a file name; it is not written"
        )
    (folder / name).write_bytes(content)
