"""Embeddings of opened pictures, on SQLite and on PostgreSQL: which are computed, and when the model is not
used."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from edge_agent.core.clock import SystemClock
from edge_agent.core.delivery import SEALED_MAGIC
from edge_agent.core.problems.problem import encode_json
from edge_central.appearance import picture_embedder
from edge_central.appearance.card import AppearanceCard, card_text
from edge_central.appearance.comparison import (
    NOT_COMPARED,
    RECORD,
    AppearanceComparison,
    AppearanceRecord,
    mark_of,
    read_embeddings,
)
from edge_central.appearance.embedding_process import EmbeddingProcess
from edge_central.appearance.frames import ChildHello
from edge_central.appearance.picture_embedder import PictureEmbedder
from edge_central.journey_settings import AppearanceSettings
from edge_central.searches import match_pictures
from edge_central.searches.answers import record_answers
from edge_central.settings import Database
from edge_central.store import tables
from edge_central.store.database import DatabaseConnections, read_record
from tests.edge_central.appearance.parts import card_of, drawn, estimate, figures
from tests.edge_central.searches.parts import (
    ADMIN,
    NOW_MS,
    OF_ALL,
    WARDS,
    answer,
    ask,
    command_of,
    found_city,
    passage,
    picture_reply,
)
from tests.testbed.embedding_model import write_embedding_model

RED, SAME_RED, BLUE = drawn(1, 0), drawn(1, 1), drawn(2, 0)


class OpenedPictures:
    """A database with one search, and the embedder of its centre."""

    def __init__(self, folder: Path, database: Database) -> None:
        self.database, self.connections = database, DatabaseConnections(database)
        self.model = write_embedding_model(folder / "colours.tflite")
        self.sha256 = hashlib.sha256(self.model.read_bytes()).hexdigest()
        self.settings = AppearanceSettings(model=self.model, card=folder / "card.json")
        self.write_card(card_of(self.sha256))
        with self.connections.writing() as connection:
            found_city(connection)
            self.search = ask(connection)
        self._embedders: list[PictureEmbedder] = []

    def write_card(self, card: AppearanceCard) -> None:
        assert self.settings.card is not None
        self.settings.card.write_bytes(card_text(card))

    def embedder(self, settings: AppearanceSettings | None = None, *, off: bool = False) -> PictureEmbedder:
        chosen = None if off else settings or self.settings
        made = PictureEmbedder(chosen, self.database, WARDS, "central", SystemClock())
        self._embedders.append(made)
        return made

    def receive(self, *pictures: tuple[int, bytes], **changes: Any) -> None:
        """Passages of ``dt-001`` by number, whose pictures have been opened and received."""
        with self.connections.writing() as connection:
            command = command_of(connection, self.search, "dt-001")
            found = [passage(number, **{"group": "vehicle", **changes}) for number, _ in pictures]
            columns = tables.search_answer.c
            again = update(tables.search_answer).where(columns.command == command)
            connection.execute(again.values(until_ms=NOW_MS + 10**9))
            record_answers(connection, [answer("dt-001", command, *found)], NOW_MS)
            for number, jpeg in pictures:
                match_pictures.open_picture(connection, ADMIN, OF_ALL, self.search, "dt-001", number, NOW_MS)
                named = select(tables.search_picture.c.command).where(
                    tables.search_picture.c.passage == number
                )
                asked = str(connection.scalar(named))
                record_answers(connection, [picture_reply("dt-001", asked, number, jpeg)], NOW_MS + number)

    def embeddings(self) -> dict[int, bytes | None]:
        columns = tables.search_picture.c
        with self.connections.reading() as connection:
            rows = connection.execute(select(columns.passage, columns.embedding)).all()
        return {row.passage: row.embedding for row in rows}

    def factors(self, passage: int, group: str = "vehicle") -> dict[int, float]:
        with self.connections.reading() as connection:
            found = read_embeddings(connection, [self.search])
            comparison = AppearanceComparison.read(connection)
        followed = found.pop(("dt-001", passage), None)
        ratios = {
            number: comparison.likelihood_ratio(followed, each, group) for (_, number), each in found.items()
        }
        return {number: ratio for number, ratio in ratios.items() if ratio != 1.0}

    def record(self) -> AppearanceRecord | None:
        with self.connections.reading() as connection:
            return read_record(connection, f"{RECORD}central", AppearanceRecord)

    def changes(self) -> int:
        with self.connections.reading() as connection:
            return int(connection.scalar(select(tables.search.c.changes)) or 0)

    def close(self) -> None:
        for each in self._embedders:
            each.close()
        self.connections.close()


@pytest.fixture
def opened(tmp_path: Path, database: Database) -> Iterator[OpenedPictures]:
    made = OpenedPictures(tmp_path, database)
    yield made
    made.close()


def run(embedder: PictureEmbedder) -> None:
    """Until it would wait."""
    while embedder.run_once() == 0.0:
        pass


def test_opened_pictures_are_embedded_and_rank_candidates(opened: OpenedPictures) -> None:
    opened.receive((1, RED), (2, SAME_RED), (3, BLUE))
    before = opened.changes()
    run(opened.embedder())
    assert {number: len(found or b"") for number, found in opened.embeddings().items()} == {
        1: 32,
        2: 32,
        3: 32,
    }
    assert opened.changes() > before, "pages that show the search ask again"
    factors = opened.factors(1)
    assert factors[2] > 5
    assert factors[3] < 1
    assert 1 not in factors
    record = opened.record()
    assert record is not None
    assert record.card == card_of(opened.sha256)


def test_sealed_and_missing_pictures_have_no_embedding(opened: OpenedPictures) -> None:
    opened.receive((1, SEALED_MAGIC + b" sealed"), (2, b""))
    run(opened.embedder())
    assert opened.embeddings() == {1: None, 2: None}


def test_people_are_compared_only_where_the_operator_says_so(opened: OpenedPictures) -> None:
    opened.receive((1, RED), (2, SAME_RED), group="person")
    run(opened.embedder())
    assert opened.embeddings() == {1: NOT_COMPARED, 2: NOT_COMPARED}
    assert opened.factors(1, "person") == {}
    run(opened.embedder(replace(opened.settings, groups=("person",))))
    assert opened.factors(1, "person")[2] > 5


def test_pictures_of_other_wards_are_left_to_their_centre(opened: OpenedPictures) -> None:
    opened.receive((1, RED))
    other = PictureEmbedder(opened.settings, opened.database, ["bo-xuyen"], "other", SystemClock())
    run(other)
    other.close()
    assert opened.embeddings() == {1: None}


def test_a_picture_that_cannot_be_read_is_tried_once(opened: OpenedPictures) -> None:
    damaged = RED[:400] + b"\xff\xd9"
    opened.receive((1, damaged[:120]), (2, RED))
    embedder = opened.embedder()
    run(embedder)
    assert opened.embeddings()[1] == mark_of(opened.sha256)
    assert opened.factors(2) == {}
    assert embedder.run_once() == picture_embedder.POLL_S, "nothing is left"


def test_another_model_embeds_again(opened: OpenedPictures, tmp_path: Path) -> None:
    opened.receive((1, RED))
    run(opened.embedder())
    first = opened.embeddings()[1]
    model = write_embedding_model(tmp_path / "other.tflite", side=64)
    sha256 = hashlib.sha256(model.read_bytes()).hexdigest()
    opened.write_card(card_of(sha256))
    run(opened.embedder(replace(opened.settings, model=model)))
    second = opened.embeddings()[1]
    assert first is not None
    assert second is not None
    assert (first[:8], second[:8]) == (mark_of(opened.sha256), mark_of(sha256))


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        (lambda opened: opened.settings.card.unlink(), "appearance-no-card"),
        (lambda opened: opened.settings.card.write_text("{}"), "appearance-card-unreadable"),
        (lambda opened: opened.write_card(card_of("cd" * 32)), "appearance-other-model"),
        (lambda opened: opened.model.unlink(), "appearance-model-unusable"),
        (
            lambda opened: opened.write_card(
                card_of(opened.sha256, vehicle=figures(rank1=estimate(0.03, 0.01, 0.1)))
            ),
            "appearance-by-chance",
        ),
        (
            lambda opened: opened.write_card(card_of(opened.sha256, person=figures())),
            "appearance-by-chance",
        ),
    ],
    ids=["no card", "empty card", "card of another model", "no model", "by chance", "another group"],
)
def test_a_model_that_may_not_be_used_is_not_and_the_reason_is_recorded(
    opened: OpenedPictures, spoil: Any, code: str, caplog: pytest.LogCaptureFixture
) -> None:
    opened.receive((1, RED))
    spoil(opened)
    embedder = opened.embedder()
    run(embedder)
    assert opened.embeddings() == {1: None}
    record = opened.record()
    assert record is not None
    assert record.card is None
    assert isinstance(record.code, dict)
    assert record.code["code"] == code
    assert "pictures are not compared" in caplog.text
    assert embedder.run_once() == picture_embedder.RETRY_S, "it is checked again later, not at once"


def test_a_card_is_required(opened: OpenedPictures) -> None:
    run(opened.embedder(replace(opened.settings, card=None)))
    record = opened.record()
    assert record is not None
    assert record.problem is not None
    assert "colours.tflite has no measured card: make one with" in record.problem


def test_a_model_that_was_replaced_while_the_centre_runs_is_not_used(
    opened: OpenedPictures, tmp_path: Path
) -> None:
    embedder = opened.embedder()
    run(embedder)
    write_embedding_model(opened.model, side=64)
    assert embedder.process is not None
    embedder.process.close()  # as after 200 pictures
    opened.receive((1, RED))
    run(embedder)
    assert opened.embeddings() == {1: None}
    record = opened.record()
    assert record is not None
    assert record.card is None


def test_without_the_setting_nothing_is_compared_any_more(opened: OpenedPictures) -> None:
    opened.receive((1, RED), (2, SAME_RED))
    run(opened.embedder())
    assert opened.factors(1) != {}
    assert opened.embedder(off=True).run_once() is None
    assert opened.record() is None
    assert opened.factors(1) == {}


def test_a_picture_that_kills_the_process_costs_its_own_embedding_only(
    opened: OpenedPictures, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The program is replaced by one that dies at a picture of a certain length."""
    deadly = BLUE + bytes(1000)
    hello = ChildHello(name="m", sha256=opened.sha256, input_size=(1, 1), dimensions=12, filtered=False)
    code = (
        "import os, struct\n"
        f"text = {encode_json(hello)!r}\n"
        "os.write(1, struct.pack('>BH', 0, len(text)) + text)\n"
        "while True:\n"
        "    size, = struct.unpack('>I', os.read(0, 4))\n"
        f"    if size == {len(deadly)}: os.kill(os.getpid(), 9)\n"
        "    while size: size -= len(os.read(0, size))\n"
        "    os.write(1, struct.pack('>BH12e', 0, 24, *[0.2887] * 12))\n"
    )

    def scripted(model: Path, pixels: str, order: str) -> EmbeddingProcess:
        return EmbeddingProcess(model, pixels, order, command=[sys.executable, "-c", code])

    monkeypatch.setattr(picture_embedder, "EmbeddingProcess", scripted)
    opened.receive((1, RED), (2, deadly), (3, SAME_RED))
    run(opened.embedder())
    assert "no seccomp filter here" in caplog.text
    mark = mark_of(opened.sha256)
    assert {number: found == mark for number, found in opened.embeddings().items()} == {
        1: False,
        2: True,
        3: False,
    }


def test_a_database_that_is_not_made_yet_is_waited_for(tmp_path: Path, empty_path: Database) -> None:
    embedder = PictureEmbedder(None, empty_path, WARDS, "central", SystemClock())
    assert embedder.run_once() == picture_embedder.POLL_S
    assert not (tmp_path / "central.db").exists(), "the ingest makes it"
    embedder.close()


@pytest.fixture
def empty_path(tmp_path: Path) -> Database:
    return Database(f"sqlite:///{tmp_path}/central.db")
