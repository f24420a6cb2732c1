"""The health of one camera: its state, and its rates over the last ten seconds."""

from __future__ import annotations

import threading
from dataclasses import replace

from edge_agent.capture.decode.decode_mode import DecodeModeControl
from edge_agent.capture.stream_time import WindowedRate
from edge_agent.core.clock import Clock
from edge_agent.core.model import CameraState, CameraStatus, Cause


class _Rates:
    def __init__(self) -> None:
        self.packets, self.bits = WindowedRate(), WindowedRate()
        self.decoded, self.corrupt = WindowedRate(), WindowedRate()
        self.skipped, self.taken = WindowedRate(), WindowedRate()


class CaptureHealth:
    """Holds one camera's state and rates. The camera's two threads write them, any thread may read them."""

    def __init__(self, camera_id: str, clock: Clock, mode_control: DecodeModeControl) -> None:
        self._clock = clock
        self._mode_control = mode_control
        # Guards everything below.
        self._lock = threading.Lock()
        self._status = CameraStatus(
            camera_id, CameraState.STARTING, None, clock.now(), clock.monotonic(), "connecting"
        )
        self._rates = _Rates()
        self._connection: object = None  # the open connection
        self._last_picture_mono: float | None = None
        self._corrupt = self._dropped = 0
        self._connections = 0

    @property
    def state(self) -> CameraState:
        with self._lock:
            return self._status.state

    # --- the capture thread

    def opened(self, connection: object, codec: str) -> None:
        """Note that a connection was opened; the first one does not count as a reconnect."""
        with self._lock:
            self._connection = connection
            self._status = replace(self._status, codec=codec, reconnects=self._connections)
            self._connections += 1

    def packet(self, mono: float, size_bytes: int) -> None:
        with self._lock:
            self._rates.packets.add(mono)
            self._rates.bits.add(mono, size_bytes * 8)

    def lost(self, cause: Cause, detail: str) -> bool:
        """Note that there is no connection. Returns True if state or cause have changed."""
        with self._lock:
            self._connection = None
            return self._enter(CameraState.OFFLINE, cause, detail)

    # --- the pipeline thread

    def decoded(self, mono: float, pictures: int, damaged: int) -> None:
        """Count the result of a packet that arrived at ``mono``: ``pictures`` decoded, and ``damaged``
        pictures or packets that are not analysed because data was missing."""
        with self._lock:
            if pictures:
                self._rates.decoded.add(mono, pictures)
                # In catch-up mode the decoded packets are older than the last picture.
                self._last_picture_mono = max(mono, self._last_picture_mono or 0.0)
            if damaged:
                self._rates.corrupt.add(mono, damaged)
                self._corrupt += damaged

    def skipped(self, mono: float, packets: int) -> None:
        """Count packets that were skipped, because decoding cannot keep up."""
        with self._lock:
            self._rates.skipped.add(mono, packets)
            self._dropped += packets

    def missed(self, packets: int) -> None:
        """Count packets that the ring dropped, because the pipeline was too slow."""
        with self._lock:
            self._dropped += packets

    def taken(self, mono: float, overtaken: int) -> None:
        """Note a frame delivered to the pipeline; ``overtaken`` older due frames were dropped for it."""
        with self._lock:
            self._rates.taken.add(mono)
            self._dropped += overtaken

    def size(self, width: int, height: int) -> None:
        with self._lock:
            self._status = replace(self._status, width=width, height=height)

    def become(self, state: CameraState, cause: Cause | None, detail: str, *, of: object) -> bool:
        """Enter a state, if ``of`` is the open connection. Returns True if state or cause changed."""
        with self._lock:
            return self._connection is of and self._enter(state, cause, detail)

    def damaged_share(self, mono: float) -> float:
        """Return the damaged share, 0..1, of all packets of the last ten seconds. Not of the decoded packets:
        in idle mode they are so few that a single damaged one would degrade the camera."""
        return self._share(self._rates.corrupt, mono)

    def skipped_share(self, mono: float) -> float:
        """Return the share, 0..1, of skipped ones among all packets of the last ten seconds."""
        return self._share(self._rates.skipped, mono)

    # --- any thread

    def status(self) -> CameraStatus:
        with self._lock:
            mono = self._clock.monotonic()
            last = self._last_picture_mono
            rates, gear = self._rates, self._mode_control.stats
            watched_s = gear.full_s + gear.idle_s
            return replace(
                self._status,
                packet_fps=round(rates.packets.per_second(mono), 2),
                decoded_fps=round(rates.decoded.per_second(mono), 2),
                analysed_fps=round(rates.taken.per_second(mono), 2),
                dropped=self._dropped,
                corrupt=self._corrupt,
                bitrate_kbps=round(rates.bits.per_second(mono) / 1000, 1),
                last_frame_age_s=None if last is None else round(max(0.0, mono - last), 3),
                gear=gear.mode,
                idle_share=round(gear.idle_s / watched_s, 3) if watched_s else 0.0,
                wake_ups=gear.wake_ups,
                kept_awake=gear.full_reason,
            )

    def _share(self, rate: WindowedRate, mono: float) -> float:
        with self._lock:
            packets = self._rates.packets.amount(mono)
            return min(1.0, rate.amount(mono) / packets) if packets else 0.0

    def _enter(self, state: CameraState, cause: Cause | None, detail: str) -> bool:
        old = self._status
        self._status = replace(old, state=state, cause=cause, detail=detail)
        if state is not old.state:
            since = {"since_at": self._clock.now(), "since_mono": self._clock.monotonic()}
            self._status = replace(self._status, **since)  # type: ignore[arg-type]
        if state is CameraState.OFFLINE and old.state is not state:
            self._rates = _Rates()
        return (state, cause) != (old.state, old.cause)
