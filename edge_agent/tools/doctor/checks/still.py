"""Checks that stills of a camera can be made: large pictures, from ``clip.main_url`` where it is set, else
from the sub-stream."""

from __future__ import annotations

import dataclasses
import shlex
from pathlib import Path

from edge_agent.capture.source import Opener
from edge_agent.capture.stream_probe import probe_stream
from edge_agent.config.model.settings import Camera
from edge_agent.core.clock import Clock
from edge_agent.core.errors import CaptureError
from edge_agent.core.languages import named_in_both
from edge_agent.core.model import Cause
from edge_agent.host.local_api.status_words import STATUS
from edge_agent.tools.doctor.check import CheckResult, Figure
from edge_agent.wire import CameraHealth

CODECS = {"h264": "H.264", "hevc": "H.265", "h265": "H.265", "mjpeg": "MJPEG"}
"""Names of codecs as FFmpeg and the profiles spell them -> names for people."""


def uses_main_stream(camera: Camera) -> bool:
    return camera.clip.main_url is not None


def check_still(
    camera: Camera,
    clock: Clock,
    opener: Opener,
    *,
    agent: CameraHealth | None,
    sub_size: tuple[int, int],
    logins: Path,
) -> list[CheckResult]:
    """Check the stills of a camera whose sub-stream could be read. Empty if the configuration wants none.

    ``agent``: what a running agent reports of this camera; ``sub_size``: width and height of the sub-stream.
    If the configuration names a main stream, connects to the camera again and blocks for up to 14 s.
    """
    check = f"{camera.id}/still"
    if not uses_main_stream(camera):
        size: dict[str, Figure] = {"width": sub_size[0], "height": sub_size[1]}
        return [CheckResult(check, "still-sub", size)] if camera.report.makes_stills else []
    login = camera.clip.main_credentials
    if login is not None and not login.password.reveal():
        return [CheckResult(check, "still-not-asked")]
    main = dataclasses.replace(camera, url=camera.clip.main_url or "", credentials=login)
    try:
        probe = probe_stream(main, clock, opener, picture_only=True)
    except CaptureError as error:
        return [CheckResult(check, *_unreadable(error.cause, agent, logins))]
    width, height = probe.size
    codec = CODECS.get(probe.codec, probe.codec)
    return [CheckResult(check, "still-good", {"codec": codec, "width": width, "height": height})]


def _unreadable(cause: Cause, agent: CameraHealth | None, logins: Path) -> tuple[str, dict[str, Figure]]:
    """Return the finding on a main stream that cannot be read, and its figures."""
    if cause is Cause.UNAUTHORIZED:
        return "still-unauthorized", {"logins": shlex.quote(str(logins))}
    agent_reads_it = agent is not None and agent.state == "online" and not agent.main_trouble
    if cause is Cause.REFUSED and agent_reads_it:
        return "still-busy", {}
    return "still-unreadable", {"reason": named_in_both(STATUS, "cause", [cause])}
