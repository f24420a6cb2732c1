"""``cameras``: the source of each picture, how it is analysed, and what is reported about it."""

from dataclasses import dataclass, field, replace
from typing import Annotated

from edge_agent.config.fields import login, tree
from edge_agent.config.fields.collections import ListOf
from edge_agent.config.fields.declare import Key, Made, section
from edge_agent.config.fields.field_types import Flag, Number, identifier
from edge_agent.config.fields.schema_types import SectionValues
from edge_agent.config.fields.shapes import PolygonType
from edge_agent.config.model.addresses import CameraAddress, CameraUrl, host_of
from edge_agent.config.model.camera_parts import (
    ANALYSE,
    CLIP,
    POE,
    REPORT,
    RING,
    Analyse,
    Clip,
    ClipPolicy,
    PoePort,
    Report,
    Ring,
    StillPolicy,
)
from edge_agent.config.model.ground import GROUND, Ground
from edge_agent.config.model.rules import AnyRule
from edge_agent.config.model.zone_checks import RULES, check_zones
from edge_agent.config.texts.messages import message
from edge_agent.core.geometry import Polygon
from edge_agent.core.secrets import Credentials

RESERVED_IDS = ("gateway",)  # ``up/event/gateway`` carries the events about the gateway itself
_POLYGONS = ListOf(PolygonType(), "polygons")


def _url(values: SectionValues) -> str:
    url: CameraUrl = values["url"]
    return url.url


def _credentials(values: SectionValues) -> Credentials | None:
    url: CameraUrl = values["url"]
    return url.credentials or login.credentials_of(values)


def _clip(values: SectionValues) -> Clip:
    """Add the main stream's login, else the camera's, to the clip settings; a file or device has none."""
    clip: Clip = values["clip"]
    if clip.main_url is None or not clip.main_url.startswith(("rtsp", "http")):
        return replace(clip, main_credentials=None)
    return replace(clip, main_credentials=clip.main_credentials or _credentials(values))


@dataclass(frozen=True, slots=True, kw_only=True)
class Camera:
    """One camera. Its id is in every topic and event."""

    id: Annotated[str, Key("the camera's id, unique in this gateway", identifier(RESERVED_IDS))]
    url: Annotated[
        str,  # without user part; rtsp(s)://, http(s)://, /path or v4l2:/dev/videoN
        Key("URL of the sub-stream; http(s) is MJPEG", CameraAddress(), make=_url),
    ]
    credentials: Annotated[Credentials | None, Made(_credentials, login.LOGIN.keys)] = None
    analyse: Annotated[Analyse, ANALYSE] = field(default_factory=Analyse)
    ring: Annotated[Ring, RING] = field(default_factory=Ring)
    report: Annotated[Report, REPORT] = field(default_factory=Report)
    masks: Annotated[
        tuple[Polygon, ...], Key("areas that are not analysed, such as a clock in the picture", _POLYGONS)
    ] = ()
    privacy_masks: Annotated[
        tuple[Polygon, ...], Key("areas that are blacked out before a picture leaves the gateway", _POLYGONS)
    ] = ()
    clip: Annotated[Clip, Key(CLIP.doc, CLIP, make=_clip)] = field(default_factory=Clip)
    watch_view: Annotated[
        bool, Key("report tampering and faults of the view: covered, turned, frozen and so on", Flag())
    ] = True
    ground: Annotated[Ground | None, Key(GROUND.doc, GROUND, "no speed in metres a second")] = None
    allow_basic: Annotated[
        bool,
        Key(
            "send user and password in clear (HTTP Basic) to a camera that offers no Digest; over rtsps and "
            "https this is always allowed",
            Flag(),
        ),
    ] = False
    http_port: Annotated[
        int,
        Key(
            "port of the camera's web page, where its model, firmware, serial number and MAC are read",
            Number(1, 65535, whole=True),
        ),
    ] = 80
    poe: Annotated[PoePort | None, Key(POE.doc, POE, "its power is not switched")] = None
    rules: Annotated[tuple[AnyRule, ...], RULES] = ()


def _check_clip(values: SectionValues) -> None:
    """Warn about keys of a camera (``values``) that shorten its clips, or prevent clips or stills."""
    report: Report | None = values.valid("report")
    policy = report.clips if report is not None else None
    is_for_stills = report is not None and report.makes_stills and _has_main(values)
    if report is not None and report.stills is StillPolicy.RULES and not report.makes_stills:
        values.reading.warn(
            _place_in(values, "report", "stills") or values.place("report"), message("still-idle")
        )
    if policy is ClipPolicy.NONE:
        if values.given("clip") and not is_for_stills:
            values.reading.warn(values.key_place("clip"), message("clip-idle"))
    elif policy is ClipPolicy.RULES and values.valid("privacy_masks"):
        _warn_private(values, is_for_stills)
    else:
        _warn_main(values)
        _warn_short_ring(values)
        return
    if is_for_stills:
        _warn_main(values)


def _has_main(values: SectionValues) -> bool:
    clip: Clip | None = values.valid("clip")
    return clip is not None and clip.main_url is not None


def _warn_private(values: SectionValues, is_for_stills: bool) -> None:
    """Warn only if clips were configured: otherwise a mask simply overrides the default."""
    asked = _place_in(values, "report", "clips")
    if asked is None and values.given("clip") and not is_for_stills:
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


def _check(values: SectionValues) -> None:
    check_zones(values)
    _check_clip(values)
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


CAMERA = section(Camera, "camera", check=_check, replacements=login.ADVICE)
