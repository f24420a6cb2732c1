"""``rules``: what a centre learns of the rules of a gateway, and what it does not."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from edge_agent.commands.action import CommandRefused, is_signed_by_default
from edge_agent.commands.handlers.configuration import configured_rules
from edge_agent.commands.handlers.configuration.configured_rules import RulesCommand
from edge_agent.config.loader import load
from edge_agent.config.pushed import RULES_FOLDER, ConfigTrial, PushStore
from edge_agent.config.rule_changes import RuleChanges
from edge_agent.wire import NoArguments
from tests.commands.contexts import GivenContext
from tests.testbed.agent import write_config
from tests.testbed.schemas import check_message

YARD = {"polygon": [[0.2, 0.2], [0.5, 0.2], [0.5, 0.9]], "name": "Sân trường"}
GATE = {"from": [0.1, 0.5], "to": [0.9, 0.5], "name": "Cổng: 12"}
CLOCK = [[0, 0], [0.3, 0], [0.3, 0.1]]
WINDOW = [[0.8, 0.0], [1, 0], [1, 0.2]]
RULES = [
    {"id": "night", "kind": "loitering", "name": "Đêm", "zone": "yard", "labels": ["person"],
     "min_duration_s": 20.5, "schedule": {"from": "22:00", "to": "05:00", "days": ["mon-fri"]},
     "enabled": False},
    {"id": "gate", "kind": "line-crossing", "line": "gate", "counts_s": 0},
]  # fmt: skip
CAMERA = {
    "id": "cam-1",
    "url": "rtsp://viewer:secret-word@127.0.0.1/1",
    "zones": {"yard": YARD},
    "lines": {"gate": GATE},
    "masks": [CLOCK],
    "privacy_masks": [WINDOW],
    "rules": RULES,
}
CONTEXT = GivenContext("c-1", NoArguments())


def result(config: Path) -> dict[str, Any]:
    return dict(RulesCommand(config).run(CONTEXT).result)


def test_rules_zones_lines_and_masks_are_sent_as_they_are_written(tmp_path: Path) -> None:
    config = write_config(
        tmp_path, cameras=[CAMERA, {"id": "cam-2", "url": "rtsp://127.0.0.1/2"}], broker_port=1883
    )
    found = result(config)
    assert found == {
        "config_hash": load(config).config_hash,
        "cameras": {
            "cam-1": {
                "rules": RULES,
                "zones": {"yard": YARD},
                "lines": {"gate": GATE},
                "masks": [CLOCK],
                "privacy_masks": [WINDOW],
            },
            "cam-2": {},
        },
    }
    check_message(found, "rules")


def test_a_drop_in_counts_and_no_address_or_password_is_sent(tmp_path: Path) -> None:
    config = write_config(tmp_path, cameras=[CAMERA], broker_port=1883)
    (tmp_path / "conf.d").mkdir(exist_ok=True)
    (tmp_path / "conf.d/50-night.yaml").write_text(
        "cameras: [{id: cam-1, rules: [{id: night, min_duration_s: 45}]}]"
    )
    text = json.dumps(result(config))
    assert '"min_duration_s": 45' in text
    assert "secret-word" not in text
    assert "rtsp" not in text


def test_changed_rules_are_named_and_those_that_the_configuration_lacks(tmp_path: Path) -> None:
    config = write_config(tmp_path, cameras=[CAMERA], broker_port=1883)
    changes = RuleChanges()
    changes.set("cam-1", RULES[0] | {"min_duration_s": 45}, {})
    changes.set("cam-1", {"id": "new", "kind": "zone-intrusion", "zone": "yard"}, {})
    store = PushStore(load(config).state_dir, RULES_FOLDER)
    store.put(1, text := changes.text())
    store.begin(ConfigTrial(1, hashlib.sha256(text).hexdigest(), "c-0", 60.0, []))
    found = result(config)["cameras"]["cam-1"]
    assert [rule["id"] for rule in found["rules"]] == ["night", "gate", "new"]
    assert (found["changed"], found["added"]) == (["night", "new"], ["new"])


def test_it_is_refused_without_a_file_and_when_it_is_too_large(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(CommandRefused, match="without a configuration file"):
        RulesCommand(None).run(CONTEXT)
    monkeypatch.setattr(configured_rules, "MAX_BYTES", 100)
    with pytest.raises(CommandRefused, match="a reply at most 100"):
        result(write_config(tmp_path, cameras=[CAMERA], broker_port=1883))


def test_it_needs_no_signature() -> None:
    assert not is_signed_by_default("rules", {})
