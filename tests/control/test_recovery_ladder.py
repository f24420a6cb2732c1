"""The recovery ladder alone: days without a broker, over restarts and boots, with a fake clock."""

from __future__ import annotations

import msgspec
import pytest

from edge_agent.control.recovery_ladder import (
    GRACE_S,
    HOUR_S,
    JITTER,
    MAX_ATTEMPTS,
    BrokerOutage,
    RecoveryLadder,
    RecoveryOutcome,
    RecoveryStep,
)

AT = "2026-11-24T03:12:40.120Z"
EVERY_S = {RecoveryStep.RECONNECT: HOUR_S, RecoveryStep.RESET: 4 * HOUR_S, RecoveryStep.REBOOT: 12 * HOUR_S}


class Box:
    """Updates the ladder once a minute; each due step is done at once."""

    def __init__(self, jitter: float = 1.0, every_s: dict[RecoveryStep, float] = EVERY_S) -> None:
        self.jitter, self.every_s, self.mono = jitter, every_s, 5000.0
        self.outage, self.done = BrokerOutage(), list[tuple[float, RecoveryStep]]()
        self.ended: list[BrokerOutage] = []
        self.start("boot-1")

    def start(self, boot_id: str, mono: float | None = None) -> None:
        """Start the agent with the record on the disk."""
        if mono is not None:
            self.mono = mono
        outage = msgspec.json.decode(msgspec.json.encode(self.outage), type=BrokerOutage)
        self.ladder = RecoveryLadder(self.every_s, outage, boot_id, self.mono, lambda low, high: self.jitter)
        self.outage = self.ladder.outage

    def wait(self, hours: float, online: bool = False) -> None:
        for _ in range(round(hours * 60)):
            self.mono += 60
            ended = self.ladder.update(self.mono, AT, online)
            if ended is not None:
                self.ended.append(ended)
            self.outage = self.ladder.outage
            if (step := self.ladder.due(self.mono)) is not None:
                self.done.append((round(self.ladder.outage_s(self.mono) / HOUR_S, 1), step))
                self.ladder.note(step, RecoveryOutcome.DONE, "", self.mono, AT)

    def times(self, step: RecoveryStep) -> list[float]:
        return [hours for hours, done in self.done if done is step]


@pytest.fixture
def box() -> Box:
    box = Box()
    box.wait(0.1, online=True)
    return box


def test_boxes_that_lost_their_broker_together_do_not_act_together() -> None:
    early, late = Box(1.0), Box(JITTER)
    for each in (early, late):
        each.wait(0.1, online=True)
        each.wait(16)
    assert (early.times(RecoveryStep.REBOOT), late.times(RecoveryStep.REBOOT)) == ([12], [15])


def test_a_broker_that_is_back_for_a_minute_ends_the_outage_with_all_that_was_tried(box: Box) -> None:
    box.wait(4.5)
    box.wait(0.1, online=True)
    (ended,) = box.ended
    assert [tried.step for tried in ended.tried].count("reset") == 1
    assert [tried.after_s for tried in ended.tried][:2] == [3600, 7200]
    box.wait(0.9)
    assert len(box.done) == len(ended.tried), "a new outage begins at zero"


def test_a_session_of_seconds_ends_nothing(box: Box) -> None:
    for _ in range(5):
        box.wait(1)
        box.wait(1 / 60, online=True)
    assert box.ended == []
    assert box.times(RecoveryStep.RESET) == pytest.approx([4], abs=0.1)


def test_a_box_that_never_had_a_broker_is_left_alone() -> None:
    box = Box()
    box.wait(30)
    assert (box.done, box.ladder.is_out) == ([], False)


def test_a_restart_of_the_agent_goes_on_counting_and_acts_after_a_while(box: Box) -> None:
    box.wait(3)
    box.start("boot-1", box.mono + 10 * HOUR_S)  # somebody had stopped it
    before = len(box.done)
    box.wait(GRACE_S / HOUR_S - 1 / 60)
    assert len(box.done) == before
    box.wait(0.1)
    assert box.done[before:][0][1] is RecoveryStep.REBOOT
    assert box.done[before][0] == pytest.approx(13.2, abs=0.1)


def test_after_a_reboot_the_steps_begin_anew_and_the_time_without_a_broker_is_added_up(box: Box) -> None:
    box.wait(12)
    box.outage.tried[-1] = msgspec.structs.replace(box.outage.tried[-1], step="reboot", outcome="asked")
    before = len(box.done)
    box.start("boot-2", mono=30.0)
    assert box.outage.tried[-1].outcome == "done", "it was asked for, and here we are"
    box.wait(3)
    assert {step for _, step in box.done[before:]} == {RecoveryStep.RECONNECT}
    assert box.ladder.outage_s(box.mono) == pytest.approx(15 * HOUR_S, rel=0.01)
    box.wait(0.1, online=True)
    assert box.ended[0].before_s == pytest.approx(12 * HOUR_S, rel=0.01)


def test_who_asked_root_and_was_restarted_has_no_answer(box: Box) -> None:
    box.wait(0.5)
    box.ladder.note(RecoveryStep.RESET, RecoveryOutcome.ASKED, "", box.mono, AT)
    box.start("boot-1")
    assert box.outage.tried[-1].outcome == "no-answer"


def test_an_answer_takes_the_place_of_the_question_and_what_is_held_again_of_what_was_held(box: Box) -> None:
    box.wait(0.5)
    asked, refused, held, done = map(RecoveryOutcome, ("asked", "refused", "held", "done"))
    for outcome in (asked, refused, held, held, asked, done):
        box.ladder.note(RecoveryStep.RESET, outcome, "", box.mono, AT)
    assert [tried.outcome for tried in box.outage.tried] == ["refused", "held", "done"]


def test_a_week_is_remembered_by_its_last_steps(box: Box) -> None:
    box.wait(100)
    assert len(box.outage.tried) == MAX_ATTEMPTS
    assert box.outage.left_out == len(box.done) - MAX_ATTEMPTS


def test_a_step_that_is_off_never_comes() -> None:
    box = Box(every_s={RecoveryStep.RECONNECT: HOUR_S})
    box.wait(0.1, online=True)
    box.wait(30)
    assert {step for _, step in box.done} == {RecoveryStep.RECONNECT}


def test_steps_that_are_switched_off_and_on_in_an_outage_take_effect_at_the_next_start(box: Box) -> None:
    box.wait(3)
    box.every_s = {RecoveryStep.RECONNECT: HOUR_S, RecoveryStep.RESET: 4 * HOUR_S}
    box.start("boot-1")
    box.wait(12)
    assert box.times(RecoveryStep.RESET) == [4, 8, 12]
    assert box.times(RecoveryStep.REBOOT) == []
    box.every_s = EVERY_S
    box.start("boot-1")
    box.wait(12)
    assert box.times(RecoveryStep.REBOOT) == [27]
