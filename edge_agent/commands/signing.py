"""Which commands an operator has to sign, beside those that always have to be."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from edge_agent.commands.action import Action, CommandContext, CommandFailed, CommandSucceeded, InProgress
from edge_agent.config.model.settings import SIGNED_COMMANDS

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
