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
from msgspec import UnsetType
from msgspec.structs import replace as but

import edge_agent
import edge_central
from edge_agent import wire
from edge_agent.capture import failures
from edge_agent.collection.files import Collection, StopReason
from edge_agent.commands.handlers.media_service import delivery_text
from edge_agent.config.model.boards import Thermal
from edge_agent.config.model.settings import WhenUnsynced
from edge_agent.core.facts import TAMPER, OverrideChange, Phase, RequestOrigin
from edge_agent.core.model import CameraState, CameraStatus, Cause
from edge_agent.core.problems import CATALOGUE as AGENT
from edge_agent.core.problems import ProblemText, problem_of, problem_text
from edge_agent.events.explanations import override_line
from edge_agent.host.health import degraded
from edge_agent.model_release.agreement import agreement_text
from edge_agent.model_release.record import ProbationCounts, rate_deviation
from edge_agent.outbox.sqlite.salvage import Salvaged, saved_text
from edge_agent.wire.received import health as heard
from edge_central import alert_rules
from edge_central.alert_settings import default_rules
from edge_central.console import documents
from edge_central.console.events import KINDS
from edge_central.retention.deletion_plans import BlockedDeletions
from edge_central.store.presence_reports import PresenceState
from edge_central.trusted_time.clock import GATEWAYS, OWN_COUNT, describe_difference
from edge_central.web.auth.accounts import Role
from edge_central.web.i18n import ALL
from edge_central.web.i18n.sentences import SENTENCES
from edge_central.web.i18n.stored_texts import CATALOGUE, vietnamese_of
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
    for health in (reported, spared):
        yield from (reading(health).text for reading in alert_rules.GATEWAY_MEASURES.values())
    for state in ("offline", "degraded"):
        camera = heard.ReceivedCameraHealth(state, cause="stalled", view=["covered", "moved"])
        for seen in (camera, but(camera, cause=None)):
            readings = (reading(seen) for reading in alert_rules.CAMERA_MEASURES.values())
            yield from (reading.text for reading in readings if reading.value)
    shipped = [rule for rule in default_rules() if rule.measure in alert_rules.GATEWAY_MEASURES]
    yield from (rule.text_for(alert_rules.GATEWAY_MEASURES[rule.measure](reported)) for rule in shipped)
    yield from presence()
    yield alert_rules.version_behind("0.1.0", "0.2.0").text
    yield from (reading(3).text for reading in alert_rules.COUNTED_MEASURES.values())
    yield from (alert_rules.conflict(events).text for events in (0, 3))
    yield alert_rules.NO_CONFLICT.text
    yield from alert_rules.CENTRE_MEASURES.values()
    yield from compared_clocks()
    yield from (
        alert_rules.overrides(active).text
        for active in (set[str](), {"the view"}, {"gate (disarm)", "yard (mask)"})
    )
    yield BlockedDeletions(over={"event": 300}, stored={"event": 448}).text


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
    yield from (f"model: given up: street-b: {why}" for why in ("x", "command c-1 ended it"))
    shown = wire.ModelHealth(reverted="ab" * 32, reverted_at="2026-11-27T05:00:00.000Z", why="street-b: x")
    yield from degraded.model_lines(shown, NOW, UTC)
    compared = wire.ShadowGroup(both=90, only_in_force=10)
    cameras = {"cam-1": wire.ShadowCamera(frames=9, groups={"person": compared})}
    report = wire.ShadowReport(in_force_sha256=None, cameras=cameras)
    yield from (f"command c-1, signed by 9bb4; {agreement_text(report)}{more}" for more in ("", ", forced"))
    yield f"command c-1, signed by 9bb4; {agreement_text(wire.ShadowReport(in_force_sha256=None))}, forced"
    yield "the agent has ended unasked 3 times while it ran"
    yield "3 of its inferences in a row have failed"


def connections() -> Iterator[str]:
    """The plain reasons in events of a camera's connection."""
    yield from (detail for _, detail in reasons())
    yield from ("no packet for 10 s", "packets, but no whole picture for 12 s", "the connection broke")


def presence() -> Iterator[str]:
    """Texts as the alert engine joins them."""
    ward = AlertScenario()
    reasons = (
        (PresenceState.OFFLINE, "connection lost"),
        (PresenceState.OFFLINE, "no heartbeat for 95 s"),
        (PresenceState.OFFLINE, "reconnecting with the next certificate"),
        (PresenceState.STOPPED, "agent stopped"),
        (PresenceState.UNSTABLE, "went offline 3 times in 10 min"),
    )
    for standing, why in reasons:
        ward.presence("dt-1", standing, why)
        ward.wait(2000)  # longer than the wait of any of their rules
        ward.presence("dt-1", PresenceState.ONLINE, "connected")
        ward.wait(60)
    yield from (change.alert.text for _, change in ward.changes)


LINES = sorted(
    set(
        chain(
            cameras(),
            connections(),
            delivery(),
            box(),
            duties(),
            overrides(),
            collected(),
            models(),
            alerts(),
        )
    )
)


@pytest.mark.parametrize("line", LINES)
def test_each_text_of_the_code_has_its_vietnamese(line: str) -> None:
    """By its code, if it has one, and as a text without a code, as the centre's tables have it."""
    problem = problem_of(line)
    for ours in (vietnamese_of(str(line)), CATALOGUE.say(problem, "vi") if problem else ""):
        assert ours is not None, "add it to edge_agent/core/problems or to i18n/sentences.py"
        assert not ENGLISH.search(ours), ours
        to_the_minute = re.sub(r"(T\d\d:\d\d):\d\d\.\d+Z", r"\1", line)
        for number in re.findall(r"\d[\d,.]*", to_the_minute if ours else ""):
            assert number in ours, "the measured value is in the text too"


def test_agents_send_a_code_with_each_line_of_health() -> None:
    lines = [*cameras(), *delivery(), *box(), *duties(), *overrides(), *collected()]
    assert [str(line) for line in lines if problem_of(line) is None] == []


def test_sentences_of_the_centre_are_those_of_the_code() -> None:
    """A sentence without figures is in the source exactly as it is here."""
    of_keys = {"commands", "commands signed with this key"}
    composed = {f"too many {each} have come in the last days; send it again later": each for each in of_keys}
    composed["the clip is on its way"] = "is on its way"
    centre = [file for file in Path(edge_central.__file__).parent.rglob("*.py") if "i18n" not in file.parts]
    sources = [file.read_text() for file in (*centre, *Path(edge_agent.__file__).parent.rglob("*.py"))]
    plain = [english for english, _ in SENTENCES.values() if "{" not in english]
    assert len(plain) > 30
    missing = [each for each in plain if not any(composed.get(each, each) in source for source in sources)]
    assert missing == []


def test_a_code_is_in_one_catalogue_only() -> None:
    assert AGENT.sentences.keys() & SENTENCES.keys() == set()
    for code, (english, vietnamese) in SENTENCES.items():
        names = {name for _, name, _, _ in Formatter().parse(english)} - {None}
        assert names == {name for _, name, _, _ in Formatter().parse(vietnamese)} - {None}, code


@pytest.mark.parametrize(
    ("line", "ours"),
    [
        (
            "there is no clip of dt-001/a/1 on this box",
            "thiết bị không có video của sự kiện dt-001/a/1",
        ),
        (
            "3 commands are not done yet, 1 of them clip; send it again later",
            "thiết bị còn 3 lệnh chưa thực hiện, trong đó có 1 lệnh clip; hãy gửi lại sau",
        ),
        ("signed with the key of dt-002", "ký bằng khóa của dt-002"),
        ("agent failed: outbox: disk full", "phần mềm gặp lỗi: hàng chờ gửi: disk full"),
        ("the agent failed to make it (OSError)", "phần mềm gặp lỗi khi lập video (OSError)"),
        (
            "clips of mjpeg streams are not made, only of h264, hevc",
            "không lập được video từ luồng mjpeg, chỉ được từ h264, hevc",
        ),
    ],
)
def test_clips_and_signatures(line: str, ours: str) -> None:
    assert vietnamese_of(line) == ours


def test_a_clip_that_waits_shows_until_when() -> None:
    spent = wire.UplinkHealth(
        kind="sim", monthly_bytes=1, resets_on="2026-12-01", used_bytes=1, held=["media"]
    )
    ours = vietnamese_of(f"the clip {delivery_text(spent)}")
    assert ours == "video chờ ở thiết bị vì sắp hết dung lượng SIM, gửi tiếp từ ngày 01/12/2026"


def test_no_text_is_without_a_pattern() -> None:
    assert len(LINES) > 60
    assert {"offline: connection lost", "disk 95 % full, above 90"} < set(LINES)
    assert vietnamese_of("a line of a later release") is None


@pytest.mark.parametrize(
    ("line", "ours"),
    [
        ("person crossed cong-a from A to B", "người đi qua vạch ảo cong-a từ A sang B"),
        (
            "motorcycle goes against the arrow of lane: at 179 degrees to it, over 0.20 of the picture's "
            "width",
            "xe máy đi ngược chiều ở vùng lane: lệch 179 độ so với mũi tên, đoạn đường dài 0.20 chiều rộng "
            "hình",
        ),
        ("something came and stands in lane for 30 s", "vật chưa rõ vào và dừng ở vùng lane đã 30 giây"),
        (
            "9 in yard, at most 3, for 4 s",
            "có 9 người, phương tiện trong vùng yard, mức tối đa là 3, đã kéo dài 4 giây",
        ),
        ("person in yard for 6 s", "người ở trong vùng yard đã 6 giây"),
        ("no heartbeat for 47 s", "47 giây không có bản tin định kỳ"),
        (
            "camera cam-1 offline since 2026-11-23 12:03: no packet for 10 s",
            "camera cam-1 mất hình từ 23/11/2026 12:03: 10 giây không có dữ liệu",
        ),
        (
            "up to 9 frames each of cam-1 are kept for training until 2026-12-11T05:00:00Z; "
            "command c, not signed",
            "lưu tối đa 9 ảnh huấn luyện mỗi camera (cam-1), đến 05:00 ngày 11/12/2026 (giờ UTC); "
            "theo lệnh c, không có chữ ký số",
        ),
    ],
)
def test_events_and_presence(line: str, ours: str) -> None:
    assert vietnamese_of(line) == ours


def test_a_page_shows_the_line_in_the_readers_language(house: House) -> None:
    line = "disk 95 % full"
    house.take(FakeGateway("dt-001").heartbeat("s", degraded=[line, "a line of a later release"]))
    house.person("lan", Role.VIEWER, "de-tham")
    browser = house.browser("lan")
    browser.get("/language/vi")
    page = browser.get("/sites/dt-001").text
    assert f'<li><span title="{line}">ổ đĩa đầy 95%</span></li>' in page
    assert '<li><span lang="en">a line of a later release</span></li>' in page
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
