"""``cameras``: where each picture comes from, and what is made of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from edge_agent.config.fields import login
from edge_agent.config.fields.kinds import ByteSize, Flag, Number, WordChoice, identifier
from edge_agent.config.fields.many import ListOf
from edge_agent.config.fields.shapes import PolygonType
from edge_agent.config.fields.spec import Field, Section, SectionValues, build_from_values
from edge_agent.config.model.addresses import CameraAddress, CameraUrl
from edge_agent.config.model.settings import (
    Analyse,
    Camera,
    Clip,
    ClipPolicy,
    GearChoice,
    Report,
    Ring,
    SnapshotPolicy,
)
from edge_agent.config.sections import places
from edge_agent.config.sections.clip import CLIP, check_clip, main_credentials
from edge_agent.config.texts.messages import message

RESERVED_IDS = ("gateway",)
"""``up/event/gateway`` carries what concerns the whole box."""

ANALYSE = Section(
    "analyse",
    "How closely the pictures are looked at.",
    (
        Field(
            "fps",
            Number(0.1, 60, "pictures a second"),
            "pictures a second that are analysed; fast objects need more, and CPU grows with it",
            5.0,
        ),
        Field(
            "width",
            Number(160, 3840, "pixels", whole=True),
            "motion and tracking see at most this width; looks and snapshots keep the camera's pixels",
            640,
        ),
        Field(
            "gear",
            WordChoice(tuple(GearChoice), GearChoice),
            "full: every picture is decoded; idle: keyframes only; auto: keyframes only while nothing moves, "
            "or where there is no detector",
            GearChoice.AUTO,
        ),
        Field(
            "quiet_s",
            Number(2, 3600, "seconds"),
            "with gear auto: so long nothing may move before only keyframes are decoded",
            20.0,
        ),
    ),
    build_from_values(Analyse),
)

RING = Section(
    "ring",
    "The last packets of the stream, kept in memory: what was between two keyframes can still be looked at.",
    (
        Field("seconds", Number(1, 120, "seconds"), "at most so many seconds", 10.0),
        Field("max_bytes", ByteSize(100_000, 256_000_000), "and at most so much memory", 4_000_000, "4MB"),
    ),
    build_from_values(Ring),
)

REPORT = Section(
    "report",
    "What is sent. An ordinary street has 10,000 objects a day, and a site may hang on a SIM card.",
    (
        Field("objects", Flag(), "an event for each confirmed object", False),
        Field(
            "counts_s",
            Number(1, 86400, "seconds", or_zero=True),
            "new objects per class, this often; 0: never",
            60.0,
        ),
        Field(
            "snapshots",
            WordChoice(tuple(SnapshotPolicy), SnapshotPolicy, no="none"),
            "pictures of rule events only, of object events too, or none",
            SnapshotPolicy.RULES,
        ),
        Field(
            "clips",
            WordChoice(tuple(ClipPolicy), ClipPolicy, no="none"),
            "clips of events of severity warning and alarm, and their pictures kept on the box; none of a "
            "camera with privacy_masks, unless unmasked is written: a clip is not transcoded, so the masks "
            "are not in it. The camera's own privacy mask is in both",
            ClipPolicy.RULES,
        ),
    ),
    build_from_values(Report),
)

_POLYGONS = ListOf(PolygonType(), "polygons")


def _check(values: SectionValues) -> None:
    places.check_zones(values)
    check_clip(values)
    login.check_login(values)
    url: CameraUrl | None = values.valid("url")
    if url is None or not values.given("username"):
        return
    if url.credentials is not None:
        text = message("login-twice")
        values.reading.refuse(values.key_place("username"), text)
    elif not url.url.startswith(("rtsp", "http")):
        text = message("login-of-file")
        values.reading.refuse(values.key_place("username"), text)


_ELSEWHERE = ("url", "username", "password_file", "clip", *places.KEYS)


def _build(values: SectionValues) -> Camera:
    url: CameraUrl = values["url"]
    own: dict[str, Any] = {key: value for key, value in values.found.items() if key not in _ELSEWHERE}
    credentials = url.credentials or login.credentials_of(values)
    clip: Clip = values["clip"]
    clip = replace(clip, main_credentials=main_credentials(clip, credentials))
    return Camera(url=url.url, credentials=credentials, clip=clip, rules=places.built_rules(values), **own)


CAMERA = Section(
    "camera",
    "One camera. Its id names it in every topic and event.",
    (
        Field("id", identifier(RESERVED_IDS), "the camera's id, unique in this gateway"),
        Field("url", CameraAddress(), "where the sub stream is; http(s) is MJPEG"),
        *login.FIELDS,
        Field("analyse", ANALYSE, ANALYSE.doc, {}),
        Field("ring", RING, RING.doc, {}),
        Field("report", REPORT, REPORT.doc, {}),
        Field("masks", _POLYGONS, "areas that are not looked at, such as a burnt-in clock", ()),
        Field("privacy_masks", _POLYGONS, "areas that are blacked out before anything leaves the box", ()),
        Field("clip", CLIP, CLIP.doc, {}),
        Field(
            "watch_view",
            Flag(),
            "tell what happens to the camera itself: covered, turned, frozen and so on",
            True,
        ),
        Field(
            "allow_basic",
            Flag(),
            "send user and password readable (HTTP Basic) to a camera that offers no Digest; over rtsps and "
            "https that is always allowed",
            False,
        ),
        *places.FIELDS,
    ),
    _build,
    _check,
    login.ADVICE,
)
