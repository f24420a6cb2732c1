"""``/fleet/rollouts``: roll-outs by batch with their progress, and the button that stops them."""

from __future__ import annotations

from starlette.responses import Response

from edge_central.fleet.progress import MemberState, own_models, own_releases, progress_of
from edge_central.fleet.published import published_progress, read_releases
from edge_central.fleet.rollouts import read_rollouts, stop_rollout
from edge_central.store.accesses import AccessKind, record_access
from edge_central.web.auth.accounts import ADMIN_ROLES
from edge_central.web.http_errors import BadRequest, Conflict
from edge_central.web.request_context import UserRequestContext
from edge_central.web.request_handler import Page

MAX_REASON = 500
ROLLOUTS = "/fleet/rollouts"


def rollouts_page(visit: UserRequestContext) -> Response:
    fleet = visit.fleet()
    rollouts = read_rollouts(visit.connection, visit.scope)
    return visit.render(
        "rollouts.html",
        rollouts=[progress_of(each, fleet) for each in rollouts],
        published=[
            published_progress(each, fleet.sites, visit.names)
            for each in read_releases(visit.services.console.release_manifests)
        ],
        releases=list(own_releases(fleet.sites)),
        models=list(own_models(fleet.sites)),
        member_states=tuple(MemberState),
        sites={site.id: site for site in fleet.sites},
    )


def stop_page(visit: UserRequestContext) -> Response:
    """Stop a roll-out before its next batch, and record this in the access log."""
    why = " ".join(visit.form.get("why", "").split())[:MAX_REASON]
    if not why:
        raise BadRequest("say why the roll-out is stopped")
    with visit.writing() as connection:
        version = stop_rollout(connection, visit.number("id"), visit.account.name, why, visit.now_ms)
        if version is None:
            raise Conflict("this roll-out is not running")
        record_access(
            *(connection, AccessKind.ROLLOUT_STOP, visit.account.name, visit.address, visit.now_ms),
            media_id=version,
        )
    return visit.redirect(ROLLOUTS)


PAGES = (
    Page(ROLLOUTS, rollouts_page),
    Page(f"{ROLLOUTS}/{{id}}/stop", stop_page, "POST", ADMIN_ROLES),
)
