"""Data of events about stored evidence: clips and files, and the signature over all events."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import UNSET, Meta

from edge_agent.wire.data.base import END, Count, Id, Message, OptionalProblem, Sha256, Time


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
    sealed_sha256: Sha256 | None = None  # of the file on the gateway, where media are sealed
    cut_short: str | None = None  # why it ends before the event and its post-roll, or null


class FileRef(Message, frozen=True, kw_only=True):
    """A file that a command requested, or the commissioning report; it follows on ``up/media/<media_id>``."""

    media_id: str
    sha256: Annotated[Sha256, Meta(description="of the bytes that are sent")]
    bytes: Count
    content_type: str
    command_id: Annotated[Id | None, Meta(description="null: the commissioning report")]


class EvidenceData(Message, frozen=True, kw_only=True):
    """``evidence``: a file that was not ready when its event was sent. It is complete and on the gateway."""

    event_id: str
    clip: ClipRef | None
    missing: Annotated[str | None, Meta(description="why there is no clip, or null")] = None
    file: Annotated[FileRef | None, Meta(description="a file without an event, or null")] = None
    problem: OptionalProblem = UNSET


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
