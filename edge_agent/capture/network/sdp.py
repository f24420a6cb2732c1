"""Parses a camera's description of its streams (SDP, RFC 8866): the video's URL, codec and payload type."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass, field

from edge_agent.capture.failures import CameraFault, Fault

CODECS = {"H264": "h264", "H265": "hevc", "HEVC": "hevc", "JPEG": "mjpeg"}
"""FFmpeg's name of a codec, by its name in RTP."""
MAX_CLOCK_HZ = 10_000_000
_STATIC = {26: ("JPEG", 90_000)}
"""Payload types that need no ``rtpmap`` (RFC 3551)."""
_PARAMETER_SETS = {"h264": ("sprop-parameter-sets",), "hevc": ("sprop-vps", "sprop-sps", "sprop-pps")}
_START_CODE = b"\0\0\0\1"


@dataclass(frozen=True, slots=True)
class SdpMedia:
    """The video stream to request."""

    url: str  # for the request SETUP
    codec: str  # FFmpeg's name
    payload_type: int
    clock_hz: int
    extradata: bytes  # parameter sets with start codes; empty where the description has none


@dataclass(slots=True)
class _Section:
    """One media description (``m=``) of the SDP."""

    kind: str
    payload_type: int
    control: str = ""
    encoding: str = ""
    clock_hz: int = 0
    parameters: dict[str, str] = field(default_factory=dict)


def video_of(description: str, base: str) -> SdpMedia:
    """Return the first video with a known codec. ``base``: the presentation's URL. Raises ``CameraFault``."""
    videos = [section for section in _sections(description) if section.kind == "video"]
    if not videos:
        raise CameraFault(Fault.NO_VIDEO if _sections(description) else Fault.UNDESCRIBED)
    for video in videos:
        codec = CODECS.get(video.encoding.upper())
        if codec is not None and 0 < video.clock_hz <= MAX_CLOCK_HZ:
            extradata = _extradata(codec, video.parameters)
            return SdpMedia(joined(base, video.control), codec, video.payload_type, video.clock_hz, extradata)
    raise CameraFault(Fault.NO_DECODER)


def joined(base: str, control: str) -> str:
    """Return a stream URL. Cameras want ``control`` appended to ``base``, not resolved (RFC 2326, C.1.1)."""
    if "://" in control:
        return control
    if control in ("", "*"):
        return base
    return f"{base.rstrip('/')}/{control.lstrip('/')}"


def _sections(description: str) -> list[_Section]:
    sections: list[_Section] = []
    for line in description.splitlines():
        kind, _, value = line.strip().partition("=")
        if kind == "m":
            sections.append(_begun(value))
        elif kind == "a" and sections:
            name, _, rest = value.partition(":")
            _note(sections[-1], name, rest.strip())
    return sections


def _begun(value: str) -> _Section:
    kind, *rest = value.split()[:4] or [""]
    payload_type = _number(rest[2]) if len(rest) == 3 else -1
    encoding, clock_hz = _STATIC.get(payload_type, ("", 0))
    return _Section(kind, payload_type, encoding=encoding, clock_hz=clock_hz)


def _note(section: _Section, name: str, value: str) -> None:
    if name == "control":
        section.control = value
        return
    number, _, rest = value.partition(" ")
    if number != str(section.payload_type):
        return
    if name == "rtpmap":
        encoding, _, clock = rest.strip().partition("/")
        clock = clock.partition("/")[0]
        section.encoding, section.clock_hz = encoding, _number(clock)
    elif name == "fmtp":
        pairs = (part.strip().partition("=") for part in rest.split(";"))
        section.parameters.update({key.lower(): value for key, _, value in pairs})


def _number(text: str) -> int:
    """Return the number, or -1 if ``text`` is not a number of at most 9 digits."""
    return int(text) if text.isdecimal() and len(text) < 10 else -1


def _extradata(codec: str, parameters: dict[str, str]) -> bytes:
    units: list[bytes] = []
    for key in _PARAMETER_SETS.get(codec, ()):
        for coded in parameters.get(key, "").split(","):
            try:
                units.append(base64.b64decode(coded + "=" * (-len(coded) % 4)))  # some cameras omit padding
            except (binascii.Error, ValueError):
                return b""  # the stream itself contains them too
    return b"".join(_START_CODE + unit for unit in units if unit)
