"""Brings a model release to many gateways in stages: decides the next command from each gateway's own
reports.

Pure. A rollout stores no state: birth and heartbeat say which model a gateway runs, tries, or has given up.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from edge_agent.model_release.agreement import ENOUGH_OBJECTS
from edge_agent.tools.gateways.fleet_status import FleetGateway, FleetStatus
from edge_agent.wire.received.health import ReceivedModelHealth

RolloutState = Literal["offline", "unheard", "changed", "waits", "shadow", "tried", "in force", "given up"]
NO_FIGURES_S = 1800.0
"""Longest wait for an effect after a command's duration: a link may be slow, or a heartbeat lost."""

TAKES_NONE = ("not-possible", "unknown-type")
"""Reply codes of gateways that cannot try the model: the configuration names another model, the disk is full,
or the agent is too old."""


class RolloutStopped(Exception):
    """The rollout must stop: a gateway refused the model, gave it up, or did not react in time."""


@dataclass(frozen=True, slots=True)
class RolloutOptions:
    """Options of a rollout; times are in seconds."""

    stages: tuple[str, ...]  # numbers of gateways, or percentages of all of them; the last one is repeated
    shadow_s: float
    share: float
    probation_s: float
    soak_s: float  # time that a stage must run the model before the next one begins
    answer_s: float  # longest time for an answer, or until a gateway is online again
    force: bool = False
    again: bool = False  # try also gateways that gave up or refused the model before


@dataclass(slots=True)
class RolloutMember:
    """A gateway that takes part."""

    key: tuple[str, str]  # ward, gateway
    printed: set[str] = field(default_factory=set)  # lines that were printed
    asked: dict[str, float] = field(default_factory=dict)  # action -> when, monotonic
    answered: set[str] = field(default_factory=set)  # actions with any answer
    old_result: bool = False  # a ``try`` was sent; the gateway may still report the result of an earlier one
    in_force_mono: float | None = None  # since when this rollout knows that it runs the model
    away_mono: float | None = None  # since when it has been offline
    forgiven_at: str | None = None  # when it gave the model up before this rollout; this is ignored

    @property
    def name(self) -> str:
        return "/".join(self.key)


def rollout_state(box: FleetGateway, sha256: str) -> RolloutState:
    """Return the state of a gateway with regard to the model ``sha256``, by the gateway's own reports."""
    if box.state != "online":
        return "offline"
    if box.health is None:
        return "unheard"
    model = box.health.model
    if box.model_sha256 == sha256:
        return "in force"
    if box.model_changed:  # the next heartbeat says why
        return "changed"
    if model.reverted == sha256:
        return "given up"
    if model.sha256 == sha256 and model.phase in ("shadow", "tried"):
        return model.phase  # type: ignore[return-value]
    return "waits"


class Rollout:
    """Decides the steps of a rollout. Call ``step`` repeatedly while messages update ``board``. ``send``
    sends a command with these arguments to a gateway, ``say`` prints a line."""

    def __init__(
        self,
        board: FleetStatus,
        release: dict[str, Any],
        sha256: str,
        options: RolloutOptions,
        send: Callable[[tuple[str, str], dict[str, Any]], None],
        say: Callable[[str], None],
    ) -> None:
        """``release``: ``manifest``, ``url`` and ``bytes`` of the command."""
        self._board = board
        self._release = release
        self._sha256 = sha256
        self._options = options
        self._send = send
        self._say = say
        self._members: dict[tuple[str, str], RolloutMember] = {}
        self._stage: list[RolloutMember] = []
        self._done: list[RolloutMember] = []
        self.left: list[str] = []
        """Names of gateways that are left out: offline, unable to try the model, or with too few objects."""

    def begin(self, keys: Sequence[tuple[str, str]], now_mono: float) -> None:
        """Add the gateways. Those that already run the model are the first stage, so that they are observed
        before any command is sent. Those that are offline are left out."""
        for key in sorted(keys):
            member = RolloutMember(key)
            match self._state(member):
                case "offline" | "unheard":
                    self.left.append(member.name)
                    self._say(f"{member.name}: not online, or not heard: left for another run")
                    continue
                case "in force":
                    self._stage.append(member)
                case "given up" if self._options.again:
                    member.forgiven_at = self._model(member).reverted_at
            self._members[key] = member
        if self._stage:
            self._say(f"{len(self._stage)} run it already")

    def answer(self, key: tuple[str, str], action: str, status: str, code: str, text: str) -> None:
        """Process the answer of a gateway to a command. Raises RolloutStopped if the command failed."""
        member = self._members.get(key)
        if member is None:
            return
        member.answered.add(action)
        if action == "try" and status == "rejected" and code in TAKES_NONE:
            self._leave_out(member, text)
            return
        if status in ("failed", "rejected", "expired"):
            raise RolloutStopped(f"{member.name}: {action} {status}: {text}")
        if status == "succeeded":
            if action == "try":
                member.old_result = False
            self._print_once(member, text)

    def step(self, now_mono: float) -> bool:
        """Send the commands that are due. Return True when every gateway that was not left out has run the
        model for ``soak_s``. Raises RolloutStopped."""
        for member in self._done:
            self._check_given_up(member)
        for member in list(self._stage):
            self._advance(member, now_mono)
        if any(not self._has_soaked(member, now_mono) for member in self._stage):
            return False
        self._done += self._stage
        self._stage = self._next_stage()
        if self._stage:
            names = ", ".join(member.name for member in self._stage)
            self._say(f"next {len(self._stage)} of {len(self._members)}: {names}")
        return not self._stage

    # --- stages ---

    def _next_stage(self) -> list[RolloutMember]:
        left = [member for member in self._members.values() if member not in self._done]
        done, until = len(self._done), 0
        sizes = [self._size(stage) for stage in self._options.stages]
        for size in sizes:
            until += size
            if until > done:
                return left[: until - done]
        return left[: sizes[-1]]

    def _size(self, stage: str) -> int:
        if stage.endswith("%"):
            return max(1, round(len(self._members) * float(stage[:-1]) / 100))
        return int(stage)

    def _has_soaked(self, member: RolloutMember, now_mono: float) -> bool:
        since = member.in_force_mono
        if since is None or self._state(member) != "in force":
            return False
        return now_mono - since >= self._options.soak_s

    # --- one gateway ---

    def _advance(self, member: RolloutMember, now_mono: float) -> None:
        at = self._state(member)
        if at != "offline":
            member.away_mono = None
        match at:
            case "offline" | "unheard":
                self._wait_for(member, now_mono)
            case "waits":
                self._ask(member, "try", now_mono, self._options.shadow_s)
            case "given up":
                self._check_given_up(member)
            case "shadow":
                member.old_result = False
                self._print_once(member, "in shadow mode, beside the model in force")
            case "tried" if self._wants_another_try(member):
                member.old_result = True
                self._ask(member, "try", now_mono, self._options.shadow_s)
            case "tried":
                if self._passes(member, self._model(member)):
                    self._ask(member, "switch", now_mono, 0.0)
            case "in force":
                if member.in_force_mono is None:
                    member.in_force_mono = now_mono
                    self._print_once(member, "in force")

    def _ask(self, member: RolloutMember, action: str, now_mono: float, may_take_s: float) -> None:
        options = self._options
        asked_mono = member.asked.get(action)
        if asked_mono is not None:
            limit_s = options.answer_s if action not in member.answered else may_take_s + NO_FIGURES_S
            if now_mono - asked_mono > limit_s:
                raise RolloutStopped(f"{member.name}: {action} had no effect within {limit_s:.0f} s")
            return
        member.asked[action] = now_mono
        if action == "try":
            args = {**self._release, "for_s": options.shadow_s, "share": options.share}
        else:
            args = {"sha256": self._sha256, "for_s": options.probation_s, "force": options.force}
        self._send(member.key, {"action": action, **args})

    def _wants_another_try(self, member: RolloutMember) -> bool:
        """Return whether the reported result is of an earlier try, and a new one is needed or was sent.

        The reply to the new try may be lost; then the gateway's reports decide: it was in shadow mode since,
        or it had no result before."""
        if "try" in member.asked:
            return member.old_result
        return self._options.again and self._model(member).refusal is not None

    def _passes(self, member: RolloutMember, model: ReceivedModelHealth) -> bool:
        """Return whether the gateway may switch; leave it out for too few objects. Raises RolloutStopped."""
        agreement = "not known" if model.agreement is None else f"{model.agreement:.2f}"
        self._print_once(member, f"tried: {model.objects} objects, agreement {agreement}")
        if model.refusal is None or self._options.force:
            return True
        if model.objects >= ENOUGH_OBJECTS:
            raise RolloutStopped(f"{member.name}: the gateway does not use the model: {model.refusal}")
        longer = "try it again for longer (--again --shadow-s)"
        self._leave_out(member, f"{model.refusal}; {longer}, or use it nevertheless (--ignore-results)")
        return False

    def _leave_out(self, member: RolloutMember, why: str) -> None:
        self.left.append(member.name)
        self._say(f"{member.name}: left out: {why}")
        del self._members[member.key]
        self._stage.remove(member)

    def _wait_for(self, member: RolloutMember, now_mono: float) -> None:
        member.away_mono = member.away_mono or now_mono
        if now_mono - member.away_mono > self._options.answer_s:
            raise RolloutStopped(f"{member.name}: went offline in its stage and has not come back")
        self._print_once(member, "went offline; waiting for it")

    def _check_given_up(self, member: RolloutMember) -> None:
        if self._state(member) == "given up":
            raise RolloutStopped(f"{member.name}: gave up the model: {self._model(member).why}")

    def _state(self, member: RolloutMember) -> RolloutState:
        box = self._board.gateways.get(member.key)
        if box is None:
            return "unheard"
        found = rollout_state(box, self._sha256)
        forgiven = found == "given up" and self._model(member).reverted_at == member.forgiven_at
        return "waits" if forgiven else found

    def _model(self, member: RolloutMember) -> ReceivedModelHealth:
        box = self._board.gateways[member.key]
        return ReceivedModelHealth() if box.health is None else box.health.model

    def _print_once(self, member: RolloutMember, text: str) -> None:
        if text not in member.printed:
            member.printed.add(text)
            self._say(f"{member.name}: {text}")
