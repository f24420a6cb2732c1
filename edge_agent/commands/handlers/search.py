"""``search``, ``passage-pictures``, ``passage-times``, ``passage-hold``: find passages, send or keep them.

All are signed by an operator or with a search key of the centre, and recorded with purpose and case before
they are done. All but holds wait while the uplink's budget is used up; searches and times also wait while the
gateway is hot.
"""

from __future__ import annotations

import base64
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path

import msgspec

from edge_agent.commands.action import (
    Action,
    CommandContext,
    CommandFailed,
    CommandRefused,
    CommandSucceeded,
    always,
)
from edge_agent.commands.handlers.passage_holds import change_holds, check_until
from edge_agent.commands.handlers.passage_times import read_times
from edge_agent.commands.replies import MAX_RESULT_BYTES
from edge_agent.commands.signature import OperatorKeyring
from edge_agent.core.clock import Clock, rfc3339
from edge_agent.core.delivery import SEALED_MAGIC
from edge_agent.core.errors import EdgeAgentError
from edge_agent.core.problems import error_text, problem_text
from edge_agent.passages.access import record_access
from edge_agent.passages.filters import PassageFilter, PictureLine
from edge_agent.passages.reader import PassageReader, StoredPassage
from edge_agent.passages.scenes.store import StoredScene, read_scene
from edge_agent.wire import (
    FoundPassage,
    ObjectPlace,
    PassageHoldArguments,
    PassagePictures,
    PassagePicturesArguments,
    PassageSearchResult,
    PassageTimesArguments,
    SearchArguments,
)

MAX_PICTURE_TEXT = MAX_RESULT_BYTES - 8000
"""Limit of the base64 in one result, in bytes: a result that is too large would be left out as a whole. The
rest of the result is for the paths."""
NICENESS = 5
"""Niceness of the threads. With 10 or more, a thread that held the interpreter's lock and got no processor
kept others waiting for up to half a second (docs/design/passages.md)."""
MAX_BUSY_SHARE = 0.3
"""Share of its time for which a search thread reads rows, so that it leaves the processor to cameras."""
MAX_PAUSE_S = 1.0
WITHIN_S = 300.0
MAX_AN_HOUR = {"search": 120, "passage-pictures": 600, "passage-times": 120, "passage-hold": 600}
"""Number of commands that are answered in any hour. Further ones wait, because they would cost processor time
and traffic, and push the oldest entries out of the record of access."""
HOUR_S = 3600.0
HOT_STEP = 2
"""Step of the thermal ladder from which on searches wait."""


@dataclass(frozen=True, slots=True)
class GatewayLimits:
    """The state of the gateway that may make a search wait."""

    heat_step: int  # present step of the thermal ladder
    budget_used_up: bool
    clock_synced: bool


@dataclass(frozen=True)
class SearchCommands:
    """The four commands. Their threads read the passage files without delaying the thread that writes."""

    state_dir: Path
    clock: Clock
    keys: OperatorKeyring
    ward: str  # of this gateway
    limits: Callable[[], GatewayLimits]
    _answered_mono: dict[str, deque[float]] = field(
        default_factory=lambda: {type_: deque(maxlen=most) for type_, most in MAX_AN_HOUR.items()}
    )

    def actions(self) -> tuple[Action, ...]:
        make = partial(Action, needs_signature=always, slow=True, niceness=NICENESS, within_s=WITHIN_S)
        return (
            make("search", self.search, must_wait=partial(self._must_wait, "search")),
            make("passage-pictures", self.pictures, must_wait=partial(self._must_wait, "passage-pictures")),
            make("passage-times", self.times, must_wait=partial(self._must_wait, "passage-times")),
            make("passage-hold", self.hold, must_wait=partial(self._must_wait, "passage-hold")),
        )

    def search(self, context: CommandContext[SearchArguments]) -> CommandSucceeded:
        args = context.args
        wanted = _filter(args)
        self._allow(context, "search", f"search {_question(args)}")
        try:
            reader = PassageReader(self.state_dir, SearchPacer(context.stopping).pause)
            found = reader.best(wanted, args.limit, oldest_first=args.oldest_first)
        except EdgeAgentError as error:
            raise CommandFailed(error_text(error)) from error
        rows = found_rows(found.best, args.max_bytes)
        return CommandSucceeded(
            problem_text("search-found", total=found.total, rows=len(rows)),
            msgspec.to_builtins(PassageSearchResult(total=found.total, passages=rows)),
        )

    def pictures(self, context: CommandContext[PassagePicturesArguments]) -> CommandSucceeded:
        args, reader = context.args, PassageReader(self.state_dir)
        self._allow(context, "passage-pictures", "whole pictures" if args.scenes else "pictures")
        scenes: dict[str, StoredScene | None] = {}
        try:
            rows = [each for each in reader.of_ids(args.ids) if _is_named(each, args.sha256)]
            if args.scenes:
                scenes = {str(each.id): read_scene(self.state_dir, each.id) for each in rows}
                found = {key: None if each is None else each.payload for key, each in scenes.items()}
            else:
                found = {str(each.id): reader.crop(each.id) for each in rows}
            paths = {str(each.id): _path(each) for each in rows}
        except EdgeAgentError as error:
            raise CommandFailed(error_text(error)) from error
        pictures, size, sealed = {}, 0, False
        for key, jpeg in found.items():
            text = "" if jpeg is None else base64.b64encode(jpeg).decode()
            if jpeg and size + len(text) <= MAX_PICTURE_TEXT:
                pictures[key] = text
                size += len(text)
                sealed = sealed or jpeg.startswith(SEALED_MAGIC)
        missing = len(args.ids) - len(pictures)
        code = "search-pictures-missing" if missing else "search-pictures"
        counts = {"sent": len(pictures), "wanted": len(args.ids)} | ({"missing": missing} if missing else {})
        return CommandSucceeded(
            problem_text(code, **counts),
            msgspec.to_builtins(
                PassagePictures(
                    pictures=pictures,
                    paths=paths,
                    sealed=sealed,
                    places={key: _place(each) for key, each in scenes.items() if each and key in pictures},
                )
            ),
        )

    def times(self, context: CommandContext[PassageTimesArguments]) -> CommandSucceeded:
        args = context.args
        from_at, to_at = _span(args.from_at, args.to_at)
        self._allow(context, "passage-times", f"times {_question(args)}")
        reader = PassageReader(self.state_dir, SearchPacer(context.stopping).pause)
        try:
            found = read_times(reader, from_at, to_at, args.cameras, args.group, args.max_rows)
        except EdgeAgentError as error:
            raise CommandFailed(error_text(error)) from error
        rows = sum(each.passages for each in found.cameras)
        return CommandSucceeded(
            problem_text("passage-times-sent", rows=rows, cameras=len(found.cameras)),
            msgspec.to_builtins(found),
        )

    def hold(self, context: CommandContext[PassageHoldArguments]) -> CommandSucceeded:
        args = context.args
        check_until(args, self.clock)
        self._allow(context, "passage-hold", "release" if args.until is None else f"hold until {args.until}")
        return change_holds(self.state_dir, self.clock, args)

    def _must_wait(self, type_: str) -> str | None:
        limits, answered = self.limits(), self._answered_mono[type_]
        why: str | None = None
        if type_ in ("search", "passage-times") and limits.heat_step >= HOT_STEP:
            why = problem_text("search-waits-heat")
        elif type_ != "passage-hold" and limits.budget_used_up:  # a waiting hold may come too late
            why = problem_text("search-waits-budget")
        elif not limits.clock_synced:  # was synchronised on arrival: the gateway has booted since
            why = problem_text("search-waits-clock")
        elif len(answered) == answered.maxlen and self.clock.monotonic() - answered[0] < HOUR_S:
            why = problem_text("search-waits-hour", limit=len(answered))
        return None if why is None else problem_text("search-later", why=why)

    def _allow(
        self,
        context: CommandContext[SearchArguments]
        | CommandContext[PassagePicturesArguments]
        | CommandContext[PassageTimesArguments]
        | CommandContext[PassageHoldArguments],
        type_: str,
        what: str,
    ) -> None:
        """Write the command to the record of access. Raises CommandRefused for a wrong key or ward, or if the
        record cannot be written."""
        args, key = context.args, context.signed_by
        if not self.keys.may_sign(key, type_):  # the key was removed while the command waited
            raise CommandRefused(problem_text("command-unknown-key", key=str(key)[:16]), "unknown-key")
        if self.keys.is_search_key(key) and (args.wards is None or args.asked_by is None):
            raise CommandRefused(problem_text("search-unscoped"), "bad-arguments")
        if args.wards is not None and self.ward not in args.wards:
            raise CommandRefused(problem_text("search-out-of-scope", ward=self.ward), "out-of-scope")
        self._answered_mono[type_].append(self.clock.monotonic())
        try:
            record_access(
                self.state_dir,
                self.clock,
                by=f"key {key}, command {context.id}",
                asked_by=args.asked_by or "",
                purpose=args.purpose,
                case=args.case,
                what=what,
                ids=args.ids if isinstance(args, PassagePicturesArguments | PassageHoldArguments) else (),
            )
        except EdgeAgentError as error:
            raise CommandRefused(error_text(error)) from error


class SearchPacer:
    """Pauses a search between slices of rows, so that it works for ``busy_share`` of the time."""

    def __init__(self, stopping: Callable[[], bool], busy_share: float = MAX_BUSY_SHARE) -> None:
        self._stopping = stopping
        self._pause_share = 1 / busy_share - 1
        self._began_s = time.monotonic()

    def pause(self) -> None:
        """Pause after a slice of rows. Raises CommandFailed if the agent stops."""
        if self._stopping():
            raise CommandFailed(problem_text("agent-stops"))
        busy_s = time.monotonic() - self._began_s
        time.sleep(min(busy_s * self._pause_share, MAX_PAUSE_S))
        self._began_s = time.monotonic()


def _question(args: SearchArguments | PassageTimesArguments) -> str:
    """Return the filters that are set, as JSON for the record of access; for the wards only their number."""
    asked = {
        name: msgspec.to_builtins(value)
        for name, value in msgspec.structs.asdict(args).items()
        if value is not None
        and value is not False
        and name not in ("purpose", "case", "asked_by", "max_bytes")
    }
    if args.wards is not None:
        asked["wards"] = len(args.wards)
    return msgspec.json.encode(asked).decode()


def _filter(args: SearchArguments) -> PassageFilter:
    """Return the filter of a search. Raises CommandRefused for a moment that does not exist, a span that ends
    before it begins, and a part without a colour."""
    first, last = _span(args.from_at, args.to_at)
    if args.part is not None and args.colour is None:
        raise CommandRefused(problem_text("search-part"), "bad-arguments")
    line = args.line
    return PassageFilter(
        from_at=first,
        to_at=last,
        cameras=None if args.cameras is None else tuple(args.cameras),
        group=args.group,
        colour=args.colour,
        part=args.part,
        direction_deg=args.direction_deg,
        line=None if line is None else PictureLine(line.camera, line.from_, line.to),
        min_height=args.min_height,
        max_height=args.max_height,
        min_speed=args.min_speed,
        max_speed=args.max_speed,
        min_speed_m_s=args.min_speed_m_s,
        max_speed_m_s=args.max_speed_m_s,
        min_for_s=args.min_for_s,
        min_still_s=args.min_still_s,
    )


def _span(from_at: str, to_at: str) -> tuple[datetime, datetime]:
    """Return both times. Raises CommandRefused for a nonexistent moment or an end before the beginning."""
    try:
        first, last = datetime.fromisoformat(from_at), datetime.fromisoformat(to_at)
    except ValueError as error:
        raise CommandRefused(problem_text("search-no-moment", error=str(error)), "bad-arguments") from error
    if last < first:
        raise CommandRefused(problem_text("search-reversed"), "bad-arguments")
    return first, last


def found_rows(passages: list[StoredPassage], max_bytes: int) -> list[FoundPassage]:
    """Return the first rows of a result, as many as fit into ``max_bytes`` of JSON."""
    rows, size = [], 0
    for passage in passages:
        row = _row(passage)
        size += len(msgspec.json.encode(row)) + 1
        if size > max_bytes:
            break
        rows.append(row)
    return rows


def _row(passage: StoredPassage) -> FoundPassage:
    detail, ground = passage.detail, passage.detail.ground
    heading_deg = None if ground is None else ground.heading_deg
    return FoundPassage(
        id=passage.id,
        camera=passage.camera,
        track=passage.track,
        group=passage.group,
        label=detail.label,
        start=rfc3339(passage.started_at),
        for_s=round(passage.duration_s, 1),
        clock=passage.clock.name.lower(),  # type: ignore[arg-type]
        direction_deg=passage.direction_deg,
        size=(round(detail.width, 3), round(detail.height, 3)),
        speed=passage.speed,
        speed_m_s=None if ground is None else ground.speed_m_s,
        speed_error_m_s=None if ground is None else ground.error_m_s,
        heading_deg=None if heading_deg is None else round(heading_deg),
        entry=detail.entry.value,
        exit=detail.exit.value,
        light=detail.light.value,
        colours={part.part: [share.colour for share in part.colours] for part in detail.colours},
        still_s=detail.standing_s,
        rules=[report.rule for report in detail.reports],
        picture_sha256=detail.crop_sha256,
    )


def _is_named(passage: StoredPassage, sha256: Mapping[str, str] | None) -> bool:
    """Return whether the row has the picture that the command names; True if the command names none. The
    digest is that of the plain picture, so it also fits if the picture is sealed."""
    named = None if sha256 is None else sha256.get(str(passage.id))
    return named is None or named == passage.detail.crop_sha256


def _place(scene: StoredScene) -> ObjectPlace:
    return ObjectPlace(box=scene.box.rounded(), after_s=scene.after_s)


def _path(passage: StoredPassage) -> list[tuple[float, float, float]]:
    return [(round(x, 3), round(y, 3), round(after_s, 1)) for after_s, x, y in passage.detail.path]
