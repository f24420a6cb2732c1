"""``rules``: the rules, zones, lines and masks of each camera as the configuration has them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from edge_agent.commands.action import Action, CommandContext, CommandRefused, CommandSucceeded
from edge_agent.config.fields import tree
from edge_agent.config.pushed import ConfigSource
from edge_agent.config.rule_changes import RuleChanges
from edge_agent.config.written import mappings, plain, plain_entry
from edge_agent.core.errors import ConfigError
from edge_agent.core.problems import problem_text
from edge_agent.wire import CameraRules, ConfiguredRules

MAX_BYTES = 48_000
"""Of the result: a reply has at most 64 kB."""


@dataclass(frozen=True)
class RulesCommand:
    """The command reads the configuration again; nothing of it is secret in these sections."""

    config_path: Path | None

    def action(self) -> Action:
        return Action("rules", self.run, slow=True)

    def run(self, context: CommandContext[Any]) -> CommandSucceeded:
        """Raises CommandRefused."""
        if self.config_path is None:
            raise CommandRefused(problem_text("rules-no-file"))
        source = ConfigSource(self.config_path, no_secrets=True)
        try:
            settings = source.load()
            cameras = dict(_cameras(source.tree(), source.rule_changes()))
        except ConfigError as error:
            raise CommandRefused(problem_text("rules-unreadable", why=str(error))) from error
        result = ConfiguredRules(config_hash=settings.config_hash, cameras=cameras)
        size = len(msgspec.json.encode(result))
        if size > MAX_BYTES:
            raise CommandRefused(problem_text("rules-too-large", bytes=size, limit=MAX_BYTES))
        count = sum(len(each.rules) for each in cameras.values())
        text = problem_text("rules-sent", rules=count, cameras=len(cameras))
        return CommandSucceeded(text, msgspec.to_builtins(result))


def _cameras(whole: tree.Mapping, changes: RuleChanges) -> Iterator[tuple[str, CameraRules]]:
    changed = {each.id: [str(rule["id"]) for rule in each.rules] for each in changes.cameras}
    for id_, camera in mappings(whole, "cameras"):
        yield (
            id_,
            CameraRules(
                rules=[plain(rule) for _, rule in mappings(camera, "rules")],
                zones=plain_entry(camera, "zones") or {},
                lines=plain_entry(camera, "lines") or {},
                masks=plain_entry(camera, "masks") or [],
                privacy_masks=plain_entry(camera, "privacy_masks") or [],
                changed=changed.get(id_, []),
            ),
        )
