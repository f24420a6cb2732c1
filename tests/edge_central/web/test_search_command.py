"""``edge-agent search`` against a console, and ``edge-agent central searches`` on what it has searched."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import cast

import pytest
from sqlalchemy import select

from edge_agent.cli.arguments import parser
from edge_agent.cli.centre_client import CentreClient
from edge_agent.cli.main import main
from edge_agent.cli.search import _save_picture, question_of
from edge_agent.core.errors import EdgeAgentError
from edge_central.searches.answers import record_answers
from edge_central.store import tables
from tests.edge_central.parts import JPEG, WARD
from tests.edge_central.searches.parts import answer, command_of, found_city, passage, picture_reply, reply
from tests.edge_central.web.house import House

REASON = ("--purpose", "theft of a motorcycle", "--case", "7/2026", "--from", "2026-11-27T11:00:00Z")
UNTIL = ("--to", "2026-11-27T12:00:00Z")


@pytest.fixture
def city(house: House, tmp_path: Path) -> House:
    with house.connections.writing() as connection:
        found_city(connection)
    (tmp_path / "token").write_text(house.token("app", WARD) + "\n")
    return house


def run(house: House, *arguments: str) -> int:
    token = house.folder / "token"
    return main(["search", "--centre", house.url, "--token-file", str(token), *arguments])


def play_gateway(house: House, gateway: str, stop: threading.Event) -> None:
    """As this gateway, answer the search with one passage, and send its picture when it is opened."""
    digest = hashlib.sha256(JPEG).hexdigest()
    while not stop.wait(0.05):
        with house.connections.writing() as connection:
            replies = [
                answer(gateway, row.command, passage(412, picture_sha256=digest))
                for row in connection.execute(select(tables.search_answer))
                if row.gateway == gateway
            ]
            opened = connection.execute(select(tables.search_picture)).all()
            replies += [picture_reply(gateway, row.command, row.passage) for row in opened]
            record_answers(connection, replies, house.now_ms())


@contextmanager
def answering(house: House, gateway: str) -> Iterator[None]:
    stop = threading.Event()
    playing = threading.Thread(target=play_gateway, args=(house, gateway, stop))
    playing.start()
    try:
        yield
    finally:
        stop.set()
        playing.join()


def test_matches_are_printed_as_they_come(city: House, capsys: pytest.CaptureFixture[str]) -> None:
    with answering(city, "dt-001"):
        assert run(city, *REASON, *UNTIL, "--group", "two-wheeler", "--wait-s", "2") == 1
    first, *lines = capsys.readouterr().out.splitlines()
    search = first.removeprefix("search ")
    assert ("dt-001/cam-1" in lines[0], "upper red" in lines[0]) == (True, True)
    assert lines[1:] == [
        "1 of 2 gateways answered; passages that fit: 1",
        "dt-002 (dt-002) has not answered yet",
        f"read the rest later: --search {search}",
    ]
    with city.connections.writing() as connection:
        command = command_of(connection, search, "dt-002")
        record_answers(connection, [answer("dt-002", command)], city.now_ms())
    assert run(city, "--search", search, "--json") == 0
    again = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [each["passage"] for each in again] == [412]


def test_a_search_is_withdrawn_by_its_id(city: House, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(city, *REASON, *UNTIL, "--wait-s", "0") == 1
    search = capsys.readouterr().out.splitlines()[0].removeprefix("search ")
    assert run(city, "--withdraw", search) == 0
    assert capsys.readouterr().out == "withdrawn; gateways without an answer: 2\n"
    assert run(city, "--search", search) == 1
    assert "dt-001 (dt-001): withdrawn" in capsys.readouterr().out
    assert run(city, "--withdraw", "../x") == 2
    assert run(city, "--withdraw", "0" * 16) == 1


def test_pictures_are_written_and_reported(
    city: House, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with city.connections.writing() as connection:
        connection.execute(tables.gateway.delete().where(tables.gateway.c.id == "dt-002"))
    with answering(city, "dt-001"):
        assert run(city, *REASON, *UNTIL, "--pictures", str(tmp_path / "out"), "--wait-s", "20") == 0
    assert {each.name for each in (tmp_path / "out").iterdir()} == {"dt-001-412.jpg"}
    assert (tmp_path / "out" / "dt-001-412.jpg").read_bytes() == JPEG
    capsys.readouterr()
    assert main(["central", "searches", "--json", str(city.config)]) == 0
    (row,) = json.loads(capsys.readouterr().out)["users"]
    assert (row["account"], row["searches"], row["gateways_asked"], row["pictures_opened"]) == (
        "app",
        1,
        1,
        1,
    )
    assert row["cases"] == ["7/2026"]
    assert main(["central", "searches", "--month", "2026-01", str(city.config)]) == 0
    assert capsys.readouterr().out.startswith("no searches in 2026-01")


def test_the_summary_says_what_is_missing_and_why(city: House, capsys: pytest.CaptureFixture[str]) -> None:
    place = ("--camera", "dt-001/cam-1", "--then", "dt-001/cam-2", "--wait-s", "0")
    assert run(city, *REASON, *UNTIL, *place) == 1
    search = capsys.readouterr().out.splitlines()[0].removeprefix("search ")
    with city.connections.writing() as connection:
        (first, second) = sorted(connection.execute(select(tables.search_answer.c.command)).scalars())
        refused = reply(
            "dt-001", second, "rejected", code="clock-not-synchronised", text="its clock is not synchronised"
        )
        found = answer("dt-001", first, passage(412, camera="cam-1"), total=60)
        record_answers(connection, [found, refused], city.now_ms())
    assert run(city, "--search", search, "--wait-s", "0") == 1
    assert capsys.readouterr().out.splitlines()[1:] == [
        "0 of 1 gateways answered; passages that fit at one of the two places: 60",
        "only 1 of them were sent: for the rest choose a shorter time, one camera or a direction",
        "dt-001 (dt-001) has not answered yet: its clock is not synchronised",
        f"read the rest later: --search {search}",
    ]


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        ((*REASON, *UNTIL, "--ward", "bo-xuyen"), 1, "there is no such ward"),
        (("--from", "2026-11-27T11:00"), 2, "--purpose, --case"),
        ((*REASON, "--circle", "20,106"), 2, "LATITUDE,LONGITUDE,METRES"),
        ((*REASON, "--line", "0,0,1,1"), 2, "one --camera"),
        ((*REASON, "--camera", "cam-1"), 2, "GATEWAY/CAMERA"),
        ((*REASON, "--colour", "gren"), 2, "the colours are black"),
        (("--search", "none"), 1, "no such search"),
        (("--search", "../gateways"), 2, "this is not the id of a search"),
    ],
)
def test_a_mistake_is_named(
    city: House, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], code: int, says: str
) -> None:
    assert run(city, *arguments) == code
    assert says in capsys.readouterr().err


def test_a_token_is_sent_over_https_only(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "token").write_text("secret")
    more = ("--token-file", str(tmp_path / "token"), "--search", "x")
    assert main(["search", "--centre", "http://centre.example", *more]) == 2
    error = capsys.readouterr().err
    assert ("in clear" in error, "secret" in error) == (True, False)


def test_the_options_make_a_question() -> None:
    words = (
        *(
            "--camera",
            "dt-001/cam-2",
            "--line",
            "0,0.5,1,0.5",
            "--colour",
            "upper:red",
            "--direction",
            "left",
        ),
        *("--still", "60", "--for", "30", "--min-speed", "1", "--then", "dt-007", "--within", "15"),
        *("--circle", "20.4,106.3,500"),
    )
    args = parser().parse_args(["search", "--centre", "x", "--token-file", "x", *REASON, *UNTIL, *words])
    found = question_of(args)
    assert found["line"] == {"gateway": "dt-001", "camera": "cam-2", "from": [0, 0.5], "to": [1, 0.5]}
    assert (found["part"], found["colour"], found["direction_deg"]) == ("upper", "red", 270)
    assert (found["min_still_s"], found["min_for_s"], found["min_speed"]) == (60, 30, 1)
    assert found["second"] == {"gateway": "dt-007", "camera": None, "within_min": 15}
    assert found["circle"] == {"latitude": 20.4, "longitude": 106.3, "radius_m": 500}


@pytest.mark.parametrize("gateway", ["../dt-001", "a/b", "", "Dt"])
def test_a_picture_is_written_into_the_folder_only(gateway: str, tmp_path: Path) -> None:
    """The centre sends the names that the file name is made of."""

    class Centre:
        def picture(self, search: str, gateway: str, passage: int) -> tuple[bytes, bool]:
            return b"jpeg", False

    match = {"gateway": gateway, "passage": 7, "has_picture": True}
    with pytest.raises(EdgeAgentError, match="not written"):
        _save_picture(cast(CentreClient, Centre()), "s", match, tmp_path / "out")
    _save_picture(cast(CentreClient, Centre()), "s", match | {"gateway": "dt-001"}, tmp_path / "out")
    assert [each.name for each in tmp_path.rglob("*.*")] == ["dt-001-7.jpg"]
