"""The file with all sites of the sheet; every box has a copy of it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta, field

from edge_agent.wire.base import Id, Message, Time
from edge_agent.wire.claims.messages import MAX_CAMERAS_OF_CLAIM, OptionalText, Pem, ShortText
from edge_agent.wire.inventory import BirthLocation

MAX_SITES = 5_000
MAX_BUNDLE_BYTES = 16_000_000


class BundleCamera(Message, frozen=True, kw_only=True):
    """A camera of the sheet."""

    id: Id
    name: Annotated[str, Meta(max_length=200)] = ""
    url: Annotated[ShortText, Meta(description="RTSP, without user part")]
    username: OptionalText = None  # null: the camera needs no login
    mac: OptionalText = None
    model: OptionalText = None
    serial: OptionalText = None


class BundleSite(Message, frozen=True, kw_only=True):
    """A site of the sheet, without secrets."""

    id: Id
    ward: Id
    name: ShortText
    ward_name: Annotated[str, Meta(max_length=200)] = ""
    location: BirthLocation | None = None
    cameras: Annotated[list[BundleCamera], Meta(max_length=MAX_CAMERAS_OF_CLAIM)]
    configuration: Annotated[
        dict[str, Any],
        Meta(
            description="the whole of edge-agent.yaml as the playbook writes it: passwords are named as "
            "`password_file: credentials/<camera>`, and no key has one"
        ),
    ]


class SiteBundle(Message, frozen=True, kw_only=True):
    """All sites of the sheet: one file ``sites.json`` on every box, and ``sites.json.sig`` beside it, its raw
    Ed25519 signature by the fleet's key for releases."""

    schema: Literal["site-bundle/1"] = "site-bundle/1"
    version: Annotated[int, Meta(ge=1, description="only grows: a box takes no older bundle")]
    made_at: Time
    brokers: Annotated[list[ShortText], Meta(min_length=1, max_length=8, description="as mqtt.brokers")]
    topic_root: Annotated[ShortText, Meta(description="as mqtt.root")] = "tb/v1"
    ca: Annotated[Pem, Meta(description="CA of the brokers and of the gateways' certificates")]
    answer_keys: Annotated[
        list[Pem], Meta(min_length=1, max_length=8, description="Ed25519: may sign answers to claims")
    ]
    operator_keys: Annotated[list[Pem], Meta(max_length=32, description="for /etc/edge-agent/operators")] = (
        field(default_factory=list)
    )
    search_keys: Annotated[list[Pem], Meta(max_length=32, description="for /etc/edge-agent/searches")] = (
        field(default_factory=list)
    )
    sites: Annotated[list[BundleSite], Meta(max_length=MAX_SITES)]
