"""Collects frames for training on a signed command: seals, stores, sends and deletes them.

The cameras' threads offer frames; copies of selected ones go through a bounded queue to the thread
``collect``, which seals and stores them. Unsealed frames are never written to the disk.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import queue
import secrets
import threading
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path

import msgspec

from edge_agent.collection.files import EXPORTED, FILE, Collection, ExportNote, StopReason, with_note
from edge_agent.collection.offers import FrameCandidate, FrameOffers, FrameSelection, OfferingStage
from edge_agent.config.model.settings import Camera, Settings, SnapshotPolicy, Storage
from edge_agent.core.clock import Clock, resumed_until_mono, rfc3339
from edge_agent.core.delivery import Media
from edge_agent.core.errors import EdgeAgentError, StorageError
from edge_agent.core.facts import RequestOrigin
from edge_agent.core.model import Severity
from edge_agent.core.problems import error_text, problem_text
from edge_agent.core.state_file import read_record, write_record
from edge_agent.core.worker import SupervisedThread
from edge_agent.events import EventFactory
from edge_agent.evidence.jpeg import encode_at
from edge_agent.evidence.media_index import MediaName
from edge_agent.evidence.seal import seal
from edge_agent.evidence.store import MediaStore
from edge_agent.outbox import EventOutbox
from edge_agent.pipeline import EvidenceStage
from edge_agent.wire import CollectArguments, CollectionHealth, UplinkHealth

log = logging.getLogger(__name__)

FOLDER = "collect"
JPEG_QUALITY = 85
MAX_FRAME_BYTES = 1_500_000  # the broker accepts messages of 2 MiB
REVIEW_EVERY_S = 30.0  # how often the thread checks the disk, and sends one frame
SAVE_EVERY_S = 600.0
MAX_SILENCE_S = 120.0
"""Longest time between two signs of life of the thread: one sync of a worn SD card may take a minute."""
BACKLOG_S = 60.0
BUDGET_SHARE = 0.8
"""Frames are sent only while the forecast of the billing period is below this share of the budget."""


class Collector:
    """Runs the collection of one gateway. A command's thread calls ``begin`` and ``end``, any thread
    ``health``; everything else runs on the thread ``collect``."""

    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        clock_synced: Callable[[], bool],
        events: EventFactory,
        outbox: EventOutbox,
        *,
        clock_steady: Callable[[], bool],
        online: Callable[[], bool],
        uplink: Callable[[], UplinkHealth],
    ) -> None:
        """Does not use the disk; ``restore`` does."""
        self._collect = collect = settings.collect
        self._key = collect.seal_to or settings.storage.seal_to
        self._keep_free = settings.storage.keep_free
        self._folder = settings.state_dir / FOLDER
        storage = Storage(collect.max_bytes, collect.keep_days, self._keep_free)
        self._store = MediaStore(self._folder, storage, clock, clock_steady, log_name="collect")
        self._offers = FrameOffers(settings.gateway.id, clock_synced)
        self._clock = clock
        self._events = events
        self._outbox = outbox
        self._online = online
        self._uplink = uplink
        self._lock = threading.Lock()  # protects the fields below, and the record's file
        self._record: Collection | None = None  # replaced, never changed
        self._left = 0  # frames on the disk
        self._paused: str | None = None
        self._until_mono = self._saved_mono = self._review_mono = 0.0
        self.loop = SupervisedThread("collect", self._run, max_silence_s=MAX_SILENCE_S)

    # --- start ---

    def restore(self) -> bool:
        """Continue the collection of an earlier run. False: there is nothing to do for ``loop``."""
        if not self._collect.allow and not os.path.lexists(self._folder):
            return False
        try:
            self._folder.mkdir(mode=0o750, parents=True, exist_ok=True)
        except OSError as error:
            log.warning("collect: %s cannot be created (%s)", self._folder, error.strerror)
        self._store.open()
        with self._lock:
            self._record = record = read_record(self._folder / FILE, Collection)
            if record is not None:
                self._until_mono = resumed_until_mono(self._clock, record.until, record.left_s)
                if record.state == "taking" and self.refusal() is None:
                    self._take(record)
        return True

    def observing(self, camera: Camera, pictures: EvidenceStage) -> EvidenceStage:
        """Return a stage that passes frames to ``pictures`` and offers them to the collection; ``pictures``
        itself if this camera may not be collected."""
        if not self._collect.allow or camera.report.snapshots is SnapshotPolicy.NONE:
            return pictures
        return OfferingStage(camera, pictures, self._offers)

    # --- for the command, and health ---

    def refusal(self) -> str | None:
        """Return why this gateway may not collect frames; None: it may."""
        if not self._collect.allow:
            return "collect.allow is false in the configuration of this gateway"
        if self._key is None:
            return "there is no key of the centre to seal to (collect.seal_to or storage.seal_to)"
        return None

    def storage_problem(self) -> str | None:
        """Return why no frame can be stored now; None: it can."""
        health = self._store.health()
        if health.degraded is not None:
            return health.degraded
        if health.bytes + MAX_FRAME_BYTES > self._collect.max_bytes:
            return problem_text("collection-used-up", bytes=self._collect.max_bytes)
        try:
            disk = os.statvfs(self._folder)
        except OSError as error:
            return problem_text("collection-folder", folder=str(self._folder), error=str(error.strerror))
        free = disk.f_bavail * disk.f_frsize
        if free < self._keep_free + MAX_FRAME_BYTES:
            sizes = {"free_mb": free // 1_000_000, "keep_free_mb": self._keep_free // 1_000_000}
            return problem_text("collection-disk-short", **sizes)
        return None

    @property
    def record(self) -> Collection | None:
        """The collection that runs or still has frames on the disk; None: there is none."""
        return self._record

    def begin(self, cameras: Sequence[str], args: CollectArguments, by: RequestOrigin) -> Collection | None:
        """Start a collection, and report it before the first frame is taken. None: the disk failed and
        nothing started."""
        now = self._clock.now()
        record = Collection(
            event_id=f"collect-{secrets.token_hex(8)}",
            command_id=by.command_id or "",
            signed_by=by.signed_by,
            cameras=list(cameras),
            frames=args.frames,
            per_hour=args.per_hour,
            for_s=args.for_s,
            send=args.send,
            started_at=rfc3339(now),
            until=now + timedelta(seconds=args.for_s),
            left_s=args.for_s,
        )
        with self._lock:
            self._until_mono = self._clock.monotonic() + args.for_s
            if not self._save(record):
                self._record = None
                return None
            self._left = 0
            self._report_state()
            self._take(record)
        return record

    def end(self, *, delete: bool) -> None:
        """End the collection; ``delete`` deletes the frames on the disk. Raises ``StorageError``."""
        with self._lock:
            self._stop_taking("command")
            if delete:
                for path in self._store.files():  # also those of a collection whose record was lost
                    self._store.discard(path)
            if delete and self._record is not None:
                self._review(self._record)

    def health(self) -> CollectionHealth | None:
        record = self._record
        if record is None or record.state == "gone":
            return None
        return CollectionHealth(
            event_id=record.event_id,
            state=record.state,
            cameras=record.cameras,
            wanted=record.frames,
            frames=record.taken_in_all,
            sent=record.sent,
            left=self._left,
            bytes=self._store.health().bytes,
            until=rfc3339(record.until),
            paused=self._paused,
        )

    # --- the thread ---

    def _run(self, loop: SupervisedThread) -> None:
        while not loop.stopping:
            loop.beat()
            self.run_once(1.0)

    def run_once(self, timeout_s: float) -> None:
        """Store the next frame, if one comes within ``timeout_s``, and do the periodic work."""
        try:
            candidate = self._offers.candidates.get(timeout=timeout_s)
        except queue.Empty:
            candidate = None
        with self._lock:
            if candidate is not None and self._record is not None:
                self._keep(self._record, candidate)
            if self._record is not None:
                self._tick(self._record)
        self._store.maintain()

    def _keep(self, record: Collection, candidate: FrameCandidate) -> None:
        note = candidate.note
        if record.state != "taking" or note.event_id != record.event_id or self._key is None:
            return
        try:
            payload = seal(with_note(encode_at(candidate.colour, JPEG_QUALITY), note), self._key)
            self._store.save(
                (payload,),
                "jpg",
                event_id=record.event_id,
                camera=note.camera,
                severity=Severity.INFO,
                media_id=secrets.token_hex(10),
                at=self._clock.now(),
                sealed=True,
            )
        except EdgeAgentError as error:
            log.warning("%s: a frame for training is not kept: %s", note.camera, error)
            return
        levels = dict(record.taken.get(note.camera, {}))
        levels[note.light] = levels.get(note.light, 0) + 1
        self._save(msgspec.structs.replace(record, taken={**record.taken, note.camera: levels}))
        self._review_mono = 0.0

    def _tick(self, record: Collection) -> None:
        now_mono = self._clock.monotonic()
        if self.refusal() is not None:
            self._stop_taking("configuration")
        elif record.is_full:
            self._stop_taking("full")
        elif now_mono >= self._until_mono:
            self._stop_taking("over")
        self._report_state()
        if self._record is not None and now_mono >= self._review_mono:
            self._review_mono = now_mono + REVIEW_EVERY_S
            self._review(self._record)
        if self._record is not None and now_mono - self._saved_mono >= SAVE_EVERY_S:
            self._save(self._record)

    def _review(self, record: Collection) -> None:
        """Count the frames on the disk, and send one of them if the uplink is idle."""
        self._paused = self.storage_problem() if record.state == "taking" else None
        self._offers.paused = self._paused is not None
        try:
            paths = self._store.files_of(record.event_id)
        except StorageError as error:
            self._paused = error_text(error)
            return
        self._left = len(paths)
        record = self._with_exports(record)
        if paths and record.send and self._may_send():
            self._send(record, paths[0])
        elif not paths and record.state == "complete":
            self._save(msgspec.structs.replace(record, state="gone"))
            self._report_state()

    def _with_exports(self, record: Collection) -> Collection:
        notes: list[Path] = []
        with contextlib.suppress(OSError):  # the next review finds them
            notes = sorted(self._folder.glob(f"{EXPORTED}*.json"))
        left = [self._taken_over(path) for path in notes]
        exports = [each for each in left if each is not None and each.event_id == record.event_id]
        if not exports:
            return record
        frames, by = sum(each.frames for each in exports), sorted({each.by for each in exports})
        record = msgspec.structs.replace(record, exported=record.exported + frames)
        self._save(record)
        self._report(record, problem_text("collection-exported", frames=frames, by=by))
        return record

    def _taken_over(self, path: Path) -> ExportNote | None:
        """Read and delete a note. If it cannot be deleted it is ignored, because otherwise it would be
        reported again and again."""
        exported = read_record(path, ExportNote)
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            log.warning("collect: %s cannot be removed (%s)", path, error.strerror)
            return None
        return exported

    def _may_send(self) -> bool:
        """Return whether the uplink is idle: frames are sent after everything else and never use up the
        budget."""
        stats, uplink = self._outbox.stats(), self._uplink()
        idle = stats.media_depth == 0 and stats.oldest_s < BACKLOG_S and stats.degraded is None
        if not idle or not self._online() or "media" in uplink.held:
            return False
        if uplink.monthly_bytes is None:
            return True
        forecast = uplink.forecast_bytes
        return forecast is not None and forecast < BUDGET_SHARE * uplink.monthly_bytes

    def _send(self, record: Collection, path: Path) -> None:
        """Move one frame to the outbox. A power cut between the two steps loses this one frame."""
        name = MediaName.parsed(path)
        assert name is not None  # ``files_of`` returns only files with such names
        try:
            payload = path.read_bytes()
            self._store.discard(path)
            digest = hashlib.sha256(payload).hexdigest()
            media = Media(name.media_id, record.event_id, name.camera, digest, payload)
            self._outbox.append(self._events.file(media, record.command_id))
        except (OSError, EdgeAgentError) as error:
            log.warning("%s: a frame for training cannot be sent: %s", name.camera, error)
            return
        self._left -= 1
        self._save(msgspec.structs.replace(record, sent=record.sent + 1))

    # --- the record; with the lock ---

    def _take(self, record: Collection) -> None:
        wanted = record.frames, record.per_hour, record.for_s, self._until_mono
        now_mono, taken = self._clock.monotonic(), record.taken
        selections = {
            camera: FrameSelection(*wanted, now_mono, taken.get(camera)) for camera in record.cameras
        }
        self._offers.open(record.event_id, selections)

    def _stop_taking(self, reason: StopReason) -> None:
        record = self._record
        if record is None or record.state != "taking":
            return
        self._offers.close()
        self._review_mono = 0.0
        self._save(msgspec.structs.replace(record, state="complete", stop_reason=reason))
        self._report_state()

    def _report_state(self) -> None:
        """Report a new state. After a crash before the save, it is reported again with the same id."""
        record = self._record
        if record is None or record.state == record.reported or not self._report(record):
            return
        if record.state == "gone":
            self._record = None
            with contextlib.suppress(OSError):  # if this fails, the next start reports the end once more
                (self._folder / FILE).unlink(missing_ok=True)
        else:
            self._save(msgspec.structs.replace(record, reported=record.state))

    def _report(self, record: Collection, why: str | None = None) -> bool:
        data = record.event(self._left, self._clock.now(), why)
        try:
            self._outbox.append(self._events.collection(data))
        except EdgeAgentError as error:
            log.warning("collect: this is reported later (%s): %s", error, data.why)
            return False
        log.warning("collect: %s", data.why)
        return True

    def _save(self, record: Collection) -> bool:
        self._saved_mono = now_mono = self._clock.monotonic()
        left_s = max(0.0, self._until_mono - now_mono)
        self._record = record = msgspec.structs.replace(record, left_s=left_s)
        return write_record(self._folder / FILE, record)
