"""Installs, tries and judges a release: the same for requests of the agent and for releases from the
server."""

from __future__ import annotations

import io
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from edge_update import request, running, wheels
from edge_update.manifest import MANIFEST_BYTES, Manifest, place_of, verified
from edge_update.memory import Memory, Trial
from edge_update.releases import Releases
from edge_update.sentences import CodedText, problem_of, sentence, with_problem
from edge_update.settings import Settings, UpdateError
from edge_update.trial import NO_BROKER, Judge, longest_s

MOST_BEGUN = 3
"""Trials cut off by a loss of power before a rollback: if it happens each time, the release is the reason."""


class RolledBack(UpdateError):
    """A release was in force, failed its trial and was rolled back."""


@dataclass(frozen=True)
class Order:
    id: str  # of the command; empty: from the server
    manifest: Manifest
    source: wheels.Source


class Updater:
    def __init__(self, settings: Settings, say: Callable[[str], None]) -> None:
        """``say`` receives a sentence for each result."""
        self._settings = settings
        self._say = say
        self._memory = Memory(settings.state)
        self._releases = Releases(settings.releases, settings.state / "check.txt")

    def run(self) -> bool:
        """End an interrupted trial, process the request, and ask the server. False: something failed.

        The request is deleted only at the end: after a kill in between, the next run finds it again.
        """
        self._memory.report_idle()
        good = self._report(self._end_interrupted)
        path = self._settings.request
        requested = request.waits(path)
        if requested:
            done = _identity(path)
            good = self._report(self._process_request) and good
            request.remove(path, done)
        if self._settings.url and (not requested or self._memory.pull_is_due(self._settings.pull_every_s)):
            good = self._report(self._pull) and good
        return good

    def _report(self, work: Callable[[], str]) -> bool:
        try:
            result = work()
        except (UpdateError, OSError) as error:  # OSError: mostly a full disk
            self._say(str(error))
            return False
        if result:
            self._say(result)
        return True

    # -- choosing a release

    def _process_request(self) -> str:
        """Try the requested release, whatever its share is, and also if it failed here before."""
        requested = request.read(self._settings.request)
        try:
            if requested.id == self._memory.last_id():
                return ""
            manifest = verified(requested.manifest, requested.signature, self._settings.public_key)
            self._memory.accept_serial(manifest.serial)
        except UpdateError as error:
            self._memory.conclude(requested.id, "", "refused", str(error))
            raise
        return self._install_and_try(Order(requested.id, manifest, wheels.Inbox(self._settings.inbox)))

    def _pull(self) -> str:
        self._memory.record_pull()
        server = wheels.Server(self._settings.url, self._settings.ca_file)
        manifest = self._download_manifest(server)
        if self._memory.has_failed(manifest.version) and manifest.version != self._releases.in_force():
            return f"{manifest.version} failed its trial here before; waiting for another release"
        if place_of(manifest.version, self._settings.gateway) >= manifest.percent:
            return f"{manifest.version} is for {manifest.percent} % of the gateways, not yet for this one"
        return self._install_and_try(Order("", manifest, server))

    def _download_manifest(self, server: wheels.Server) -> Manifest:
        text, signature = io.BytesIO(), io.BytesIO()
        server.download("manifest.json", text, MANIFEST_BYTES)
        server.download("manifest.json.sig", signature, MANIFEST_BYTES)
        manifest = verified(text.getvalue(), signature.getvalue(), self._settings.public_key)
        self._memory.accept_serial(manifest.serial)
        return manifest

    # -- installing it

    def _install_and_try(self, order: Order) -> str:
        version = order.manifest.version
        if version == self._releases.in_force():
            text = sentence("release-in-force", version=version)
            if order.id:
                self._memory.conclude(order.id, version, "in-force", text)
            return text
        try:
            self._prepare(order)
            trial = self._switch(order)
        except (UpdateError, OSError) as error:
            self._refuse(order, error)
            raise
        running.restart()
        result = self._judge(trial)
        wheels.prune(order.manifest.wheels, self._releases.wheels)
        return result

    def _refuse(self, order: Order, error: Exception) -> None:
        """Report that nothing was switched."""
        if not order.id:
            self._memory.report_idle()  # the timer asks again
            return
        try:
            self._memory.conclude(order.id, order.manifest.version, "refused", str(error))
        except OSError:  # a full disk: the agent must not wait for ever for the end of the last phase
            self._memory.withdraw_report()

    def _prepare(self, order: Order) -> None:
        manifest = order.manifest
        if not self._releases.complete(manifest.version):
            self._releases.require_space(manifest)
            self._memory.report_phase(order.id, manifest.version, "fetching")
            wheels.gather(manifest.wheels, self._releases.wheels, order.source)
            self._memory.report_phase(order.id, manifest.version, "installing")
            self._releases.install(manifest)
        self._releases.check(manifest.version)

    # -- trying it

    def _switch(self, order: Order) -> Trial:
        """Store the trial and put the release in force. Raises OSError if the former one stays in force."""
        status = running.status(self._settings.status_socket)
        trial = Trial(
            order.id,
            order.manifest.version,
            self._releases.in_force(),
            tuple(sorted(status.cameras)) if status else (),
            status is not None and status.connected,
            detects=status is not None and not status.detector,
        )
        try:
            self._memory.store_trial(trial)
            self._releases.switch(trial.version)
        except OSError:
            if self._releases.in_force() != trial.version:
                self._memory.end_trial()
                raise
        return trial

    def _end_interrupted(self) -> str:
        """Judge a trial that a power cut interrupted. A release that was not yet in force is requested
        again."""
        trial = self._memory.trial()
        if trial is None:
            return ""
        if trial.bad:
            return self._roll_back(trial)
        if trial.good:
            return self._keep(trial)
        if self._releases.in_force() != trial.version:
            self._memory.end_trial()
            return ""
        status = running.status(self._settings.status_socket)
        if not running.process().invocation or (status is not None and status.version != trial.version):
            running.restart()  # at boot it starts anyway
        return self._judge(trial)

    def _judge(self, trial: Trial) -> str:
        trial = self._store_if_possible(trial, begun=trial.begun + 1)
        with suppress(UpdateError, OSError):  # without the report it is judged as well
            self._memory.report_phase(trial.id, trial.version, "trial", longest_s(self._settings))
        if trial.begun > MOST_BEGUN:
            why: str = sentence("release-trial-cut", times=MOST_BEGUN)
        else:
            status = self._settings.status_socket
            why = Judge(trial, self._settings, running.process, lambda: running.status(status)).verdict()
        if why:
            problem = problem_of(why)
            return self._roll_back(self._store_if_possible(trial, bad=str(why), bad_problem=problem))
        return self._keep(self._memory.store_trial(trial, good=True))

    def _store_if_possible(self, trial: Trial, **changes: Any) -> Trial:
        """Store changes of the trial. On a full disk they are lost after a restart and are determined
        again."""
        try:
            return self._memory.store_trial(trial, **changes)
        except OSError as error:
            self._say(f"the trial of {trial.version} could not be stored and continues: {error}")
            return replace(trial, **changes)

    def _keep(self, trial: Trial) -> str:
        """Keep the release. After an interruption it is done again from the start."""
        code = "release-kept" if trial.before else "release-kept-first"
        text = sentence(code, version=trial.version, before=trial.before)
        self._memory.clear_failed(trial.version)
        self._memory.conclude(trial.id, trial.version, "in-force", text)
        self._releases.prune(trial.version, trial.before, self._releases.in_force())
        self._memory.end_trial()
        return text

    def _roll_back(self, trial: Trial) -> str:
        """Roll the release back, and raise RolledBack. After an interruption it is done again from the start.

        If the broker was unreachable before the release too, a missing broker does not mark it as failed.
        """
        why = with_problem(trial.bad, trial.bad_problem)
        text = sentence("release-failed", version=trial.version, why=why, result=self._restore(trial))
        if trial.connected or not _is_for_the_broker(trial):
            self._memory.mark_failed(trial.version)
        self._memory.conclude(trial.id, trial.version, "reverted", text)
        self._releases.prune(self._releases.in_force(), trial.before, trial.version)
        self._memory.end_trial()
        raise RolledBack(text)

    def _restore(self, trial: Trial) -> CodedText:
        """Put the former release in force, and return a sentence about it.

        Nothing is stored before: a full disk or a damaged file must not keep a bad release in force.
        """
        found = self._releases.in_force()
        if found not in (trial.version, trial.before):
            return sentence("release-replaced", found=found) if found else sentence("release-removed")
        if not self._releases.runs(trial.before):
            before = trial.before
            return sentence("release-no-other", before=before) if before else sentence("release-none-other")
        if found != trial.before:
            self._releases.switch(trial.before)
            running.restart()
        elif not self._answers_as(trial.before):  # otherwise it is done again, and the agent runs well
            running.restart()
        return sentence("release-back", before=trial.before)

    def _answers_as(self, version: str) -> bool:
        status = running.status(self._settings.status_socket)
        return status is not None and status.version == version


def _is_for_the_broker(trial: Trial) -> bool:
    """Whether it goes back because it was not connected."""
    why = ((trial.bad_problem or {}).get("params") or {}).get("why")
    return isinstance(why, dict) and why.get("code") == NO_BROKER


def _identity(path: Path) -> request.FileIdentity | None:
    try:
        return request.identity(path)
    except OSError:
        return None
