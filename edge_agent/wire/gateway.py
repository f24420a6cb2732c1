"""Data of events about the gateway, and about its evidence: clips, files, the signature over all events."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import UNSET, Meta, UnsetType

from edge_agent.wire.base import END, Count, Day, Id, Message, OptionalProblem, Sha256, Time, Unit, WireBox


class ClockCorrectionData(Message, frozen=True, kw_only=True):
    """``clock-correction``: the first synchronisation of this boot. Add ``offset_ms`` to the times of earlier
    events with the same ``bootid`` and ``clock: unsynced``."""

    offset_ms: int
    source: str
    corrected_at: Time


class LoadLimits(Message, frozen=True, kw_only=True):
    """How much of the configured work the gateway does."""

    inference_share: Annotated[Unit, Meta(description="of the detector's budget")] = 1.0
    fps_share: Annotated[Unit, Meta(description="of each camera's analysed pictures a second")] = 1.0
    keyframes_only: Annotated[bool, Meta(description="regardless of motion")] = False


class ThermalData(Message, frozen=True, kw_only=True):
    """``thermal``: the gateway reduces its load in steps because it is hot, or increases it again;
    docs/design/thermal.md."""

    phase: Literal["start", "update", "end"]
    event_id: Annotated[str, Meta(description="the same from the first step up to the last one down")]
    from_step: Annotated[int, Meta(ge=0, le=3)]
    to_step: Annotated[int, Meta(ge=0, le=3, description="0: nothing is held back any more")]
    why: Annotated[str, Meta(description="one line for humans")]
    temperature_c: float | None
    throttled: Annotated[bool | None, Meta(description="the board throttles itself; null: unknown")]
    limits: Annotated[LoadLimits, Meta(description="from now on")]
    started_at: Time
    ended_at: Time | None = None
    end_reason: Literal["over", "restart"] | None = None
    problem: OptionalProblem = UNSET


HeldBack = Literal["media", "info", "heartbeat"]
"""Pictures, events for information, and heartbeats, which are sent less often."""


class UplinkData(Message, frozen=True, kw_only=True):
    """``uplink``: less is sent, in steps, because the budget of the billing period runs short, or more again;
    docs/design/uplink.md."""

    phase: Literal["start", "update", "end"]
    event_id: Annotated[str, Meta(description="the same from the first step up to the last one down")]
    from_step: Annotated[int, Meta(ge=0, le=3)]
    to_step: Annotated[int, Meta(ge=0, le=3, description="0: nothing is held back any more")]
    why: Annotated[str, Meta(description="one line for humans")]
    held: Annotated[list[HeldBack], Meta(description="from now on; it is stored, not lost")]
    heartbeat_s: Annotated[float | None, Meta(description="interval of heartbeats; null: as usual")]
    monthly_bytes: Count
    used_bytes: Count
    forecast_bytes: Annotated[Count | None, Meta(description="at the end of the period, without this step")]
    period_from: Day
    resets_on: Day
    started_at: Time
    ended_at: Time | None = None
    end_reason: Literal["over", "restart"] | None = None
    problem: OptionalProblem = UNSET


class CertificateData(Message, frozen=True, kw_only=True):
    """``certificate``: a certificate of the broker connection expires soon, or no longer;
    docs/design/certificates.md."""

    phase: Literal["start", "update", "end"]
    event_id: Annotated[str, Meta(description="the same from start to end, also across restarts")]
    certificate: Annotated[
        Literal["client", "ca"], Meta(description="the gateway's own, or the CA that the gateway trusts")
    ]
    days_left: Annotated[int, Meta(description="of the certificate in force; below 0: it has expired")]
    expires_at: Time
    why: Annotated[str, Meta(description="one line for humans")]
    started_at: Time
    ended_at: Time | None = None
    end_reason: Annotated[
        Literal["renewed", "over"] | None,
        Meta(description="over: it had seemed to expire soon only because the clock was wrong"),
    ] = None
    problem: OptionalProblem = UNSET


class HealingStep(Message, frozen=True, kw_only=True):
    """A recovery step of a gateway without a broker, or for a camera that is unreachable."""

    step: Annotated[
        Literal["reconnect", "reset", "reboot", "poe"],
        Meta(description="poe: the camera's port at its switch was switched off and on"),
    ]
    at: Time
    after_s: Annotated[float, Meta(description="seconds without a broker or camera until then")]
    outcome: Annotated[
        Literal["asked", "done", "failed", "refused", "held", "no-answer"],
        Meta(
            description="held: not done, because the network works, something answers at the camera's "
            "address, or the port is switched off; no-answer: root's part does not run, or the switch does "
            "not answer"
        ),
    ]
    detail: str = ""


class HealingData(Message, frozen=True, kw_only=True):
    """``healing``: the broker or a camera is reachable again, with the recovery steps that were tried;
    docs/design/healing.md."""

    camera: Annotated[Id | None, Meta(description="the camera; null: the broker was unreachable")] = None
    since_at: Time
    back_at: Annotated[Time, Meta(description="when the present session began")]
    without_s: Annotated[float, Meta(description="a minimum if the gateway was rebooted meanwhile")]
    tried: list[HealingStep]
    left_out: Annotated[Count, Meta(description="number of older steps")] = 0


class UpdateData(Message, frozen=True, kw_only=True):
    """``update``: a release was tried, and stays or was reverted; docs/design/update.md."""

    version: str
    outcome: Literal["in-force", "reverted"]
    why: Annotated[str, Meta(description="one line for humans")]
    decided_at: Time
    command_id: Annotated[str | None, Meta(description="null: the gateway downloaded it by itself")] = None
    problem: OptionalProblem = UNSET


class SelfTestData(Message, frozen=True, kw_only=True):
    """``self-test``: nothing happened; a command follows this event as far as the centre's confirmation."""

    asked_by: Annotated[str, Meta(description="the command on the gateway, such as doctor")]


class LossData(Message, frozen=True, kw_only=True):
    """``loss``: events that were discarded; a gap that is not announced is a fault."""

    epoch: Annotated[str, Meta(description="of the ranges; may be an earlier one than this event's")]
    ranges: Annotated[
        list[tuple[Count, Count]], Meta(description="first and last sequence, both included, ascending")
    ]
    count: Count
    reason: Literal["outbox-full", "memory-full"]
    damaged: Annotated[
        bool,
        Meta(
            description="the disk damaged them, so they could not be sent; ``reason`` then has no meaning, "
            "and some may have been delivered before"
        ),
    ] = False


class ClipRef(Message, frozen=True, kw_only=True):
    media_id: str
    sha256: Annotated[Sha256, Meta(description="of the MP4 file, before sealing")]
    bytes: Count
    codec: Literal["h264", "hevc", "mjpeg"]
    source: Literal["sub", "main"]
    began_at: Time
    pre_roll_s: Annotated[
        float,
        Meta(
            description="how much of the clip is before the event began; negative when the event was "
            "reported so late that the clip begins after it"
        ),
    ]
    duration_s: Annotated[float, Meta(ge=0)]
    sealed_sha256: Sha256 | None = None  # digest of the file on the gateway if media are sealed, else null
    cut_short: str | None = None  # why the clip ends before the event and its post-roll; null: it does not


class FileRef(Message, frozen=True, kw_only=True):
    """A file that a command requested, or the commissioning report; it follows on ``up/media/<media_id>``."""

    media_id: str
    sha256: Annotated[Sha256, Meta(description="of the bytes that are sent")]
    bytes: Count
    content_type: str
    command_id: Annotated[Id | None, Meta(description="null: the commissioning report")]


class StillRef(Message, frozen=True, kw_only=True):
    """One picture of a still of an event; it follows on ``up/media/<media_id>`` and is on the gateway."""

    media_id: str
    sha256: Annotated[Sha256, Meta(description="of the JPEG, before sealing")]
    bytes: Count
    view: Annotated[
        Literal["scene", "object", "lower-half"],
        Meta(description="the whole picture; the object with its surroundings; the lower half of a vehicle"),
    ]
    source: Annotated[
        Literal["sub", "main"], Meta(description="sub: there was no picture of the main stream; only scene")
    ]
    width: Annotated[int, Meta(ge=1, description="of the JPEG, pixels")]
    height: Annotated[int, Meta(ge=1)]
    box: Annotated[WireBox, Meta(description="where the object is, in 0..1 of the JPEG")]
    taken_at: Time
    aligned_by: Annotated[
        Literal["pictures", "arrival", "same-stream"],
        Meta(
            description="how the moment was found in the main stream: by comparing pictures of both "
            "streams, or by arrival times, which can be wrong by a second"
        ),
    ]
    lag_ms: Annotated[int, Meta(description="by how much the main stream is later than the sub-stream")] = 0
    sealed_sha256: Sha256 | None = None  # digest of the sent bytes if media are sealed, else null


class EvidenceData(Message, frozen=True, kw_only=True):
    """``evidence``: a file that was not ready when its event was sent. It is complete and on the gateway."""

    event_id: str
    clip: ClipRef | None
    missing: Annotated[str | None, Meta(description="why there is no clip, or null")] = None
    file: Annotated[FileRef | None, Meta(description="a file without an event, or null")] = None
    problem: OptionalProblem = UNSET
    still: Annotated[
        StillRef | UnsetType, Meta(description="a picture of a still; left out: the event has none")
    ] = UNSET


class ChainHeadData(Message, frozen=True, kw_only=True):
    """``chain-head``: the gateway signs all its events up to this one; docs/reference/evidence.md."""

    epoch: str
    sequence: Annotated[
        str, Meta(pattern=rf"^\d{{16}}{END}", description="of the newest event that is signed")
    ]
    sha256: Annotated[Sha256, Meta(description="of its bytes, as they were published")]
    signed_at: Time
    key_id: Annotated[Sha256, Meta(description="of the public key, DER")]
    signature: Annotated[
        str, Meta(description="Ed25519, base64, over the text in docs/reference/evidence.md")
    ]
