"""Whole pipelines on a clip through the real ring and decode modes: what a camera reports in each mode."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from edge_agent.cameras.build import (
    DetectorAccess,
    PipelineContext,
    budget_of,
    build_pipeline,
    model_ref,
    use_one_opencv_thread,
)
from edge_agent.cameras.pipeline_thread import CameraPipelineThread
from edge_agent.config.loader import load
from edge_agent.config.model.settings import GearChoice
from edge_agent.core.delivery import Draft, Stamp
from edge_agent.detection.choose import choose_detector
from edge_agent.detection.worker import InlineInference
from edge_agent.events import EventFactory
from edge_agent.pipeline import Pipeline
from tests.testbed.agent import file_camera, write_config
from tests.testbed.ring_feed import RingFeed
from tests.testbed.walker_model import WALKER_MODEL


@dataclass
class EventCollector:
    """Collects events in place of the outbox."""

    events: list[dict[str, Any]] = field(default_factory=list)

    def append(self, draft: Draft) -> Stamp:
        stamp = Stamp(len(self.events) + 1, "epoch")
        event = json.loads(draft.encode(stamp))
        self.events.append(event)
        return stamp

    def append_all(self, drafts: Sequence[Draft]) -> list[Stamp | None]:
        return [self.append(draft) for draft in drafts]

    def objects(self, phase: str = "start") -> list[dict[str, Any]]:
        return [e for e in self.events if e["data"].get("phase") == phase]


@dataclass
class Watched:
    collected: EventCollector
    site: RingFeed
    decoded: int  # frames; a frame decoded twice counts twice


def watch(
    folder: Path,
    clip: Path,
    gear: GearChoice,
    quiet_s: float = 2.0,
    detector: str | Path = WALKER_MODEL,
    more: Mapping[str, object] = MappingProxyType({}),
) -> Watched:
    """Play the clip to one camera, whose pipeline thread runs after each packet.

    ``more``: keys of the camera's configuration.
    """
    use_one_opencv_thread()
    config = write_config(folder, cameras=[file_camera(clip) | dict(more)], detector=detector)
    settings = load(config)
    camera = settings.cameras[0]
    camera = replace(camera, analyse=replace(camera.analyse, gear=gear, quiet_s=quiet_s))
    choice = choose_detector(settings.detector)
    site, collected = RingFeed(camera, clip), EventCollector()
    how: dict[str, Any] = {"clock": site.clock, "boot_id": "gears", "clock_synced": lambda: True}
    events = EventFactory(settings.gateway, **how, model=model_ref(choice.detector))

    def build() -> Pipeline:
        access = None
        if choice.detector is not None:
            budget = budget_of(settings.detector, (camera.id,))
            access = DetectorAccess(InlineInference(choice.detector), budget)
        gateway, min_score = settings.gateway, settings.detector.min_score
        whole = PipelineContext(access, min_score, events, collected, gateway.timezone, gateway.holidays)
        return build_pipeline(camera, whole, "tag")

    lane = CameraPipelineThread(camera.id, site.feed, build)
    for _ in site.arrive():
        while lane.run_once(0):
            pass
    assert lane.failures == 0, lane.problem
    return Watched(collected, site, site.decoder.decoded)
