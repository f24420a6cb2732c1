"""The documents of an exported case for programs: ``case.json`` and ``access.csv``. Pure."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from edge_agent.core.clock import rfc3339_of_ms
from edge_central.cases.model import CaseAttachment, CaseItem, CasePicture, CaseView
from edge_central.cases.redactions import RedactedCopy, attachment_key, picture_key
from edge_central.searches.passage_holds import PassageHoldView

FORMAT = "edge-agent case 1"
PICTURES, FILES, REDACTED, ONVIF = "pictures", "files", "redacted", "onvif"
"""Folders of an export: small pictures of passages, unchanged other files, altered copies, and clips as ONVIF
Export Files."""
ACCESS_COLUMNS = ("time", "account", "address", "what", "gateway", "camera", "id", "search", "purpose")


class ExportedOnvif(Struct, frozen=True, kw_only=True):
    """A clip as an ONVIF Export File with the same pictures, or the reason why there is no such file."""

    file: Annotated[str | None, Meta(description="below the folder of the export")] = None
    sha256: str | None = None
    bytes: int | None = None
    start: Annotated[
        str | None, Meta(description="of the first picture, as the file says it; null: not certain")
    ] = None
    left_out: Annotated[
        str | None, Meta(description="why there is none: edge_central/onvif_export/video_track.py, Omission")
    ] = None
    codec: Annotated[str | None, Meta(description="of a clip that is left out, as it calls it")] = None


class ExportedCopy(Struct, frozen=True, kw_only=True):
    """The altered copy of a picture or clip, with covered faces and number plates. A person has checked
    it."""

    file: Annotated[str, Meta(description="below the folder of the export")]
    sha256: str
    bytes: int
    altered: Literal[True] = True
    areas: Annotated[int, Meta(description="covered by the program; of a clip in the frame with the most")]
    areas_by_hand: int
    checked_by: str
    checked_at: str
    onvif: ExportedOnvif | None = None


class ExportedFile(Struct, frozen=True, kw_only=True):
    """A file of an item, unchanged."""

    kind: Annotated[str, Meta(description="snapshot, still, clip or outside")]
    name: Annotated[str, Meta(description="what people call it; of a file from outside as it was brought")]
    file: Annotated[str, Meta(description="below the folder of the export")]
    type: Annotated[str, Meta(description="content type by its first bytes")]
    sha256: str
    bytes: int
    sealed: Annotated[bool, Meta(description="only the centre's evidence key opens it")]
    began_at: Annotated[
        str | None, Meta(description="of a clip: when its first picture was taken, by the gateway's clock")
    ] = None
    clock: Annotated[
        str | None, Meta(description="of began_at: synced, or unsynced: it may be wrong by any time")
    ] = None
    onvif: Annotated[ExportedOnvif | None, Meta(description="of a clip")] = None
    altered_copy: ExportedCopy | None = None


class ExportedPicture(Struct, frozen=True, kw_only=True):
    """A picture of an item. Without a file: the picture had not arrived, or was too large."""

    gateway: str
    passage: int
    status: Annotated[str, Meta(description="received, waiting or too-large")]
    file: Annotated[str | None, Meta(description="below the folder of the export")]
    sha256: str | None
    bytes: int | None
    sealed: Annotated[bool, Meta(description="only the centre's evidence key opens it")]
    path: Annotated[
        list[tuple[float, float, float]],
        Meta(description="x, y of the foot in 0..1 of the camera's picture, seconds after the start"),
    ]
    altered_copy: ExportedCopy | None = None


class StruckOut(Struct, frozen=True, kw_only=True):
    """Why an item no longer counts."""

    at: str
    by: str
    why: str


class ExportedItem(Struct, frozen=True, kw_only=True):
    id: int
    kind: Annotated[str, Meta(description="passage, journey, event, picture, note or file")]
    at: Annotated[str, Meta(description="when it happened; RFC 3339, UTC")]
    added_at: str
    added_by: str
    source: Annotated[str, Meta(description="what it is a copy of")]
    search: str | None
    wards: list[str]
    facts: Annotated[Any, Meta(description="of a passage or journey: edge_central/cases/facts.py")]
    pictures: list[ExportedPicture]
    files: list[ExportedFile]
    struck_out: StruckOut | None


class ExportedHold(Struct, frozen=True, kw_only=True):
    """A passage that a gateway was asked to keep for this case."""

    gateway: str
    passage: int
    asked_at: str
    asked_by: str
    until: Annotated[str | None, Meta(description="null: it was released")]
    status: Annotated[str, Meta(description="asked, sent, kept, released, missing, refused, failed, expired")]


class ExportedCase(Struct, frozen=True, kw_only=True):
    """``case.json``."""

    format: str
    number: str
    owner: str
    opened_at: str
    closed_at: str | None
    wards: list[str]
    exported_at: str
    exported_by: str
    items: list[ExportedItem]
    holds: list[ExportedHold]


def exported_case(
    case: CaseView,
    by: str,
    now_ms: int,
    copies: Mapping[str, ExportedCopy] | None = None,
    holds: Iterable[PassageHoldView] = (),
    onvif: Mapping[str, ExportedOnvif] | None = None,
) -> ExportedCase:
    """Make ``case.json``. ``copies``: altered copies, by the key of their subject. ``onvif``: the ONVIF
    Export Files of clips, by the clip's key."""
    summary = case.summary
    return ExportedCase(
        format=FORMAT,
        number=summary.number,
        owner=summary.owner,
        opened_at=rfc3339_of_ms(summary.opened_ms),
        closed_at=None if summary.closed_ms is None else rfc3339_of_ms(summary.closed_ms),
        wards=list(summary.wards),
        exported_at=rfc3339_of_ms(now_ms),
        exported_by=by,
        items=[_item(each, copies or {}, onvif or {}) for each in case.items],
        holds=[_hold(each) for each in holds],
    )


def _hold(hold: PassageHoldView) -> ExportedHold:
    return ExportedHold(
        gateway=hold.gateway,
        passage=hold.passage,
        asked_at=rfc3339_of_ms(hold.asked_ms),
        asked_by=hold.asked_by,
        until=None if hold.until_ms is None else rfc3339_of_ms(hold.until_ms),
        status=hold.status.value,
    )


def _item(
    item: CaseItem, copies: Mapping[str, ExportedCopy], onvif: Mapping[str, ExportedOnvif]
) -> ExportedItem:
    struck = None
    if item.struck_ms is not None:
        at = rfc3339_of_ms(item.struck_ms)
        struck = StruckOut(at=at, by=item.struck_by or "", why=item.struck_why or "")
    return ExportedItem(
        id=item.id,
        kind=item.kind.value,
        at=rfc3339_of_ms(item.at_ms),
        added_at=rfc3339_of_ms(item.added_ms),
        added_by=item.added_by,
        source=item.source,
        search=item.search,
        wards=list(item.wards),
        facts=_readable(item.facts),
        pictures=[_picture(each, copies.get(picture_key(each.id))) for each in item.pictures],
        files=[
            _file(each, copies.get(key), onvif.get(key))
            for each in item.attachments
            for key in [attachment_key(each.id)]
        ],
        struck_out=struck,
    )


def _readable(facts: bytes) -> Any:
    """Decode a document. None: this program has not written these bytes."""
    try:
        return msgspec.json.decode(facts)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None


def exported_copy(copy: RedactedCopy, name: str, onvif: ExportedOnvif | None = None) -> ExportedCopy:
    """Describe an altered copy that a person has checked. ``name``: its file name in the export."""
    return ExportedCopy(
        file=f"{REDACTED}/{name}",
        sha256=copy.sha256 or "",
        bytes=copy.bytes or 0,
        areas=copy.areas or 0,
        areas_by_hand=len(copy.by_hand),
        checked_by=copy.checked_by or "",
        checked_at=rfc3339_of_ms(copy.checked_ms or 0),
        onvif=onvif,
    )


def _file(file: CaseAttachment, copy: ExportedCopy | None, onvif: ExportedOnvif | None) -> ExportedFile:
    began = file.began_ms is not None
    return ExportedFile(
        kind=file.kind.value,
        name=file.name,
        file=f"{FILES}/{file.file_name}",
        type=file.type,
        sha256=file.sha256,
        bytes=file.bytes,
        sealed=file.sealed,
        began_at=rfc3339_of_ms(file.began_ms) if file.began_ms is not None else None,
        clock=("synced" if file.clock_synced else "unsynced") if began else None,
        onvif=onvif,
        altered_copy=copy,
    )


def _picture(picture: CasePicture, copy: ExportedCopy | None) -> ExportedPicture:
    return ExportedPicture(
        gateway=picture.gateway,
        passage=picture.passage,
        status=picture.status.value,
        file=None if picture.sha256 is None else f"{PICTURES}/{picture.file_name}",
        sha256=picture.sha256,
        bytes=picture.bytes,
        sealed=picture.sealed,
        path=list(picture.path),
        altered_copy=copy,
    )


def case_json(case: ExportedCase) -> bytes:
    return msgspec.json.format(msgspec.json.encode(case), indent=2) + b"\n"


def access_csv(rows: Iterable[Any]) -> bytes:
    """Return ``rows`` of the table ``access`` as CSV, in UTF-8 with a byte-order mark, which spreadsheets
    need."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(ACCESS_COLUMNS)
    for row in rows:
        cells = (
            *(rfc3339_of_ms(row.time_ms), row.account, row.address, row.what),
            *(row.gateway, row.camera, row.media_id, row.search, row.purpose),
        )
        writer.writerow([_cell(each) for each in cells])
    return b"\xef\xbb\xbf" + out.getvalue().encode()


def _cell(value: str | None) -> str:
    """Escape a cell: a spreadsheet runs a cell that begins like a formula (OWASP: CSV injection)."""
    text = value or ""
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text
