"""Gateways of the invented city that answer searches: their passages, pictures and paths are drawn."""

from __future__ import annotations

import base64
import hashlib
import json
import math
import random
from dataclasses import dataclass
from functools import cache
from typing import Any

import cv2
import numpy as np
from sqlalchemy import Table, select, update

from edge_agent.core.clock import rfc3339_of_ms
from edge_agent.wire.received.messages import ReplyMessage
from edge_central.searches.answers import record_answers
from edge_central.searches.model import KEY_RECORD, SearchKeyRecord
from edge_central.store import tables
from edge_central.store.database import write_record
from tests.edge_central.web.house import House

COLOURS = {"red": (40, 40, 200), "orange": (30, 105, 225)}
"""BGR."""
MINUTE_MS = 60_000


def make_searchable(house: House, *wards: str) -> None:
    """As an ingest with a search key does when it starts."""
    with house.connections.writing() as connection:
        write_record(connection, f"{KEY_RECORD}central", SearchKeyRecord(key="0" * 16, wards=[*wards]))


def connect(house: House, *away: str) -> None:
    """As the retained state of each gateway that has been heard of, but for those that are away."""
    columns = tables.gateway.c
    with house.connections.writing() as connection:
        connection.execute(update(tables.gateway).values(state="online"))
        connection.execute(update(tables.gateway).where(columns.id.in_(away)).values(state="offline"))


def passage(number: int, start_ms: int, **more: Any) -> dict[str, Any]:
    """A passage in the result of the command ``search``."""
    return {
        "id": number, "camera": "cam-1", "track": f"cam-1-k3-{number}", "group": "two-wheeler",
        "label": "motorcycle", "start": rfc3339_of_ms(start_ms), "for_s": 9.4, "clock": "synced",
        "direction_deg": 270, "speed": 1.3, "size": [0.08, 0.21], "entry": "right", "exit": "left",
        "light": "day", "colours": {"upper": ["red"], "lower": ["black"]},
        "picture_sha256": hashlib.sha256(crop("red", number)).hexdigest(),
    } | more  # fmt: skip


@dataclass(frozen=True)
class Command:
    """One command of a search, or for one picture."""

    id: str
    gateway: str
    ward: str
    passage: int = 0


class CityGateways:
    """Answers the commands that a centre would have sent."""

    def __init__(self, house: House) -> None:
        self._house = house

    def asked(self, search: str) -> list[Command]:
        columns = tables.search_answer.c
        query = select(columns.command, columns.gateway, columns.ward).where(columns.search == search)
        with self._house.connections.reading() as connection:
            rows = connection.execute(query.order_by(columns.command)).all()
        return [Command(*row) for row in rows]

    def opened(self, search: str, table: Table = tables.search_picture) -> list[Command]:
        """The pictures that have been opened and have not come."""
        columns = table.c
        query = select(columns.command, columns.gateway, columns.ward, columns.passage)
        with self._house.connections.reading() as connection:
            waits = columns.status.in_(["asked", "sent"])
            rows = connection.execute(query.where(columns.search == search, waits)).all()
        return [Command(*row) for row in rows]

    def answer(self, command: Command, passages: list[dict[str, Any]], total: int | None = None) -> None:
        result = {"total": len(passages) if total is None else total, "passages": passages}
        self.reply(command, "succeeded", f"{len(passages)} passages", result=result)

    def send_picture(
        self, command: Command, jpeg: bytes, path: list[tuple[float, float, float]] | None = None
    ) -> None:
        key = str(command.passage)
        result: dict[str, Any] = {"pictures": {key: base64.b64encode(jpeg).decode()}}
        self.reply(command, "succeeded", "1 of 1 pictures", result=result | {"paths": {key: path or walk()}})

    def send_scene(self, command: Command, jpeg: bytes) -> None:
        """A whole picture, taken 3 s after the start."""
        key = str(command.passage)
        result: dict[str, Any] = {"pictures": {key: base64.b64encode(jpeg).decode()}, "paths": {key: walk()}}
        place = {"box": [0.5, 0.25, 0.6, 0.75], "after_s": 3.0}
        self.reply(command, "succeeded", "1 of 1 pictures", result=result | {"places": {key: place}})

    def reply(
        self, command: Command, status: str, text: str, code: str = "", result: dict[str, Any] | None = None
    ) -> None:
        said = (command.ward, command.gateway, command.id, status, text, code)
        reply = ReplyMessage(*said, result=json.dumps(result or {}).encode())
        with self._house.connections.writing() as connection:
            record_answers(connection, [reply], self._house.now_ms())


def walk() -> list[tuple[float, float, float]]:
    """A path from the right to the left of the picture."""
    return [
        (round(0.95 - n * 0.08, 3), round(0.82 - 0.03 * math.sqrt(n) * 3, 3), round(n * 0.9, 1))
        for n in range(11)
    ]


@cache
def crop(colour: str, seed: int = 0) -> bytes:
    """A JPEG of a drawn rider, as the small pictures of passages are."""
    rng = np.random.default_rng(seed)
    picture = np.full((128, 84, 3), 126, np.uint8)
    picture[88:] = 96
    cv2.ellipse(picture, (42, 116), (30, 8), 0, 0, 360, (62, 62, 62), -1)
    cv2.circle(picture, (24, 106), 13, (35, 35, 35), 4, cv2.LINE_AA)
    cv2.circle(picture, (62, 106), 13, (35, 35, 35), 4, cv2.LINE_AA)
    cv2.rectangle(picture, (22, 78), (64, 98), (48, 46, 46), -1)
    cv2.ellipse(picture, (42, 58), (17, 26), 0, 0, 360, COLOURS[colour], -1, cv2.LINE_AA)
    cv2.circle(picture, (42, 26), 11, (205, 208, 214), -1, cv2.LINE_AA)
    noisy = np.clip(picture + rng.normal(0, 3, picture.shape), 0, 255).astype(np.uint8)
    done, jpeg = cv2.imencode(".jpg", noisy, [cv2.IMWRITE_JPEG_QUALITY, 70])
    assert done
    return jpeg.tobytes()


def colour_of(gateway: str, number: int) -> str:
    """The colour of a passage of ``busy_answer``, and of its picture."""
    return random.Random(f"{gateway} {number}").choice(["red", "red", "red", "orange"])


def busy_answer(gateway: str, from_ms: int, to_ms: int, count: int) -> list[dict[str, Any]]:
    """Some passages between two times, the same for each run."""
    rng = random.Random(gateway)
    found = []
    for number in range(1, count + 1):
        colour = colour_of(gateway, number)
        first = number == 1  # of this one the tests show the path: ``walk``
        found.append(
            passage(
                number, rng.randrange(from_ms, to_ms),
                direction_deg=270 if first else rng.choice([0, 90, 180, 270]),
                colours={"upper": [*{"red": 1, colour: 1}], "lower": [rng.choice(["black", "blue"])]},
                for_s=9.0 if first else round(rng.uniform(3, 14), 1),
                speed=round(rng.uniform(0.6, 2.4), 1),
                rules=["wrong-way-1"] if rng.random() < 0.1 else [],
                still_s=round(rng.uniform(20, 90)) if rng.random() < 0.15 else 0.0,
                picture_sha256=hashlib.sha256(crop(colour, number)).hexdigest(),
            )
        )  # fmt: skip
    return found
