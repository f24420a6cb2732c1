"""Which commands the console sends, with a signature and without, and their common form. Pure.

docs/decisions/0071-commands-are-signed-in-the-browser.md
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

UNCLAIM = "unclaim"
UNSIGNED_TYPES = frozenset(("clip", "live-pictures", "snapshot", "status"))
"""These types change nothing on the gateway: an attacker who takes over the console could send them too."""
SIGNED_TYPES = frozenset(
    (
        "arm",
        "camera-reboot",
        "disarm",
        "evidence-hold",
        "mask",
        "relearn",
        "set-rule",
        "snapshot",
        "storm-mode",
        UNCLAIM,
    )
)
"""All types that change something, even if a gateway would accept them unsigned; and large pictures."""
OVERRIDES = frozenset(("arm", "disarm", "mask"))
LIFE_MS = 600_000
"""How long a document is valid after the page shows it: the time to choose the key and to sign."""
MAX_LIFE_MS = 900_000
"""The longest validity of a document that the console accepts: signed commands must not be collected for
later."""
MAX_REASON = 500
"""Limit in characters."""


class InvalidCommand(Exception):
    """The command is not sent. ``key`` names the reason among the console's texts."""

    def __init__(self, key: str) -> None:
        super().__init__(key)
        self.key = key


@dataclass(frozen=True, slots=True)
class CommandAuthor:
    """The account that sends a command."""

    account: str
    address: str
    now_ms: int


@dataclass(frozen=True, slots=True)
class GatewayCommand:
    """Type and arguments of a command, without an id."""

    type: str
    args: Mapping[str, Any]

    @property
    def camera(self) -> str | None:
        """The camera that the command concerns. None: it concerns the gateway, or several cameras."""
        cameras = self.cameras
        return cameras[0] if len(cameras) == 1 else None

    @property
    def cameras(self) -> tuple[str, ...]:
        named = self.args.get("cameras") or [self.args.get("camera")]
        return tuple(each for each in named if isinstance(each, str))

    @property
    def rule_id(self) -> str:
        """The id of the rule that the command sets, resets or overrides; empty: the command changes masks."""
        rule = self.args.get("rule")
        named = rule.get("id") if isinstance(rule, Mapping) else rule or self.args.get("reset")
        return named if isinstance(named, str) else ""

    @property
    def changes_masks(self) -> bool:
        """Return whether the command is a ``set-rule`` that replaces or resets the masks of a camera."""
        return self.type == "set-rule" and ("masks" in self.args or "reset_masks" in self.args)

    @property
    def rule_name(self) -> str:
        """The name of the rule, if the command holds the whole rule; empty: the rule has no name, or the
        command holds only its id."""
        rule = self.args.get("rule")
        name = rule.get("name") if isinstance(rule, Mapping) else None
        return name if isinstance(name, str) else ""

    @property
    def words_key(self) -> str:
        """The key of the sentence that says what the command does."""
        args = self.args
        if self.type in OVERRIDES and args.get("for_s") == 0:
            return "override-end"
        if self.type == "storm-mode":
            return "storm-end" if args.get("for_s") == 0 else "storm-one" if self.camera else "storm-mode"
        if self.type == "snapshot" and args.get("still"):
            return "still"
        if self.type == "evidence-hold" and args.get("release"):
            return "release"
        if self.changes_masks:
            return "reset-masks" if args.get("reset_masks") else "set-masks"
        if self.type == "set-rule":
            rule = self.args.get("rule")
            if not isinstance(rule, Mapping):
                return "reset-rule"
            return "set-rule-off" if rule.get("enabled") is False else "set-rule"
        if self.type == "clip" and args.get("event_id"):
            return "clip-event"
        return self.type
