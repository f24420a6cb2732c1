"""``update`` and ``update-piece``: get the missing wheels, then ask root's program to install them.

Root's program installs and tries the release, decides whether it remains, and restarts the agent meanwhile.
The reply follows from root's status file. See docs/design/update.md.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

from edge_agent.commands.action import (
    Action,
    CommandContext,
    CommandFailed,
    CommandRefused,
    CommandSucceeded,
    InProgress,
    always,
    unchanged,
)
from edge_agent.commands.transfer.https import DOWNLOAD_WAIT_S, retry_download
from edge_agent.commands.transfer.wheel_cache import ReleaseManifest, ReleaseWheel, WheelCache, check_pieces
from edge_agent.core.clock import Clock
from edge_agent.core.problems import problem_text
from edge_agent.host.system.root_requests import RootUpdate, UpdateProgressRecord, UpdateResultRecord
from edge_agent.wire import UpdateArguments, UpdatePieceArguments

log = logging.getLogger(__name__)

WITHIN_S = 6 * 3600.0
"""Long enough for a slow link, and for pieces that arrive over hours; the trial itself takes minutes."""
UNHEARD_S = 120.0  # root's program normally reports at once that it has started, or that it is busy


@dataclass(slots=True)
class _Open:
    """The update in progress; there is at most one."""

    context: CommandContext[UpdateArguments]
    manifest: ReleaseManifest
    missing: list[ReleaseWheel]  # wheels that arrive in pieces
    asked_mono: float | None = None  # when root was asked, or last reported that it works
    phase: str = ""  # the last phase that was reported


class UpdateCommands:
    """Commands ``update`` and ``update-piece``: on the dispatcher's threads; ``tick``: on the main thread."""

    def __init__(
        self, root: RootUpdate, inbox: WheelCache, clock: Clock, version: str, wait_s: float = DOWNLOAD_WAIT_S
    ) -> None:
        """``version``: the installed version. ``wait_s``: pause between two download attempts."""
        self._root = root
        self._wheels = inbox
        self._clock = clock
        self._version = version
        self._wait_s = wait_s
        self._lock = threading.RLock()  # protects the fields below, and the cache while an update is open
        self._open: _Open | None = None

    def actions(self) -> Iterator[Action]:
        yield Action("update", self.begin, self.resume, always, slow=True, within_s=WITHIN_S)
        yield Action("update-piece", self.accept_piece)

    # --- update, on the slow thread ---

    def begin(self, context: CommandContext[UpdateArguments]) -> CommandSucceeded | InProgress:
        manifest = ReleaseManifest.of(context.args.manifest)
        if not self._root.is_available:
            raise CommandRefused(problem_text("update-not-set-up"))
        if manifest.version == self._version:
            text = problem_text("release-in-force", version=manifest.version)
            return CommandSucceeded(text, {"version": manifest.version})
        missing = self._missing(context, manifest)  # first: a refused update must not end one that waits
        self._displace_waiting()
        return self._proceed(context, manifest, missing)

    def resume(
        self, context: CommandContext[UpdateArguments]
    ) -> CommandSucceeded | InProgress | CommandFailed:
        """After a restart, mostly because root's program tries the release, return the outcome or go on."""
        manifest, status = ReleaseManifest.of(context.args.manifest), self._root.status()
        if status.last is not None and status.last.id == context.id:
            self._wheels.clear()
            return _outcome(status.last)
        if status.now is not None and status.now.id == context.id:
            with self._lock:
                self._open = _Open(context, manifest, [], self._clock.monotonic(), status.now.phase)
            return InProgress(_progress_text(status.now))
        return self._proceed(context, manifest, self._missing(context, manifest))

    def _displace_waiting(self) -> None:
        """End an update waiting for pieces. Raises CommandRefused if root's program already installs it."""
        with self._lock:
            other = self._open
            if other is None:
                return
            if other.asked_mono is not None:
                under_way = problem_text("update-under-way", command=other.context.id)
                raise CommandRefused(under_way, "busy")
            self._open = None
        other.context.finish(CommandFailed(unchanged(problem_text("update-replaced"))))

    def _missing(
        self, context: CommandContext[UpdateArguments], manifest: ReleaseManifest
    ) -> list[ReleaseWheel]:
        """Return the wheels to get. Raises CommandRefused if the gateway cannot get or store them."""
        missing = [] if self._root.has(manifest.version) else self._wheels.missing(manifest)
        if missing and context.args.url is None:
            check_pieces(missing, context.args.pieces)
        self._wheels.check_free_space(missing)
        return missing

    def _proceed(
        self, context: CommandContext[UpdateArguments], manifest: ReleaseManifest, missing: list[ReleaseWheel]
    ) -> InProgress:
        """Download the missing wheels, or wait for their pieces; then ask root's program to install them."""
        self._wheels.clear(but=manifest.wheels)
        open_ = _Open(context, manifest, missing)
        if missing and context.args.url is None:
            with self._lock:
                self._open = open_
            return InProgress(self._waits_for(open_))
        if missing and not self._fetch(open_):
            return InProgress(problem_text("agent-stops-continues"))
        self._ask(open_)
        return InProgress(problem_text("update-requested", version=manifest.version))

    def _fetch(self, open_: _Open) -> bool:
        """Download the wheels. False: the agent stops. Raises CommandFailed; downloaded data is kept."""
        context, url = open_.context, (open_.context.args.url or "").rstrip("/")
        for count, wheel in enumerate(open_.missing, 1):
            counts = {"number": count, "wheels": len(open_.missing)}
            context.progress(problem_text("update-fetches", **counts, name=wheel.name))
            fetch = partial(self._wheels.fetch, wheel, url, self._root.ca_file, context.stopping)
            if not retry_download(
                fetch, wheel.name, "download-kept", wait_s=self._wait_s, stopping=context.stopping
            ):
                return False
        return True

    def _ask(self, open_: _Open) -> None:
        args = open_.context.args
        try:
            self._root.ask(open_.context.id, args.manifest, args.signature)
        except OSError as error:
            not_asked = problem_text("root-not-asked", error=error.strerror or str(error))
            raise CommandFailed(unchanged(not_asked)) from error
        with self._lock:
            open_.asked_mono = self._clock.monotonic()
            self._open = open_

    # --- update-piece, on the quick thread ---

    def accept_piece(self, context: CommandContext[UpdatePieceArguments]) -> CommandSucceeded:
        """Store a piece, and return which pieces are still missing. Without ``data``, only return that."""
        args = context.args
        with self._lock:
            open_ = self._open
            if open_ is None or open_.context.id != args.update or open_.asked_mono is not None:
                raise CommandRefused(problem_text("update-wants-no-piece", update=args.update))
            try:
                if args.data is not None:
                    self._put(open_, args)
                self._assemble(open_)
                missing = self._pieces_missing(open_)
            except OSError as error:
                not_stored = problem_text("update-piece-not-stored", error=error.strerror or str(error))
                raise CommandFailed(not_stored) from error
            if not missing:
                self._ask(open_)
                open_.context.progress(problem_text("update-requested", version=open_.manifest.version))
            return CommandSucceeded(self._waits_for(open_), {"missing": missing})

    def _put(self, open_: _Open, args: UpdatePieceArguments) -> None:
        wheel = next((each for each in open_.missing if each.name == args.wheel), None)
        if wheel is None or args.index is None or args.data is None:
            raise CommandRefused(problem_text("update-has-wheel", wheel=str(args.wheel)), "bad-arguments")
        pieces = open_.context.args.pieces[wheel.name]
        self._wheels.put(wheel, pieces, args.index, args.data)

    def _assemble(self, open_: _Open) -> None:
        """Assemble wheels with all pieces; those of an attempt that a power cut interrupted count too."""
        for wheel in list(open_.missing):
            pieces = open_.context.args.pieces[wheel.name]
            if not self._wheels.pieces_missing(wheel, pieces) and self._wheels.assemble(wheel, pieces):
                open_.missing.remove(wheel)

    def _pieces_missing(self, open_: _Open) -> dict[str, list[int]]:
        pieces = open_.context.args.pieces
        return {wheel.name: self._wheels.pieces_missing(wheel, pieces[wheel.name]) for wheel in open_.missing}

    def _waits_for(self, open_: _Open) -> str:
        pieces = sum(map(len, self._pieces_missing(open_).values()))
        return problem_text(
            "update-waits", version=open_.manifest.version, pieces=pieces, wheels=len(open_.missing)
        )

    # --- what root reports, on the main thread ---

    def tick(self) -> None:
        """Follow root's progress. Call about once a second."""
        if not self._lock.acquire(blocking=False):
            return  # a piece is being written: try again next time
        try:
            settled = self._poll_root()
        finally:
            self._lock.release()
        if settled is not None:
            context, answer = settled
            context.finish(answer)

    def _poll_root(self) -> tuple[CommandContext[UpdateArguments], CommandSucceeded | CommandFailed] | None:
        """Return the open update's outcome if root's program reported it or is silent. Call with the lock."""
        open_ = self._open
        if open_ is None or open_.asked_mono is None:
            return None
        status, id_ = self._root.status(), open_.context.id
        answer: CommandSucceeded | CommandFailed | None = None
        if status.last is not None and status.last.id == id_:
            answer = _outcome(status.last)
        elif status.now is not None:
            open_.asked_mono = self._clock.monotonic()  # it may be busy with another release first
            if status.now.id == id_ and status.now.phase != open_.phase:
                open_.phase = status.now.phase
                open_.context.progress(_progress_text(status.now))
        elif self._clock.monotonic() - open_.asked_mono > UNHEARD_S:
            self._root.withdraw()
            answer = CommandFailed(problem_text("update-no-answer"))
        if answer is None:
            return None
        self._open = None
        self._wheels.clear()
        return open_.context, answer


def _progress_text(now: UpdateProgressRecord) -> str:
    if now.phase == "trial":
        return problem_text("update-does-trial", version=now.version, until=str(now.until))
    return problem_text(f"update-does-{now.phase}", version=now.version)


def _outcome(last: UpdateResultRecord) -> CommandSucceeded | CommandFailed:
    if last.outcome == "in-force":
        return CommandSucceeded(last.sentence, {"version": last.version})
    return CommandFailed(last.sentence)
