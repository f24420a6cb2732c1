"""Finds wards, sites and cameras by words without diacritics, in any order, or by recorder channel. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from edge_central.console.fleet import CameraOverview, Fleet, SiteOverview
from edge_central.console.site_names import fold_text


class SearchResultKind(StrEnum):
    WARD = "ward"
    SITE = "site"
    CAMERA = "camera"


@dataclass(frozen=True, slots=True)
class SearchResult:
    what: SearchResultKind
    ward: str
    name: str
    site: SiteOverview | None = None
    camera: CameraOverview | None = None


def search(fleet: Fleet, text: str) -> tuple[SearchResult, ...]:
    """Return all results for ``text``: channels first, then wards, sites, cameras. A result matches if every
    word of ``text`` begins a word of its name, id or ward, or if the whole text is its recorder channel."""
    words = fold_text(text).split()
    if not words:
        return ()
    hits = [
        SearchResult(SearchResultKind.CAMERA, site.ward, camera.name, site, camera)
        for site in fleet.sites
        for camera in site.cameras
        if camera.channel and _parts(camera.channel) == tuple(words)
    ]
    hits += [
        SearchResult(SearchResultKind.WARD, ward.id, ward.name)
        for ward in fleet.wards
        if _fits(words, ward.name, ward.id)
    ]
    names = {ward.id: ward.name for ward in fleet.wards}
    for site in fleet.sites:
        if _fits(words, site.name, site.id, names.get(site.ward, ""), own=(site.name, site.id)):
            hits.append(SearchResult(SearchResultKind.SITE, site.ward, site.name, site))
    for site in fleet.sites:
        for camera in site.cameras:
            own = (camera.name, camera.id)
            if _fits(words, *own, site.name, site.id, names.get(site.ward, ""), own=own):
                hits.append(SearchResult(SearchResultKind.CAMERA, site.ward, camera.name, site, camera))
    return tuple(hits)


def _fits(words: list[str], *texts: str, own: tuple[str, ...] = ()) -> bool:
    """Return whether all words match, and at least one of them matches in ``own``."""
    if not all(any(_begins(word, text) for text in texts) for word in words):
        return False
    return not own or any(_begins(word, text) for word in words for text in own)


def _begins(word: str, text: str) -> bool:
    return any(part.startswith(word) for part in _parts(text))


@lru_cache(8192)
def _parts(text: str) -> tuple[str, ...]:
    return tuple(fold_text(text).split())
