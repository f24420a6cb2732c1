"""The interface between the dispatcher and each command, and which commands need a signature.

See docs/design/commands.md.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from msgspec import Struct

from edge_agent.config.model.settings import SIGNED_COMMANDS
from edge_agent.core.errors import EdgeAgentError

Args = TypeVar("Args", bound=Struct)
Args_co = TypeVar("Args_co", bound=Struct, covariant=True)


class CommandRefused(EdgeAgentError):
    """The command cannot be executed, and nothing was changed.

    ``code`` is one of the codes in docs/design/commands.md."""

    def __init__(self, text: str, code: str = "not-possible") -> None:
        super().__init__(text)
        self.code = code


class CommandFailed(EdgeAgentError):
    """The command was started and failed; ``text`` describes the state of the gateway now."""

    def __init__(self, text: str, code: str = "failed") -> None:
        super().__init__(text)
        self.code = code


@dataclass(frozen=True, slots=True)
class CommandSucceeded:
    """The command succeeded: a sentence for a person, and an object for programs (JSON values only)."""

    text: str
    result: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class InProgress:
    """The action continues after ``run`` has returned, or after a restart of the agent.

    The outcome comes from ``resume`` or ``CommandContext.finish``. Until then the command is ``running``."""

    text: str


class CommandContext(Protocol[Args_co]):
    """A checked and journalled command as its action sees it, with the functions that the action may call."""

    @property
    def id(self) -> str: ...

    @property
    def args(self) -> Args_co: ...

    @property
    def signed_by(self) -> str | None:
        """Id of the operator's key; None: it was not signed."""
        ...

    def progress(self, text: str, /) -> None:
        """Publish another ``running`` with this text. Any thread."""
        ...

    def finish(self, outcome: CommandSucceeded | CommandFailed, /) -> None:
        """Publish the outcome after ``run`` returned ``InProgress``. Any thread, once."""
        ...

    def stopping(self) -> bool:
        """Whether the agent stops: return soon, or raise CommandFailed and leave the rest to ``resume``."""
        ...


class Action(Protocol[Args]):
    """One type of command. The dispatcher calls at most one method of an action at a time."""

    @property
    def name(self) -> str:
        """The command's type: the last level of the topic."""
        ...

    @property
    def arguments(self) -> type[Args]:
        """Type of the arguments, from ``wire.ARGUMENTS``. Unknown fields are refused."""
        ...

    @property
    def slow(self) -> bool:
        """Whether it runs on the thread ``commands-<type>`` instead of ``commands``."""
        ...

    @property
    def within_s(self) -> float:
        """Time limit; after it the dispatcher replies ``timed-out``."""
        ...

    def needs_signature(self, args: Args) -> bool:
        """Whether an operator must sign it. Such a command also needs a synchronised clock."""
        ...

    def run(self, context: CommandContext[Args]) -> CommandSucceeded | InProgress:
        """Execute the command.

        Raises CommandRefused before anything was changed, CommandFailed later. Any other exception is a bug:
        the dispatcher logs it and replies ``failed`` without its text."""
        ...

    def resume(self, context: CommandContext[Args]) -> CommandSucceeded | InProgress | CommandFailed:
        """Continue a command that was running when the agent ended. Most return ``INTERRUPTED``."""
        ...


INTERRUPTED = CommandFailed(
    "the agent was restarted in the middle of it; what was done is not known", "interrupted"
)


def report_interrupted(context: CommandContext[Any]) -> CommandFailed:
    """Default for ``FunctionAction.after_restart``."""
    return INTERRUPTED


@dataclass(frozen=True)
class FunctionAction:
    """An action that is one function.

    ``may_be_unwritten``: it runs even when the journal cannot be written, and so possibly twice."""

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

    def run(self, context: CommandContext[Any]) -> CommandSucceeded | InProgress:
        return self.do(context)

    def resume(self, context: CommandContext[Any]) -> CommandSucceeded | InProgress | CommandFailed:
        return self.after_restart(context)


ALWAYS_SIGNED = frozenset({"collect", "model", "reboot", "set-config", "update"})
"""Types that an operator always signs. Of other types: arguments that name a URL or delete something."""
_RISKY_ARGUMENTS = ("url", "urls", "release", "delete")


def is_signed_by_default(type_: str, args: Mapping[str, Any]) -> bool:
    """Whether a gateway with the default ``commands.signed`` refuses this command unsigned."""
    if any(args.get(each) for each in _RISKY_ARGUMENTS):
        return True
    return type_ in (*ALWAYS_SIGNED, *SIGNED_COMMANDS) and not _ends_override(type_, args.get("for_s"))


def _ends_override(type_: str, for_s: float | None) -> bool:
    """Whether it ends an override or a collection. That needs no signature: it only restores the default."""
    return type_ in ("mask", "disarm", "collect") and for_s == 0


@dataclass(frozen=True, slots=True)
class SignedAction:
    """An action that must be signed because ``commands.signed`` names its type."""

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

    def run(self, context: CommandContext[Any]) -> CommandSucceeded | InProgress:
        return self.inner.run(context)

    def resume(self, context: CommandContext[Any]) -> CommandSucceeded | InProgress | CommandFailed:
        return self.inner.resume(context)


def with_signatures(action: Action[Any], signed: Collection[str]) -> Action[Any]:
    """Return ``action``, or a ``SignedAction`` around it if ``signed`` contains its type."""
    return SignedAction(action) if action.name in signed else action
