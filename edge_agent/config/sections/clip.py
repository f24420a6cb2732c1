"""``clip`` of a camera: how long clips are, and where they come from."""

from __future__ import annotations

from edge_agent.config.fields import tree
from edge_agent.config.fields.kinds import ByteSize, Number
from edge_agent.config.fields.spec import Field, Section, SectionValues
from edge_agent.config.model.addresses import CameraAddress, CameraUrl, host_of
from edge_agent.config.model.settings import Clip, ClipPolicy, Report, Ring
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
    "How long clips are, and where they come from. They are cut from the stream as it comes, without "
    "decoding, and so begin at a keyframe.",
    (
        Field("pre_s", Number(0, 60, "seconds"), "before the event", 5.0),
        Field("post_s", Number(0, 60, "seconds"), "after its end", 5.0),
        Field(
            "max_s", Number(1, 600, "seconds"), "the whole clip at most; longer than pre_s and post_s", 60.0
        ),
        Field(
            "max_bytes",
            ByteSize(10**6, 256 * 10**6),
            "of memory for one clip, and for the packets of main_url that may become one",
            16_000_000,
            "16MB",
        ),
        Field(
            "main_url",
            CameraAddress(main=True),
            "the main stream, for clips only; without a user part it is opened with the camera's login",
            None,
            "clips are cut from url",
        ),
    ),
    _build_clip,
    _check_lengths,
)


def main_credentials(clip: Clip, of_camera: Credentials | None) -> Credentials | None:
    """Of the main stream: its own, else those of the camera; a file or device has none."""
    if clip.main_url is None or not clip.main_url.startswith(("rtsp", "http")):
        return None
    return clip.main_credentials or of_camera


def check_clip(values: SectionValues) -> None:
    """What of a camera's other keys makes its clips shorter, or makes none. ``values`` of the camera."""
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
    """Silent where nobody asked for clips: a mask is then simply stronger than the default."""
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
