"""Compares each gateway with the sheet and with the version of the fleet.

Everything is read from the newest heartbeat, birth and presence of a gateway (``console/fleet.py``) and from
the rules that it has sent. The fleet's version is the one that the alert rule ``version_behind`` uses.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import Connection

from edge_agent.core.problems import problem_of
from edge_agent.wire.received.health import ReceivedUplinkHealth
from edge_central.alert_settings import AlertSettings
from edge_central.console.documents import HeartbeatFields
from edge_central.console.fleet import WORST_FIRST, Fleet, SiteOverview, SiteState, read_fleet
from edge_central.console.site_names import Names
from edge_central.measures import Measure, newest_version
from edge_central.rehearsals.changed_rules import ChangedRules, read_changed_rules
from edge_central.store.scope import EVERYWHERE, Scope

EXPIRING_DAYS = 30
"""A certificate that expires in fewer days is a problem; gateways use the same limit."""
MOST_PERCENT = 999


class DeviationKind(StrEnum):
    """How a gateway differs from what is expected. The comments name the ``detail`` of the deviation in
    brackets."""

    NEVER_CONNECTED = "never-connected"  # in the sheet, but the centre never heard it
    NOT_IN_SHEET = "not-in-sheet"
    OTHER_WARD = "other-ward"  # not the ward of the sheet (that ward)
    CAMERA_MISSING = "camera-missing"  # in the sheet, but not at the gateway (ids)
    CAMERA_UNKNOWN = "camera-unknown"  # at the gateway, but not in the sheet (ids)
    OTHER_VERSION = "other-version"  # not the version of the fleet (that version)
    RELEASE_REVERTED = "release-reverted"  # (version and reason)
    CONFIG_ON_TRIAL = "config-on-trial"
    CONFIG_REVERTED = "config-reverted"  # (version and reason)
    MODEL_REVERTED = "model-reverted"  # (reason)
    RULE_CHANGED = "rule-changed"  # by a command: not as configured (ids of one camera)
    MASKS_CHANGED = "masks-changed"  # a command changed the masks of a camera (its id)


@dataclass(frozen=True, slots=True)
class Deviation:
    kind: DeviationKind
    detail: str = ""
    camera: str = ""  # empty: the deviation concerns the whole gateway


@dataclass(frozen=True, slots=True)
class ComparedGateway:
    """A gateway and its deviations."""

    site: SiteOverview
    deviations: tuple[Deviation, ...]

    @property
    def certificate_days(self) -> int | None:
        """Days until the gateway's certificate or its CA expires, whichever is earlier; None: unknown."""
        certificates = self.site.health.certificates
        days = [each for each in (certificates.client_days, certificates.ca_days) if each is not None]
        return min(days, default=None)

    @property
    def certificate_expires(self) -> bool:
        return self.certificate_days is not None and self.certificate_days < EXPIRING_DAYS

    @property
    def used_percent(self) -> int | None:
        """Used share of the uplink's budget in this period; None: there is no budget."""
        return _percent(self.site.health.uplink, self.site.health.uplink.used_bytes)

    @property
    def forecast_percent(self) -> int | None:
        """Share of the uplink's budget that will be used at the end of the period; None: unknown."""
        return _percent(self.site.health.uplink, self.site.health.uplink.forecast_bytes)

    @property
    def exceeds_budget(self) -> bool:
        return (self.forecast_percent or 0) > 100

    def differs(self, kind: str) -> bool:
        """Return whether the gateway has a deviation of this kind; ``any``: of any kind."""
        return any(kind in ("any", each.kind) for each in self.deviations)


@dataclass(frozen=True, slots=True)
class FleetFilter:
    """Conditions on the rows of the page. An empty value is no condition."""

    ward: str = ""
    state: str = ""
    version: str = ""
    model: str = ""
    differs: str = ""  # a DeviationKind, or ``any``
    expiring: bool = False  # only gateways whose certificate expires soon
    exceeding: bool = False  # only gateways whose forecast exceeds the uplink's budget

    def matches(self, row: ComparedGateway) -> bool:
        site = row.site
        wanted = ((self.ward, site.ward), (self.state, site.state.value), (self.version, site.version))
        return (
            all(not value or value == found for value, found in (*wanted, (self.model, site.model)))
            and (not self.differs or row.differs(self.differs))
            and (not self.expiring or row.certificate_expires)
            and (not self.exceeding or row.exceeds_budget)
        )


@dataclass(frozen=True, slots=True)
class FleetComparison:
    """All gateways of a scope, the broken ones first."""

    rows: tuple[ComparedGateway, ...]
    wanted_version: str  # version of the fleet; empty: unknown

    @property
    def versions(self) -> Counter[str]:
        return Counter(row.site.version for row in self.rows if row.site.version)

    @property
    def models(self) -> Counter[str]:
        return Counter(row.site.model for row in self.rows if row.site.model)

    @property
    def deviations(self) -> Counter[DeviationKind]:
        """The number of gateways with each kind of deviation."""
        return Counter(kind for row in self.rows for kind in {each.kind for each in row.deviations})

    @property
    def differing(self) -> int:
        return sum(bool(row.deviations) for row in self.rows)

    @property
    def expiring(self) -> int:
        """The number of gateways whose certificate expires soon."""
        return sum(row.certificate_expires for row in self.rows)

    @property
    def exceeding(self) -> int:
        """The number of gateways that will use more than the budget of their uplink."""
        return sum(row.exceeds_budget for row in self.rows)


def wanted_version(settings: AlertSettings, versions: Mapping[str, int]) -> str:
    """Return the version that gateways should have: the version of the alert rule, or else the newest version
    that a tenth of the gateways has."""
    named = (rule.version for rule in settings.rules if rule.measure is Measure.VERSION_BEHIND)
    return next((version for version in named if version), "") or newest_version(versions)


def read_comparison(
    connection: Connection, names: Names, scope: Scope, settings: AlertSettings, now_ms: int
) -> FleetComparison:
    """Compare the gateways of this scope. They are compared with the version of the whole fleet, as for the
    alerts."""
    fleet = read_fleet(connection, names, scope, now_ms)
    everything = fleet if scope == EVERYWHERE else read_fleet(connection, names, EVERYWHERE, now_ms)
    versions = Counter(site.version for site in everything.sites)
    changed = read_changed_rules(connection, scope)
    return compare(fleet, names, wanted_version(settings, versions), changed)


def compare(fleet: Fleet, names: Names, version: str, changed: Mapping[str, ChangedRules]) -> FleetComparison:
    """Compare the gateways of ``fleet`` with the sheet and with ``version`` of the fleet. ``changed``: the
    rules and masks of each gateway that a command has changed."""
    rows = []
    for site in fleet.sites:
        found = (*_deviations(site, names, version), *_changed_rules(changed.get(site.id, {})))
        rows.append(ComparedGateway(site, found))
    return FleetComparison(tuple(sorted(rows, key=_order)), version)


def _changed_rules(changed: ChangedRules) -> Iterator[Deviation]:
    for camera, changes in changed.items():
        if changes.rules:
            detail = ", ".join(f"{camera}/{rule}" for rule in changes.rules)
            yield Deviation(DeviationKind.RULE_CHANGED, detail, camera)
        if changes.masks:
            yield Deviation(DeviationKind.MASKS_CHANGED, camera, camera)


def _order(row: ComparedGateway) -> tuple[int, bool, int, str, str]:
    site = row.site
    return (
        WORST_FIRST.index(site.level),
        not row.certificate_expires,
        -len(row.deviations),
        site.ward,
        site.id,
    )


def _deviations(site: SiteOverview, names: Names, version: str) -> Iterator[Deviation]:
    if names.sites:
        yield from _from_sheet(site, names)
    if site.version and version and site.version != version:
        yield Deviation(DeviationKind.OTHER_VERSION, version)
    health = site.health
    if (release := health.update.reverted) is not None:
        why = _reported(health, "update-reverted") or f"{release}: {health.update.why or ''}"
        yield Deviation(DeviationKind.RELEASE_REVERTED, why)
    if health.config.origin == "trial":
        yield Deviation(DeviationKind.CONFIG_ON_TRIAL)
    if health.config.given_up is not None:
        why = _reported(health, "config-given-up") or health.config.given_up
        yield Deviation(DeviationKind.CONFIG_REVERTED, why)
    if health.model.reverted is not None:
        why = _reported(health, "model-given-up") or health.model.why or ""
        yield Deviation(DeviationKind.MODEL_REVERTED, why)


def _from_sheet(site: SiteOverview, names: Names) -> Iterator[Deviation]:
    expected = names.sites.get(site.id)
    if expected is None:
        yield Deviation(DeviationKind.NOT_IN_SHEET)
        return
    if site.heard_ms is None and site.state is SiteState.NEVER:
        yield Deviation(DeviationKind.NEVER_CONNECTED)
        return
    if expected.ward and expected.ward != site.ward:
        yield Deviation(DeviationKind.OTHER_WARD, expected.ward)
    configured = {*site.health.cameras} or {camera.id for camera in site.birth.cameras}
    if not configured:  # neither a heartbeat nor a birth can be read: the cameras are unknown
        return
    if missing := expected.cameras.keys() - configured:
        yield Deviation(DeviationKind.CAMERA_MISSING, ", ".join(sorted(missing)))
    if unknown := configured - expected.cameras.keys():
        yield Deviation(DeviationKind.CAMERA_UNKNOWN, ", ".join(sorted(unknown)))


def _reported(health: HeartbeatFields, code: str) -> str:
    """Return the line of the heartbeat with this code, which pages can translate; empty: there is none."""
    for line in health.degraded:
        problem = problem_of(line)
        if problem is not None and problem.code == code:
            return line
    return ""


def _percent(uplink: ReceivedUplinkHealth, bytes_: int | None) -> int | None:
    budget = uplink.monthly_bytes
    if budget is None or budget <= 0 or bytes_ is None:
        return None
    return min(max(0, round(100 * bytes_ / budget)), MOST_PERCENT)
