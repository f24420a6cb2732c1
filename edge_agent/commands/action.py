"""The interface between the dispatcher and each command, and which commands need a signature.

See docs/design/commands.md.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, TypeVar

from msgspec import Struct

from edge_agent.config.model.settings import SIGNED_COMMANDS
from edge_agent.core.errors import EdgeAgentError
from edge_agent.core.problems import ProblemText, problem_text
from edge_agent.wire import ARGUMENTS

Args_co = TypeVar("Args_co", bound=Struct, covariant=True)


class CommandRefused(EdgeAgentError):
    """The command cannot be executed, and nothing was changed.

    ``code`` is one of the codes in docs/design/commands.md."""

    def __init__(self, text: str, code: str = "not-possible") -> None:
        super().__init__(text)
        self.code = code


class CommandFailed(EdgeAgentError):
    """The command was started and failed; ``text`` describes the present state of the gateway."""

    def __init__(self, text: str, code: str = "failed") -> None:
        super().__init__(text)
        self.code = code


@dataclass(frozen=True, slots=True)
class CommandSucceeded:
    """The outcome of a successful command: ``text`` for a person, ``result`` for programs (JSON values)."""

    text: str
    result: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class InProgress:
    """``run`` returns this if the action continues, also after a restart of the agent.

    The outcome comes from ``resume`` or ``CommandContext.finish``. Until then the command is ``running``."""

    text: str


class CommandContext(Protocol[Args_co]):
    """What an action knows of its checked and journalled command, and the functions that it may call."""

    @property
    def id(self) -> str: ...

    @property
    def args(self) -> Args_co: ...

    @property
    def signed_by(self) -> str | None:
        """Id of the key that signed the command; None: the command was not signed."""

    def progress(self, text: str, /) -> None:
        """Publish another ``running`` with this text. Any thread may call it."""

    def finish(self, outcome: CommandSucceeded | CommandFailed, /) -> None:
        """Publish the outcome after ``run`` returned ``InProgress``. Any thread may call it, once."""

    def stopping(self) -> bool:
        """Return whether the agent stops. Then return soon, or raise CommandFailed and leave the rest to
        ``resume``."""


def unchanged(why: str) -> ProblemText:
    """Return ``why`` with the sentence that nothing was changed."""
    return problem_text("nothing-changed", why=why)


INTERRUPTED = CommandFailed(problem_text("command-interrupted"), "interrupted")


def report_interrupted(context: CommandContext[Any]) -> CommandFailed:
    """Return that the command was interrupted: the default for ``Action.resume``."""
    return INTERRUPTED


def never(args: Any) -> bool:
    return False


def always(args: Any) -> bool:
    return True


def run_now() -> str | None:
    """Return None, so that the action need not wait: the default for ``Action.must_wait``."""
    return None


@dataclass(frozen=True)
class Action:
    """One type of command. The dispatcher calls at most one of ``run`` and ``resume`` at a time."""

    name: str  # the command's type: the last level of the topic
    run: Callable[[CommandContext[Any]], CommandSucceeded | InProgress]
    """Execute the command.

    Raises CommandRefused before anything was changed, CommandFailed later. Any other exception is a bug: the
    dispatcher logs it and replies ``failed`` without its text."""
    resume: Callable[[CommandContext[Any]], CommandSucceeded | InProgress | CommandFailed] = (
        report_interrupted
    )
    """Continue a command that was running when the agent ended."""
    needs_signature: Callable[[Any], bool] = never
    """Whether a command with these arguments must be signed, which also needs a synchronised clock."""
    slow: bool = False  # runs on the thread ``commands-<type>`` instead of ``commands``
    niceness: int = 0  # niceness of the thread of a slow action; 19 yields most to other threads
    within_s: float = 30.0  # time limit; after it the dispatcher replies ``timed-out``
    must_wait: Callable[[], str | None] = run_now
    """Only for a slow action: why it cannot start now, for a ``running`` reply; None: it can. The command
    waits until it can start or expires, and delays no other type."""
    may_be_unwritten: bool = False
    """The action runs even when the journal cannot be written, and so possibly twice: status and reboot are
    needed most when the disk is broken."""

    @property
    def arguments(self) -> type[Struct]:
        """Type of the arguments. Unknown fields are refused."""
        return ARGUMENTS[self.name]


def select_cameras(wanted: Sequence[str] | None, known: Sequence[str]) -> list[str]:
    """Return the cameras of a command, each once; None: all. Raises CommandRefused for an unknown camera."""
    selected = list(known if wanted is None else dict.fromkeys(wanted))
    if unknown := [camera for camera in selected if camera not in known]:
        raise CommandRefused(problem_text("no-such-camera", camera=unknown, known=list(known)))
    return selected


ALWAYS_SIGNED = frozenset(
    {
        "collect",
        "model",
        "passage-hold",
        "passage-pictures",
        "passage-times",
        "reboot",
        "rehearse",
        "search",
        "set-config",
        "set-rule",
        "unclaim",
        "update",
    }
)
"""Types that are always signed. Others must be signed if they have one of ``_RISKY_ARGUMENTS``."""
SEARCH_TYPES = frozenset({"passage-hold", "passage-pictures", "passage-times", "rehearse", "search"})
"""Types that a search key of the centre may sign too: they only read, or delay a deletion (within limits)."""
_RISKY_ARGUMENTS = ("url", "urls", "release", "delete", "still")


def is_signed_by_default(type_: str, args: Mapping[str, Any]) -> bool:
    """Return whether a gateway with the default ``commands.signed`` refuses this command if unsigned."""
    if any(args.get(each) for each in _RISKY_ARGUMENTS):
        return True
    return type_ in (*ALWAYS_SIGNED, *SIGNED_COMMANDS) and not _ends_override(type_, args.get("for_s"))


def _ends_override(type_: str, for_s: float | None) -> bool:
    """Return whether the command ends an override or a collection. This needs no signature, because it only
    restores the default."""
    return type_ in ("mask", "disarm", "collect") and for_s == 0


def with_signatures(action: Action, signed: Collection[str]) -> Action:
    """Return ``action``. If ``signed`` contains its type, it needs a signature, except to end an override."""
    if action.name not in signed:
        return action

    def needs_signature(args: Any) -> bool:
        ends = _ends_override(action.name, getattr(args, "for_s", None))
        return not ends or action.needs_signature(args)

    return replace(action, needs_signature=needs_signature)
