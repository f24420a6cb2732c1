"""``passage-hold``: keeps passages longer than the limits of the gateway, or releases them."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import msgspec

from edge_agent.commands.action import CommandFailed, CommandRefused, CommandSucceeded
from edge_agent.core.clock import Clock, wall_ms
from edge_agent.core.errors import EdgeAgentError
from edge_agent.core.problems import error_text, problem_text
from edge_agent.passages.holds import PassageHolds
from edge_agent.wire import PassageHoldArguments, PassageHoldResult

MAX_HOLD = timedelta(days=366)


def check_until(args: PassageHoldArguments, clock: Clock) -> None:
    """Raise CommandRefused if the end is past, too far in the future or not a time. A release has no end."""
    if args.until is None:
        return
    try:
        until = datetime.fromisoformat(args.until)
    except ValueError as error:
        raise CommandRefused(problem_text("hold-no-moment", error=str(error)), "bad-arguments") from error
    if not clock.now() < until <= clock.now() + MAX_HOLD:
        raise CommandRefused(problem_text("passage-hold-until", days=MAX_HOLD.days), "bad-arguments")


def change_holds(state_dir: Path, clock: Clock, args: PassageHoldArguments) -> CommandSucceeded:
    """Place or release the holds. The caller has checked the command and written it to the record of access.
    Raises CommandFailed."""
    holds = PassageHolds(state_dir)
    try:
        if args.until is None:
            changed = holds.release(args.ids)
        else:
            until_ms = round(datetime.fromisoformat(args.until).timestamp() * 1000)
            changed = holds.place(args.ids, until_ms, args.case, wall_ms(clock)).passages
    except EdgeAgentError as error:
        raise CommandFailed(error_text(error)) from error
    missing = [each for each in args.ids if each not in changed]
    code = "passage-hold-released" if args.until is None else "passage-hold-placed"
    return CommandSucceeded(
        problem_text(code, count=len(changed), missing=len(missing)),
        msgspec.to_builtins(PassageHoldResult(passages=list(changed), missing=missing)),
    )
