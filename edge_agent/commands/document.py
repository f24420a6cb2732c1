"""A command's document: parsed strictly and with limits, and the check of its validity period."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import msgspec
from msgspec import Struct

from edge_agent.commands.action import CommandRefused
from edge_agent.commands.journal import CommandRecord
from edge_agent.core.clock import Clock, rfc3339
from edge_agent.core.problems import problem_text
from edge_agent.wire import Command
from edge_agent.wire.base import decode_error_text

MAX_DOCUMENT_BYTES = 256_000
MAX_LIFETIME = timedelta(days=31)
"""Longest time from ``issued`` to ``expires``, because the journal keeps an id for as long."""
MAX_UNSIGNED_LIFETIME = timedelta(days=1)
"""Any client that may publish to the topic can send unsigned commands, so they expire sooner."""
LAST_YEAR = 9000  # leaves room to add days to ``expires``: Python's dates end in 9999
TOLERANCE = timedelta(minutes=5)  # how far the sender's clock may be ahead

_ID = re.compile(r"[a-z0-9-]{1,63}")


class _Named(Struct):
    """The part of a document that a reply needs."""

    id: str


def extract_id(text: bytes) -> str | None:
    """Return the id, even if the rest of the document is wrong; None if there is no valid id."""
    try:
        named = msgspec.json.decode(text, type=_Named)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return named.id if _ID.fullmatch(named.id) else None


def parse(text: bytes, gateway: str, signed_by: str | None, received: datetime) -> CommandRecord:
    """Parse a command's document into its first record.

    Raises CommandRefused when it is malformed, too large, valid too long, or for another gateway."""
    if len(text) > MAX_DOCUMENT_BYTES:
        reason = problem_text("command-document-too-large", bytes=len(text), limit=MAX_DOCUMENT_BYTES)
        raise CommandRefused(reason, "oversized")
    try:
        found = msgspec.json.decode(text, type=Command[dict[str, Any]])
        decode_without_duplicates(text)
        issued, expires = (datetime.fromisoformat(moment) for moment in (found.issued, found.expires))
    except RecursionError:
        raise CommandRefused(problem_text("command-too-deep"), "malformed") from None
    except (msgspec.DecodeError, UnicodeDecodeError, ValueError) as error:
        reason = problem_text("command-malformed", error=decode_error_text(error))
        raise CommandRefused(reason, "malformed") from None
    _check_period(issued, expires, is_signed=signed_by is not None)
    if found.gateway != gateway:
        reason = problem_text("command-wrong-gateway", gateway=gateway, wanted=found.gateway)
        raise CommandRefused(reason, "wrong-gateway")
    return CommandRecord(
        id=found.id,
        type=found.type,
        digest=_digest(found),
        issued=issued,
        expires=expires,
        received=received,
        signed_by=signed_by,
        args=found.args,
    )


def _check_period(issued: datetime, expires: datetime, *, is_signed: bool) -> None:
    max_lifetime = MAX_LIFETIME if is_signed else MAX_UNSIGNED_LIFETIME
    if expires <= issued:
        raise CommandRefused(problem_text("command-period-reversed"), "malformed")
    if expires.year > LAST_YEAR:
        raise CommandRefused(problem_text("command-period-year", year=LAST_YEAR), "malformed")
    if expires - issued > max_lifetime:
        code = "command-period-long" if is_signed else "command-period-long-unsigned"
        raise CommandRefused(problem_text(code, days=max_lifetime.days), "malformed")


def _digest(command: Command[dict[str, Any]]) -> str:
    """Return the SHA-256 of id, type, gateway and arguments, hex.

    The times are left out: a sender that repeats a command, because the reply was lost, writes new ones."""
    parts = (command.id, command.type, command.gateway, command.args)
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def arguments(kind: type[Struct], args: dict[str, Any]) -> Struct:
    """Convert the arguments to ``kind``. Raises CommandRefused when they do not fit it."""
    try:
        return msgspec.convert(args, kind)
    except (msgspec.ValidationError, RecursionError) as error:
        reason = problem_text("command-bad-arguments", error=decode_error_text(error))
        raise CommandRefused(reason, "bad-arguments") from None


def decode_without_duplicates(text: bytes) -> Any:
    """Decode JSON and refuse repeated keys. Raises ``ValueError``, ``RecursionError``."""
    return json.loads(text, object_pairs_hook=_refuse_repeated)


def _refuse_repeated(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Refuse repeated keys: parsers differ in which one they use, and a signed text must have one meaning."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key of an object stands there twice")
    return found


class CommandValidity:
    """Checks a command's validity period: on arrival, and again before it runs. Thread-safe."""

    def __init__(self, clock: Clock, synced: Callable[[], bool]) -> None:
        """``synced``: whether the clock is synchronised."""
        self._clock = clock
        self._synced = synced

    def now(self) -> datetime | None:
        """Return the time; None while the clock is not synchronised."""
        return self._clock.now() if self._synced() else None

    def check(self, issued: datetime, expires: datetime, *, risky: bool, until_mono: float | None) -> None:
        """Raise CommandRefused unless the command is valid now.

        ``until_mono``: expiry of the MQTT message. ``risky``: refuse it while the clock is not synchronised.
        """
        if until_mono is not None and self._clock.monotonic() > until_mono:
            raise CommandRefused(problem_text("command-message-expired"), "expired")
        now = self.now()
        if now is None:
            if risky:
                raise CommandRefused(problem_text("command-clock"), "clock-not-synchronised")
            return
        if now > expires:
            raise CommandRefused(problem_text("command-expired", at=rfc3339(expires)), "expired")
        if issued > now + TOLERANCE:
            raise CommandRefused(problem_text("command-not-yet-valid", at=rfc3339(issued)), "not-yet-valid")
