"""Compares two embeddings for the ranking of candidates: the likelihood ratio by the card's curve.

The column ``embedding`` of ``search_picture`` begins with the mark of the model: the first eight bytes of its
SHA-256. The vector follows as float16. If only the mark is there, the model gave no vector for this picture.
A single zero byte instead of all this: the model does not compare pictures of this group.
"""

from __future__ import annotations

import contextlib
import struct
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from operator import mul

import msgspec
from sqlalchemy import Connection, select

from edge_agent.wire.received.bounds import with_problem
from edge_central.appearance.card import AppearanceCard, GroupFigures
from edge_central.sentences import problem_text
from edge_central.store import tables

RECORD = "appearance "
"""Key in ``meta``, followed by the id of the centre."""
MARK_BYTES = 8
NOT_COMPARED = b"\0"
NEUTRAL = 1.0


class AppearanceRecord(msgspec.Struct, frozen=True, kw_only=True):
    """The model card that a centre with ``journeys.appearance`` uses, or the reason why it uses none. Stored
    in ``meta``, one record for each centre."""

    card: AppearanceCard | None = None
    groups: list[str]  # groups of passages whose pictures are compared
    problem: str | None = None  # text
    code: object = None  # code of ``problem``, with its figures

    @property
    def why(self) -> str:
        """Return why no picture is compared; the text may carry a code."""
        return with_problem(self.problem or "", self.code)


def mark_of(sha256: str) -> bytes:
    return bytes.fromhex(sha256)[:MARK_BYTES]


@dataclass(frozen=True, slots=True)
class AppearanceComparison:
    """Compares pictures by the models of the centres. ``models``: by the mark of the model, its card and the
    groups whose pictures are compared."""

    models: Mapping[bytes, tuple[AppearanceCard, Collection[str]]]

    @classmethod
    def read(cls, connection: Connection) -> AppearanceComparison:
        """Read the cards that the centres of this database use now."""
        records = read_records(connection)
        used = [(record.card, record.groups) for record in records if record.card is not None]
        return cls({mark_of(card.sha256): (card, groups) for card, groups in used})

    def likelihood_ratio(self, one: bytes | None, other: bytes | None, group: str | None) -> float:
        """Return how many times likelier this pair of pictures is if both show the same object than if they
        do not: 1/20..20. Return 1.0 if an embedding is missing, the embeddings are of different models, or
        the group was not measured."""
        if one is None or other is None or one[:MARK_BYTES] != other[:MARK_BYTES]:
            return NEUTRAL
        figures = self._figures(one, group)
        if figures is None:
            return NEUTRAL
        similarity = _similarity(one[MARK_BYTES:], other[MARK_BYTES:])
        return NEUTRAL if similarity is None else figures.ratio(similarity)

    def sentence(self, one: bytes | None, other: bytes | None, group: str | None) -> str | None:
        """Return the result as a sentence with its code. None: the pictures cannot be compared."""
        figures = None if one is None else self._figures(one, group)
        if figures is None or one is None or other is None or len(one) == MARK_BYTES:
            return None
        ratio = self.likelihood_ratio(one, other, group)
        if ratio == NEUTRAL:
            return None
        code = "appearance-similar" if ratio > 1 else "appearance-different"
        model = self.models[one[:MARK_BYTES]][0].model
        return problem_text(code, model=model, rank1=f"{figures.rank1.value:.2f}", objects=figures.identities)

    def _figures(self, embedding: bytes, group: str | None) -> GroupFigures | None:
        found = self.models.get(embedding[:MARK_BYTES])
        if found is None or group not in found[1]:
            return None
        return found[0].figures(group)


def read_records(connection: Connection) -> list[AppearanceRecord]:
    """Read the record of each centre of this database that has a model."""
    columns = tables.meta.c
    query = select(columns.value).where(columns.key.like(f"{RECORD}%")).order_by(columns.key)
    records = []
    for text in connection.scalars(query):
        with contextlib.suppress(msgspec.DecodeError, UnicodeError, RecursionError):  # of another version
            records.append(msgspec.json.decode(text, type=AppearanceRecord))
    return records


def read_embeddings(connection: Connection, searches: Collection[str]) -> dict[tuple[str, int], bytes]:
    """Return the embeddings of the opened pictures of these searches, by gateway and passage."""
    columns = tables.search_picture.c
    query = select(columns.gateway, columns.passage, columns.embedding).where(
        columns.search.in_(sorted(searches)), columns.embedding.is_not(None)
    )
    return {(row.gateway, row.passage): row.embedding for row in connection.execute(query)}


def _similarity(one: bytes, other: bytes) -> float | None:
    """Return the cosine of two vectors of length 1. None: a vector is missing, or their dimensions differ."""
    if not one or len(one) != len(other) or len(one) % 2:
        return None
    first, second = (struct.unpack(f"<{len(each) // 2}e", each) for each in (one, other))
    similarity = sum(map(mul, first, second))
    return similarity if -1.1 <= similarity <= 1.1 else None
