"""What ``edge-agent evidence verify`` says: one sentence first, then what is not genuine and why."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import groupby
from typing import TextIO

from edge_agent.evidence.records import Record
from edge_agent.evidence.verify import Finding, Verdict

NAMED = 3  # of the lines that are passed over


@dataclass(slots=True)
class Report:
    findings: list[Finding] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    passed_over: list[str] = field(default_factory=list)  # the first few of them
    passed_over_count: int = 0

    @property
    def genuine(self) -> bool:
        """All of it, and that it is not nothing."""
        return bool(self.findings) and all(found.verdict is Verdict.GENUINE for found in self.findings)

    def pass_over(self, where: str) -> None:
        """This line is no event and was none."""
        self.passed_over_count += 1
        if len(self.passed_over) < NAMED:
            self.passed_over.append(where)

    def write(self, out: TextIO) -> None:
        """The sum of it, the count of each verdict, and what is not genuine: neighbours in one line."""
        out.write(f"RESULT: {self._sum()}\n")
        for verdict in Verdict:
            count = sum(found.verdict is verdict for found in self.findings)
            if count or verdict is Verdict.GENUINE:
                out.write(f"{verdict}: {count}\n")
        if self.passed_over_count:
            more = ", ..." if self.passed_over_count > NAMED else ""
            where = printable(", ".join(self.passed_over))
            out.write(f"no event, passed over: {self.passed_over_count} ({where}{more})\n")
        for line in self._doubts():
            out.write(f"  {printable(line)}\n")
        for note in self.notes:
            out.write(f"note: {printable(note)}\n")

    def _sum(self) -> str:
        if not self.findings:
            return "NOTHING TO CHECK: there is no event in it"
        if self.genuine:
            return "ALL GENUINE"
        proven = any(found.verdict not in (Verdict.GENUINE, Verdict.UNSIGNED) for found in self.findings)
        if proven:
            return "NOT ALL GENUINE: see the lines below"
        return "NOT ALL PROVEN: nothing speaks against it, but no signature covers what the lines below name"

    def _doubts(self) -> Iterator[str]:
        doubtful = [found for found in self.findings if found.verdict is not Verdict.GENUINE]
        for (verdict, why), same in groupby(doubtful, key=lambda found: (found.verdict, found.why)):
            first, *others = same
            what = _named(first)
            if others:
                what += f" to {_named(others[-1])}, {len(others) + 1} in all"
            yield f"{verdict}: {what}: {why}"


def spans(records: Iterable[Record]) -> Iterator[str]:
    """Of each chain: from where to where it was looked at. What stood before and behind, no file can tell."""
    numbers: dict[tuple[str, str], list[int]] = defaultdict(list)
    keys: dict[tuple[str, str], set[str]] = defaultdict(set)
    for record in records:
        numbers[record.gateway, record.epoch].append(record.sequence)
        if record.head is not None:
            keys[record.gateway, record.head.epoch].add(record.head.key_id[:16])
    for (gateway, epoch), sequences in sorted(numbers.items()):
        signed = ", ".join(sorted(keys[gateway, epoch])) or "none in these files"
        yield (
            f"{gateway} epoch {epoch}: events {min(sequences)} to {max(sequences)} were looked at; whether "
            f"there were others before or after, these files cannot tell. Its heads name the keys: {signed}"
        )


def _named(found: Finding) -> str:
    return f"{found.what} ({found.where})" if found.where else found.what


def printable(line: str) -> str:
    """What was read comes from anybody: it must not write lines of its own, or move the cursor."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in line)
