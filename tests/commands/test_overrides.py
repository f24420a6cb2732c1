"""Rules that are masked, armed or disarmed for a time, over restarts, reboots and with wrong clocks."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta
from pathlib import Path

import pytest

from edge_agent.commands.action import Action, CommandRefused, CommandSucceeded
from edge_agent.commands.handlers.rules import rule_actions
from edge_agent.config.model.settings import OnHolidays, Schedule
from edge_agent.core.facts import OverrideChange, RequestOrigin
from edge_agent.core.overrides import OverrideKind, Overrides
from edge_agent.rules.schedule import Arming
from edge_agent.wire import RuleForArguments
from tests.commands.contexts import ContextRecorder
from tests.host.fakes import FakeClock, settings
from tests.rules.test_zones import INTRUSION

HOUR_S = 3600.0


@dataclasses.dataclass
class Box:
    """One gateway over several runs of its agent."""

    folder: Path
    clock: FakeClock = dataclasses.field(default_factory=FakeClock)
    boot: str = "boot-1"
    synced: bool = True
    hits: list[OverrideChange] = dataclasses.field(default_factory=list)  # reported, over all runs

    def agent(self, report: Callable[[OverrideChange], None] | None = None) -> Overrides:
        path = self.folder / "overrides.json"
        return Overrides(path, self.clock, self.boot, lambda: self.synced, report or self.hits.append)

    def reported(self) -> list[tuple[str, str, str | None]]:
        return [(hit.phase.value, hit.what, hit.end_reason) for hit in self.hits]

    def reboot(self, off_s: float, *, clock_kept: bool = True) -> None:
        now = self.clock.now() + timedelta(seconds=off_s)
        self.boot += "x"
        self.clock = FakeClock(now if clock_kept else datetime(1970, 1, 1, tzinfo=UTC), mono=20.0)
        self.synced = clock_kept


@pytest.fixture
def box(tmp_path: Path) -> Box:
    return Box(tmp_path)


def test_it_ends_by_itself_and_a_repeat_prolongs_it(box: Box) -> None:
    agent = box.agent()
    agent.apply("cam-1", "yard", OverrideKind.MASK, HOUR_S)
    box.clock.advance(HOUR_S - 1)
    assert agent.of("cam-1", "yard") is OverrideKind.MASK
    assert agent.of("cam-2", "yard") is agent.of("cam-1", "gate") is None
    agent.apply("cam-1", "yard", OverrideKind.MASK, HOUR_S)
    box.clock.advance(HOUR_S - 1)
    assert agent.of("cam-1", "yard") is OverrideKind.MASK
    box.clock.advance(1)
    assert agent.of("cam-1", "yard") is None
    assert agent.active() == []
    agent.tick()
    assert box.agent().active() == []


def test_the_last_word_counts_and_it_can_be_taken_back(box: Box) -> None:
    agent = box.agent()
    agent.apply("cam-1", "yard", OverrideKind.MASK, HOUR_S)
    agent.apply("cam-1", "yard", OverrideKind.ARM, 10)
    assert agent.of("cam-1", "yard") is box.agent().of("cam-1", "yard") is OverrideKind.ARM
    agent.end("cam-1", "yard")
    assert agent.of("cam-1", "yard") is box.agent().of("cam-1", "yard") is None


def test_a_clock_that_jumps_changes_nothing(box: Box) -> None:
    agent = box.agent()
    agent.apply("cam-1", "yard", OverrideKind.DISARM, HOUR_S)
    box.clock.jump(box.clock.now() + timedelta(days=400))
    agent.tick()
    assert [round(each.left_s) for each in (*agent.active(), *box.agent().active())] == [3600, 3600]


def test_a_restart_of_the_agent_takes_no_time_off_it_and_adds_none(box: Box) -> None:
    box.agent().apply("cam-1", "yard", OverrideKind.DISARM, HOUR_S)
    box.clock.advance(600)
    assert [round(each.left_s) for each in box.agent().active()] == [3000]


def test_the_time_that_the_box_was_off_counts_where_the_clock_is_right(box: Box) -> None:
    box.agent().apply("cam-1", "yard", OverrideKind.MASK, HOUR_S)
    box.reboot(600)
    agent = box.agent()
    agent.tick()
    assert [round(each.left_s) for each in agent.active()] == [3000]


def test_without_a_clock_it_lasts_as_long_as_was_left_until_the_clock_is_right(box: Box) -> None:
    agent = box.agent()
    agent.apply("cam-1", "yard", OverrideKind.MASK, HOUR_S)
    at = box.clock.now()
    box.clock.advance(1200)
    agent.tick()  # saves the remaining time
    box.reboot(1000, clock_kept=False)
    agent = box.agent()
    agent.tick()
    assert [round(each.left_s) for each in agent.active()] == [2400]
    box.clock.jump(at + timedelta(seconds=2200))
    box.synced = True
    agent.tick()
    assert [round(each.left_s) for each in agent.active()] == [1400]
    box.clock.advance(1400)
    agent.tick()
    assert agent.active() == []


def test_it_is_reported_before_it_takes_effect_and_when_it_ends(box: Box) -> None:
    in_force: list[OverrideKind | None] = []

    def report(hit: OverrideChange) -> None:
        in_force.append(agent.of("cam-1", "yard"))
        box.hits.append(hit)

    agent = box.agent(report)
    agent.apply("cam-1", "yard", OverrideKind.DISARM, HOUR_S, RequestOrigin("c-1", "ab" * 32))
    agent.apply("cam-1", "yard", OverrideKind.MASK, HOUR_S)
    agent.end("cam-1", "yard")
    agent.apply("cam-1", "yard", OverrideKind.ARM, 0.2)
    box.clock.advance(0.5)
    agent.tick()
    agent.tick()
    assert box.reported() == [
        ("start", "disarm", None),
        ("end", "disarm", "replaced"),
        ("start", "mask", None),
        ("end", "mask", "command"),
        ("start", "arm", None),
        ("end", "arm", "over"),
    ]
    assert in_force[0] is None
    assert box.hits[0].by == RequestOrigin("c-1", "ab" * 32)
    ids = [hit.event_id for hit in box.hits]
    assert (ids[::2], len(set(ids))) == (ids[1::2], 3)


def test_its_event_goes_on_over_restarts_and_ends_once(box: Box) -> None:
    asked = RequestOrigin("c-1", None)
    box.agent().apply("cam-1", "yard", OverrideKind.MASK, HOUR_S, asked)
    box.agent().tick()
    box.reboot(2 * HOUR_S)
    box.agent().tick()
    box.agent().tick()
    assert box.reported() == [("start", "mask", None), ("end", "mask", "over")]
    start, end = box.hits
    assert (end.event_id, end.started_at, end.by) == (start.event_id, start.started_at, asked)


def test_a_kill_before_the_report_leaves_no_silent_mask(box: Box) -> None:
    def killed(hit: OverrideChange) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        box.agent(killed).apply("cam-1", "yard", OverrideKind.MASK, HOUR_S)
    agent = box.agent()
    agent.tick()
    assert agent.of("cam-1", "yard") is OverrideKind.MASK
    assert box.reported() == [("start", "mask", None)]


def test_a_mask_of_an_older_agent_is_reported_after_the_update(box: Box) -> None:
    kept = {"camera": "cam-1", "rule": "yard", "what": "mask", "until_mono": 1e6, "until": None, "left_s": 60}
    (box.folder / "overrides.json").write_text(json.dumps({"boot_id": "boot-0", "rules": [kept]}))
    box.agent().tick()
    box.agent().tick()
    assert box.reported() == [("start", "mask", None)]


def test_a_disk_that_does_not_take_it_is_told(box: Box) -> None:
    box.folder = box.folder / "gone"
    agent = box.agent()
    assert not agent.apply("cam-1", "yard", OverrideKind.MASK, HOUR_S)
    assert agent.of("cam-1", "yard") is OverrideKind.MASK


NOON, NIGHT = datetime(2026, 11, 24, 5, tzinfo=UTC), datetime(2026, 11, 24, 23, tzinfo=UTC)
AT_NIGHT = Schedule(frozenset(range(7)), time(22), time(5), OnHolidays.USUAL)


@pytest.mark.parametrize(
    ("asked", "armed"),
    [
        (None, (False, True)),
        (OverrideKind.MASK, (False, True)),
        (OverrideKind.ARM, (True, True)),
        (OverrideKind.DISARM, (False, False)),
    ],
)
def test_a_schedule_gives_way_to_what_is_asked(asked: OverrideKind | None, armed: tuple[bool, bool]) -> None:
    arming = Arming(AT_NIGHT, UTC, frozenset(), lambda: asked)
    assert (arming.armed(NOON), arming.armed(NIGHT)) == armed


def rule_commands(agent: Overrides, *rules: str) -> dict[str, Action]:
    """Overrides of a gateway whose cameras have these rules."""
    usual = settings(Path("/nowhere"))
    kept = tuple(dataclasses.replace(INTRUSION, id=rule) for rule in rules)
    cameras = tuple(dataclasses.replace(camera, rules=kept) for camera in usual.cameras)
    site = dataclasses.replace(usual, cameras=cameras)
    return {action.name: action for action in rule_actions(lambda: site, agent)}


def test_a_rule_that_a_configuration_took_away_can_be_taken_back_from_its_mask(box: Box) -> None:
    """It would apply to a later rule of that name, and stay in health for a week."""
    agent = box.agent()
    asked = RuleForArguments(camera="cam-1", rule="yard", for_s=HOUR_S)
    rule_commands(agent, "yard")["mask"].run(ContextRecorder().context(asked))
    end = RuleForArguments(camera="cam-1", rule="yard", for_s=0)
    after = rule_commands(agent, "gate")
    with pytest.raises(CommandRefused, match="has no rule yard"):
        after["arm"].run(ContextRecorder().context(end))
    assert isinstance(after["mask"].run(ContextRecorder().context(end)), CommandSucceeded)
    assert agent.active() == []
