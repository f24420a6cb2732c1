"""What one command is to the desk that runs it. See docs/design/commands.md.

An action that is one function.

Which commands an operator has to sign, beside those that always have to be.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar

from msgspec import Struct

from edge_agent.config.model.settings import SIGNED_COMMANDS
from edge_agent.core.errors import EdgeAgentError

Args = TypeVar("Args", bound=Struct)


class CommandRefused(EdgeAgentError):
    """It cannot be done, and nothing was changed. ``code`` is one of the table in docs/design/commands.md."""

    def __init__(self, text: str, code: str = "not-possible") -> None:
        super().__init__(text)
        self.code = code


class CommandFailed(EdgeAgentError):
    """It was begun and did not end well; ``text`` says what the box is like now."""

    def __init__(self, text: str, code: str = "failed") -> None:
        super().__init__(text)
        self.code = code


@dataclass(frozen=True, slots=True)
class CommandSucceeded:
    """It succeeded: a sentence for a person, and an object for programs (JSON values only)."""

    text: str
    result: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class InProgress:
    """The action goes on after ``run`` has returned, or after a restart: the answer comes through ``resume``
    or ``Order.finish``. Until then the command is ``running``."""

    text: str


@dataclass(frozen=True, slots=True)
class CommandContext(Generic[Args]):
    """A checked, journalled command."""

    id: str
    args: Args
    signed_by: str | None  # id of the operator's key; None: it was not signed
    progress: Callable[[str], None]  # publishes another ``running`` with this text; any thread
    finish: Callable[
        [CommandSucceeded | CommandFailed], None
    ]  # the answer of what was ``Handed``; any thread, once
    stopping: Callable[[], bool]  # the agent stops: end soon, raise ``Failed`` or leave it to ``resume``


class Action(Protocol[Args]):
    """One type of command. The desk calls one method at a time of one action."""

    @property
    def name(self) -> str:
        """Its type: the topic's last level."""
        ...

    @property
    def arguments(self) -> type[Args]:
        """Decoded strictly: unknown fields are refused. From ``wire.ARGUMENTS``."""
        ...

    @property
    def slow(self) -> bool:
        """Runs on the slow thread."""
        ...

    @property
    def within_s(self) -> float:
        """The desk answers ``timed-out`` when it has taken longer."""
        ...

    def needs_signature(self, args: Args) -> bool:
        """Risky: must be signed by an operator, on a box that knows the time."""
        ...

    def run(self, order: CommandContext[Args]) -> CommandSucceeded | InProgress:
        """Do it. Raises ``Refused`` before anything was changed, ``Failed`` later; any other exception is a
        fault of ours, logged, and answered as ``failed`` without its text."""
        ...

    def resume(self, order: CommandContext[Args]) -> CommandSucceeded | InProgress | CommandFailed:
        """After a restart of the agent in the middle of it. Most return
        ``Failed("the agent was restarted in the middle of it", "interrupted")``."""
        ...


INTERRUPTED = CommandFailed(
    "the agent was restarted in the middle of it; what was done is not known", "interrupted"
)


def report_interrupted(order: CommandContext[Any]) -> CommandFailed:
    """What most answer after a restart."""
    return INTERRUPTED


@dataclass(frozen=True)
class FunctionAction:
    """``may_be_unwritten``: it runs although the journal cannot be written, and so perhaps a second time."""

    name: str
    arguments: type[Any]
    do: Callable[[CommandContext[Any]], CommandSucceeded | InProgress]
    after_restart: Callable[[CommandContext[Any]], CommandSucceeded | InProgress | CommandFailed] = (
        report_interrupted
    )
    signed: bool = False
    slow: bool = False
    within_s: float = 30.0
    may_be_unwritten: bool = False

    def needs_signature(self, args: Any) -> bool:
        return self.signed

    def run(self, order: CommandContext[Any]) -> CommandSucceeded | InProgress:
        return self.do(order)

    def resume(self, order: CommandContext[Any]) -> CommandSucceeded | InProgress | CommandFailed:
        return self.after_restart(order)


ALWAYS_SIGNED = frozenset({"collect", "model", "reboot", "set-config", "update"})
"""Of every type of these; of others what goes to a URL, and what lets evidence go."""
_RISKY_ARGUMENTS = ("url", "urls", "release", "delete")


def is_signed_by_default(type_: str, args: Mapping[str, Any]) -> bool:
    """Whether a gateway whose configuration leaves ``commands.signed`` alone refuses it unsigned."""
    if any(args.get(each) for each in _RISKY_ARGUMENTS):
        return True
    return type_ in (*ALWAYS_SIGNED, *SIGNED_COMMANDS) and not _ends_override(type_, args.get("for_s"))


def _ends_override(type_: str, for_s: float | None) -> bool:
    """The rule watches again as it is configured, or no more frames are collected: that is no risk."""
    return type_ in ("mask", "disarm", "collect") and for_s == 0


@dataclass(frozen=True, slots=True)
class SignedAction:
    """An action that has to be signed because the configuration says so."""

    inner: Action[Any]

    @property
    def name(self) -> str:
        return self.inner.name

    @property
    def arguments(self) -> type[Any]:
        return self.inner.arguments

    @property
    def slow(self) -> bool:
        return self.inner.slow

    @property
    def within_s(self) -> float:
        return self.inner.within_s

    @property
    def may_be_unwritten(self) -> bool:
        return bool(getattr(self.inner, "may_be_unwritten", False))

    def needs_signature(self, args: Any) -> bool:
        ends = _ends_override(self.name, getattr(args, "for_s", None))
        return not ends or self.inner.needs_signature(args)

    def run(self, order: CommandContext[Any]) -> CommandSucceeded | InProgress:
        return self.inner.run(order)

    def resume(self, order: CommandContext[Any]) -> CommandSucceeded | InProgress | CommandFailed:
        return self.inner.resume(order)


def with_signatures(action: Action[Any], signed: Collection[str]) -> Action[Any]:
    """``signed``: types that the configuration names."""
    return SignedAction(action) if action.name in signed else action
