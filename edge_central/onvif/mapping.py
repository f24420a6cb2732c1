"""Maps the events of gateways to notifications of ONVIF topics; some events have no topic.

Topics and their items are those of the ONVIF Analytics, Imaging and Core specifications. An event for which
these have no topic gets one in the vendor namespace ``edge:``, which the Core specification permits.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from enum import Enum

from edge_agent import wire

VENDOR_NAMESPACE = "https://edge.thaibinh.vn/onvif/topics"
VENDOR_PREFIX = "edge"


@dataclass(frozen=True, slots=True)
class ItemDescription:
    """An item of a notification. ``type``: the name of its type in ``GetEventProperties``."""

    name: str
    type: str


class SourceForm(Enum):
    """The items that name the source of a topic's notifications."""

    RULE = ("VideoSource", "Rule")  # a rule of a camera
    CAMERA = ("Source",)
    GATEWAY = ()


@dataclass(frozen=True, slots=True)
class OnvifTopic:
    """One topic of the ONVIF service, and the items of its notifications.

    ``path``: the path without the prefix ``tns1:`` of its first level. ``is_property``: the topic has a
    state, which the broker retains and a synchronisation point repeats.
    """

    path: str
    source: SourceForm
    data: tuple[ItemDescription, ...]
    is_property: bool = True

    @property
    def name(self) -> str:
        return f"tns1:{self.path}"


_STATE = ItemDescription("State", "xs:boolean")
_OBJECTS = (ItemDescription("ObjectId", "tt:StringList"), ItemDescription("ClassTypes", "tt:StringList"))


def _of_camera(path: str) -> OnvifTopic:
    return OnvifTopic(f"VideoSource/{path}", SourceForm.CAMERA, (_STATE,))


def _of_rule(path: str, *data: ItemDescription, is_property: bool = True) -> OnvifTopic:
    return OnvifTopic(f"RuleEngine/{path}", SourceForm.RULE, data, is_property)


OBJECTS_INSIDE = _of_rule("FieldDetector/ObjectsInside", ItemDescription("IsInside", "xs:boolean"), *_OBJECTS)
LOITERING = _of_rule(
    "LoiteringDetector/ObjectIsLoitering", *_OBJECTS, ItemDescription("Since", "xs:dateTime")
)
LINE_CROSSED = _of_rule(
    "LineDetector/Crossed", *_OBJECTS, ItemDescription("edge:Direction", "xs:string"), is_property=False
)
LINE_COUNTER = _of_rule(
    "CountAggregation/Counter",
    ItemDescription("Count", "xs:int"),
    ItemDescription("edge:CountAToB", "xs:int"),
    ItemDescription("edge:CountBToA", "xs:int"),
)
OBJECT_DETECTED = _of_rule(
    "ObjectDetection/Object", ItemDescription("ClassTypes", "tt:StringList"), is_property=False
)
STOPPED_VEHICLE = _of_rule("edge:StoppedVehicle", _STATE, *_OBJECTS)
WRONG_WAY = _of_rule("edge:WrongWay", _STATE, *_OBJECTS)
CROWDING = _of_rule("edge:Crowding", _STATE, ItemDescription("Count", "xs:int"))
SCENE_CHANGE = _of_camera("GlobalSceneChange/AnalyticsService")
TOO_BLURRY = _of_camera("ImageTooBlurry/AnalyticsService")
TOO_DARK = _of_camera("ImageTooDark/AnalyticsService")
TOO_BRIGHT = _of_camera("ImageTooBright/AnalyticsService")
FROZEN = _of_camera("edge:ImageFrozen")
SIGNAL_LOSS = _of_camera("SignalLoss")
TEMPERATURE = OnvifTopic(
    "Device/HardwareFailure/TemperatureCritical",
    SourceForm.GATEWAY,
    (ItemDescription("Critical", "xs:boolean"),),
)
CLOCK = OnvifTopic(
    "Monitoring/OperatingTime/LastClockSynchronization",
    SourceForm.GATEWAY,
    (ItemDescription("Status", "xs:dateTime"),),
)
CONNECTED = OnvifTopic(
    "Device/edge:Connected", SourceForm.GATEWAY, (_STATE, ItemDescription("edge:Presence", "xs:string"))
)
"""Not made of events, but of the presence of gateways, as the centre decides it."""

TOPICS_OF_KIND: dict[str, tuple[OnvifTopic, ...]] = {
    "object": (OBJECT_DETECTED,),
    "zone-intrusion": (OBJECTS_INSIDE,),
    "loitering": (LOITERING,),
    "line-crossing": (LINE_CROSSED,),
    "line-counts": (LINE_COUNTER,),
    "stopped-vehicle": (STOPPED_VEHICLE,),
    "wrong-way": (WRONG_WAY,),
    "crowding": (CROWDING,),
    "camera-view": (SCENE_CHANGE, TOO_BLURRY, TOO_DARK, TOO_BRIGHT, FROZEN),
    "camera-state": (SIGNAL_LOSS,),
    "thermal": (TEMPERATURE,),
    "clock-correction": (CLOCK,),
}
TOPIC_OF_VIEW: dict[str, OnvifTopic] = {
    "covered": SCENE_CHANGE,
    "moved": SCENE_CHANGE,
    "defocused": TOO_BLURRY,
    "dark": TOO_DARK,
    "overexposed": TOO_BRIGHT,
    "frozen": FROZEN,
}
"""The topic for each ``state`` of ``camera-view``. Rain, a change of the light, and the change between day
and night have no topic."""
NOT_MAPPED: dict[str, str] = {
    "counts": "new objects of an interval: a counter of ONVIF counts since a reset",
    "evidence": "names a clip or file, which is fetched from the console",
    "chain-head": "a signature over other events",
    "uplink": "the data budget of a gateway",
    "certificate": "an alert of the centre",
    "healing": "what a gateway tried without a broker or camera",
    "update": "an update of the agent",
    "rule-override": "an act of an operator",
    "rule-change": "an act of an operator",
    "collection": "frames for training",
    "model": "a change of the detector",
    "self-test": "nothing happened",
    "loss": "events that were dropped",
}
OBJECT_RULE = "objects"
"""The source item ``Rule`` for events of kind ``object``, which no rule reports."""
CLASS_OF_LABEL = {
    "person": "Human",
    "bicycle": "Bicycle",
    "motorcycle": "Bike",
    "two-wheeler": "Bike",
    "car": "Vehicle",
    "bus": "Vehicle",
    "truck": "Vehicle",
    "vehicle": "Vehicle",
}
"""The ``tt:ObjectType`` of the ONVIF schema for each label."""
ALL_TOPICS: tuple[OnvifTopic, ...] = tuple(
    {topic.path: topic for topics in (*TOPICS_OF_KIND.values(), (CONNECTED,)) for topic in topics}.values()
)

_HEAD = """\
# ONVIF topics of events

Generated from `edge_central/onvif/mapping.py` by `python -m edge_central.onvif.mapping`; a test keeps it
current. `tns1` is `http://www.onvif.org/ver10/topics`, `edge` is `https://edge.thaibinh.vn/onvif/topics`. How
programs subscribe: [guide](../guide/onvif.md).
"""


def markdown() -> str:
    """Return the text of ``docs/reference/onvif-topics.md``."""
    rows = ["| event or state | topic | property | source | data |", "|---|---|---|---|---|"]
    for kind in wire.DATA_OF_KIND:
        for topic in TOPICS_OF_KIND.get(kind, ()):
            states = [state for state, of_view in TOPIC_OF_VIEW.items() if of_view is topic]
            rows.append(_row(f"`{kind}`" + (f": {', '.join(states)}" if states else ""), topic))
    rows.append(_row("presence of a gateway", CONNECTED))
    left_out = [f"| `{kind}` | {why} |" for kind, why in NOT_MAPPED.items()]
    more = [
        "Of `camera-view`, the states visibility-degraded, illumination-change and colour-mono-switch have",
        "no topic. Events of a rule that an operator has masked give no notification. `edge:Presence` is a",
        "state of [presence](../design/central.md#presence-of-gateways); `State` is true while the gateway",
        "can be reached.",
    ]
    table = ["## Events without a topic", "| event | why |", "|---|---|", *left_out]
    return "\n".join([_HEAD, *rows, "", *more, "", *table, ""])


def _row(event: str, topic: OnvifTopic) -> str:
    source = ", ".join(f"`{name}`" for name in topic.source.value) or "the gateway"
    data = ", ".join(f"`{item.name}`" for item in topic.data)
    return f"| {event} | `{topic.name}` | {'yes' if topic.is_property else 'no'} | {source} | {data} |"


if __name__ == "__main__":
    sys.stdout.write(markdown())
