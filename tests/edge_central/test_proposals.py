"""Proposals: what outcomes of alarms suggest to change, and the drafts that an operator rehearses."""

from __future__ import annotations

import io
import json
import random
from collections.abc import Iterable
from contextlib import redirect_stderr, redirect_stdout
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Table

from edge_agent import wire
from edge_agent.cli.main import main
from edge_agent.config.draft import read_draft
from edge_agent.config.fields import tree
from edge_agent.config.pushed import ConfigSource
from edge_agent.config.written import plain
from edge_agent.core.clock import rfc3339_of_ms as at
from edge_central.console.incident_log import IncidentOutcome, LogAuthor, close_all
from edge_central.proposals.draft import RuleInForce, as_yaml, drafted
from edge_central.proposals.mask import MaskedRectangle
from edge_central.proposals.outcomes import JudgedReport, read_judged
from edge_central.proposals.reasoning import ChangeKind, Cut, ProposedChange, propose, upper_share
from edge_central.store import tables
from edge_central.store.database import read_transaction, write_transaction
from edge_central.store.scope import EVERYWHERE, Scope
from tests.edge_central.console.gateway import FRAME, MODEL, Gateway
from tests.edge_central.ingest_harness import IngestHarness
from tests.testbed.agent import write_config

SITE = ZoneInfo("Asia/Ho_Chi_Minh")
NOON = datetime(2026, 11, 24, 12, tzinfo=SITE)
RULE = {
    "id": "yard",
    "kind": "loitering",
    "zone": "yard",
    "min_duration_s": 20,
    "schedule": {"days": ["mon-fri"]},
}
CAMERA = {
    "id": "cam-1",
    "url": "rtsp://127.0.0.1/1",
    "zones": {"yard": {"polygon": [[0.1, 0.2], [0.9, 0.2], [0.9, 0.9], [0.1, 0.9]]}},
    "rules": [RULE],
}


def judged(
    count: int,
    *,
    real: bool = False,
    foot: tuple[float, float] = (0.5, 0.5),
    hours: float = 0.0,
    label: str = "person",
    lasted_s: float = 30.0,
) -> list[JudgedReport]:
    """Reports at about that place and time of the day, one each day."""
    rng = random.Random(f"{foot} {hours} {label}")
    name = f"{real}-{foot}-{hours}-{label}-{lasted_s}"
    return [
        JudgedReport(
            f"{name}-{n}",
            real,
            round((NOON + timedelta(days=n, hours=hours + rng.random() * 0.5)).timestamp() * 1000),
            (foot[0] + rng.uniform(-0.02, 0.02), foot[1] + rng.uniform(-0.02, 0.02)),
            label,
            lasted_s + rng.random(),
        )
        for n in range(count)
    ]


def spread(count: int, *, real: bool) -> list[JudgedReport]:
    """Reports without anything in common."""
    rng = random.Random(5 + real)
    return [
        JudgedReport(
            f"{real}-{n}",
            real,
            round((NOON + timedelta(hours=24 * n / count)).timestamp() * 1000),
            (rng.random(), rng.random()),
            rng.choice(["person", "motorcycle"]),
            rng.uniform(20, 90),
        )
        for n in range(count)
    ]


def kinds(reports: Iterable[JudgedReport]) -> list[ChangeKind]:
    return [each.kind for each in propose(list(reports), SITE)]


def test_false_alarms_in_one_corner_propose_a_smaller_area() -> None:
    """The tree stands at the left edge; the nine real ones were elsewhere, one of them near it."""
    reports = [*judged(12, foot=(0.15, 0.6)), *spread(2, real=False), *judged(8, real=True, foot=(0.6, 0.6))]
    (best, *_) = propose([*reports, *judged(1, real=True, foot=(0.16, 0.5))], SITE)
    assert best.kind is ChangeKind.AREA
    assert best.cut is not None
    assert best.cut.keeps((0.6, 0.6))
    assert (best.false_removed, best.real_lost, best.real_all) >= (12, 0, 9)
    assert "of 14 false alarms" in best.reason
    assert "of 9 real ones" in best.reason


def test_false_alarms_of_the_evening_market_propose_a_schedule() -> None:
    reports = [*judged(14, hours=6, foot=(0.5, 0.5)), *judged(9, real=True, hours=14)]
    best = next(each for each in propose(reports, SITE) if each.kind is ChangeKind.SCHEDULE)
    begin, end = best.hours or (0, 0)
    assert (best.false_removed, best.real_lost) == (14, 0)
    assert not (18 - begin) % 24 < (end - begin) % 24, "six in the evening is off"
    assert (2 - begin) % 24 < (end - begin) % 24, "two at night is on"


def test_another_kind_of_object_proposes_labels_and_short_stays_a_duration() -> None:
    bikes = [*judged(10, label="motorcycle"), *judged(9, real=True)]
    assert ChangeKind.LABELS in kinds(bikes)
    short = [*judged(10, lasted_s=21.0), *judged(9, real=True, lasted_s=60.0)]
    found = next(each for each in propose(short, SITE) if each.kind is ChangeKind.DURATION)
    assert 22 <= (found.seconds or 0) <= 60


def test_what_would_lose_real_alarms_is_not_proposed() -> None:
    mixed = [*judged(10, foot=(0.2, 0.5)), *judged(10, real=True, foot=(0.2, 0.5))]
    assert ChangeKind.AREA not in kinds(mixed)


def test_without_a_pattern_or_with_few_outcomes_nothing_is_proposed() -> None:
    assert kinds([*spread(12, real=False), *spread(24, real=True)]) == []
    assert kinds(judged(4)) == []
    assert kinds([]) == []


def test_at_most_three_are_proposed() -> None:
    same = judged(20, foot=(0.1, 0.9), hours=6, label="car", lasted_s=20.0)
    assert len(kinds([*same, *judged(20, real=True, foot=(0.8, 0.3), hours=15, lasted_s=80.0)])) == 3


@pytest.mark.parametrize(
    ("count", "of", "share"),
    [(0, 9, 0.283), (1, 9, 0.429), (0, 100, 0.0295), (9, 9, 1.0), (0, 0, 1.0), (500, 5000, 0.1073)],
)
def test_the_upper_limit_of_a_share(count: int, of: int, share: float) -> None:
    """As tables of the one-sided limit of 95 % have them."""
    assert upper_share(count, of) == pytest.approx(share, abs=0.001)


CHANGES = [
    ProposedChange(ChangeKind.LABELS, label="car"),
    ProposedChange(ChangeKind.LABELS, label="two-wheeler"),
    ProposedChange(ChangeKind.SCHEDULE, hours=(21, 5)),
    ProposedChange(ChangeKind.DURATION, seconds=45),
    ProposedChange(ChangeKind.SCORE, score=0.62),
    ProposedChange(ChangeKind.MASK, mask=MaskedRectangle(0.4, 0.5, 0.6, 0.65)),
    ProposedChange(ChangeKind.AREA, cut=Cut(0, 0.31, True)),
    ProposedChange(ChangeKind.AREA, cut=Cut(1, 0.5, False)),
]


@pytest.mark.parametrize("change", CHANGES, ids=lambda each: each.kind)
def test_each_draft_is_valid_in_the_configuration(tmp_path: Path, change: ProposedChange) -> None:
    config = write_config(tmp_path, cameras=[CAMERA], broker_port=1883)
    draft = drafted(RuleInForce.read(config, "cam-1", "yard"), change)
    assert draft is not None
    text = "\n".join(as_yaml(draft))
    source = ConfigSource(config, no_secrets=True)
    source.load()
    rule = read_draft(source, "cam-1", text.encode(), "draft.yaml").rule
    assert rule.id == "yard"
    assert rule.schedule is not None, "what the rule had is kept"
    assert rule.schedule.days == frozenset(range(5))
    match change.kind:
        case ChangeKind.LABELS:
            assert change.label not in rule.labels
            assert len(rule.labels) >= 4
        case ChangeKind.SCHEDULE:
            assert rule.schedule.begin.hour == 21
        case ChangeKind.DURATION:
            assert rule.min_duration_s == 45  # type: ignore[union-attr]
        case ChangeKind.SCORE:
            assert rule.min_score == 0.62
        case ChangeKind.MASK:
            zone = rule.zone  # type: ignore[union-attr]
            assert [zone.contains((x, 0.6)) for x in (0.35, 0.45, 0.65)] == [True, False, True]
        case ChangeKind.AREA:
            assert change.cut is not None
            corners = rule.zone.polygon  # type: ignore[union-attr]
            assert all(
                change.cut.keeps(point) or point[change.cut.axis] == change.cut.at for point in corners
            )


@pytest.mark.parametrize("labels", [5, ["person", ["x"]], [{"a": 1}]])
@pytest.mark.parametrize("schedule", [5, "always", ["from"]])
def test_what_a_gateway_says_of_a_rule_breaks_no_draft(labels: object, schedule: object) -> None:
    rule = {"id": "yard", "kind": "loitering", "zone": "yard", "labels": labels, "schedule": schedule}
    present = RuleInForce.of(rule, {"zones": {"yard": {"polygon": []}}})
    assert present is not None
    assert drafted(present, ProposedChange(ChangeKind.LABELS, label="person")) is None
    assert drafted(present, ProposedChange(ChangeKind.SCHEDULE, hours=(21, 5))) is None


@pytest.mark.parametrize("more", [{"rules": [1]}, {"zones": {"rules": 5}}, {"lines": {"rules": [{}]}}, {}])
def test_a_rule_with_keys_of_a_camera_is_written_as_it_is(more: dict[str, object]) -> None:
    rule = {"id": "yard", "kind": "loitering", **more}
    found, _ = tree.parse("\n".join(as_yaml({"rules": [rule]})).encode(), "draft.yaml")
    assert isinstance(found, tree.Mapping)
    assert plain(found) == {"rules": [rule]}


def test_a_line_is_shortened_and_what_cannot_be_changed_is_no_draft(tmp_path: Path) -> None:
    rules = [
        {"id": "cross", "kind": "line-crossing", "line": "gate", "schedule": {"from": "06:00", "to": "20:00"}}
    ]
    camera = CAMERA | {"lines": {"gate": {"from": [0.2, 0.5], "to": [0.8, 0.5]}}, "rules": rules}
    present = RuleInForce.read(write_config(tmp_path, cameras=[camera], broker_port=1883), "cam-1", "cross")
    draft = drafted(present, ProposedChange(ChangeKind.AREA, cut=Cut(0, 0.5, True)))
    assert draft is not None
    assert draft["lines"] == {"cross-cut": {"from": [0.5, 0.5], "to": [0.8, 0.5]}}
    assert drafted(present, ProposedChange(ChangeKind.AREA, cut=Cut(1, 0.7, False))) is None, "nothing is cut"
    assert drafted(present, ProposedChange(ChangeKind.SCHEDULE, hours=(21, 5))) is None, "it has hours"
    assert drafted(present, ProposedChange(ChangeKind.DURATION, seconds=9)) is None, "it has no duration"


def told(
    gateway: Gateway, number: int, *, real: bool | None, x: float, at_minute_40: datetime
) -> list[object]:
    # All in one hour: else the clock decides whether the hour separates the false ones from the real ones.
    begun = round((at_minute_40 - timedelta(minutes=number)).timestamp() * 1000)
    data = wire.LoiteringData(
        phase="start", event_id=f"e-{number}", rule_id="yard", why="why", box=(x - 0.05, 0.3, x + 0.05, 0.6),
        frame=FRAME, started_at=at(begun), model=MODEL, label="person", group="person", score=0.8,
        track_id="t", zone="yard", inside_s=20.0,
    )  # fmt: skip
    over = wire.LoiteringData(
        phase="end", event_id=f"e-{number}", rule_id="yard", why="why", box=(x, 0.3, x + 0.1, 0.6),
        frame=FRAME, started_at=at(begun), ended_at=at(begun + 40_000), end_reason="left", model=MODEL,
        label="person", group="person", score=0.9, track_id="t", zone="yard", inside_s=40.0 + number % 5,
    )  # fmt: skip
    return [gateway.event("cam-1", data, 17, begun), gateway.event("cam-1", over, 17, begun + 40_000)]


@pytest.fixture
def fed(ingest: IngestHarness) -> IngestHarness:
    """Twelve false alarms at the left, six real ones at the right, one that is only handled, one open."""
    gateway = Gateway("dt-001", "de-tham", "x", 0.0, 0.0, ["cam-1"])
    wanted = [False] * 12 + [True] * 6 + [None, None]
    at_minute_40 = (datetime.now(UTC) - timedelta(days=1)).replace(minute=40)
    messages = [
        message
        for number, real in enumerate(wanted)
        for message in told(gateway, number, real=real, x=0.8 if real else 0.2, at_minute_40=at_minute_40)
    ]
    ingest.write(*messages)  # type: ignore[arg-type]
    by = LogAuthor("lan", round(datetime.now(UTC).timestamp() * 1000))
    with write_transaction(ingest.database) as connection:
        for number, real in enumerate(wanted):
            outcome = {
                True: IncidentOutcome.REAL,
                False: IncidentOutcome.FALSE,
                None: IncidentOutcome.HANDLED,
            }
            if number < 19:
                close_all(connection, by, {f"event dt-001 e-{number}": "de-tham"}, outcome[real], "")
    return ingest


def test_outcomes_are_read_with_place_duration_and_score(fed: IngestHarness) -> None:
    with read_transaction(fed.database) as connection:
        found = read_judged(connection, EVERYWHERE, "dt-001", "cam-1", "yard", 0)
        others = [
            read_judged(connection, EVERYWHERE, *other, 0)
            for other in (("dt-001", "cam-1", "x"), ("dt-001", "cam-2", "yard"), ("dt-00", "cam-1", "yard"))
        ]
    assert (sum(each.is_real for each in found), len(found)) == (6, 18)
    first = next(each for each in found if each.event_id == "e-3")
    assert first.foot == pytest.approx((0.2, 0.6))
    assert first.lasted_s == 43.0
    assert first.score == 0.9, "the highest of start and end"
    assert others == [[], [], []]


@pytest.mark.parametrize("table", [tables.event, tables.handling])
def test_outcomes_of_a_ward_that_the_site_has_left_are_not_read(fed: IngestHarness, table: Table) -> None:
    ours = Scope(frozenset({"de-tham"}))
    with write_transaction(fed.database) as connection:
        assert len(read_judged(connection, ours, "dt-001", "cam-1", "yard", 0)) == 18
        connection.execute(table.update().values(ward="bo-xuyen"))
        assert read_judged(connection, ours, "dt-001", "cam-1", "yard", 0) == []


def run(*words: object) -> tuple[int, str, str]:
    with redirect_stdout(io.StringIO()) as out, redirect_stderr(io.StringIO()) as err:
        code = main([str(word) for word in words])
    return code, out.getvalue(), err.getvalue()


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_the_command_prints_reasons_and_writes_drafts(fed: IngestHarness, tmp_path: Path) -> None:
    central = tmp_path / "central.yaml"
    central.write_text("wards: [de-tham]\nmqtt: {brokers: ['mqtt://127.0.0.1']}\nstate_dir: .\n")
    gateway = write_config(tmp_path, cameras=[CAMERA], broker_port=1883)
    asked = ["central", "proposals", "--gateway", "dt-001", "--camera", "cam-1", "--config", central]
    code, out, err = run(
        *asked, "--rule", "yard", "--gateway-config", gateway, "--drafts-to", tmp_path / "drafts"
    )
    assert (code, err) == (0, "")
    assert "of 12 false alarms 12 lie left of x = 0.5" in out
    assert "with an operator's signature" in out
    source = ConfigSource(gateway, no_secrets=True)
    source.load()
    written = sorted((tmp_path / "drafts").iterdir())
    assert [read_draft(source, "cam-1", path.read_bytes(), path.name).rule.id for path in written] == ["yard"]
    code, out, err = run(*asked, "--rule", "yard", "--json")
    assert (code, json.loads(out)[0]["real_all"]) == (0, 6)
    assert run(*asked, "--rule", "gate") == (
        1, "", "nothing to propose: 0 real and 0 false alarms; at least 5 false ones are needed\n",
    )  # fmt: skip
    code, _, err = run(*asked, "--rule", "gate", "--gateway-config", gateway)
    assert (code, "no rule gate of camera cam-1" in err) == (2, True)
    code, _, err = run(*asked, "--rule", "yard", "--days", 9_999_999_999)
    assert (code, "at most" in err) == (2, True)
    code, _, err = run(*asked, "--rule", "yard", "--timezone", "Thai/Binh")
    assert (code, "no such time zone" in err) == (2, True)
