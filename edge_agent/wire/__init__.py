"""Every message that leaves the box, as types. JSON Schemas are generated from these.

``docs/reference/schemas/`` and ``edge-agent schema`` print what is here, so the types *are* the
contract: names are the wire's names, units are in the names, unknown is null. What has a default here may
be left out of a heartbeat while it has it.
"""

from edge_agent.wire.base import (
    SCHEMA_BASE,
    TYPE_PREFIX,
    CameraCause,
    Count,
    Day,
    Id,
    Message,
    Sha256,
    Time,
    Unit,
    WireBox,
)
from edge_agent.wire.box import ClockCorrectionData, HeldBack, LoadLimits, LossData, ThermalData, UplinkData
from edge_agent.wire.cameras import CameraStateData, CameraViewData
from edge_agent.wire.configuration import ConfigHealth, SetConfigArgs
from edge_agent.wire.counts import CountsData, LineCountsData
from edge_agent.wire.doctor import Doctor, DoctorCamera, DoctorLine
from edge_agent.wire.events import DATA_OF_KIND, KIND_OF_DATA, CloudEvent, Data
from edge_agent.wire.evidence import ChainHeadData, ClipRef, EvidenceData
from edge_agent.wire.health import (
    BoxHealth,
    BytesByClass,
    CameraHealth,
    ClockHealth,
    DetectorHealth,
    EvidenceHealth,
    Heartbeat,
    MqttHealth,
    OutboxHealth,
    ThermalHealth,
    UplinkHealth,
)
from edge_agent.wire.inventory import Birth, BirthCamera, BirthDetector, BirthLocation, State
from edge_agent.wire.objects import (
    CrowdingData,
    FrameSize,
    LineCrossingData,
    LoiteringData,
    ModelRef,
    ObjectData,
    RuleData,
    SnapshotRef,
    StoppedVehicleData,
    TrackRuleData,
    WrongWayData,
    ZoneData,
    ZoneIntrusionData,
)

__all__ = [
    "DATA_OF_KIND",
    "KIND_OF_DATA",
    "SCHEMA_BASE",
    "TYPE_PREFIX",
    "Birth",
    "BirthCamera",
    "BirthDetector",
    "BirthLocation",
    "BoxHealth",
    "BytesByClass",
    "CameraCause",
    "CameraHealth",
    "CameraStateData",
    "CameraViewData",
    "ChainHeadData",
    "ClipRef",
    "ClockCorrectionData",
    "ClockHealth",
    "CloudEvent",
    "ConfigHealth",
    "Count",
    "CountsData",
    "CrowdingData",
    "Data",
    "Day",
    "DetectorHealth",
    "Doctor",
    "DoctorCamera",
    "DoctorLine",
    "EvidenceData",
    "EvidenceHealth",
    "FrameSize",
    "Heartbeat",
    "HeldBack",
    "Id",
    "LineCountsData",
    "LineCrossingData",
    "LoadLimits",
    "LoiteringData",
    "LossData",
    "Message",
    "ModelRef",
    "MqttHealth",
    "ObjectData",
    "OutboxHealth",
    "RuleData",
    "SetConfigArgs",
    "Sha256",
    "SnapshotRef",
    "State",
    "StoppedVehicleData",
    "ThermalData",
    "ThermalHealth",
    "Time",
    "TrackRuleData",
    "Unit",
    "UplinkData",
    "UplinkHealth",
    "WireBox",
    "WrongWayData",
    "ZoneData",
    "ZoneIntrusionData",
]
