"""The masks of a camera in ``set-rule``, with faked parts of the agent."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from edge_agent.commands.action import CommandFailed, CommandRefused, CommandSucceeded
from edge_agent.commands.handlers.configuration.configured_rules import RulesCommand
from edge_agent.config.model.camera import Camera
from edge_agent.core.problems import problem_of
from edge_agent.events.explanations import rule_change_line
from edge_agent.wire import NoArguments
from tests.commands.contexts import GivenContext
from tests.commands.test_set_rule import KEY, LONGER, WITH_RULES, RuleSite, assert_refused

CLOCK = [[0.0, 0.0], [0.3, 0.0], [0.3, 0.05]]
WINDOW = [[0.8, 0.0], [1.0, 0.0], [1.0, 0.05]]
ALL = [[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]]
WITH_MASKS = WITH_RULES.replace("    zones:\n", f"    masks: [{CLOCK}]\n    zones:\n")


@pytest.fixture
def site(tmp_path: Path) -> RuleSite:
    (tmp_path / "edge-agent.yaml").write_text(WITH_MASKS)
    return RuleSite(tmp_path)


def masks(*ignored: list[list[float]], private: list[list[list[float]]] | None = None) -> dict[str, Any]:
    return {"masks": list(ignored), "privacy_masks": private or []}


def camera(site: RuleSite) -> Camera:
    return site.settings.cameras[0]


def counts(site: RuleSite) -> tuple[int, int]:
    return len(camera(site).masks), len(camera(site).privacy_masks)


def codes(site: RuleSite) -> list[str]:
    texts = [each.text for each in site.answers if isinstance(each, CommandSucceeded)]
    return [problem.code for text in texts if (problem := problem_of(text)) is not None]


def reported(site: RuleSite) -> dict[str, Any]:
    result = RulesCommand(site.path).run(GivenContext("c-1", NoArguments())).result
    found: dict[str, Any] = result["cameras"]["cam-1"]
    return found


def test_all_masks_of_the_camera_are_replaced_for_good(site: RuleSite) -> None:
    before = site.settings.config_hash
    site.set_for_good(masks=masks(WINDOW, private=[CLOCK]))
    assert codes(site) == ["masks-in-force"]
    site.start()
    assert [list(map(list, each)) for each in camera(site).masks] == [WINDOW]
    assert [list(map(list, each)) for each in camera(site).privacy_masks] == [CLOCK]
    assert site.settings.config_hash != before
    assert [rule.id for rule in camera(site).rules] == ["night", "gate"], "rules stay as they are"


def test_the_event_says_what_is_masked_from_now_on_and_who_signed(site: RuleSite) -> None:
    site.set(masks=masks(CLOCK, WINDOW))
    (change,) = site.reports
    assert (change.camera, change.rule, change.what, change.by.signed_by) == ("cam-1", None, "set", KEY)
    assert change.masks is not None
    assert len(change.masks.ignored) == 2
    assert "2 not analysed, 0 blacked out" in str(rule_change_line(change))


def test_removing_the_last_mask_is_a_change_too(site: RuleSite) -> None:
    site.set_for_good(masks=masks())
    site.start()
    assert counts(site) == (0, 0)


def test_a_reset_takes_the_masks_back_to_the_configuration(site: RuleSite) -> None:
    before = site.settings.config_hash
    site.set_for_good(masks=masks())
    site.set_for_good("set-2", reset_masks=True)
    assert codes(site) == ["masks-in-force", "masks-reset-done"]
    assert site.settings.config_hash == before
    assert [each.what for each in site.reports] == ["set", "reset"]
    with pytest.raises(CommandRefused, match="as configured"):
        site.set("set-3", reset_masks=True)


def test_the_reply_names_the_rules_that_see_nothing_any_more(site: RuleSite) -> None:
    site.set_for_good(masks=masks(ALL))
    (answer,) = site.answers
    assert isinstance(answer, CommandSucceeded)
    assert "by the rules night, gate" in answer.text


def test_health_names_the_rules_that_see_nothing_as_switched_off(site: RuleSite) -> None:
    site.set_for_good(masks=masks(CLOCK, WINDOW))
    assert site.command.switched_off() == []
    site.set_for_good("set-2", masks=masks(ALL))
    named = [(each.camera, each.rule) for each in site.command.switched_off()]
    assert named == [("cam-1", "night"), ("cam-1", "gate")]
    site.edit(WITH_MASKS.replace("cam-1", "cam-9"))
    assert site.command.switched_off() == [], "the camera is gone"


def test_changed_rules_and_changed_masks_leave_each_other_alone(site: RuleSite) -> None:
    site.set_for_good(rule=LONGER)
    site.set_for_good("set-2", masks=masks())
    assert (site.lasts_s, counts(site)) == (120, (0, 0))
    site.set_for_good("set-3", reset="night")
    assert (site.lasts_s, counts(site)) == (60, (0, 0))
    site.set_for_good("set-4", rule=LONGER)
    site.set("set-5", reset_masks=True)
    assert (site.lasts_s, counts(site)) == (120, (1, 0))


def test_a_private_area_stays_black_while_the_changed_rules_do_not_fit_the_file(site: RuleSite) -> None:
    site.set_for_good(rule=LONGER)
    site.set_for_good("set-2", masks=masks(private=[WINDOW]))
    site.edit(WITH_MASKS.replace("yard", "court"))
    assert counts(site) == (0, 1)
    assert site.lasts_s == 60
    assert "zone" in " ".join(site.source.lines())
    assert reported(site)["configured_masks"] == masks(CLOCK)
    report = site.check()
    assert "are not in force: cam-1/night: " in report
    assert "replace those of this file: cam-1: masks" in report
    site.edit(WITH_MASKS)
    assert (site.lasts_s, counts(site)) == (120, (0, 1))


@pytest.mark.parametrize("change", [{"masks": masks(ALL)}, {"reset_masks": True}])
def test_masks_wait_for_changed_rules_that_do_not_fit_and_the_reply_says_what_to_do(
    site: RuleSite, change: dict[str, Any]
) -> None:
    site.set_for_good(rule=LONGER)
    site.set_for_good("set-2", masks=masks(private=[WINDOW]))
    site.edit(WITH_MASKS.replace("yard", "court"))
    with pytest.raises(CommandRefused, match=r"reset=RULE \(changed are cam-1/night\)") as refused:
        site.set("set-3", **change)
    assert "yard" in str(refused.value)
    site.set_for_good("set-4", reset="night")
    site.set_for_good("set-5", **change)
    assert counts(site) == (1, 0)


def test_several_changed_rules_that_do_not_fit_are_taken_back_one_after_the_other(site: RuleSite) -> None:
    changes: list[dict[str, Any]] = [{"rule": LONGER}, {"rule": LONGER | {"id": "second"}}]
    for number, change in enumerate([*changes, {"masks": masks()}]):
        site.set_for_good(f"set-{number}", **change)
    site.edit(WITH_MASKS.replace("yard", "court"))
    with pytest.raises(CommandRefused, match=r"changed are cam-1/night, cam-1/second\)"):
        site.set("set-3", rule=LONGER | {"id": "third", "zone": "court"})
    site.set_for_good("set-4", reset="night")
    site.start()
    assert list(site.source.lines()), "health says that the second one does not fit"
    assert (site.lasts_s, counts(site)) == (60, (0, 0)), "the changed masks stay in force"
    site.set_for_good("set-5", reset="second")
    site.start()
    assert list(site.source.lines()) == []
    assert (site.lasts_s, counts(site)) == (60, (0, 0))
    site.set("set-6", rule=LONGER | {"zone": "court"})
    assert site.lasts_s == 120


def test_without_the_broker_the_masks_of_before_are_back_and_an_event_says_so(site: RuleSite) -> None:
    site.set(masks=masks(ALL))
    site.online = False
    site.pass_s(61)
    (answer,) = site.answers
    assert isinstance(answer, CommandFailed)
    assert [list(map(list, each)) for each in camera(site).masks] == [CLOCK]
    assert [(each.rule, each.what) for each in site.reports] == [(None, "set"), (None, "reverted")]
    assert "masks was undone: within 60 s" in str(rule_change_line(site.reports[1]))


def test_the_reply_to_rules_has_both_the_changed_masks_and_the_configured_ones(site: RuleSite) -> None:
    assert "configured_masks" not in reported(site)
    site.set_for_good(masks=masks(WINDOW))
    found = reported(site)
    assert found["masks"] == [WINDOW]
    assert found["configured_masks"] == masks(CLOCK)


def test_a_reply_that_was_lost_is_sent_again_also_when_the_camera_is_gone(site: RuleSite) -> None:
    given = site.given(masks=masks(WINDOW))
    site.command.run(given)
    site.pass_s(12)
    site.edit(WITH_MASKS.replace("cam-1", "cam-9"))
    assert isinstance(site.command.resume(given), CommandSucceeded)


def test_check_names_the_changed_masks(site: RuleSite) -> None:
    site.set_for_good(masks=masks(WINDOW))
    assert "replace those of this file: cam-1: masks, privacy_masks" in site.check()


@pytest.mark.parametrize(
    ("args", "says", "code"),
    [
        ({"masks": masks([[0, 0], [1, 1], [1, 0], [0, 1]])}, "crosses itself", "bad-arguments"),
        ({"masks": masks(CLOCK), "config_hash": "0" * 64}, "has changed since", "outdated"),
        ({"masks": masks(CLOCK), "camera": "cam-7"}, "cam-7", "not-possible"),
        ({"masks": masks(CLOCK), "reset_masks": True}, "exactly one", "bad-arguments"),
        ({"masks": masks(CLOCK), "reset": "night"}, "exactly one", "bad-arguments"),
        ({"reset_masks": True}, "as configured", "not-possible"),
        ({"masks": masks(*[ALL] * 2_000)}, "at most 64000", "not-possible"),
    ],
    ids=["crossing", "other-hash", "no-camera", "both", "a-rule-too", "unchanged", "large"],
)
def test_what_is_wrong_changes_nothing(site: RuleSite, args: dict[str, Any], says: str, code: str) -> None:
    assert_refused(site, args, says, code)
