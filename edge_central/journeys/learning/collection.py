"""Collects the times of passages from many gateways, a few at a time, in memory only.

Each gateway is asked for one window after the other; a further command for the same window begins where the
last answer stopped. The answers are not trusted: unknown cameras, times outside the window, and answers that
make no progress are dropped. Pure: the caller sends, receives, and supplies the time.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

import msgspec

from edge_agent import wire
from edge_agent.core.clock import rfc3339_of_ms
from edge_agent.wire.passage_times import MAX_TIMES, unpack_rows
from edge_central.console.documents import milliseconds
from edge_central.journeys.learning.gateways import LearningGateway
from edge_central.journeys.learning.samples import WindowMs, WindowRows

AT_ONCE = 16
"""Gateways that are asked at the same time."""
PAUSE_S = 5.0
"""Between two commands to one gateway: its uplink must also send other messages."""
WAIT_S = 900.0
"""How long an answer is awaited, also from a gateway that is hot or has used up its budget."""
MAX_ROWS = 60_000
"""Limit for the rows of one gateway, 640 kB. Windows that do not fit are left out."""
BYTES_A_ROW = 8 * 4 / 3
FINAL = frozenset({"succeeded", "failed", "rejected", "expired"})
MAX_WHY = 200


@dataclass(frozen=True, slots=True)
class TimesRequest:
    """A command ``passage-times`` to send."""

    id: str
    gateway: LearningGateway
    from_ms: int
    to_ms: int


@dataclass
class _Progress:
    """The progress of one gateway."""

    gateway: LearningGateway
    windows: deque[WindowMs]
    from_ms: int = 0
    asked: int = 0
    request: TimesRequest | None = None  # the command that waits for its final answer
    until_mono: float = 0.0  # end of the wait for an answer, or of the pause before the next command
    found: list[WindowRows] = field(default_factory=list)  # answers to the present window
    complete: dict[WindowMs, list[WindowRows]] = field(default_factory=dict)
    rows: int = 0
    bytes: int = 0
    why: str = ""  # why it gave no more rows


class TimesCollection:
    """The collection of one run. Not thread-safe."""

    def __init__(
        self,
        gateways: Sequence[LearningGateway],
        windows: Sequence[WindowMs],
        run: str,
        *,
        pause_s: float = PAUSE_S,
        wait_s: float = WAIT_S,
    ) -> None:
        """``run`` is the prefix of the command ids; the caller gives a new one for each run."""
        self._run = run
        self._pause_s, self._wait_s = pause_s, wait_s
        self._all = {each.id: _Progress(each, deque(windows)) for each in gateways}
        for progress in self._all.values():
            progress.from_ms = windows[0][0]
        self._waiting = deque(self._all.values())
        self._asked: dict[str, _Progress] = {}

    @property
    def done(self) -> bool:
        return not self._waiting and not self._asked

    def due(self, mono: float) -> list[TimesRequest]:
        """Return the commands to send now."""
        while self._waiting and len(self._asked) < AT_ONCE:
            progress = self._waiting.popleft()
            self._asked[progress.gateway.id] = progress
        found = []
        for progress in self._asked.values():
            if progress.request is None and mono >= progress.until_mono:
                progress.asked += 1
                id_ = f"{self._run}-{progress.gateway.id}-{progress.asked}"
                to_ms = progress.windows[0][1]
                progress.request = TimesRequest(id_, progress.gateway, progress.from_ms, to_ms)
                progress.until_mono = mono + self._wait_s
                found.append(progress.request)
        return found

    def expire(self, mono: float) -> None:
        """Give up on gateways that have not answered in time."""
        for progress in list(self._asked.values()):
            if progress.request is not None and mono >= progress.until_mono:
                self._end(progress, f"no answer for {self._wait_s:.0f} s")

    def receive(self, gateway: str, payload: bytes, mono: float) -> None:
        """Handle a reply of a gateway; replies to other commands are ignored."""
        progress = self._asked.get(gateway)
        if progress is None or progress.request is None:
            return
        try:
            reply = msgspec.json.decode(payload, type=wire.Reply)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return
        if reply.id != progress.request.id:
            return
        progress.bytes += len(payload)
        if reply.status not in FINAL:
            return
        if reply.status != "succeeded":
            self._end(progress, f"{reply.status}: {reply.text}"[:MAX_WHY])
            return
        self._add(progress, progress.request, reply, mono)

    def _add(self, progress: _Progress, request: TimesRequest, reply: wire.Reply, mono: float) -> None:
        try:
            found = msgspec.convert(reply.result, wire.PassageTimes)
            rows = list(_rows(found, request))
        except ValueError:  # includes msgspec.ValidationError
            self._end(progress, "its answer cannot be read")
            return
        progress.found += rows
        progress.rows += sum(len(each.starts) for each in rows)
        progress.request, progress.until_mono = None, mono + self._pause_s
        next_ms = None if found.continues_at is None else milliseconds(found.continues_at)
        if next_ms is None or next_ms > request.to_ms:
            progress.complete[progress.windows.popleft()] = progress.found
            progress.found = []
            next_ms = progress.windows[0][0] if progress.windows else 0
        elif next_ms <= request.from_ms:
            self._end(progress, "its answers do not get on")
            return
        progress.from_ms = next_ms
        if not progress.windows:
            self._end(progress, "")
        elif progress.rows >= MAX_ROWS:
            self._end(progress, f"more than {MAX_ROWS} passages")

    def _end(self, progress: _Progress, why: str) -> None:
        progress.why, progress.request, progress.found = why, None, []
        del self._asked[progress.gateway.id]

    # --- what came of it ---

    def complete(self, gateway: str) -> dict[WindowMs, list[WindowRows]]:
        """Return the windows that a gateway has answered completely, with its passages in each."""
        return self._all[gateway].complete

    def summary(self) -> list[tuple[LearningGateway, int, int, str]]:
        """Return for each gateway: number of passages, bytes of its replies, and why some passages are
        missing."""
        return [(each.gateway, each.rows, each.bytes, each.why) for each in self._all.values()]


def _rows(found: wire.PassageTimes, request: TimesRequest) -> list[WindowRows]:
    """Return the rows of an answer. Raises ValueError for content that no correct gateway sends."""
    if sum(len(each.rows) for each in found.cameras) > MAX_TIMES * BYTES_A_ROW + 4 * len(found.cameras):
        raise ValueError("too many rows")
    own = set(request.gateway.cameras)
    return [
        WindowRows.of(each.camera, unpack_rows(each.rows), request.from_ms, request.to_ms)
        for each in found.cameras
        if each.camera in own
    ]


def arguments(request: TimesRequest, purpose: str, case: str, asked_by: str) -> dict[str, object]:
    """Return the arguments of the command."""
    return {
        "purpose": purpose,
        "case": case,
        "from_at": rfc3339_of_ms(request.from_ms),
        "to_at": rfc3339_of_ms(request.to_ms),
        "wards": [request.gateway.ward],
        "asked_by": asked_by,
    }
