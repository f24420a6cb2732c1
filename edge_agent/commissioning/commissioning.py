"""The steps of commissioning, for the page and for the terminal. Any thread may call them."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import msgspec

from edge_agent import __version__
from edge_agent.commands.signature import sign
from edge_agent.commissioning import cameras as site_cameras
from edge_agent.commissioning.cameras import CamerasFound, Discover, find_cameras
from edge_agent.commissioning.examination import Examine, counts
from edge_agent.commissioning.identity import BoxIdentity
from edge_agent.commissioning.messages import CommissioningError
from edge_agent.commissioning.network import check_settings, network_refusal
from edge_agent.commissioning.papers import SIGNATURE, PaperFiles
from edge_agent.commissioning.paths import CommissioningPaths
from edge_agent.commissioning.record import ClaimRecord, ClaimStore, CommissioningState
from edge_agent.commissioning.root_part import RootPart
from edge_agent.commissioning.sites import id_of_label, site_of_label
from edge_agent.core.clock import Clock, rfc3339
from edge_agent.core.errors import EdgeAgentError
from edge_agent.core.languages import Lang
from edge_agent.core.problems.problem import encode_json
from edge_agent.host.system.network_settings import NetworkSettings, RootNetwork
from edge_agent.wire import BundleSite, Claim, ClaimAnswer, PhoneLocation, SiteBundle, VerdictCounts

FREE = (CommissioningState.UNCLAIMED, CommissioningState.REFUSED, CommissioningState.WITHDRAWN)
MAX_NAME = 100


@dataclass(frozen=True, slots=True)
class BoxEnvironment:
    """The parts of the box that the steps use; tests replace some of them."""

    paths: CommissioningPaths
    identity: BoxIdentity
    board: str
    root: RootPart
    examine: Examine
    network: RootNetwork
    clock: Clock
    synced: Callable[[], bool]  # whether the clock is synchronised, as doctor says
    trusted: Callable[[], bool]  # whether the time is good enough to check certificates
    discover: Callable[[Path], Discover] = field(default=lambda state: partial(site_cameras.discover, state))


class Commissioning:
    """Does the steps of commissioning for one box, one at a time. A step of the technician that begins during
    another one raises CommissioningError; work on the centre's answer waits for the other one."""

    def __init__(self, box: BoxEnvironment, bundle: SiteBundle, store: ClaimStore) -> None:
        self.box, self.bundle, self._store = box, bundle, store
        self.papers = PaperFiles(box.paths.state)
        self._steps = threading.Lock()  # held while a step is done
        self.site: BundleSite | None = self._site_of_record()
        self.found: CamerasFound | None = None
        self.location: PhoneLocation | None = None

    @property
    def record(self) -> ClaimRecord:
        return self._store.record

    @property
    def is_busy(self) -> bool:
        """Whether a step is being done, also if another phone or an earlier page has begun it."""
        return self._steps.locked()

    def _site_of_record(self) -> BundleSite | None:
        claim = self.record.claim
        if claim is None or self.record.state in FREE:
            return None
        return next((site for site in self.bundle.sites if site.id == claim.site), None)

    def choose(self, label: str) -> BundleSite:
        """Choose the site of a label, and search for its cameras. Takes some five seconds."""
        with self._step():
            site = site_of_label(self.bundle, label)
            self._require_free()
            self.site, self.found = site, None
            state_dir = site_cameras.settings_of(site, self.box.paths.run).state_dir
            self.found = find_cameras(site, self.box.discover(state_dir))
            return site

    def choose_another(self) -> None:
        """Give up the chosen site, which is not claimed yet."""
        with self._step():
            self._require_free()
            self.site, self.found = None, None

    def search_again(self) -> None:
        """Search for the cameras of the chosen site once more."""
        with self._step():
            site = self._chosen()
            state_dir = site_cameras.settings_of(site, self.box.paths.run).state_dir
            self.found = find_cameras(site, self.box.discover(state_dir))

    def claim(self, by: str, passwords: Mapping[str, str]) -> Claim:
        """Configure the box for the chosen site and make the claim. ``passwords``: by camera; the entry
        ``""`` is for all other cameras. Nothing is changed unless every camera that answers accepts its
        password."""
        with self._step():
            site, by = self._chosen(), by.strip()[:MAX_NAME]
            self._require_free()
            if not by:
                raise CommissioningError("name-missing")
            logins = self._logins(site, passwords)
            self._try_logins(site, logins)
            site_cameras.store_passwords(self.box.paths.run, logins)
            answer = self.box.root.ask("apply", site=site.id, passwords=logins)
            claim = self._make_claim(site, by, answer.csr)
            self.papers.clear()
            jws = sign(encode_json(claim), self.box.identity.key).decode()
            self._store.put(ClaimRecord(state=CommissioningState.CLAIMED, claim=claim, jws=jws))
            return claim

    def set_network(self, settings: NetworkSettings) -> None:
        """Let root's program write SIM card and static address. Takes up to three minutes."""
        with self._step():
            if not self.box.network.is_available:
                raise CommissioningError("network-unavailable")
            check_settings(settings)
            answer = self.box.network.apply(settings)
            if answer.outcome != "done":
                raise network_refusal(answer)

    def undo(self) -> None:
        """Take back a claim that the centre has not confirmed."""
        with self._step():
            if self.record.state is CommissioningState.CONFIRMED:
                raise CommissioningError("confirmed-already", site=self._chosen().id)
            self.box.root.ask("unclaim", reason="undone at the box")
            self._store.put(ClaimRecord(claim=self.record.claim))
            self._forget_site()

    def examine(self, lang: Lang) -> None:
        """Let doctor examine the site. Takes up to a minute."""
        with self._step():
            if self.record.state in FREE:
                raise CommissioningError("site-first")
            # so that after a failed examination the former verdict cannot be signed
            self.papers.forget_verdict()
            # After the signature no other report is written, because the agent would send it as the newest.
            document = self.box.examine(lang, not self.record.finished)
            self.papers.put_verdict(document)
            self._claim_with(counts(document))

    def finish(self, by: str) -> Path:
        """Put photo and signature into the report, which the agent sends when it is connected."""
        with self._step():
            by = by.strip()[:MAX_NAME]
            examined = self.papers.verdict()
            if self.record.state in FREE or examined is None:
                raise CommissioningError("examined-first")
            if any(line.finding == "clock-not-set" for line in examined.lines):
                raise CommissioningError("clock-first")
            if not by:
                raise CommissioningError("name-missing")
            if not self.papers.has(SIGNATURE):
                raise CommissioningError("signature-missing")
            settings = site_cameras.settings_of(self._chosen(), self.box.paths.run)
            path = self.papers.finish(by, rfc3339(self.box.clock.now()), settings.state_dir)
            self._store.change(finished=True)
            self._mark_done()
            return path

    # --- the centre's side ---

    def delivered(self, sent: ClaimRecord) -> None:
        """Record that the broker has received the claim, unless the claim has changed since it was sent."""
        with self._store.lock:  # the technician may sign or undo the claim at the same time
            if self.record.jws == sent.jws:
                self._store.change(delivered=True)

    def accept(self, answer: ClaimAnswer) -> None:
        """Store the centre's answer, and act on it. Raises CommissioningError; then ``settle`` tries
        again."""
        with self._step(wait=True):
            claim = self.record.claim
            if claim is None or claim.claim_id != answer.claim_id or self.record.state in FREE:
                return  # the claim was undone at the box while the answer was on its way
            self._store.change(answer=answer, settled=False)
            self._settle()

    def settle(self) -> None:
        """Act on an answer that was stored before a power cut."""
        with self._step(wait=True):
            self._settle()

    def _settle(self) -> None:
        answer = self.record.answer
        if answer is None or self.record.settled:
            return
        if answer.decision == "confirmed" and answer.certificate is not None:
            site = self._chosen().id
            values = {"certificate": answer.certificate, "claim_id": answer.claim_id}
            self.box.root.ask("certificate", site=site, **values)
            self._store.change(state=CommissioningState.CONFIRMED, settled=True)
            self._mark_done()
            return
        code = "" if answer.problem is None else answer.problem.code
        self.box.root.ask("unclaim", reason=f"{answer.decision} {code}".strip())
        state = CommissioningState.WITHDRAWN if answer.decision == "withdrawn" else CommissioningState.REFUSED
        self._store.put(ClaimRecord(state=state, claim=self.record.claim, problem=answer.problem))
        self._forget_site()

    # --- parts ---

    def _claim_with(self, verdict: VerdictCounts) -> None:
        """Replace the claim by one with the verdict, to be sent again, unless the centre has answered it."""
        claim = self.record.claim
        if claim is None or self.record.state is not CommissioningState.CLAIMED:
            return
        examined = msgspec.structs.replace(claim, verdict=verdict)
        if examined != claim:
            jws = sign(encode_json(examined), self.box.identity.key).decode()
            self._store.change(claim=examined, jws=jws, delivered=False)

    def _make_claim(self, site: BundleSite, by: str, csr: str) -> Claim:
        identity, document, earlier = self.box.identity, self.papers.verdict(), self.record.claim
        return Claim(
            claim_id=secrets.token_hex(16),
            serial=identity.serial,
            board=self.box.board[:200],
            version=__version__,
            key_sha256=identity.key_sha256,
            public_key=identity.public_key,
            site=site.id,
            ward=site.ward,
            csr=csr,
            by=by,
            time=rfc3339(self.box.clock.now()),
            synced=self.box.synced(),
            location=self.location,
            cameras=[] if self.found is None else self.found.wire(),
            verdict=None if document is None or document.gateway != site.id else counts(document),
            previous_claim_id=None if earlier is None else earlier.claim_id,
            bundle_version=self.bundle.version,
        )

    def _logins(self, site: BundleSite, passwords: Mapping[str, str]) -> dict[str, str]:
        found = {
            each.id: passwords.get(each.id) or passwords.get("", "") for each in site.cameras if each.username
        }
        if not all(text and text.isprintable() and len(text) <= 200 for text in found.values()):
            raise CommissioningError("password-missing")
        return found

    def _try_logins(self, site: BundleSite, logins: Mapping[str, str]) -> None:
        settings = site_cameras.settings_of(site, self.box.paths.run)
        found = self.found.cameras if self.found is not None else ()
        reachable = frozenset(each.id for each in found if each.fits)
        with_logins = site_cameras.with_passwords(settings, logins)
        site_cameras.try_passwords(with_logins, reachable, settings.state_dir)

    def _chosen(self) -> BundleSite:
        if self.site is None:
            raise CommissioningError("site-first")
        return self.site

    def _require_free(self) -> None:
        """Raise CommissioningError while the box has a site, whether confirmed or not."""
        claim = self.record.claim
        if claim is None or self.record.state in FREE:
            return
        if self.record.state is CommissioningState.CONFIRMED:
            raise CommissioningError("confirmed-already", site=claim.site)
        raise CommissioningError("claimed-already", site=claim.site)

    def require_at(self, label: str) -> None:
        """Raise CommissioningError if the box has another site than that of the label."""
        claim = self.record.claim
        if claim is not None and claim.site != id_of_label(label):
            self._require_free()

    def _forget_site(self) -> None:
        self.site, self.found = None, None
        site_cameras.forget_passwords(self.box.paths.run)
        self.papers.clear()

    def leave(self) -> None:
        """End the page for good if the claim is confirmed, although the technician has not signed: no phone
        uses the page any more."""
        with self._step(wait=True):
            self._mark_done(signed=True)

    def _mark_done(self, *, signed: bool = False) -> None:
        """End the page for good if the claim is confirmed and the technician has signed."""
        signed = signed or self.record.finished
        if signed and self.record.state is CommissioningState.CONFIRMED:
            try:
                self.box.paths.confirmed.touch(mode=0o600)
            except OSError as error:
                raise CommissioningError("disk-full") from error

    def _step(self, *, wait: bool = False) -> _Step:
        return _Step(self._steps, wait)


class _Step:
    """Allows one step at a time, and turns other errors into CommissioningError."""

    def __init__(self, lock: threading.Lock, wait: bool) -> None:
        self._lock, self._wait = lock, wait

    def __enter__(self) -> None:
        if not self._lock.acquire(blocking=self._wait):
            raise CommissioningError("busy")

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        self._lock.release()
        if isinstance(error, OSError):
            raise CommissioningError("disk-full") from error
        if isinstance(error, EdgeAgentError) and not isinstance(error, CommissioningError):
            raise CommissioningError("root-refused", reason=str(error)[:500]) from error
