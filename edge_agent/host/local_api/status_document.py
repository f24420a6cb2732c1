"""The document on the status socket of a running agent."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Literal

from edge_agent.config.model.settings import Settings
from edge_agent.wire import Heartbeat, Message, ShadowReport


class StatusDocument(Message, frozen=True, kw_only=True):
    """The heartbeat, and the gateway that it belongs to."""

    schema: Literal["status/1"] = "status/1"
    gateway: str
    ward: str
    name: str
    timezone: str
    profile: str
    pid: int
    details: dict[str, str]  # camera id -> one human line, without secrets
    heartbeat: Heartbeat
    connected: bool = False  # is there a session with a broker
    ward_name: str = ""  # for people; empty: the id is shown
    shadow: ShadowReport | None = None  # figures of the model that is or was in shadow mode


def status_document(
    settings: Settings,
    heartbeat: Heartbeat,
    details: Mapping[str, str],
    *,
    connected: bool = False,
    shadow: ShadowReport | None = None,
) -> StatusDocument:
    return StatusDocument(
        gateway=settings.gateway.id,
        ward=settings.gateway.ward,
        name=settings.gateway.name,
        timezone=settings.gateway.timezone.key,
        profile=settings.profile.name,
        pid=os.getpid(),
        details={camera: text for camera, text in details.items() if text},
        heartbeat=heartbeat,
        connected=connected,
        ward_name=settings.gateway.ward_name,
        shadow=shadow,
    )
