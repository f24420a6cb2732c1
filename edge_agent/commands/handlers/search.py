"""``search`` and ``passage-pictures``: find passages on the gateway, and send their small pictures.

Both are signed by an operator, and on record with purpose and case before the result is made.
"""

from __future__ import annotations

import base64
import itertools
from dataclasses import dataclass
from datetime import datetime
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
from edge_agent.commands.replies import MAX_RESULT_BYTES
from edge_agent.core.clock import Clock, rfc3339
from edge_agent.core.errors import EdgeAgentError
from edge_agent.passages.access import record_access
from edge_agent.passages.reader import PassageFilter, PassageReader, StoredPassage
from edge_agent.wire import (
    FoundPassage,
    PassagePictures,
    PassagePicturesArguments,
    PassageSearchResult,
    SearchArguments,
)

MAX_MATCHES = 5000
"""Passages that one search finds at most, so that a wide question does not fill the memory."""
MAX_PICTURE_TEXT = MAX_RESULT_BYTES - 1000
"""Bytes of base64 in one result, which would be left out as a whole if it were too large."""


@dataclass(frozen=True)
class SearchCommands:
    """The two commands. Their threads read the files; the writer is not disturbed."""

    state_dir: Path
    clock: Clock

    def actions(self) -> tuple[Action, ...]:
        return (
            Action("search", self.search, needs_signature=always, slow=True),
            Action("passage-pictures", self.pictures, needs_signature=always, slow=True),
        )

    def search(self, context: CommandContext[SearchArguments]) -> CommandSucceeded:
        args = context.args
        wanted = _filter(args)
        self._record(context, args.purpose, args.case, f"search {_question(args)}")
        try:
            found = list(itertools.islice(PassageReader(self.state_dir).find(wanted), MAX_MATCHES))
        except EdgeAgentError as error:
            raise CommandFailed(str(error)) from error
        if args.colour is not None:
            found.sort(key=lambda each: -_share_of(each, args.colour, args.part))
        rows = [_row(each) for each in found[: args.limit]]
        result = msgspec.to_builtins(PassageSearchResult(total=len(found), passages=rows))
        more = "or more " if len(found) == MAX_MATCHES else ""
        return CommandSucceeded(f"{len(found)} {more}passages, {len(rows)} of them here", result)

    def pictures(self, context: CommandContext[PassagePicturesArguments]) -> CommandSucceeded:
        args, reader = context.args, PassageReader(self.state_dir)
        self._record(context, args.purpose, args.case, "pictures", args.ids)
        try:
            found = {str(each): reader.crop(each) for each in args.ids}
        except EdgeAgentError as error:
            raise CommandFailed(str(error)) from error
        pictures, size = {}, 0
        for key, jpeg in found.items():
            text = "" if jpeg is None else base64.b64encode(jpeg).decode()
            if text and size + len(text) <= MAX_PICTURE_TEXT:
                pictures[key] = text
                size += len(text)
        missing = len(args.ids) - len(pictures)
        rest = f"; {missing} were deleted, never stored, or do not fit" if missing else ""
        return CommandSucceeded(
            f"{len(pictures)} of {len(args.ids)} pictures{rest}",
            msgspec.to_builtins(PassagePictures(pictures=pictures)),
        )

    def _record(
        self,
        context: CommandContext[SearchArguments] | CommandContext[PassagePicturesArguments],
        purpose: str,
        case: str,
        what: str,
        ids: list[int] | None = None,
    ) -> None:
        by = f"key {context.signed_by}, command {context.id}"
        try:
            record_access(
                self.state_dir, self.clock, by=by, purpose=purpose, case=case, what=what, ids=ids or ()
            )
        except EdgeAgentError as error:
            raise CommandRefused(str(error)) from error


def _question(args: SearchArguments) -> str:
    """The filters that are set, as JSON for the record of access."""
    asked = {
        name: value
        for name, value in msgspec.structs.asdict(args).items()
        if value is not None and name not in ("purpose", "case")
    }
    return msgspec.json.encode(asked).decode()


def _filter(args: SearchArguments) -> PassageFilter:
    """Raises CommandRefused for a moment that does not exist, a span that ends before it begins, and a part
    without a colour."""
    try:
        first, last = datetime.fromisoformat(args.from_at), datetime.fromisoformat(args.to_at)
    except ValueError as error:
        raise CommandRefused(f"from_at or to_at is no moment: {error}", "bad-arguments") from error
    if last < first:
        raise CommandRefused("to_at is before from_at", "bad-arguments")
    if args.part is not None and args.colour is None:
        raise CommandRefused("part needs a colour", "bad-arguments")
    return PassageFilter(
        from_at=first,
        to_at=last,
        cameras=None if args.cameras is None else tuple(args.cameras),
        group=args.group,
        colour=args.colour,
        part=args.part,
        direction_deg=args.direction_deg,
        min_still_s=args.min_still_s,
    )


def _share_of(passage: StoredPassage, colour: str | None, part: str | None) -> float:
    """The largest share of the colour on the wanted part, or on any."""
    parts = [each for each in passage.detail.colours if part in (None, each.part)]
    return max(
        (share.share for each in parts for share in each.colours if share.colour == colour), default=0.0
    )


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
        speed=passage.speed,
        speed_m_s=None if ground is None else ground.speed_m_s,
        speed_error_m_s=None if ground is None else ground.error_m_s,
        heading_deg=None if heading_deg is None else round(heading_deg),
        entry=detail.entry.value,
        exit=detail.exit.value,
        light=detail.light.value,
        colours={part.part: [share.colour for share in part.colours] for part in detail.colours},
        still_s=max((each.for_s for each in detail.standing), default=0.0),
        rules=[report.rule for report in detail.reports],
        picture_sha256=detail.crop_sha256,
    )
