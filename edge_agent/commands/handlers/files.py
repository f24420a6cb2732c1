"""Commands that make a file and send it: ``snapshot``, ``live-pictures``, ``clip``, ``diagnostics``; and
``evidence-hold``."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Literal, Protocol

import msgspec

from edge_agent import wire
from edge_agent.commands.action import (
    Action,
    CommandContext,
    CommandFailed,
    CommandRefused,
    CommandSucceeded,
    InProgress,
)
from edge_agent.commands.transfer.clip_queue import ClipQueue
from edge_agent.commands.transfer.https import HttpsTarget, Pause, Uploader
from edge_agent.core.clock import Clock
from edge_agent.core.delivery import MAX_MESSAGE_BYTES, Media, content_type_of
from edge_agent.core.problems import ProblemText, error_text, problem_text

SNAPSHOT_WITHIN_S = 25.0  # while idle only keyframes are decoded; most cameras send one every 2 to 10 s
LIVE_WITHIN_S = 60.0 + SNAPSHOT_WITHIN_S + 10
CLIP_WITHIN_S = 10.0  # from the end of the clip until it is on the disk
UPLOAD_WITHIN_S = 3600.0
POLL_INTERVAL_S = 0.5


class FileService(Protocol):
    """Takes pictures and clips of cameras, sends them to the centre, and holds evidence."""

    def snapshot(self, camera: str, event_id: str, timeout_s: float) -> Media:
        """Return a picture of the next frame; blocks. Raises CommandRefused if the camera cannot make it,
        CommandFailed if none comes in time."""

    def still(self, camera: str, event_id: str, timeout_s: float) -> Media:
        """Return a full-size picture, of the main stream if possible; blocks and raises as ``snapshot``."""

    def record_clip(self, camera: str, event_id: str, last_s: float, next_s: float) -> None:
        """Start a clip; ``clip_of`` returns it some seconds after its end. Raises CommandRefused."""

    def send(self, media: Media, command_id: str) -> str | None:
        """Put a file and its ``evidence`` event into the outbox; both are durable when it returns.

        Returns the day from which the file is sent, because the uplink's budget is used up; None: it is sent
        now. Raises CommandFailed."""

    def clip_of(self, event_id: str) -> tuple[str, bytes] | None:
        """Return the camera and the clip as it may leave the gateway; None: there is no clip.

        Raises CommandRefused if the clip may not leave the gateway, CommandFailed if it cannot be read."""

    def has_clip(self, event_id: str) -> bool: ...

    def is_recorded(self, event_id: str) -> bool:
        """Return whether the clip of this event is being recorded, and will be stored later."""

    def largest_clip(self) -> int:
        """Return the largest size in bytes of a clip that may be sent through the broker now."""

    def hold(self, event_id: str, why: str, who: str) -> None: ...

    def release(self, event_id: str) -> bool: ...


def snapshot_action(files: FileService) -> Action:
    """Make the command ``snapshot``, which sends a picture of what a camera shows now."""

    def run(context: CommandContext[wire.SnapshotArguments]) -> CommandSucceeded:
        camera = context.args.camera
        take = files.still if context.args.still else files.snapshot
        media = take(camera, f"snapshot-{context.id}", SNAPSHOT_WITHIN_S)
        return sent_outcome(media, _delivery("picture", files.send(media, context.id), camera=camera))

    return Action("snapshot", run, run, _is_still, slow=True, within_s=SNAPSHOT_WITHIN_S + 10)


def _is_still(args: wire.SnapshotArguments) -> bool:
    """Return whether a still is requested. It must be signed: at 1.6 MB each, many use up a SIM's data."""
    return args.still


@dataclass(frozen=True)
class LivePicturesCommand:
    """The command ``live-pictures``: sends a picture every ``every_s``, or less often if the camera is
    slower, for ``for_s``.

    It ends with the first picture that the uplink's budget delays, so that at most one picture waits."""

    files: FileService
    pause: Pause
    clock: Clock

    def action(self) -> Action:
        return Action("live-pictures", self.run, slow=True, within_s=LIVE_WITHIN_S)

    def run(self, context: CommandContext[wire.LivePicturesArguments]) -> CommandSucceeded:
        camera, count = context.args.camera, 0
        until_mono = self.clock.monotonic() + context.args.for_s
        while (begun := self.clock.monotonic()) < until_mono:
            media = self.files.snapshot(camera, f"live-{context.id}-{count + 1}", SNAPSHOT_WITHIN_S)
            day = self.files.send(media, context.id)
            count += 1
            if day is not None:
                text = problem_text("live-pictures-wait", camera=camera, count=count, day=day)
                return CommandSucceeded(text, {"pictures": count})
            if count == 1:
                context.progress(problem_text("live-pictures-come", camera=camera))
            if self.pause(max(0.0, context.args.every_s - (self.clock.monotonic() - begun))):
                raise CommandFailed(problem_text("agent-stops"), "interrupted")
        text = problem_text("live-pictures-sent", camera=camera, count=count)
        return CommandSucceeded(text, {"pictures": count})


@dataclass(frozen=True)
class ClipCommand:
    """The command ``clip``: sends an event's clip or a new one, through the broker or as an upload.

    The clip of an event in progress is sent once it is complete; until then the command is ``running``."""

    files: FileService
    pause: Pause
    uploader: Uploader
    _queue: ClipQueue = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_queue", ClipQueue(self.pause))

    def action(self) -> Action:
        return Action("clip", self.run, self.resume, _is_uploaded, slow=True, within_s=UPLOAD_WITHIN_S)

    def run(self, context: CommandContext[wire.ClipArguments]) -> CommandSucceeded | InProgress:
        args = context.args
        if (args.event_id is None) == (args.camera is None):
            raise CommandRefused(problem_text("clip-event-or-camera"), "bad-arguments")
        if args.url is not None and args.urls is not None:
            raise CommandRefused(problem_text("clip-url-or-urls"), "bad-arguments")
        _targets(args)  # called first to refuse bad URLs before anything is recorded
        if args.camera is not None:
            if args.last_s + args.next_s < 1:
                raise CommandRefused(problem_text("clip-too-short"), "bad-arguments")
            event_id = f"clip-{context.id}"
            self.files.record_clip(args.camera, event_id, args.last_s, args.next_s)
            if args.next_s:
                context.progress(problem_text("clip-filming", camera=args.camera, seconds=args.next_s))
            found = self._wait_for(event_id, args.next_s + CLIP_WITHIN_S)
            return self._deliver(context, event_id, *found)
        event_id = args.event_id or ""
        is_recorded = self.files.is_recorded(event_id)  # before ``clip_of``: a clip may be stored in between
        stored = self.files.clip_of(event_id)
        if stored is not None:
            return self._deliver(context, event_id, *stored)
        if not is_recorded:
            raise CommandRefused(problem_text("no-such-clip", event=event_id))
        recorded = partial(self.files.is_recorded, event_id)
        self._queue.add(recorded, partial(self._deliver_queued, context, event_id))
        return InProgress(problem_text("clip-queued"))

    def _deliver_queued(self, context: CommandContext[wire.ClipArguments], event_id: str) -> None:
        try:
            found = self.files.clip_of(event_id)
            if found is None:
                raise CommandFailed(problem_text("clip-not-made"))
            context.finish(self._deliver(context, event_id, *found))
        except (CommandRefused, CommandFailed) as error:
            context.finish(CommandFailed(error_text(error), error.code))

    def resume(self, context: CommandContext[wire.ClipArguments]) -> CommandSucceeded | CommandFailed:
        """After a restart, send the clip if it was complete. It is too late to record it again."""
        event_id = context.args.event_id or f"clip-{context.id}"
        found = self.files.clip_of(event_id)
        if found is None:
            return CommandFailed(problem_text("clip-restart"), "interrupted")
        return self._deliver(context, event_id, *found)

    def _wait_for(self, event_id: str, within_s: float) -> tuple[str, bytes]:
        left_s = within_s
        while left_s > 0:
            if (found := self.files.clip_of(event_id)) is not None:
                return found
            if self.pause(POLL_INTERVAL_S):
                raise CommandFailed(problem_text("agent-stops"), "interrupted")
            left_s -= POLL_INTERVAL_S
        raise CommandFailed(problem_text("clip-not-made"))

    def _deliver(
        self, context: CommandContext[wire.ClipArguments], event_id: str, camera: str, payload: bytes
    ) -> CommandSucceeded:
        args = context.args
        targets = _targets(args)
        if targets is None:
            _refuse_large(payload, self.files.largest_clip())
            media = media_of(payload, event_id, camera)
            return sent_outcome(media, _delivery("clip", self.files.send(media, context.id)))
        context.progress(problem_text("uploading", bytes=len(payload)))
        part_bytes = len(payload) if args.url is not None else args.part_bytes
        return upload_outcome(self.uploader, payload, event_id, targets, part_bytes)


def _is_uploaded(args: wire.ClipArguments) -> bool:
    """Return whether the clip is uploaded: pictures of people may go to any address, so it must be signed."""
    return args.url is not None or args.urls is not None


def diagnostics_action(make: Callable[[], bytes], files: FileService, uploader: Uploader) -> Action:
    """Make the command ``diagnostics``. ``make`` returns the bundle, small enough for the broker."""

    def run(context: CommandContext[wire.DiagnosticsArguments]) -> CommandSucceeded:
        url, event_id = context.args.url, f"diagnostics-{context.id}"
        target = None if url is None else HttpsTarget.of(url)
        bundle = make()
        if target is not None:
            return upload_outcome(uploader, bundle, event_id, [target], len(bundle))
        _refuse_large(bundle, MAX_MESSAGE_BYTES)
        media = media_of(bundle, event_id, "gateway")
        return sent_outcome(media, _delivery("bundle", files.send(media, context.id)))

    return Action(
        "diagnostics", run, run, lambda args: args.url is not None, slow=True, within_s=UPLOAD_WITHIN_S
    )


def hold_action(files: FileService) -> Action:
    """Make the command ``evidence-hold``, which protects an event's media from rotation, or releases them."""

    def run(context: CommandContext[wire.HoldArguments]) -> CommandSucceeded:
        args = context.args
        if args.release:
            if not files.release(args.event_id):
                raise CommandRefused(problem_text("hold-none", event=args.event_id))
            return CommandSucceeded(problem_text("hold-ended", event=args.event_id))
        files.hold(args.event_id, args.why, f"command {context.id}")
        has_clip = files.has_clip(args.event_id)
        code = "held-with-clip" if has_clip else "held-without-clip"
        return CommandSucceeded(problem_text(code, event=args.event_id), {"clip": has_clip})

    def resume(context: CommandContext[wire.HoldArguments]) -> CommandSucceeded:
        if not context.args.release:
            return run(context)
        files.release(context.args.event_id)  # False if the release was done before the restart
        return CommandSucceeded(problem_text("hold-ended", event=context.args.event_id))

    # Releasing evidence can lose it, holding it cannot: only a release needs a signature.
    return Action("evidence-hold", run, resume, lambda args: args.release)


def media_of(payload: bytes, event_id: str, camera: str) -> Media:
    return Media(secrets.token_hex(10), event_id, camera, hashlib.sha256(payload).hexdigest(), payload)


def _delivery(what: Literal["picture", "clip", "bundle"], day: str | None, **named: str) -> ProblemText:
    """Return the sentence that says when a file is sent. ``day``: what ``FileService.send`` returned."""
    if day is None:
        return problem_text(f"{what}-on-its-way", **named)
    return problem_text(f"{what}-waits", **named, day=day)


def sent_outcome(media: Media, text: str) -> CommandSucceeded:
    detail = wire.SentFile(
        event_id=media.event_id,
        bytes=len(media.payload),
        sha256=media.sha256,
        content_type=media.content_type,
        media_id=media.media_id,
    )
    return CommandSucceeded(text, msgspec.to_builtins(detail))


def upload_outcome(
    uploader: Uploader, payload: bytes, event_id: str, targets: list[HttpsTarget], part_bytes: int
) -> CommandSucceeded:
    """Upload a file, and return its description as the outcome. Raises CommandFailed."""
    content_type = content_type_of(payload)
    etags = uploader.put(payload, targets, part_bytes, content_type)
    detail = wire.SentFile(
        event_id=event_id,
        bytes=len(payload),
        sha256=hashlib.sha256(payload).hexdigest(),
        content_type=content_type,
        etags=etags,
    )
    return CommandSucceeded(problem_text("uploaded", bytes=len(payload)), msgspec.to_builtins(detail))


def _targets(args: wire.ClipArguments) -> list[HttpsTarget] | None:
    """Return the servers to upload to; None: send through the broker. Raises CommandRefused."""
    urls = [args.url] if args.url is not None else args.urls
    return None if urls is None else [HttpsTarget.of(url) for url in urls]


def _refuse_large(payload: bytes, limit: int) -> None:
    if len(payload) > limit:
        raise CommandRefused(problem_text("file-too-large", bytes=len(payload), limit=limit))
