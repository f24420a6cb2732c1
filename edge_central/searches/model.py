"""The types of searches: who asks, what each gateway has answered, and the state of a picture."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Table, and_, select, true

from edge_central.searches.question import SearchQuestion
from edge_central.store import tables
from edge_central.store.accesses import AccessKind
from edge_central.store.scope import Scope

HOUR_MS = 3_600_000

SEARCH_COMMAND, PICTURE_COMMAND, HOLD_COMMAND = "search-", "picture-", "hold-"
SCENE_COMMAND = "scene-"
REHEARSAL_COMMAND, RULES_COMMAND = "rehearse-", "rules-"
"""How the ids of these commands begin."""

KEY_RECORD = "search-key "
"""Beginning of the key in ``meta``; the id of the centre follows."""


class AnswerStatus(StrEnum):
    """The status of one gateway's answer to a search."""

    WAITING = "waiting"  # the ingest has not sent it yet
    SENT = "sent"
    LATER = "later"  # the gateway will answer when its limit ends
    ANSWERED = "answered"
    REFUSED = "refused"
    FAILED = "failed"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"  # the search was withdrawn before the gateway answered


class PictureStatus(StrEnum):
    ASKED = "asked"
    SENT = "sent"
    RECEIVED = "received"
    MISSING = "missing"  # the gateway has no such picture, or has deleted it
    REFUSED = "refused"
    FAILED = "failed"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"


OPEN_ANSWERS = (AnswerStatus.WAITING, AnswerStatus.SENT, AnswerStatus.LATER)

OPEN_PICTURES = (PictureStatus.ASKED, PictureStatus.SENT)


@dataclass(frozen=True, slots=True)
class PictureKind:
    """One of the two pictures of a passage."""

    table: Table
    command: str  # how the ids of its commands begin
    access: AccessKind  # how an opened picture is recorded


SMALL_PICTURE = PictureKind(tables.search_picture, PICTURE_COMMAND, AccessKind.PASSAGE)
WHOLE_PICTURE = PictureKind(tables.search_scene, SCENE_COMMAND, AccessKind.PASSAGE_SCENE)
PICTURE_KINDS = (SMALL_PICTURE, WHOLE_PICTURE)


class TooManySearches(Exception):
    """The account has reached its limit; it may search again after ``retry_after_s``."""

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


@dataclass(frozen=True, slots=True)
class SearchReader:
    """Which searches may be read: those of ``account`` in the wards of ``scope``. ``account`` None: those of
    all accounts, for administrators and for pages that check access themselves."""

    scope: Scope
    account: str | None

    def of(self, columns: Any) -> ColumnElement[bool]:
        """Return the SQL condition for a table with the columns ``ward`` and ``search``."""
        return and_(self.scope.of(columns.ward), self.of_search(columns.search))

    def of_search(self, search: ColumnElement[Any]) -> ColumnElement[bool]:
        """Return the SQL condition for a column with ids of searches."""
        if self.account is None:
            return true()
        own = select(tables.search.c.id).where(tables.search.c.asked_by == self.account)
        return search.in_(own)


class SearchKeyRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A record in ``meta`` for each centre with a search key, so that the console knows which wards can be
    searched."""

    key: str  # id of the public key
    wards: list[str]


@dataclass(frozen=True, slots=True)
class GatewayAnswer:
    """The answer of one gateway, or why there is none yet. ``online`` is its state now."""

    gateway: str
    ward: str
    place: int  # FIRST or SECOND
    status: AnswerStatus
    online: bool
    sent_ms: int | None
    answered_ms: int | None  # when the gateway answered, also if the search was withdrawn before
    total: int  # passages that match, as the gateway counts them
    stored: int  # passages of this gateway that the centre has
    dropped: int  # rows that cannot be true (another camera or time), or that came after the withdrawal
    words: str  # text of the gateway's reply; it may carry a code


@dataclass(frozen=True, slots=True)
class SearchView:
    """A search, with what its reader may see of it."""

    id: str
    asked_ms: int
    asked_by: str
    purpose: str
    case: str
    question: SearchQuestion
    expires_ms: int
    wards: tuple[str, ...]
    answers: tuple[GatewayAnswer, ...]  # by ward, then by gateway
    newest_cursor: int  # newest cursor of its matches; 0: it has none
    withdrawn_ms: int | None = None  # None: it was not withdrawn
    withdrawn_by: str | None = None

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
        """Return the gateways that have not answered because they are offline; they answer when they are
        back."""
        waiting = self.of_status(AnswerStatus.WAITING, AnswerStatus.SENT)
        return tuple(each for each in waiting if not each.online)

    @property
    def unanswered(self) -> tuple[GatewayAnswer, ...]:
        """Return the gateways that will send no answer: refused, failed, expired or withdrawn."""
        ended = (AnswerStatus.REFUSED, AnswerStatus.FAILED, AnswerStatus.EXPIRED, AnswerStatus.WITHDRAWN)
        return self.of_status(*ended)

    @property
    def too_late(self) -> tuple[GatewayAnswer, ...]:
        """Return the gateways with an answer that came after the withdrawal and was dropped."""
        return tuple(each for each in self.of_status(AnswerStatus.WITHDRAWN) if each.answered_ms is not None)

    @property
    def is_open(self) -> bool:
        return bool(self.of_status(*OPEN_ANSWERS))

    @property
    def total(self) -> int:
        """Return the number of passages that match, as the gateways count them. Each gateway sends at most 50
        of them."""
        return sum(each.total for each in self.answers)

    @property
    def stored(self) -> int:
        """Return the number of passages that the centre has. In a search for pairs, pairs are made of these
        passages."""
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
    """A picture of a passage that an account has opened."""

    gateway: str
    ward: str
    camera: str
    passage: int
    status: PictureStatus
    jpeg: bytes | None
    sealed: bool  # only the centre's evidence key can decrypt it
    path: tuple[tuple[float, float, float], ...]  # x, y in 0..1 of the picture, seconds after the start
    words: str
    box: tuple[float, float, float, float] | None = None  # the object in the whole picture, in 0..1 of it
    after_s: float = 0.0  # seconds from the start of the passage to the whole picture
