"""``update`` and ``update-piece``: the wheels that are missing come into the inbox, then root is asked.

Root installs, tries and judges, and restarts the agent on the way; the answer comes from what root has told.
See docs/design/update.md.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from edge_agent.commands.action import (
    Action,
    CommandContext,
    CommandFailed,
    CommandRefused,
    CommandSucceeded,
    FunctionAction,
    InProgress,
)
from edge_agent.commands.transfer.wheel_cache import (
    ReleaseManifest,
    ReleaseWheel,
    WheelCache,
    check_pieces,
    pause,
)
from edge_agent.core.clock import Clock
from edge_agent.wire import ARGUMENTS, UpdateArguments, UpdatePieceArguments

log = logging.getLogger(__name__)

WITHIN_S = 6 * 3600.0
"""Over a bad link, with pieces that come when they come; the trial itself takes minutes."""
ATTEMPTS = 5
WAIT_S = 20.0
UNHEARD_S = 120.0
"""Root's path unit answers at once, unless it is busy, which it tells."""


class UpdateProgress(Protocol):
    @property
    def id(self) -> str: ...
    @property
    def version(self) -> str: ...
    @property
    def phase(self) -> str: ...
    @property
    def until(self) -> str | None: ...


class UpdateResult(Protocol):
    @property
    def id(self) -> str: ...
    @property
    def version(self) -> str: ...
    @property
    def outcome(self) -> str: ...
    @property
    def text(self) -> str: ...


class UpdateStatus(Protocol):
    @property
    def now(self) -> UpdateProgress | None: ...
    @property
    def last(self) -> UpdateResult | None: ...


class PrivilegedUpdater(Protocol):
    """Root's program, as far as the agent sees it."""

    @property
    def is_available(self) -> bool: ...
    @property
    def ca_file(self) -> str | None: ...
    def has(self, version: str) -> bool: ...
    def status(self) -> UpdateStatus: ...
    def ask(self, id_: str, manifest: str, signature: str) -> None: ...
    def withdraw(self) -> None: ...


@dataclass(slots=True)
class _Open:
    """The one update that is under way."""

    order: CommandContext[UpdateArguments]
    manifest: ReleaseManifest
    missing: list[ReleaseWheel]  # wheels that are to come in pieces
    asked_mono: float | None = None  # when root was asked
    phase: str = ""  # told last


class UpdateCommands:
    """The actions run on the desk's threads; ``tend`` is for the main one."""

    def __init__(
        self, root: PrivilegedUpdater, inbox: WheelCache, clock: Clock, version: str, wait_s: float = WAIT_S
    ) -> None:
        """``version`` is in force; ``wait_s`` between two attempts at a server."""
        self._root = root
        self._wheels = inbox
        self._clock = clock
        self._version = version
        self._wait_s = wait_s
        self._lock = threading.RLock()  # protects what is below, and the inbox while something is open
        self._open: _Open | None = None

    def actions(self) -> Iterator[Action[Any]]:
        yield FunctionAction(
            "update", ARGUMENTS["update"], self.begin, self.resume, signed=True, slow=True, within_s=WITHIN_S
        )
        yield FunctionAction("update-piece", ARGUMENTS["update-piece"], self.accept_piece)

    # --- update, on the slow thread ---

    def begin(self, order: CommandContext[UpdateArguments]) -> CommandSucceeded | InProgress:
        manifest = ReleaseManifest.of(order.args.manifest)
        if not self._root.is_available:
            raise CommandRefused(
                "this box takes no signed releases: root's program is not set up (role update)"
            )
        if manifest.version == self._version:
            return CommandSucceeded(f"{manifest.version} is in force", {"version": manifest.version})
        missing = self._missing(order, manifest)  # before the other one gives way for it
        self._displace_waiting()
        return self._proceed(order, manifest, missing)

    def resume(self, order: CommandContext[UpdateArguments]) -> CommandSucceeded | InProgress | CommandFailed:
        """After a restart: most often it is root who restarted the agent, to try the release."""
        manifest, told = ReleaseManifest.of(order.args.manifest), self._root.status()
        if told.last is not None and told.last.id == order.id:
            self._wheels.clear()
            return _outcome(told.last)
        if told.now is not None and told.now.id == order.id:
            with self._lock:
                self._open = _Open(order, manifest, [], self._clock.monotonic(), told.now.phase)
            return InProgress(_progress_text(told.now))
        return self._proceed(order, manifest, self._missing(order, manifest))

    def _displace_waiting(self) -> None:
        """Raises ``Refused`` where root is at another one already; one that waits for pieces gives way."""
        with self._lock:
            other = self._open
            if other is None:
                return
            if other.asked_mono is not None:
                raise CommandRefused(f"update {other.order.id} is under way", "busy")
            self._open = None
        other.order.finish(CommandFailed("another update took its place; nothing was changed"))

    def _missing(
        self, order: CommandContext[UpdateArguments], manifest: ReleaseManifest
    ) -> list[ReleaseWheel]:
        """Raises ``Refused`` where the box cannot get or keep them."""
        missing = [] if self._root.has(manifest.version) else self._wheels.missing(manifest)
        if missing and order.args.url is None:
            check_pieces(missing, order.args.pieces)
        self._wheels.check_free_space(missing)
        return missing

    def _proceed(
        self, order: CommandContext[UpdateArguments], manifest: ReleaseManifest, missing: list[ReleaseWheel]
    ) -> InProgress:
        """What the box needs comes, or is waited for; then root is asked."""
        self._wheels.clear(but=manifest.wheels)
        open_ = _Open(order, manifest, missing)
        if missing and order.args.url is None:
            with self._lock:
                self._open = open_
            return InProgress(self._waits_for(open_))
        if missing and not self._fetch(open_):
            return InProgress("the agent stops; it goes on with the next start")
        self._ask(open_)
        return InProgress(f"{manifest.version} is here, root was asked to install it")

    def _fetch(self, open_: _Open) -> bool:
        """False: the agent stops. Raises ``Failed``; what came is kept."""
        order, url = open_.order, (open_.order.args.url or "").rstrip("/")
        for count, wheel in enumerate(open_.missing, 1):
            order.progress(f"fetching {count} of {len(open_.missing)} wheels: {wheel.name}")
            for attempt in range(ATTEMPTS):
                try:
                    if not self._wheels.fetch(wheel, url, self._root.ca_file, order.stopping):
                        return False
                    break
                except OSError as error:
                    if attempt == ATTEMPTS - 1:
                        told = f"{wheel.name} cannot be fetched: {error}; what came is kept"
                        raise CommandFailed(f"{told} for the next update") from error
                    log.info("update: %s: %s, attempt %d", wheel.name, error, attempt + 1)
                    pause(self._wait_s, order.stopping)
        return True

    def _ask(self, open_: _Open) -> None:
        args = open_.order.args
        try:
            self._root.ask(open_.order.id, args.manifest, args.signature)
        except OSError as error:
            raise CommandFailed(
                f"root cannot be asked: {error.strerror or error}; nothing was changed"
            ) from error
        with self._lock:
            open_.asked_mono = self._clock.monotonic()
            self._open = open_

    # --- update-piece, on the quick thread ---

    def accept_piece(self, order: CommandContext[UpdatePieceArguments]) -> CommandSucceeded:
        """``result`` says what is missing still; without ``data`` nothing else is done."""
        args = order.args
        with self._lock:
            open_ = self._open
            if open_ is None or open_.order.id != args.update or open_.asked_mono is not None:
                raise CommandRefused(f"no update {args.update} waits for pieces")
            try:
                if args.data is not None:
                    self._put(open_, args)
                self._assemble(open_)
                missing = self._pieces_missing(open_)
            except OSError as error:
                raise CommandFailed(f"the piece cannot be kept: {error.strerror or error}") from error
            if not missing:
                self._ask(open_)
                open_.order.progress(f"{open_.manifest.version} is here, root was asked to install it")
            return CommandSucceeded(self._waits_for(open_), {"missing": missing})

    def _put(self, open_: _Open, args: UpdatePieceArguments) -> None:
        wheel = next((each for each in open_.missing if each.name == args.wheel), None)
        if wheel is None or args.index is None or args.data is None:
            raise CommandRefused(f"{args.wheel} is not missing", "bad-arguments")
        pieces = open_.order.args.pieces[wheel.name]
        self._wheels.put(wheel, pieces, args.index, args.data)

    def _assemble(self, open_: _Open) -> None:
        """Also what an earlier try has left in pieces: the disk was full, or the power went."""
        for wheel in list(open_.missing):
            pieces = open_.order.args.pieces[wheel.name]
            if not self._wheels.pieces_missing(wheel, pieces) and self._wheels.assemble(wheel, pieces):
                open_.missing.remove(wheel)

    def _pieces_missing(self, open_: _Open) -> dict[str, list[int]]:
        pieces = open_.order.args.pieces
        return {wheel.name: self._wheels.pieces_missing(wheel, pieces[wheel.name]) for wheel in open_.missing}

    def _waits_for(self, open_: _Open) -> str:
        count = sum(map(len, self._pieces_missing(open_).values()))
        return f"{open_.manifest.version} waits for {count} pieces of {len(open_.missing)} wheels"

    # --- what root tells, on the main thread ---

    def tick(self) -> None:
        """About once a second. A piece that is being written holds up nobody here: the next time will do."""
        if not self._lock.acquire(blocking=False):
            return
        try:
            settled = self._poll_root()
        finally:
            self._lock.release()
        if settled is not None:
            order, answer = settled
            order.finish(answer)

    def _poll_root(self) -> tuple[CommandContext[UpdateArguments], CommandSucceeded | CommandFailed] | None:
        """What is settled by what root has told. Under the lock."""
        open_ = self._open
        if open_ is None or open_.asked_mono is None:
            return None
        told, id_ = self._root.status(), open_.order.id
        answer: CommandSucceeded | CommandFailed | None = None
        if told.last is not None and told.last.id == id_:
            answer = _outcome(told.last)
        elif told.now is not None:
            open_.asked_mono = self._clock.monotonic()  # it may be busy with another one first
            if told.now.id == id_ and told.now.phase != open_.phase:
                open_.phase = told.now.phase
                open_.order.progress(_progress_text(told.now))
        elif self._clock.monotonic() - open_.asked_mono > UNHEARD_S:
            self._root.withdraw()
            answer = CommandFailed(
                "root's program does not answer: look at edge-agent-update.path on the box"
            )
        if answer is None:
            return None
        self._open = None
        self._wheels.clear()
        return open_.order, answer


def _progress_text(now: UpdateProgress) -> str:
    if now.phase == "trial":
        return f"{now.version} is on trial until {now.until} at the latest"
    return f"{now.version}: {now.phase}"


def _outcome(last: UpdateResult) -> CommandSucceeded | CommandFailed:
    if last.outcome == "in-force":
        return CommandSucceeded(last.text, {"version": last.version})
    return CommandFailed(last.text)
