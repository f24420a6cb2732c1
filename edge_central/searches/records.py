"""Searches in the database, for the console and the API: start one, read it, open a picture.

The console only writes rows; the ingest signs and sends the commands (docs/decisions/0058). Every function
takes a connection; those that write need one in a transaction. Who may call them is checked by the caller:
officers, administrators and programs with a token. The scope is checked here.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import msgspec
from sqlalchemy import Connection, func, insert, or_, select, update

from edge_agent.wire.received.bounds import with_problem
from edge_central.console.documents import parse_birth
from edge_central.console.site_names import Names
from edge_central.searches import matches
from edge_central.searches.matches import FIRST, SECOND, PassageMatch
from edge_central.searches.question import InvalidQuestion, SearchQuestion
from edge_central.sentences import problem_text
from edge_central.store import tables
from edge_central.store.accesses import AccessKind, record_access
from edge_central.store.database import read_record
from edge_central.store.problems import problem_column
from edge_central.store.scope import Scope

HOUR_MS = 3_600_000
MAX_OPEN, MAX_PER_HOUR = 20, 30
"""Searches of one account that wait for gateways, and that were made within an hour."""
MAX_PICTURES_PER_HOUR = 300
PICTURE_LIFE_MS = 24 * HOUR_MS
"""A gateway that is away may still send the picture within this time."""
MAX_LISTED = 100
"""Searches in a list."""
ACTIVE_MS = 7 * 24 * HOUR_MS
"""A gateway without state and birth counts as removed if its newest heartbeat is older."""


class AnswerStatus(StrEnum):
    """Of one gateway's answer to a search."""

    WAITING = "waiting"  # for the ingest
    SENT = "sent"
    LATER = "later"  # the gateway answers when its limit ends
    ANSWERED = "answered"
    REFUSED = "refused"
    FAILED = "failed"
    EXPIRED = "expired"


class PictureStatus(StrEnum):
    ASKED = "asked"
    SENT = "sent"
    RECEIVED = "received"
    MISSING = "missing"  # the gateway has none, or none any more
    REFUSED = "refused"
    FAILED = "failed"
    EXPIRED = "expired"


OPEN_ANSWERS = (AnswerStatus.WAITING, AnswerStatus.SENT, AnswerStatus.LATER)
OPEN_PICTURES = (PictureStatus.ASKED, PictureStatus.SENT)


class TooManySearches(Exception):
    """The account has reached its limit; it may ask again after ``retry_after_s``."""

    def __init__(self, text: str, retry_after_s: int) -> None:
        super().__init__(text)
        self.text = text
        self.retry_after_s = retry_after_s


class SearchesUnavailable(Exception):
    """No centre of these wards has a search key."""


@dataclass(frozen=True, slots=True)
class SearchAuthor:
    """Who asks: the account, the address of its client, and the wards that it may see."""

    account: str
    address: str
    scope: Scope


class SearchKeyRecord(msgspec.Struct, frozen=True, kw_only=True):
    """In ``meta``, for each centre with a search key: so the console knows which wards can be searched."""

    key: str  # id of the public key
    wards: list[str]


KEY_RECORD = "search-key "
"""Key in ``meta``, followed by the id of the centre."""
SEARCH_COMMAND, PICTURE_COMMAND = "search-", "picture-"
"""Ids of commands begin so."""


@dataclass(frozen=True, slots=True)
class GatewayAnswer:
    """The answer of one gateway, or why there is none yet. ``online`` is its state now."""

    gateway: str
    ward: str
    place: int  # FIRST or SECOND
    status: AnswerStatus
    online: bool
    sent_ms: int | None
    answered_ms: int | None
    total: int  # passages that fit, as the gateway counts
    stored: int  # of them here
    dropped: int  # rows that cannot be true: another camera, another time
    words: str  # text of the gateway's reply; it may carry a code


@dataclass(frozen=True, slots=True)
class SearchView:
    """A search as far as the reader's scope goes."""

    id: str
    asked_ms: int
    asked_by: str
    purpose: str
    case: str
    question: SearchQuestion
    expires_ms: int
    wards: tuple[str, ...]
    answers: tuple[GatewayAnswer, ...]  # by ward, then by gateway
    newest_cursor: int  # of its matches; 0: there is none

    def of_status(self, *status: AnswerStatus) -> tuple[GatewayAnswer, ...]:
        return tuple(each for each in self.answers if each.status in status)

    @property
    def asked(self) -> int:
        return len(self.answers)

    @property
    def answered(self) -> int:
        return len(self.of_status(AnswerStatus.ANSWERED))

    @property
    def later(self) -> tuple[GatewayAnswer, ...]:
        return self.of_status(AnswerStatus.LATER)

    @property
    def offline(self) -> tuple[GatewayAnswer, ...]:
        """Gateways without an answer that are away: they answer when they are back."""
        waiting = self.of_status(AnswerStatus.WAITING, AnswerStatus.SENT)
        return tuple(each for each in waiting if not each.online)

    @property
    def unanswered(self) -> tuple[GatewayAnswer, ...]:
        """Gateways whose answer will not come: refused, failed, expired."""
        return self.of_status(AnswerStatus.REFUSED, AnswerStatus.FAILED, AnswerStatus.EXPIRED)

    @property
    def is_open(self) -> bool:
        return bool(self.of_status(*OPEN_ANSWERS))

    @property
    def total(self) -> int:
        """Passages that fit, as the gateways count; at most 50 of each are here."""
        return sum(each.total for each in self.answers)

    @property
    def stored(self) -> int:
        """Passages that are here; of a search for pairs, those of which pairs are made."""
        return sum(each.stored for each in self.answers)


@dataclass(frozen=True, slots=True)
class SearchSummary:
    """A line in the list of searches."""

    id: str
    asked_ms: int
    asked_by: str
    purpose: str
    case: str
    expires_ms: int
    asked: int
    answered: int
    open: int
    matches: int


@dataclass(frozen=True, slots=True)
class SearchPicture:
    """The picture of a passage, once somebody has opened it."""

    gateway: str
    ward: str
    camera: str
    passage: int
    status: PictureStatus
    jpeg: bytes | None
    sealed: bool  # only the centre's evidence key opens it
    path: tuple[tuple[float, float, float], ...]  # x, y in 0..1 of the picture, seconds after the start
    words: str


def searchable_wards(connection: Connection) -> frozenset[str]:
    """The wards whose centre has a search key."""
    keys = connection.scalars(select(tables.meta.c.key).where(tables.meta.c.key.like(f"{KEY_RECORD}%"))).all()
    records = [read_record(connection, key, SearchKeyRecord) for key in keys]
    return frozenset(ward for record in records if record is not None for ward in record.wards)


# --- start ---


def start_search(
    connection: Connection,
    author: SearchAuthor,
    question: SearchQuestion,
    now_ms: int,
    names: Names | None = None,
) -> str:
    """Store a search and its row of the access log, and return its id. The ingest sends it. ``names``: the
    fleet's sheet, for a circle; places that it lacks come from the gateways. Raises InvalidQuestion,
    TooManySearches, SearchesUnavailable."""
    _check_limits(connection, author.account, now_ms)
    _check_scope(author.scope, question)
    asked = list(_concerned(connection, author.scope, question, now_ms, names or Names()))
    if not any(place == FIRST for _, _, place in asked):
        raise InvalidQuestion("wards", problem_text("search-nowhere"))
    served = searchable_wards(connection)
    if not any(ward in served for _, ward, _ in asked):
        raise SearchesUnavailable(problem_text("search-no-key"))
    search, expires_ms = secrets.token_hex(8), now_ms + round(question.hours * HOUR_MS)
    row = {
        "id": search,
        "asked_ms": now_ms,
        "asked_by": author.account,
        "address": author.address,
        "purpose": question.purpose,
        "case_number": question.case,
        "question": msgspec.json.encode(question).decode(),
        "wards": " ".join(sorted({ward for _, ward, _ in asked})),
        "expires_ms": expires_ms,
        "changes": 0,
    }
    connection.execute(insert(tables.search), row)
    rows = [
        {"command": f"{SEARCH_COMMAND}{search}-{number}", "search": search}
        | _answer_row(*each, served, now_ms, expires_ms)
        for number, each in enumerate(asked, 1)
    ]
    connection.execute(insert(tables.search_answer), rows)
    more = {"search": search, "purpose": question.purpose, "case_number": question.case}
    gateways = len({gateway for gateway, _, _ in asked})
    record_access(
        connection, AccessKind.SEARCH, author.account, author.address, now_ms, **more, gateways=gateways
    )
    return search


def _answer_row(
    gateway: str, ward: str, place: int, served: frozenset[str], now_ms: int, expires_ms: int
) -> dict[str, Any]:
    can_ask = ward in served
    words = "" if can_ask else problem_text("search-no-key")
    return {
        "place": place,
        "gateway": gateway,
        "ward": ward,
        "status": (AnswerStatus.WAITING if can_ask else AnswerStatus.FAILED).value,
        "sends": 0,
        "next_ms": now_ms if can_ask else None,
        "until_ms": expires_ms if can_ask else None,
        "words": str(words),
        "problem": problem_column(words),
    }


def _check_limits(connection: Connection, account: str, now_ms: int) -> None:
    columns = tables.search.c
    own = select(func.count()).select_from(tables.search).where(columns.asked_by == account)
    recent = connection.scalar(own.where(columns.asked_ms > now_ms - HOUR_MS)) or 0
    answer = tables.search_answer.c
    waiting = select(answer.command).where(answer.search == columns.id, answer.until_ms.is_not(None)).exists()
    still_open = connection.scalar(own.where(columns.expires_ms > now_ms, waiting)) or 0
    if recent >= MAX_PER_HOUR or still_open >= MAX_OPEN:
        text = problem_text("search-too-many", open=still_open, recent=recent)
        raise TooManySearches(text, 60 if recent < MAX_PER_HOUR else 600)


def _check_scope(scope: Scope, question: SearchQuestion) -> None:
    """Raises InvalidQuestion for a ward of others, as for one that does not exist."""
    for ward in question.wards or ():
        if not scope.admits(ward):
            raise InvalidQuestion("wards", problem_text("search-not-yours", place=ward))


def _concerned(
    connection: Connection, scope: Scope, question: SearchQuestion, now_ms: int, names: Names
) -> Iterator[tuple[str, str, int]]:
    """Gateway, ward and place of each command. Raises InvalidQuestion for a named gateway that is not
    there, or not in the scope."""
    columns = tables.gateway.c
    there = or_(
        columns.state.is_not(None), columns.birth.is_not(None), columns.heartbeat_ms > now_ms - ACTIVE_MS
    )
    query = select(columns.id, columns.ward, columns.birth).where(scope.of(columns.ward), there)
    known = {row.id: row for row in connection.execute(query.order_by(columns.ward, columns.id))}
    named = {*(question.gateways or ()), *(each.partition("/")[0] for each in question.cameras or ())}
    if question.line is not None:
        named = named & {question.line.gateway} if named else {question.line.gateway}
    second = question.second
    for gateway in (*sorted(named), *(() if second is None else (second.gateway,))):
        if gateway not in known:
            raise InvalidQuestion("gateways", problem_text("search-not-yours", place=gateway))
    for gateway, row in known.items():
        within = question.circle is None or _is_within(question, row, names)
        in_ward = not question.wards or row.ward in question.wards
        if within and in_ward and (not named or gateway in named):
            yield gateway, row.ward, FIRST
    if second is not None:
        yield second.gateway, known[second.gateway].ward, SECOND


def _is_within(question: SearchQuestion, row: Any, names: Names) -> bool:
    site, location = names.site(row.id), parse_birth(row.birth).location
    latitude, longitude = site.latitude, site.longitude
    if (latitude is None or longitude is None) and location is not None:
        latitude, longitude = location.latitude, location.longitude
    if question.circle is None or latitude is None or longitude is None:
        return False
    return question.circle.contains(latitude, longitude)


# --- read ---


def list_searches(
    connection: Connection, scope: Scope, account: str | None = None, most: int = MAX_LISTED
) -> list[SearchSummary]:
    """The newest searches that asked a gateway of the scope, newest first; of one account, or of all. Counts
    are those of the scope."""
    columns, answer = tables.search.c, tables.search_answer.c
    of_scope = select(answer.command).where(answer.search == columns.id, scope.of(answer.ward)).exists()
    names = (columns.id, columns.asked_ms, columns.asked_by, columns.purpose, columns.expires_ms)
    query = select(*names, columns.case_number.label("case")).where(of_scope)
    if account is not None:
        query = query.where(columns.asked_by == account)
    rows = connection.execute(query.order_by(columns.asked_ms.desc(), columns.id).limit(most)).all()
    counts = select(
        answer.search,
        func.count().label("asked"),
        func.count().filter(answer.status == AnswerStatus.ANSWERED.value).label("answered"),
        func.count().filter(answer.until_ms.is_not(None)).label("open"),
        func.sum(func.coalesce(answer.stored, 0)).label("matches"),
    ).where(answer.search.in_([row.id for row in rows]), scope.of(answer.ward))
    of_search = {row.search: row for row in connection.execute(counts.group_by(answer.search))}
    return [
        SearchSummary(
            **row._mapping,
            asked=of_search[row.id].asked,
            answered=of_search[row.id].answered,
            open=of_search[row.id].open,
            matches=of_search[row.id].matches,
        )
        for row in rows
    ]


def read_search(connection: Connection, scope: Scope, search: str) -> SearchView | None:
    """The search with the answers of the scope; None: it is not there, or asked no gateway of the scope."""
    row = _search_row(connection, search)
    if row is None:
        return None
    columns, gateway = tables.search_answer.c, tables.gateway.c
    query = (
        select(tables.search_answer, gateway.state)
        .join_from(tables.search_answer, tables.gateway, columns.gateway == gateway.id, isouter=True)
        .where(columns.search == search, scope.of(columns.ward))
        .order_by(columns.ward, columns.gateway, columns.place)
    )
    answers = tuple(_answer(each) for each in connection.execute(query))
    if not answers:
        return None
    found = tables.search_match.c
    newest = select(func.max(found.cursor)).where(found.search == search, scope.of(found.ward))
    return SearchView(
        id=row.id,
        asked_ms=row.asked_ms,
        asked_by=row.asked_by,
        purpose=row.purpose,
        case=row.case_number,
        question=_question_of(row),
        expires_ms=row.expires_ms,
        wards=tuple(dict.fromkeys(each.ward for each in answers)),
        answers=answers,
        newest_cursor=connection.scalar(newest) or 0,
    )


def read_matches(
    connection: Connection, scope: Scope, search: str, after_cursor: int = 0, limit: int = 200
) -> list[PassageMatch]:
    """The matches of a search after a cursor, in the order in which they were stored; the cursor of the last
    one continues. A question with a second place gives pairs: ``then`` is the second passage."""
    row = _search_row(connection, search)
    if row is None:
        return []
    return matches.read_matches(connection, scope, _question_of(row), search, after_cursor, limit)


def read_changes(connection: Connection, search: str) -> int:
    """A number that grows with each stored answer and picture of the search."""
    columns = tables.search.c
    return connection.scalar(select(columns.changes).where(columns.id == search)) or 0


def _search_row(connection: Connection, search: str) -> Any:
    return connection.execute(select(tables.search).where(tables.search.c.id == search)).first()


def _question_of(row: Any) -> SearchQuestion:
    return msgspec.json.decode(row.question, type=SearchQuestion)


def _answer(row: Any) -> GatewayAnswer:
    return GatewayAnswer(
        gateway=row.gateway,
        ward=row.ward,
        place=row.place,
        status=AnswerStatus(row.status),
        online=row.state == "online",
        sent_ms=row.sent_ms,
        answered_ms=row.answered_ms,
        total=row.total or 0,
        stored=row.stored or 0,
        dropped=row.dropped or 0,
        words=with_problem(row.words, row.problem),
    )


# --- pictures ---


def open_picture(
    connection: Connection, author: SearchAuthor, search: str, gateway: str, passage: int, now_ms: int
) -> PictureStatus | None:
    """Record that the account opens the picture of a match, with purpose and case of the search, and ask the
    gateway for it if it is not here. None: there is no such match in the scope. Raises TooManySearches."""
    found = tables.search_match.c
    wanted = (found.search == search, found.gateway == gateway, found.passage == passage)
    query = select(found.ward, found.camera).where(*wanted, author.scope.of(found.ward))
    match, row = connection.execute(query).first(), _search_row(connection, search)
    if match is None or row is None:
        return None
    _check_picture_limit(connection, author.account, now_ms)
    file = {"ward": match.ward, "gateway": gateway, "camera": match.camera, "media_id": str(passage)}
    more = {"search": search, "purpose": row.purpose, "case_number": row.case_number}
    record_access(connection, AccessKind.PASSAGE, author.account, author.address, now_ms, **file, **more)
    return _ask_picture(connection, author, search, gateway, passage, match, now_ms)


def _ask_picture(
    connection: Connection,
    author: SearchAuthor,
    search: str,
    gateway: str,
    passage: int,
    match: Any,
    now_ms: int,
) -> PictureStatus:
    columns = tables.search_picture.c
    which = (columns.search == search, columns.gateway == gateway, columns.passage == passage)
    status = connection.scalar(select(columns.status).where(*which))
    if status is not None and PictureStatus(status) in (*OPEN_PICTURES, PictureStatus.RECEIVED):
        return PictureStatus(status)
    asked = {
        "command": f"{PICTURE_COMMAND}{secrets.token_hex(8)}",
        "ward": match.ward,
        "asked_ms": now_ms,
        "asked_by": author.account,
        "expires_ms": now_ms + PICTURE_LIFE_MS,
        "status": PictureStatus.ASKED.value,
        "sends": 0,
        "next_ms": now_ms,
        "sealed": False,
        "words": "",
        "problem": None,
    }
    if status is None:
        key = {"search": search, "gateway": gateway, "passage": passage}
        connection.execute(insert(tables.search_picture), key | asked)
    else:  # refused, missing or expired before: ask again
        connection.execute(update(tables.search_picture).where(*which).values(**asked))
    return PictureStatus.ASKED


def _check_picture_limit(connection: Connection, account: str, now_ms: int) -> None:
    reached = picture_limit(connection, account, now_ms)
    if reached is not None:
        raise TooManySearches(reached, 600)


def picture_limit(connection: Connection, account: str, now_ms: int) -> str | None:
    """Why the account may open no more pictures for now; None: it may."""
    columns = tables.access.c
    opened = (
        select(func.count())
        .select_from(tables.access)
        .where(
            columns.account == account,
            columns.what == AccessKind.PASSAGE.value,
            columns.time_ms > now_ms - HOUR_MS,
        )
    )
    pictures = connection.scalar(opened) or 0
    if pictures < MAX_PICTURES_PER_HOUR:
        return None
    return problem_text("search-too-many-pictures", pictures=pictures)


def read_picture(
    connection: Connection, author: SearchAuthor, search: str, gateway: str, passage: int
) -> SearchPicture | None:
    """A picture that this account has opened, so that no picture is shown without a row of the access log.
    None: the account has not opened it, or it is not in the scope."""
    log = tables.access.c
    opened = (
        log.search == search,
        log.account == author.account,
        log.what == AccessKind.PASSAGE.value,
        log.gateway == gateway,
        log.media_id == str(passage),
    )
    if connection.execute(select(log.id).where(*opened).limit(1)).first() is None:
        return None
    columns, found = tables.search_picture.c, tables.search_match.c
    same = (found.search == columns.search) & (found.gateway == columns.gateway)
    query = (
        select(tables.search_picture, found.camera)
        .join_from(tables.search_picture, tables.search_match, same & (found.passage == columns.passage))
        .where(columns.search == search, columns.gateway == gateway, columns.passage == passage)
        .where(author.scope.of(columns.ward))
        .limit(1)
    )
    row = connection.execute(query).first()
    return None if row is None else _picture(row, row.camera, row.jpeg)


def opened_pictures(connection: Connection, author: SearchAuthor, search: str) -> list[SearchPicture]:
    """The pictures that this account has opened in a search, without the pictures themselves."""
    columns, log = tables.search_picture.c, tables.access.c
    opened = select(log.gateway, log.camera, log.media_id).where(
        log.search == search, log.account == author.account, log.what == AccessKind.PASSAGE.value
    )
    cameras = {(row.gateway, row.media_id): row.camera for row in connection.execute(opened)}
    names = ("gateway", "ward", "passage", "status", "sealed", "path", "words", "problem")
    wanted = select(*(columns[name] for name in names))
    query = wanted.where(columns.search == search, author.scope.of(columns.ward))
    return [
        _picture(row, cameras[key], None)
        for row in connection.execute(query.order_by(columns.gateway, columns.passage))
        if (key := (row.gateway, str(row.passage))) in cameras
    ]


def _picture(row: Any, camera: str, jpeg: bytes | None) -> SearchPicture:
    points: Sequence[Any] = [] if row.path is None else json.loads(row.path)
    return SearchPicture(
        gateway=row.gateway,
        ward=row.ward,
        camera=camera,
        passage=row.passage,
        status=PictureStatus(row.status),
        jpeg=jpeg,
        sealed=row.sealed,
        path=tuple((x, y, seconds) for x, y, seconds in points),
        words=with_problem(row.words, row.problem),
    )
