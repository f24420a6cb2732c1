"""``set-rule`` with faked parts of the agent: refused, confirmed, reverted, and over the configuration."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from edge_agent.commands.action import CommandFailed, CommandRefused, CommandSucceeded, InProgress
from edge_agent.commands.handlers.configuration.set_rule import RuleChangeCommand
from edge_agent.config import last_good
from edge_agent.config.draft import read_draft
from edge_agent.config.fields.tree import Mapping
from edge_agent.config.model.settings import AnyRule, Settings
from edge_agent.config.pushed import MAX_STARTS, RULES_FOLDER, PushStore
from edge_agent.core.facts import RuleChange
from edge_agent.core.problems import problem_of
from edge_agent.events.explanations import rule_change_line
from edge_agent.wire import SetRuleArguments
from tests.commands.contexts import GivenContext
from tests.commands.test_config_push import OWN, Site, cut_at_each_step, pushed

KEY = "ab" * 32
RULES = """\
    zones:
      yard: {polygon: [[0.1, 0.1], [0.9, 0.1], [0.9, 0.9]]}
    rules:
      - {id: night, kind: loitering, zone: yard, min_duration_s: 60, severity: alarm}
      - {id: gate, kind: zone-intrusion, zone: yard}
"""
WITH_RULES = OWN.replace(
    '  - {id: cam-1, url: "rtsp://10.0.0.11/stream2"}\n',
    '  - id: cam-1\n    url: "rtsp://10.0.0.11/stream2"\n' + RULES,
)
LONGER = {"id": "night", "kind": "loitering", "zone": "yard", "min_duration_s": 120}
NEW_ZONE = {"polygon": [[0.2, 0.2], [0.8, 0.2], [0.8, 0.8]]}


class RuleSite(Site):
    """A gateway with two rules; each start is a new one over the same folder."""

    def start(self) -> None:
        super().start()
        self.reports: list[RuleChange] = []
        self.command = RuleChangeCommand(
            self.source, self.hooks, self.clock, self.reports.append, self.push.is_on_trial
        )

    def given(self, id_: str = "set-1", **args: Any) -> GivenContext:
        hash_ = args.pop("config_hash", self.settings.config_hash)
        given = {"camera": "cam-1", "config_hash": hash_, "confirm_s": 60} | args
        checked = msgspec.convert(given, SetRuleArguments)
        return GivenContext(id_, checked, KEY, finish=self.answers.append)

    def set(self, id_: str = "set-1", **args: Any) -> InProgress:
        return self.command.run(self.given(id_, **args))

    def set_for_good(self, id_: str = "set-1", **args: Any) -> None:
        """Change rules or masks, and let the trial end."""
        self.set(id_, **args)
        self.pass_s(12)

    def pass_s(self, seconds: float) -> None:
        for _ in range(round(seconds)):
            self.clock.advance(1.0)
            self.push.tick()
            self.command.tick()

    def rule(self, id_: str) -> AnyRule | None:
        return next((each for each in self.settings.cameras[0].rules if each.id == id_), None)

    @property
    def lasts_s(self) -> float | None:
        rule = self.rule("night")
        return None if rule is None else getattr(rule, "min_duration_s", None)


def assert_refused(site: RuleSite, args: dict[str, Any], says: str, code: str) -> None:
    before = site.settings
    with pytest.raises(CommandRefused) as refused:
        site.set(**args)
    assert says in str(refused.value)
    assert refused.value.code == code
    site.start()
    assert site.settings == before
    assert site.reports == []


def site_in(folder: Path) -> RuleSite:
    (folder / "edge-agent.yaml").write_text(WITH_RULES)
    return RuleSite(folder)


@pytest.fixture
def site(tmp_path: Path) -> RuleSite:
    return site_in(tmp_path)


def test_a_changed_rule_is_in_force_for_good(site: RuleSite) -> None:
    before = site.settings.config_hash
    assert isinstance(site.set(rule=LONGER), InProgress)
    assert site.lasts_s == 120
    assert " ".join(site.command.lines()) == "configuration: a change of a rule or of masks is on trial"
    site.pass_s(12)
    (answer,) = site.answers
    assert isinstance(answer, CommandSucceeded)
    assert answer.result == {"config_hash": site.settings.config_hash} != {"config_hash": before}
    site.start()
    assert site.lasts_s == 120
    assert list(site.command.lines()) == []


def test_it_inherits_nothing_from_the_rule_before_and_leaves_the_other_alone(site: RuleSite) -> None:
    gate = site.rule("gate")
    site.set(rule=LONGER)
    rule = site.rule("night")
    assert rule is not None
    assert rule.severity.name == "WARNING", "the severity of the configuration, alarm, is not inherited"
    assert site.rule("gate") == gate
    assert [each.id for each in site.settings.cameras[0].rules] == ["night", "gate"]


def test_a_new_rule_with_a_zone_of_its_own(site: RuleSite) -> None:
    site.set(rule={"id": "north", "kind": "zone-intrusion", "zone": "north"}, zones={"north": NEW_ZONE})
    rule = site.rule("north")
    assert rule is not None
    assert [list(point) for point in rule.zone.polygon] == NEW_ZONE["polygon"]  # type: ignore[union-attr]


def test_a_zone_that_the_rule_does_not_name_is_not_stored(site: RuleSite) -> None:
    site.set(rule=LONGER, zones={"unused": NEW_ZONE})
    assert b"unused" not in PushStore(site.settings.state_dir, RULES_FOLDER).path(1).read_bytes()


def test_the_rule_that_was_rehearsed_is_the_one_that_is_set(site: RuleSite) -> None:
    """A zone of the draft replaces the one with its id as a whole, also in a rehearsal."""
    north = LONGER | {"zone": "north"}
    site.set_for_good(
        rule=north, zones={"north": NEW_ZONE | {"exclude": [[[0.3, 0.2], [0.4, 0.2], [0.4, 0.3]]]}}
    )
    draft = json.dumps({"rules": [north], "zones": {"north": NEW_ZONE}})
    rehearsed = read_draft(site.source, "cam-1", draft.encode(), "draft").rule
    site.set("set-2", rule=north, zones={"north": NEW_ZONE})
    assert site.rule("night") == rehearsed


def test_each_change_is_an_event_with_command_and_key(site: RuleSite) -> None:
    site.set(rule=LONGER | {"enabled": False})
    (change,) = site.reports
    assert (change.camera, change.rule, change.what, change.enabled) == ("cam-1", "night", "set", False)
    assert (change.by.command_id, change.by.signed_by) == ("set-1", KEY)


def test_what_the_file_changes_later_is_in_force_too(site: RuleSite) -> None:
    site.set_for_good(rule=LONGER)
    site.edit(WITH_RULES + "heartbeat_s: 45\n")
    assert (site.settings.heartbeat_s, site.lasts_s) == (45.0, 120)
    site.propose(13, pushed(13, WITH_RULES + "heartbeat_s: 50\n"))
    assert (site.settings.heartbeat_s, site.lasts_s) == (50.0, 120)


def test_a_reset_takes_the_rule_back_to_the_configuration(site: RuleSite) -> None:
    before = site.settings.config_hash
    site.set_for_good(rule=LONGER | {"zone": "other"}, zones={"other": NEW_ZONE})
    site.set_for_good("set-2", reset="night")
    assert site.lasts_s == 60
    assert site.settings.config_hash == before, "the zone that only it used is gone too"
    assert [each.what for each in site.reports] == ["set", "reset"]
    with pytest.raises(CommandRefused, match="as configured"):
        site.set("set-3", reset="night")


def test_health_names_the_rules_that_are_switched_off_for_good(site: RuleSite) -> None:
    assert site.command.switched_off() == []
    site.set_for_good(rule=LONGER | {"enabled": False})
    site.start()
    (off,) = site.command.switched_off()
    assert (off.camera, off.rule) == ("cam-1", "night")
    site.set("set-2", reset="night")
    assert site.command.switched_off() == []


def test_health_names_them_also_while_the_configuration_is_read_again(
    site: RuleSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.set_for_good(rule=LONGER | {"enabled": False})
    load, meanwhile = site.source.load_with_rules, []

    def load_slowly(changes: Mapping) -> Settings:
        meanwhile.append(len(site.command.switched_off()))
        return load(changes)

    monkeypatch.setattr(site.source, "load_with_rules", load_slowly)
    site.source.load()
    assert meanwhile == [1]


def test_the_reply_says_what_the_command_has_done(site: RuleSite) -> None:
    north = {"id": "north", "kind": "zone-intrusion", "zone": "yard"}
    asked: list[dict[str, Any]] = [
        {"rule": north},
        {"rule": north | {"enabled": False}},
        {"reset": "north"},
        {"rule": LONGER},
        {"reset": "night"},
    ]
    for number, args in enumerate(asked):
        site.set_for_good(f"set-{number}", **args)
    texts = [each.text for each in site.answers if isinstance(each, CommandSucceeded)]
    codes = [problem.code for text in texts if (problem := problem_of(text)) is not None]
    done = ["rule-change-in-force", "rule-off-done", "rule-removed-done"]
    assert codes == [*done, "rule-change-in-force", "rule-reset-done"]
    assert [each.removed for each in site.reports] == [False, False, True, False, False]
    assert str(rule_change_line(site.reports[2])).startswith("rule north was removed")


def test_a_reset_leaves_other_changed_rules_and_drops_only_its_own_zone(site: RuleSite) -> None:
    site.set_for_good(rule=LONGER | {"zone": "north"}, zones={"north": NEW_ZONE})
    site.set(
        "set-2", rule={"id": "gate", "kind": "zone-intrusion", "zone": "south"}, zones={"south": NEW_ZONE}
    )
    site.pass_s(12)
    site.set("set-3", reset="night")
    stored = PushStore(site.settings.state_dir, RULES_FOLDER).path(3).read_bytes()
    assert (b"south" in stored, b"north" in stored) == (True, False)
    assert site.lasts_s == 60


def test_without_the_broker_it_goes_back_and_says_so(site: RuleSite) -> None:
    site.set(rule=LONGER)
    site.online = False
    site.pass_s(61)
    (answer,) = site.answers
    assert isinstance(answer, CommandFailed)
    assert answer.code == "reverted"
    assert site.lasts_s == 60
    assert "a change of a rule or of masks was given up: within 60 s the broker was not connected" in "".join(
        site.command.lines()
    )
    assert [(each.rule, each.what) for each in site.reports] == [("night", "set"), ("night", "reverted")]
    assert site.reports[1].by.signed_by == KEY


def test_one_that_ends_the_agent_at_every_start_is_given_up(site: RuleSite) -> None:
    site.set(rule=LONGER)
    for _ in range(MAX_STARTS):
        site.start()
        assert site.lasts_s == 120
    site.start()
    assert site.lasts_s == 60
    answer = site.command.resume(site.given(rule=LONGER))
    assert isinstance(answer, CommandFailed)
    assert "did not stay up" in str(answer)
    (change,) = site.reports
    assert (change.rule, change.what, change.by.signed_by) == ("night", "reverted", KEY)
    assert "did not stay up" in change.reason


@pytest.mark.parametrize("good", [True, False])
def test_the_power_may_go_at_every_step(tmp_path: Path, good: bool) -> None:
    """The agent starts with the old or the new rule, its reply names the one in force, and events say so."""
    seen = set()
    config_hash = site_in(tmp_path).settings.config_hash

    def begin(site: RuleSite) -> None:
        site.set(rule=LONGER)
        site.online = good

    for site in cut_at_each_step(site_in, begin, tmp_path):
        given = site.given(rule=LONGER, config_hash=config_hash)
        events = [each.what for each in site.reports]
        site.start()
        site.online = good
        site.command.resume(given)
        site.pass_s(61)
        answer = site.command.resume(given)
        events += [each.what for each in site.reports]
        if isinstance(answer, CommandSucceeded):
            assert (site.lasts_s, events) == (120, ["set"])
            seen.add("ok")
        else:
            assert isinstance(answer, CommandFailed)
            assert site.lasts_s == 60
            assert answer.code == "interrupted" or events[0] + events[-1] == "setreverted"
            seen.add(answer.code)
    assert seen == {"interrupted", "ok" if good else "reverted"}


def test_a_configuration_that_it_no_longer_fits_ends_its_trial(site: RuleSite) -> None:
    """It was said to be in force, while the rule of the configuration was."""
    site.set(rule=LONGER)
    site.path.write_text(WITH_RULES.replace("yard", "court"))
    site.hooks.reload()
    site.pass_s(61)
    (answer,) = site.answers
    assert isinstance(answer, CommandFailed)
    assert "has changed since" in str(answer)
    assert site.lasts_s == 60


def test_a_file_that_changes_just_before_the_reload_is_the_reason(
    site: RuleSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    load = site.source.load

    def after_a_change() -> Settings:
        site.path.write_text(WITH_RULES.replace("yard", "court"))
        return load()

    monkeypatch.setattr(site.source, "load", after_a_change)
    with pytest.raises(CommandFailed, match="has changed since"):
        site.set(rule=LONGER)
    assert [each.what for each in site.reports] == ["set", "reverted"]


def test_a_trial_that_cannot_begin_counts_as_undone(site: RuleSite, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge_agent.config.pushed.write_record", lambda path, record: False)
    with pytest.raises(CommandRefused, match="cannot be written"):
        site.set(rule=LONGER)
    assert [each.what for each in site.reports] == ["set", "reverted"]


def test_a_restart_during_the_trial_goes_on_with_it(site: RuleSite) -> None:
    given = site.given(rule=LONGER)
    site.command.run(given)
    site.start()
    assert isinstance(site.command.resume(given), InProgress)
    site.pass_s(12)
    assert isinstance(site.answers.pop(), CommandSucceeded)
    site.start()
    assert isinstance(site.command.resume(given), CommandSucceeded), "the reply was lost with the power"


def test_a_zone_that_the_file_no_longer_has_leaves_the_rules_of_the_file_in_force(site: RuleSite) -> None:
    site.set_for_good(rule=LONGER)
    site.edit(WITH_RULES.replace("yard", "court"))
    assert site.lasts_s == 60
    (line,) = site.source.lines()
    assert "rules that a command changed cannot be used" in line
    assert "yard" in line
    site.edit(WITH_RULES)
    assert site.lasts_s == 120, "they are back once they fit again"


def test_changes_that_do_not_fit_are_not_forgotten_by_the_next_change(site: RuleSite) -> None:
    site.set_for_good(rule=LONGER)
    site.edit(WITH_RULES.replace("yard", "court"))
    with pytest.raises(CommandRefused, match="yard"):
        site.set("set-2", rule={"id": "gate", "kind": "zone-intrusion", "zone": "court"})
    site.set_for_good("set-3", reset="night")
    assert list(site.source.lines()) == []
    site.set("set-4", rule={"id": "gate", "kind": "zone-intrusion", "zone": "court"})


def test_a_camera_that_is_gone_takes_its_changes_with_it(site: RuleSite) -> None:
    site.set_for_good(rule=LONGER)
    site.edit(WITH_RULES.replace("cam-1", "cam-9"))
    assert site.lasts_s == 60
    assert list(site.source.lines()) == []


@pytest.mark.parametrize(
    ("args", "says", "code"),
    [
        ({"rule": LONGER, "config_hash": "0" * 64}, "has changed since this change was drafted", "outdated"),
        ({"rule": LONGER | {"zone": "nowhere"}}, "nowhere", "bad-arguments"),
        ({"rule": LONGER | {"min_duration": 5}}, "min_duration", "bad-arguments"),
        ({"rule": {"kind": "loitering", "zone": "yard"}}, "id", "bad-arguments"),
        ({"rule": LONGER, "reset": "night"}, "exactly one", "bad-arguments"),
        ({}, "exactly one", "bad-arguments"),
        ({"rule": LONGER, "zones": {"yard": NEW_ZONE}}, "other rules use yard too", "bad-arguments"),
        ({"rule": LONGER, "camera": "cam-7"}, "cam-7", "not-possible"),
        ({"rule": LONGER | {"name": "x" * 65_000}}, "", "bad-arguments"),
    ],
    ids=["other-hash", "no-zone", "typo", "no-id", "both", "neither", "shared-zone", "no-camera", "large"],
)
def test_what_is_wrong_changes_nothing(site: RuleSite, args: dict[str, Any], says: str, code: str) -> None:
    assert_refused(site, args, says, code)


def test_one_trial_at_a_time_of_either_command(site: RuleSite) -> None:
    site.set(rule=LONGER)
    with pytest.raises(CommandRefused, match="on trial") as refused:
        site.set("set-2", rule=LONGER)
    assert refused.value.code == "busy"
    site.pass_s(12)
    site.propose(13, pushed(13, WITH_RULES))
    with pytest.raises(CommandRefused, match="on trial"):
        site.set("set-3", rule=LONGER)


def test_check_names_the_changed_rules(site: RuleSite) -> None:
    site.set_for_good(rule=LONGER)
    assert "masks were changed by commands and replace those of this file: cam-1/night" in site.check()
    site.path.write_text(WITH_RULES.replace("yard", "court"))
    report = site.check("vi")
    assert "nhưng không có hiệu lực vì không khớp với tệp này: cam-1/night; lý do: " in report
    assert "yard" in report


def test_a_disk_that_takes_nothing_refuses_it(site: RuleSite) -> None:
    site.settings.state_dir.mkdir(exist_ok=True)
    (site.settings.state_dir / RULES_FOLDER).write_text("a file where a folder should be")
    site.start()
    with pytest.raises(CommandRefused, match="cannot be written"):
        site.set(rule=LONGER)
    assert site.lasts_s == 60


def test_a_damaged_file_leaves_the_rules_of_the_configuration(site: RuleSite) -> None:
    site.set_for_good(rule=LONGER)
    PushStore(site.settings.state_dir, RULES_FOLDER).path(1).write_text("{")
    site.start()
    assert site.lasts_s == 60
    assert "damaged" in " ".join(site.source.lines())


def test_health_says_that_the_record_is_damaged(site: RuleSite) -> None:
    site.set_for_good(rule=LONGER)
    (site.settings.state_dir / RULES_FOLDER / "state.json").write_text("{")
    site.start()
    assert site.lasts_s == 60
    (line,) = site.source.lines()
    assert "state.json is damaged" in line


def test_the_copy_of_the_last_good_file_has_the_changed_rules(site: RuleSite) -> None:
    site.set_for_good(rule=LONGER)
    site.start()
    last_good.save(site.path, site.settings, site.source.tree())
    site.path.write_text("state_dir: state\ncameras: [")
    found = last_good.find(site.path)
    assert found is not None
    assert found.settings.config_hash == site.settings.config_hash
