"""The clips of a case as ONVIF Export Files, for its export: which clips have such a file, and why others do
not.

Any person may have brought a clip. A clip that cannot be copied never stops an export: the export says why
the file is missing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import chain

from edge_agent.core.clock import rfc3339_of_ms
from edge_central.cases.document import FILES, ONVIF, REDACTED, ExportedOnvif
from edge_central.cases.export_page import PageWording
from edge_central.cases.facts import event_of
from edge_central.cases.model import MP4, AttachmentKind, CaseAttachment, CaseItem, CaseView
from edge_central.cases.onvif_texts import ALTERED_NOTE, CLOCK_NOTE, LANGUAGES
from edge_central.cases.redactions import RedactedCopy, RedactionSubject, attachment_key
from edge_central.onvif_export.export_file import ExportFacts, byte_ranges, export_head
from edge_central.onvif_export.recipe import OnvifRecipe, pieces
from edge_central.onvif_export.video_track import ClipOmitted, Omission, read_video_track
from edge_central.store.case_folder import CaseFolder

MAX_PICTURES = 400_000
"""Limit for the pictures of all clips of an export: their tables are in memory, and in the row of the
export."""
UNIT = "edge-agent central"


@dataclass(frozen=True, slots=True)
class OnvifClip:
    """A clip of a case as an ONVIF Export File, or why there is none."""

    of: str  # name of the clip; ``of`` and ``name`` are names in the export
    name: str
    start_ms: int | None
    recipe: OnvifRecipe | None = None  # None: there is no file
    sha256: str = ""
    why: Omission | None = None
    codec: str = ""

    @property
    def described(self) -> ExportedOnvif:
        """Return the file's description for ``case.json``."""
        if self.recipe is None:
            why = self.why or Omission.MISSING
            return ExportedOnvif(left_out=why.value, codec=self.codec or None)
        start = None if self.start_ms is None else rfc3339_of_ms(self.start_ms)
        return ExportedOnvif(file=self.name, sha256=self.sha256, bytes=self.recipe.size, start=start)


@dataclass(frozen=True, slots=True)
class OnvifClips:
    """The ONVIF Export Files of a case, by the key of the clip (``attachment_key``)."""

    originals: Mapping[str, OnvifClip] = field(default_factory=dict)
    altered: Mapping[str, OnvifClip] = field(default_factory=dict)

    @property
    def files(self) -> Iterator[tuple[OnvifClip, OnvifRecipe]]:
        for each in chain(self.originals.values(), self.altered.values()):
            if each.recipe is not None:
                yield each, each.recipe


def onvif_clips(
    folder: CaseFolder,
    case: CaseView,
    copies: Mapping[RedactionSubject, RedactedCopy],
    by: str,
    now_ms: int,
    wording: PageWording,
) -> OnvifClips:
    """Return the ONVIF Export Files of all clips of a case, and of ``copies``. Reads each file once, to
    compute its SHA-256."""
    writer = _OnvifWriter(folder, case.summary.id)
    unit = f"{UNIT}, {', '.join(case.summary.wards)}"
    originals, altered = dict[str, OnvifClip](), dict[str, OnvifClip]()
    by_key = {subject.key: (subject, copy) for subject, copy in copies.items() if subject.is_clip}
    for item, file in _clips(case.items):
        key, notes = attachment_key(file.id), _clock_notes(file, wording)
        facts = ExportFacts(unit, now_ms, by, _source(item), file.start_ms, notes)
        stem = file.file_name.rpartition(".")[0]
        clip = OnvifClip(f"{FILES}/{file.file_name}", f"{ONVIF}/{stem}.mp4", file.start_ms)
        why = _unreadable(file)
        originals[key] = writer.write(clip, file.sha256, facts) if why is None else replace(clip, why=why)
        if key in by_key:
            subject, copy = by_key[key]
            name = subject.copy_name
            clip = OnvifClip(f"{REDACTED}/{name}", f"{REDACTED}/{ONVIF}/{name}", file.start_ms)
            # Without camera and operator: the copy is passed on to people who must not learn more than it
            # shows.
            facts = ExportFacts(UNIT, now_ms, start_ms=file.start_ms, notes=_joined(ALTERED_NOTE, notes))
            altered[key] = writer.write(clip, copy.sha256 or "", facts)
    return OnvifClips(originals, altered)


def _clips(items: Iterable[CaseItem]) -> Iterator[tuple[CaseItem, CaseAttachment]]:
    for item in items:
        for file in item.attachments:
            if file.is_clip or (file.sealed and file.kind is AttachmentKind.CLIP):
                yield item, file


def _unreadable(file: CaseAttachment) -> Omission | None:
    """Return why the file is not even opened; None: it can be."""
    if file.sealed:
        return Omission.SEALED
    return None if file.type == MP4 else Omission.CONTAINER


def _source(item: CaseItem) -> str:
    """Return the site, camera and ids of the event; empty for an item that is no event."""
    event = event_of(item.facts)
    if event is None:
        return ""
    ids = f"{event.gateway} {event.camera}"
    return f"{event.site or event.gateway} · {event.camera_name or event.camera} ({ids})"


def _clock_notes(file: CaseAttachment, wording: PageWording) -> dict[str, str]:
    if file.began_ms is None or file.clock_synced:
        return {}
    time = wording.moment(rfc3339_of_ms(file.began_ms))
    return {language: text.format(time=time) for language, text in CLOCK_NOTE.items()}


def _joined(first: Mapping[str, str], second: Mapping[str, str]) -> dict[str, str]:
    return {each: f"{first[each]} {second.get(each, '')}".strip() for each in LANGUAGES}


class _OnvifWriter:
    def __init__(self, folder: CaseFolder, case_id: int) -> None:
        self._folder = folder
        self._case_id = case_id
        self._pictures_left = MAX_PICTURES

    def write(self, clip: OnvifClip, sha256: str, facts: ExportFacts) -> OnvifClip:
        """Describe the clip's ONVIF Export File, or say why it is left out. ``sha256``: of the clip's file in
        the folder of the case."""
        try:
            with self._folder.path(self._case_id, sha256).open("rb") as file:
                track = read_video_track(file)
                self._pictures_left -= len(track.sizes)
                if self._pictures_left < 0:
                    raise ClipOmitted(Omission.LIMITS)
                head = export_head(track, facts)
                recipe = OnvifRecipe(head=head, clip=sha256, ranges=byte_ranges(track))
                digest = hashlib.sha256()
                for piece in pieces(recipe, file):
                    digest.update(piece)
        except ClipOmitted as omitted:
            return replace(clip, why=omitted.why, codec=omitted.codec)
        except OSError:
            return replace(clip, why=Omission.MISSING)
        return replace(clip, recipe=recipe, sha256=digest.hexdigest())
