"""Stores the state of updates durably, and publishes it for the agent."""

from __future__ import annotations

import contextlib
import json
import os
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from edge_update.sentences import problem_of
from edge_update.settings import UpdateError


@dataclass(frozen=True)
class Trial:
    """A trial without a verdict: stored before the switch, deleted after the verdict."""

    id: str  # of the command; empty for a release that this gateway fetched by itself
    version: str
    before: str  # release for a rollback; empty: none
    cameras: tuple[str, ...]  # sent pictures before
    connected: bool  # the agent was connected before
    begun: int = 0  # how often judging began
    good: bool = False  # verdict: keep it
    bad: str = ""  # verdict: the reason of the rollback
    bad_problem: dict[str, Any] | None = None  # the same as a code
    detects: bool = False  # the detector worked before


class Memory:
    """``state.json``: serial, failed, last; ``trial.json``: the open trial; ``told.json``: for the agent.

    ``pulled``: its modification time is the last query of the server.
    """

    def __init__(self, folder: Path) -> None:
        self._state, self._trial, self._published = (
            folder / f"{name}.json" for name in ("state", "trial", "told")
        )
        self._pulled = folder / "pulled"

    # -- state

    def state(self) -> dict[str, Any]:
        """Raises UpdateError for a damaged file: without its serial an older manifest would be accepted."""
        try:
            found = json.loads(self._state.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        except ValueError as error:
            raise UpdateError(self._damaged(str(error))) from error
        if not isinstance(found, dict):
            raise UpdateError(self._damaged("not a JSON object"))
        return found

    def _damaged(self, why: str) -> str:
        return f"{self._state} is damaged: {why}; nothing is updated until it is removed"

    def accept_serial(self, serial: int) -> None:
        """Store the serial. Raises UpdateError if the manifest is older than a former one."""
        seen = int(self.state().get("serial", 0))
        if serial < seen:
            raise UpdateError(
                f"the manifest is older ({serial}) than a former one ({seen}); nothing was changed"
            )
        if serial > seen:
            self._remember(serial=serial)

    def has_failed(self, version: str) -> bool:
        return version in self.state().get("failed", [])

    def mark_failed(self, version: str) -> None:
        if not self.has_failed(version):
            self._remember(failed=[*self.state().get("failed", []), version][-10:])

    def clear_failed(self, version: str) -> None:
        self._remember(failed=[failed for failed in self.state().get("failed", []) if failed != version])

    def _remember(self, **changes: object) -> None:
        write_durably(self._state, json.dumps(self.state() | changes))

    # -- the server of releases

    def pull_is_due(self, every_s: float) -> bool:
        """Return whether it is time to ask the server; also True if the clock was set back."""
        try:
            age_s = time.time() - self._pulled.stat().st_mtime
        except FileNotFoundError:
            return True
        return not 0 <= age_s < every_s

    def record_pull(self) -> None:
        with contextlib.suppress(OSError):  # a full disk must not prevent a release that repairs it
            self._pulled.touch()

    # -- the open trial

    def trial(self) -> Trial | None:
        """Raises UpdateError once for a damaged file and deletes it, because it would block every update."""
        try:
            kept = json.loads(self._trial.read_text(encoding="utf-8"))
            return Trial(**kept | {"cameras": tuple(kept["cameras"])})
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError) as error:
            self.end_trial()
            raise UpdateError(f"{self._trial} is damaged: {error!r}; the release in force stays") from error

    def store_trial(self, trial: Trial, **changes: Any) -> Trial:
        trial = replace(trial, **changes)
        write_durably(self._trial, json.dumps(asdict(trial)))
        return trial

    def end_trial(self) -> None:
        self._trial.unlink(missing_ok=True)

    # -- what the agent reads

    def report_phase(self, id: str, version: str, phase: str, until_s: float | None = None) -> None:
        """Publish the present phase; ``until_s``: seconds from now to the verdict, at most."""
        until = None if until_s is None else rfc3339(time.time() + until_s)
        self._publish(
            {"id": id, "version": version, "phase": phase, "until": until}, self.state().get("last")
        )

    def conclude(self, id: str, version: str, outcome: str, text: str) -> None:
        """Store and publish the result. ``outcome``: in-force, reverted, or refused (nothing was
        switched)."""
        last: dict[str, Any] = {"id": id, "version": version, "outcome": outcome, "text": text}
        last["time"] = rfc3339(time.time())
        if (problem := problem_of(text)) is not None:
            last["problem"] = problem
        try:
            self._remember(last=last)
        finally:  # the command gets its answer although the state is damaged
            self._publish(None, last)

    def last_id(self) -> str:
        """Return the id of the last answered command."""
        return str((self.state().get("last") or {}).get("id", ""))

    def report_idle(self) -> None:
        """Publish that nothing is being done; this ends the phase of a killed run."""
        with contextlib.suppress(UpdateError, OSError):  # a full disk must not prevent the end of a trial
            self._publish(None, self.state().get("last"))

    def withdraw_report(self) -> None:
        """Delete what the agent reads, because it could not be replaced."""
        self._published.unlink(missing_ok=True)

    def _publish(self, now: dict[str, Any] | None, last: dict[str, Any] | None) -> None:
        write_durably(self._published, json.dumps({"now": now, "last": last}))


def rfc3339(at: float) -> str:
    """Format a time with milliseconds, like the agent's messages."""
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(at)) + f".{int(at % 1 * 1000):03d}Z"


def write_durably(path: Path, text: str) -> None:
    """Write a file in one step that survives a power cut. Raises OSError."""
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
