"""A rehearsal: its form next to the rule, and what the gateway has counted.

Rows are written here, and the ingest asks the gateway (docs/decisions/0065).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode

from starlette.responses import Response

from edge_agent.core.model import LABELS
from edge_central.console.documents import milliseconds
from edge_central.proposals.draft import as_yaml
from edge_central.rehearsals.model import DAYS, RehearsalDraft, RehearsalQuestion, RehearsalView
from edge_central.rehearsals.new_rehearsal import start_rehearsal
from edge_central.rehearsals.records import read_rehearsal
from edge_central.rehearsals.rules import ID, ConfiguredRule
from edge_central.searches import match_pictures, new_search
from edge_central.searches.model import OPEN_PICTURES, SearchesUnavailable, TooManySearches
from edge_central.searches.question import InvalidQuestion
from edge_central.web.auth.accounts import ACTING_ROLES
from edge_central.web.http_errors import BadRequest, NotFound
from edge_central.web.pages.charts import bar_chart
from edge_central.web.pages.rules import rehearsal_form
from edge_central.web.pages.rules.camera_rules import RulesOfCamera, rules_of_camera, rules_of_path
from edge_central.web.pages.rules.new_rule import new_rule, renamed
from edge_central.web.pages.rules.rehearsal_form import Values
from edge_central.web.pages.search_form import FormError, InvalidForm
from edge_central.web.pages.searches import MOST_AT_ONCE, drawn_on, pictures
from edge_central.web.request_context import UserRequestContext
from edge_central.web.request_handler import Page

HOURS = tuple(f"{hour:02d}" for hour in range(24))


def form_page(visit: UserRequestContext) -> Response:
    """Show the form of a new rehearsal, filled in with the rule in force.

    In the query, ``proposal`` is the kind of a change that the outcomes of alarms suggest, and ``like`` the
    id of an earlier rehearsal: the form begins with that instead.
    """
    found = rules_of_path(visit)
    rule, _ = _rule_of(found, visit.path("rule"), dict(visit.request.query_params))
    values = rehearsal_form.usual_values(rule)
    kind, like = visit.query("proposal"), visit.query("like")
    if kind is not None:
        proposal = found.proposals(visit, rule).of(kind)
        if proposal is None:
            raise NotFound
        values |= _values_of(found, proposal.draft)
    elif like is not None:
        before = _found_rehearsal(visit, like)
        values |= _values_of(found, before.draft) | {"span": str(before.days), "purpose": before.purpose}
        values["case"] = before.case
    return _form(visit, found, rule, values, {})


def begin_rule(visit: UserRequestContext) -> Response:
    """Show the form of a rule that does not exist yet. Form fields: ``kind``, and ``name`` for people."""
    found = rules_of_path(visit)
    known = found.known.rules
    taken = {*(rule.id for rule in known.rules), *known.zones, *known.lines} if known is not None else set()
    rule = new_rule(visit.form.get("kind", ""), visit.form.get("name", ""), taken)
    if rule is None or known is None:
        raise BadRequest("a new rule needs a kind and a name")
    asked = urlencode({"kind": rule.kind, "name": rule.display_name})
    here = f"/sites/{found.site.id}/cameras/{quote(found.camera.id)}/rules"
    return visit.redirect(f"{here}/{rule.id}/rehearse?{asked}")


def _rule_of(found: RulesOfCamera, id_: str, values: Mapping[str, str]) -> tuple[ConfiguredRule, bool]:
    """Return the rule, and whether it is new (made of ``kind`` and ``name``). Raises NotFound."""
    known = found.known.rules
    if known is not None and known.rule(id_) is None and "kind" in values:
        rule = new_rule(values["kind"], values.get("name", ""), ())
        if rule is None or not ID.fullmatch(id_):
            raise NotFound
        return renamed(rule, id_), True
    return found.rule(id_), False


def _values_of(found: RulesOfCamera, draft: RehearsalDraft) -> Values:
    drafted = found.drafted(draft)
    if drafted is None:
        raise NotFound
    return rehearsal_form.values_of(drafted)


def _form(
    visit: UserRequestContext,
    found: RulesOfCamera,
    rule: ConfiguredRule,
    values: Values,
    errors: Mapping[str, FormError],
    status: int = 200,
) -> Response:
    return visit.render(
        "rehearsal_form.html",
        status,
        site=found.site,
        camera=found.camera,
        rule=rule,
        values=values,
        errors=errors,
        drawing=found.drawing(rehearsal_form.place_shown(rule, values)),
        background=drawn_on(visit, found.site.id, found.camera),
        new=None if found.known.rules is None or found.known.rules.rule(rule.id) else rule.kind,
        labels=LABELS,
        week=rehearsal_form.WEEK,
        spans=DAYS,
        available=found.site.ward in new_search.searchable_wards(visit.connection),
    )


def start(visit: UserRequestContext) -> Response:
    """Start a rehearsal, or show the form again with what is wrong in it."""
    found = rules_of_path(visit)
    rule, is_new = _rule_of(found, visit.path("rule"), visit.form)
    values, form = Values(str, visit.form), visit.form
    try:
        question = RehearsalQuestion(
            gateway=found.site.id,
            camera=found.camera.id,
            draft=rehearsal_form.draft_of(rule, form, is_new=is_new),
            days=rehearsal_form.span_of(form),
            with_examples=bool(form.get("examples")),
            purpose=form.get("purpose", ""),
            case=form.get("case", ""),
        )
        with visit.writing() as connection:
            id_ = start_rehearsal(connection, visit.search_author, question, visit.now_ms)
    except InvalidForm as error:
        return _form(visit, found, rule, values, error.errors, 400)
    except InvalidQuestion as error:
        return _form(visit, found, rule, values, {error.field: FormError(text=error.text)}, 400)
    except SearchesUnavailable as error:
        return _form(visit, found, rule, values, {"": FormError(text=str(error))}, 503)
    except TooManySearches as error:
        return _form(visit, found, rule, values, {"": FormError(text=error.text)}, 429)
    return visit.redirect(f"/rehearsals/{id_}")


def rehearsal_page(visit: UserRequestContext) -> Response:
    rehearsal = _found_rehearsal(visit, visit.path("id"))
    opened = pictures(visit, rehearsal.id)
    unopened = [
        f"{each.gateway}/{each.passage}"
        for each in rehearsal.examples
        if each.has_picture and (each.gateway, each.passage) not in opened
    ]
    result = rehearsal.result
    counted = () if result is None else tuple(each for each in (result.in_force, result.draft) if each)
    return visit.render(
        "rehearsal.html",
        rehearsal=rehearsal,
        of_draft=_draft_shown(visit, rehearsal),
        result=result,
        first_ms=None if result is None else milliseconds(result.first_at),
        days_counted=sorted({day for each in counted for day in each.by_day}),
        hours=bar_chart([each.by_hour for each in counted], HOURS) if counted else None,
        yaml="\n".join(as_yaml(rehearsal.draft.written())),
        pictures=opened,
        open_pictures=OPEN_PICTURES,
        unopened=unopened[:MOST_AT_ONCE],
        limit_reached=match_pictures.picture_limit(visit.connection, visit.account.name, visit.now_ms),
    )


def _draft_shown(visit: UserRequestContext, rehearsal: RehearsalView) -> dict[str, Any] | None:
    """Return the draft for ``rule_parts.html``. None: its camera no longer exists."""
    found = rules_of_camera(visit, rehearsal.gateway, rehearsal.camera)
    rule = None if found is None else found.drafted(rehearsal.draft)
    if found is None or rule is None:
        return None
    background = drawn_on(visit, rehearsal.gateway, found.camera)
    return {
        "rule": rule,
        "drawing": found.drawing(rule.place),
        "background": background,
        "camera": found.camera,
    }


def _found_rehearsal(visit: UserRequestContext, id_: str) -> RehearsalView:
    """Return the rehearsal with this id. Raises NotFound."""
    found = read_rehearsal(visit.connection, visit.search_reader, id_)
    if found is None:
        raise NotFound
    return found


FORM = "/sites/{gateway}/cameras/{camera}/rules/{rule}/rehearse"
PAGES = (
    Page(FORM, form_page, roles=ACTING_ROLES),
    Page(FORM, start, "POST", roles=ACTING_ROLES),
    Page("/sites/{gateway}/cameras/{camera}/rules", begin_rule, "POST", roles=ACTING_ROLES),
    Page("/rehearsals/{id}", rehearsal_page, roles=ACTING_ROLES),
)
