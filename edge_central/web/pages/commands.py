"""Commands to the gateway of a site: buttons for those without a signature, the documents that an operator
signs in the browser (``static/command.js``), and the log with the gateway's replies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from starlette.responses import Response

from edge_central.commands.draft import (
    CLIP_S,
    PreparedCommand,
    prepare,
    reason_of,
    signed_command,
    unsigned_command,
)
from edge_central.commands.model import (
    MAX_REASON,
    UNCLAIM,
    CommandAuthor,
    GatewayCommand,
    InvalidCommand,
)
from edge_central.commands.records import list_commands, store_signed, store_unsigned
from edge_central.commands.submission import read_signed
from edge_central.console.fleet import SiteOverview
from edge_central.rehearsals.records import read_camera_rules
from edge_central.web.auth.accounts import ACTING_ROLES
from edge_central.web.auth.login import safe_redirect_path
from edge_central.web.http_errors import BadRequest, Conflict, NotFound
from edge_central.web.pages.rules.overrides import read_overrides
from edge_central.web.pages.rules.set_rule import (
    SET_RULE,
    DraftedMasks,
    DraftedRule,
    drafted_masks,
    drafted_rule,
    set_rule_command,
)
from edge_central.web.request_context import UserRequestContext
from edge_central.web.request_handler import Page

RULE_TIMES_S = (900, 3_600, 7_200, 28_800, 86_400, 259_200, 604_800, 0)
"""Durations that the form offers for an override of a rule; 0 ends the override."""
STORM_TIMES_S = (3_600, 7_200, 21_600, 86_400, 172_800, 0)
STORM_EVERY_S = (30, 60, 300, 900)


@dataclass(frozen=True, slots=True)
class CommandRule:
    """A rule that a command can name. ``value``: the value in the form's field."""

    camera: str
    camera_name: str
    rule: str

    @property
    def value(self) -> str:
        return f"{self.camera}/{self.rule}"


def commands_page(visit: UserRequestContext) -> Response:
    """Return the page of commands. With ``type`` in the query it has also the document of that command, to be
    signed. ``command``: the id of the only command that the log shows."""
    site, query = _site(visit), dict(visit.request.query_params)
    if "type" not in query:
        return _page(visit, site, query)
    try:
        if query["type"] == SET_RULE:
            command = set_rule_command(visit, site.id, query)
        else:
            command = signed_command(query, _cameras(site))
        return show_document(visit, site, query, command)
    except InvalidCommand as refusal:
        return _page(visit, site, query, error=refusal.key)


def show_document(
    visit: UserRequestContext, site: SiteOverview, values: Mapping[str, str], command: GatewayCommand
) -> Response:
    """Return the page with the document of this command, to be signed. ``values``: those of the form. Raises
    InvalidCommand."""
    return _page(
        visit,
        site,
        values,
        prepared=prepare(command, site.id, visit.now_ms),
        drafted=drafted_rule(visit, site.id, command),
        masks=drafted_masks(visit, site.id, command),
    )


def send_unsigned(visit: UserRequestContext) -> Response:
    site = _site(visit)
    try:
        command = unsigned_command(visit.form, _cameras(site))
    except InvalidCommand as refusal:
        raise BadRequest(refusal.key) from None
    with visit.writing() as connection:
        store_unsigned(connection, _author(visit), site.id, site.ward, command)
    return visit.redirect(safe_redirect_path(visit.form.get("next") or f"/sites/{site.id}/commands"))


def send_signed(visit: UserRequestContext) -> Response:
    """Store a command that the browser has signed, for the ingest."""
    site, reason = _site(visit), reason_of(visit.form)
    try:
        if not reason:
            raise InvalidCommand("command-error-reason")
        signed = visit.form.get("signed", "").encode()
        submitted = read_signed(signed, site.id, _cameras(site), visit.now_ms)
        if submitted.command.type == UNCLAIM:  # the page of claims sends it, and records the withdrawal
            raise InvalidCommand("command-error-type")
    except InvalidCommand as refusal:
        return _page(visit, site, {}, error=refusal.key, status=400)
    with visit.writing() as connection:
        if not store_signed(connection, _author(visit), site.id, site.ward, submitted, reason):
            raise Conflict("this command was sent before")
    return visit.redirect(f"/sites/{site.id}/commands")


def _page(
    visit: UserRequestContext,
    site: SiteOverview,
    values: Mapping[str, str],
    *,
    prepared: PreparedCommand | None = None,
    drafted: DraftedRule | None = None,
    masks: DraftedMasks | None = None,
    error: str | None = None,
    status: int = 200,
) -> Response:
    return visit.render(
        "commands.html",
        status,
        site=site,
        values=values,
        prepared=prepared,
        drafted=drafted,
        masks=masks,
        error=error,
        reason=reason_of(values),
        max_reason=MAX_REASON,
        rules=_rules(visit, site),
        overrides=read_overrides(visit, site),
        clip_s=CLIP_S,
        rule_times=RULE_TIMES_S,
        storm_times=STORM_TIMES_S,
        storm_every=STORM_EVERY_S,
        commands=list_commands(
            *(visit.connection, visit.scope.narrowed(site.ward), site.id),
            only=values.get("command") or None,
        ),
    )


def _site(visit: UserRequestContext) -> SiteOverview:
    """Return the site in the path. Raises NotFound."""
    gateway = visit.path("gateway")
    site = visit.fleet(gateway=gateway).site(gateway)
    if site is None:
        raise NotFound
    return site


def _cameras(site: SiteOverview) -> frozenset[str]:
    return frozenset(camera.id for camera in site.cameras)


def _author(visit: UserRequestContext) -> CommandAuthor:
    return CommandAuthor(visit.account.name, visit.address, visit.now_ms)


def _rules(visit: UserRequestContext, site: SiteOverview) -> list[CommandRule]:
    """Return the rules of the site's cameras that its gateway has reported."""
    scope, found = visit.scope.narrowed(site.ward), []
    for camera in site.cameras:
        known = read_camera_rules(visit.connection, scope, site.id, camera.id).rules
        rules = () if known is None else known.rules
        found += [CommandRule(camera.id, camera.name, rule.id) for rule in rules]
    return found


PAGES = (
    Page("/sites/{gateway}/commands", commands_page, roles=ACTING_ROLES),
    Page("/sites/{gateway}/commands", send_signed, "POST", roles=ACTING_ROLES),
    Page("/sites/{gateway}/commands/unsigned", send_unsigned, "POST", roles=ACTING_ROLES),
)
