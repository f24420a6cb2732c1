"""Which FFmpeg decodes here; goes into the birth message."""

from __future__ import annotations

import av


def library_versions() -> dict[str, str]:
    """FFmpeg's libraries by name, such as ``{"libavcodec": "61.19.101"}``."""
    wanted = ("libavcodec", "libavformat")
    found = {name: av.library_versions.get(name) for name in wanted}
    return {name: ".".join(map(str, version)) for name, version in found.items() if version}
