"""The envelope of every event, and the list of event kinds."""

from __future__ import annotations

from typing import Annotated, Generic, Literal, TypeVar

from msgspec import Meta

from edge_agent.wire.base import END, Id, Message, Sha256, Time
from edge_agent.wire.cameras import (
    CameraStateData,
    CameraViewData,
    CountsData,
    CrowdingData,
    LineCountsData,
    LineCrossingData,
    LoiteringData,
    ObjectData,
    RuleChangeData,
    RuleOverrideData,
    StoppedVehicleData,
    WrongWayData,
    ZoneIntrusionData,
)
from edge_agent.wire.gateway import (
    CertificateData,
    ChainHeadData,
    ClockCorrectionData,
    EvidenceData,
    HealingData,
    LossData,
    SelfTestData,
    ThermalData,
    UpdateData,
    UplinkData,
)
from edge_agent.wire.models import CollectionData, ModelData

DATA_OF_KIND: dict[str, type[Message]] = {
    "object": ObjectData,
    "counts": CountsData,
    "zone-intrusion": ZoneIntrusionData,
    "loitering": LoiteringData,
    "line-crossing": LineCrossingData,
    "line-counts": LineCountsData,
    "stopped-vehicle": StoppedVehicleData,
    "wrong-way": WrongWayData,
    "crowding": CrowdingData,
    "camera-view": CameraViewData,
    "evidence": EvidenceData,
    "chain-head": ChainHeadData,
    "camera-state": CameraStateData,
    "clock-correction": ClockCorrectionData,
    "thermal": ThermalData,
    "uplink": UplinkData,
    "certificate": CertificateData,
    "healing": HealingData,
    "update": UpdateData,
    "rule-override": RuleOverrideData,
    "rule-change": RuleChangeData,
    "collection": CollectionData,
    "model": ModelData,
    "self-test": SelfTestData,
    "loss": LossData,
}
Data = TypeVar("Data", bound=Message)
KIND_OF_DATA: dict[type[Message], str] = {data: kind for kind, data in DATA_OF_KIND.items()}


class CloudEvent(Message, Generic[Data], frozen=True, kw_only=True):
    """CloudEvents 1.0, structured JSON. ``id`` is deterministic: deduplicate on (source, id)."""

    specversion: Literal["1.0"] = "1.0"
    id: str
    source: str
    subject: Id
    type: Annotated[str, Meta(pattern=rf"^vn\.thaibinh\.edge\.[a-z-]+\.v1{END}")]
    time: Time
    datacontenttype: Literal["application/json"] = "application/json"
    dataschema: str
    sequence: Annotated[str, Meta(pattern=rf"^\d{{16}}{END}")]
    epoch: str
    prevhash: Annotated[
        Sha256,
        Meta(description="SHA-256 of the bytes of the event before it in this epoch; 64 zeros for the first"),
    ]
    recordedtime: Time
    bootid: str
    bootms: Annotated[str, Meta(pattern=rf"^\d+{END}", description="ms since boot when it happened")]
    severitynumber: Literal[9, 13, 17]
    severitytext: Literal["INFO", "WARN", "ERROR"]
    clock: Literal["synced", "unsynced"]
    ward: Annotated[
        Id,
        Meta(
            description="ward of the site when the event was made; the topic has the ward that it is in now"
        ),
    ]
    data: Data
