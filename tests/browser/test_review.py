"""The page of `edge-agent learn` in a real browser: a key is an answer."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from tests.learn.cities import FLAT, PERSON, TWO_WHEELER, collect
from tests.testbed.chromium import Chromium
from training.agreement import Found, questions
from training.answers import Answers
from training.collection import frames, read_rows
from training.review import Review, ReviewServer

LEFT = "parseInt(document.querySelector('#left').textContent)"


@pytest.mark.parametrize(
    ("language", "word", "full"),
    [("vi", "xe hai bánh", "Có thể ổ đĩa đầy"), ("en", "two-wheeler", "Is the disk full?")],
)
def test_a_person_answers_again_takes_one_back_and_finishes(
    tmp_path: Path, language: str, word: str, full: str
) -> None:
    collect(tmp_path, FLAT, ["dt-001-cam-1"], 3)
    street = frames(tmp_path, read_rows(tmp_path), tmp_path / "labels")
    votes = [(PERSON, 0.9), (TWO_WHEELER, 0.8)]
    asked = questions(
        street,
        {f.file: [Found((0.1 + n / 4, 0.2, 0.2 + n / 4, 0.5), votes, None)] for n, f in enumerate(street)},
    )
    answers = Answers(tmp_path / "answers.jsonl")
    server = ReviewServer(Review(asked, {frame.file: frame for frame in street}, answers))
    (tmp_path / "answers.jsonl").symlink_to("/dev/full")
    serving = threading.Thread(target=server.serve, daemon=True)
    serving.start()
    with Chromium(tmp_path / "profile", lang=language) as browser:
        browser.open(server.url)
        browser.wait_until("document.querySelector('#picture').naturalWidth > 0")
        assert browser.run("document.querySelector('#t').textContent") == f"T{word}"
        browser.ask("Input.dispatchKeyEvent", type="keyDown", key="t", text="t")
        browser.wait_until(f"document.querySelector('#note').textContent.includes('{full}')")
        (tmp_path / "answers.jsonl").unlink()
        for key, left in (("t", 2), ("p", 1), ("u", 2), ("n", 1)):
            browser.wait_until("waiting === 0")
            browser.ask("Input.dispatchKeyEvent", type="keyDown", key=key, text=key)
            browser.wait_until(f"{LEFT} === {left}")
        browser.click("#finish")
        browser.wait_until("!document.querySelector('#done').hidden")
        assert [said for said in browser.complaints if "status of 507" not in said] == []
    serving.join(10)
    assert not serving.is_alive()
    assert [answers.of(question) for question in asked] == ["t", "n", None]
