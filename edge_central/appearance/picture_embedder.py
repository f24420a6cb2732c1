"""The thread of ``central run`` that computes embeddings of the pictures that officers have opened.

The thread waits for the process that decodes pictures. So it is a thread of its own, neither the ingest
thread nor a thread that the watchdog supervises: even if a picture blocks it, events are stored and pages are
shown.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, LargeBinary, Select, func, select, update

from edge_agent.core.clock import Clock
from edge_agent.core.errors import CentralError
from edge_agent.core.problems.problem import error_text
from edge_agent.core.worker import SupervisedThread
from edge_central.appearance.card import AppearanceCard, CardRefused, usable_card
from edge_central.appearance.comparison import (
    MARK_BYTES,
    NOT_COMPARED,
    RECORD,
    AppearanceRecord,
    mark_of,
)
from edge_central.appearance.embedding_process import (
    EmbeddingProcess,
    EmbeddingUnavailable,
    PictureNotEmbedded,
)
from edge_central.appearance.frames import ChildHello
from edge_central.journey_settings import AppearanceSettings
from edge_central.searches.matches import ReceivedPassage
from edge_central.searches.sender import note_changes
from edge_central.sentences import problem_text
from edge_central.settings import Database
from edge_central.store import tables
from edge_central.store.database import DatabaseConnections, read_meta, read_transaction, write_record
from edge_central.store.problems import problem_column

log = logging.getLogger(__name__)

POLL_S = 1.0
"""Short, because an officer waits for the ranking."""
CHECK_AGAIN_S = 600.0
RETRY_S = 10.0
IDLE_S = 300.0
"""Without pictures for this long the process ends, and its memory is free."""
MAX_AT_ONCE = 20


class PictureEmbedder:
    """Embeds the opened pictures. If ``settings`` is None, pictures are not compared: the thread records this
    and ends."""

    def __init__(
        self,
        settings: AppearanceSettings | None,
        database: Database,
        wards: Sequence[str],
        central_id: str,
        clock: Clock,
    ) -> None:
        self.loop = SupervisedThread("appearance", self._run)
        self._settings = settings
        self._database, self._connections = database, DatabaseConnections(database)
        self._has_tables = False
        self._wards = sorted(wards)
        self._record_key = f"{RECORD}{central_id}"
        self._clock = clock
        self._card: AppearanceCard | None = None
        self.process: EmbeddingProcess | None = None  # None while the model is not used
        self._next_check_mono = self._used_mono = clock.monotonic()

    def _run(self, loop: SupervisedThread) -> None:
        try:
            while not loop.stopping:
                wait_s = self.run_once()
                if wait_s is None:
                    return
                loop.wait(wait_s)
        finally:
            self.close()

    def close(self) -> None:
        if self.process is not None:
            self.process.close()
        self._connections.close()

    def run_once(self) -> float | None:
        """Check the model, or embed some pictures. Return the seconds until the next call; None: no call is
        needed any more."""
        try:
            if not self._find_tables():
                return POLL_S
            if self._settings is None:
                self._write(None)
                return None
            if self._card is None:
                return self._check(self._settings)
            return 0.0 if self._embed_some(self._settings, self._card) else POLL_S
        except CentralError as error:  # the database cannot be reached, or does not exist yet
            log.debug("pictures are not compared for the moment: %s", error)
            return RETRY_S if self._has_tables else POLL_S
        except Exception:
            log.exception("pictures are not compared; next attempt in %.0f s", CHECK_AGAIN_S)
            return CHECK_AGAIN_S

    def _find_tables(self) -> bool:
        """Return whether the ingest has made the tables. This thread must not make them too: two threads that
        do it at once disturb each other."""
        if not self._has_tables:
            with read_transaction(self._database) as connection:
                self._has_tables = read_meta(connection, "schema") == str(tables.SCHEMA_VERSION)
        return self._has_tables

    # --- the model ---

    def _check(self, settings: AppearanceSettings) -> float:
        """Read the card and start the model. Record the card, or the reason why the model is not used."""
        if self._clock.monotonic() < self._next_check_mono:
            return RETRY_S
        try:
            card = usable_card(settings.model, settings.card, settings.groups)
            if self.process is not None:
                self.process.close()
            self.process = EmbeddingProcess(settings.model, card.pixels, card.order)
            hello = _hello(self.process, card)
        except (CardRefused, EmbeddingUnavailable) as error:
            self._give_up(_reason(error, settings))
            return RETRY_S
        self._write(AppearanceRecord(card=card, groups=list(settings.groups)))
        with self._connections.writing() as connection:
            _forget_others(connection, mark_of(card.sha256), self._wards)
        self._card = card
        if not hello.filtered:
            log.warning("no seccomp filter here: the process that decodes pictures has resource limits only")
        log.info("pictures of %s are compared by the model %s", ", ".join(settings.groups), card.model)
        return 0.0

    def _give_up(self, why: str) -> None:
        if self.process is not None:
            self.process.close()
        self.process = self._card = None
        self._next_check_mono = self._clock.monotonic() + CHECK_AGAIN_S
        log.warning("pictures are not compared: %s", why)
        groups = [] if self._settings is None else list(self._settings.groups)
        self._write(AppearanceRecord(groups=groups, problem=str(why), code=problem_column(why)))

    def _write(self, record: AppearanceRecord | None) -> None:
        with self._connections.writing() as connection:
            write_record(connection, self._record_key, record)

    # --- pictures ---

    def _embed_some(self, settings: AppearanceSettings, card: AppearanceCard) -> bool:
        """Embed some pictures. Return whether more may wait."""
        with self._connections.reading() as connection:
            rows = connection.execute(_waiting(self._wards)).all()
        assert self.process is not None
        now = self._clock.monotonic()
        if not rows:
            if now - self._used_mono >= IDLE_S:
                self.process.close()
            return False
        self._used_mono = now
        try:
            found = [(row, self._embedding(row, settings, card)) for row in rows]
        except (CardRefused, EmbeddingUnavailable) as error:
            self._give_up(_reason(error, settings))
            return False
        with self._connections.writing() as connection:
            _store(connection, found)
        return len(rows) == MAX_AT_ONCE

    def _embedding(self, row: Any, settings: AppearanceSettings, card: AppearanceCard) -> bytes:
        """Return the value of the column ``embedding``. Raises EmbeddingUnavailable, CardRefused."""
        if _group(row.document) not in settings.groups:
            return NOT_COMPARED
        assert self.process is not None
        _hello(self.process, card)  # the process is started again from the model file from time to time
        try:
            return mark_of(card.sha256) + self.process.embed(row.jpeg)
        except PictureNotEmbedded as error:
            log.warning("%s: the picture of passage %d: %s", row.gateway, row.passage, error)
            return mark_of(card.sha256)


def _hello(process: EmbeddingProcess, card: AppearanceCard) -> ChildHello:
    """Start the process and check its model. Raises CardRefused if the card is of another model, and
    EmbeddingUnavailable."""
    hello = process.hello()
    if (hello.sha256, hello.dimensions) != (card.sha256, card.dimensions):
        raise CardRefused(problem_text("appearance-other-model", model=card.model))
    return hello


def _reason(error: CardRefused | EmbeddingUnavailable, settings: AppearanceSettings) -> str:
    if isinstance(error, CardRefused):
        return error_text(error)
    return problem_text("appearance-model-unusable", file=settings.model.name, error=str(error))


def _waiting(wards: Sequence[str]) -> Select[Any]:
    picture, match = tables.search_picture.c, tables.search_match.c
    of_picture = (match.search == picture.search, match.gateway == picture.gateway)
    document = select(match.document).where(*of_picture, match.passage == picture.passage).limit(1)
    named = (picture.search, picture.gateway, picture.passage, picture.jpeg)
    return (
        select(*named, document.scalar_subquery().label("document"))
        .where(picture.embedding.is_(None), picture.jpeg.is_not(None), picture.sealed.is_(False))
        .where(picture.ward.in_(wards))
        .order_by(picture.received_ms)
        .limit(MAX_AT_ONCE)
    )


def _group(document: bytes | None) -> str | None:
    if document is None:
        return None
    try:
        return msgspec.json.decode(document, type=ReceivedPassage).group
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None


def _store(connection: Connection, found: Iterable[tuple[Any, bytes]]) -> None:
    columns, searches = tables.search_picture.c, set()
    for row, embedding in found:
        which = (columns.search == row.search, columns.gateway == row.gateway, columns.passage == row.passage)
        connection.execute(update(tables.search_picture).where(*which).values(embedding=embedding))
        searches.add(row.search)
    note_changes(connection, searches)


def _forget_others(connection: Connection, mark: bytes, wards: Sequence[str]) -> None:
    """Clear the embeddings of other models, and the marks of groups that were not compared, so that they are
    computed again."""
    columns = tables.search_picture.c
    of_others = func.substr(columns.embedding, 1, MARK_BYTES, type_=LargeBinary) != mark
    chosen = (columns.embedding.is_not(None), of_others, columns.ward.in_(wards))
    connection.execute(update(tables.search_picture).where(*chosen).values(embedding=None))
