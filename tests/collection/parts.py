"""A collector with a real outbox, a real configuration and a fake clock."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from edge_agent import config
from edge_agent.collection.collector import Collector
from edge_agent.commands.action import CommandSucceeded
from edge_agent.commands.handlers.collect import CollectCommand
from edge_agent.config.model.settings import Settings
from edge_agent.core.model import Tracks
from edge_agent.events import EventFactory
from edge_agent.outbox import EventOutbox
from edge_agent.wire import CollectArguments, UplinkHealth
from tests.commands.contexts import ContextRecorder
from tests.events.parts import GATEWAY, MODEL, PlainPicture, frame, track, valid
from tests.outbox.parts import HandClock, outbox_in
from tests.testbed.agent import write_config

KEY = X25519PrivateKey.generate()
PEM = KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
PUBLIC_PEM = KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
CAMERAS: list[dict[str, object]] = [
    {"id": "cam-1", "url": "clip.mp4"},
    {"id": "cam-2", "url": "clip.mp4", "privacy_masks": [[[0, 0], [1, 0], [1, 1], [0, 1]]]},
    {"id": "cam-3", "url": "clip.mp4", "report": {"snapshots": "none"}},
]
OPERATOR_KEY = "ab" * 32


class NoPictures:
    """An evidence stage."""

    def observe(self, *_: object) -> None: ...


@dataclass
class Box:
    """The collection part of one run of the agent."""

    collector: Collector
    settings: Settings
    outbox: EventOutbox
    clock: HandClock
    uplink: UplinkHealth = field(default_factory=UplinkHealth)
    online: bool = False

    def ask(self, id_: str = "collect-1", **args: Any) -> CommandSucceeded:
        action = CollectCommand(self.collector, lambda: self.settings)
        return action.run(ContextRecorder().context(CollectArguments(**args), id_, OPERATOR_KEY))

    def show(self, camera_id: str, level: int = 200) -> None:
        """One frame with a moving object."""
        camera = next(each for each in self.settings.cameras if each.id == camera_id)
        picture = PlainPicture(level=level)
        shown = frame(self.clock.mono, picture)
        object.__setattr__(shown, "camera_id", camera_id)
        self.collector.observing(camera, NoPictures()).observe(shown, Tracks((track(),)))
        self.collector.run_once(0.0)

    def later(self, seconds: float) -> None:
        self.clock.advance(seconds)
        self.collector.run_once(0.0)

    def events(self, kind: str = "collection") -> list[dict[str, Any]]:
        """Events of that kind in the outbox, checked against their schema and marked as delivered."""
        found = []
        for event in self.outbox.pending(100):
            self.outbox.delivered(event.sequence, event.epoch)
            found.append(valid(event.payload))
        return [event["data"] for event in found if event["type"].endswith(f".{kind}.v1")]

    @property
    def files(self) -> list[Path]:
        return sorted((self.settings.state_dir / "collect/media").glob("*/*"))


@contextmanager
def box_in(
    folder: Path, clock: HandClock | None = None, *, key: bool = True, synced: bool = True, **collect: object
) -> Iterator[Box]:
    """Settings with the section ``collect``; collecting is allowed by default."""
    clock = clock or HandClock()
    (folder / "centre.pub.pem").write_bytes(PUBLIC_PEM)
    section = {"allow": True, **({"seal_to": str(folder / "centre.pub.pem")} if key else {}), **collect}
    path = write_config(folder, cameras=CAMERAS, broker_port=1, detector="none", collect=section)
    settings = config.load(path)
    events = EventFactory(GATEWAY, clock=clock, boot_id="b", clock_synced=lambda: synced, model=MODEL)
    with outbox_in(settings.state_dir, clock) as outbox:
        box: Box
        collector = Collector(
            settings,
            clock,
            lambda: synced,
            events,
            outbox,
            clock_steady=lambda: synced,
            online=lambda: box.online,
            uplink=lambda: box.uplink,
        )
        box = Box(collector, settings, outbox, clock)
        collector.restore()
        yield box
