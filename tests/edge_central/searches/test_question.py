"""Questions of forms and programs: what is accepted, and what a refusal says."""

from __future__ import annotations

import json
import unicodedata
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from edge_agent.core.problems import problem_of
from edge_agent.wire import SearchArguments
from edge_central.searches.matches import FIRST, SECOND
from edge_central.searches.question import InvalidQuestion, SearchCircle, parse_question, question_of_form
from edge_central.searches.sender import search_arguments
from tests.edge_central.searches.parts import document, question

ZONE = ZoneInfo("Asia/Ho_Chi_Minh")


@pytest.mark.parametrize(
    ("wrong", "field", "code"),
    [
        ({"purpose": " ab "}, "purpose", "search-purpose"),
        ({"purpose": None}, "purpose", "search-purpose"),
        ({"case": "  "}, "case", "search-case"),
        ({"from_at": "yesterday"}, "from_at", "search-time"),
        ({"from_at": "2026-11-27T11:00:00"}, "from_at", "search-time"),  # in which zone?
        ({"from_at": "0001-01-01T00:00:00+14:00"}, "from_at", "search-time"),
        ({"to_at": "2026-11-27T10:00:00Z"}, "to_at", "search-order"),
        ({"to_at": "2027-11-27T10:00:00Z"}, "to_at", "search-span"),
        ({"part": "upper"}, "part", "search-needs-colour"),
        ({"colour": "violet"}, "colour", "search-field"),
        ({"min_speed": 2, "max_speed": 1}, "min_speed", "search-range"),
        ({"hours": 169}, "hours", "search-field"),
        ({"cameras": ["dt-001"]}, "cameras", "search-field"),
        ({"cameras": []}, "cameras", "search-field"),
        ({"gateways": []}, "gateways", "search-field"),
        ({"wards": []}, "wards", "search-field"),
        ({"second": {"gateway": "dt-001"}}, "second", "search-second"),
        ({"circle": {"latitude": 91, "longitude": 1, "radius_m": 100}}, "circle.latitude", "search-field"),
        (
            {
                "windows": [
                    {"gateway": "dt-001", "from_at": "2026-11-27T10:59:00Z", "to_at": "2026-11-27T11:30:00Z"}
                ]
            },
            "windows",
            "search-window",
        ),  # begins before the search
        ({"windows": [{"gateway": "dt-001"}]}, "from_at", "search-time"),
        ({"windows": "always"}, "windows", "search-field"),
        ({"everything": True}, "everything", "search-unknown-field"),
    ],
)
def test_a_question_that_makes_no_sense_is_refused_by_field(
    wrong: dict[str, Any], field: str, code: str
) -> None:
    with pytest.raises(InvalidQuestion) as refused:
        question(**wrong)
    problem = problem_of(refused.value.text)
    assert problem is not None
    assert (refused.value.field, problem.code) == (field, code)


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"\xff", b"[" * 60_000, b" " * 70_000])
def test_what_is_no_question_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidQuestion):
        parse_question(body)


def test_a_form_says_the_same_as_a_program() -> None:
    form = {
        "csrf": "x",
        "purpose": "theft  of a\nmotorcycle",
        "case": "7/2026",
        "from_at": "2026-11-27T18:00",  # in the zone of the console
        "to_at": "2026-11-27T19:00",
        "wards": "de-tham, bo-xuyen",
        "group": "",
        "colour": "red",
        "min_speed": "1.5",
        "line.gateway": "dt-001",
        "line.camera": "cam-1",
        "line.from": "0.1 0.5",
        "line.to": "0.9,0.5",
    }
    line = {"gateway": "dt-001", "camera": "cam-1", "from": [0.1, 0.5], "to": [0.9, 0.5]}
    wanted = question(wards=["de-tham", "bo-xuyen"], colour="red", min_speed=1.5, line=line)
    assert question_of_form(form, ZONE) == wanted


def test_a_purpose_and_a_case_have_one_spelling() -> None:
    written = {"purpose": "trộm xe máy", "case": "Vụ 7/2026"}
    apart = {name: unicodedata.normalize("NFD", text) for name, text in written.items()}
    assert question(**apart) == question(**written)


def test_a_circle_has_its_radius_on_the_ground() -> None:
    circle = SearchCircle(latitude=20.45, longitude=106.34, radius_m=1000)
    assert circle.contains(20.4589, 106.34), "990 m to the north"
    assert not circle.contains(20.4591, 106.34), "1012 m"
    assert circle.contains(20.45, 106.3495), "990 m to the east"


def test_each_gateway_is_asked_its_part() -> None:
    asked = question(
        cameras=["dt-001/cam-2", "dt-002/cam-1"],
        group="two-wheeler",
        colour="red",
        direction_deg=90,
        min_speed=1,
        second={"gateway": "bx-001", "camera": "cam-1", "within_min": 15},
    )
    first = search_arguments(asked, "dt-001", "de-tham", FIRST, "lan")
    assert (first["cameras"], first["wards"], first["asked_by"]) == (["cam-2"], ["de-tham"], "lan")
    assert (first["direction_deg"], first["to_at"]) == (90, "2026-11-27T12:00:00.000Z")
    then = search_arguments(asked, "bx-001", "bo-xuyen", SECOND, "lan")
    assert then["cameras"] == ["cam-1"]
    assert (then["group"], then["colour"], then["to_at"]) == (
        "two-wheeler",
        "red",
        "2026-11-27T12:15:00.000Z",
    )
    assert not {"direction_deg", "min_speed"} & then.keys(), "they depend on the view"


def test_a_gateway_may_have_a_time_of_its_own() -> None:
    window = {"gateway": "dt-001", "from_at": "2026-11-27T18:10:00+07:00", "to_at": "2026-11-27T11:20:00Z"}
    asked = question(windows=[window], gateways=["dt-001", "dt-002"])
    own, other = (search_arguments(asked, each, "de-tham", FIRST, "lan") for each in ("dt-001", "dt-002"))
    assert (own["from_at"], own["to_at"]) == ("2026-11-27T11:10:00.000Z", "2026-11-27T11:20:00.000Z")
    assert (other["from_at"], other["to_at"]) == ("2026-11-27T11:00:00.000Z", "2026-11-27T12:00:00.000Z")
    assert "windows" not in own, "the wire does not change"
    assert "oldest_first" not in own, "older agents would refuse it"
    asked = question(gateways=["dt-001"], oldest_first=True)
    assert search_arguments(asked, "dt-001", "de-tham", FIRST, "lan")["oldest_first"] is True


def test_the_arguments_are_those_of_the_wire() -> None:
    """A gateway refuses an unknown argument."""
    every = document(
        colour="red",
        part="upper",
        group="person",
        direction_deg=0,
        min_height=0.1,
        max_height=0.9,
        min_speed=0,
        max_speed=9,
        min_speed_m_s=0,
        max_speed_m_s=9,
        min_still_s=1,
        min_for_s=1,
        oldest_first=True,
        line={"gateway": "dt-001", "camera": "cam-1", "from": [0, 0.5], "to": [1, 0.5]},
    )
    asked = parse_question(json.dumps(every).encode())
    sent = search_arguments(asked, "dt-001", "de-tham", FIRST, "lan")
    assert set(sent) <= set(SearchArguments.__struct_fields__)
