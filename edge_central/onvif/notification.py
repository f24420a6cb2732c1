"""A notification as ONVIF defines it: topic, time, source and data."""

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
    """A change or state of a topic. ``operation`` None: the topic is no property. ``rule`` is empty if the
    source of the topic names no rule."""

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
        """The source items if the gateway is the ONVIF device."""
        return _source(self.topic.source, self.camera, self.rule)

    @property
    def source_in_city(self) -> Items:
        """The source items if the centre is the ONVIF device: a camera is named ``gateway/camera``."""
        if self.topic.source is SourceForm.GATEWAY:
            return (("edge:Gateway", self.gateway),)
        return _source(self.topic.source, f"{self.gateway}/{self.camera}", self.rule)


def _source(form: SourceForm, camera: str, rule: str) -> Items:
    return tuple(zip(form.value, (camera, rule), strict=False))
