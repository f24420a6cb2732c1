"""Checks of each camera: reachable, login accepted, a usable stream, a picture that shows something."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from edge_agent.capture.source import Opener, open_source
from edge_agent.capture.stream_probe import StreamProbe, probe_stream
from edge_agent.config.model.boards import Capacity
from edge_agent.config.model.camera_parts import PoePort
from edge_agent.config.model.settings import Camera, Settings
from edge_agent.core.camera_logins import FILE as LOGINS_FILE
from edge_agent.core.clock import Clock
from edge_agent.core.errors import CaptureError
from edge_agent.core.facts import TAMPER
from edge_agent.core.languages import Bilingual, named_in_both
from edge_agent.core.model import Cause
from edge_agent.core.problems import problem_of
from edge_agent.host.health.camera_firmware import old_firmware
from edge_agent.host.health.decode_load import DecodedStream, decode_load, fully_decoded
from edge_agent.host.local_api.status_words import STATUS
from edge_agent.host.system.switch_port import SwitchFailed, SwitchPort
from edge_agent.tools.doctor.check import CheckResult, Figure
from edge_agent.tools.doctor.checks.picture import ImageQuality, judge, measure_quality, thumbnail
from edge_agent.tools.doctor.checks.still import CODECS, check_still, uses_main_stream
from edge_agent.wire import CameraHealth, CameraIdentity, DoctorCamera

if TYPE_CHECKING:
    from edge_agent.core.model import Colour

LIMIT_S = 14.5
WITH_MAIN_LIMIT_S = 2 * LIMIT_S
"""Twice, because the main stream is tested after the sub-stream: a wrong password is then sent only once."""
SWITCH_LIMIT_S = 21.0
LARGE_PIXELS = 1280 * 720
SMALL_WIDTH = 480
KEYFRAME_S = 2.5  # 2 s is required; the rest is for cameras that round the interval
ENOUGH_RATE = 0.9  # share of the configured rate that is enough: 4.9 counts as 5
DEFAULT_CAPACITY = Capacity(8, 640, 360, 10, ("h264",), 80)  # for a board without its own profile

_BY_PROBLEM = {
    "login-basic-only": "camera-basic-only",
    "stream-not-permitted": "camera-not-permitted",
    "camera-no-tcp": "camera-no-tcp",
    "host-no-name": "camera-no-name",
    "url-no-file": "camera-no-file",
}
"""Findings that say more than the cause of an error, by its problem."""


@dataclass(frozen=True, slots=True, eq=False)
class CameraMeasurement:
    """Data of a camera for the report."""

    measured: DoctorCamera
    picture: Colour | None = None  # at most 640 pixels, privacy masks black


class CameraCheck:
    """Checks one camera. ``run`` is called on its own thread; read ``measurement`` when ``run`` has ended."""

    def __init__(
        self,
        camera: Camera,
        clock: Clock,
        agent: CameraHealth | None,
        advised: Capacity | None = None,
        opener: Opener = open_source,
        logins: Path = Path(LOGINS_FILE),
    ) -> None:
        """``agent``: the report of a running agent about this camera; ``advised``: the stream that suits
        the board; ``logins``: the file of failed logins, which a person may have to delete."""
        self._camera = camera
        self._advised = advised or DEFAULT_CAPACITY
        self._clock = clock
        self._agent = agent
        self._opener = opener
        self._logins = logins
        self.measurement = CameraMeasurement(_as_agent_says(camera.id, agent))

    @property
    def limit_s(self) -> float:
        """Return the longest time that ``run`` may take, in seconds."""
        return WITH_MAIN_LIMIT_S if uses_main_stream(self._camera) else LIMIT_S

    def run(self) -> Sequence[CheckResult]:
        measured = self._measure()
        # If neither doctor nor the agent can read a stream, one line says so, not two.
        known = set()
        if any(result.finding.startswith("still-un") for result in measured):
            known.add("main-trouble")
        if self.measurement.measured.width is None:
            known.add("agent-unauthorized")
        of_agent = _agent_results(self._camera.id, self._agent)
        return [*measured, *(each for each in of_agent if each.finding not in known)]

    def _measure(self) -> Sequence[CheckResult]:
        camera = self._camera
        if camera.credentials is not None and not camera.credentials.password.reveal():
            by_agent = self._by_agent("camera-by-agent")
            return [by_agent, *self._still()] if by_agent else [CheckResult(camera.id, "camera-not-asked")]
        try:
            probe = probe_stream(camera, self._clock, self._opener)
        except CaptureError as error:
            # Some cameras and devices serve only one client; that client is the agent.
            busy = self._by_agent("camera-held") if error.cause is Cause.REFUSED else None
            if busy:
                return [busy, *self._still()]
            values: dict[str, Figure] = {"detail": error.detail, "logins": shlex.quote(str(self._logins))}
            return [CheckResult(camera.id, _finding(error, camera.url), values)]
        quality = measure_quality(probe.picture, camera)
        self.measurement = CameraMeasurement(
            _measured(camera.id, probe, quality), thumbnail(probe.picture, camera)
        )
        picture = judge(f"{camera.id}/picture", quality)
        return [*_stream(camera, probe, self._advised), picture, *self._still()]

    def _still(self) -> Sequence[CheckResult]:
        measured = self.measurement.measured
        size = (measured.width or 0, measured.height or 0)
        return check_still(
            self._camera,
            self._clock,
            self._opener,
            agent=self._agent,
            sub_size=size,
            logins=self._logins,
        )

    def _by_agent(self, finding: str) -> CheckResult | None:
        agent = self._agent
        if agent is None or agent.state != "online" or not agent.codec:
            return None
        figures: Mapping[str, Figure] = {
            "codec": CODECS.get(agent.codec, agent.codec),
            "width": agent.width or 0,
            "height": agent.height or 0,
            "rate": agent.packet_fps,
        }
        return CheckResult(self._camera.id, finding, figures)


def _finding(error: CaptureError, url: str) -> str:
    if error.cause is Cause.REFUSED and url.startswith("http"):
        return "camera-refused-http"
    problem = problem_of(error.detail)
    return _BY_PROBLEM.get(problem.code if problem else "", f"camera-{error.cause}")


def advised_figures(advised: Capacity) -> dict[str, Figure]:
    """Return the advised properties of a stream, for the sentences about what to do."""
    return {
        "advised_codec": CODECS[advised.codecs[0]],
        "advised_size": advised.size,
        "advised_width": advised.width,
        "advised_rate": advised.fps,
    }


def _stream(camera: Camera, probe: StreamProbe, advised: Capacity) -> Iterator[CheckResult]:
    width, height = probe.size
    figures: dict[str, Figure] = {
        **advised_figures(advised),
        "codec": CODECS.get(probe.codec, probe.codec),
        "width": width,
        "height": height,
        "rate": probe.rate,
        "wanted": camera.analyse.fps,
        "watched_s": probe.watched_s,
    }
    if probe.keyframe_s is None:
        yield CheckResult(camera.id, "camera-answers", figures)
        yield CheckResult(f"{camera.id}/keyframes", "keyframes-none", figures)
    else:
        figures["keyframe_s"] = probe.keyframe_s
        yield CheckResult(camera.id, "camera-good", figures)
        if probe.keyframe_s > KEYFRAME_S:
            yield CheckResult(f"{camera.id}/keyframes", "keyframes-rare", figures)
    if width * height > LARGE_PIXELS:
        yield CheckResult(f"{camera.id}/size", "size-main", figures)
    elif width < SMALL_WIDTH:
        yield CheckResult(f"{camera.id}/size", "size-small", figures)
    if probe.codec in ("hevc", "mjpeg") and figures["codec"] != figures["advised_codec"]:
        yield CheckResult(f"{camera.id}/codec", f"codec-{probe.codec}", figures)
    if probe.rate < ENOUGH_RATE * camera.analyse.fps:
        yield CheckResult(f"{camera.id}/rate", "rate-low", figures)


def check_decoding(settings: Settings, measured: Sequence[DoctorCamera]) -> Sequence[CheckResult]:
    """Check that the board can decode the streams of all cameras; no result if no camera was measured."""
    platform, whole = settings.profile.platform, fully_decoded(settings.cameras)
    streams = [
        DecodedStream(camera.id, camera.width, camera.height, camera.frame_rate)
        for camera in measured
        if camera.id in whole and camera.width and camera.height and camera.frame_rate
    ]
    load = None if platform is None else decode_load(platform.capacity, streams)
    if load is None:
        return []
    figures: dict[str, Figure] = {
        "asked": load.requested,
        "limit": load.limit,
        "size": load.size,
        "profile": settings.profile.name,
        "camera": load.heaviest.camera_id,
        "width": load.heaviest.width,
        "height": load.heaviest.height,
        "rate": load.heaviest.fps,
    }
    if not load.is_exceeded:
        return [CheckResult("board/decode", "decode-good", figures)]
    return [CheckResult("board/decode", "decode-large" if load.oversized else "decode-many", figures)]


def check_switch_port(camera_id: str, poe: PoePort) -> Sequence[CheckResult]:
    """Ask the camera's switch for the state of its port; nothing is switched. Blocks for up to 20 s."""
    if not poe.password.reveal():
        return [CheckResult(f"{camera_id}/poe", "camera-not-asked")]
    figures: dict[str, Figure] = {"switch": poe.switch, "port": poe.port}
    try:
        found = "switch-port-good" if SwitchPort(poe).is_on() else "switch-port-off"
    except SwitchFailed as error:
        found, figures["detail"] = "switch-silent", str(error)
    return [CheckResult(f"{camera_id}/poe", found, figures)]


def check_firmware(settings: Settings, identities: Mapping[str, CameraIdentity]) -> Sequence[CheckResult]:
    """Return one result for each camera with firmware that is older than the configured list requires."""
    return [
        CheckResult(
            f"{old.camera}/firmware",
            "firmware-camera-old",
            {
                "firmware": old.identity.firmware or "",
                "model": old.identity.model or "",
                "minimum": old.minimum,
                "why": Bilingual(old.wanted.why, old.wanted.why_vi or old.wanted.why),
                "source": old.wanted.source,
            },
        )
        for old in old_firmware(identities, settings.camera_firmware)
    ]


def _agent_results(camera_id: str, agent: CameraHealth | None) -> Iterator[CheckResult]:
    if agent is None:
        return
    if agent.cause == Cause.UNAUTHORIZED.value:
        yield CheckResult(f"{camera_id}/agent", "agent-unauthorized")
    if tampered := [state for state in agent.view if state in TAMPER]:
        yield CheckResult(
            f"{camera_id}/view", "view-tampered", {"states": named_in_both(STATUS, "view", tampered)}
        )
    if agent.main_trouble:
        yield CheckResult(
            f"{camera_id}/main",
            "main-trouble",
            {"reason": named_in_both(STATUS, "cause", [agent.main_trouble])},
        )


def _measured(camera_id: str, probe: StreamProbe, quality: ImageQuality | None) -> DoctorCamera:
    width, height = probe.size
    return DoctorCamera(
        id=camera_id,
        codec=probe.codec,
        width=width,
        height=height,
        frame_rate=round(probe.rate, 2),
        keyframe_s=None if probe.keyframe_s is None else round(probe.keyframe_s, 2),
        mean_luma=None if quality is None else round(quality.mean, 1),
        dark_share=None if quality is None else round(quality.dark, 3),
        sharpness=None if quality is None or quality.sharpness is None else round(quality.sharpness, 2),
    )


def _as_agent_says(camera_id: str, agent: CameraHealth | None) -> DoctorCamera:
    if agent is None:
        return DoctorCamera(id=camera_id)
    return DoctorCamera(
        id=camera_id,
        codec=agent.codec,
        width=agent.width,
        height=agent.height,
        frame_rate=agent.packet_fps or None,
    )
