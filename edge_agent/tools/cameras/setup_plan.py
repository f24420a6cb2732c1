"""Compares a camera's settings with those that the agent needs; shows, changes and reads them back.

Each step writes settings that belong together. The next step follows only if the camera accepted the last
one. In any case the settings are read again, and the result of each change is reported.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from edge_agent.core.errors import CameraSetupError
from edge_agent.tools.cameras.discovered import Vendor
from edge_agent.tools.cameras.messages import Fact, fact
from edge_agent.tools.cameras.setup_interface import ClockSettings, SetupInterface, SiteTime, StreamSettings

KEYFRAME_S = 2.0
GUESSED_FPS = 25.0
RIGHT_CLOCK_S = 3.0
"""Cameras report whole seconds, and one may pass during the query."""

NTP_READS, NTP_READ_S = 4, 3.0
"""The clock is read so many times, so many seconds apart, until NTP has set it."""

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
    gov_length: int | None  # of the stream; None: unchanged


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
    """Plan the changes. ``ntp``: the server to use, None: unchanged. Without ``clock_trusted`` the gateway's
    own time may be wrong, and the camera's clock is not set."""
    stream = now.stream
    by_hand: list[Fact] = []
    gov_length = wanted_gov_length(stream)
    changes = [*_codec(stream), *_keyframes(stream, gov_length), *_smart(stream), *_ntp(now.clock, ntp)]
    if stream.smart is None:
        by_hand.append(fact(_SMART[vendor], name=panel.name))
    clock = _clock(now.clock)
    if clock and ntp is None and now.clock.ntp:
        by_hand.append(fact("ntp-not-reached", server=now.clock.ntp_server))
    elif clock and not clock_trusted and ntp is None:
        by_hand.append(fact("own-clock"))
    else:
        changes += clock
        if clock and ntp is None:
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
    """Apply the plan; return the result of each change, and the errors. Never raises for the camera."""
    errors: list[str] = []
    tried: set[SetupStep] = set()
    for step in SetupStep:
        if not any(change.step is step for change in plan_.changes):
            continue
        tried.add(step)
        try:
            _do(step, plan_, panel, url, site, ntp)
        except CameraSetupError as error:
            errors.append(str(error))
            break
        except KeyboardInterrupt:  # the changes so far are reported all the same
            errors.append("interrupted; what comes after it was not tried")
            break
    try:
        after = read(panel, url, site)
        for _ in range(NTP_READS if ntp is not None and not errors else 0):
            if _is_right(after.clock):
                break
            wait(NTP_READ_S)
            after = read(panel, url, site)
    except CameraSetupError as error:
        errors.append(f"what it is set to now could not be read: {error}")
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


# --- what is to change ---


def wanted_gov_length(stream: StreamSettings) -> int | None:
    """The interval to set; None if it is short enough. It is not shortened further, because each keyframe
    costs bytes."""
    if stream.gov_length is None:
        return None
    longest = max(1, int((stream.fps or GUESSED_FPS) * KEYFRAME_S))
    return longest if stream.gov_length > longest else None


def _codec(stream: StreamSettings) -> list[SetupChange]:
    if stream.codec == "H264":
        return []
    return [
        SetupChange(
            SetupStep.STREAM,
            "codec",
            _codec_facts(stream),
            (fact("value", value="H264"),),
            lambda now: now.stream.codec == "H264",
            lambda now: _codec_facts(now.stream),
        )
    ]


def _codec_facts(stream: StreamSettings) -> Facts:
    return (fact("value", value=stream.codec) if stream.codec else fact("unknown"),)


def _pictures(count: int | None, seconds: float | None) -> Facts:
    if seconds:
        return (fact("pictures-s", count=str(count), seconds=seconds),)
    return (fact("pictures", count=str(count)),)


def _keyframes(stream: StreamSettings, gov_length: int | None) -> list[SetupChange]:
    if gov_length is None:
        return []

    def shown(now: CurrentSettings) -> Facts:
        return _pictures(now.stream.gov_length, now.stream.keyframe_s)

    after = _pictures(gov_length, gov_length / stream.fps if stream.fps else None)
    return [
        SetupChange(
            SetupStep.STREAM,
            "keyframe interval",
            shown(CurrentSettings(stream, _NO_CLOCK)),
            after,
            lambda now: now.stream.gov_length is not None and wanted_gov_length(now.stream) is None,
            shown,
        )
    ]


def _smart(stream: StreamSettings) -> list[SetupChange]:
    if not stream.smart:
        return []
    return [
        SetupChange(
            SetupStep.STREAM,
            "smart codec",
            (fact("on"),),
            (fact("off"),),
            lambda now: now.stream.smart is False,
            lambda now: (fact({True: "on", False: "off", None: "unknown"}[now.stream.smart]),),
        )
    ]


def _ntp(clock: ClockSettings, server: str | None) -> list[SetupChange]:
    if server is None or (clock.ntp and clock.ntp_server == server):
        return []

    def shown(now: CurrentSettings) -> Facts:
        followed = now.clock.ntp_server
        if now.clock.ntp:
            return (fact("value", value=followed),)
        return (fact("ntp-unused", server=followed) if followed else fact("ntp-none"),)

    return [
        SetupChange(
            SetupStep.NTP,
            "NTP server",
            shown(CurrentSettings(_NO_STREAM, clock)),
            (fact("value", value=server),),
            lambda now: now.clock.ntp and now.clock.ntp_server == server,
            shown,
        )
    ]


def _clock(clock: ClockSettings) -> list[SetupChange]:
    if _is_right(clock):
        return []

    def shown(now: CurrentSettings) -> Facts:
        offset_s = now.clock.offset_s
        wrong = []
        if abs(offset_s) > RIGHT_CLOCK_S:
            wrong.append(fact("ahead" if offset_s > 0 else "behind", span=timedelta(seconds=abs(offset_s))))
        if now.clock.zone_wrong:
            wrong.append(fact("zone"))
        return tuple(wrong) or (fact("right"),)

    return [
        SetupChange(
            SetupStep.CLOCK,
            "clock",
            shown(CurrentSettings(_NO_STREAM, clock)),
            (fact("right"),),
            lambda now: _is_right(now.clock),
            shown,
        )
    ]


def _is_right(clock: ClockSettings) -> bool:
    return abs(clock.offset_s) <= RIGHT_CLOCK_S and not clock.zone_wrong


_NO_CLOCK = ClockSettings(0.0, False, False, "")
_NO_STREAM = StreamSettings("", None, None, None, None, None)
