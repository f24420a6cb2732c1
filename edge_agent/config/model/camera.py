"""``cameras``: the source of each picture and how it is analysed; ``clip``: the length of clips and their
source."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from edge_agent.config.fields import login, tree
from edge_agent.config.fields.collections import ListOf
from edge_agent.config.fields.field_types import ByteSize, Flag, Number, WordChoice, identifier
from edge_agent.config.fields.schema_types import Field, Section, SectionValues, build_from_values
from edge_agent.config.fields.shapes import PolygonType
from edge_agent.config.model import zones as places
from edge_agent.config.model.addresses import CameraAddress, CameraUrl, host_of
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
from edge_agent.config.texts.messages import message
from edge_agent.core.secrets import Credentials


def _build_clip(values: SectionValues) -> Clip:
    main: CameraUrl | None = values["main_url"]
    own = values.found | {"main_url": main.url if main else None}
    return Clip(**own, main_credentials=main.credentials if main else None)


def _check_lengths(values: SectionValues) -> None:
    pre_s, post_s, max_s = (values.valid(key) for key in ("pre_s", "post_s", "max_s"))
    if pre_s is None or post_s is None or max_s is None:
        return
    if max_s <= pre_s + post_s:
        key = next(key for key in ("max_s", "pre_s", "post_s") if values.given(key))
        text = message("about", key=key, text=message("clip-short", both=pre_s + post_s, most=max_s))
        values.reading.refuse(values.place(key), text)


CLIP = Section(
    "clip",
    "The length of clips, and their source. They are cut from the received stream without decoding, so they "
    "begin at a keyframe.",
    (
        Field("pre_s", Number(0, 60, "seconds"), "seconds before the event", 5.0),
        Field("post_s", Number(0, 60, "seconds"), "seconds after its end", 5.0),
        Field("max_s", Number(1, 600, "seconds"), "longest clip; more than pre_s and post_s together", 60.0),
        Field(
            "max_bytes",
            ByteSize(10**6, 256 * 10**6),
            "memory for one clip, and for the packets of main_url that may become one",
            16_000_000,
            "16MB",
        ),
        Field(
            "main_url",
            CameraAddress(main=True),
            "URL of the main stream, for clips only; without a user part the camera's login is used",
            None,
            "clips are cut from url",
        ),
    ),
    _build_clip,
    _check_lengths,
)


def main_credentials(clip: Clip, of_camera: Credentials | None) -> Credentials | None:
    """Login of the main stream: its own, else that of the camera; None for a file or device."""
    if clip.main_url is None or not clip.main_url.startswith(("rtsp", "http")):
        return None
    return clip.main_credentials or of_camera


def check_clip(values: SectionValues) -> None:
    """Warn about keys of a camera that shorten its clips or prevent them. ``values``: the camera."""
    report: Report | None = values.valid("report")
    policy = report.clips if report is not None else None
    if policy is ClipPolicy.NONE:
        if values.given("clip"):
            values.reading.warn(values.key_place("clip"), message("clip-idle"))
    elif policy is ClipPolicy.RULES and values.valid("privacy_masks"):
        _warn_private(values)
    else:
        _warn_main(values)
        _warn_short_ring(values)


def _warn_private(values: SectionValues) -> None:
    """Warn only if clips were configured: otherwise a mask simply overrides the default."""
    asked = _place_in(values, "report", "clips")
    if asked is None and values.given("clip"):
        asked = values.key_place("clip")
    if asked is not None:
        values.reading.warn(asked, message("clip-private"))


def _warn_main(values: SectionValues) -> None:
    url: CameraUrl | None = values.valid("url")
    clip: Clip | None = values.valid("clip")
    place = _place_in(values, "clip", "main_url")
    if url is None or clip is None or clip.main_url is None or place is None:
        return
    if clip.main_url == url.url:
        values.reading.warn(place, message("main-same"))
    lends = clip.main_credentials is None and (url.credentials is not None or values.given("username"))
    if lends and "://" in clip.main_url and host_of(clip.main_url) != host_of(url.url):
        values.reading.warn(place, message("main-other-host"))


def _warn_short_ring(values: SectionValues) -> None:
    clip: Clip | None = values.valid("clip")
    ring: Ring | None = values.valid("ring")
    if clip is None or ring is None or clip.main_url is not None or clip.pre_s <= ring.seconds:
        return
    place = _place_in(values, "clip", "pre_s") or _place_in(values, "ring", "seconds")
    text = message("short-ring", pre=clip.pre_s, ring=ring.seconds)
    values.reading.warn(place or values.place("clip"), text)


def _place_in(values: SectionValues, section: str, key: str) -> tree.SourcePosition | None:
    node = values.node(section)
    entry = node.entries.get(key) if isinstance(node, tree.Mapping) else None
    return entry.value.place if entry is not None else None


RESERVED_IDS = ("gateway",)
"""``up/event/gateway`` carries the events about the gateway itself."""

ANALYSE = Section(
    "analyse",
    "How the frames are analysed.",
    (
        Field(
            "fps",
            Number(0.1, 60, "pictures a second"),
            "analysed frames a second; fast objects need more, and the CPU load grows with it",
            5.0,
        ),
        Field(
            "width",
            Number(160, 3840, "pixels", whole=True),
            "largest width for motion and tracking; inference and snapshots use the camera's resolution",
            640,
        ),
        Field(
            "gear",
            WordChoice(tuple(GearChoice), GearChoice),
            "full: every frame is decoded; idle: keyframes only; auto: keyframes only while nothing moves, "
            "or if there is no detector",
            GearChoice.AUTO,
        ),
        Field(
            "quiet_s",
            Number(2, 3600, "seconds"),
            "with gear auto: time without motion before only keyframes are decoded",
            20.0,
        ),
    ),
    build_from_values(Analyse),
)

RING = Section(
    "ring",
    "The last packets of the stream, in memory: frames between two keyframes can still be decoded later.",
    (
        Field("seconds", Number(1, 120, "seconds"), "longest duration", 10.0),
        Field("max_bytes", ByteSize(100_000, 256_000_000), "most memory", 4_000_000, "4MB"),
    ),
    build_from_values(Ring),
)

REPORT = Section(
    "report",
    "Which events are sent. An ordinary street has 10,000 objects a day, which is a lot for a SIM card.",
    (
        Field("objects", Flag(), "an event for each confirmed object", False),
        Field(
            "counts_s",
            Number(1, 86400, "seconds", or_zero=True),
            "time between reports of new objects per label; 0: never",
            60.0,
        ),
        Field(
            "snapshots",
            WordChoice(tuple(SnapshotPolicy), SnapshotPolicy, no="none"),
            "rules: snapshots of rule events; objects: of object events too; none: no snapshots",
            SnapshotPolicy.RULES,
        ),
        Field(
            "clips",
            WordChoice(tuple(ClipPolicy), ClipPolicy, no="none"),
            "rules: clips of events of severity warning and alarm, and their pictures, are stored on the "
            "gateway. A camera with privacy_masks has no clips unless unmasked is set, because a clip is "
            "not transcoded and does not contain the masks. The camera's own privacy mask is in both",
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
    "One camera. Its id is in every topic and event.",
    (
        Field("id", identifier(RESERVED_IDS), "the camera's id, unique in this gateway"),
        Field("url", CameraAddress(), "URL of the sub-stream; http(s) is MJPEG"),
        *login.LOGIN.keys,
        Field("analyse", ANALYSE, ANALYSE.doc, {}),
        Field("ring", RING, RING.doc, {}),
        Field("report", REPORT, REPORT.doc, {}),
        Field("masks", _POLYGONS, "areas that are not analysed, such as a clock in the picture", ()),
        Field(
            "privacy_masks", _POLYGONS, "areas that are blacked out before a picture leaves the gateway", ()
        ),
        Field("clip", CLIP, CLIP.doc, {}),
        Field(
            "watch_view",
            Flag(),
            "report tampering and faults of the view: covered, turned, frozen and so on",
            True,
        ),
        Field(
            "allow_basic",
            Flag(),
            "send user and password in clear (HTTP Basic) to a camera that offers no Digest; over rtsps and "
            "https this is always allowed",
            False,
        ),
        *places.FIELDS,
    ),
    _build,
    _check,
    login.ADVICE,
)
