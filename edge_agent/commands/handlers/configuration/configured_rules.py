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
from edge_agent.config.rule_changes import MASKS
from edge_agent.config.written import mappings, plain, plain_entry, with_id
from edge_agent.core.errors import ConfigError
from edge_agent.core.problems import problem_text
from edge_agent.wire import CameraRules, ConfiguredRules, WrittenMasks

MAX_BYTES = 48_000
"""Limit of the result: a reply has at most 64 kB."""


@dataclass(frozen=True)
class RulesCommand:
    """The command ``rules``. It reads the configuration again; these sections contain no secrets."""

    config_path: Path | None

    def action(self) -> Action:
        return Action("rules", self.run, slow=True)

    def run(self, context: CommandContext[Any]) -> CommandSucceeded:
        """Return the rules of all cameras. Raises CommandRefused."""
        if self.config_path is None:
            raise CommandRefused(problem_text("rules-no-file"))
        source = ConfigSource(self.config_path, no_secrets=True)
        try:
            settings = source.load()
            cameras = dict(_cameras(source))
        except ConfigError as error:
            raise CommandRefused(problem_text("rules-unreadable", why=str(error))) from error
        result = ConfiguredRules(config_hash=settings.config_hash, cameras=cameras)
        size = len(msgspec.json.encode(result))
        if size > MAX_BYTES:
            raise CommandRefused(problem_text("rules-too-large", bytes=size, limit=MAX_BYTES))
        count = sum(len(each.rules) for each in cameras.values())
        text = problem_text("rules-sent", rules=count, cameras=len(cameras))
        return CommandSucceeded(text, msgspec.to_builtins(result))


def _cameras(source: ConfigSource) -> Iterator[tuple[str, CameraRules]]:
    changes = source.rule_changes()
    changed = {each.id: [str(rule["id"]) for rule in each.rules] for each in changes.cameras}
    configured = source.tree_without_changes() if changes.cameras else None
    for id_, camera in mappings(source.tree(), "cameras"):
        ids = changed.get(id_, [])
        section = None if configured is None else with_id(configured, "cameras", id_)
        yield (
            id_,
            CameraRules(
                rules=[plain(rule) for _, rule in mappings(camera, "rules")],
                zones=plain_entry(camera, "zones") or {},
                lines=plain_entry(camera, "lines") or {},
                masks=plain_entry(camera, "masks") or [],
                privacy_masks=plain_entry(camera, "privacy_masks") or [],
                changed=ids,
                added=[] if section is None else _added(section, ids),
                configured_masks=_masks(section) if section and id_ in changes.cameras_with_masks else None,
            ),
        )


def _masks(section: tree.Mapping) -> WrittenMasks:
    return WrittenMasks(**{key: plain_entry(section, key) or [] for key in MASKS})


def _added(section: tree.Mapping, changed: list[str]) -> list[str]:
    """Return the changed rules that this section of the configuration does not have."""
    return [each for each in changed if with_id(section, "rules", each) is None]
