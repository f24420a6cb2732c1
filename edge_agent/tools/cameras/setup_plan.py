"""Compares a camera's settings with those that the agent needs; shows, changes and reads them back.

Each step writes settings that belong together. The next step follows only if the camera accepted the last
one. In any case the settings are read again, and the result of each change is reported.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from edge_agent.core.errors import CameraSetupError
from edge_agent.tools.cameras.discovered import Vendor
from edge_agent.tools.cameras.messages import Fact, fact, reason_of, setup_text
from edge_agent.tools.cameras.setup_interface import ClockSettings, SetupInterface, SiteTime, StreamSettings

KEYFRAME_S = 2.0
GUESSED_FPS = 25.0
RIGHT_CLOCK_S = 3.0  # cameras report whole seconds, and one may pass during the query

NTP_READS, NTP_READ_S = 4, 3.0
"""How often at most, and how many seconds apart, the clock is read until NTP has set it."""

_SMART = {Vendor.HIKVISION: "smart-hikvision", Vendor.DAHUA: "smart-dahua", Vendor.OTHER: "smart-other"}

Facts = tuple[Fact, ...]


class SetupStep(StrEnum):
    """The steps, in the order in which they are done."""

    STREAM = "stream"
    NTP = "NTP"
    CLOCK = "clock"


class SetupOutcome(StrEnum):
    DONE = "done"
    NOT_TAKEN = "NOT TAKEN by the camera"
    NOT_DONE = "NOT DONE"
    NOT_YET = "NOT YET: NTP needs a minute, look again"


@dataclass(frozen=True, slots=True)
class CurrentSettings:
    stream: StreamSettings
    clock: ClockSettings


@dataclass(frozen=True, slots=True)
class SetupChange:
    step: SetupStep
    what: str
    before: Facts
    after: Facts
    reached: Callable[[CurrentSettings], bool]
    shown: Callable[[CurrentSettings], Facts]


@dataclass(frozen=True, slots=True)
class SetupPlan:
    changes: tuple[SetupChange, ...]
    by_hand: Facts  # what cannot be changed from here, and where to find it on the web page
    gov_length: int | None  # keyframe interval of the stream to set, in frames; None: unchanged


@dataclass(frozen=True, slots=True)
class SetupResult:
    change: SetupChange
    outcome: SetupOutcome
    now: Facts


def read(panel: SetupInterface, url: str, site: SiteTime) -> CurrentSettings:
    return CurrentSettings(panel.stream(url), panel.clock(site))


def plan(
    now: CurrentSettings, panel: SetupInterface, vendor: Vendor, ntp: str | None, clock_trusted: bool
) -> SetupPlan:
    """Plan the changes. ``ntp``: the server to use; None leaves the camera's server unchanged, and its clock
    too if ``clock_trusted`` is False, because the gateway's own time may be wrong."""
    stream = now.stream
    by_hand: list[Fact] = []
    gov_length = wanted_gov_length(stream)
    changes = list(_changes(now, gov_length, ntp))
    if stream.smart is None:
        by_hand.append(fact(_SMART[vendor], name=panel.name))
    if not _is_right(now):
        if ntp is None and now.clock.ntp:
            by_hand.append(fact("ntp-not-reached", server=now.clock.ntp_server))
        elif ntp is None and not clock_trusted:
            by_hand.append(fact("own-clock"))
        else:
            changes.append(_change(now, SetupStep.CLOCK, "clock", (fact("right"),), _is_right, _clock))
            if ntp is None:
                by_hand.append(fact("will-drift"))
    return SetupPlan(tuple(changes), tuple(by_hand), gov_length)


def apply(
    plan_: SetupPlan,
    panel: SetupInterface,
    url: str,
    site: SiteTime,
    ntp: str | None,
    wait: Callable[[float], object],
) -> tuple[list[SetupResult], list[str]]:
    """Apply the plan until an error of the camera; return the result of each change, and the errors."""
    errors: list[str] = []
    tried: set[SetupStep] = set()
    for step in SetupStep:
        if not any(change.step is step for change in plan_.changes):
            continue
        tried.add(step)
        try:
            _do(step, plan_, panel, url, site, ntp)
        except CameraSetupError as error:
            errors.append(reason_of(error))
            break
        except KeyboardInterrupt:  # the changes so far are reported all the same
            errors.append(setup_text("interrupted"))
            break
    try:
        after = read(panel, url, site)
        for _ in range(NTP_READS if ntp is not None and not errors else 0):
            if _is_right(after):
                break
            wait(NTP_READ_S)
            after = read(panel, url, site)
    except CameraSetupError as error:
        errors.append(setup_text("unread-after", reason=reason_of(error)))
        return [
            SetupResult(change, SetupOutcome.NOT_DONE, (fact("unknown"),)) for change in plan_.changes
        ], errors
    return [_judged(change, after, tried) for change in plan_.changes], errors


def _do(
    step: SetupStep, plan_: SetupPlan, panel: SetupInterface, url: str, site: SiteTime, ntp: str | None
) -> None:
    if step is SetupStep.STREAM:
        panel.set_stream(url, plan_.gov_length)
    elif step is SetupStep.NTP:
        assert ntp is not None  # the plan has a change of it
        panel.set_ntp(ntp, site)
    elif ntp is None:
        panel.set_clock(site)


def _judged(change: SetupChange, after: CurrentSettings, tried: set[SetupStep]) -> SetupResult:
    if change.reached(after):
        return SetupResult(change, SetupOutcome.DONE, change.shown(after))
    if change.step not in tried:
        outcome = SetupOutcome.NOT_DONE
    elif change.step is SetupStep.CLOCK and after.clock.ntp:
        outcome = SetupOutcome.NOT_YET
    else:
        outcome = SetupOutcome.NOT_TAKEN
    return SetupResult(change, outcome, change.shown(after))


def wanted_gov_length(stream: StreamSettings) -> int | None:
    """Return the keyframe interval to set, in frames; None if the present interval is unknown or at most
    ``KEYFRAME_S`` long. An interval is not shortened further, because each keyframe costs bytes."""
    if stream.gov_length is None:
        return None
    longest = max(1, int((stream.fps or GUESSED_FPS) * KEYFRAME_S))
    return longest if stream.gov_length > longest else None


def _changes(now: CurrentSettings, gov_length: int | None, ntp: str | None) -> Iterator[SetupChange]:
    """Yield the changes of the stream and of NTP that are needed."""
    stream, clock = now.stream, now.clock
    if stream.codec != "H264":
        after = fact("value", value="H264")
        yield _change(
            now, SetupStep.STREAM, "codec", (after,), lambda now: now.stream.codec == "H264", _codec
        )
    if gov_length is not None:
        yield _change(
            now,
            SetupStep.STREAM,
            "keyframe interval",
            _pictures(gov_length, gov_length / stream.fps if stream.fps else None),
            lambda now: now.stream.gov_length is not None and wanted_gov_length(now.stream) is None,
            lambda now: _pictures(now.stream.gov_length, now.stream.keyframe_s),
        )
    if stream.smart:
        after = fact("off")
        yield _change(
            now, SetupStep.STREAM, "smart codec", (after,), lambda now: now.stream.smart is False, _smart
        )
    if ntp is not None and not (clock.ntp and clock.ntp_server == ntp):
        yield _change(
            now,
            SetupStep.NTP,
            "NTP server",
            (fact("value", value=ntp),),
            lambda now: now.clock.ntp and now.clock.ntp_server == ntp,
            _ntp,
        )


def _change(
    now: CurrentSettings,
    step: SetupStep,
    what: str,
    after: Facts,
    reached: Callable[[CurrentSettings], bool],
    shown: Callable[[CurrentSettings], Facts],
) -> SetupChange:
    return SetupChange(step, what, shown(now), after, reached, shown)


def _codec(now: CurrentSettings) -> Facts:
    return (fact("value", value=now.stream.codec) if now.stream.codec else fact("unknown"),)


def _pictures(count: int | None, seconds: float | None) -> Facts:
    if seconds:
        return (fact("pictures-s", count=str(count), seconds=seconds),)
    return (fact("pictures", count=str(count)),)


def _smart(now: CurrentSettings) -> Facts:
    return (fact({True: "on", False: "off", None: "unknown"}[now.stream.smart]),)


def _ntp(now: CurrentSettings) -> Facts:
    followed = now.clock.ntp_server
    if now.clock.ntp:
        return (fact("value", value=followed),)
    return (fact("ntp-unused", server=followed) if followed else fact("ntp-none"),)


def _clock(now: CurrentSettings) -> Facts:
    offset_s = now.clock.offset_s
    wrong = []
    if abs(offset_s) > RIGHT_CLOCK_S:
        wrong.append(fact("ahead" if offset_s > 0 else "behind", span=timedelta(seconds=abs(offset_s))))
    if now.clock.zone_wrong:
        wrong.append(fact("zone"))
    return tuple(wrong) or (fact("right"),)


def _is_right(now: CurrentSettings) -> bool:
    return abs(now.clock.offset_s) <= RIGHT_CLOCK_S and not now.clock.zone_wrong
