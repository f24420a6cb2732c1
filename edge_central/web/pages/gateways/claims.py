"""``/fleet/claims``: claims of boxes, those that wait first, with what does not fit. An operator can withdraw
a claim here, with a signature made in the browser."""

from __future__ import annotations

from starlette.responses import Response

from edge_central.claims.misfits import JudgedClaim, judge_claims
from edge_central.claims.model import ClaimWithdrawal, StoredClaim, StoredClaimState
from edge_central.claims.records import read_claims, reporting_gateways, withdraw
from edge_central.commands.draft import check_arguments, prepare, reason_of
from edge_central.commands.model import (
    MAX_REASON,
    UNCLAIM,
    CommandAuthor,
    GatewayCommand,
    InvalidCommand,
)
from edge_central.commands.records import store_signed
from edge_central.commands.submission import SubmittedCommand, read_signed
from edge_central.store.accesses import AccessKind, record_access
from edge_central.web.auth.accounts import ACTING_ROLES
from edge_central.web.http_errors import Conflict, NotFound
from edge_central.web.request_context import UserRequestContext
from edge_central.web.request_handler import Page

CLAIMS = "/fleet/claims"


def claims_page(visit: UserRequestContext) -> Response:
    judged = _judged(visit)
    return visit.render(
        "claims.html",
        judged=judged,
        waiting=sum(each.stored.state is StoredClaimState.PENDING for each in judged),
        wrong=sum(each.is_wrong for each in judged),
    )


def claim_page(visit: UserRequestContext) -> Response:
    """The page of one claim. ``reason`` in the query: also the document of its withdrawal, to be signed."""
    reason = reason_of({"reason": visit.query("reason") or ""})
    return _page(visit, _claim(visit), reason)


def withdraw_page(visit: UserRequestContext) -> Response:
    """Store a withdrawal that the browser has signed. It is for the control machine, and also for the box if
    the box is the gateway of its site by this claim."""
    judged, reason = _claim(visit), reason_of(visit.form)
    try:
        if not reason:
            raise InvalidCommand("command-error-reason")
        submitted = _submitted(visit, judged.stored)
    except InvalidCommand as refusal:
        return _page(visit, judged, "", error=refusal.key, status=400)
    stored, author = judged.stored, CommandAuthor(visit.account.name, visit.address, visit.now_ms)
    by = ClaimWithdrawal(visit.now_ms, author.account, reason)
    with visit.writing() as connection:
        if withdraw(connection, stored.number, submitted.jws, by, visit.scope) is None:
            raise Conflict("this claim is not in force, or was withdrawn before")
        site, ward = stored.claim.site, stored.claim.ward
        record_access(
            *(connection, AccessKind.CLAIM_WITHDRAWAL, author.account, author.address, author.now_ms),
            ward=ward,
            gateway=site,
            media_id=stored.claim.serial,
        )
        if stored.state is StoredClaimState.CONFIRMED:
            store_signed(connection, author, site, ward, submitted, reason)
    return visit.redirect(CLAIMS)


def _submitted(visit: UserRequestContext, stored: StoredClaim) -> SubmittedCommand:
    """Return the signed command, if it withdraws this claim. Raises InvalidCommand."""
    claim = stored.claim
    submitted = read_signed(visit.form.get("signed", "").encode(), claim.site, (), visit.now_ms)
    args = submitted.command.args
    named = (submitted.command.type, args.get("claim_id"), args.get("serial"))
    if named != (UNCLAIM, claim.claim_id, claim.serial):
        raise InvalidCommand("command-error-other")
    return submitted


def _page(
    visit: UserRequestContext,
    judged: JudgedClaim,
    reason: str,
    *,
    error: str | None = None,
    status: int = 200,
) -> Response:
    stored, prepared = judged.stored, None
    if reason and stored.is_undoable and stored.withdrawal is None:
        claim = stored.claim
        args = {"claim_id": claim.claim_id, "serial": claim.serial, "why": reason}
        command = GatewayCommand(UNCLAIM, args)
        check_arguments(command)
        prepared = prepare(command, claim.site, visit.now_ms)
    return visit.render(
        "claim.html",
        status,
        judged=judged,
        prepared=prepared,
        reason=reason,
        error=error,
        max_reason=MAX_REASON,
    )


def _judged(visit: UserRequestContext) -> list[JudgedClaim]:
    """Return the claims of the user's wards. Claims of several boxes for one site are of the same ward."""
    boxes = visit.services.boxes.boxes()
    claims = read_claims(visit.connection, visit.scope, boxes)
    active = reporting_gateways(visit.connection, visit.scope) if claims else []
    return judge_claims(claims, visit.names, boxes, active)


def _claim(visit: UserRequestContext) -> JudgedClaim:
    """Return the claim in the path. Raises NotFound."""
    number = visit.number("id")
    found = next((each for each in _judged(visit) if each.stored.number == number), None)
    if found is None:
        raise NotFound
    return found


PAGES = (
    Page(CLAIMS, claims_page),
    Page(f"{CLAIMS}/{{id}}", claim_page, roles=ACTING_ROLES),
    Page(f"{CLAIMS}/{{id}}/withdraw", withdraw_page, "POST", ACTING_ROLES),
)
