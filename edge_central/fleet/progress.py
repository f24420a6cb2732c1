"""How far roll-outs have come, judged by what each gateway itself reports. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from edge_central.console.fleet import PRESENT, Fleet, SiteOverview
from edge_central.fleet.rollouts import BatchMember, ReleaseRollout, RolloutBatch


class MemberState(StrEnum):
    """The state of a gateway with regard to one release or model."""

    RUNS = "runs"
    TRIAL = "trial"  # fetches, installs or tries it, perhaps beside the one in force
    REVERTED = "reverted"  # tried it, and returned to the version before
    FAILED = "failed"  # the playbook reported a failure
    AWAY = "away"  # away; did not run it when the centre last heard it
    WAITING = "waiting"


@dataclass(frozen=True, slots=True)
class MemberProgress:
    gateway: str
    state: MemberState
    why: str = ""


@dataclass(frozen=True, slots=True)
class BatchProgress:
    number: int
    begun_ms: int
    members: tuple[MemberProgress, ...]

    @property
    def counts(self) -> Counter[MemberState]:
        return Counter(member.state for member in self.members)

    @property
    def unfinished(self) -> tuple[MemberProgress, ...]:
        """The gateways that do not run the release, each with the reason if it is known."""
        return tuple(member for member in self.members if member.state is not MemberState.RUNS)


@dataclass(frozen=True, slots=True)
class RolloutProgress:
    rollout: ReleaseRollout
    batches: tuple[BatchProgress, ...]

    @property
    def counts(self) -> Counter[MemberState]:
        return sum((batch.counts for batch in self.batches), Counter[MemberState]())


@dataclass(frozen=True, slots=True)
class OwnChange:
    """A release or model that a gateway fetches, tries or has given up, whoever requested this."""

    gateway: str
    subject: str  # version, or name of the model
    state: MemberState
    phase: str  # as the gateway reports it; empty: the change is over
    why: str


def progress_of(rollout: ReleaseRollout, fleet: Fleet) -> RolloutProgress:
    """Judge each gateway of the roll-out by its newest heartbeat."""
    sites = {site.id: site for site in fleet.sites}
    return RolloutProgress(rollout, tuple(_batch(each, rollout.version, sites) for each in rollout.batches))


def _batch(batch: RolloutBatch, version: str, sites: Mapping[str, SiteOverview]) -> BatchProgress:
    members = (member_progress(member, version, sites.get(member.gateway)) for member in batch.members)
    return BatchProgress(batch.number, batch.begun_ms, tuple(members))


def member_progress(member: BatchMember, version: str, site: SiteOverview | None) -> MemberProgress:
    """Judge a gateway that shall get ``version``. ``site`` None: the gateway is not in the scope, or was
    removed."""
    gateway = member.gateway
    if site is not None and site.version == version:
        return MemberProgress(gateway, MemberState.RUNS)
    if member.failed_ms is not None:
        return MemberProgress(gateway, MemberState.FAILED, member.why)
    if site is None or site.state not in PRESENT:
        return MemberProgress(gateway, MemberState.AWAY, "" if site is None else site.why)
    health = site.health.update
    if health.reverted == version:
        return MemberProgress(gateway, MemberState.REVERTED, health.why or "")
    return MemberProgress(gateway, MemberState.TRIAL if health.version == version else MemberState.WAITING)


def own_releases(sites: Iterable[SiteOverview]) -> Iterator[OwnChange]:
    """Return the releases that gateways install themselves: fetched from a server, or sent to a single
    gateway."""
    for site in sites:
        health = site.health.update
        if health.version is not None:
            yield OwnChange(site.id, health.version, MemberState.TRIAL, health.phase or "", "")
        if health.reverted is not None:
            yield OwnChange(site.id, health.reverted, MemberState.REVERTED, "", health.why or "")


def own_models(sites: Iterable[SiteOverview]) -> Iterator[OwnChange]:
    """Return the models that gateways try, or have given up."""
    for site in sites:
        health = site.health.model
        if health.phase is not None:
            name = health.name or (health.sha256 or "")[:6]
            yield OwnChange(site.id, name, MemberState.TRIAL, health.phase, health.refusal or "")
        if health.reverted is not None:
            yield OwnChange(site.id, health.reverted[:6], MemberState.REVERTED, "", health.why or "")
