"""What one command is to the desk that runs it. See docs/design/commands.md."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar

from msgspec import Struct

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
