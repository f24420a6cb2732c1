"""Adds an event with its files to a case, adds notes, and sends files of a case."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from starlette.responses import FileResponse, Response

from edge_agent.core.clock import rfc3339_of_ms
from edge_central.cases import attachments, items
from edge_central.cases.attachments import OTHER_TYPE, NewAttachment, type_of
from edge_central.cases.facts import EventFacts, as_facts
from edge_central.cases.model import (
    JPEG,
    MP4,
    AttachmentKind,
    CaseAttachment,
    CaseItemKind,
    CaseRefused,
    NewCaseItem,
)
from edge_central.console.events import EventStory, StoredMedia
from edge_central.rehearsals.rule_names import RuleNames
from edge_central.store.case_folder import CaseFolder
from edge_central.store.media_folder import MediaFolder
from edge_central.web.auth.access_log import SAME_ACCESS_S
from edge_central.web.auth.accounts import ACTING_ROLES
from edge_central.web.http_errors import NotFound
from edge_central.web.pages.cases import found_case, render_case
from edge_central.web.pages.events import render_event, shown_story
from edge_central.web.request_context import UserRequestContext
from edge_central.web.request_handler import Page

INLINE = (JPEG, MP4)
"""Types that a browser may show in the page, unless the file is from outside."""


def case_folder(visit: UserRequestContext) -> CaseFolder:
    return CaseFolder(visit.services.settings.media_dir)


# --- adding an event to a case ---


def add_event(visit: UserRequestContext) -> Response:
    """Copy the event into the case with the number ``case``, with the pictures and clips that the centre has.
    If the case has the event already, files that have come since are added to it."""
    story = shown_story(visit)
    media = MediaFolder(visit.services.settings.media_dir)
    wanted = list(_files(story))
    sizes = {each.sha256: each.bytes for _, _, each in wanted}
    try:
        with visit.writing() as connection:
            item = _event_item(visit, story)
            added = items.add_item(
                connection, visit.case_author, visit.form.get("case", ""), item, visit.now_ms
            )
            attachments.check_copies_fit(media.of_cases, added.case_id, sizes)
        copied = (_copied(media, story, added.case_id, *each) for each in wanted)
        files = [each for each in copied if each is not None]
        with visit.writing() as connection:
            attachments.attach(connection, added.case_id, added.item, files)
    except CaseRefused as error:
        return render_event(visit, story, error.text, 409)
    return visit.redirect(f"/cases/{added.case_id}#item-{added.item}")


def _event_item(visit: UserRequestContext, story: EventStory) -> NewCaseItem:
    first, names = story.first, visit.names
    data, ended = first.data, story.phases[-1] if story.phases else first
    at, rules, rule = (
        (first.gateway, first.camera),
        RuleNames(visit.connection, visit.scope),
        data.rule_id or "",
    )
    rule_name = rules.rule(*at, rule)
    place_name = rules.line(*at, data.line) if data.line else rules.zone(*at, data.zone or "")
    place = data.line or data.zone or ""
    facts = EventFacts(
        event_id=(first.event_id or "")[:500],
        gateway=first.gateway,
        ward=first.ward,
        camera=first.camera,
        kind=first.kind[:500],
        severity=story.severity,
        time=rfc3339_of_ms(first.time_ms),
        ended=rfc3339_of_ms(ended.time_ms) if ended.phase == "end" else None,
        label=(data.label or "")[:500],
        rule=rule[:500],
        place=place[:500],
        snapshot_box=None if data.snapshot is None else data.snapshot.box,
        site=names.site_name(first.gateway)[:500],
        camera_name=names.camera(first.gateway, first.camera).name[:500],
        rule_name="" if rule_name == rule else rule_name[:500],
        place_name="" if place_name == place else place_name[:500],
    )
    return NewCaseItem(
        kind=CaseItemKind.EVENT,
        source=f"event {first.gateway}/{first.event_id or first.cursor}"[:1_000],
        at_ms=first.time_ms,
        wards=frozenset({first.ward}),
        facts=as_facts(facts),
        gateway=first.gateway,
        camera=first.camera,
    )


def _files(story: EventStory) -> Iterator[tuple[AttachmentKind, str, StoredMedia]]:
    """Yield kind, name and file of everything that belongs to the event."""
    snapshots = {row.media_id for row in story.phases if row.media_id is not None}
    for each in story.media:
        if each.media_id in snapshots:
            yield AttachmentKind.SNAPSHOT, "snapshot", each
    for view, still in story.stills:
        yield AttachmentKind.STILL, f"still {view}", still
    for clip in (*story.clips, *story.sealed_files):
        yield AttachmentKind.CLIP, "clip", clip


def _copied(
    media: MediaFolder,
    story: EventStory,
    case_id: int,
    kind: AttachmentKind,
    name: str,
    file: StoredMedia,
) -> NewAttachment | None:
    """Return the copy of the file. None: the file no longer exists."""
    path = media.path(file.gateway, file.sha256, file.sealed)
    if not media.of_cases.copy(case_id, path, file.sha256):
        return None
    content_type = OTHER_TYPE if file.sealed else _type_of(media.of_cases.path(case_id, file.sha256))
    start = story.clip_start(file.sha256) if kind is AttachmentKind.CLIP else None
    began_ms, clock_synced = (None, None) if start is None else start
    about = (file.sha256, file.bytes, file.sealed, began_ms, clock_synced)
    return NewAttachment(kind, name, content_type, *about)


def _type_of(path: Path) -> str:
    with path.open("rb") as file:
        return type_of(file.read(attachments.HEAD_BYTES))


# --- notes and files ---


def add_note(visit: UserRequestContext) -> Response:
    case = found_case(visit)
    try:
        with visit.writing() as connection:
            added = attachments.add_note(
                connection, visit.case_author, case, visit.form.get("text", ""), visit.now_ms
            )
    except CaseRefused as error:
        return render_case(visit, error.text, 409)
    return visit.redirect(f"/cases/{case.id}#item-{added.item}")


def attachment_file(visit: UserRequestContext) -> Response:
    """Return a file of a case. The access is recorded before the file is sent."""
    case = found_case(visit)
    file = attachments.find_attachment(visit.connection, case.id, visit.number("file"))
    if file is None:
        raise NotFound("there is no such file")
    path = case_folder(visit).path(case.id, file.sha256)
    try:
        status = path.stat()
    except FileNotFoundError:
        raise NotFound("the file is not at this centre") from None
    recent, access = (
        visit.services.media_access_log,
        (visit.account.name, visit.address, f"case-{case.id}", str(file.id)),
    )
    if recent.is_new(access):
        with visit.writing() as connection:
            items.record_file_access(connection, visit.case_author, case, file.id, visit.now_ms)
        recent.add(access)
    return file_response(path, status, file)


def file_response(path: Path, status: os.stat_result, file: CaseAttachment) -> Response:
    """Return the file. A file from outside is always sent as a download without a content type, whatever its
    own type may be."""
    inline = file.kind is not AttachmentKind.OUTSIDE and file.type in INLINE and not file.sealed
    response = FileResponse(
        path,
        media_type=file.type if inline else OTHER_TYPE,
        stat_result=status,
        filename=None if inline else file.file_name,
        content_disposition_type="inline" if inline else "attachment",
    )
    response.headers["Cache-Control"] = f"private, max-age={SAME_ACCESS_S}"
    response.headers["Vary"] = "Cookie"
    return response


PAGES = (
    Page("/events/{cursor}/case", add_event, "POST", roles=ACTING_ROLES),
    Page("/cases/{id}/notes", add_note, "POST", roles=ACTING_ROLES),
    Page("/cases/{id}/files/{file}", attachment_file, roles=ACTING_ROLES),
)
