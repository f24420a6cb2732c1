"""Collects the passages of all cameras, and writes them once a minute on the thread ``passages``."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Collection
from dataclasses import replace

from edge_agent.config.model.settings import Camera, Settings, SnapshotPolicy
from edge_agent.core.clock import Clock
from edge_agent.core.errors import StorageError
from edge_agent.core.facts import Observation
from edge_agent.core.model import Frame, Tracks
from edge_agent.core.problems import error_text, problem_text
from edge_agent.core.worker import SupervisedThread
from edge_agent.passages.observer import PassageObserver
from edge_agent.passages.passage import Passage
from edge_agent.passages.scenes.camera_scenes import CameraScenes
from edge_agent.passages.store import PassageStore

log = logging.getLogger(__name__)

WRITE_EVERY_S = 60.0
"""A power cut costs the passages of one such interval; a shorter one wears the card more."""
MAX_WAITING = 2000
"""Passages of about 3 kB that wait for a disk that fails; beyond it the oldest are dropped and counted."""
MAX_SCENE_BYTES_WAITING = 8_000_000
"""Limit of the whole pictures that wait for the next write; beyond it passages are stored without them."""
IDLE_S = 10.0  # longest sleep of the thread, which has to call ``beat``
MAX_SILENCE_S = 120.0  # one sync can take this long on a worn card


class NoPassages:
    """Passage stage of a camera that stores none, and of replays."""

    def observe(self, frame: Frame, tracks: Tracks) -> None:
        """Do nothing."""

    def reported(self, observation: Observation) -> None:
        """Do nothing."""

    def finish(self, continuing: Collection[str] = ()) -> None:
        """Do nothing."""


def no_passages(camera: Camera) -> NoPassages:
    return NoPassages()


class PassageRecorder:
    """Collects passages, and writes them on the thread ``passages``.

    Any thread may call ``add`` and read the counts.
    """

    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        boot_id: str,
        clock_synced: Callable[[], bool],
        clock_steady: Callable[[], bool],
    ) -> None:
        passages, storage = settings.passages, settings.storage
        self._settings = passages
        self._seal_to = storage.seal_to
        self._store = PassageStore(
            settings.state_dir, passages, storage.keep_free, clock, boot_id, clock_steady
        )
        self._clock_synced = clock_synced
        self._lock = threading.Lock()  # protects what is below
        self._waiting: list[Passage] = []
        self._scene_sizes: dict[int, int] = {}  # bytes of the whole pictures that wait, by serial
        self.written = self.missed = 0
        self.degraded: str | None = None
        self.loop = SupervisedThread("passages", self._run, max_silence_s=MAX_SILENCE_S)

    def observer(self, camera: Camera) -> PassageObserver | NoPassages:
        """Return the stage that makes the passages of a camera, or one that does nothing."""
        if not (self._settings.enabled and camera.report.passages):
            return NoPassages()
        with_crops = self._settings.crops and camera.report.snapshots is not SnapshotPolicy.NONE
        scenes = None
        if with_crops and self._settings.scenes:
            scenes = CameraScenes(camera.id, camera.privacy_masks, self._seal_to)
        return PassageObserver(
            camera.id,
            self.add,
            camera.privacy_masks,
            self._seal_to,
            camera.ground,
            with_crops=with_crops,
            scenes=scenes,
        )

    def add(self, passage: Passage) -> None:
        """Keep the passage for the next write. Never blocks on the disk."""
        with self._lock:
            self._waiting.append(self._bounded(passage))
            self._drop_excess()

    def write(self) -> None:
        """Write the waiting passages, and remove those that are too old.

        Never raises; after a failure the passages wait for the next call.
        """
        with self._lock:
            batch, self._waiting = self._waiting, []
            self._scene_sizes.clear()
        try:
            self._store.write(batch, synced=self._clock_synced())
        except StorageError as error:
            with self._lock:
                self._waiting = [replace(each, scene=None) for each in batch] + self._waiting
                self._drop_excess()
                if self.degraded is None:
                    log.error("passages: %s; they are kept in memory meanwhile", error)
                self.degraded = error_text(error)
            return
        with self._lock:
            self.written += len(batch)
            if self.degraded is not None:
                log.warning("passages: rows are stored again")
            self.degraded = None

    def health(self) -> str | None:
        """Return the problem that the heartbeat reports; None while rows are stored."""
        with self._lock:
            why, missed = self.degraded, self.missed
        return None if why is None else problem_text("passages-not-stored", why=why, missed=missed)

    def _bounded(self, passage: Passage) -> Passage:
        """Return the passage, without its whole picture if too many bytes of whole pictures wait."""
        if passage.scene is None:
            return passage
        picture = passage.scene.picture
        if picture.serial not in self._scene_sizes:
            if sum(self._scene_sizes.values()) + len(picture.payload) > MAX_SCENE_BYTES_WAITING:
                return replace(passage, scene=None)
            self._scene_sizes[picture.serial] = len(picture.payload)
        return passage

    def _drop_excess(self) -> None:
        excess = len(self._waiting) - MAX_WAITING
        if excess > 0:
            del self._waiting[:excess]
            self.missed += excess

    def _run(self, thread: SupervisedThread) -> None:
        waited_s = 0.0
        while not thread.wait(IDLE_S):
            waited_s += IDLE_S
            if waited_s >= WRITE_EVERY_S:
                waited_s = 0.0
                self.write()
        self.write()
        self._store.close()
