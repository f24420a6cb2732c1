"""The state of commissioning as JSON, for the page and for ``edge-agent commission --json``."""

from __future__ import annotations

from typing import Any

from edge_agent.commissioning.commissioning import Commissioning
from edge_agent.commissioning.identity import BoxIdentity
from edge_agent.commissioning.page.at_the_pole import todo_at_the_pole
from edge_agent.commissioning.papers import PHOTO, SIGNATURE
from edge_agent.commissioning.sites import distance_m
from edge_agent.core.languages import LANGS, Bilingual, in_lang
from edge_agent.core.problems import CATALOGUE, CodedProblem
from edge_agent.wire import BundleSite, Doctor, PhoneLocation


def texts(text: Bilingual | None) -> dict[str, str] | None:
    return None if text is None else {lang: str(in_lang(text, lang)) for lang in LANGS}


def identity_document(identity: BoxIdentity) -> dict[str, str]:
    """Return the identity for JSON. ``fingerprint``: of the page's certificate; ``words`` are its
    beginning."""
    return {
        "serial": identity.serial,
        "url": f"https://{identity.name}/",
        "words": identity.words,
        "fingerprint": identity.fingerprint,
        "key": identity.key_sha256,
    }


def state_document(steps: Commissioning, uplink: Bilingual | None) -> dict[str, Any]:
    record, site, found = steps.record, steps.site, steps.found
    document = steps.papers.verdict()
    return {
        **identity_document(steps.box.identity),
        "state": record.state.value,
        "delivered": record.delivered,
        "finished": record.finished,
        "by": "" if record.claim is None else record.claim.by,
        "problem": _problem(record.problem),
        "uplink": texts(uplink),
        "network": steps.box.network.is_available,
        "synced": steps.box.synced(),
        "busy": steps.is_busy,
        "site": None if site is None else _site(site, steps.location),
        "cameras": []
        if found is None
        else [
            {
                "id": each.id,
                "name": each.name,
                "model": each.model,
                "fits": each.fits,
                "said": texts(each.said),
            }
            for each in found.cameras
        ],
        "strangers": [] if found is None else [texts(each) for each in found.strangers],
        "verdict": None if document is None else _verdict(document),
        "photo": steps.papers.has(PHOTO),
        "signature": steps.papers.has(SIGNATURE),
    }


def _site(site: BundleSite, place: PhoneLocation | None) -> dict[str, Any]:
    away = None if place is None else distance_m(site, place)
    return {
        "id": site.id,
        "name": site.name,
        "ward": site.ward_name or site.ward,
        "metres": None if away is None else round(away),
        "logins": [camera.id for camera in site.cameras if camera.username],
        "cameras": [{"id": camera.id, "name": camera.name} for camera in site.cameras],
    }


def _verdict(document: Doctor) -> dict[str, Any]:
    return {
        "verdict": document.verdict,
        "sentence": document.sentence,
        "lang": document.lang,
        "lines": [
            {
                "check": line.check,
                "label": line.check if line.label is None else getattr(line.label, document.lang),
                "level": line.level,
                "said": line.said,
                "todo": todo_at_the_pole(line.finding, line.todo, document.lang),
            }
            for line in document.lines
        ],
    }


def _problem(problem: CodedProblem | None) -> dict[str, str] | None:
    """Return why the centre refused or withdrew the claim. An unknown code, from a newer centre, is shown as
    it is."""
    if problem is None:
        return None
    return {lang: CATALOGUE.say(problem, lang) or problem.code for lang in LANGS}
