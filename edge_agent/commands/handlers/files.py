"""Commands that make a file and send it: ``snapshot``, ``clip``, ``diagnostics``; and ``evidence-hold``."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import msgspec

from edge_agent.commands.action import Failed, Handed, Order, Outcome, Refused
from edge_agent.commands.transfer.https import Target
from edge_agent.commands.transfer.upload import Pause, Uploader
from edge_agent.core.delivery import Media, content_type_of
from edge_agent.wire import (
    ClipArguments,
    DiagnosticsArguments,
    HoldArguments,
    SentFile,
    SnapshotArguments,
)

MQTT_MOST_BYTES = 1_900_000
"""Of one file through the broker, which takes messages of 2 MiB (role ``broker``)."""
SNAPSHOT_WITHIN_S = 25.0
"""In idle gear a picture comes with a keyframe; most cameras send one every 2 to 10 s."""
CLIP_WITHIN_S = 10.0
"""From its end until it is on the disk."""
UPLOAD_WITHIN_S = 3600.0
LOOK_S = 0.5


class CameraDesk(Protocol):
    """What commands may ask of cameras. All raise Refused for a camera that cannot."""

    def snapshot(self, camera: str, event_id: str, timeout_s: float) -> Media:
        """Blocks for the next view. Raises Failed when none comes in time."""
        ...

    def film(self, camera: str, event_id: str, last_s: float, next_s: float) -> None:
        """Have a clip made; it is among ``clip_of`` some seconds after its end."""
        ...


class FileRoom(Protocol):
    """Where files come from, and where they go."""

    def send(self, media: Media, command_id: str) -> str:
        """Durable when it returns; told by an ``evidence`` event. What becomes of it: ``is on its way``, or
        why it waits. Raises Failed."""
        ...

    def clip_of(self, event_id: str) -> tuple[str, bytes] | None:
        """Its camera and the file as it may leave the box; None: there is none. Raises Refused where it may
        not, Failed when it cannot be read."""
        ...

    def has_clip(self, event_id: str) -> bool: ...

    def hold(self, event_id: str, why: str, who: str) -> None: ...

    def release(self, event_id: str) -> bool: ...


@dataclass(frozen=True)
class Snapshot:
    """What the camera shows now, as media."""

    cameras: CameraDesk
    files: FileRoom
    name = "snapshot"
    arguments = SnapshotArguments
    slow = True
    within_s = SNAPSHOT_WITHIN_S + 10

    def needs_signature(self, args: SnapshotArguments) -> bool:
        return False

    def run(self, order: Order[SnapshotArguments]) -> Outcome:
        media = self.cameras.snapshot(order.args.camera, f"snapshot-{order.id}", SNAPSHOT_WITHIN_S)
        return sent(media, f"the picture of {order.args.camera} {self.files.send(media, order.id)}")

    def resume(self, order: Order[SnapshotArguments]) -> Outcome:
        return self.run(order)


@dataclass(frozen=True)
class Clip:
    """An event's clip or a new one, as media or uploaded. ``pause`` waits, True when the agent stops."""

    cameras: CameraDesk
    files: FileRoom
    pause: Pause
    uploader: Uploader
    name = "clip"
    arguments = ClipArguments
    slow = True
    within_s = UPLOAD_WITHIN_S

    def needs_signature(self, args: ClipArguments) -> bool:
        """Pictures of people go where the command says."""
        return args.url is not None or args.urls is not None

    def run(self, order: Order[ClipArguments]) -> Outcome:
        args = order.args
        if (args.event_id is None) == (args.camera is None):
            raise Refused("name an event_id or a camera, one of them", "bad-arguments")
        if args.url is not None and args.urls is not None:
            raise Refused("give url or urls, not both", "bad-arguments")
        _targets(args)  # before anything is filmed
        if args.camera is not None:
            if args.last_s + args.next_s < 1:
                raise Refused("last_s and next_s together are less than a second", "bad-arguments")
            event_id = f"clip-{order.id}"
            self.cameras.film(args.camera, event_id, args.last_s, args.next_s)
            if args.next_s:
                order.progress(f"{args.camera} is filmed for another {args.next_s:g} s")
            found = self._wait_for(event_id, args.next_s + CLIP_WITHIN_S)
            return self._deliver(order, event_id, *found)
        event_id = args.event_id or ""
        kept = self.files.clip_of(event_id)
        if kept is None:
            raise Refused(f"there is no clip of {event_id} on this box")
        return self._deliver(order, event_id, *kept)

    def resume(self, order: Order[ClipArguments]) -> Outcome | Failed:
        """What was filmed may be there; it is not filmed again, for the time asked for is over."""
        event_id = order.args.event_id or f"clip-{order.id}"
        found = self.files.clip_of(event_id)
        if found is None:
            return Failed("the agent was restarted before the clip was complete", "interrupted")
        return self._deliver(order, event_id, *found)

    def _wait_for(self, event_id: str, within_s: float) -> tuple[str, bytes]:
        left_s = within_s
        while left_s > 0:
            if (found := self.files.clip_of(event_id)) is not None:
                return found
            if self.pause(LOOK_S):
                raise Failed("the agent stops", "interrupted")
            left_s -= LOOK_S
        raise Failed("no clip came of it; the evidence event says why")

    def _deliver(self, order: Order[ClipArguments], event_id: str, camera: str, payload: bytes) -> Outcome:
        args = order.args
        targets = _targets(args)
        if targets is None:
            _refuse_large(payload)
            media = media_of(payload, event_id, camera)
            return sent(media, f"the clip {self.files.send(media, order.id)}")
        order.progress(f"{len(payload)} bytes are uploaded")
        part_bytes = len(payload) if args.url is not None else args.part_bytes
        return uploaded(self.uploader, payload, event_id, targets, part_bytes)


@dataclass(frozen=True)
class Diagnostics:
    """``make`` gives the bundle: redacted, and never larger than what the broker takes."""

    make: Callable[[], bytes]
    files: FileRoom
    uploader: Uploader
    name = "diagnostics"
    arguments = DiagnosticsArguments
    slow = True
    within_s = UPLOAD_WITHIN_S

    def needs_signature(self, args: DiagnosticsArguments) -> bool:
        return args.url is not None

    def run(self, order: Order[DiagnosticsArguments]) -> Outcome:
        url, event_id = order.args.url, f"diagnostics-{order.id}"
        target = None if url is None else Target.of(url)
        bundle = self.make()
        if target is not None:
            return uploaded(self.uploader, bundle, event_id, [target], len(bundle))
        _refuse_large(bundle)
        media = media_of(bundle, event_id, "gateway")
        return sent(media, f"the bundle {self.files.send(media, order.id)}")

    def resume(self, order: Order[DiagnosticsArguments]) -> Outcome:
        return self.run(order)


@dataclass(frozen=True)
class EvidenceHold:
    """Rotation leaves an event's media alone, or may have them again."""

    files: FileRoom
    name = "evidence-hold"
    arguments = HoldArguments
    slow = False
    within_s = 30.0

    def needs_signature(self, args: HoldArguments) -> bool:
        """To let evidence go is risky, to keep it is not."""
        return args.release

    def run(self, order: Order[HoldArguments]) -> Outcome | Handed:
        args = order.args
        if args.release:
            if not self.files.release(args.event_id):
                raise Refused(f"{args.event_id} was not held")
            return Outcome(f"{args.event_id} is not held any more")
        self.files.hold(args.event_id, args.why, f"command {order.id}")
        has_clip = self.files.has_clip(args.event_id)
        told = "with a clip" if has_clip else "it has no clip on this box"
        return Outcome(f"{args.event_id} is held, {told}", {"clip": has_clip})

    def resume(self, order: Order[HoldArguments]) -> Outcome | Handed:
        if order.args.release:
            self.files.release(order.args.event_id)  # which may have been done
            return Outcome(f"{order.args.event_id} is not held any more")
        return self.run(order)


def media_of(payload: bytes, event_id: str, camera: str) -> Media:
    return Media(secrets.token_hex(10), event_id, camera, hashlib.sha256(payload).hexdigest(), payload)


def sent(media: Media, text: str) -> Outcome:
    told = SentFile(
        event_id=media.event_id,
        bytes=len(media.payload),
        sha256=media.sha256,
        content_type=media.content_type,
        media_id=media.media_id,
    )
    return Outcome(text, msgspec.to_builtins(told))


def uploaded(
    uploader: Uploader, payload: bytes, event_id: str, targets: list[Target], part_bytes: int
) -> Outcome:
    """Raises Failed."""
    content_type = content_type_of(payload)
    etags = uploader.put(payload, targets, part_bytes, content_type)
    told = SentFile(
        event_id=event_id,
        bytes=len(payload),
        sha256=hashlib.sha256(payload).hexdigest(),
        content_type=content_type,
        etags=etags,
    )
    return Outcome(f"{len(payload)} bytes are uploaded", msgspec.to_builtins(told))


def _targets(args: ClipArguments) -> list[Target] | None:
    """None: it goes as media. Raises Refused."""
    urls = [args.url] if args.url is not None else args.urls
    return None if urls is None else [Target.of(url) for url in urls]


def _refuse_large(payload: bytes) -> None:
    if len(payload) > MQTT_MOST_BYTES:
        told = f"it has {len(payload)} bytes, and {MQTT_MOST_BYTES} go through the broker; give a url"
        raise Refused(told)
