"""What the centre makes of the rules that a gateway sends, and when it asks for them."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Connection, select, update

from edge_agent.commands.handlers.configuration.configured_rules import RulesCommand
from edge_agent.config.loader import load
from edge_agent.wire import NoArguments
from edge_central.ingest.batch_result import BornConfiguration
from edge_central.rehearsals.answers import record_replies
from edge_central.rehearsals.records import ReportedRules, read_camera_rules
from edge_central.rehearsals.rule_requests import RuleRequests
from edge_central.rehearsals.rules import CameraRuleSet, ConfiguredRule, parse_camera_rules
from edge_central.searches.sender import FIRST_AGAIN_S, SearchSender
from edge_central.store import tables
from edge_central.store.scope import EVERYWHERE
from edge_central.trusted_time.clock import Correction
from edge_central.trusted_time.clock_store import shift_times
from tests.commands.contexts import GivenContext
from tests.edge_central.rehearsals.parts import CAMERA, NIGHT, YARD, document
from tests.edge_central.searches.parts import LAN, NOW_MS, TOPICS, WARDS, reply
from tests.edge_central.searches.test_sender import WallClock
from tests.testbed.agent import write_config

BORN = {"dt-001": BornConfiguration("de-tham", "ab" * 32, "0.1.0")}


def rules(camera: object = CAMERA) -> CameraRuleSet:
    found = parse_camera_rules(document(camera), "cam-1")
    assert found is not None
    return found


def rule(written: dict[str, Any]) -> ConfiguredRule | None:
    return rules(CAMERA | {"rules": [written]}).rule(str(written.get("id")))


def test_rules_are_read_with_their_places_and_the_defaults_of_their_kinds() -> None:
    night, gate, crowd = rules().rules
    assert (night.id, night.kind, night.labels) == ("night", "loitering", ("person", "motorcycle"))
    assert (night.begin, night.end, night.days, night.seconds) == ("22:00", "05:00", ("mon-fri",), 20)
    assert night.place is not None
    assert (night.place.key, night.place.name, len(night.place.points)) == ("zones", "yard", 4)
    assert gate.place is not None
    assert (gate.place.points, gate.seconds, gate.count) == (((0.1, 0.5), (0.9, 0.5)), None, None)
    assert "truck" in gate.labels, "all labels are the default"
    assert (crowd.count, crowd.seconds, crowd.labels[0]) == (6, 30, "person")
    assert rules().unreadable == 0


def test_what_an_agent_sends_of_its_configuration_is_read(tmp_path: Any) -> None:
    config = write_config(
        tmp_path, cameras=[{"id": "cam-1", "url": "rtsp://127.0.0.1/1", **CAMERA}], broker_port=1883
    )
    sent = RulesCommand(config).run(GivenContext("c-1", NoArguments())).result
    found = parse_camera_rules(json.dumps(sent).encode(), "cam-1")
    assert found == replace(rules(), config_hash=sent["config_hash"])
    assert sent["config_hash"] == load(config).config_hash


@pytest.mark.parametrize(
    "written",
    [
        5,
        {"id": "a"},
        {"id": "<script>", "kind": "loitering"},
        {"id": "a", "kind": "newer-than-us"},
        {"id": "a", "kind": ["loitering"]},
        {"id": "a", "kind": "loitering", "x: y\n": 1},
        {"id": "a", "kind": "loitering", "note": "\x1b[31m"},
        {"id": "a", "kind": "loitering", "note": "x" * 5000},
        {"id": "a", "kind": "loitering", "note": [[[[[[1]]]]]]},
        {"id": "a", "kind": "loitering", "note": 1e300},
        {"id": "a", "kind": "loitering", **{f"k{n}": n for n in range(100)}},
    ],
)
def test_a_rule_that_cannot_be_read_is_counted_and_hides_no_other(written: object) -> None:
    found = rules(CAMERA | {"rules": [written, NIGHT]})
    assert ([each.id for each in found.rules], found.unreadable) == (["night"], 1)


@pytest.mark.parametrize(
    "zone",
    [
        None,
        {"polygon": "x"},
        {"polygon": [[0, 0], [1, 1]]},
        {"polygon": [[0, 0], [1, 1], [2, 0]]},
        {"polygon": [[0, 0], [1, 1], [True, 0]]},
        {"polygon": [[0, 0], [1, 1], ["x", 0]]},
        {"polygon": [[0.5, 0.5]] * 100},
        {"polygon": [[0, 0], [1, 1], [1, 0]], "exclude": 5},
        {"polygon": [[0, 0], [1, 1], [1, 0]], "exclude": [[[0, 0], [1, 1], [1, 7]]]},
        {"polygon": [[0, 0], [1, 1], [1, 0]], "exclude": [[[0, 0], [1, 1], [1, 0]]] * 17},
        {"polygon": [[0, 0], [1, 1], [1, 0]], "x: y\n": 1},
        {"polygon": [[0, 0], [1, 1], [1, 0]], "note": [[[[[[1]]]]]]},
    ],
)
def test_a_rule_whose_zone_cannot_be_drawn_is_shown_without_it(zone: object) -> None:
    found = rules(CAMERA | {"zones": {"yard": zone}})
    night = found.rule("night")
    assert night is not None
    assert (night.place, found.zones) == (None, {})


def test_a_rule_has_its_least_score_and_what_its_zone_excludes() -> None:
    part = [[0.3, 0.3], [0.4, 0.3], [0.4, 0.4]]
    camera = CAMERA | {"rules": [NIGHT | {"min_score": 0.6}], "zones": {"yard": YARD | {"exclude": [part]}}}
    night = rules(camera).rule("night")
    assert night is not None
    assert night.place is not None
    assert (night.min_score, night.place.excluded) == (0.6, (tuple(map(tuple, part)),))


def test_rules_and_places_have_names_for_people_where_the_configuration_has_them() -> None:
    camera = CAMERA | {
        "rules": [NIGHT | {"name": "Đêm"}, *CAMERA["rules"][1:]],
        "zones": {"yard": YARD | {"name": "Sân trường"}},
    }
    night, gate, _ = rules(camera).rules
    assert (night.shown, gate.shown) == ("Đêm", "gate")
    assert night.place is not None
    assert (night.place.shown, night.place.name) == ("Sân trường", "yard")
    odd: list[object] = [7, None, ["Sân"], {}]
    for name in odd:
        named = rules(CAMERA | {"rules": [NIGHT | {"name": name}]}).rule("night")
        assert named is not None
        assert named.shown == "night"


@pytest.mark.parametrize(
    "changes",
    [
        {"schedule": "always"},
        {"schedule": {"from": 5, "days": {"a": 1}}},
        {"labels": 7},
        {"min_duration_s": "long"},
        {"min_duration_s": True},
        {"zone": ["yard"]},
        {"min_score": "high"},
    ],
)
def test_odd_values_of_a_rule_are_left_out(changes: dict[str, Any]) -> None:
    assert rule(NIGHT | changes) is not None


@pytest.mark.parametrize("payload", [b"", b"5", b"\xff", b"[" * 5000, b'{"cameras": {"cam-1": 5}}', b"{}"])
def test_a_document_that_cannot_be_read_says_nothing(payload: bytes) -> None:
    assert parse_camera_rules(payload, "cam-1") is None


# --- asking ---


def requests(clock: WallClock) -> RuleRequests:
    return RuleRequests(TOPICS, clock, SearchSender(TOPICS, WARDS, clock, "central", None))


def command(connection: Connection) -> str:
    return str(connection.scalar(select(tables.camera_rules.c.command)))


def known(connection: Connection) -> ReportedRules:
    return read_camera_rules(connection, EVERYWHERE, "dt-001", "cam-1")


def answered(connection: Connection, **more: Any) -> None:
    document_ = json.loads(document())
    record_replies(connection, [reply("dt-001", command(connection), result=document_, **more)], 7)


def test_a_birth_with_another_configuration_is_asked_for_its_rules_without_a_signature(
    connection: Connection,
) -> None:
    clock = WallClock()
    asking = requests(clock)
    assert not asking.has_waiting(connection)
    asking.on_births(connection, BORN)
    assert asking.has_waiting(connection)
    (message,) = asking.send(connection)
    assert message.topic == "tb/v1/de-tham/dt-001/down/cmd/rules"
    sent = json.loads(message.payload)
    assert (sent["id"], sent["type"], sent["args"]) == (command(connection), "rules", {})
    assert known(connection) == ReportedRules(None, None, False, "")
    answered(connection)
    found = known(connection)
    assert (found.rules, found.received_ms, found.is_current) == (rules(), 7, True)

    asking.on_births(connection, BORN)
    clock.ms += 86_400_000
    assert not asking.has_waiting(connection), "nothing has changed: no byte of the SIM card is spent"
    asking.on_births(connection, {"dt-001": BornConfiguration("de-tham", "cd" * 32, "0.1.0")})
    assert not known(connection).is_current
    assert known(connection).rules == rules(), "the earlier ones, until the new ones come"
    assert len(asking.send(connection)) == 1
    refused = reply("dt-001", command(connection), "rejected", code="not-possible", text="too large")
    record_replies(connection, [refused], 8)
    assert known(connection) == ReportedRules(None, None, False, "too large"), (
        "those of an earlier one are over"
    )


def test_it_is_asked_again_with_another_id_until_it_answers(connection: Connection) -> None:
    clock = WallClock()
    asking = requests(clock)
    asking.on_births(connection, BORN)
    asking.send(connection)
    first = command(connection)
    assert asking.send(connection) == []
    clock.ms += FIRST_AGAIN_S * 1000
    assert len(asking.send(connection)) == 1
    assert command(connection) != first
    record_replies(connection, [reply("dt-001", first, result={"cameras": {}})], 5)
    assert known(connection).received_ms is None, "the reply to a command that has expired"
    connection.execute(update(tables.gateway).values(state="offline"))
    clock.ms += 86_400_000
    assert asking.send(connection) == []


def test_an_old_agent_is_asked_again_after_its_update(connection: Connection) -> None:
    clock = WallClock()
    asking = requests(clock)
    asking.on_births(connection, BORN)
    asking.send(connection)
    refused = reply("dt-001", command(connection), "rejected", code="unknown-type", text="no such command")
    record_replies(connection, [refused], 5)
    assert known(connection).words == "no such command"
    clock.ms += 86_400_000
    asking.on_births(connection, BORN)
    assert asking.send(connection) == []
    asking.on_births(connection, {"dt-001": BornConfiguration("de-tham", "ab" * 32, "0.2.0")})
    assert len(asking.send(connection)) == 1


def test_rules_are_read_in_the_scope_only_and_move_with_their_gateway(connection: Connection) -> None:
    asking = requests(WallClock())
    asking.on_births(connection, BORN)
    asking.send(connection)
    answered(connection)
    assert read_camera_rules(connection, LAN.scope, "dt-001", "cam-1").rules is not None
    other = EVERYWHERE.narrowed("bo-xuyen")
    assert read_camera_rules(connection, other, "dt-001", "cam-1").rules is None
    asking.on_births(connection, {"dt-001": BornConfiguration("bo-xuyen", "ab" * 32, "0.1.0")})
    assert read_camera_rules(connection, LAN.scope, "dt-001", "cam-1").rules is None


def test_what_a_birth_says_breaks_no_database(connection: Connection) -> None:
    odd = BornConfiguration("de-tham", "\0" * 3 + "x" * 9000, "' OR 1=1 --\0")
    requests(WallClock()).on_births(connection, {"dt-001": odd})
    assert connection.scalar(select(tables.camera_rules.c.wanted)) == f"{'x' * 64} OR11--"


def test_the_times_of_questions_follow_a_corrected_clock(connection: Connection) -> None:
    """Otherwise a clock that was years ahead would delay the next question for years."""
    requests(WallClock()).on_births(connection, BORN)
    shift_times(connection, Correction(5_000, NOW_MS - 1), WARDS, exclusive_database=False)
    assert connection.scalar(select(tables.camera_rules.c.next_ms)) == NOW_MS + 5_000
