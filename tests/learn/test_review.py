"""A person answers on a page, by real HTTP."""

from __future__ import annotations

import http.client
import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from tests.learn.cities import FLAT, PERSON, TWO_WHEELER, collect
from training.agreement import Found, Member, Question, questions
from training.answers import Answers
from training.collection import Frame, frames, read_rows
from training.review import Review, ReviewServer


class Person:
    """At a browser."""

    def __init__(self, server: ReviewServer) -> None:
        self.server = server

    def get(self, path: str, token: str | None = None, host: str | None = None) -> tuple[int, bytes]:
        between = "&" if "?" in path else "?"
        address = f"{path}{between}token={self.server.token if token is None else token}"
        return self._ask("GET", address, {"Host": host or self.server.host})

    def post(self, path: str, body: Any = None, token: str | None = None) -> int:
        headers = {"X-Token": self.server.token if token is None else token}
        return self._ask("POST", path, headers, json.dumps(body or {}).encode())[0]

    def next(self) -> dict[str, Any]:
        asked: dict[str, Any] = json.loads(self.get("/next")[1])
        return asked

    def press(self, key: str) -> int:
        return self.post("/answer", {"number": self.next()["number"], "answer": key})

    def _ask(
        self, method: str, path: str, headers: dict[str, str], body: bytes | None = None
    ) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection(self.server.host, timeout=10)
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()


@pytest.fixture
def street(tmp_path: Path) -> list[Frame]:
    collect(tmp_path, FLAT, ["dt-001-cam-1"], 3)
    return frames(tmp_path, read_rows(tmp_path), tmp_path / "labels")


@pytest.fixture
def asked(street: list[Frame]) -> list[Question]:
    votes = [(PERSON, 0.9), (TWO_WHEELER, 0.8)]
    found = {
        frame.file: [Found((0.1 + n / 4, 0.2, 0.2 + n / 4, 0.5), votes, None)]
        for n, frame in enumerate(street)
    }
    return questions(street, found)


@pytest.fixture
def person(street: list[Frame], asked: list[Question], tmp_path: Path) -> Iterator[Person]:
    review = Review(asked, {frame.file: frame for frame in street}, Answers(tmp_path / "answers.jsonl"))
    server = ReviewServer(review)
    thread = threading.Thread(target=server.serve, daemon=True)
    thread.start()
    yield Person(server)
    review.finished.set()
    thread.join(10)
    assert not thread.is_alive()


def given(tmp_path: Path, asked: list[Question]) -> dict[Member, int | None]:
    """What is on the disk."""
    return Answers(tmp_path / "answers.jsonl").by_member(asked)


def test_each_answer_is_on_the_disk_before_the_next_question(
    person: Person, asked: list[Question], tmp_path: Path
) -> None:
    first = person.next()
    assert (first["left"], first["place"]) == (3, "dt-001-cam-1")
    assert person.press("t") == 200
    assert given(tmp_path, asked) == {asked[0].members[0]: TWO_WHEELER}
    assert person.next()["left"] == 2


def test_undo_asks_the_last_question_again(person: Person, asked: list[Question], tmp_path: Path) -> None:
    first = person.next()["number"]
    person.press("p")
    person.press("n")
    assert [person.post("/undo"), person.post("/undo")] == [200, 200]
    assert (person.next()["number"], given(tmp_path, asked)) == (first, {})
    assert person.post("/undo") == 409


def test_an_answer_counts_once(person: Person) -> None:
    number = person.next()["number"]
    body = {"number": number, "answer": "p"}
    assert [person.post("/answer", body), person.post("/answer", body)] == [200, 409]
    assert person.next()["left"] == 2


@pytest.mark.parametrize(
    "body", [{"number": 0, "answer": "x"}, {"number": 99, "answer": "p"}, {"answer": "p"}]
)
def test_what_is_no_answer_changes_nothing(person: Person, body: dict[str, Any]) -> None:
    assert person.post("/answer", body) == 409
    assert person.next()["left"] == 3


def test_the_crop_shows_the_box_with_what_is_around_it(person: Person, street: list[Frame]) -> None:
    status, content = person.get(f"/crop?number={person.next()['number']}")
    image = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
    assert status == 200
    assert image is not None
    yellow = (image[:, :, 0] < 90) & (image[:, :, 1:] > 200).all(axis=2)
    assert image.shape == (640, 640, 3)
    assert yellow.any()
    assert not yellow[:20].any()


def test_the_page_says_it_in_both_languages_and_asks_nothing_of_other_sites(person: Person) -> None:
    page = person.get("/")[1].decode()
    assert "xe hai bánh" in page
    assert "two-wheeler" in page
    assert "http://" not in page
    assert "https://" not in page


@pytest.mark.parametrize(("token", "host"), [("", None), ("wrong", None), (None, "pages.example:80")])
def test_others_see_nothing(person: Person, token: str | None, host: str | None) -> None:
    for path in ("/", "/next", "/crop?number=0"):
        assert person.get(path, token, host)[0] == 403


def test_others_answer_nothing(person: Person) -> None:
    for path in ("/answer", "/undo", "/finish"):
        assert person.post(path, {"number": 0, "answer": "p"}, token="wrong") == 403
    assert person.next()["left"] == 3


def test_the_end_says_that_all_is_answered(person: Person) -> None:
    for key in "pnw":
        person.press(key)
    assert (person.next()["number"], person.next()["answered"]) == (-1, 3)


def test_an_answer_that_the_disk_does_not_take_is_not_lost_unnoticed(
    person: Person, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "answers.jsonl").symlink_to("/dev/full")
    assert person.press("p") == 507
    assert person.next()["left"] == 3
    assert "review: the answer is not saved: [Errno 28]" in capsys.readouterr().out
    (tmp_path / "answers.jsonl").unlink()
    assert person.press("p") == 200
    assert person.next()["left"] == 2


@pytest.mark.parametrize(
    "head",
    [
        "POST /answer HTTP/1.1\r\nContent-Length: 1000000\r\n",
        f"POST /answer HTTP/1.1\r\nContent-Length: {'9' * 5000}\r\n",
        "POST /answer HTTP/1.1\r\nContent-Length: -1\r\n",
        "POST /answer HTTP/1.1\r\nContent-Length: ²\r\n",
        "POST /answer HTTP/1.1\r\nTransfer-Encoding: chunked\r\n",
        "POST /../answer HTTP/1.1\r\nContent-Length: 2\r\n",
        "GET /../../etc/passwd?token=TOKEN HTTP/1.1\r\n",
        "GET /crop?token=TOKEN&number=../../etc/passwd HTTP/1.1\r\n",
        "GET /crop?token=TOKEN&number=-9 HTTP/1.1\r\n",
        f"GET /crop?token=TOKEN&number={'9' * 5000} HTTP/1.1\r\n",
    ],
)
def test_a_hostile_request_is_answered_with_a_refusal(person: Person, head: str) -> None:
    server = person.server
    sent = head.replace("TOKEN", server.token) + f"Host: {server.host}\r\nX-Token: {server.token}\r\n\r\n{{}}"
    host, _, port = server.host.partition(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(sent.encode("latin-1"))
        status = connection.makefile("rb").readline().split()[1]
    assert status in (b"400", b"404")
    assert person.next()["left"] == 3


def test_a_standing_object_that_was_answered_is_not_asked_again(
    asked: list[Question], tmp_path: Path
) -> None:
    Answers(tmp_path / "a").give(asked[0], "v")
    more = Question([*asked[1].members, *asked[0].members], asked[0].votes, 1.0)
    assert Answers(tmp_path / "a").of(more) == "v"


def test_an_answer_is_for_the_box_of_other_models_too(asked: list[Question], tmp_path: Path) -> None:
    """Another teacher finds other edges of the same object."""

    def moved(by: float) -> Question:
        (member,) = asked[0].members
        x1, *rest = map(float, member.key.split(","))
        key = ",".join(f"{value:.3f}" for value in (x1 + by, *rest))
        return Question([Member(member.file, key)], asked[0].votes, 1.0)

    Answers(tmp_path / "a").give(asked[0], "v")
    answers = Answers(tmp_path / "a")
    assert [answers.of(moved(by)) for by in (0.01, 0.05)] == ["v", None]
    answers.give(moved(0.01), None)
    assert Answers(tmp_path / "a").of(asked[0]) is None


def test_answers_survive_a_power_cut_within_a_line(asked: list[Question], tmp_path: Path) -> None:
    path = tmp_path / "a"
    Answers(path).give(asked[0], "v")
    Answers(path).give(asked[1], "p")
    path.write_bytes(path.read_bytes()[:-9])
    Answers(path).give(asked[2], "n")
    assert [Answers(path).of(question) for question in asked] == ["v", None, "n"]


def test_lines_that_are_no_answers_are_counted_and_do_not_count(
    asked: list[Question], tmp_path: Path
) -> None:
    path = tmp_path / "a"
    path.write_bytes(b'junk\n[1]\n{"members": [{"file": "a", "key": "b"}], "answer": "p"}\n\xff\xfe\n{"mem')
    Answers(path).give(asked[0], "v")
    answers = Answers(path)
    assert (answers.unreadable, answers.of(asked[0])) == (5, "v")
