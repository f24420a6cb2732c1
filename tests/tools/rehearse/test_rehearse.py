"""What a rehearsal counts, how it compares with the rule in force, and ``edge-agent rehearse`` as typed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from edge_agent.config.draft import read_draft
from edge_agent.config.model.settings import AnyRule
from edge_agent.config.pushed import ConfigSource
from edge_agent.core.errors import ConfigError
from edge_agent.passages.detail import PassageDetail, encode_detail
from edge_agent.passages.passage import FOLDER, Passage, PathPoint, RuleReport, Side, TimeQuality
from edge_agent.passages.reader import PassageReader, StoredPassage
from edge_agent.tools.rehearse.run import Pace, Rehearsal, RehearsalPlan, rehearse
from edge_agent.wire import RehearsalResult
from edge_agent.wire.json_schema import schema_of
from tests.outbox.parts import HandClock
from tests.passages.parts import passage, store
from tests.testbed.agent import write_config
from tests.tools.replay.command import edge_agent

SITE = ZoneInfo("Asia/Ho_Chi_Minh")
MONDAY = datetime(2026, 11, 23, 0, tzinfo=SITE)
YARD = {"yard": {"polygon": [[0.3, 0.3], [0.7, 0.3], [0.7, 0.9], [0.3, 0.9]]}}
RULE = {"id": "yard", "kind": "zone-intrusion", "zone": "yard", "cooldown_s": 0}
CAMERA = {
    "id": "cam-1",
    "url": "rtsp://127.0.0.1/1",
    "zones": YARD,
    "lines": {"middle": {"from": [0.5, 0.0], "to": [0.5, 1.0]}},
    "rules": [RULE],
}
KINDS = (
    RULE,
    {"id": "stay", "kind": "loitering", "zone": "yard", "min_duration_s": 3},
    {"id": "cross", "kind": "line-crossing", "line": "middle"},
    {"id": "stop", "kind": "stopped-vehicle", "zone": "yard", "still_s": 5},
    {"id": "way", "kind": "wrong-way", "zone": "yard", "arrow": {"from": [0.7, 0.5], "to": [0.3, 0.5]}},
    {"id": "crowd", "kind": "crowding", "zone": "yard", "count": 2, "min_duration_s": 1},
)


def crossing(number: int, at: datetime, *, speed: float = 1.0, **fields: object) -> Passage:
    """A person who walks from the left to the right at that time of the site, as ``stored_at`` writes it."""
    started = at.timestamp() - MONDAY.timestamp()
    whole_s = 12.0 / speed
    path = tuple(PathPoint(n * whole_s / 12, n / 12, 0.6) for n in range(13))
    return passage(
        number, started, ended_mono=started + whole_s, path=path, reports=(), exit=Side.RIGHT, **fields
    )


def stored(folder: Path, passages: Sequence[Passage], *, synced: bool = True) -> Path:
    """Write a configuration and rows, whose monotonic time 0 is on Monday. Returns the configuration."""
    config = write_config(folder, cameras=[CAMERA])
    rows = store(folder / "state", HandClock(0.0, MONDAY.astimezone(UTC)), max_age_days=30)
    rows.write(passages, synced=synced)
    rows.close()
    return config


def rule(config: Path, written: dict[str, Any]) -> AnyRule:
    source = ConfigSource(config, no_secrets=True)
    source.load()
    return read_draft(source, "cam-1", json.dumps(written).encode(), "draft").rule


def result(
    config: Path, draft: dict[str, Any], present: dict[str, Any] | None = None, **more: Any
) -> RehearsalResult:
    plan = RehearsalPlan(
        "cam-1",
        rule(config, draft),
        None if present is None else rule(config, present),
        MONDAY,
        MONDAY + timedelta(days=7),
        SITE,
        frozenset(),
        **more,
    )
    return rehearse(PassageReader(config.parent / "state"), plan)


def test_reports_are_counted_by_hour_and_weekday_of_the_site(tmp_path: Path) -> None:
    times = [MONDAY + timedelta(hours=hours) for hours in (7, 7.5, 22, 31)]
    found = result(stored(tmp_path, [crossing(n, at) for n, at in enumerate(times)]), RULE)
    assert (found.passages, found.used, found.draft.reports, found.draft.objects) == (4, 4, 4, 4)
    assert {hour: count for hour, count in enumerate(found.draft.by_hour) if count} == {7: 3, 22: 1}
    assert found.draft.by_weekday == [3, 1, 0, 0, 0, 0, 0]
    assert found.draft.by_day == {"2026-11-23": 3, "2026-11-24": 1}
    assert found.draft.by_group == {"person": 4}


def test_a_schedule_is_judged_at_the_time_of_the_passage(tmp_path: Path) -> None:
    times = [MONDAY + timedelta(hours=hours) for hours in (21.9, 22.1, 28.9, 29.1)]
    night = RULE | {"schedule": {"days": ["mon"], "from": "22:00", "to": "05:00"}}
    found = result(stored(tmp_path, [crossing(n, at) for n, at in enumerate(times)]), night)
    assert {hour: count for hour, count in enumerate(found.draft.by_hour) if count} == {4: 1, 22: 1}


def test_a_least_score_and_an_excluded_part_are_judged_by_the_rows(tmp_path: Path) -> None:
    """Four with a score of 0.55 and two with 0.9; every second one walks through the lower part."""
    rows = [crossing(n, MONDAY + timedelta(minutes=2 * n), score=0.9 if n > 3 else 0.55) for n in range(6)]
    rows = [
        replace(each, path=tuple(PathPoint(t, x, y + 0.2 * (n % 2)) for t, x, y in each.path))
        for n, each in enumerate(rows)
    ]
    config = stored(tmp_path, rows)
    lower = [[0.0, 0.7], [1.0, 0.7], [1.0, 0.9], [0.0, 0.9]]
    excluding = {"zones": {"part": {**YARD["yard"], "exclude": [lower]}}, "rules": [RULE | {"zone": "part"}]}
    assert result(config, RULE).draft.objects == 6
    assert result(config, RULE | {"min_score": 0.6}).draft.objects == 2
    assert result(config, RULE | {"min_score": 0.95}).draft.objects == 0
    found = result(config, excluding, RULE)
    assert (found.both, found.only_draft, found.only_in_force) == (3, 0, 3)


def test_the_cooldown_holds_between_two_passages(tmp_path: Path) -> None:
    times = [MONDAY + timedelta(seconds=seconds) for seconds in (0, 30, 120)]
    config = stored(tmp_path, [crossing(n, at) for n, at in enumerate(times)])
    assert result(config, RULE | {"cooldown_s": 60}).draft.reports == 2


def test_the_rule_in_force_is_rehearsed_beside_the_draft(tmp_path: Path) -> None:
    """The draft demands 6 s in the zone: only the slow ones stay that long. Live had reported two."""
    fast = [crossing(n, MONDAY + timedelta(minutes=n)) for n in range(5)]
    slow = [crossing(9 + n, MONDAY + timedelta(minutes=30 + n), speed=0.5) for n in range(3)]
    reported = [replace(each, reports=(RuleReport("yard", 4.0),)) for each in fast[:2]]
    config = stored(tmp_path, [*reported, *fast[2:], *slow])
    found = result(config, RULE | {"min_duration_s": 6}, RULE, examples=24)
    assert found.in_force is not None
    assert (found.draft.reports, found.in_force.reports, found.live) == (3, 8, 2)
    assert (found.both, found.only_draft, found.only_in_force) == (3, 0, 5)
    assert [each.by for each in found.examples] == ["in-force"] * 5 + ["both"] * 3
    assert all(each.picture for each in found.examples)
    assert found.examples[0].time == "2026-11-22T17:00:04.600Z", "when it would have been reported"


def test_crossings_are_counted_also_when_only_one_direction_is_reported(tmp_path: Path) -> None:
    config = stored(tmp_path, [crossing(n, MONDAY + timedelta(minutes=n)) for n in range(3)])
    count = {"id": "cross", "kind": "line-crossing", "line": "middle", "direction": "a-to-b", "cooldown_s": 0}
    found = result(config, count)
    assert (found.draft.reports, found.draft.a_to_b, found.draft.b_to_a) == (0, 0, 3)
    assert found.accuracy == "close"


def test_several_objects_at_once_are_a_crowd(tmp_path: Path) -> None:
    together = [crossing(n, MONDAY + timedelta(hours=8, seconds=n)) for n in range(3)]
    alone = [crossing(9, MONDAY + timedelta(hours=9))]
    crowd = {"id": "crowd", "kind": "crowding", "zone": "yard", "count": 3, "min_duration_s": 1}
    found = result(stored(tmp_path, [*together, *alone]), crowd, examples=3)
    assert (found.draft.reports, found.draft.objects, found.live) == (1, None, None)
    assert found.draft.by_hour[8] == 1
    assert found.accuracy == "approximate"
    assert len(found.examples) == 1


def test_other_labels_and_places_are_not_used(tmp_path: Path) -> None:
    at = [MONDAY + timedelta(minutes=n) for n in range(3)]
    aside = replace(crossing(2, at[2]), path=(PathPoint(0.0, 0.1, 0.1), PathPoint(12.0, 0.9, 0.1)))
    config = stored(tmp_path, [crossing(0, at[0]), crossing(1, at[1], group="vehicle", label="car"), aside])
    found = result(config, RULE | {"labels": ["person"]})
    assert (found.passages, found.used, found.draft.reports) == (3, 1, 1)


def test_rows_without_a_clock_are_left_out_and_counted(tmp_path: Path) -> None:
    found = result(stored(tmp_path, [crossing(0, MONDAY)], synced=False), RULE)
    assert (found.passages, found.undated, found.draft.reports) == (1, 1, 0)


@pytest.mark.parametrize("written", KINDS, ids=lambda each: each["kind"])
@settings(max_examples=15, deadline=None)
@given(
    rows=st.lists(
        st.tuples(
            st.floats(0, 30),
            st.floats(0, 900),
            st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=16),
        ),
        max_size=4,
    )
)
def test_no_row_ends_a_rehearsal(
    written: dict[str, Any],
    rows: list[tuple[float, float, list[tuple[float, float]]]],
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    config = write_config(tmp_path_factory.mktemp("config"), cameras=[CAMERA])
    plan = RehearsalPlan("cam-1", rule(config, written), None, MONDAY, MONDAY, SITE, frozenset(), fps=1.0)
    passages = [stored_passage(n, *row) for n, row in enumerate(sorted(rows, key=lambda row: row[0]))]
    rehearsal = Rehearsal(plan)
    rehearsal.run(iter(passages))
    assert rehearsal.passages == len(rows)


def stored_passage(
    number: int, start_s: float, whole_s: float, places: list[tuple[float, float]]
) -> StoredPassage:
    points = max(len(places) - 1, 1)
    path = tuple(PathPoint(whole_s * n / points, x, y) for n, (x, y) in enumerate(places))
    whole = passage(number, 0.0, ended_mono=whole_s, path=path, group="vehicle", label="car")
    started_at = MONDAY + timedelta(seconds=start_s)
    detail = PassageDetail(encode_detail(whole), whole_s)
    return StoredPassage(
        number, "cam-1", whole.track, "vehicle", started_at, whole_s, TimeQuality.SYNCED, None, 0.0, detail
    )


def now_passages() -> list[Passage]:
    """Three people who crossed the yard in the last hour."""
    now = datetime.now(UTC)
    return [crossing(n, now - timedelta(minutes=20 + n)) for n in range(3)]


def test_the_command_prints_a_report_of_the_draft_and_the_rule_in_force(tmp_path: Path) -> None:
    config = stored(tmp_path, now_passages())
    draft = tmp_path / "draft.yaml"
    draft.write_text("id: yard\nkind: zone-intrusion\nzone: yard\nmin_duration_s: 20\n")
    code, out, err = edge_agent("rehearse", "cam-1", "--rule", draft, "--config", config)
    assert (code, err) == (0, "")
    assert "3 objects since" in out
    assert "draft     0 reports" in out
    assert "in force  3 reports (3 person)" in out
    assert "only the rule in force 3" in out
    code, out, err = edge_agent("rehearse", "cam-1", "--rule", draft, "--config", config, "--lang", "vi")
    assert (code, err) == (0, "")
    assert "cam-1, quy tắc yard (zone-intrusion), từ " in out
    assert "3 lượt đi qua kể từ" in out
    assert "đang dùng 3 lần báo (3 người)" in out
    assert "chỉ quy tắc đang dùng báo 3" in out
    assert "T2 " in out
    assert "quy tắc nào báo" in out


def test_its_json_matches_its_schema(tmp_path: Path) -> None:
    config = stored(tmp_path, now_passages())
    draft = tmp_path / "draft.yaml"
    draft.write_text("rules: [{id: new, kind: line-crossing, line: middle, cooldown_s: 0}]\n")
    code, out, err = edge_agent(
        "rehearse", "cam-1", "--rule", draft, "--days", "1", "--json", "--config", config
    )
    assert (code, err) == (0, "")
    document = json.loads(out)
    Draft202012Validator(schema_of("rehearsal")).validate(document)
    assert document["draft"]["reports"] == 3
    assert "in_force" not in document


@pytest.mark.parametrize(
    ("words", "text", "code", "says"),
    [
        (("cam-9",), "id: a\nkind: loitering\nzone: yard\n", 2, "no camera cam-9; it has: cam-1"),
        (("cam-1", "--days", "31"), "", 2, "--days 31: 1 to 30"),
        (("cam-1", "--examples", "99"), "", 2, "--examples 99: 0 to 24"),
        (("cam-1",), "id: a\nkind: loitering\nzone: yrad\n", 78, "draft.yaml:3:7: zone: this camera has no"),
        (("cam-1",), "- 1\n", 78, "a drafted rule is one rule"),
        (("cam-1",), "rules: []\n", 78, "a drafted rule is one rule"),
        (("cam-1",), "rules: [{id: a, kind: loitering, zone: yard}]\nurl: x\n", 78, "drafted rule is"),
    ],
)  # fmt: skip
def test_mistakes_are_said(tmp_path: Path, words: tuple[str, ...], text: str, code: int, says: str) -> None:
    config = stored(tmp_path, [])
    draft = tmp_path / "draft.yaml"
    draft.write_text(text)
    ended, out, err = edge_agent("rehearse", *words, "--rule", draft, "--config", config)
    assert (ended, out) == (code, "")
    assert says in err


def test_a_wrong_draft_is_named_in_both_languages(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        rule(write_config(tmp_path, cameras=[CAMERA]), {"id": "yard", "kind": "none-such"})
    assert caught.value.text("en").startswith("draft: 1 problem in the drafted rule; nothing was rehearsed\n")
    assert caught.value.text("vi").startswith("draft: bản nháp của quy tắc có 1 lỗi; chưa chạy thử\n")


def test_a_draft_does_not_inherit_from_the_rule_in_force_and_may_bring_its_zone(tmp_path: Path) -> None:
    config = write_config(tmp_path, cameras=[CAMERA])
    gate = {"polygon": [[0.0, 0.0], [0.2, 0.0], [0.2, 1.0]]}
    drafted = {"zones": {"gate": gate}, "rules": [{"id": "yard", "kind": "zone-intrusion", "zone": "gate"}]}
    draft = rule(config, drafted)
    assert draft.cooldown_s == 60.0
    assert draft.zone.polygon[2] == (0.2, 1.0)  # type: ignore[union-attr]


def test_without_passages_it_says_so(tmp_path: Path) -> None:
    config = write_config(tmp_path, cameras=[CAMERA])
    draft = tmp_path / "draft.yaml"
    draft.write_text(json.dumps(RULE))
    code, out, err = edge_agent("rehearse", "cam-1", "--rule", draft, "--config", config)
    assert (code, err) == (0, "")
    assert "no passage of this camera is stored in these days" in out


def test_a_damaged_file_is_an_error_that_names_it(tmp_path: Path) -> None:
    config = stored(tmp_path, now_passages())
    rows = tmp_path / "state" / FOLDER / "passages.db"
    rows.write_bytes(b"no database at all" * 500)
    draft = tmp_path / "draft.yaml"
    draft.write_text(json.dumps(RULE))
    code, out, err = edge_agent("rehearse", "cam-1", "--rule", draft, "--config", config)
    assert (code, out) == (1, "")
    assert str(rows) in err


def test_the_oldest_passages_come_first_in_steps(tmp_path: Path) -> None:
    """More rows than are read at once, and several with the same start."""
    many = [crossing(n, MONDAY + timedelta(seconds=n // 3)) for n in range(1201)]
    config = stored(tmp_path, many)
    reader = PassageReader(config.parent / "state")
    found = list(reader.in_order("cam-1", MONDAY, MONDAY + timedelta(days=1)))
    assert [each.track for each in found] == [each.track for each in many]
    assert list(reader.in_order("cam-2", MONDAY, MONDAY + timedelta(days=1))) == []


def test_a_quarter_of_the_time_is_worked(monkeypatch: pytest.MonkeyPatch) -> None:
    now, slept = [0.0], [0.0]
    monkeypatch.setattr("edge_agent.tools.rehearse.run.time.monotonic", lambda: now[0])
    pause = Pace(0.25)

    def sleep(seconds: float) -> None:
        slept[0] += seconds
        now[0] += seconds

    monkeypatch.setattr("edge_agent.tools.rehearse.run.time.sleep", sleep)
    for _ in range(1000):
        now[0] += 0.001
        pause()
    assert slept[0] == pytest.approx(3.0, rel=0.05)
