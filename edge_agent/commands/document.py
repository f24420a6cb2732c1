"""A command's document as it arrived: bounded, strictly parsed, not yet believed.

Whether a command's time is now, as far as the clock can tell.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import msgspec
from msgspec import Struct

from edge_agent.commands.action import CommandRefused
from edge_agent.core.clock import Clock, rfc3339
from edge_agent.wire import Command
from edge_agent.wire.data.base import decode_error_text

LARGEST_BYTES = 256_000
LONGEST_LIFE = timedelta(days=31)
"""From ``issued`` to ``expires``: the journal knows an id for as long."""
LONGEST_UNSIGNED_LIFE = timedelta(days=1)
"""Every client that may write to the broker can send unsigned commands, so they are kept for less time."""
LAST_YEAR = 9000
"""Of a box without a clock that has to reckon with it: no date lies behind 9999."""
TOLERANCE = timedelta(minutes=5)
"""So far the sender's clock may be ahead."""

_ID = re.compile(r"[a-z0-9-]{1,63}")


@dataclass(frozen=True, slots=True)
class Document:
    """What somebody asks for."""

    id: str
    type: str
    gateway: str
    issued: datetime
    expires: datetime
    args: dict[str, Any]

    @property
    def digest(self) -> str:
        """The same for the same command, however and whenever it was written: who asks again for an answer
        that got lost writes another time on it."""
        parts = (self.id, self.type, self.gateway, self.args)
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


class _Named(Struct):
    """As much as an answer needs."""

    id: str


def extract_id(text: bytes) -> str | None:
    """The id in what may be a document, however wrong the rest is."""
    try:
        named = msgspec.json.decode(text, type=_Named)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return named.id if _ID.fullmatch(named.id) else None


def parse(text: bytes, longest_life: timedelta = LONGEST_LIFE) -> Document:
    """Raises ``Refused``: it is no document of a command."""
    if len(text) > LARGEST_BYTES:
        raise CommandRefused(
            f"the document has {len(text)} bytes, at most {LARGEST_BYTES} are read", "oversized"
        )
    try:
        found = msgspec.json.decode(text, type=Command[dict[str, Any]])
        decode_without_duplicates(text)
        issued, expires = (datetime.fromisoformat(moment) for moment in (found.issued, found.expires))
    except RecursionError:
        raise CommandRefused("the document is nested too deeply", "malformed") from None
    except (msgspec.DecodeError, UnicodeDecodeError, ValueError) as error:
        raise CommandRefused(
            f"the document is not one of a command: {decode_error_text(error)}", "malformed"
        ) from None
    if expires <= issued:
        raise CommandRefused("the document expires before it is issued", "malformed")
    if expires.year > LAST_YEAR:
        raise CommandRefused(f"the document expires in a year after {LAST_YEAR}", "malformed")
    if expires - issued > longest_life:
        hint = "" if longest_life == LONGEST_LIFE else "; a signed one may be for longer"
        raise CommandRefused(f"the document is valid for more than {longest_life.days} d{hint}", "malformed")
    return Document(found.id, found.type, found.gateway, issued, expires, found.args)


def arguments(kind: type[Struct], args: dict[str, Any]) -> Struct:
    """Raises ``Refused``: they are not those of this type."""
    try:
        return msgspec.convert(args, kind)
    except (msgspec.ValidationError, RecursionError) as error:
        raise CommandRefused(
            f"the arguments are wrong: {decode_error_text(error)}", "bad-arguments"
        ) from None


def decode_without_duplicates(text: bytes) -> Any:
    """JSON in which no key stands twice. Raises ``ValueError``, ``RecursionError``."""
    return json.loads(text, object_pairs_hook=_refuse_repeated)


def _refuse_repeated(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Readers differ in which of two equal keys they take: what was signed has to have one meaning."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key stands in it twice")
    return found


class CommandValidity:
    """Asked when a command arrives, and again when its turn comes. Any thread."""

    def __init__(self, clock: Clock, synced: Callable[[], bool]) -> None:
        """``synced``: the clock is right."""
        self._clock = clock
        self._synced = synced

    def now(self) -> datetime | None:
        """None while nobody knows the time."""
        return self._clock.now() if self._synced() else None

    def check(self, issued: datetime, expires: datetime, *, risky: bool, until_mono: float | None) -> None:
        """Raises ``Refused``. ``until_mono``: the message's own expiry; ``risky``: not without a clock."""
        if until_mono is not None and self._clock.monotonic() > until_mono:
            raise CommandRefused("its message had expired before it could be obeyed", "expired")
        now = self.now()
        if now is None:
            if risky:
                text = "the clock of the box is not synchronised: nobody can say whether this has expired"
                raise CommandRefused(text, "clock-not-synchronised")
            return
        if now > expires:
            raise CommandRefused(f"it expired at {rfc3339(expires)}", "expired")
        if issued > now + TOLERANCE:
            raise CommandRefused(f"it is not valid before {rfc3339(issued)}", "not-yet-valid")
