"""The centre as a service with a model: it embeds, says why it does not, and never waits for pictures."""

from __future__ import annotations

import hashlib
import os
import signal
import sys
import time
from pathlib import Path

import pytest

from edge_agent.core.problems.problem import encode_json
from edge_central.appearance import picture_embedder
from edge_central.appearance.card import card_text
from edge_central.appearance.comparison import RECORD, AppearanceRecord
from edge_central.appearance.embedding_process import EmbeddingProcess
from edge_central.appearance.frames import ChildHello
from edge_central.searches import match_pictures
from edge_central.searches.answers import record_answers
from edge_central.store.database import read_record, read_transaction, write_transaction
from tests.edge_central.appearance.parts import card_of, drawn
from tests.edge_central.parts import Centre, FakeGateway, FakeGateways
from tests.edge_central.searches import parts
from tests.testbed.embedding_model import write_embedding_model
from tests.testbed.mosquitto import Mosquitto, wait_until

HANGS = "import os, time; text = {hello!r}; os.write(1, bytes([0, 0, len(text)]) + text); time.sleep(600)"


class ModelFiles:
    """A model and its card."""

    def __init__(self, folder: Path) -> None:
        self.model, self.card = write_embedding_model(folder / "colours.tflite"), folder / "card.json"
        self.sha256 = hashlib.sha256(self.model.read_bytes()).hexdigest()
        self.card.write_bytes(card_text(card_of(self.sha256)))

    @property
    def journeys(self) -> dict[str, object]:
        return {"appearance": {"model": str(self.model), "card": str(self.card)}}


@pytest.fixture
def files(tmp_path: Path) -> ModelFiles:
    return ModelFiles(tmp_path)


def record_of(centre: Centre) -> AppearanceRecord | None:
    with read_transaction(centre.database) as connection:
        return read_record(connection, f"{RECORD}central", AppearanceRecord)


def receive_picture(centre: Centre) -> None:
    """As if an officer had opened it and the gateway had sent it."""
    with write_transaction(centre.database) as connection:
        parts.found_city(connection)
        search = parts.ask(connection)
        command = parts.command_of(connection, search, "dt-001")
        found = parts.passage(1, group="vehicle")
        record_answers(connection, [parts.answer("dt-001", command, found)], parts.NOW_MS)
        opened = (parts.ADMIN, parts.OF_ALL, search, "dt-001", 1, parts.NOW_MS)
        match_pictures.open_picture(connection, *opened)
        asked = connection.exec_driver_sql("SELECT command FROM search_picture").scalar()
        record_answers(connection, [parts.picture_reply("dt-001", str(asked), 1, drawn(1))], parts.NOW_MS)


def embedding_of(centre: Centre) -> bytes | None:
    with read_transaction(centre.database) as connection:
        found: bytes | None = connection.exec_driver_sql("SELECT embedding FROM search_picture").scalar()
        return found


def test_a_centre_embeds_opened_pictures(
    broker: Mosquitto, gateways: FakeGateways, tmp_path: Path, files: ModelFiles
) -> None:
    with Centre(tmp_path / "centre", broker.port, journeys=files.journeys) as centre:
        gateways.wait_state("online")
        receive_picture(centre)
        wait_until(lambda: embedding_of(centre) is not None)
        record = record_of(centre)
        assert record is not None
        assert record.card is not None
        assert record.card.sha256 == files.sha256


def test_a_centre_runs_without_a_card(
    broker: Mosquitto, gateways: FakeGateways, tmp_path: Path, files: ModelFiles
) -> None:
    files.card.unlink()
    with Centre(tmp_path / "centre", broker.port, journeys=files.journeys) as centre:
        gateways.wait_state("online")
        wait_until(lambda: record_of(centre) is not None)
        gateway = FakeGateway()
        gateways.deliver(gateway, 1)
        record = record_of(centre)
        assert record is not None
        assert "has no measured card" in record.why


def test_events_are_stored_and_the_centre_stops_while_a_picture_hangs(
    broker: Mosquitto,
    gateways: FakeGateways,
    tmp_path: Path,
    files: ModelFiles,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hello = ChildHello(name="m", sha256=files.sha256, input_size=(1, 1), dimensions=12, filtered=True)
    made = []

    def hanging(model: Path, pixels: str, order: str) -> EmbeddingProcess:
        code = HANGS.format(hello=encode_json(hello))
        command = [sys.executable, "-c", code]
        made.append(EmbeddingProcess(model, pixels, order, command=command, picture_s=60))
        return made[-1]

    monkeypatch.setattr(picture_embedder, "EmbeddingProcess", hanging)
    gateway = FakeGateway()
    with Centre(tmp_path / "centre", broker.port, journeys=files.journeys) as centre:
        gateways.wait_state("online")
        receive_picture(centre)
        wait_until(lambda: bool(made) and made[0].pictures > 0)
        gateways.deliver(gateway, 1)
        assert embedding_of(centre) is None
        began = time.monotonic()
        centre.stop()
        assert time.monotonic() - began < 8
    assert made[0].pid is not None
    os.kill(made[0].pid, signal.SIGKILL)
