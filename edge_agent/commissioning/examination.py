"""Runs ``edge-agent doctor`` in a separate process, and stores its document: for the technician, and without
a technician after the centre has confirmed the site.

If a site was signed without an uplink, its report is not confirmed. A timer then starts ``edge-agent
commission --examine``, which adds a second document to that report; the signed report does not change.
"""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import msgspec

from edge_agent.commissioning.messages import CommissioningError
from edge_agent.commissioning.papers import PaperFiles, report_name, write_paper
from edge_agent.commissioning.paths import CommissioningPaths
from edge_agent.commissioning.record import ClaimStore, CommissioningState
from edge_agent.config.last_good import read_or_find
from edge_agent.control.commissioning import FINAL, FOLDER, by_age
from edge_agent.core.clock import Clock, rfc3339
from edge_agent.core.errors import EdgeAgentError
from edge_agent.core.languages import Lang
from edge_agent.core.problems.problem import encode_json
from edge_agent.host.local_api.status import StatusResult, ask_status
from edge_agent.tools.doctor.paper import make_follow_up
from edge_agent.tools.doctor.report import read_findings
from edge_agent.wire import Doctor, VerdictCounts

log = logging.getLogger(__name__)

LIMIT_S = 120.0
START_S = 30.0
"""Longest wait of an examination for the agent, which a claim has just started."""
POLL_S = 1.0
DOCTOR = (sys.executable, "-m", "edge_agent", "doctor")
MAX_EXAMINATIONS = 6
EVERY = timedelta(hours=1)
"""Least time between two examinations, because each one logs in to every camera."""
RUNS_S = 300.0
"""Time for which the agent must have run before it is examined."""

Examine = Callable[[Lang, bool], Doctor]
"""Examines the site. The second argument says whether to store a report too."""


@dataclass(frozen=True, slots=True)
class DoctorRun:
    """Runs ``edge-agent doctor`` and reads its findings.

    ``credentials``: the folder that contains ``credentials/`` with the passwords. ``page``: the file of the
    report; doctor stores its findings beside it.
    """

    config: Path
    credentials: Path
    page: Path
    command: Sequence[str] = DOCTOR
    start_s: float = START_S

    def __call__(self, lang: Lang, paper: bool = True) -> Doctor:
        """Examine the site; takes up to a minute. ``paper``: whether to store a report too. Raises
        CommissioningError."""
        wait_for_agent(self.config, self.start_s)
        environ = {**os.environ, "CREDENTIALS_DIRECTORY": str(self.credentials)}
        command = [*self.command, str(self.config), "--json", "--lang", lang]
        command += ["--report", str(self.page)] if paper else []
        try:
            done = subprocess.run(
                command,
                capture_output=True,
                timeout=LIMIT_S,
                check=False,
                env=environ,
                stdin=subprocess.DEVNULL,
            )
            return msgspec.json.decode(done.stdout, type=Doctor)
        except subprocess.TimeoutExpired:
            raise CommissioningError("examination-failed", reason=f"> {LIMIT_S:.0f} s") from None
        except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
            lines = done.stderr.decode(errors="replace").strip().splitlines() if "done" in locals() else []
            reason = lines[-1] if lines else str(error)
            raise CommissioningError("examination-failed", reason=reason[:300]) from error


def wait_for_agent(config: Path, limit_s: float) -> None:
    """Wait until an agent runs, at most ``limit_s``, because doctor would report an agent that still starts
    as stopped."""
    try:
        settings = read_or_find(config)
    except EdgeAgentError:
        return  # doctor says what is wrong with the configuration
    deadline = time.monotonic() + limit_s
    while not _answers(ask_status(settings)) and time.monotonic() < deadline:
        time.sleep(POLL_S)


def _answers(status: StatusResult) -> bool:
    """Return whether an agent of this gateway runs; one that still has another id is to be restarted."""
    return status.document is not None or status.failure is not None


def counts(document: Doctor) -> VerdictCounts:
    """Count the lines of each level; accepted defects count as yellow."""
    levels = ["yellow" if line.accepted is not None else line.level for line in document.lines]
    return VerdictCounts(green=levels.count("green"), yellow=levels.count("yellow"), red=levels.count("red"))


# --- the final examination ---


class FinalExamination:
    """Examines a confirmed site until it is ready, at most ``MAX_EXAMINATIONS`` times. The last result
    counts."""

    def __init__(self, paths: CommissioningPaths, store: ClaimStore, clock: Clock, examine: Examine) -> None:
        self._paths, self._store, self._clock, self._examine = paths, store, clock, examine

    def run(self) -> str:
        """Examine if it is time. Return ``done``, ``again``, or ``not yet`` with the reason. Raises
        EdgeAgentError if the last examination gave no result."""
        if why_not := self._why_not():
            return f"not yet: {why_not}"
        count = self._store.record.examinations + 1
        if count > MAX_EXAMINATIONS:  # the process of the last examination was killed
            self._end()
            raise CommissioningError("examination-failed", reason=f"{MAX_EXAMINATIONS} attempts gave none")
        # Counted before the examination begins, so that a killed one counts too.
        self._store.change(examinations=count, examined_at=rfc3339(self._clock.now()))
        earlier = self._signed()
        try:
            found = self._examine("vi" if earlier is None else earlier.lang, False)
        except CommissioningError as error:
            if count < MAX_EXAMINATIONS:
                log.warning("%s", error)
                return "again"
            self._end()
            raise
        log.info("examination %d of at most %d: %s", count, MAX_EXAMINATIONS, found.sentence)
        if found.verdict in ("pending", "failed") and count < MAX_EXAMINATIONS:
            return "again"
        self._write(found, earlier)
        self._end()
        return "done"

    def _why_not(self) -> str:
        """Return why the examination cannot begin now; empty: it can."""
        record, mark = self._store.record, self._paths.confirmed
        if record.state is not CommissioningState.CONFIRMED:
            return "the centre has not confirmed the site"
        if not mark.exists():
            return "the page of the technician has not ended"
        if mark.stat().st_size:
            return "the site has been examined"
        if record.examined_at and abs(self._clock.now() - datetime.fromisoformat(record.examined_at)) < EVERY:
            return f"an examination began at {record.examined_at}, the next one follows an hour later"
        status = ask_status(read_or_find(self._paths.config)).document
        if status is None:
            return "the agent does not run"
        if not status.connected:
            return "the agent is not connected to the broker"
        up_s = status.heartbeat.uptime_s
        return "" if up_s >= RUNS_S else f"the agent has run for {up_s:.0f} s, {RUNS_S:.0f} s are needed"

    @property
    def _reports(self) -> Path:
        return read_or_find(self._paths.config).state_dir / FOLDER

    def _signed(self) -> Doctor | None:
        """Return what was found before: in the newest signed report, else in the newest report, else in the
        last examination on the page. None: nothing was found."""
        signed, others = (by_age(self._reports.glob(f"*{end}.json")) for end in (".signed", "Z"))
        if reports := signed or others:
            try:
                return read_findings(reports[-1])
            except EdgeAgentError as error:
                log.warning("%s", error)
        return PaperFiles(self._paths.state).verdict()

    def _write(self, found: Doctor, earlier: Doctor | None) -> None:
        page = self._reports / f"{report_name(found.gateway, found.time)}{FINAL}"
        # The agent sends the newest page, so the document is written first.
        write_paper(page.with_suffix(".json"), encode_json(found))
        write_paper(page, make_follow_up(found, earlier))

    def _end(self) -> None:
        """Mark the site as examined: while the file ``confirmed`` is not empty, systemd starts no
        examination. Root's part deletes the file together with the site."""
        write_paper(self._paths.confirmed, b"examined\n")
