"""The overrides of a site's rules, for the pages of the site."""

from __future__ import annotations

from edge_central.commands.overrides import OverrideInForce, overrides_in_force
from edge_central.commands.records import last_overrides
from edge_central.console.fleet import SiteOverview
from edge_central.web.request_context import UserRequestContext


def read_overrides(
    visit: UserRequestContext, site: SiteOverview | None
) -> dict[tuple[str, str], OverrideInForce]:
    """Return the overrides of this site, by camera and rule."""
    if site is None:
        return {}
    commands = last_overrides(visit.connection, visit.scope.narrowed(site.ward), site.id)
    return overrides_in_force(site.health.commands.rules, site.heartbeat_ms or 0, commands, visit.now_ms)
