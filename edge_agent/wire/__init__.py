"""Every message that leaves the gateway, as types; JSON Schemas and the AsyncAPI document are generated from
them.

The types are the contract: names are the wire's names, units are in the names, and unknown is null. A field
with a default may be left out of a heartbeat while it has that value. Code that sends or receives does not
belong here.
"""

from edge_agent.wire.base import SCHEMA_BASE, TYPE_PREFIX, Id, Message, Time
from edge_agent.wire.cameras import (
    CameraMasks,
    CameraStateData,
    CameraViewData,
    CountsData,
    CrowdingData,
    FlowData,
    FrameSize,
    LineCountsData,
    LineCrossingData,
    LineTurnsData,
    LoiteringData,
    ModelRef,
    ObjectData,
    RuleChangeData,
    RuleOverrideData,
    SnapshotRef,
    StoppedVehicleData,
    TurnData,
    WrongWayData,
    ZoneData,
    ZoneIntrusionData,
)
from edge_agent.wire.central import Ack, CentralAlert
from edge_agent.wire.claims import (
    BundleCamera,
    BundleSite,
    Claim,
    ClaimAnswer,
    ClaimCamera,
    PhoneLocation,
    SiteBundle,
    VerdictCounts,
)
from edge_agent.wire.commands import (
    ARGUMENTS,
    CameraArguments,
    CameraRebootArguments,
    ClipArguments,
    Command,
    ConfigHealth,
    DiagnosticsArguments,
    HoldArguments,
    LivePicturesArguments,
    NoArguments,
    Pieces,
    Reply,
    ReplyStatus,
    RuleForArguments,
    SentFile,
    SetConfigArguments,
    SnapshotArguments,
    StormArguments,
    StormHealth,
    UpdateArguments,
    UpdatePieceArguments,
)
from edge_agent.wire.events import DATA_OF_KIND, KIND_OF_DATA, CloudEvent
from edge_agent.wire.gateway import (
    CertificateData,
    ChainHeadData,
    ClipRef,
    ClockCorrectionData,
    EvidenceData,
    FileRef,
    HealingData,
    HealingStep,
    HeldBack,
    LoadLimits,
    LossData,
    SelfTestData,
    StillRef,
    ThermalData,
    UpdateData,
    UplinkData,
)
from edge_agent.wire.health import (
    BoxHealth,
    BytesByClass,
    CameraHealth,
    CertificatesHealth,
    ClockHealth,
    CommandsHealth,
    DetectorHealth,
    EvidenceHealth,
    HealingHealth,
    Heartbeat,
    ModemHealth,
    MqttHealth,
    OutboxHealth,
    RuleOverride,
    SwitchedOffRule,
    ThermalHealth,
    UpdateHealth,
    UplinkHealth,
)
from edge_agent.wire.inventory import (
    Birth,
    BirthCamera,
    BirthDetector,
    BirthLocation,
    CameraIdentity,
    Doctor,
    DoctorCamera,
    DoctorLine,
    DoctorParty,
    DoctorReport,
    DoctorText,
    State,
)
from edge_agent.wire.models import (
    CollectArguments,
    CollectionData,
    CollectionHealth,
    ModelArguments,
    ModelData,
    ModelHealth,
    ShadowCamera,
    ShadowGroup,
    ShadowReport,
)
from edge_agent.wire.passage_times import CameraPassageTimes, PassageTimes, PassageTimesArguments
from edge_agent.wire.rehearsals import (
    CameraRules,
    ConfiguredRules,
    RehearsalAccuracy,
    RehearsalExample,
    RehearsalResult,
    RehearseArguments,
    RehearsedBy,
    RehearsedReports,
    SetRuleArguments,
    WrittenMasks,
)
from edge_agent.wire.searches import (
    FoundPassage,
    ObjectPlace,
    PassageHoldArguments,
    PassageHoldResult,
    PassagePictures,
    PassagePicturesArguments,
    PassageSearchResult,
    SearchArguments,
)
