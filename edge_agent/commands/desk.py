"""Takes commands, rejects or journals them, has them done, and answers. See docs/design/commands.md."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import msgspec
from msgspec import Struct

from edge_agent.clock import Clock, rfc3339
from edge_agent.commands import signature
from edge_agent.commands.action import Action, Failed, Handed, Order, Outcome, Refused
from edge_agent.commands.document import TOLERANCE, Document, arguments, id_in, parse
from edge_agent.commands.journal import Entry, Journal
from edge_agent.commands.replies import Replies
from edge_agent.commands.signature import Operators
from edge_agent.loop import Loop
from edge_agent.secrets import masked
from edge_agent.wire import CommandsHealth, Reply, ReplyStatus

log = logging.getLogger(__name__)

MOST_OPEN = 16
MOST_ARRIVED = 32
"""Messages that nobody has looked at yet; the broker keeps what finds no room."""
LARGEST_RESULT = 64_000
LONGEST_TEXT = 2000
PATIENCE_S = 10.0
HANGS_AFTER_S = 60.0
"""An action that is so much later than it may be hangs, and the agent with it."""
ANSWERED_REJECTIONS, WITHIN_S = 60, 60.0
"""More than that are a flood: they are counted, and cost the uplink nothing."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """A message on ``down/cmd/<type>``, as it came. ``taken`` tells the broker that it is ours now."""

    type: str
    payload: bytes
    taken: Callable[[], None]
    until_mono: float | None = None  # the message's own expiry


@dataclass(slots=True)
class _Open:
    """A command that is not done."""

    entry: Entry
    action: Action[Any]
    args: Struct
    until_mono: float | None = None
    resumed: bool = False
    late_mono: float | None = None  # when it will have taken too long; None: not begun
    closed: bool = False


@dataclass(slots=True)
class _Figures:
    """For health."""

    unanswerable: int = 0
    rejected: int = 0
    rejections_mono: deque[float] = field(default_factory=lambda: deque(maxlen=ANSWERED_REJECTIONS))


class Desk:
    """``take`` is for the publisher's thread, ``tend`` for the main one; actions run on the ``loops``."""

    def __init__(
        self,
        gateway: str,
        journal: Journal,
        operators: Operators,
        *,
        clock: Clock,
        synced: Callable[[], bool],
        session: Callable[[], str],
        wake: Callable[[], None],
    ) -> None:
        """``synced``: the clock is right; ``session``: of the broker; ``wake`` who sends the ``replies``."""
        self.actions: dict[str, Action[Any]] = {}
        self.replies = Replies(wake, self._note_sent)
        self.loops = (
            Loop("commands", partial(self._work, slow=False)),
            Loop("commands-slow", partial(self._work, slow=True)),
        )
        self._gateway = gateway
        self._journal = journal
        self._operators = operators
        self._clock = clock
        self._synced = synced
        self._session = session
        self._stopping = threading.Event()
        self._news = threading.Condition()  # protects the three below
        self._arrived: deque[Arrival] = deque()
        self._sent: deque[Reply] = deque()
        self._waiting: dict[bool, deque[_Open]] = {False: deque(), True: deque()}  # by ``slow``
        self._lock = threading.RLock()  # protects the journal and what is below
        self._open: dict[str, _Open] = {}
        self._figures = _Figures()

    def register(self, actions: Iterable[Action[Any]]) -> None:
        """Before the start."""
        self.actions.update((action.name, action) for action in actions)

    # --- any thread ---

    def start(self) -> None:
        """Go on with what was not done when the agent ended."""
        with self._lock:
            for entry in self._journal.open():
                self._take_up(entry)
        for loop in self.loops:
            loop.start()

    def stop(self) -> None:
        """Ask for the end; does not wait."""
        self._stopping.set()
        for loop in self.loops:
            loop.stop()
        with self._news:
            self._news.notify_all()

    def join(self, timeout_s: float) -> None:
        for loop in self.loops:
            loop.join(timeout_s)

    def take(self, arrival: Arrival) -> None:
        """Returns at once; what finds no room is not ``taken``, and comes again with the next session."""
        with self._news:
            if len(self._arrived) >= MOST_ARRIVED:
                log.warning("commands: they come faster than they are read; one is left with the broker")
                return
            self._arrived.append(arrival)
            self._news.notify_all()

    def tend(self) -> None:
        """Answer for what takes too long."""
        now = self._clock.monotonic()
        with self._lock:
            for open_ in list(self._open.values()):
                if open_.late_mono is not None and now > open_.late_mono:
                    text = (
                        f"it has taken more than {open_.action.within_s:.0f} s; what comes of it is not told"
                    )
                    self._close(open_, "failed", "timed-out", text)

    def health(self) -> CommandsHealth:
        return CommandsHealth(
            waiting=len(self._open),
            rejected=self._figures.rejected,
            unanswerable=self._figures.unanswerable,
            degraded=self._journal.trouble,
        )

    # --- the threads ``commands`` and ``commands-slow`` ---

    def _work(self, loop: Loop, slow: bool) -> None:
        while not loop.stopping:
            loop.beat()
            job = self._next_job(slow)
            match job:
                case Arrival():
                    self._look_at(job)
                case Reply():
                    self._keep_sent(job)
                case _Open():
                    allowed_s, loop.max_silence_s = loop.max_silence_s, job.action.within_s + HANGS_AFTER_S
                    try:
                        self._do(job)
                    finally:
                        loop.beat()
                        loop.max_silence_s = allowed_s

    def _next_job(self, slow: bool) -> Arrival | Reply | _Open | None:
        """Messages are looked at by the quick thread, between two actions."""
        sources: tuple[deque[Any], ...] = (self._waiting[slow],)
        if not slow:
            sources = (self._arrived, self._sent, *sources)
        with self._news:
            self._news.wait_for(lambda: self._stopping.is_set() or any(sources), PATIENCE_S)
            return next(
                (source.popleft() for source in sources if source and not self._stopping.is_set()), None
            )

    def _wait(self, open_: _Open) -> None:
        with self._news:
            self._waiting[open_.action.slow].append(open_)
            self._news.notify_all()

    # --- what arrives ---

    def _look_at(self, arrival: Arrival) -> None:
        """Never raises: whatever it is, it is taken, and answered if it has an id."""
        is_signed = signature.looks_signed(arrival.payload)
        id_ = id_in(signature.payload_of(arrival.payload) if is_signed else arrival.payload)
        try:
            self._accept(arrival, is_signed)
        except Refused as error:
            self._reject(id_, arrival.type, error)
        except Exception:
            log.exception("commands: a message of type %.63r could not be looked at", arrival.type)
            self._reject(id_, arrival.type, Refused("the gateway failed at reading it", "malformed"))
        finally:
            arrival.taken()

    def _accept(self, arrival: Arrival, is_signed: bool) -> None:
        """Raises ``Refused``, and then nothing has changed."""
        signed = self._operators.open(arrival.payload) if is_signed else None
        document = parse(arrival.payload if signed is None else signed.document)
        if document.gateway != self._gateway:
            raise Refused(f"this is gateway {self._gateway}, not {document.gateway}", "wrong-gateway")
        action = self.actions.get(arrival.type)
        if action is None:
            raise Refused(
                f"this gateway obeys no such type; it knows: {', '.join(self.actions)}", "unknown-type"
            )
        if document.type != arrival.type:
            raise Refused(f"a document of type {document.type} came as {arrival.type}", "malformed")
        args = arguments(action.arguments, document.args)
        if signed is None and action.needs_signature(args):
            raise Refused(f"{action.name} has to be signed by an operator", "unsigned")
        with self._lock:
            if not self._is_repeat(document):
                entry = self._entry(document, None if signed is None else signed.by)
                self._check_time(entry, action, args, arrival.until_mono)
                self._begin(_Open(entry, action, args, arrival.until_mono))

    def _is_repeat(self, document: Document) -> bool:
        """Then it has its last answer again."""
        digest = self._journal.digest(document.id)
        if digest is None:
            return False
        if digest not in ("", document.digest):
            raise Refused(f"the id {document.id} was used by another document", "id-reused")
        open_ = self._open.get(document.id)
        entry = self._journal.read(document.id) if open_ is None else open_.entry
        if entry is None:
            text = "it was obeyed before; what came of it is not known any more"
            reply = self._reply(document.id, document.type, "failed", "interrupted", text)
        else:
            reply = entry.reply
        log.info("command %s: came again, answered as before", document.id)
        self.replies.put(reply)
        return True

    def _check_time(self, entry: Entry, action: Action[Any], args: Struct, until_mono: float | None) -> None:
        """Raises ``Refused`` unless its time is now, as far as the clock can tell."""
        if until_mono is not None and self._clock.monotonic() > until_mono:
            raise Refused("its message had expired before it could be obeyed", "expired")
        if not self._synced():
            if entry.signed_by is not None or action.needs_signature(args):
                text = "the clock of the box is not synchronised: nobody can say whether this has expired"
                raise Refused(text, "clock-not-synchronised")
            return
        now = self._clock.now()
        if now > entry.expires:
            raise Refused(f"it expired at {rfc3339(entry.expires)}", "expired")
        if entry.issued > now + TOLERANCE:
            raise Refused(f"it is not valid before {rfc3339(entry.issued)}", "not-yet-valid")

    def _begin(self, open_: _Open) -> None:
        """Journal it, then it waits for its turn. Raises ``Refused``."""
        entry = open_.entry
        now = self._clock.now() if self._synced() else None
        if len(self._open) >= MOST_OPEN:
            raise Refused(f"{MOST_OPEN} commands are not done yet; send it again later", "busy")
        if not self._journal.has_room(entry.signed_by is not None, now):
            raise Refused("too many commands have come in the last days; send it again later", "busy")
        if not self._journal.write(entry) and not _may_do_unwritten(open_.action):
            self._journal.drop(entry.id)
            raise Refused("the box cannot write down that it has obeyed this: its disk is full or read-only")
        log.info("command %s: %s accepted%s", entry.id, entry.type, _by(entry))
        self._open[entry.id] = open_
        self.replies.put(entry.reply)
        self._wait(open_)

    def _take_up(self, entry: Entry) -> None:
        """What was left over by the agent that ended."""
        if entry.step == "done":
            self.replies.put(entry.reply)
            return
        action = self.actions.get(entry.type)
        try:
            if action is None:
                raise Refused(f"this version obeys no {entry.type}")
            args = arguments(action.arguments, entry.args or {})
        except Refused as error:
            self._finish(
                entry, "failed", "interrupted", f"the agent was restarted before it was done: {error}"
            )
            return
        open_ = _Open(entry, action, args, resumed=entry.step == "running")
        self._open[entry.id] = open_
        self._wait(open_)

    def _reject(self, id_: str | None, type_: str, error: Refused) -> None:
        figures, now = self._figures, self._clock.monotonic()
        if id_ is None:
            figures.unanswerable += 1
            level = (
                logging.WARNING if figures.unanswerable & (figures.unanswerable - 1) == 0 else logging.DEBUG
            )
            log.log(level, "commands: message %d without an id: %.200s", figures.unanswerable, error)
            return
        figures.rejected += 1
        recent = figures.rejections_mono
        if len(recent) == ANSWERED_REJECTIONS and now - recent[0] < WITHIN_S:
            log.debug("command %s: refused, and one of too many to answer: %s", id_, error)
            return
        recent.append(now)
        status: ReplyStatus = "expired" if error.code == "expired" else "rejected"
        log.warning("command %s: %s: %.200s", id_, error.code, error)
        self.replies.put(self._reply(id_, type_, status, error.code, str(error)))

    # --- what is done ---

    def _do(self, open_: _Open) -> None:
        if open_.closed or not self._may_start(open_):
            return
        try:
            self._settle(open_, self._perform(open_))
        except (Refused, Failed) as error:
            self._settle(open_, error)
        except Exception:
            log.exception("command %s: %s failed", open_.entry.id, open_.entry.type)
            self._settle(open_, Failed("the gateway failed at it; its log says more"))

    def _may_start(self, open_: _Open) -> bool:
        """Journal that it is begun, unless its time is over by now."""
        with self._lock:
            try:
                if not open_.resumed:
                    self._check_time(open_.entry, open_.action, open_.args, open_.until_mono)
                entry = msgspec.structs.replace(
                    open_.entry,
                    step="running",
                    reply=self._reply_to(open_, "running", "ok", "it is being done"),
                )
                if not self._journal.write(entry) and not _may_do_unwritten(open_.action):
                    raise Refused(
                        "the box cannot write down that it is obeyed: its disk is full or read-only"
                    )
            except Refused as error:
                self._settle(open_, error)
                return False
            open_.entry = entry
            open_.late_mono = self._clock.monotonic() + open_.action.within_s
            self.replies.put(entry.reply)
            return True

    def _perform(self, open_: _Open) -> Outcome | Handed | Failed:
        order = Order(
            id=open_.entry.id,
            args=open_.args,
            signed_by=open_.entry.signed_by,
            progress=partial(self._progress, open_),
            finish=partial(self._settle, open_),
            stopping=self._stopping.is_set,
        )
        return open_.action.resume(order) if open_.resumed else open_.action.run(order)

    def _progress(self, open_: _Open, text: str) -> None:
        with self._lock:
            if not open_.closed:
                reply = self._reply_to(open_, "running", "ok", text)
                open_.entry = msgspec.structs.replace(open_.entry, reply=reply)
                self.replies.put(reply)

    def _settle(self, open_: _Open, outcome: Outcome | Handed | Failed | Refused) -> None:
        match outcome:
            case Handed(text):
                self._progress(open_, text)
            case Outcome(text, result):
                self._close(open_, "succeeded", "ok", text, dict(result))
            case Refused():
                status: ReplyStatus = "expired" if outcome.code == "expired" else "rejected"
                self._close(open_, status, outcome.code, str(outcome))
            case Failed():
                self._close(open_, "failed", outcome.code, str(outcome))

    def _close(
        self, open_: _Open, status: ReplyStatus, code: str, text: str, result: dict[str, Any] | None = None
    ) -> None:
        with self._lock:
            if open_.closed:
                log.info("command %s: %s, too late to be told: %.200s", open_.entry.id, status, text)
                return
            open_.closed = True
            self._open.pop(open_.entry.id, None)
            self._finish(open_.entry, status, code, text, result)

    def _finish(
        self, entry: Entry, status: ReplyStatus, code: str, text: str, result: dict[str, Any] | None = None
    ) -> None:
        reply = self._reply(entry.id, entry.type, status, code, text, result)
        log.info("command %s: %s %s: %.200s", entry.id, entry.type, status, reply.text)
        self._journal.write(msgspec.structs.replace(entry, step="done", reply=reply, args=None))
        self.replies.put(reply)

    # --- answers ---

    def _note_sent(self, reply: Reply) -> None:
        """On the publisher's thread, which must not wait for a disk."""
        with self._news:
            self._sent.append(reply)
            self._news.notify_all()

    def _keep_sent(self, reply: Reply) -> None:
        with self._lock:
            if self._journal.digest(reply.id) is None or reply.id in self._open:
                return
            entry = self._journal.read(reply.id)
            if entry is not None and entry.step == "done" and not entry.sent and entry.reply == reply:
                self._journal.write(msgspec.structs.replace(entry, sent=True))

    def _entry(self, document: Document, signed_by: str | None) -> Entry:
        return Entry(
            id=document.id,
            type=document.type,
            digest=document.digest,
            issued=document.issued,
            expires=document.expires,
            received=self._clock.now(),
            signed_by=signed_by,
            step="accepted",
            reply=self._reply(document.id, document.type, "accepted", "ok", "it waits for its turn"),
            args=document.args,
        )

    def _reply_to(self, open_: _Open, status: ReplyStatus, code: str, text: str) -> Reply:
        return self._reply(open_.entry.id, open_.entry.type, status, code, text)

    def _reply(
        self,
        id_: str,
        type_: str,
        status: ReplyStatus,
        code: str,
        text: str,
        result: dict[str, Any] | None = None,
    ) -> Reply:
        if result and len(msgspec.json.encode(result)) > LARGEST_RESULT:
            log.error("command %s: its result is larger than %d bytes and left out", id_, LARGEST_RESULT)
            result = None
        return Reply(
            id=id_,
            type=type_ if type_ in self.actions else "unknown",
            gateway=self._gateway,
            session=self._session(),
            time=rfc3339(self._clock.now()),
            status=status,
            code=code,
            text=masked(text)[:LONGEST_TEXT],
            result=result or {},
        )


def _may_do_unwritten(action: Action[Any]) -> bool:
    """Where the disk is broken a status, and a reboot, are wanted most of all."""
    return bool(getattr(action, "may_be_unwritten", False))


def _by(entry: Entry) -> str:
    return "" if entry.signed_by is None else f", signed by {entry.signed_by[:16]}"
