"""A gateway box says which site it stands at, and the centre answers.

Both travel as compact JWS: a claim is signed with the box's own key, an answer with one of
``SiteBundle.answer_keys``. The topics are ``ClaimTopics``.
"""

from __future__ import annotations

import re
from typing import Annotated, Literal

from msgspec import Meta

from edge_agent.core.problems import CodedProblem
from edge_agent.wire.base import END, Count, Id, Message, Sha256, Time

MAX_CAMERAS_OF_CLAIM = 64
MAX_CLAIM_BYTES = 65_536
"""Largest size of the JWS of a claim."""
SERIAL = re.compile(r"box-[a-z0-9]{8,32}")

BoxSerial = Annotated[str, Meta(pattern=rf"^box-[a-z0-9]{{8,32}}{END}", description="the box's own id")]
Pem = Annotated[str, Meta(min_length=1, max_length=8_000)]
ShortText = Annotated[str, Meta(min_length=1, max_length=200)]
OptionalText = Annotated[str, Meta(max_length=200)] | None


class PhoneLocation(Message, frozen=True, kw_only=True):
    """Where the technician's phone was. Degrees, WGS 84."""

    latitude: Annotated[float, Meta(ge=-90, le=90)]
    longitude: Annotated[float, Meta(ge=-180, le=180)]
    accuracy_m: Annotated[float, Meta(ge=0, description="radius of the 95 % circle, as the phone says")]


class ClaimCamera(Message, frozen=True, kw_only=True):
    """A camera of the site, as the box found it."""

    id: Id
    address: Annotated[OptionalText, Meta(description="null: not found on the network")] = None
    mac: OptionalText = None
    model: OptionalText = None
    serial: OptionalText = None


class VerdictCounts(Message, frozen=True, kw_only=True):
    """How many lines of each level ``edge-agent doctor`` gave."""

    green: Count
    yellow: Count
    red: Count


class Claim(Message, frozen=True, kw_only=True):
    """A box says that it stands at a site. Signed with the key that the claim itself contains."""

    schema: Literal["claim/1"] = "claim/1"
    claim_id: Id
    serial: BoxSerial
    board: ShortText
    version: Annotated[ShortText, Meta(description="of the agent")]
    key_sha256: Annotated[Sha256, Meta(description="of the box's public key, DER")]
    public_key: Annotated[Pem, Meta(description="Ed25519, of the box")]
    site: Id
    ward: Id
    csr: Annotated[Pem, Meta(description="of a new key that was made on the box; CN is the site")]
    by: Annotated[ShortText, Meta(description="the technician")]
    time: Time
    synced: Annotated[bool, Meta(description="whether the box's clock was synchronised")]
    location: PhoneLocation | None = None
    cameras: Annotated[list[ClaimCamera], Meta(max_length=MAX_CAMERAS_OF_CLAIM)]
    verdict: Annotated[VerdictCounts | None, Meta(description="null: not examined yet")] = None
    previous_claim_id: Annotated[Id | None, Meta(description="the box's claim before this one")] = None
    bundle_version: Annotated[Count, Meta(description="of the site bundle that the box has")]


class ClaimAnswer(Message, frozen=True, kw_only=True):
    """What the centre decided about a claim. Retained: a confirmation until a later answer to this box
    replaces it, the others for 180 days."""

    schema: Literal["claim-answer/1"] = "claim-answer/1"
    claim_id: Id
    serial: BoxSerial
    decision: Annotated[
        Literal["confirmed", "refused", "withdrawn"],
        Meta(description="withdrawn: the claim was confirmed before, or not answered yet"),
    ]
    problem: Annotated[CodedProblem | None, Meta(description="why it was refused or withdrawn")] = None
    certificate: Annotated[Pem | None, Meta(description="for the claim's CSR, when confirmed")] = None
    time: Time


class CentralClaim(Message, frozen=True, kw_only=True):
    """``central/claim/<number>``: a claim that the control machine has to answer or to withdraw; retained
    until then."""

    schema: Literal["central-claim/1"] = "central-claim/1"
    claim: Annotated[str, Meta(max_length=MAX_CLAIM_BYTES, description="the box's JWS, as it arrived")]
    received: Time
    withdrawal: Annotated[
        str | None,
        Meta(
            description="the command `unclaim` as an operator signed it; null: the claim waits for an answer"
        ),
    ] = None
