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
from edge_agent.core.problems import error_text, problem_text
from edge_agent.wire import CollectArguments


@dataclass(frozen=True)
class CollectCommand:
    """The command ``collect``. ``settings`` returns the settings in force."""

    collector: Collector
    settings: Callable[[], Settings]

    def action(self) -> Action:
        return Action("collect", self.run, self.resume, _needs_signature)

    def run(self, context: CommandContext[CollectArguments]) -> CommandSucceeded:
        args, record = context.args, self.collector.record
        if args.for_s == 0:
            return self._end(record, delete=args.delete)
        if args.delete:
            raise CommandRefused(problem_text("collect-delete-later"), "bad-arguments")
        if (reason := self.collector.refusal() or self.collector.storage_problem()) is not None:
            raise CommandRefused(reason)
        if record is not None:
            raise CommandRefused(problem_text("collect-goes-on", event=record.event_id))
        begun = self.collector.begin(self._cameras(args), args, RequestOrigin(context.id, context.signed_by))
        if begun is None:
            raise CommandRefused(problem_text("collect-not-kept"))
        return _begun(begun)

    def resume(self, context: CommandContext[CollectArguments]) -> CommandSucceeded:
        record = self.collector.record
        return _begun(record) if record is not None and record.command_id == context.id else self.run(context)

    def _end(self, record: Collection | None, *, delete: bool) -> CommandSucceeded:
        try:
            self.collector.end(delete=delete)
        except StorageError as error:
            raise CommandFailed(problem_text("collect-not-deleted", error=error_text(error))) from error
        if record is None:
            return CommandSucceeded(problem_text("collect-none-deleted" if delete else "collect-none"))
        code = "collect-ended-deleted" if delete else "collect-ended"
        return CommandSucceeded(problem_text(code, event=record.event_id), {"event_id": record.event_id})

    def _cameras(self, args: CollectArguments) -> list[str]:
        cameras = {camera.id: camera for camera in self.settings().cameras}
        wanted = select_cameras(args.cameras, list(cameras))
        private = [each for each in wanted if cameras[each].report.snapshots is SnapshotPolicy.NONE]
        if private:
            raise CommandRefused(problem_text("camera-pictures-stay", camera=private))
        if not wanted:
            raise CommandRefused(problem_text("no-cameras"))
        return wanted


def _needs_signature(args: CollectArguments) -> bool:
    """Return whether a signature is needed. Ending a collection needs none: it reduces what is collected."""
    return args.for_s > 0 or args.delete


def _begun(record: Collection) -> CommandSucceeded:
    until = rfc3339(record.until)
    text = problem_text("collect-began", frames=record.frames, cameras=record.cameras, until=until)
    return CommandSucceeded(text, {"event_id": record.event_id, "cameras": record.cameras, "until": until})
