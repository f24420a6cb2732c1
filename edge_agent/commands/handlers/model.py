"""``model``: tries a new model, switches to it, or goes back to the previous one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from edge_agent.commands.action import (
    Action,
    CommandContext,
    CommandFailed,
    CommandRefused,
    CommandSucceeded,
    InProgress,
    always,
    unchanged,
)
from edge_agent.commands.signature import OperatorKeyring
from edge_agent.commands.transfer.https import DOWNLOAD_WAIT_S, retry_download
from edge_agent.core.facts import RequestOrigin
from edge_agent.core.problems import error_text, problem_text
from edge_agent.model_release.manifest import BadManifest, open_manifest
from edge_agent.model_release.record import SentModel
from edge_agent.model_release.service import ModelService
from edge_agent.wire import ModelArguments

WITHIN_S = 8 * 86_400.0
"""Longest time of the command: a week of shadow mode, and a day for the download over a slow link."""
_NEEDED = {"try": ("manifest", "url", "bytes"), "switch": ("sha256",), "back": ()}


@dataclass(frozen=True)
class ModelCommand:
    """The command ``model``.

    ``ca_file`` returns the CA file of the model server; None: the system's CAs. ``received`` is called with
    the number of bytes that came."""

    service: ModelService
    operators: OperatorKeyring
    ca_file: Callable[[], str | None]
    received: Callable[[int], None]
    wait_s: float = DOWNLOAD_WAIT_S  # between two attempts at the server

    def action(self) -> Action:
        return Action("model", self.run, self.resume, always, slow=True, within_s=WITHIN_S)

    def run(self, context: CommandContext[ModelArguments]) -> CommandSucceeded | InProgress:
        args = context.args
        if (reason := self.service.refusal()) is not None:
            raise CommandRefused(unchanged(reason))
        if missing := [name for name in _NEEDED[args.action] if getattr(args, name) is None]:
            needs = problem_text("model-needs", action=args.action, names=missing)
            raise CommandRefused(needs, "bad-arguments")
        by = RequestOrigin(context.id, context.signed_by)
        match args.action:
            case "try":
                return self._try(context, by)
            case "switch":
                return self.service.switch(args.sha256 or "", by, args.for_s, force=args.force)
            case "back":
                return self.service.back(by)

    def resume(
        self, context: CommandContext[ModelArguments]
    ) -> CommandSucceeded | InProgress | CommandFailed:
        args = context.args
        if args.action == "try":
            match self.service.resume_trial(context.id, context.finish):
                case str(doing):
                    return InProgress(doing)
                case CommandSucceeded() | CommandFailed() as answer:
                    return answer
        if args.action == "switch" and self.service.is_in_force(args.sha256 or ""):
            return _in_force(args.sha256 or "", args.sha256 or "")
        return self.run(context)

    def _try(
        self, context: CommandContext[ModelArguments], by: RequestOrigin
    ) -> CommandSucceeded | InProgress:
        model = self._signed_model(context.args)
        if self.service.is_in_force(model.sha256):
            return _in_force(model.name, model.sha256)
        self.service.check_free()
        self.service.store.clean(model)
        if not self._fetch(context, model):
            return InProgress(problem_text("agent-stops-continues"))
        args = context.args
        return InProgress(self.service.begin_trial(model, by, args.for_s, args.share, context.finish))

    def _signed_model(self, args: ModelArguments) -> SentModel:
        """Verify the manifest, and return its model. Raises CommandRefused."""
        try:
            manifest, _, signed_by = open_manifest((args.manifest or "").encode(), self.operators)
            file = manifest.model_file
        except BadManifest as error:
            refused = problem_text("model-manifest", error=error_text(error))
            raise CommandRefused(refused, "bad-signature") from error
        return SentModel(name=manifest.name, file=file, sha256=manifest.files[file], signed_by=signed_by)

    def _fetch(self, context: CommandContext[ModelArguments], model: SentModel) -> bool:
        """Download the model. False: the agent stops. Raises CommandRefused, CommandFailed."""
        args = context.args
        context.progress(problem_text("model-fetches", file=model.file, bytes=args.bytes or 0))
        return retry_download(
            lambda: self.service.store.fetch(
                model,
                args.url or "",
                args.bytes or 0,
                ca_file=self.ca_file(),
                stopping=context.stopping,
                received=self.received,
            ),
            model.file,
            "nothing-changed",
            wait_s=self.wait_s,
            stopping=context.stopping,
        )


def _in_force(name: str, sha256: str) -> CommandSucceeded:
    return CommandSucceeded(problem_text("model-in-force", name=name), {"sha256": sha256})
