"""A notification, as ONVIF defines it: topic, time, source and data."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from edge_central.onvif.mapping import OnvifTopic, SourceForm

ItemValue = str | bool | int
Items = tuple[tuple[str, ItemValue], ...]


class PropertyOperation(StrEnum):
    INITIALIZED = "Initialized"
    CHANGED = "Changed"
    DELETED = "Deleted"


@dataclass(frozen=True, slots=True)
class Notification:
    """``operation`` None: the topic is no property. ``rule`` is empty unless the source of the topic names
    one."""

    ward: str
    gateway: str
    camera: str
    topic: OnvifTopic
    rule: str
    time_ms: int
    operation: PropertyOperation | None
    data: Items

    @property
    def source_in_gateway(self) -> Items:
        """The source, where the gateway is the device."""
        return _source(self.topic.source, self.camera, self.rule)

    @property
    def source_in_city(self) -> Items:
        """The source when the centre is the ONVIF device: the name of a camera is ``gateway/camera``."""
        if self.topic.source is SourceForm.GATEWAY:
            return (("edge:Gateway", self.gateway),)
        return _source(self.topic.source, f"{self.gateway}/{self.camera}", self.rule)


def _source(form: SourceForm, camera: str, rule: str) -> Items:
    return tuple(zip(form.value, (camera, rule), strict=False))
