"""When the figures refuse a switch, and when the counts of a new model break."""

from __future__ import annotations

import msgspec
import pytest

from edge_agent.detection.shadow import SeenObjects
from edge_agent.model_release.agreement import shares_of, switch_refusal
from edge_agent.model_release.record import DetectionRates, ProbationCounts, rate_deviation
from edge_agent.wire import ShadowCamera, ShadowGroup, ShadowReport

HOUR = 8


def report(
    *cameras: tuple[int, int, int], in_force_ms: float = 3.0, new_ms: float = 3.0, group: str = "person"
) -> ShadowReport:
    """Per camera: objects of both, only of the model in force, only of the new one."""
    return ShadowReport(
        in_force_sha256=None,
        in_force_ms=in_force_ms,
        new_ms=new_ms,
        cameras={
            f"cam-{number}": ShadowCamera(
                frames=50, groups={group: ShadowGroup(both=both, only_in_force=old, only_new=new)}
            )
            for number, (both, old, new) in enumerate(cameras, 1)
        },
    )


@pytest.mark.parametrize(
    ("figures", "why"),
    [
        (report((90, 20, 60)), None),
        (report((90, 20, 60), (0, 20, 0)), None),  # too few objects at the second camera to judge it alone
        (report(), "only 0 objects"),
        (report((60, 20, 900)), "only 80 objects"),
        (report((50, 60, 0)), "agree on 0.45"),
        (report((90, 20, 400)), "the new model alone detects 3.6 objects"),
        (report((900, 20, 0), (30, 90, 0)), "cam-2: the two models agree on 0.25"),
        (report((90, 20, 60), new_ms=30.0), "takes 30 ms"),
    ],
)
def test_figures_that_keep_a_model_out_of_force(figures: ShadowReport, why: str | None) -> None:
    reported = switch_refusal(figures)
    assert reported is None if why is None else reported is not None and why in reported


def groups_report(**groups: tuple[int, int, int]) -> ShadowReport:
    """One camera; per group: objects of both, only of the model in force, only of the new one."""
    counts = {
        name.replace("_", "-"): ShadowGroup(both=both, only_in_force=old, only_new=new)
        for name, (both, old, new) in groups.items()
    }
    return ShadowReport(in_force_sha256=None, cameras={"cam-1": ShadowCamera(frames=900, groups=counts)})


@pytest.mark.parametrize(
    ("night", "why"),
    [
        ({"person": (0, 60, 0), "vehicle": (20, 40, 0)}, "from 20:00 to 5:00 the two models agree on 0.17"),
        ({"person": (0, 120, 0), "vehicle": (900, 0, 0)}, "group person: from 20:00 to 5:00"),
        ({"person": (0, 99, 0)}, None),
        ({"person": (60, 60, 0)}, None),
    ],
)
def test_a_model_that_sees_too_little_at_night_is_kept_out_of_force(
    night: dict[str, tuple[int, int, int]], why: str | None
) -> None:
    by_night = groups_report(**night).cameras["cam-1"].groups
    figures = msgspec.structs.replace(groups_report(person=(2600, 60, 20)), night=by_night)
    reported = switch_refusal(figures)
    assert reported is None if why is None else reported is not None and why in reported


@pytest.mark.parametrize(
    ("person", "why"),
    [
        ((0, 900, 0), "group person: the two models agree on 0.00"),
        ((0, 99, 0), None),  # too few objects to judge the group alone
        ((30, 68, 101), None),  # the two models classify walkers and riders differently
    ],
)
def test_a_model_that_misses_a_group_is_kept_out_of_force(
    person: tuple[int, int, int], why: str | None
) -> None:
    reported = switch_refusal(groups_report(vehicle=(2600, 60, 20), person=person))
    assert reported is None if why is None else reported is not None and why in reported


@pytest.mark.parametrize(
    ("groups", "shares"),
    [
        # riders that the model in force took for walkers
        ({"person": (10, 80, 0), "two_wheeler": (30, 0, 80)}, {"person": 10 / 120, "two-wheeler": 110 / 120}),
        # persons whom the new model does not see at all
        ({"person": (10, 80, 0), "two_wheeler": (30, 0, 0)}, {"person": 90 / 120, "two-wheeler": 30 / 120}),
        # both: half of the walkers are riders now, the others are missing
        ({"person": (10, 80, 0), "two_wheeler": (30, 0, 40)}, {"person": 50 / 120, "two-wheeler": 70 / 120}),
        # the new model sees more
        ({"person": (60, 0, 40)}, {"person": 1.0}),
        # too few objects
        ({"person": (20, 10, 19)}, None),
    ],
)
def test_what_a_new_model_misses_stays_expected(
    groups: dict[str, tuple[int, int, int]], shares: dict[str, float] | None
) -> None:
    found = shares_of(groups_report(**groups))
    assert found == ({} if shares is None else {"cam-1": pytest.approx(shares)})


def minute(inferences: int = 20, **objects: int) -> dict[str, SeenObjects]:
    groups = {name.replace("_", "-"): count for name, count in objects.items()}
    return {"cam-1": SeenObjects(inferences, groups)}


def known(**objects: int) -> DetectionRates:
    """An hour of the previous model."""
    rates = DetectionRates()
    for _ in range(60):
        rates.add(HOUR, minute(**objects))
    return rates


SHARES = {"cam-1": {"person": 0.8, "two-wheeler": 0.2}}


@pytest.mark.parametrize(
    ("before", "after", "minutes", "shares", "why"),
    [
        ({"person": 40}, {"person": 40}, 60, {}, None),
        ({"person": 40}, {"person": 90}, 60, {}, None),  # a better model finds more
        ({"person": 40}, {}, 30, {}, "cam-1: 0 objects, under a third of the 1200 expected"),
        ({"person": 40}, {}, 29, {}, None),  # too early
        ({"person": 2}, {}, 30, {}, None),  # too few to be sure
        ({"person": 40}, {"person": 130}, 30, {}, "over three times the 1200"),
        ({}, {"vehicle": 1}, 59, {}, None),  # a truck that is rarely seen
        ({}, {"vehicle": 10}, 30, {}, "cam-1: 300 objects, over three times the 0 expected"),
        ({"person": 40, "vehicle": 20}, {"person": 60}, 30, {}, "0 objects of the group vehicle"),
        ({"two_wheeler": 40}, {"person": 32, "two_wheeler": 8}, 60, {}, "group person"),
        (
            {"two_wheeler": 40},
            {"person": 32, "two_wheeler": 8},
            60,
            SHARES,
            None,
        ),  # the shares of shadow mode
    ],
)
def test_counts_that_break(
    before: dict[str, int],
    after: dict[str, int],
    minutes: int,
    shares: dict[str, dict[str, float]],
    why: str | None,
) -> None:
    rates, cameras = known(**before), dict[str, ProbationCounts]()
    for _ in range(minutes):
        rates.observe(HOUR, minute(**after), cameras, shares)
    reported = rate_deviation(cameras)
    assert reported is None if why is None else reported is not None and why in reported


def test_nothing_is_expected_of_an_hour_that_is_not_known() -> None:
    rates, cameras = known(person=40), dict[str, ProbationCounts]()
    rates.observe(HOUR + 1, minute(), cameras, {})
    assert cameras == {}


def test_days_fade_and_a_camera_that_is_gone_is_forgotten() -> None:
    rates = known(person=40)
    assert not rates.add(HOUR, {})
    for _ in range(2):
        assert rates.add(HOUR + 1, {})
        assert rates.add(HOUR, {})
    assert rates.cameras["cam-1"][HOUR].inferences == 300
    for _ in range(20):
        rates.add(HOUR + 1, {})
        rates.add(HOUR, {})
    assert rates.cameras == {}
