"""A clip that is asked for while its event is in progress is sent once it is complete."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_agent.commands.action import CommandFailed, CommandRefused, CommandSucceeded, InProgress
from edge_agent.commands.handlers.files import ClipCommand
from edge_agent.commands.transfer.clip_queue import MAX_WAITING
from edge_agent.commands.transfer.https import Uploader
from edge_agent.core.problems import problem_of
from edge_agent.wire import ClipArguments
from tests.commands.centre import centre_at, document
from tests.commands.contexts import ContextRecorder
from tests.commands.test_files import MP4, Site
from tests.commands.test_files_over_mqtt import duration_s, media
from tests.testbed.agent import AgentProcess, write_config
from tests.testbed.mosquitto import Mosquitto, wait_until
from tests.testbed.walker import walking_clip

IN_PROGRESS = ClipArguments(event_id="zone-1")


class WaitingSite(Site):
    """A site whose agent stops when the test says so."""

    def __init__(self) -> None:
        super().__init__()
        self.stopping = threading.Event()
        self.recorded.add("zone-1")
        self.given = ContextRecorder()
        self.clip = ClipCommand(self, self.wait, Uploader(self.wait))

    def wait(self, seconds: float) -> bool:
        return self.stopping.wait(seconds / 100)

    def ask(self) -> CommandSucceeded | InProgress:
        return self.clip.run(self.given.context(IN_PROGRESS))

    def outcome(self) -> CommandSucceeded | CommandFailed:
        wait_until(lambda: bool(self.given.finished), what="the outcome")
        return self.given.finished[0]


@pytest.fixture
def waiting() -> Iterator[WaitingSite]:
    made = WaitingSite()
    yield made
    made.stopping.set()


def test_it_waits_and_is_sent_once_it_is_complete(waiting: WaitingSite) -> None:
    asked = waiting.ask()
    assert isinstance(asked, InProgress)
    problem = problem_of(asked.text)
    assert problem is not None
    assert problem.code == "clip-queued"
    assert waiting.sent == []
    waiting.clips["zone-1"] = ("cam-1", MP4)
    waiting.recorded.clear()
    assert isinstance(waiting.outcome(), CommandSucceeded)
    assert [sent.payload for sent, _ in waiting.sent] == [MP4]


def test_a_clip_that_cannot_be_made_is_a_failure(waiting: WaitingSite) -> None:
    waiting.ask()
    waiting.recorded.clear()
    outcome = waiting.outcome()
    assert isinstance(outcome, CommandFailed)
    assert "no clip was made" in str(outcome)


def test_a_clip_that_has_become_too_large_is_a_failure(waiting: WaitingSite) -> None:
    waiting.ask()
    waiting.largest = len(MP4) - 1
    waiting.clips["zone-1"] = ("cam-1", MP4)
    waiting.recorded.clear()
    assert "give a url" in str(waiting.outcome())


def test_only_a_few_wait(waiting: WaitingSite) -> None:
    for _ in range(MAX_WAITING):
        waiting.ask()
    with pytest.raises(CommandRefused, match="already wait") as refused:
        waiting.ask()
    assert refused.value.code == "busy"


def test_a_stop_ends_the_wait_and_the_next_start_sends_the_clip(waiting: WaitingSite) -> None:
    waiting.ask()
    waiting.stopping.set()
    wait_until(lambda: not any(each.name == "clip-queue" for each in threading.enumerate()))
    assert waiting.given.finished == []
    order = waiting.given.context(IN_PROGRESS)
    lost = waiting.clip.resume(order)
    assert isinstance(lost, CommandFailed)
    assert lost.code == "interrupted"
    waiting.clips["zone-1"] = ("cam-1", MP4)
    assert isinstance(waiting.clip.resume(order), CommandSucceeded)


YARD = {
    "zones": {"yard": {"polygon": [[0, 0], [1, 0], [1, 1], [0, 1]]}},
    "rules": [
        {"id": "in-yard", "kind": "zone-intrusion", "zone": "yard", "labels": ["person"], "severity": "alarm"}
    ],
    "clip": {"pre_s": 1, "post_s": 1, "max_s": 5},
}


def test_the_clip_of_an_event_in_progress_comes_from_a_real_agent(tmp_path: Path) -> None:
    film = walking_clip(tmp_path / "walk.mp4", empty_s=3.0, walk_s=20.0)
    camera = {"id": "cam-1", "url": str(film)} | YARD
    with Mosquitto(tmp_path) as broker, centre_at(broker.port) as centre:
        config = write_config(tmp_path, cameras=[camera], broker_port=broker.port)
        with AgentProcess(config, "--repeat-files"):
            started: list[str] = []

            def has_started() -> bool:
                events = [message.payload for message in centre.subscriber.events()]
                begun = [each for each in events if b'"in-yard"' in each and b'"start"' in each]
                started[:] = [each.split(b'"event_id":"')[1].split(b'"')[0].decode() for each in begun]
                return bool(started)

            centre.subscriber.wait_for(has_started, 90)
            asked = document("clip", {"event_id": started[0]})
            answer = centre.answer(centre.send(asked), 60)
            codes = [(reply.get("problem") or {}).get("code") for reply in centre.replies(asked["id"])]
            assert "clip-queued" in codes
            assert answer["status"] == "succeeded"
            clip = media(centre, answer["result"])
            assert 3 < duration_s(tmp_path / "film.mp4", clip.payload) < 7
