"""A search of the console travels to real agents with stored passages and back; one of them was away."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from sqlalchemy import select

from edge_agent.commands.signature import make_key
from edge_agent.core.clock import SystemClock, read_boot_id, rfc3339_of_ms, wall_ms
from edge_agent.passages.passage import FOLDER
from edge_central.searches import match_pictures, new_search, records
from edge_central.searches.model import AnswerStatus, PictureStatus, SearchAuthor, SearchPicture, SearchView
from edge_central.searches.question import SearchQuestion, parse_question
from edge_central.store import tables
from edge_central.store.database import DatabaseConnections
from edge_central.store.scope import EVERYWHERE
from tests.edge_central.parts import Centre
from tests.edge_central.searches.parts import OF_ALL
from tests.passages.parts import passage, store
from tests.testbed.agent import AgentProcess, write_config
from tests.testbed.clips import make_clip
from tests.testbed.mosquitto import Mosquitto, wait_until
from tests.testbed.synced import COMMAND

LAN = SearchAuthor("lan", "::1", EVERYWHERE)
CROP = cv2.imencode(".jpg", np.full((64, 32, 3), 120, np.uint8))[1].tobytes()


def gateway(
    folder: Path, id_: str, broker: Mosquitto, clip: Path, key: Path, after_s: float = 0.0, **site: Any
) -> AgentProcess:
    """An agent that has seen three persons ten minutes ago, or ``after_s`` later."""
    folder.mkdir()
    rows = store(folder / "state", SystemClock(), read_boot_id())
    began = SystemClock().monotonic() - 600.0 + after_s
    digest = hashlib.sha256(CROP).digest()
    rows.write(
        [passage(n, began + n, crop=CROP, crop_sha256=digest, track=f"{id_}-{n}") for n in range(3)],
        synced=True,
    )
    rows.close()
    config = write_config(
        folder,
        cameras=[{"id": "cam-1", "url": str(clip)}],
        broker_port=broker.port,
        detector="none",
        gateway={"id": id_, "ward": "de-tham", **site},
        commands={"search_keys": [str(key)]},
        mqtt={"brokers": [f"mqtt://127.0.0.1:{broker.port}"], "spread_s": 0, "delivery": "confirmed"},
    )
    return AgentProcess(config, "--repeat-files", command=COMMAND)


def of_the_last_hour(**filters: Any) -> SearchQuestion:
    now_ms = wall_ms(SystemClock())
    document = {
        "purpose": "theft of a motorcycle",
        "case": "7/2026",
        "from_at": rfc3339_of_ms(now_ms - 3_600_000),
        "to_at": rfc3339_of_ms(now_ms),
        **filters,
    }
    return parse_question(json.dumps(document).encode())


class Searches:
    """Searches as the console makes them: rows of the centre's database."""

    def __init__(self, connections: DatabaseConnections) -> None:
        self._connections = connections

    def start(self, question: SearchQuestion) -> str:
        with self._connections.writing() as connection:
            return new_search.start_search(connection, LAN, question, wall_ms(SystemClock()))

    def view(self, search: str) -> SearchView:
        with self._connections.reading() as connection:
            found = records.read_search(connection, OF_ALL, search)
        assert found is not None
        return found

    def statuses(self, search: str) -> dict[str, AnswerStatus]:
        return {each.gateway: each.status for each in self.view(search).answers}

    def wait_for_answer(self, search: str, gateway_id: str) -> None:
        def is_answered() -> bool:
            return self.statuses(search)[gateway_id] is AnswerStatus.ANSWERED

        wait_until(is_answered, 60, f"the answer of {gateway_id}, which is {self.view(search).answers}")

    def online_gateways(self) -> set[str]:
        columns = tables.gateway.c
        with self._connections.reading() as connection:
            born = select(columns.id).where(columns.birth.is_not(None), columns.state == "online")
            return set(connection.scalars(born))

    def open(self, search: str, gateway_id: str, number: int) -> PictureStatus | None:
        with self._connections.writing() as connection:
            now_ms = wall_ms(SystemClock())
            return match_pictures.open_picture(connection, LAN, OF_ALL, search, gateway_id, number, now_ms)

    def picture(self, search: str, gateway_id: str, number: int) -> SearchPicture:
        with self._connections.reading() as connection:
            found = match_pictures.read_picture(connection, LAN, OF_ALL, search, gateway_id, number)
        assert found is not None
        return found


def test_a_search_is_answered_opened_and_answered_by_one_that_was_away(tmp_path: Path) -> None:
    public, _ = make_key(tmp_path / "search.pem")
    clip = make_clip(tmp_path / "clip.mp4", seconds=5)
    search_key = {"key_file": str(tmp_path / "search.pem")}
    with (
        Mosquitto(tmp_path, persistent=True) as broker,
        Centre(tmp_path / "centre", broker.port, search=search_key) as centre,
    ):
        wait_until(lambda: (centre.state_dir / "central.db").exists(), what="the database")
        connections = DatabaseConnections(centre.database)
        searches = Searches(connections)
        here = gateway(tmp_path / "here", "dt-001", broker, clip, public)
        away = gateway(tmp_path / "away", "dt-002", broker, clip, public)
        with here, away:
            wait_until(lambda: searches.online_gateways() == {"dt-001", "dt-002"}, 60, "both gateways")
            away.stop()
            search = searches.start(of_the_last_hour(group="person", colour="red"))
            searches.wait_for_answer(search, "dt-001")
            assert searches.statuses(search)["dt-002"] is AnswerStatus.WAITING
            wait_until(
                lambda: [each.gateway for each in searches.view(search).offline] == ["dt-002"],
                what="the gateway that is away, by name",
            )
            with connections.reading() as connection:
                found = records.read_matches(connection, OF_ALL, search)
            assert {each.gateway for each in found} == {"dt-001"}
            assert (len(found), found[0].colours["upper"]) == (3, ("red",))
            number = found[0].passage

            assert searches.open(search, "dt-001", number) is PictureStatus.ASKED
            wait_until(
                lambda: searches.picture(search, "dt-001", number).status is PictureStatus.RECEIVED,
                what="the picture",
            )
            opened = searches.picture(search, "dt-001", number)
            assert (opened.jpeg, opened.sealed) == (CROP, False)
            assert len(opened.path) >= 2

            away.start()
            searches.wait_for_answer(search, "dt-002")
            assert searches.view(search).total == 6
        connections.close()
    log = tmp_path / "here" / "state" / FOLDER / "access.jsonl"
    first, second = (json.loads(line) for line in log.read_text(encoding="utf-8").splitlines())
    assert (first["purpose"], first["case"]) == ("theft of a motorcycle", "7/2026")
    assert first["asked_by"] == "lan"
    assert second["passages"] == [number]
