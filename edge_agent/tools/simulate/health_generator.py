"""The health reports of a simulated gateway, and its replies to commands. Birth and heartbeats say that
it is simulated."""

from __future__ import annotations

import hashlib
import math
import random
import threading
from collections.abc import Callable, Collection
from typing import Any

import msgspec

from edge_agent import __version__, wire
from edge_agent.core.clock import Clock, rfc3339
from edge_agent.core.delivery import WaitingReply
from edge_agent.host.health.heartbeat import compact
from edge_agent.tools.simulate.scenario import SimulatedSite
from edge_agent.wire.topics import DownMessage

SIMULATED = "simulated"


class HealthGenerator:
    """Makes birth and heartbeats of a gateway. The publisher's thread calls ``birth``, another the rest."""

    def __init__(self, site: SimulatedSite, rng: random.Random, clock: Clock) -> None:
        self._site = site
        self._clock = clock
        self._warmth_c = rng.uniform(42.0, 58.0)
        self._boot_id, self._boot_reason = "", ""
        self._booted_mono = clock.monotonic()
        self._booted_at = rfc3339(clock.now())
        self._lost: dict[str, tuple[float, str]] = {}  # offline camera -> since when (monotonic, and as text)
        self.config_hash = hashlib.sha256(f"{SIMULATED} {site.id}".encode()).hexdigest()

    def booted(self, boot_id: str, boot_reason: str) -> None:
        self._boot_id, self._boot_reason = boot_id, boot_reason
        self._booted_mono, self._booted_at = self._clock.monotonic(), rfc3339(self._clock.now())

    def is_online(self, camera: str) -> bool:
        return camera not in self._lost

    def set_offline(self, camera: str) -> None:
        self._lost[camera] = self._clock.monotonic(), rfc3339(self._clock.now())

    def set_online(self, camera: str) -> float:
        """Bring a camera online; return how long it was offline, in seconds."""
        since_mono, _ = self._lost.pop(camera, (self._clock.monotonic(), ""))
        return self._clock.monotonic() - since_mono

    def birth(self, session: str) -> wire.Birth:
        site = self._site
        return wire.Birth(
            time=rfc3339(self._clock.now()),
            session=session,
            gateway=site.id,
            ward=site.ward,
            name=f"{site.id} ({SIMULATED})",
            version=__version__,
            versions={SIMULATED: __version__},
            profile=SIMULATED,
            board=SIMULATED,
            os=SIMULATED,
            boot_id=self._boot_id,
            boot_reason=self._boot_reason,
            detector=wire.BirthDetector(name=SIMULATED, model_sha256=None, labels=[], delegate=None),
            config_hash=self.config_hash,
            cameras=[
                wire.BirthCamera(
                    id=camera, url=f"{SIMULATED}://{site.id}/{camera}", analyse_fps=5.0, analyse_width=640
                )
                for camera in site.cameras
            ],
        )

    def heartbeat(self, outbox: wire.OutboxHealth, mqtt: wire.MqttHealth, session: str, hour: float) -> bytes:
        now_mono = self._clock.monotonic()
        uptime_s = float(round(now_mono - self._booted_mono))
        warmth_c = self._warmth_c + 7.0 * math.sin((hour - 9.0) / 24.0 * 2.0 * math.pi)
        beat = wire.Heartbeat(
            time=rfc3339(self._clock.now()),
            session=session,
            uptime_s=uptime_s,
            clock=wire.ClockHealth(synced=True, source=SIMULATED, offset_ms=0.0),
            box=wire.BoxHealth(
                cpu_percent=30.0,
                memory_percent=20.0,
                disk_percent=30.0,
                temperature_c=round(warmth_c, 1),
                throttled=False,
                undervoltage=False,
                uptime_s=uptime_s,
                boot_reason=self._boot_reason,
            ),
            outbox=outbox,
            mqtt=mqtt,
            detector=wire.DetectorHealth(name=SIMULATED, queue=0, latency_ms=None),
            config_hash=self.config_hash,
            version=__version__,
            cameras={camera: self._camera(camera, now_mono) for camera in self._site.cameras},
        )
        return compact(beat)

    def _camera(self, camera: str, now_mono: float) -> wire.CameraHealth:
        lost = self._lost.get(camera)
        if lost is not None:
            return wire.CameraHealth(state="offline", cause="unreachable", since=lost[1])
        return wire.CameraHealth(
            state="online",
            cause=None,
            since=self._booted_at,
            codec="h264",
            width=640,
            height=360,
            packet_fps=10.0,
            analysed_fps=5.0,
            bitrate_kbps=512.0,
            last_frame_age_s=0.1,
        )


class SimulatedReplies:
    """Implements the ``RepliesPort`` of a publisher. Replies are in memory only."""

    def __init__(self, gateway: str, clock: Clock, wake: Callable[[], None]) -> None:
        self._gateway = gateway
        self._clock = clock
        self._wake = wake
        self._lock = threading.Lock()  # protects the fields below
        self._waiting: dict[int, WaitingReply] = {}
        self._count = 0

    def receive_command(self, message: DownMessage, publish_birth: Callable[[], None], session: str) -> None:
        """Answer a command. The publisher's thread calls this."""
        message.acknowledge()
        try:
            command = msgspec.json.decode(message.payload, type=wire.Command[Any])
        except (msgspec.MsgspecError, UnicodeError):
            return  # a signed or invalid command, whose id is not known
        if command.type == "rebirth":
            publish_birth()
            self._answer(command, session, "succeeded", "ok", "the birth is sent again")
        else:
            self._answer(command, session, "failed", "not-possible", "this gateway is simulated")

    def pending(self, exclude: Collection[int]) -> WaitingReply | None:
        with self._lock:
            return next((reply for number, reply in self._waiting.items() if number not in exclude), None)

    def delivered(self, number: int) -> None:
        with self._lock:
            self._waiting.pop(number, None)

    def _answer(
        self, command: wire.Command[Any], session: str, status: wire.ReplyStatus, code: str, text: str
    ) -> None:
        reply = wire.Reply(
            id=command.id,
            type=command.type,
            gateway=self._gateway,
            session=session,
            time=rfc3339(self._clock.now()),
            status=status,
            code=code,
            text=text,
        )
        with self._lock:
            self._count += 1
            payload = msgspec.json.encode(reply)
            self._waiting[self._count] = WaitingReply(self._count, command.id, payload)
        self._wake()
