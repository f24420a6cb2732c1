"""From a manifest to a verdict: one way for what the agent asks for and what this box fetches by itself."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from edge_update import request, running, wheels
from edge_update.manifest import MANIFEST_BYTES, Manifest, verified
from edge_update.memory import Memory, Trial
from edge_update.releases import Releases
from edge_update.settings import Settings, UpdateError
from edge_update.trial import Judge, longest_s

MOST_BEGUN = 3
"""Power may fail while a release is on trial; where it fails each time, the release is the reason."""


class WentBack(UpdateError):
    """A release was in force and was not good enough."""


@dataclass(frozen=True)
class Order:
    id: str  # of the command; empty: nobody asked
    manifest: Manifest
    source: wheels.Source


class Updater:
    def __init__(self, settings: Settings, say: Callable[[str], None]) -> None:
        """``say`` takes what was done, sentence by sentence."""
        self._settings = settings
        self._say = say
        self._memory = Memory(settings.state)
        self._releases = Releases(settings.releases, settings.state / "check.txt")

    def run(self) -> bool:
        """End what was interrupted, do what was asked, and ask the server. False: something failed.

        A request stays until it is done with: a program that is killed in between finds it again.
        """
        self._memory.quiet()
        good = self._report(self._end_interrupted)
        path = self._settings.request
        asked = request.waits(path)
        if asked:
            done = _seen(path)
            good = self._report(self._obey) and good
            request.remove(path, done)
        if self._settings.url and (not asked or self._memory.pull_is_due(self._settings.pull_every_s)):
            good = self._report(self._pull) and good
        return good

    def _report(self, work: Callable[[], str]) -> bool:
        try:
            told = work()
        except (UpdateError, OSError) as error:  # a full disk, mostly
            self._say(str(error))
            return False
        if told:
            self._say(told)
        return True

    # -- what is to be run

    def _obey(self) -> str:
        """What was asked for by name is tried, whatever its share is and also if it failed here before."""
        asked = request.read(self._settings.request)
        try:
            if asked.id == self._memory.last_id():
                return ""
            manifest = verified(asked.manifest, asked.signature, self._settings.public_key)
            self._memory.see(manifest.serial)
        except UpdateError as error:
            self._memory.conclude(asked.id, "", "refused", str(error))
            raise
        return self._carry_out(Order(asked.id, manifest, wheels.Inbox(self._settings.inbox)))

    def _pull(self) -> str:
        self._memory.note_pull()
        server = wheels.Server(self._settings.url, self._settings.ca_file)
        manifest = self._served(server)
        if self._memory.gave_up(manifest.version) and manifest.version != self._releases.in_force():
            return f"{manifest.version} was tried and failed here; waiting for another release"
        if self._share(manifest.version) >= manifest.percent:
            return f"{manifest.version} goes to {manifest.percent} % of the boxes, and not yet to this one"
        return self._carry_out(Order("", manifest, server))

    def _served(self, server: wheels.Server) -> Manifest:
        text, signature = io.BytesIO(), io.BytesIO()
        server.download("manifest.json", text, MANIFEST_BYTES)
        server.download("manifest.json.sig", signature, MANIFEST_BYTES)
        manifest = verified(text.getvalue(), signature.getvalue(), self._settings.public_key)
        self._memory.see(manifest.serial)
        return manifest

    def _share(self, version: str) -> int:
        """0..99: where this box stands in the queue for a version; another order for each."""
        digest = hashlib.sha256(f"{version}/{self._settings.gateway}".encode()).digest()
        return int.from_bytes(digest[:4], "big") % 100

    # -- installing it

    def _carry_out(self, order: Order) -> str:
        version = order.manifest.version
        if version == self._releases.in_force():
            told = f"{version} is in force"
            if order.id:
                self._memory.conclude(order.id, version, "in-force", told)
            return told
        try:
            self._prepare(order)
        except (UpdateError, OSError) as error:
            if order.id:
                self._memory.conclude(order.id, version, "refused", str(error))
            else:
                self._memory.quiet()  # the timer asks again
            raise
        return self._try(order)

    def _prepare(self, order: Order) -> None:
        manifest = order.manifest
        if not self._releases.complete(manifest.version):
            self._releases.need_room(manifest)
            self._memory.say(order.id, manifest.version, "fetching")
            wheels.gather(manifest.wheels, self._releases.wheels, order.source)
            self._memory.say(order.id, manifest.version, "installing")
            self._releases.install(manifest)
        self._releases.check(manifest.version)

    # -- trying it

    def _try(self, order: Order) -> str:
        status = running.status(self._settings.status_socket)
        trial = Trial(
            order.id,
            order.manifest.version,
            self._releases.in_force(),
            tuple(sorted(status.cameras)) if status else (),
            status is not None and status.connected,
        )
        trial = self._memory.note(trial)
        self._releases.switch(trial.version)
        running.restart()
        told = self._judge(trial)
        wheels.prune(order.manifest.wheels, self._releases.wheels)
        return told

    def _end_interrupted(self) -> str:
        """A power cut came between the note and the verdict. What was never in force has none: whoever asked
        for it asks again."""
        trial = self._memory.trial()
        if trial is None:
            return ""
        if trial.bad:
            return self._go_back(trial)
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
        trial = self._noted(trial, begun=trial.begun + 1)
        with suppress(UpdateError, OSError):  # not told; judged all the same
            self._memory.say(trial.id, trial.version, "trial", longest_s(self._settings))
        if trial.begun > MOST_BEGUN:
            why = f"crashing: its trial was cut off {MOST_BEGUN} times"
        else:
            status = self._settings.status_socket
            why = Judge(trial, self._settings, running.process, lambda: running.status(status)).verdict()
        if why:
            return self._go_back(self._noted(trial, bad=why))
        return self._keep(self._memory.note(trial, good=True))

    def _noted(self, trial: Trial, **changes: Any) -> Trial:
        """Where there is room for it: what a full disk does not remember is found out again."""
        try:
            return self._memory.note(trial, **changes)
        except OSError as error:
            self._say(f"the trial of {trial.version} is not noted: {error}")
            return replace(trial, **changes)

    def _keep(self, trial: Trial) -> str:
        """May be interrupted and begun again anywhere."""
        told = f"{trial.version} is in force and connected; before it was {trial.before or 'nothing'}"
        self._memory.trust(trial.version)
        self._memory.conclude(trial.id, trial.version, "in-force", told)
        self._releases.prune(trial.version, trial.before, self._releases.in_force())
        self._memory.end_trial()
        return told

    def _go_back(self, trial: Trial) -> str:
        """Raises WentBack. May be interrupted and begun again anywhere.

        A release is not given up for a broker that was away before it, too.
        """
        told = f"{trial.version} did not do: {trial.bad}; {self._put_back(trial)}"
        if trial.connected or "no broker" not in trial.bad:
            self._memory.give_up(trial.version)
        self._memory.conclude(trial.id, trial.version, "reverted", told)
        self._releases.prune(self._releases.in_force(), trial.before, trial.version)
        self._memory.end_trial()
        raise WentBack(told)

    def _put_back(self, trial: Trial) -> str:
        """First of all, and without a note: a full disk or a damaged memory keeps no bad release in force."""
        found = self._releases.in_force()
        if found not in (trial.version, trial.before):
            return f"somebody has put {found or 'nothing'} in force, which stays"
        if not self._releases.runs(trial.before):
            return f"there is no {trial.before or 'other release'} to go back to, so it stays"
        if found != trial.before:
            self._releases.switch(trial.before)
        running.restart()
        return f"back to {trial.before}"


def _seen(path: Path) -> request.Seen | None:
    try:
        return request.seen(path)
    except OSError:
        return None
