"""Asks the centre of a simulated city as its console does, and times the answers and the alarms meanwhile."""

from __future__ import annotations

import math
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import Engine, select

from bench.result import percentile
from bench.scale.city import City, Meter
from edge_agent.core.clock import rfc3339
from edge_agent.tools.simulate.worker import REPORT, WorkerPool
from edge_central.config import load
from edge_central.searches.model import SearchAuthor
from edge_central.searches.new_search import start_search
from edge_central.searches.question import parse_question
from edge_central.store import tables
from edge_central.store.database import open_engine
from edge_central.store.scope import Scope

SEARCHES = 10
MAX_BYTES = 7_500
"""Of the rows in an answer, as the centre asks."""
WINDOW_S = 120.0
ALARM = 17
"""Severity numbers from here on are alarms, ``edge_central/store/tables/reports.py``."""
POLL_S = 0.02
ANSWER_S = 120.0

QUESTIONS: dict[str, dict[str, Any]] = {
    "a red two-wheeler in one hour": {"group": "two-wheeler", "colour": "red", "hours_back": (5, 4)},
    "two-wheelers in three hours": {"group": "two-wheeler", "hours_back": (6, 3)},
    "everything of a day": {"hours_back": (24, 0)},
}
"""From a usual question to the widest. ``hours_back``: begin and end of the time span, before now."""


def question_document(question: dict[str, Any]) -> dict[str, Any]:
    first, last = question["hours_back"]
    now = datetime.now(UTC)
    return {name: value for name, value in question.items() if name != "hours_back"} | {
        "purpose": "a measurement",
        "case": "bench",
        "from_at": rfc3339(now - timedelta(hours=first)),
        "to_at": rfc3339(now - timedelta(hours=last)),
    }


# --- what is stored, and when it can be read ---


@dataclass(frozen=True, slots=True)
class StoredEvent:
    seen_ms: float
    waited_ms: float  # since its time
    gateway: str
    is_alarm: bool


class StoredWatch:
    """Reads new events of the database every ``POLL_S``, as a page would see them, for the ``with`` block."""

    def __init__(self, engine: Engine) -> None:
        self.seen: list[StoredEvent] = []
        self._engine = engine
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> StoredWatch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        columns = tables.event.c
        with self._engine.connect() as connection:
            cursor = 0
            while not self._stop.wait(POLL_S):
                wanted = select(columns.cursor, columns.time_ms, columns.severity, columns.gateway)
                rows = connection.execute(
                    wanted.where(columns.cursor > cursor).order_by(columns.cursor)
                ).all()
                connection.rollback()
                now_ms = time.time() * 1e3
                first = cursor == 0
                for row in rows:
                    cursor = row.cursor
                    if not first:
                        alarm = row.severity >= ALARM
                        self.seen.append(StoredEvent(now_ms, now_ms - row.time_ms, row.gateway, alarm))


GROUPS = ("sim-", "solo-", "control-")


def _delays(seen: Sequence[StoredEvent], spans: Sequence[tuple[float, float]]) -> dict[str, Any]:
    """Time from an event at the gateway until it can be read at the centre, in ms, for each group."""
    found: dict[str, Any] = {}
    inside = [each for each in seen if any(begin <= each.seen_ms < end for begin, end in spans)]
    for group in GROUPS:
        of_group = [each for each in inside if each.gateway.startswith(group)]
        for name, chosen in (
            ("alarms", [each.waited_ms for each in of_group if each.is_alarm]),
            ("events", [each.waited_ms for each in of_group]),
        ):
            if chosen:
                shares = {f"p{share}": round(percentile(chosen, share)) for share in (50, 95, 99)}
                found[f"{group}* {name}"] = {"count": len(chosen), **shares}
    return found


# --- the sender of searches ---


class Inquirer:
    """Asks as the console does, with rows of the database. Use as a context manager."""

    def __init__(self, city: City, wards: Sequence[str], quiet: WorkerPool) -> None:
        """``wards`` are searched; ``quiet``: gateways among them that send nothing but answers."""
        self._city = city
        self._wards = list(wards)
        self._quiet = quiet
        self._engine = open_engine(load(city.folder / "central.yaml").database)
        self._asked = 0

    def __enter__(self) -> Inquirer:
        return self

    def __exit__(self, *_: object) -> None:
        self._engine.dispose()

    def ask(self, question: dict[str, Any]) -> dict[str, Any]:
        """Ask, wait for all answers, and say how long they took and how large they were."""
        city, meter = self._city, Meter(self._city)
        before, quiet_before = city.sample().totals, self._quiet.send(REPORT)
        id_ = self.start(question)
        self.wait([id_])
        spent = meter.read()
        threading.Event().wait(1.0)  # the counts of TCP follow
        after, quiet_after = city.sample().totals, self._quiet.send(REPORT)
        count = after.searches - before.searches
        each = (after.reply_bytes - before.reply_bytes) / max(1, count)
        assert spent.centre is not None
        return {
            **self.times([id_]),
            "bytes of replies a gateway": round(each),
            "bytes of replies of all": round(each * len(self._answers([id_]))),
            "bytes of TCP and IP both ways, a quiet gateway": round(
                (quiet_after.traffic_bytes - quiet_before.traffic_bytes) / quiet_after.gateways
            ),
            "CPU ms of a gateway's search in the city": (after.search_cpu_s - before.search_cpu_s)
            / max(1, count)
            * 1e3,
            "broker CPU s": spent.broker.cpu_s,
            "centre CPU s": spent.centre.cpu_s,
        }

    def ask_together(self, count: int) -> dict[str, Any]:
        """Ask so many questions at the same moment."""
        questions = list(QUESTIONS.values())[:2]
        ids = [self.start(questions[number % len(questions)]) for number in range(count)]
        self.wait(ids)
        return self.times(ids)

    def compare_alarms(self, rounds: int) -> dict[str, Any]:
        """Time alarms without searches, and while ``SEARCHES`` are asked evenly over as long a time."""
        quiet: list[tuple[float, float]] = []
        searching: list[tuple[float, float]] = []
        ids: list[str] = []
        with StoredWatch(self._engine) as watch:
            threading.Event().wait(2.0)
            for _ in range(rounds):
                quiet.append(_span(lambda: threading.Event().wait(WINDOW_S)))
                searching.append(_span(lambda: ids.extend(self._ask_evenly())))
                self.wait(ids)
            seen = list(watch.seen)
        return {
            "without": _delays(seen, quiet),
            "during 10 searches": _delays(seen, searching),
            "their answers": self.times(ids),
        }

    def _ask_evenly(self) -> list[str]:
        ids, questions = [], list(QUESTIONS.values())[:2]
        for number in range(SEARCHES):
            ids.append(self.start(questions[number % len(questions)]))
            threading.Event().wait(WINDOW_S / SEARCHES)
        return ids

    def start(self, question: dict[str, Any]) -> str:
        document = question_document(question) | {"wards": self._wards}
        self._asked += 1  # an account may ask only so often
        author = SearchAuthor(f"bench-{self._asked}", "127.0.0.1", Scope(None))
        with self._engine.begin() as connection:
            asked = parse_question(msgspec.json.encode(document))
            return start_search(connection, author, asked, round(time.time() * 1000))

    def wait(self, ids: Sequence[str]) -> None:
        deadline, pause = time.monotonic() + ANSWER_S, threading.Event()
        while time.monotonic() < deadline:
            if all(row.answered_ms is not None for row in self._answers(ids)):
                return
            pause.wait(0.2)

    def _answers(self, ids: Sequence[str]) -> Sequence[Any]:
        answer, asked = tables.search_answer, tables.search
        wanted = select(answer, asked.c.asked_ms).join(asked, asked.c.id == answer.c.search)
        with self._engine.connect() as connection:
            return connection.execute(wanted.where(answer.c.search.in_(ids))).all()

    def times(self, ids: Sequence[str]) -> dict[str, Any]:
        rows = self._answers(ids)
        by_status = Counter(str(row.status) for row in rows)
        took = sorted((row.answered_ms - row.asked_ms) / 1e3 for row in rows if row.answered_ms is not None)
        problems = Counter(str(row.words)[:80] for row in rows if str(row.status) != "answered")
        return {
            "asked": len(rows),
            "by status": dict(by_status),
            "passages that fit, in all": sum(row.total or 0 for row in rows),
            "rows in the answers": sum(row.stored or 0 for row in rows),
            "all sent after s": max((row.sent_ms - row.asked_ms) / 1e3 for row in rows if row.sent_ms),
            "answered after s: 50, 95, 99 %, all": [
                took[max(0, math.ceil(share * len(rows)) - 1)] if share * len(rows) <= len(took) else None
                for share in (0.5, 0.95, 0.99, 1.0)
            ],
            "why others did not": dict(problems.most_common(3)),
        }


def _span(work: Callable[[], object]) -> tuple[float, float]:
    """Begin and end of the work, in ms since 1970."""
    began_ms = time.time() * 1e3
    work()
    return began_ms, time.time() * 1e3
