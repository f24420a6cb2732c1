"""The output of ``edge-agent evidence verify``: the result first, then what is not genuine and why."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any, TextIO

from edge_agent.core.command_line.exit_codes import EX_FAILED, EX_INCOMPLETE, EX_OK
from edge_agent.core.printable import printable
from edge_agent.evidence.chain.links import epoch_joins
from edge_agent.evidence.chain.records import Record
from edge_agent.evidence.chain.verify import VerificationFinding, VerificationVerdict

MAX_NAMED = 3  # number of skipped lines and gateways that are named
FINE = (VerificationVerdict.GENUINE, VerificationVerdict.CONSISTENT)


@dataclass(slots=True)
class VerificationReport:
    """The result of a verification."""

    findings: list[VerificationFinding] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    uncovered: list[str] = field(default_factory=list)  # files that no signature covers
    gateways: set[str] = field(default_factory=set)  # the gateways that the events name as their source
    passed_over: list[str] = field(default_factory=list)  # the first skipped lines
    passed_over_count: int = 0

    @property
    def genuine(self) -> bool:
        """Whether there are events, all are genuine, and a signature covers all files."""
        return self._only(VerificationVerdict.GENUINE) and not self.uncovered

    @property
    def exit_code(self) -> int:
        """The exit code. 0: all genuine. 3: all consistent, not all covered by a known key. 1: otherwise."""
        if self.genuine:
            return EX_OK
        return EX_INCOMPLETE if self._only(*FINE) else EX_FAILED

    def _only(self, *verdicts: VerificationVerdict) -> bool:
        return bool(self.findings) and all(found.verdict in verdicts for found in self.findings)

    def pass_over(self, where: str) -> None:
        """Count a line that is no event, and that was no event before a possible alteration either."""
        self.passed_over_count += 1
        if len(self.passed_over) < MAX_NAMED:
            self.passed_over.append(where)

    def write(self, out: TextIO) -> None:
        """Write the result, a count per verdict, and what is not genuine; equal neighbours share a line."""
        out.write(f"RESULT: {self._sum()}\n")
        if self.gateways:
            hidden = len(self.gateways) - MAX_NAMED
            more = f" and {hidden} more" if hidden > 0 else ""
            out.write(f"events of: {printable(', '.join(sorted(self.gateways)[:MAX_NAMED]))}{more}\n")
        for verdict in VerificationVerdict:
            count = sum(found.verdict is verdict for found in self.findings)
            if count or verdict is VerificationVerdict.GENUINE:
                out.write(f"{verdict}: {count}\n")
        if self.passed_over_count:
            more = ", ..." if self.passed_over_count > MAX_NAMED else ""
            where = printable(", ".join(self.passed_over))
            out.write(f"no event, passed over: {self.passed_over_count} ({where}{more})\n")
        for file in self.uncovered:
            out.write(f"no signature covers: {printable(file)}\n")
        for line in self._doubts():
            out.write(f"  {printable(line)}\n")
        for note in self.notes:
            out.write(f"note: {printable(note)}\n")

    def as_json(self) -> dict[str, Any]:
        """Return the report for ``--json``, with all findings, also the genuine ones."""
        return {
            "result": self._sum(),
            "genuine": self.genuine,
            "gateways": sorted(self.gateways),
            "findings": [
                {"verdict": each.verdict.value, "what": each.what, "why": each.why, "where": each.where}
                for each in self.findings
            ],
            "uncovered_files": self.uncovered,
            "lines_without_event": self.passed_over_count,
            "notes": self.notes,
        }

    def _sum(self) -> str:
        if not self.findings:
            return "NOTHING TO CHECK: there is no event in it"
        if self.genuine:
            return "ALL GENUINE"
        if self._only(VerificationVerdict.GENUINE):
            return (
                "EVENTS AND MEDIA GENUINE, NOT ALL COVERED: whoever had the bundle may have written the rest"
            )
        if self._only(*FINE):
            return (
                "CONSISTENT, NOT CHECKED AGAINST A KNOWN KEY: give the gateway's key as the centre has it, "
                "--gateway-key GATEWAY=PUBLIC.pem"
            )
        if not self._only(*FINE, VerificationVerdict.UNSIGNED):
            return "NOT ALL GENUINE: see the lines below"
        return "NOT ALL PROVEN: nothing speaks against it, but no signature covers what the lines below name"

    def _doubts(self) -> Iterator[str]:
        doubtful = [found for found in self.findings if found.verdict not in FINE]
        for (verdict, why), same in groupby(doubtful, key=lambda found: (found.verdict, found.why)):
            first, *others = same
            what = _named(first)
            if others:
                what += f" to {_named(others[-1])}, {len(others) + 1} in all"
            yield f"{verdict}: {what}: {why}"


def spans(records: Collection[Record]) -> Iterator[str]:
    """Yield the first and last event of each chain. The files cannot show events before or after."""
    numbers: dict[tuple[str, str], list[int]] = defaultdict(list)
    keys: dict[tuple[str, str], set[str]] = defaultdict(set)
    for record in records:
        numbers[record.gateway, record.epoch].append(record.sequence)
        if record.head is not None:
            keys[record.gateway, record.head.epoch].add(record.head.key_id[:16])
    before = {(first.gateway, first.epoch): last for first, last in epoch_joins(records)}
    for (gateway, epoch), sequences in sorted(numbers.items()):
        signed = ", ".join(sorted(keys[gateway, epoch])) or "none in these files"
        yield (
            f"{gateway} epoch {epoch}: events {min(sequences)} to {max(sequences)} were looked at; whether "
            f"there were others before or after, these files cannot tell. Its heads name the keys: {signed}"
        )
        if (last := before.get((gateway, epoch))) is not None:
            yield f"{gateway} epoch {epoch} is chained to {last.id}: one chain"


def _named(found: VerificationFinding) -> str:
    return f"{found.what} ({found.where})" if found.where else found.what
