"""What root remembers, durably, and what it tells the agent."""

from __future__ import annotations

import contextlib
import json
import os
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from edge_update.settings import UpdateError


@dataclass(frozen=True)
class Trial:
    """Written before the switch, gone after the verdict: while there is one, somebody has to judge."""

    id: str  # of the command; empty for a release that this box fetched by itself
    version: str
    before: str  # release to go back to; empty: none
    cameras: tuple[str, ...]  # gave pictures before
    connected: bool  # the broker was there before
    begun: int = 0  # times that somebody began to judge
    good: bool = False  # it stays
    bad: str = ""  # why it goes back


class Memory:
    """``state.json``: serial, failed, last; ``trial.json``: the open trial; ``told.json``: for the agent.

    ``pulled``: its time says when the server was asked last.
    """

    def __init__(self, folder: Path) -> None:
        self._state, self._trial, self._told = (
            folder / f"{name}.json" for name in ("state", "trial", "told")
        )
        self._pulled = folder / "pulled"

    # -- state

    def state(self) -> dict[str, Any]:
        """Raises UpdateError for a damaged file: without its serial an older manifest would be obeyed."""
        try:
            found = json.loads(self._state.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        except ValueError as error:
            raise UpdateError(self._damaged(str(error))) from error
        if not isinstance(found, dict):
            raise UpdateError(self._damaged("no JSON object"))
        return found

    def _damaged(self, why: str) -> str:
        return f"{self._state} is damaged: {why}; nothing is updated until it is removed"

    def see(self, serial: int) -> None:
        """Raises UpdateError for a manifest that is older than one seen before."""
        seen = int(self.state().get("serial", 0))
        if serial < seen:
            raise UpdateError(f"the manifest is older ({serial}) than one seen before ({seen})")
        if serial > seen:
            self._remember(serial=serial)

    def gave_up(self, version: str) -> bool:
        return version in self.state().get("failed", [])

    def give_up(self, version: str) -> None:
        if not self.gave_up(version):
            self._remember(failed=[*self.state().get("failed", []), version][-10:])

    def trust(self, version: str) -> None:
        self._remember(failed=[one for one in self.state().get("failed", []) if one != version])

    def _remember(self, **changes: object) -> None:
        write_durably(self._state, json.dumps(self.state() | changes))

    # -- the server of releases

    def pull_is_due(self, every_s: float) -> bool:
        """Whether the server was asked long enough ago. A clock that went back counts as long enough."""
        try:
            age_s = time.time() - self._pulled.stat().st_mtime
        except FileNotFoundError:
            return True
        return not 0 <= age_s < every_s

    def note_pull(self) -> None:
        with contextlib.suppress(OSError):  # a full disk must not keep a box from a release that mends it
            self._pulled.touch()

    # -- the open trial

    def trial(self) -> Trial | None:
        """Raises UpdateError once for a damaged file, which is gone then: it would stop every update."""
        try:
            kept = json.loads(self._trial.read_text(encoding="utf-8"))
            return Trial(**kept | {"cameras": tuple(kept["cameras"])})
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError) as error:
            self.end_trial()
            raise UpdateError(f"{self._trial} is damaged: {error!r}; what it was for stays") from error

    def note(self, trial: Trial, **changes: Any) -> Trial:
        trial = replace(trial, **changes)
        write_durably(self._trial, json.dumps(asdict(trial)))
        return trial

    def end_trial(self) -> None:
        self._trial.unlink(missing_ok=True)

    # -- what is told

    def say(self, id: str, version: str, phase: str, until_s: float | None = None) -> None:
        """What is being done now; ``until_s``: seconds from now until there is a verdict at the latest."""
        until = None if until_s is None else rfc3339(time.time() + until_s)
        self._tell({"id": id, "version": version, "phase": phase, "until": until}, self.state().get("last"))

    def conclude(self, id: str, version: str, outcome: str, text: str) -> None:
        """``outcome``: in-force, reverted, or refused: nothing was switched."""
        last = {"id": id, "version": version, "outcome": outcome, "text": text, "time": rfc3339(time.time())}
        try:
            self._remember(last=last)
        finally:  # whoever asked is answered although the memory is damaged
            self._tell(None, last)

    def last_id(self) -> str:
        """Of the command that was answered last."""
        return str((self.state().get("last") or {}).get("id", ""))

    def quiet(self) -> None:
        """Nothing is being done: whatever a killed run has left said is over."""
        with contextlib.suppress(UpdateError, OSError):  # a full disk must not keep a trial from its end
            self._tell(None, self.state().get("last"))

    def _tell(self, now: dict[str, Any] | None, last: dict[str, Any] | None) -> None:
        write_durably(self._told, json.dumps({"now": now, "last": last}))


def rfc3339(at: float) -> str:
    """In milliseconds, as the agent's messages have it."""
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(at)) + f".{int(at % 1 * 1000):03d}Z"


def write_durably(path: Path, text: str) -> None:
    """In one step, and still there after a power cut. Raises OSError."""
    new = path.with_suffix(".new")
    with new.open("w", encoding="utf-8") as target:
        target.write(text)
        target.flush()
        os.fsync(target.fileno())
    new.replace(path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
