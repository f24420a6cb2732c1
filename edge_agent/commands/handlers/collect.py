"""``collect``: starts or ends a collection of frames for training."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from edge_agent.collection.collector import Collector
from edge_agent.collection.files import Collection
from edge_agent.commands.action import (
    Action,
    CommandContext,
    CommandFailed,
    CommandRefused,
    CommandSucceeded,
    select_cameras,
)
from edge_agent.config.model.settings import Settings, SnapshotPolicy
from edge_agent.core.clock import rfc3339
from edge_agent.core.errors import StorageError
from edge_agent.core.facts import RequestOrigin
from edge_agent.wire import CollectArguments


@dataclass(frozen=True)
class CollectCommand:
    """The command ``collect``. ``settings`` returns those in force."""

    collector: Collector
    settings: Callable[[], Settings]

    def action(self) -> Action:
        return Action("collect", self.run, self.resume, _needs_signature)

    def run(self, context: CommandContext[CollectArguments]) -> CommandSucceeded:
        args, record = context.args, self.collector.record
        if args.for_s == 0:
            return self._end(record, delete=args.delete)
        if args.delete:
            raise CommandRefused("delete is for the end of a collection: for_s has to be 0", "bad-arguments")
        if (reason := self.collector.refusal() or self.collector.storage_problem()) is not None:
            raise CommandRefused(reason)
        if record is not None:
            raise CommandRefused(
                f"{record.event_id} goes on or has frames on the gateway: end it with for_s=0, then have "
                "them sent, exported (edge-agent collect export) or deleted (delete=true)"
            )
        begun = self.collector.begin(self._cameras(args), args, RequestOrigin(context.id, context.signed_by))
        if begun is None:
            raise CommandRefused("the disk does not keep it; nothing has begun")
        return _begun(begun)

    def resume(self, context: CommandContext[CollectArguments]) -> CommandSucceeded:
        record = self.collector.record
        return _begun(record) if record is not None and record.command_id == context.id else self.run(context)

    def _end(self, record: Collection | None, *, delete: bool) -> CommandSucceeded:
        try:
            self.collector.end(delete=delete)
        except StorageError as error:
            raise CommandFailed(f"no more frames are taken, but some are not deleted: {error}") from error
        if record is None:
            return CommandSucceeded(
                "no collection is known" + ("; what was on the disk is deleted" if delete else "")
            )
        kept = (
            "its frames are deleted"
            if delete
            else "frames on the gateway stay until they are sent or too old"
        )
        return CommandSucceeded(
            f"{record.event_id}: no more frames are taken; {kept}", {"event_id": record.event_id}
        )

    def _cameras(self, args: CollectArguments) -> list[str]:
        cameras = {camera.id: camera for camera in self.settings().cameras}
        wanted = select_cameras(args.cameras, list(cameras))
        private = [each for each in wanted if cameras[each].report.snapshots is SnapshotPolicy.NONE]
        if private:
            raise CommandRefused(
                f"{', '.join(private)}: no pictures leave the gateway (report.snapshots is none)"
            )
        if not wanted:
            raise CommandRefused("this gateway has no camera")
        return wanted


def _needs_signature(args: CollectArguments) -> bool:
    """Ending a collection needs no signature: it can only reduce what is collected."""
    return args.for_s > 0 or args.delete


def _begun(record: Collection) -> CommandSucceeded:
    until = rfc3339(record.until)
    text = f"up to {record.frames} frames each of {', '.join(record.cameras)} are kept until {until}"
    return CommandSucceeded(text, {"event_id": record.event_id, "cameras": record.cameras, "until": until})
