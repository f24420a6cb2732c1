"""Each sentence about a gateway, an alert or an event has its Vietnamese, and each text is made of one."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from string import Formatter
from types import ModuleType
from typing import Any, get_args

import pytest
from msgspec import to_builtins
from msgspec.structs import replace as but
from sqlalchemy import update

import edge_agent
import edge_central
from edge_agent.collection.files import StopReason
from edge_agent.config.model.settings import WhenUnsynced
from edge_agent.core.facts import TAMPER
from edge_agent.core.model import Cause, Severity
from edge_agent.core.problems import CATALOGUE as AGENT
from edge_agent.core.problems import ProblemText, problem_of, problem_text
from edge_agent.core.problems.catalogue import Catalogue
from edge_agent.core.problems.words import VIETNAMESE
from edge_agent.wire.received import health as heard
from edge_central import measures
from edge_central.alert_settings import default_rules
from edge_central.alerts import rows as alert_rows
from edge_central.alerts.model import Alert, AlertChange, AlertChangeKind, AlertKey
from edge_central.console import documents
from edge_central.console.events import KINDS
from edge_central.console.incident_log import IncidentOutcome
from edge_central.retention.deletion_plans import BlockedDeletions
from edge_central.sentences import CATALOGUE, SENTENCES
from edge_central.store import tables
from edge_central.store.presence_reports import GatewayReport, PresenceState
from edge_central.trusted_time.clock import GATEWAYS, OWN_COUNT, describe_difference
from edge_central.web.auth.accounts import Role
from edge_central.web.i18n import ALL
from tests.edge_central.alerts.test_alert_engine import AlertScenario
from tests.edge_central.parts import OURS
from tests.edge_central.web.house import Browser, House

ENGLISH = re.compile(
    r"\b(the|is|are|was|since|for|of|in|and|used|ends?|waits?|full|boxes|it|no|not|above|below|lost|stopped)\b"
)


def alerts() -> Iterator[str]:
    reported = health_with(
        clock=heard.ReceivedClockHealth(synced=False),
        box=heard.ReceivedBoxHealth(50.0, 95.0, 95.0, 81.0, undervoltage=True, throttled=True),
        outbox=heard.ReceivedOutboxHealth(oldest_s=4000.0, degraded="x"),
        uplink=heard.ReceivedUplinkHealth(monthly_bytes=3_000_000_000, used_bytes=2_900_000_000),
        certificates=heard.ReceivedCertificatesHealth(client_days=6, ca_days=20),
        detector=heard.ReceivedPartHealth("x"),
        evidence=heard.ReceivedPartHealth("x"),
        update=heard.ReceivedUpdateHealth("0.4.0", "x"),
        model=heard.ReceivedModelHealth(reverted="ab" * 32, why="street-b: x"),
        config=heard.ReceivedConfigHealth("x"),
        degraded=["unit broken.service failed"],
    )
    certificates = heard.ReceivedCertificatesHealth(9, 8)
    spared = but(reported, uplink=but(reported.uplink, held=["info"]), certificates=certificates)
    shipped = [rule for rule in default_rules() if rule.measure in measures.GATEWAY_MEASURES]
    for health in (reported, spared):
        readings = (reading(health) for reading in measures.GATEWAY_MEASURES.values())
        yield from (reading.text for reading in readings if reading.value)
        judged = ((rule, measures.GATEWAY_MEASURES[rule.measure](health)) for rule in shipped)
        yield from (rule.text_for(reading) for rule, reading in judged if reading.value)
    for state in ("offline", "degraded"):
        camera = heard.ReceivedCameraHealth(state, cause="stalled", view=["covered", "moved"])
        for seen in (camera, but(camera, cause=None)):
            readings = (reading(seen) for reading in measures.CAMERA_MEASURES.values())
            yield from (reading.text for reading in readings if reading.value)
    yield from presence()
    yield measures.version_behind("0.1.0", "0.2.0").text
    yield from (reading(3).text for reading in measures.COUNTED_MEASURES.values())
    yield from (measures.conflict(events).text for events in (0, 3))
    yield from compared_clocks()
    changed_rules = {problem_of_rule("gate", "disarm"), problem_of_rule("yard", "mask")}
    relearned: set[str] = {measures.RELEARNED}
    yield from (measures.overrides(active).text for active in (relearned, changed_rules))
    yield BlockedDeletions(over={"event": 300}, stored={"event": 448}).text


def problem_of_rule(rule: str, what: str) -> str:
    found = measures.override_measure(what, rule)
    assert found is not None
    return found[1]


def compared_clocks() -> Iterator[str]:
    for by_s in (600, -36_000, 864_000):
        yield from (describe_difference(by_s * 1000, with_what) for with_what in (GATEWAYS, OWN_COUNT))


def presence() -> Iterator[str]:
    """Texts as the alert engine joins them."""
    ward = AlertScenario()
    reasons = (
        (PresenceState.OFFLINE, problem_text("connection-lost")),
        (PresenceState.OFFLINE, CATALOGUE.text("no-heartbeat", seconds=95)),
        (PresenceState.OFFLINE, problem_text("next-certificate")),
        (PresenceState.STOPPED, problem_text("agent-ended")),
        (PresenceState.UNSTABLE, CATALOGUE.text("went-offline-often", times=3, minutes=10)),
    )
    for standing, why in reasons:
        ward.presence("dt-1", standing, why)
        ward.wait(2000)  # longer than the wait of any of their rules
        ward.presence("dt-1", PresenceState.ONLINE, problem_text("connected"))
        ward.wait(60)
    yield from (change.alert.text for _, change in ward.changes)


VIETNAMESE_MARKS = str.maketrans(",.", ".,")
"""From the marks of an English number: of thousands, and of decimals."""


def params_for(english: str) -> dict[str, Any]:
    """Figures that fit a sentence: words of the wire where it has them, a list, a number or a text."""
    found: dict[str, Any] = {}
    for _, name, form, _ in Formatter().parse(english):
        if name is not None and name in VIETNAMESE:
            word = next(iter(VIETNAMESE[name]))
            found[name] = [word] if name == "views" else word
        elif name is not None:
            found[name] = ["x", "y"] if form in (";", "lines") else 7 if form else f"<{name}>"
    return found


def vietnamese(line: str) -> str | None:
    problem = problem_of(line)
    return None if problem is None else CATALOGUE.say(problem, "vi")


def fault_of(line: str) -> str:
    if problem_of(line) is None:
        return "make it from edge_agent/core/problems or from edge_central/sentences.py"
    ours = vietnamese(line)
    if ours is None or ENGLISH.search(re.sub(r"<\w+>", "", ours)):
        return f"it has no Vietnamese text: {ours}"
    numbers = re.findall(r"\d(?:[\d,.]*\d)?", line)
    lost = [each for each in numbers if each not in ours and each.translate(VIETNAMESE_MARKS) not in ours]
    return f"the measured values {lost} are missing: {ours}" if lost else ""


def test_each_sentence_has_its_vietnamese_with_the_same_figures() -> None:
    texts = [CATALOGUE.text(code, **params_for(en)) for code, (en, _) in CATALOGUE.sentences.items()]
    assert {text: fault for text in texts if (fault := fault_of(text))} == {}


def test_each_text_of_an_alert_has_its_code() -> None:
    """Texts of the agent have it by their type; a text of an alert may be one of an old gateway."""
    texts = set(alerts())
    assert len(texts) > 40
    assert {text for text in texts if problem_of(text) is None} == set()
    assert {"offline: connection lost", "disk 95 % full, above 90"} < texts


@pytest.mark.parametrize(
    ("prefix", "words"),
    [
        ("schedules-", WhenUnsynced),
        ("is-", PresenceState),
        ("uplink-waits-", (1, 2, 3)),
        ("thermal-step-", (1, 2, 3)),
        ("override-", ("mask", "arm", "disarm")),
        ("ended-", ("over", "command", "replaced", "learned")),
        ("collection-", {*get_args(StopReason)} - {"over"}),
    ],
)
def test_each_word_of_a_state_has_its_sentence(prefix: str, words: Iterable[object]) -> None:
    assert {f"{prefix}{word}" for word in words} - CATALOGUE.sentences.keys() == set()


def test_each_word_of_the_wire_has_its_vietnamese() -> None:
    words = (set(Cause), "cause"), (set(TAMPER), "views")
    assert [of - VIETNAMESE[name].keys() for of, name in words] == [set(), set()]


def calls_of(package: ModuleType) -> Iterator[tuple[str, ast.Call]]:
    """Yield each call that makes a text of the catalogue, and a pattern of its code."""
    for file in Path(str(package.__file__)).parent.rglob("*.py"):
        source = file.read_text(encoding="utf-8")
        if "problem_text(" not in source and "CATALOGUE.text(" not in source:
            continue
        for call in ast.walk(ast.parse(source)):
            if isinstance(call, ast.Call) and ast.unparse(call.func) in ("problem_text", "CATALOGUE.text"):
                match call.args[0]:
                    case ast.Constant(value=str(code)):
                        yield re.escape(code), call
                    case ast.JoinedStr(values=parts):  # such as ``cause-<cause>``
                        known = (str(p.value) if isinstance(p, ast.Constant) else ".*" for p in parts)
                        yield "".join(known), call


def fits(pattern: str, figures: set[str | None]) -> bool:
    """Whether a sentence of such a code has these figures; with ``None``, of ``**more``, others too."""
    codes = [code for code in CATALOGUE.sentences if re.fullmatch(pattern, code)]
    if None in figures:
        return any(figures - {None} <= names_in(code) for code in codes)
    return any(figures == names_in(code) for code in codes)


@pytest.mark.parametrize("package", [edge_agent, edge_central], ids=lambda package: package.__name__)
def test_each_text_is_made_of_an_existing_sentence_and_its_figures(package: ModuleType) -> None:
    calls = list(calls_of(package))
    assert len(calls) > 30
    wrong = [call for pattern, call in calls if not fits(pattern, {each.arg for each in call.keywords})]
    assert [ast.unparse(call) for call in wrong] == []


def names_in(code: str) -> set[str | None]:
    return {name for _, name, _, _ in Formatter().parse(CATALOGUE.sentences[code][0])} - {None}


def test_each_sentence_of_the_centre_is_used() -> None:
    """Codes that are put together, such as ``is-<state>``, are found by their fixed part."""
    files = [file for file in Path(edge_central.__file__).parent.rglob("*.py") if file.name != "sentences.py"]
    sources = "\n".join(file.read_text() for file in files)
    joined = {f"is-{state}" for state in PresenceState} | {f"closed-as-{each}" for each in IncidentOutcome}
    assert [code for code in SENTENCES if code not in joined and f'"{code}"' not in sources] == []


def test_a_code_is_in_one_catalogue_only() -> None:
    assert AGENT.sentences.keys() & SENTENCES.keys() == set()
    for code, (english, vietnamese) in SENTENCES.items():
        names = {name for _, name, _, _ in Formatter().parse(english)} - {None}
        assert names == {name for _, name, _, _ in Formatter().parse(vietnamese)} - {None}, code


@pytest.mark.parametrize(
    ("line", "ours"),
    [
        (
            problem_text("agent-failed", why=problem_text("outbox", why="disk full")),
            "phần mềm gặp lỗi: hàng chờ gửi: disk full",
        ),
        (
            problem_text("line-crossed", label="person", line="cong-a", start="A", end="B"),
            "người đi qua vạch ảo cong-a từ A sang B",
        ),
        (
            CATALOGUE.text("failed-units", lines=["a", problem_text("units-more", units=2)]),
            "a; còn 2 dịch vụ khác bị lỗi",
        ),
        (
            problem_text(
                "camera-state",
                camera="cam-1",
                state="offline",
                since="2026-11-23 12:03",
                why=problem_text("stream-no-packet", seconds=10),
            ),
            "camera cam-1 mất hình từ 23/11/2026 12:03: đã 10 giây không có dữ liệu",
        ),
        (
            problem_text(
                "collection-began",
                frames=9,
                cameras=["cam-1"],
                until="2026-12-11T05:00:00Z",
                origin=problem_text("by-command", command="c"),
            ),
            "lưu tối đa 9 ảnh huấn luyện mỗi camera (cam-1), đến 05:00 ngày 11/12/2026 (giờ UTC); "
            "theo lệnh c, không có chữ ký số",
        ),
    ],
)
def test_sentences_with_words_dates_and_sentences_in_them(line: ProblemText, ours: str) -> None:
    assert CATALOGUE.say(line.problem, "vi") == ours


@pytest.fixture
def browser(house: House) -> Browser:
    """Of an officer of de-tham, in Vietnamese."""
    return house.login("lan", Role.OFFICER, "de-tham", lang="vi")


def test_a_reworded_line_is_shown_by_its_code(house: House, browser: Browser) -> None:
    line = "the disk holds 95 % of what it can"
    problem = {"code": "disk-full", "params": {"percent": 95}}
    newer = {"code": "of-a-later-release", "params": {}}
    lines, problems = [line, "a newer line", "bare"], [problem, newer, None]
    house.take(OURS.heartbeat("s", degraded=lines, problems=problems))
    page = browser.get("/sites/dt-001").text
    assert f'<li><span title="{line}">ổ đĩa đã dùng 95%</span></li>' in page
    assert '<li><span lang="en">a newer line</span></li>' in page
    assert '<li><span lang="en">bare</span></li>' in page
    browser.get("/language/en")
    assert '<li><span lang="en">disk 95 % full</span></li>' in browser.get("/sites/dt-001").text


def notes_of(page: str) -> str:
    """What the box says, without the titles: a Vietnamese text has the sender's English there."""
    notes = page.partition("Thiết bị báo")[2].partition("</ul>")[0]
    return re.sub(r'title="[^"]*"', "", notes)


def test_no_page_changes_in_vietnamese_when_an_agent_rewords_every_sentence(
    house: House, browser: Browser
) -> None:
    reworded = Catalogue({code: (f"# {en} #", vi) for code, (en, vi) in CATALOGUE.sentences.items()})
    sentences = list(CATALOGUE.sentences.items())
    for first in range(0, len(sentences), 50):
        pages, some = [], sentences[first : first + 50]
        for catalogue in (CATALOGUE, reworded):
            texts = [catalogue.text(code, **params_for(english)) for code, (english, _) in some]
            problems = [to_builtins(text.problem) for text in texts]
            house.take(OURS.heartbeat("s", degraded=[str(text) for text in texts], problems=problems))
            pages.append(browser.get("/sites/dt-001").text)
        assert notes_of(pages[0]) == notes_of(pages[1])
        assert notes_of(pages[0]).count("<li><span >") == len(some)
        assert 'title="# ' in pages[1]


def test_an_alert_a_reply_and_a_state_are_stored_with_their_codes(house: House, browser: Browser) -> None:
    """Rows of an older version have none: their text is shown as it is."""
    house.take(OURS.heartbeat("s"))
    lost, disk = problem_text("connection-lost"), problem_text("disk-full", percent=97)
    opened = Alert(AlertKey("de-tham", "dt-001", "disk"), Severity.WARNING, disk, 97.0, 1, 1)
    house.tell(GatewayReport("dt-001", "de-tham", PresenceState.OFFLINE, lost, 1))
    with house.store.batch() as batch:
        alert_rows.write(batch.connection, AlertChange(AlertChangeKind.OPENED, opened))
    [restored] = house.store.query(lambda connection: alert_rows.read(connection, ["de-tham"], 2)).alerts
    assert problem_of(restored.text) == disk.problem
    assert "ổ đĩa đã dùng 97%" in browser.get("/alerts").text
    assert "mất kết nối</span>" in browser.get("/sites/dt-001").text
    with house.store.batch() as batch:
        for table in (tables.alert, tables.presence):
            batch.connection.execute(update(table).values(problem=None))
    assert '<span lang="en">disk 97 % full</span>' in browser.get("/alerts").text
    assert '<span lang="en">connection lost</span>' in browser.get("/sites/dt-001").text


def health_with(**parts: Any) -> heard.ReceivedHealth:
    return heard.ReceivedHealth(time="", session="", **parts)


def test_an_alert_takes_the_code_from_the_heartbeats_line_about_its_part() -> None:
    failing = problem_text("detector-failing", times=3)
    part, line = heard.ReceivedPartHealth(str(failing)), problem_text("detector", why=failing)
    judge = measures.GATEWAY_MEASURES[measures.Measure.DETECTOR_DEGRADED]
    newer = judge(health_with(detector=part, degraded=[line])).text
    older = judge(health_with(detector=part, degraded=[str(line)])).text
    says = "bộ nhận dạng: nhận dạng bị lỗi 3 lần liên tiếp; phần mềm chỉ còn phát hiện được chuyển động"
    assert vietnamese(newer) == says
    assert vietnamese(older) == f"bộ nhận dạng: {failing}", "an older agent's words as they are"


def test_a_failed_unit_is_found_by_its_code_and_of_an_older_agent_by_its_words() -> None:
    judge = measures.GATEWAY_MEASURES[measures.Measure.FAILED_UNITS]
    reworded = ProblemText("systemd gave up on x", problem_text("unit-failed", unit="x").problem)
    assert judge(health_with(degraded=[reworded])).value == 1.0
    assert judge(health_with(degraded=["unit x failed"])).value == 1.0
    assert judge(health_with(degraded=[problem_text("disk-full", percent=95)])).value == 0.0


HOSTILE: list[Any] = [
    "x",
    {"code": "disk-full", "params": {"percent": 10**300}},
    {"code": "disk-full", "params": {"percent": "<b>95</b>"}},
    {
        "code": "uplink-step",
        "params": {"used_mb": "x", "budget_mb": [], "waits": "", "until": "", "step": {}},
    },
    {"code": {}, "params": 7},
    {"code": "outbox", "params": {"why": {"code": "outbox", "params": {"why": {"code": "outbox"}}}}},
]


def test_problems_that_do_not_fit_leave_the_text(house: House, browser: Browser) -> None:
    lines = [f"text {number}" for number in range(len(HOSTILE))]
    house.take(OURS.heartbeat("s", degraded=lines, problems=HOSTILE))
    for lang in ("vi", "en"):
        browser.get(f"/language/{lang}")
        page = browser.get("/sites/dt-001").text
        assert [line for line in lines if f">{line}</span>" not in page] == ["text 2"]
        assert "&lt;b&gt;95&lt;/b&gt;" in page, "escaped like any text"


def test_every_shipped_rule_and_every_kind_of_event_has_a_name_in_both_languages() -> None:
    keys = {f"rule-{rule.id}" for rule in default_rules()} | {f"kind-{kind}" for kind in KINDS}
    assert keys - ALL.keys() == set()


@pytest.mark.parametrize("field", ["why", "detail", "missing"])
def test_the_text_of_an_event_carries_its_code(field: str) -> None:
    problem = {"code": "in-zone", "params": {"label": "person", "zone": "yard", "seconds": 6}}
    payload = json.dumps({"id": "e", "data": {field: "a reworded sentence", "problem": problem}}).encode()
    text = getattr(documents.parse_event(payload).data, field)
    assert text == "a reworded sentence"
    assert vietnamese(text) == "người ở trong vùng yard đã 6 giây"
