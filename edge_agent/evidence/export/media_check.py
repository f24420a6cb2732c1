"""A picture or clip is as genuine as the event that has its hash."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from edge_agent.evidence.chain.records import Record
from edge_agent.evidence.chain.verify import VerificationFinding, VerificationVerdict

_WORD = re.compile(r"[^_.]+")
"""A media id has neither: in the name of a file these stand around it."""
_BEST_FIRST = (VerificationVerdict.GENUINE, VerificationVerdict.CONSISTENT)


class MediaCheck:
    """What these events say of media, found by hash: each medium costs the same, however many events."""

    def __init__(self, records: Iterable[Record], findings: Iterable[VerificationFinding]) -> None:
        verdicts = {(found.what, found.where): found for found in findings}
        self._by_hash: dict[str, tuple[Record, VerificationFinding]] = {}
        self._by_media_id: dict[str, Record] = {}
        for record in records:
            event = verdicts.get((record.id, record.where))
            for ref in record.media:
                self._by_media_id.setdefault(ref.media_id, record)
                if event is None:  # the same event stands in another place too
                    continue
                for digest in filter(None, (ref.sha256, ref.sealed_sha256)):
                    known = self._by_hash.get(digest)
                    if known is None or _rank(event) < _rank(known[1]):
                        self._by_hash[digest] = record, event

    def judge(self, name: str, sha256: str) -> VerificationFinding:
        if sha256 not in self._by_hash:
            return self._not_named(name)
        record, event = self._by_hash[sha256]
        if event.verdict in _BEST_FIRST:
            return VerificationFinding(event.verdict, name, f"its hash is in {record.id}")
        return VerificationFinding(
            event.verdict, name, f"the event that has its hash: {record.id}: {event.why}"
        )

    def _not_named(self, name: str) -> VerificationFinding:
        for word in _WORD.findall(Path(name).name):
            record = self._by_media_id.get(word)
            if record is not None:
                return VerificationFinding(
                    VerificationVerdict.ALTERED, name, f"{record.id} names {word}, with another hash"
                )
        why = "no event in these files has its hash: it was altered, or belongs to an event that is not here"
        return VerificationFinding(VerificationVerdict.UNSIGNED, name, why)


def _rank(event: VerificationFinding) -> int:
    return _BEST_FIRST.index(event.verdict) if event.verdict in _BEST_FIRST else len(_BEST_FIRST)
