"""The part of searches in the ingest: signs the commands, sends them, sends them again if needed, and lets
them expire.

A command is sent again when a gateway connects (its birth), and while the gateway is online without any
reply. It keeps its id, because a gateway runs a command with the same id only once. The ingest thread calls
everything.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import msgspec
from sqlalchemy import ColumnElement, Connection, Table, and_, bindparam, or_, select, update

from edge_agent import wire
from edge_agent.commands.signature import PUBLIC_DER, key_id, sign
from edge_agent.core.clock import Clock, rfc3339, rfc3339_of_ms, wall_ms
from edge_agent.mqtt.session.client import MqttMessage
from edge_agent.wire.searches import FIRST_LASTING_ID
from edge_agent.wire.topics import CentralTopics
from edge_central.searches.matches import SECOND, ReceivedPassage
from edge_central.searches.model import (
    KEY_RECORD,
    OPEN_PICTURES,
    PICTURE_KINDS,
    SEARCH_COMMAND,
    WHOLE_PICTURE,
    AnswerStatus,
    PictureKind,
    PictureStatus,
    SearchKeyRecord,
)
from edge_central.searches.passage_holds import OPEN_HOLDS, HoldStatus
from edge_central.searches.question import MAX_HOURS, SearchQuestion
from edge_central.store import tables
from edge_central.store.database import write_record

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

log = logging.getLogger(__name__)

MAX_AT_ONCE = 25
"""Commands signed in one transaction: 4 ms of CPU. Batches of events are stored between two transactions."""
MAX_ROW_BYTES = 7_500
"""Maximum size of the rows in one answer: all replies of a gateway to a search then have 8.6 kB, of 10 kB
allowed."""
FIRST_AGAIN_S, LAST_AGAIN_S = 60, 3_600
"""Delay before a command is sent again to a gateway that is online and has not replied. It doubles each time,
from the first to the last value."""
BIRTH_AGAIN_MS = 30_000
"""A command that was sent less than this before a birth is not sent again, because it is on its way."""
BIRTH_WAIT_MS = 15_000
"""After a birth, wait this long for the answer: the broker delivers at once what it has queued for a gateway,
and a command that arrives twice costs the gateway a second answer of 10 kB."""
MAX_LIFE_MS = round(MAX_HOURS * 3_600_000)
EXPIRE_AFTER_MS = 60_000
"""Commands expire this long after the search, because an answer may be on its way when the search expires."""
MAX_HOLD_MS = 366 * 86_400_000
"""The longest hold that gateways accept."""
_PICTURES = tuple(kind.table for kind in PICTURE_KINDS)
TYPE_SEARCH, TYPE_PICTURES, TYPE_HOLD = "search", "passage-pictures", "passage-hold"


class SearchSender:
    """Sends searches to gateways. Without a key it sends nothing, and ``publish_key`` tells the console so.
    Not thread-safe."""

    def __init__(
        self,
        topics: CentralTopics,
        wards: Collection[str],
        clock: Clock,
        central_id: str,
        key: Ed25519PrivateKey | None,
    ) -> None:
        self._topics = topics
        self._wards = sorted(wards)
        self._clock = clock
        self._central_id = central_id
        self.key = key
        # The query is built once: it runs every moment, and building it costs more than running it.
        self._waiting = tuple(
            select(table.c.command).where(*self.due(table)).limit(1)
            for table in (tables.search_answer, *_PICTURES, tables.passage_hold)
        )

    def publish_key(self, connection: Connection) -> None:
        """Store which wards this centre can search, for the console."""
        record = None
        if self.key is not None:
            key = key_id(PUBLIC_DER + self.key.public_key().public_bytes_raw())
            record = SearchKeyRecord(key=key, wards=self._wards)
        write_record(connection, f"{KEY_RECORD}{self._central_id}", record)

    @property
    def can_sign(self) -> bool:
        return self.key is not None

    def has_waiting(self, connection: Connection) -> bool:
        now = {"now_ms": wall_ms(self._clock)}
        return self.can_sign and any(connection.scalar(each, now) is not None for each in self._waiting)

    def send(self, connection: Connection) -> list[MqttMessage]:
        """Mark up to MAX_AT_ONCE due commands as sent. Return the messages to publish after the commit."""
        if self.key is None:
            return []
        return [
            *self._searches(connection, self.key),
            *(message for kind in PICTURE_KINDS for message in self._pictures(connection, self.key, kind)),
            *self._holds(connection, self.key),
        ]

    def on_births(self, connection: Connection, gateways: Iterable[str]) -> None:
        """Prepare for gateways that have connected: the commands that they do not answer soon are sent
        again."""
        now_ms, named = wall_ms(self._clock), sorted(gateways)
        for table, is_open in (
            (tables.search_answer, tables.search_answer.c.until_ms.is_not(None)),
            *((table, _is_open(table)) for table in _PICTURES),
            (tables.passage_hold, _hold_is_open()),
        ):
            columns = table.c
            connection.execute(
                update(table)
                .where(columns.gateway.in_(named), is_open, columns.sent_ms < now_ms - BIRTH_AGAIN_MS)
                .values(next_ms=now_ms + BIRTH_WAIT_MS)
            )

    def expire(self, connection: Connection) -> None:
        """Mark commands that were not answered in time as expired."""
        over_ms = wall_ms(self._clock) - EXPIRE_AFTER_MS
        answers = tables.search_answer.c
        silent = (answers.until_ms < over_ms, answers.ward.in_(self._wards))
        changed = set(connection.scalars(select(answers.search).where(*silent)))
        if changed:
            expired = {"status": AnswerStatus.EXPIRED.value, "next_ms": None, "until_ms": None}
            connection.execute(update(tables.search_answer).where(*silent).values(**expired))
            note_changes(connection, changed)
        gone: dict[str, Any] = {"status": PictureStatus.EXPIRED.value, "next_ms": None}
        for table in _PICTURES:
            missed = (_is_open(table), table.c.expires_ms < over_ms, table.c.ward.in_(self._wards))
            connection.execute(update(table).where(*missed).values(**gone))
        holds = tables.passage_hold.c
        missed = (_hold_is_open(), holds.expires_ms < over_ms, holds.ward.in_(self._wards))
        gone = {"status": HoldStatus.EXPIRED.value, "next_ms": None}
        connection.execute(update(tables.passage_hold).where(*missed).values(**gone))

    def due(self, table: Table) -> tuple[ColumnElement[bool], ...]:
        """Return the SQL condition for commands to send now; it needs the parameter ``now_ms``. The gateway
        must be online: a command that waits here can be withdrawn, but not one that the broker keeps for a
        gateway. A gateway with an unknown state is asked once. The gateway must have reported from this ward,
        whatever the console has written."""
        columns, gateway = table.c, tables.gateway.c
        stateless = and_(gateway.state.is_(None), columns.sends == 0)
        reachable = select(gateway.id).where(
            gateway.id == columns.gateway,
            gateway.ward == columns.ward,
            or_(gateway.state == "online", stateless),
        )
        return columns.next_ms <= bindparam("now_ms"), columns.ward.in_(self._wards), reachable.exists()

    def _searches(self, connection: Connection, key: Ed25519PrivateKey) -> list[MqttMessage]:
        answer, search = tables.search_answer.c, tables.search.c
        query = (
            select(tables.search_answer, search.question, search.asked_by, search.expires_ms)
            .join_from(tables.search_answer, tables.search, answer.search == search.id)
            .where(*self.due(tables.search_answer), answer.command.startswith(SEARCH_COMMAND))
            .order_by(answer.next_ms, answer.command)
            .limit(MAX_AT_ONCE)
        )
        rows = connection.execute(query, {"now_ms": wall_ms(self._clock)}).all()
        texts = {row.search: row.question for row in rows}
        questions = {id_: _question_of(id_, text) for id_, text in texts.items()}
        sendable, messages = [row for row in rows if questions[row.search] is not None], []
        for row in sendable:
            question = questions[row.search]
            assert question is not None
            args = search_arguments(question, row.gateway, row.ward, row.place, row.asked_by)
            messages += self.message(key, row, TYPE_SEARCH, args)
        self.mark_sent(connection, tables.search_answer, sendable, AnswerStatus.SENT)
        for id_, question in questions.items():
            if question is None:
                failed = {"status": AnswerStatus.FAILED.value, "next_ms": None, "until_ms": None}
                connection.execute(update(tables.search_answer).where(answer.search == id_).values(**failed))
            else:
                count = sum(row.search == id_ for row in rows)
                log.info("search %s: sent to %d gateways", id_, count)
        return messages

    def _pictures(
        self, connection: Connection, key: Ed25519PrivateKey, kind: PictureKind
    ) -> list[MqttMessage]:
        picture, search, found = kind.table.c, tables.search.c, tables.search_match.c
        same = (found.search == picture.search, found.gateway == picture.gateway)
        match = select(found.document).where(*same, found.passage == picture.passage).limit(1)
        query = (
            select(
                kind.table,
                search.purpose,
                search.case_number,
                match.scalar_subquery().label("match"),
            )
            .join_from(kind.table, tables.search, picture.search == search.id)
            .where(*self.due(kind.table))
            .order_by(picture.next_ms, picture.command)
            .limit(MAX_AT_ONCE)
        )
        rows = connection.execute(query, {"now_ms": wall_ms(self._clock)}).all()
        messages = []
        for row in rows:
            args = {
                "purpose": row.purpose,
                "case": row.case_number,
                "wards": [row.ward],
                "asked_by": row.asked_by,
                "ids": [row.passage],
                **_named_picture(row),
            }
            if kind is WHOLE_PICTURE:  # only set if true: older agents refuse arguments that they do not know
                args["scenes"] = True
            messages += self.message(key, row, TYPE_PICTURES, args)
            log.info("%s: asked for a picture of passage %d of search %s, by %s", row.gateway, row.passage,
                     row.search, row.asked_by)  # fmt: skip
        self.mark_sent(connection, kind.table, rows, PictureStatus.SENT)
        return messages

    def _holds(self, connection: Connection, key: Ed25519PrivateKey) -> list[MqttMessage]:
        hold = tables.passage_hold.c
        query = select(tables.passage_hold).where(*self.due(tables.passage_hold))
        query = query.order_by(hold.next_ms, hold.command).limit(MAX_AT_ONCE)
        now_ms, messages = wall_ms(self._clock), list[MqttMessage]()
        last_ms = now_ms + MAX_HOLD_MS
        rows = connection.execute(query, {"now_ms": now_ms}).all()
        for row in rows:
            args: dict[str, Any] = {
                "purpose": row.purpose,
                "case": row.case_number,
                "wards": [row.ward],
                "asked_by": row.asked_by,
                "ids": [row.passage],
            }
            if row.until_ms is not None:
                args["until"] = rfc3339_of_ms(min(max(row.until_ms, 0), last_ms))
            messages += self.message(key, row, TYPE_HOLD, args)
            what = "release" if row.until_ms is None else "keep"
            log.info("%s: asked to %s passage %d, by %s", row.gateway, what, row.passage, row.asked_by)
        self.mark_sent(connection, tables.passage_hold, rows, HoldStatus.SENT)
        return messages

    def message(self, key: Ed25519PrivateKey, row: Any, type: str, args: dict[str, Any]) -> list[MqttMessage]:
        """Return the signed command; empty if it has expired."""
        now = self._clock.now()
        expires_ms = min(row.expires_ms, wall_ms(self._clock) + MAX_LIFE_MS)
        left_s = expires_ms // 1000 - int(now.timestamp())
        if left_s <= 0:
            return []
        command = wire.Command(
            id=row.command,
            type=type,
            gateway=row.gateway,
            issued=rfc3339(now - timedelta(seconds=1)),
            expires=rfc3339_of_ms(expires_ms),
            args=args,
        )
        topic = self._topics.command(row.ward, row.gateway, type)
        return [MqttMessage(topic, sign(msgspec.json.encode(command), key), expiry_s=left_s)]

    def mark_sent(
        self,
        connection: Connection,
        table: Table,
        rows: Sequence[Any],
        sent: AnswerStatus | PictureStatus | HoldStatus,
    ) -> None:
        """Mark these rows as sent. A gateway that has answered ``later`` keeps this status. It is asked again
        each hour, because its answer may have been lost when this process was killed."""
        if not rows:
            return
        now_ms, columns = wall_ms(self._clock), table.c
        statement = (
            update(table)
            # Null: another process has withdrawn it since the row was read.
            .where(columns.command == bindparam("of"), columns.next_ms.is_not(None))
            .values(
                status=bindparam("now"), sends=bindparam("count"), sent_ms=now_ms, next_ms=bindparam("at")
            )
        )
        changes = []
        for row in rows:
            is_later = row.status == AnswerStatus.LATER
            delay_ms = LAST_AGAIN_S * 1000 if is_later else again_after_ms(row.sends)
            status = row.status if is_later else sent.value
            changes.append(
                {"of": row.command, "now": status, "count": row.sends + 1, "at": now_ms + delay_ms}
            )
        connection.execute(statement, changes)
        note_changes(connection, {row.search for row in rows})


def again_after_ms(sends: int) -> int:
    """Return the milliseconds after which a command is sent again that was sent this many times."""
    return min(LAST_AGAIN_S, FIRST_AGAIN_S << max(0, min(sends, 10))) * 1000


def _question_of(search: str, text: str) -> SearchQuestion | None:
    """Decode the question. None: the console cannot have written this text."""
    try:
        question = msgspec.json.decode(text, type=SearchQuestion)
        rfc3339_of_ms(question.from_ms), rfc3339_of_ms(question.second_until_ms)
        for window in question.windows or ():
            question.window_ms(window.gateway)
        return question
    except (ValueError, OverflowError, OSError, RecursionError):  # DecodeError is a ValueError
        log.error("search %s: its question cannot be read; it is not sent", search)
        return None


def _named_picture(row: Any) -> dict[str, Any]:
    """Return the argument with the SHA-256 that the answer named, so that the gateway sends no other picture
    under this id. Empty if no SHA-256 is named, or for small ids: they are of older agents, which would
    refuse the argument."""
    if row.passage < FIRST_LASTING_ID:
        return {}
    named = None if row.match is None else msgspec.json.decode(row.match, type=ReceivedPassage).picture_sha256
    return {} if named is None else {"sha256": {str(row.passage): named}}


def _is_open(pictures: Table) -> ColumnElement[bool]:
    return pictures.c.status.in_([each.value for each in OPEN_PICTURES])


def _hold_is_open() -> ColumnElement[bool]:
    return tables.passage_hold.c.status.in_([each.value for each in OPEN_HOLDS])


def search_arguments(
    question: SearchQuestion, gateway: str, ward: str, place: int, asked_by: str
) -> dict[str, Any]:
    """Return the arguments of the command ``search`` for one gateway. Directions and sizes depend on the view
    of a camera, so only group and colour count at the second place."""
    from_at, to_at = question.window_of(gateway) if place != SECOND else (question.from_at, question.to_at)
    args: dict[str, Any] = {
        "purpose": question.purpose,
        "case": question.case,
        "from_at": from_at,
        "to_at": to_at,
        "wards": [ward],
        "asked_by": asked_by,
        "max_bytes": MAX_ROW_BYTES,
    }
    names: tuple[str, ...] = ("group", "colour", "part")
    second = question.second if place == SECOND else None
    cameras = question.cameras_of(gateway)
    if second is not None:
        args["to_at"] = rfc3339_of_ms(question.second_until_ms)
        cameras = None if second.camera is None else (second.camera,)
    else:
        names += (
            *("direction_deg", "min_height", "max_height", "min_speed", "max_speed"),
            *("min_speed_m_s", "max_speed_m_s", "min_still_s", "min_for_s"),
        )
        if question.line is not None:
            line = question.line
            args["line"] = {"camera": line.camera, "from": line.start, "to": line.end}
    if question.oldest_first:  # only set if true: older agents refuse arguments that they do not know
        args["oldest_first"] = True
    if cameras is not None:
        args["cameras"] = list(cameras)
    args |= {name: value for name in names if (value := getattr(question, name)) is not None}
    return args


def note_changes(connection: Connection, searches: Collection[str]) -> None:
    """Count a change of these searches, so that pages that show them load the new state."""
    columns = tables.search.c
    named = columns.id.in_(sorted(searches))
    connection.execute(update(tables.search).where(named).values(changes=columns.changes + 1))
