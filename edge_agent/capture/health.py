"""What is known about one camera: its state, and the figures of the last ten seconds."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace

from edge_agent.capture.rates import Rate
from edge_agent.capture.slot import FrameSlot
from edge_agent.clock import Clock
from edge_agent.model import CameraState, CameraStatus, Cause


@dataclass(slots=True)
class _Rates:
    packets: Rate
    bits: Rate
    decoded: Rate
    corrupt: Rate
    skipped: Rate

    @classmethod
    def fresh(cls) -> _Rates:
        return cls(Rate(), Rate(), Rate(), Rate(), Rate())


class CameraHealth:
    """Written by the capture thread, read by any."""

    def __init__(self, camera_id: str, clock: Clock, slot: FrameSlot) -> None:
        self._clock = clock
        self._slot = slot
        # Guards everything below.
        self._lock = threading.Lock()
        self._status = CameraStatus(
            camera_id, CameraState.STARTING, None, clock.now(), clock.monotonic(), "connecting"
        )
        self._rates = _Rates.fresh()
        self._last_picture_mono: float | None = None
        self._corrupt = self._skipped = 0
        self._connections = 0

    @property
    def state(self) -> CameraState:
        with self._lock:
            return self._status.state

    def packet(
        self, mono: float, size_bytes: int, pictures: int = 0, damaged: int = 0, *, skipped: bool = False
    ) -> None:
        """A packet was read at ``mono``; ``pictures`` frames came out of the decoder, and ``damaged`` of
        them, or it, are not analysed because data was missing. ``skipped``: it was left out, because
        decoding cannot keep up."""
        with self._lock:
            self._rates.packets.add(mono)
            self._rates.bits.add(mono, size_bytes * 8)
            if skipped:
                self._rates.skipped.add(mono)
                self._skipped += 1
            if pictures:
                self._rates.decoded.add(mono, pictures)
                self._last_picture_mono = mono
            if damaged:
                self._rates.corrupt.add(mono, damaged)
                self._corrupt += damaged

    def damaged_share(self, mono: float) -> float:
        """Of the frames of the last ten seconds, 0..1."""
        with self._lock:
            decoded = self._rates.decoded.per_second(mono)
            return min(1.0, self._rates.corrupt.per_second(mono) / decoded) if decoded else 0.0

    def skipped_share(self, mono: float) -> float:
        """Of the packets of the last ten seconds, 0..1."""
        with self._lock:
            packets = self._rates.packets.per_second(mono)
            return min(1.0, self._rates.skipped.per_second(mono) / packets) if packets else 0.0

    def opened(self, codec: str) -> None:
        """Connected; the first time is no reconnect."""
        with self._lock:
            self._status = replace(self._status, codec=codec, reconnects=self._connections)
            self._connections += 1

    def size(self, width: int, height: int) -> None:
        with self._lock:
            self._status = replace(self._status, width=width, height=height)

    def become(self, state: CameraState, cause: Cause | None = None, detail: str = "") -> bool:
        """Enter a state; True when it is another one than before, or has another cause."""
        with self._lock:
            old = self._status
            self._status = replace(old, state=state, cause=cause, detail=detail)
            if state is not old.state:
                since = {"since_at": self._clock.now(), "since_mono": self._clock.monotonic()}
                self._status = replace(self._status, **since)  # type: ignore[arg-type]
            if state is CameraState.OFFLINE and old.state is not state:
                self._rates = _Rates.fresh()
            return (state, cause) != (old.state, old.cause)

    def status(self) -> CameraStatus:
        """The state now; thread-safe."""
        dropped, analysed_fps = self._slot.dropped, self._slot.taken_fps()
        with self._lock:
            mono = self._clock.monotonic()
            last = self._last_picture_mono
            return replace(
                self._status,
                packet_fps=round(self._rates.packets.per_second(mono), 2),
                decoded_fps=round(self._rates.decoded.per_second(mono), 2),
                analysed_fps=round(analysed_fps, 2),
                dropped=dropped + self._skipped,
                corrupt=self._corrupt,
                bitrate_kbps=round(self._rates.bits.per_second(mono) / 1000, 1),
                last_frame_age_s=None if last is None else round(max(0.0, mono - last), 3),
            )
