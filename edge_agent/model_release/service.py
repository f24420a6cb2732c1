"""Runs models from the centre: shadow mode, the switch, the probation, and the revert.

``store.py`` has the durable record; this class makes the running agent follow it.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import timedelta
from zoneinfo import ZoneInfo

import msgspec

from edge_agent.cameras.shared_detector import SharedDetector
from edge_agent.commands.action import CommandFailed, CommandRefused, CommandSucceeded, unchanged
from edge_agent.core.clock import Clock, resumed_until_mono, rfc3339
from edge_agent.core.delivery import EventAppender
from edge_agent.core.errors import EdgeAgentError
from edge_agent.core.facts import RequestOrigin
from edge_agent.core.problems import command_text, problem_text
from edge_agent.core.state_file import read_record
from edge_agent.detection.choose import DetectorChoice
from edge_agent.detection.shadow import Shadow
from edge_agent.events import EventFactory
from edge_agent.model_release.agreement import (
    agreement_text,
    model_health,
    shadow_summary,
    shares_of,
    switch_refusal,
    trial_outcome,
    trial_progress,
    trial_result,
)
from edge_agent.model_release.record import DetectionRates, ModelTrial, Probation, SentModel, rate_deviation
from edge_agent.model_release.store import ModelStore
from edge_agent.wire import ModelHealth, ShadowReport

log = logging.getLogger(__name__)

RATES = "rates.json"
MINUTE_S = 60.0
SAVE_EVERY_S = 600.0  # SD cards wear
SETTLED_S = 300.0
"""After a new model has run for this long, the agent assumes that the model does not crash it."""
FAILURES_TO_END = 3  # consecutive failed inferences of the new model

Finish = Callable[[CommandSucceeded | CommandFailed], None]


class ModelService:
    """Runs the shadow mode, switch, probation and revert of models from the centre.

    The main thread calls ``tick`` and ``stop``; any thread may call ``health`` and ``report``; the thread of
    the command calls the rest. No lock is held during a download.
    """

    def __init__(
        self,
        store: ModelStore,
        detector: SharedDetector,
        events: EventFactory,
        outbox: EventAppender,
        clock: Clock,
        timezone: ZoneInfo,
        clock_synced: Callable[[], bool],
        publish_birth: Callable[[], None],
    ) -> None:
        self.store = store
        self._detector = detector
        self._events = events
        self._outbox = outbox
        self._clock = clock
        self._timezone = timezone
        self._clock_synced = clock_synced
        self._publish_birth = publish_birth
        self._lock = threading.RLock()  # protects what is below, and changes of the store's record
        self._shadow: Shadow | None = None
        self._finish: Finish | None = None  # replies to the command whose model is in shadow mode
        self._rates = read_record(store.folder / RATES, DetectionRates) or DetectionRates()
        self._until_mono = 0.0
        self._began_mono = self._minute_mono = self._saved_mono = clock.monotonic()

    # --- life ---

    def restore(self) -> None:
        """Continue the shadow mode or probation that a restart interrupted. A probation waits while the
        configuration names a model."""
        with self._lock:
            if not self._may_choose:
                self._pause_probation(True)
                return
            self._pause_probation(False)
            record = self.store.record
            begun = record.probation or record.trial
            if begun is None:
                return
            self._until_mono = resumed_until_mono(self._clock, begun.until, begun.left_s)
            if record.phase == "shadow" and record.trial is not None:
                choice = self.store.load(record.trial.model)
                if choice.detector is None:
                    self.store.give_up(problem_text("model-not-loaded", why=choice.degraded or ""))
                else:
                    self._begin_shadow(choice, record.trial)

    def stop(self) -> None:
        """Record a clean stop, so that it does not count as a crash of the model."""
        with self._lock:
            if self._may_choose and self.store.record.phase in ("shadow", "probation"):
                self._save_progress(starts=0)

    def tick(self) -> None:
        """Follow shadow mode and probation. Call about once a second."""
        if not self._lock.acquire(blocking=False):
            return  # a command holds the lock: try again next time
        try:
            now_mono = self._clock.monotonic()
            self._report_change()
            if now_mono - self._minute_mono >= MINUTE_S:
                self._minute_mono = now_mono
                self._count_minute()
            match self.store.record.phase if self._may_choose else None:
                case "shadow":
                    self._watch_shadow(now_mono)
                case "probation":
                    self._watch_probation(now_mono)
        finally:
            self._lock.release()

    # --- for the command ---

    @property
    def _may_choose(self) -> bool:
        return self.store.is_auto and self._detector.access is not None

    def refusal(self) -> str | None:
        """Return why this gateway accepts no models from the centre; None: it does."""
        if not self.store.is_auto:
            return problem_text("model-not-auto", model=self.store.configured)
        if self._detector.access is None:
            return problem_text("model-no-detector")
        return None

    def is_in_force(self, sha256: str) -> bool:
        return self._detector.model.sha256 == sha256

    def check_free(self) -> None:
        """Raise CommandRefused while a model is in shadow mode or on probation."""
        with self._lock:
            record = self.store.record
            if record.phase == "probation" and record.in_force is not None:
                raise CommandRefused(problem_text("model-on-probation", name=record.in_force.name), "busy")
            if record.phase == "shadow" and record.trial is not None:
                raise CommandRefused(problem_text("model-in-shadow", name=record.trial.model.name), "busy")

    def begin_trial(
        self, model: SentModel, by: RequestOrigin, for_s: float, share: float, finish: Finish
    ) -> str:
        """Start shadow mode, and return a text about it. Raises CommandRefused, CommandFailed."""
        choice = self.store.load(model)
        with self._lock:
            self.check_free()
            if choice.detector is None:
                self.store.clean()
                raise _unusable(model, choice)
            now = self._clock.now()
            report = ShadowReport(in_force_sha256=self._detector.model.sha256)
            trial = ModelTrial(
                model=model,
                command_id=by.command_id or "",
                share=share,
                until=now + timedelta(seconds=for_s),
                left_s=for_s,
                report=report,
            )
            self._until_mono = self._clock.monotonic() + for_s
            before = self.store.record
            if not self.store.save(trial=trial, reverted=None, starts=0):
                self.store.record = before
                raise CommandRefused(unchanged(problem_text("disk-not-written")))
            self.store.clean()
            self._begin_shadow(choice, trial)
            self._finish = finish
            return trial_progress(trial, self._detector.model.name)

    def resume_trial(self, command_id: str, finish: Finish) -> str | CommandSucceeded | CommandFailed | None:
        """Return the progress or outcome of a command's trial after a restart; None if none was started."""
        with self._lock:
            record = self.store.record
            if record.trial is not None and record.trial.command_id == command_id:
                if record.trial.over:
                    return trial_outcome(record.trial)
                self._finish = finish
                return trial_progress(record.trial, self._detector.model.name)
            if record.reverted is not None and record.reverted.command_id == command_id:
                why = problem_text("model-reason", name=record.reverted.name, why=record.reverted.text)
                return CommandFailed(unchanged(why))
            return None

    def switch(self, sha256: str, by: RequestOrigin, for_s: float, *, force: bool) -> CommandSucceeded:
        """Put the tried model into force, on probation. Raises CommandRefused, CommandFailed."""
        with self._lock:
            record, trial = self.store.record, self.store.record.trial
            if trial is None or trial.model.sha256 != sha256:
                raise CommandRefused(problem_text("model-not-tried", sha256=sha256[:16]))
            report = self._current_report(trial)
            if not force and (why := switch_refusal(report)) is not None:
                refused = {"why": why, "figures": shadow_summary(report)}
                raise CommandRefused(problem_text("model-switch-refused", name=trial.model.name, **refused))
            choice = self.store.load(trial.model)
            if choice.detector is None:
                raise _unusable(trial.model, choice)
            until = self._clock.now() + timedelta(seconds=for_s)
            probation = Probation(
                command_id=by.command_id or "",
                until=until,
                left_s=for_s,
                shares={} if switch_refusal(report) else shares_of(report),
            )
            why = problem_text(
                "model-switched" if switch_refusal(report) is None else "model-switched-forced",
                origin=command_text(str(by.command_id), by.signed_by),
                agreement=agreement_text(report),
            )
            event = self.store.change("switched", trial.model, record.in_force, why, by)
            saved = self.store.save(
                in_force=trial.model,
                before=record.in_force,
                trial=None,
                probation=probation,
                starts=0,
                reverted=None,
                unreported=event,
            )
            if not saved:
                self.store.record = record
                raise CommandRefused(unchanged(problem_text("disk-not-written")))
            figures = shadow_summary(report)
            ended = problem_text("model-trial-switched", name=trial.model.name, figures=figures)
            self._end_shadow(CommandSucceeded(ended))
            self._began_mono = self._saved_mono = self._clock.monotonic()
            self._until_mono = self._began_mono + for_s
            self._run(choice)
            self.store.clean()
            text = problem_text("model-begins-probation", name=trial.model.name, until=rfc3339(until))
            return CommandSucceeded(text, trial_result(trial.model, report))

    def back(self, by: RequestOrigin) -> CommandSucceeded:
        """End shadow mode, or restore the previous model. Raises CommandRefused, CommandFailed."""
        with self._lock:
            record = self.store.record
            why = problem_text("model-command", command=str(by.command_id))
            if record.trial is not None:
                self.store.save(trial=None)
                self._end_shadow(CommandFailed(unchanged(why)))
                self.store.clean()
                ended = problem_text("model-trial-ended", name=record.trial.model.name)
                return CommandSucceeded(unchanged(ended))
            if record.in_force is None:
                raise CommandRefused(problem_text("model-none-before"))
            self._go_back(why, by)
            again = problem_text("model-in-force-again", name=self._detector.model.name)
            return CommandSucceeded(again, {"sha256": self._detector.model.sha256})

    # --- for health; any thread ---

    def health(self) -> ModelHealth:
        return model_health(self.store.record, self.report()) if self._may_choose else ModelHealth()

    def report(self) -> ShadowReport | None:
        """The figures of the model that is or was in shadow mode; None without such a model."""
        trial = self.store.record.trial
        return None if trial is None else self._current_report(trial)

    # --- with the lock ---

    def _pause_probation(self, paused: bool) -> None:
        """Let the probation wait or continue; it then has the time left that it had before."""
        probation = self.store.record.probation
        if probation is None or probation.paused == paused:
            return
        until = self._clock.now() + timedelta(seconds=probation.left_s)
        self.store.save(probation=msgspec.structs.replace(probation, paused=paused, until=until))

    def _begin_shadow(self, choice: DetectorChoice, trial: ModelTrial) -> None:
        assert choice.detector is not None
        self._began_mono = self._saved_mono = self._clock.monotonic()
        self._shadow = self._detector.begin_shadow(choice.detector, trial.share, trial.report)
        log.info(
            "model: %s is in shadow mode: %s",
            trial.model.name,
            trial_progress(trial, self._detector.model.name),
        )

    def _end_shadow(self, answer: CommandSucceeded | CommandFailed) -> None:
        self._detector.end_shadow()
        self._shadow = None
        finish, self._finish = self._finish, None
        if finish is not None:
            finish(answer)

    def _current_report(self, trial: ModelTrial) -> ShadowReport:
        shadow = self._shadow
        return trial.report if shadow is None or trial.over else shadow.report(self._detector.cost_ms)

    def _watch_shadow(self, now_mono: float) -> None:
        trial, shadow = self.store.record.trial, self._shadow
        if trial is None or shadow is None:
            return
        if shadow.failed_in_a_row >= FAILURES_TO_END:
            why = problem_text("model-inferences-fail", inferences=shadow.failed_in_a_row)
            self.store.give_up(why)
            failed = problem_text("model-reason", name=trial.model.name, why=why)
            self._end_shadow(CommandFailed(unchanged(failed)))
        elif now_mono >= self._until_mono:
            over = msgspec.structs.replace(trial, over=True, left_s=0.0, report=self._current_report(trial))
            self.store.save(trial=over, starts=0)
            self._end_shadow(trial_outcome(over))
        else:
            self._keep_progress(now_mono)

    def _watch_probation(self, now_mono: float) -> None:
        record = self.store.record
        assert record.probation is not None
        failing = self._detector.failing
        if (why := failing or rate_deviation(record.probation.cameras)) is not None:
            self._go_back(why, RequestOrigin())
        elif now_mono >= self._until_mono and record.in_force is not None:
            by = RequestOrigin(record.probation.command_id, None)
            why = problem_text("model-confirmed")
            event = self.store.change("confirmed", record.in_force, record.before, why, by)
            self.store.save(probation=None, starts=0, unreported=event)
        else:
            self._keep_progress(now_mono)

    def _keep_progress(self, now_mono: float) -> None:
        settled = self.store.record.starts > 0 and now_mono - self._began_mono >= SETTLED_S
        if settled or now_mono - self._saved_mono >= SAVE_EVERY_S:
            self._save_progress(starts=0 if settled else self.store.record.starts)

    def _save_progress(self, starts: int) -> None:
        self._saved_mono = now_mono = self._clock.monotonic()
        left_s = max(0.0, self._until_mono - now_mono)
        record = self.store.record
        changes: dict[str, object] = {}
        if record.probation is not None:
            changes = {"probation": msgspec.structs.replace(record.probation, left_s=left_s)}
        elif record.trial is not None:
            report = self._current_report(record.trial)
            changes = {"trial": msgspec.structs.replace(record.trial, left_s=left_s, report=report)}
        self.store.save(starts=starts, **changes)

    def _go_back(self, why: str, by: RequestOrigin) -> None:
        self.store.go_back(why, by)
        choice = self.store.choose()
        if choice.detector is not None:
            self._run(choice)
        self.store.clean()

    def _run(self, choice: DetectorChoice) -> None:
        self._detector.replace_detector(choice)
        self._events.model = self._detector.model
        self._report_change()
        self._publish_birth()

    def _report_change(self) -> None:
        """Report a change. After a crash before the record is saved, it is reported again, never lost."""
        event = self.store.record.unreported
        if event is None:
            return
        try:
            self._outbox.append(self._events.model_change(event))
        except EdgeAgentError as error:
            log.warning("model: this is reported later (%s): %s", error, event.why)
            return
        self.store.save(unreported=None)

    def _count_minute(self) -> None:
        seen = self._detector.monitor.drain()
        if not self._may_choose or not self._clock_synced():
            return  # no models from the centre here, or the hour of the day is unknown
        hour = self._clock.now().astimezone(self._timezone).hour
        probation = self.store.record.probation
        if probation is not None:
            self._rates.observe(hour, seen, probation.cameras, probation.shares)
        elif self._rates.add(hour, seen):
            self.store.write(RATES, self._rates)


def _unusable(model: SentModel, choice: DetectorChoice) -> CommandFailed:
    return CommandFailed(
        unchanged(problem_text("model-unusable", name=model.name, why=choice.degraded or ""))
    )
