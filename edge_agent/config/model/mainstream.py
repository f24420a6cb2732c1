"""Which camera URLs look like a main stream.

The agent analyses 640 pixels of width: a 4K main stream costs ten times the decoding for the same
events. The patterns are the vendors' own URL schemes; what matches none is not commented on.
"""

from __future__ import annotations

import re

_PATTERNS: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), hint)
    for pattern, hint in (
        # Hikvision ISAPI: channel number, then 01 main, 02 sub.
        (r"/Streaming/(Unicast/)?Channels/\d+01([/?]|$)", "the sub stream ends in 02"),
        # Hikvision before ISAPI.
        (r"/h264/ch\d+/main/", "the sub stream has sub instead of main"),
        # Dahua and its OEMs.
        (r"[?&]subtype=0(&|$)", "the sub stream has subtype=1"),
        # Reolink.
        (r"/(h26[45])?Preview_\d+_main$", "the sub stream ends in _sub"),
        # Uniview cameras, then its recorders.
        (r"/(media/)?video1([/?]|$)", "the sub stream has video2"),
        (r"/unicast/c\d+/s0/", "the sub stream has s1 instead of s0"),
        # Foscam.
        (r"/videoMain([/?]|$)", "the sub stream is videoSub"),
        # Xiongmai and its OEMs.
        (r"[_&?]stream=0\.sdp", "the sub stream has stream=1"),
        # TP-Link Tapo and VIGI, and others; then plain names that several brands share.
        (r"/stream1([/?]|$)", "the sub stream is usually stream2"),
        (r"/onvif1([/?]|$)", "the sub stream is usually onvif2"),
        (r"/main([_-]?stream)?([/?]|$)", "the sub stream is usually sub"),
    )
)


def main_stream_hint(url: str) -> str | None:
    """How the camera's sub stream is usually named, when ``url`` looks like its main stream."""
    for pattern, hint in _PATTERNS:
        if pattern.search(url):
            return f"{hint}, and costs a fraction of the CPU"
    return None
