"""Answers commands of the centre for a simulated gateway, with the agent's own dispatcher, signature check,
journal and actions: searches of its passages, and drawn pictures and clips."""

from __future__ import annotations

import hashlib
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import msgspec

from edge_agent.commands.action import (
    Action,
    CommandContext,
    CommandFailed,
    CommandRefused,
    CommandSucceeded,
    InProgress,
)
from edge_agent.commands.dispatcher import CommandDispatcher
from edge_agent.commands.handlers.files import (
    ClipCommand,
    FileService,
    LivePicturesCommand,
    hold_action,
    media_of,
    snapshot_action,
)
from edge_agent.commands.handlers.search import GatewayLimits, SearchCommands
from edge_agent.commands.journal import CommandJournal
from edge_agent.commands.signature import OperatorKeyring
from edge_agent.commands.transfer.https import Uploader
from edge_agent.core.clock import Clock
from edge_agent.core.delivery import MAX_MESSAGE_BYTES, Media
from edge_agent.core.errors import EdgeAgentError
from edge_agent.core.problems import error_text, problem_text
from edge_agent.tools.simulate.drawn_street import CLIP_S, PictureBox, draw_clip, draw_picture
from edge_agent.wire import ClipRef, ConfiguredRules, EvidenceData

SEARCHES_AT_ONCE = 4
"""Largest number of searches at once, of all gateways of a process. They share one Python interpreter, so
more would end no earlier. It is more than one, because one can wait for its disk while another computes."""
MAX_CLIPS = 100
"""How many clips a gateway keeps for requests: those of its newest events."""


NO_LIMIT = GatewayLimits(heat_step=0, budget_used_up=False, clock_synced=True)


@dataclass
class SearchTurns:
    """Limits simultaneous searches of this process; counts searches and their CPU time. Thread-safe."""

    _free: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(SEARCHES_AT_ONCE))
    _lock: threading.Lock = field(default_factory=threading.Lock)  # protects the two counts
    count: int = 0
    cpu_s: float = 0.0

    def limited(self, action: Action) -> Action:
        """Return an action that first waits until fewer than ``SEARCHES_AT_ONCE`` searches run, and then runs
        ``action``."""

        def run(context: CommandContext[Any]) -> CommandSucceeded | InProgress:
            with self._free:
                began_s = time.thread_time()
                try:
                    return action.run(context)
                finally:
                    self._add(time.thread_time() - began_s)

        return replace(action, run=run)

    def _add(self, cpu_s: float) -> None:
        with self._lock:
            self.count += 1
            self.cpu_s += cpu_s


@dataclass(frozen=True, slots=True)
class DrawnEvent:
    """What to draw in the clip of an event."""

    camera: str
    label: str
    box: PictureBox | None


class DrawnFiles:
    """Implements ``FileService`` with drawings, which are made again for each request. Thread-safe.

    Set the event ``stop`` to end commands that wait."""

    def __init__(
        self,
        gateway: str,
        cameras: Sequence[str],
        is_online: Callable[[str], bool],
        append: Callable[[Media, str], object],
    ) -> None:
        """``append(media, command_id)`` stores a file and its ``evidence`` event in the outbox."""
        self.stop = threading.Event()
        self._gateway = gateway
        self._cameras = cameras
        self._is_online = is_online
        self._append = append
        self._lock = threading.Lock()  # protects the two fields below
        self._clips: OrderedDict[str, DrawnEvent] = OrderedDict()
        self._held: set[str] = set()

    def report_clip(self, event_id: str, began_at: str, drawn: DrawnEvent) -> EvidenceData:
        """Make the clip of an event, which ``clip_of`` then returns; return the data of the agent's event
        that reports a clip."""
        clip = self._add_clip(event_id, drawn)
        ref = ClipRef(
            media_id=f"{event_id}-clip",
            sha256=hashlib.sha256(clip).hexdigest(),
            bytes=len(clip),
            codec="h264",
            source="sub",
            began_at=began_at,
            pre_roll_s=0.0,
            duration_s=float(CLIP_S),
        )
        return EvidenceData(event_id=event_id, clip=ref)

    def _add_clip(self, event_id: str, drawn: DrawnEvent) -> bytes:
        with self._lock:
            self._clips[event_id] = drawn
            if len(self._clips) > MAX_CLIPS:
                self._clips.popitem(last=False)
        return draw_clip(self.view(drawn.camera), drawn.label, drawn.box)

    def view(self, camera: str) -> str:
        """Return the name of a camera that is drawn into its pictures."""
        return f"{self._gateway}/{camera}"

    def snapshot(self, camera: str, event_id: str, timeout_s: float) -> Media:
        self._refuse_away(camera)
        return media_of(draw_picture(self.view(camera), "", None), event_id, camera)

    still = snapshot

    def record_clip(self, camera: str, event_id: str, last_s: float, next_s: float) -> None:
        self._refuse_away(camera)
        self._add_clip(event_id, DrawnEvent(camera, "", None))

    def send(self, media: Media, command_id: str) -> str | None:
        try:
            self._append(media, command_id)
        except EdgeAgentError as error:
            raise CommandFailed(problem_text("file-not-sent", error=error_text(error))) from error
        return None

    def clip_of(self, event_id: str) -> tuple[str, bytes] | None:
        with self._lock:
            drawn = self._clips.get(event_id)
        if drawn is None:
            return None
        return drawn.camera, draw_clip(self.view(drawn.camera), drawn.label, drawn.box)

    def has_clip(self, event_id: str) -> bool:
        with self._lock:
            return event_id in self._clips

    def is_recorded(self, event_id: str) -> bool:
        return False

    def largest_clip(self) -> int:
        return MAX_MESSAGE_BYTES

    def hold(self, event_id: str, why: str, who: str) -> None:
        with self._lock:
            self._held.add(event_id)

    def release(self, event_id: str) -> bool:
        with self._lock:
            is_there = event_id in self._held
            self._held.discard(event_id)
        return is_there

    def _refuse_away(self, camera: str) -> None:
        """Raise CommandRefused if the camera does not exist or is offline."""
        if camera not in self._cameras:
            raise CommandRefused(problem_text("no-such-camera", camera=camera, known=list(self._cameras)))
        if not self._is_online(camera):
            away = {"cause": "unreachable", "why": "simulated"}
            raise CommandRefused(problem_text("camera-is-offline", camera=camera, **away))


def drawn_actions(files: DrawnFiles, rules: ConfiguredRules, clock: Clock) -> tuple[Action, ...]:
    """Return the command ``rules``, and the commands that send drawn files."""

    def send_rules(context: CommandContext[Any]) -> CommandSucceeded:
        count = sum(len(each.rules) for each in rules.cameras.values())
        text = problem_text("rules-sent", rules=count, cameras=len(rules.cameras))
        return CommandSucceeded(text, msgspec.to_builtins(rules))

    service: FileService = files
    pause = files.stop.wait
    return (
        Action("rules", send_rules),
        snapshot_action(service),
        LivePicturesCommand(service, pause, clock).action(),
        ClipCommand(service, pause, Uploader(pause)).action(),
        hold_action(service),
    )


def search_actions(
    folder: Path, ward: str, keys: Sequence[Path], turns: SearchTurns, clock: Clock
) -> tuple[Action, ...]:
    """Return the search commands. ``keys``: the centre's public search keys."""
    commands = SearchCommands(folder, clock, OperatorKeyring((), keys), ward, lambda: NO_LIMIT)
    return tuple(turns.limited(action) for action in commands.actions())


def make_dispatcher(
    gateway: str,
    folder: Path,
    keys: Sequence[Path],
    actions: Iterable[Action],
    clock: Clock,
    *,
    session: Callable[[], str],
    wake: Callable[[], None],
    publish_birth: Callable[[], None],
) -> CommandDispatcher:
    """Return a dispatcher that knows ``actions`` and ``rebirth``, and refuses all other types.

    ``keys``: the centre's public search keys; ``session``, ``wake``: see ``CommandDispatcher``.
    """

    def rebirth(context: CommandContext[Any]) -> CommandSucceeded:
        publish_birth()
        return CommandSucceeded("the birth is sent again")

    dispatcher = CommandDispatcher(
        gateway,
        CommandJournal(folder / "commands"),
        OperatorKeyring((), keys),
        clock=clock,
        synced=lambda: True,
        session=session,
        wake=wake,
    )
    dispatcher.register((Action("rebirth", rebirth, may_be_unwritten=True), *actions))
    return dispatcher
