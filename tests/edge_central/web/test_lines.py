"""Each text of the code about a gateway, an alert or an event has its Vietnamese; the code makes the
texts."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from itertools import chain, product
from pathlib import Path
from string import Formatter
from typing import Any, get_args

import pytest
from msgspec import UnsetType, to_builtins
from msgspec.structs import replace as but
from sqlalchemy import update

import edge_central
from edge_agent import wire
from edge_agent.capture import failures
from edge_agent.collection.files import Collection, StopReason
from edge_agent.config.model.boards import Thermal
from edge_agent.config.model.settings import WhenUnsynced
from edge_agent.core.facts import TAMPER, OverrideChange, Phase, RequestOrigin
from edge_agent.core.model import CameraState, CameraStatus, Cause, Severity
from edge_agent.core.problems import CATALOGUE as AGENT
from edge_agent.core.problems import ProblemText, problem_of, problem_text
from edge_agent.core.problems.catalogue import Catalogue
from edge_agent.core.problems.words import VIETNAMESE
from edge_agent.events.explanations import override_line
from edge_agent.host.health import degraded
from edge_agent.model_release.agreement import agreement_text
from edge_agent.model_release.record import ProbationCounts, rate_deviation
from edge_agent.outbox.sqlite.salvage import Salvaged, saved_text
from edge_agent.wire.received import health as heard
from edge_central import measures
from edge_central.alert_settings import default_rules
from edge_central.alerts import rows as alert_rows
from edge_central.alerts.model import Alert, AlertChange, AlertChangeKind, AlertKey
from edge_central.console import documents
from edge_central.console.events import KINDS
from edge_central.retention.deletion_plans import BlockedDeletions
from edge_central.sentences import CATALOGUE, SENTENCES
from edge_central.store import tables
from edge_central.store.presence_reports import GatewayReport, PresenceState, write_report
from edge_central.trusted_time.clock import GATEWAYS, OWN_COUNT, describe_difference
from edge_central.web.auth.accounts import Role
from edge_central.web.i18n import ALL
from tests.edge_central.alerts.test_alert_engine import AlertScenario
from tests.edge_central.parts import FakeGateway
from tests.edge_central.web.house import House
from tests.rules.test_zones import INTRUSION, NIGHT

BAD = (CameraState.OFFLINE, CameraState.DEGRADED)
NOW = datetime(2026, 11, 27, 5, 0, tzinfo=UTC)
ENGLISH = re.compile(
    r"\b(the|is|are|was|since|for|of|in|and|used|ends?|waits?|full|boxes|it|no|not|above|below|lost|stopped)\b"
)


def cameras() -> Iterator[str]:
    camera = CameraStatus("cam-1", CameraState.OFFLINE, None, NOW, 0.0)
    each = [replace(camera, state=state, cause=cause) for state in BAD for cause in Cause]
    tampered = [replace(camera, state=CameraState.ONLINE, view=(view,)) for view in TAMPER]
    both = replace(camera, state=CameraState.ONLINE, view=("covered", "moved"), main_trouble="not_found")
    detailed = [replace(each[0], cause=cause, detail=detail) for cause, detail in reasons()]
    yield from degraded.camera_lines([*each, *tampered, both, *detailed], NOW, UTC)


def reasons() -> Iterator[tuple[Cause, str]]:
    """The reasons of capture why a camera has no picture."""
    yield from ((cause, detail) for _, cause, detail in failures._BY_TYPE)
    yield from failures._BY_ERRNO.values()
    yield from ((fault.cause, fault.detail) for fault in failures.Fault)


def delivery() -> Iterator[str]:
    outbox = wire.OutboxHealth(depth=7, bytes=1, oldest_s=3000.0, sequence=7, epoch="e")
    mqtt, clock = wire.MqttHealth(reconnects=0), wire.ClockHealth(synced=False, source=None, offset_ms=None)
    about = (clock, NOW, UTC)
    yield from degraded.delivery_lines(outbox, but(mqtt, last_error="timed out"), False, *about)
    yield from degraded.delivery_lines(
        but(outbox, shed=3, damaged=2), but(mqtt, refused=2, no_subscriber=True, no_retain=True), True, *about
    )
    silent = problem_text("outbox-disk-silent", file="outbox.db")
    large = problem_text("outbox-log-large", file="outbox.db", megabytes=9)
    in_memory = [problem_text("outbox-in-memory", why=why, seconds=30) for why in (silent, large)]
    failed = problem_text("outbox-disk-failed", why="outbox.db: disk I/O error", seconds=30)
    salvaged = [
        problem_text("outbox-new-epoch", why="outbox.db: malformed", file="x", saved=saved_text(saved))
        for saved in (None, Salvaged(7, None), Salvaged(7, 2))
    ]
    for text in (large, *in_memory, failed, *salvaged):
        yield from degraded.delivery_lines(but(outbox, degraded=text), mqtt, True, *about)
    unconfirmed = but(outbox, unconfirmed=7, oldest_unconfirmed_s=900.0)
    for heard_s in (None, 800.0):
        confirmed = but(mqtt, delivery="confirmed", confirmed_age_s=heard_s)
        yield from degraded.delivery_lines(unconfirmed, confirmed, True, *about)


def box() -> Iterator[str]:
    health = wire.BoxHealth(
        cpu_percent=1.0, memory_percent=95.0, disk_percent=95.0, temperature_c=81.0, uptime_s=1.0,
        undervoltage=True, throttled=True,
    )  # fmt: skip
    detector = wire.DetectorHealth(name="none", queue=0, latency_ms=None)
    for warn_c, critical_c in ((80.0, 85.0), (70.0, 80.0)):
        yield from degraded.box_lines(health, detector, Thermal(warn_c, critical_c, (), (), None))
    for step in (1, 2, 3):
        hot = wire.ThermalHealth(step=step, since="2026-11-27T04:00:00.000Z")
        yield from degraded.thermal_lines(hot, NOW, UTC)
        spent = wire.UplinkHealth(
            kind="sim",
            monthly_bytes=3_000_000_000,
            resets_on="2026-12-01",
            used_bytes=2_900_000_000,
            step=step,
        )
        yield from degraded.uplink_lines(spent)


def modem() -> Iterator[str]:
    sim = wire.UplinkHealth(kind="sim", monthly_bytes=3_000_000_000)
    states: list[dict[str, Any]] = [
        {"state": "missing"},
        *({"state": "failed", "failed": why} for why in ("sim-missing", "sim-error", "unknown")),
        *({"state": "locked", "lock": lock} for lock in ("sim-pin", "sim-puk", "other")),
        *({"state": "searching", "registration": each} for each in ("denied", "searching")),
        {"state": "connected", "registration": "roaming", "operator": "Unitel"},
        {"state": "connected", "registration": "home", "received_bytes": 2_000_000_000},
    ]
    for each in states:
        yield from degraded.modem_lines(sim, wire.ModemHealth(**each))


def duties() -> Iterator[str]:
    for days in (20, -3):
        yield from degraded.certificate_lines(wire.CertificatesHealth(client_days=days, ca_days=days))
    for step in ("reconnect", "reset", "reboot"):
        tried = wire.HealingStep(step=step, at="2026-11-27T04:00:00.000Z", after_s=1.0, outcome="done")
        yield from degraded.healing_lines(wire.HealingHealth(without_s=9000.0, tried=[tried]))
    rules = [
        wire.RuleOverride(camera="cam-1", rule="somebody", what=what, left_s=600.0)
        for what in ("mask", "arm", "disarm")
    ]
    yield from degraded.command_lines(wire.CommandsHealth(rules=rules))
    for way in WhenUnsynced:
        rule = replace(INTRUSION, schedule=replace(NIGHT, unsynced=way))
        yield from degraded.schedule_lines([rule], clock_known=False)
    yield from degraded.evidence_lines(wire.EvidenceHealth(missed=2))


def alerts() -> Iterator[str]:
    reported = heard.ReceivedHealth(
        time="",
        session="",
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
    spared = but(
        reported,
        uplink=but(reported.uplink, held=["info"]),
        certificates=heard.ReceivedCertificatesHealth(9, 8),
    )
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


def overrides() -> Iterator[str]:
    """Events of overrides by operators."""
    usual = OverrideChange(Phase.START, "o-1", "cam-1", "yard", "mask", 60.0, RequestOrigin(), "")
    of_view = replace(usual, rule=None, what="relearn", for_s=None)
    kinds = (usual, replace(usual, what="arm"), replace(usual, what="disarm"), of_view)
    for hit, by in product(
        kinds, (RequestOrigin("mask-1", "ab" * 32), RequestOrigin("mask-1"), RequestOrigin())
    ):
        yield override_line(replace(hit, by=by))
    for hit, reason in product(kinds, ("over", "command", "replaced")):
        yield override_line(replace(hit, phase=Phase.END, end_reason=reason))  # type: ignore[arg-type]


def collected() -> Iterator[str]:
    """Health texts and events of frames for training."""
    begun = Collection(
        event_id="collect-1",
        command_id="collect-7",
        signed_by="ab" * 32,
        cameras=["cam-1", "cam-2"],
        frames=200,
        per_hour=12,
        for_s=3600.0,
        send=True,
        started_at="",
        until=NOW,
        left_s=0.0,
    )
    shown = wire.CollectionHealth(
        event_id="collect-1",
        state="taking",
        cameras=["cam-1", "cam-2"],
        wanted=200,
        frames=9,
        until="2026-11-27T05:00:00.000Z",
    )
    short = problem_text("collection-disk-short", free_mb=12)
    for why in (None, short, problem_text("collection-used-up", bytes=200_000_000)):
        yield from degraded.collection_lines(but(shown, paused=why))
    yield why_of(begun.event(0, NOW))
    for reason in get_args(StopReason):
        yield why_of(but(begun, state="complete", stop_reason=reason).event(0, NOW))
    yield why_of(but(begun, state="gone", sent=2, exported=3).event(0, NOW))


def why_of(data: wire.CollectionData) -> str:
    return data.why if isinstance(data.problem, UnsetType) else ProblemText(data.why, data.problem)


def models() -> Iterator[str]:
    """Health texts and events of models that the centre sent."""
    for group in ("all", "person"):
        for seen in (5.0, 900.0):
            counts = ProbationCounts(minutes=60, inferences=600, expected={group: 200.0}, seen={group: seen})
            if (why := rate_deviation({"cam-1": counts})) is not None:
                yield why
    shown = wire.ModelHealth(reverted="ab" * 32, reverted_at="2026-11-27T05:00:00.000Z", why="street-b: x")
    yield from degraded.model_lines(shown, NOW, UTC)
    compared = wire.ShadowGroup(both=90, only_in_force=10)
    cameras = {"cam-1": wire.ShadowCamera(frames=9, groups={"person": compared})}
    report = wire.ShadowReport(in_force_sha256=None, cameras=cameras)
    for coded in ("model-switched", "model-switched-forced"):
        for found in (report, wire.ShadowReport(in_force_sha256=None)):
            origin = problem_text("by-command", command="c-1")
            yield problem_text(coded, origin=origin, agreement=agreement_text(found))


def connections() -> Iterator[str]:
    """The plain reasons in events of a camera's connection."""
    yield from (detail for _, detail in reasons())


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


LINES = sorted(
    set(
        chain(
            cameras(),
            connections(),
            delivery(),
            box(),
            modem(),
            duties(),
            overrides(),
            collected(),
            models(),
            alerts(),
        )
    )
)


VIETNAMESE_MARKS = str.maketrans(",.", ".,")
"""From the marks of an English number: of thousands, and of decimals."""


@pytest.mark.parametrize("line", LINES)
def test_each_text_of_the_code_has_its_vietnamese(line: str) -> None:
    problem = problem_of(line)
    assert problem is not None, "make it from edge_agent/core/problems or from edge_central/sentences.py"
    ours = CATALOGUE.say(problem, "vi")
    assert ours is not None
    assert not ENGLISH.search(ours.replace("timed out", "").replace(" x", "")), ours
    to_the_minute = re.sub(r"(T\d\d:\d\d):\d\d\.\d+Z", r"\1", line)
    for number in re.findall(r"\d[\d,.]*", to_the_minute if ours else ""):
        assert number in ours or number.translate(VIETNAMESE_MARKS) in ours, "the measured value is there"


def test_agents_send_a_code_with_each_line_of_health() -> None:
    lines = [*cameras(), *delivery(), *box(), *modem(), *duties(), *overrides(), *collected()]
    assert [str(line) for line in lines if problem_of(line) is None] == []


def test_each_sentence_of_the_centre_is_used_and_each_code_has_one() -> None:
    """Codes that are put together, such as ``is-<state>``, are found by their fixed part."""
    files = [file for file in Path(edge_central.__file__).parent.rglob("*.py") if file.name != "sentences.py"]
    sources = "\n".join(file.read_text() for file in files)
    states = {f"is-{state}" for state in PresenceState}
    assert [code for code in SENTENCES if code not in states and f'"{code}"' not in sources] == []
    used = set(re.findall(r'problem_text\(\s*"([^"]+)"', sources))
    assert len(used) > 30
    assert used - CATALOGUE.sentences.keys() == set()


def test_a_code_is_in_one_catalogue_only() -> None:
    assert AGENT.sentences.keys() & SENTENCES.keys() == set()
    for code, (english, vietnamese) in SENTENCES.items():
        names = {name for _, name, _, _ in Formatter().parse(english)} - {None}
        assert names == {name for _, name, _, _ in Formatter().parse(vietnamese)} - {None}, code


@pytest.mark.parametrize(
    ("line", "ours"),
    [
        (
            problem_text("no-such-clip", event="dt-001/a/1"),
            "thiết bị không có video của sự kiện dt-001/a/1",
        ),
        (
            problem_text("commands-not-done", commands=3, same=1, type="clip"),
            "thiết bị còn 3 lệnh chưa thực hiện, trong đó có 1 lệnh clip; hãy gửi lại sau",
        ),
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
            problem_text("clip-waits", day="2026-12-01"),
            "video chờ ở thiết bị vì sắp hết dung lượng SIM, gửi tiếp từ ngày 01/12/2026",
        ),
        (
            problem_text(
                "camera-state",
                camera="cam-1",
                state="offline",
                since="2026-11-23 12:03",
                why=problem_text("stream-no-packet", seconds=10),
            ),
            "camera cam-1 mất hình từ 23/11/2026 12:03: 10 giây không có dữ liệu",
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


def test_the_lines_are_many() -> None:
    assert len(LINES) > 60
    assert {"offline: connection lost", "disk 95 % full, above 90"} < set(LINES)


def test_a_page_shows_the_line_in_the_readers_language(house: House) -> None:
    line, coded = "disk 95 % full", {"code": "disk-full", "params": {"percent": 95}}
    lines = [line, "a line of an old release"]
    house.take(FakeGateway("dt-001").heartbeat("s", degraded=lines, problems=[coded]))
    house.person("lan", Role.VIEWER, "de-tham")
    browser = house.browser("lan")
    browser.get("/language/vi")
    page = browser.get("/sites/dt-001").text
    assert f'<li><span title="{line}">ổ đĩa đầy 95%</span></li>' in page
    assert '<li><span lang="en">a line of an old release</span></li>' in page
    browser.get("/language/en")
    assert f'<li><span lang="en">{line}</span></li>' in browser.get("/sites/dt-001").text


def test_a_reworded_line_is_shown_by_its_code(house: House) -> None:
    line = "the disk holds 95 % of what it can"
    problem = {"code": "disk-full", "params": {"percent": 95}}
    newer = {"code": "of-a-later-release", "params": {}}
    house.take(
        FakeGateway("dt-001").heartbeat(
            "s", degraded=[line, "a newer line", "bare"], problems=[problem, newer, None]
        )
    )
    house.person("lan", Role.VIEWER, "de-tham")
    browser = house.browser("lan")
    browser.get("/language/vi")
    page = browser.get("/sites/dt-001").text
    assert f'<li><span title="{line}">ổ đĩa đầy 95%</span></li>' in page
    assert '<li><span lang="en">a newer line</span></li>' in page
    assert '<li><span lang="en">bare</span></li>' in page
    browser.get("/language/en")
    assert '<li><span lang="en">disk 95 % full</span></li>' in browser.get("/sites/dt-001").text


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


def notes_of(page: str) -> str:
    """What the box says, without the titles: a Vietnamese text has the sender's English there."""
    notes = page.partition("Thiết bị báo")[2].partition("</ul>")[0]
    return re.sub(r'title="[^"]*"', "", notes)


def test_no_page_changes_in_vietnamese_when_an_agent_rewords_every_sentence(house: House) -> None:
    reworded = Catalogue({code: (f"# {en} #", vi) for code, (en, vi) in CATALOGUE.sentences.items()})
    house.person("lan", Role.VIEWER, "de-tham")
    browser = house.browser("lan")
    browser.get("/language/vi")
    box, codes = FakeGateway("dt-001"), list(CATALOGUE.sentences)
    for first in range(0, len(codes), 50):
        pages = []
        for catalogue in (CATALOGUE, reworded):
            texts = [
                catalogue.text(code, **params_for(CATALOGUE.sentences[code][0]))
                for code in codes[first : first + 50]
            ]
            problems = [to_builtins(text.problem) for text in texts]
            house.take(box.heartbeat("s", degraded=[str(text) for text in texts], problems=problems))
            pages.append(browser.get("/sites/dt-001").text)
        assert notes_of(pages[0]) == notes_of(pages[1])
        assert notes_of(pages[0]).count("<li><span >") == len(codes[first : first + 50])
        assert 'title="# ' in pages[1]


def test_an_alert_a_reply_and_a_state_are_stored_with_their_codes(house: House) -> None:
    """Rows of an older version have none: their text is shown as it is."""
    house.person("lan", Role.OFFICER, "de-tham")
    browser = house.browser("lan")
    browser.get("/language/vi")
    box = FakeGateway("dt-001")
    house.take(box.heartbeat("s"))
    lost, disk = problem_text("connection-lost"), problem_text("disk-full", percent=97)
    opened = Alert(AlertKey("de-tham", "dt-001", "disk"), Severity.WARNING, disk, 97.0, 1, 1)
    report = GatewayReport("dt-001", "de-tham", PresenceState.OFFLINE, lost, 1)
    with house.store.batch() as batch:
        alert_rows.write(batch.connection, AlertChange(AlertChangeKind.OPENED, opened))
        write_report(batch.connection, report)
    [restored] = house.store.query(lambda connection: alert_rows.read(connection, ["de-tham"], 2)).alerts
    assert problem_of(restored.text) == disk.problem
    assert "ổ đĩa đầy 97%" in browser.get("/alerts").text
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
    newer = problem_of(judge(health_with(detector=part, degraded=[line])).text)
    older = problem_of(judge(health_with(detector=part, degraded=[str(line)])).text)
    assert newer is not None
    assert older is not None
    assert CATALOGUE.say(newer, "vi") == (
        "bộ nhận dạng: nhận dạng bị lỗi 3 lần liên tiếp; camera chỉ còn phát hiện chuyển động"
    )
    assert CATALOGUE.say(older, "vi") == f"bộ nhận dạng: {failing}", "an older agent's words as they are"


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


def test_problems_that_do_not_fit_leave_the_text(house: House) -> None:
    lines = [f"text {number}" for number in range(len(HOSTILE))]
    house.take(FakeGateway("dt-001").heartbeat("s", degraded=lines, problems=HOSTILE))
    house.person("lan", Role.VIEWER, "de-tham")
    browser = house.browser("lan")
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
    found = problem_of(text)
    assert text == "a reworded sentence"
    assert found is not None
    assert CATALOGUE.say(found, "vi") == "người ở trong vùng yard đã 6 giây"
