"""Today's number of crossings: reported in time, stored over restarts, and correct whatever the clock
does."""

from __future__ import annotations

import json
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.core.facts import LineCountsObservation
from edge_agent.rules.lines import MAX_DAYS, LineCounts
from tests.rules.test_lines import RULE, SITE

EVENING = datetime.fromisoformat("2026-11-24T20:00:00+07:00").astimezone(UTC)
TODAY, TOMORROW = "2026-11-24", "2026-11-25"


class Rig:
    """The counts of one rule on a gateway whose clock can be set: ``mono`` runs on, ``wall`` is the set
    time."""

    def __init__(self, folder: Path | None = None, wall: datetime = EVENING, mono: float = 100.0) -> None:
        self.folder = folder
        self.mono, self.wall = mono, wall
        self.reported: list[LineCountsObservation] = []
        self.start()

    def start(self) -> None:
        """The agent starts. Without ``finish`` before, it was killed."""
        self.counts = LineCounts(RULE, SITE, self.folder)

    def set_clock(self, local: str) -> None:
        self.wall = datetime.fromisoformat(f"{local}+07:00").astimezone(UTC)

    def frame(
        self, after_s: float = 1.0, crossing: int = 0, direction: str = "a-to-b"
    ) -> list[LineCountsObservation]:
        self.mono += after_s
        self.wall += timedelta(seconds=after_s)
        self.counts.begin_frame(self.wall, self.mono)
        for _ in range(crossing):
            self.counts.add(direction, "motorcycle")  # type: ignore[arg-type]
        return self._take()

    def finish(self) -> list[LineCountsObservation]:
        self.counts.finish()
        return self._take()

    def _take(self) -> list[LineCountsObservation]:
        observations = list(self.counts.report())
        self.reported += observations
        return observations


def numbers(observations: list[LineCountsObservation]) -> list[tuple[str, int, int]]:
    return [(each.day, sum(each.a_to_b.values()), sum(each.b_to_a.values())) for each in observations]


def test_they_are_reported_once_a_minute_while_a_person_crosses() -> None:
    rig = Rig()
    observations = [each for _ in range(181) for each in rig.frame(crossing=1)]
    assert [each.to_mono - each.from_mono for each in observations] == [60.0, 60.0, 60.0]
    assert numbers(observations) == [(TODAY, 61, 0), (TODAY, 121, 0), (TODAY, 181, 0)]


def test_what_waits_is_reported_although_the_scene_goes_quiet() -> None:
    rig = Rig()
    rig.frame(crossing=2)
    rig.frame(10.0, crossing=1, direction="b-to-a")
    observations = [each for _ in range(40) for each in rig.frame(4.0)]  # keyframes of an idle camera
    assert numbers(observations) == [(TODAY, 2, 1)]


def test_at_midnight_the_day_is_reported_once_more_and_the_next_begins_with_0() -> None:
    rig = Rig()
    rig.set_clock("2026-11-24T23:58:58")
    rig.frame(crossing=5)
    rig.frame(59.0, crossing=1)
    rig.frame(1.0, crossing=1)
    (final,) = rig.frame(4.0)
    midnight_mono = rig.mono - 3.0
    assert numbers([final]) == [(TODAY, 7, 0)]
    assert final.to_mono == pytest.approx(midnight_mono), "when it was midnight, not when the next frame came"
    assert numbers([each for _ in range(20) for each in rig.frame(4.0, crossing=1)]) == [(TOMORROW, 15, 0)]


def test_a_day_without_crossings_is_not_reported() -> None:
    rig = Rig()
    assert [each for _ in range(48) for each in rig.frame(3600.0)] == []


def test_after_kill_9_at_most_what_was_not_reported_yet_is_lost(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    rig.frame(crossing=3)
    rig.frame(60.0)
    rig.frame(crossing=2)  # within the minute
    rig.start()
    rig.frame(crossing=1)
    assert numbers(rig.frame(60.0)) == [(TODAY, 4, 0)]


def test_they_are_on_the_disk_before_they_are_reported(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    rig.frame(crossing=3)
    rig.mono += 60.0
    rig.counts.begin_frame(rig.wall, rig.mono)
    reported = next(rig.counts.report())
    kept = json.loads((tmp_path / "line-counts-lane-count.json").read_text())
    assert kept["days"][reported.day]["a_to_b"] == reported.a_to_b == {"motorcycle": 3}


def test_a_card_is_written_to_once_a_minute_at_most(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[float] = []
    rig = Rig(tmp_path)
    monkeypatch.setattr("edge_agent.rules.lines.write_record", lambda path, record: written.append(rig.mono))
    for _ in range(3000):
        rig.frame(0.2, crossing=1)
    for _ in range(100):
        rig.frame(4.0)
    assert len(written) == 10


def test_observations_that_were_not_stored_are_reported_but_not_counted_again(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    rig.frame(crossing=3)
    rig.mono += 60.0
    rig.counts.begin_frame(rig.wall, rig.mono)
    untaken = rig.counts.report()
    first = next(untaken)
    untaken.close()  # type: ignore[attr-defined]  # the sink failed
    assert rig.frame(crossing=1) == [first]
    assert numbers(rig.frame(60.0)) == [(TODAY, 4, 0)]


def test_without_a_folder_nothing_is_kept_and_a_bad_file_is_no_end(tmp_path: Path) -> None:
    (tmp_path / "line-counts-lane-count.json").write_text('{"line": "lane", "day": 7')
    (tmp_path / "file").touch()
    for folder in (None, tmp_path, tmp_path / "file" / "no-folder"):
        rig = Rig(folder)
        rig.frame(crossing=1)
        assert numbers(rig.frame(60.0)) == [(TODAY, 1, 0)]


def test_the_folder_of_a_new_camera_is_made(tmp_path: Path) -> None:
    rig = Rig(tmp_path / "cameras" / "cam-1")
    rig.frame(crossing=1)
    rig.finish()
    rig.start()
    rig.frame(crossing=1)
    assert numbers(rig.finish()) == [(TODAY, 2, 0)]


def test_another_line_under_the_same_rule_starts_again(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    rig.frame(crossing=3)
    rig.finish()
    other = LineCounts(replace(RULE, line=replace(RULE.line, id="other")), SITE, tmp_path)
    other.begin_frame(rig.wall, rig.mono)
    other.add("a-to-b", "motorcycle")
    other.finish()
    assert numbers(list(other.report())) == [(TODAY, 1, 0)]


def test_the_day_before_a_night_without_power_is_reported_in_the_morning(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    rig.frame(crossing=3)
    rig.finish()
    rig.start()
    rig.set_clock("2026-11-25T06:00:00")
    assert numbers(rig.frame()) == [(TODAY, 3, 0)]
    rig.frame(crossing=1)
    assert numbers(rig.frame(60.0)) == [(TOMORROW, 1, 0)]


def test_a_box_that_boots_in_1970_finds_its_day_again_when_the_clock_is_set(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    rig.frame(crossing=40)
    rig.finish()
    rig.start()
    rig.wall = datetime(1970, 1, 1, tzinfo=UTC)
    rig.frame(crossing=2)
    rig.set_clock("2026-11-24T21:00:00")
    observations = [*rig.frame(), *rig.frame(crossing=1), *rig.frame(60.0)]
    assert numbers(observations) == [("1970-01-01", 2, 0), (TODAY, 41, 0)]


def test_a_clock_that_is_a_month_ahead_for_a_while_does_not_reset_today() -> None:
    rig = Rig()
    rig.frame(crossing=10)
    rig.set_clock("2026-12-24T20:00:00")
    rig.frame(crossing=1)
    rig.set_clock("2026-11-24T20:10:00")
    rig.frame(crossing=1)
    assert numbers(rig.frame(60.0)) == [(TODAY, 11, 0)]


def test_the_file_stays_small(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    for _ in range(40):
        rig.frame(86400.0, crossing=1)
    rig.finish()
    kept = json.loads((tmp_path / "line-counts-lane-count.json").read_text())
    assert len(kept["days"]) == MAX_DAYS


steps = st.lists(
    st.one_of(
        st.tuples(st.just("frame"), st.floats(0.2, 90.0), st.integers(0, 3)),
        st.tuples(st.just("clock"), st.floats(-2 * 86400.0, 2 * 86400.0), st.just(0)),
        st.tuples(st.just("restart"), st.just(0.0), st.just(0)),
    ),
    max_size=60,
)


@settings(max_examples=200, deadline=None)
@given(steps)
def test_whatever_the_clock_does_each_crossing_is_reported_on_one_day_and_no_day_ever_falls(
    script: list[tuple[str, float, int]],
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        rig = Rig(Path(folder))
        counted: Counter[str] = Counter()
        for what, amount, crossing in script:
            if what == "frame":
                rig.frame(amount, crossing)
                counted[rig.wall.astimezone(SITE).date().isoformat()] += crossing
            elif what == "clock":  # over fewer days than are kept
                wall = rig.wall + timedelta(seconds=amount)
                rig.wall = max(EVENING - timedelta(days=3), min(wall, EVENING + timedelta(days=3)))
            else:
                rig.finish()
                rig.start()
        rig.finish()
    last: dict[str, int] = {}
    for day, reported, _ in numbers(rig.reported):
        assert reported >= last.get(day, 0)
        last[day] = reported
    assert last == {day: n for day, n in counted.items() if n}


def intervals(observations: list[LineCountsObservation]) -> Iterator[tuple[float, float]]:
    return ((each.from_mono, each.to_mono) for each in observations)


@given(st.lists(st.tuples(st.floats(0.2, 90.0), st.integers(0, 2)), max_size=60))
def test_the_intervals_follow_each_other_without_a_gap(script: list[tuple[float, int]]) -> None:
    rig = Rig()
    for after_s, crossing in script:
        rig.frame(after_s, crossing)
    end = None
    for begin, following in intervals(rig.reported):
        assert end is None or begin == end
        assert following >= begin
        end = following
