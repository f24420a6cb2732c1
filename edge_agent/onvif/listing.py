"""What ``cameras discover`` prints: for a technician to read, and as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TextIO

import msgspec

from edge_agent.onvif.configure import Plan, Result
from edge_agent.onvif.found import Found, Stream
from edge_agent.onvif.soap import CameraClock
from edge_agent.onvif.text import duration
from edge_agent.onvif.vendors import Vendor

RARE_KEYFRAMES_S = 2.0
WRONG_CLOCK_S = 5.0


def write_list(found: Sequence[Found], configured: Mapping[str, str], out: TextIO) -> None:
    """``configured``: camera ids by host."""
    for number, camera in enumerate(found, 1):
        id_ = configured.get(camera.host)
        here = f"  [{id_}]" if id_ else ""
        name = camera.model if camera.vendor is Vendor.OTHER and camera.model else _named(camera)
        out.write(f"{number:>2}  {camera.host:<15}  {name}  {camera.state}{here}\n")
        for stream in camera.streams:
            out.write(f"      {stream.kind:<4} {stream.url}  {_about(stream)}\n")
        if camera.clock is not None and (line := _clock(camera.clock)):
            out.write(f"      ! {line}\n")
        for fact in camera.known:
            out.write(f"      known: {fact}\n")
        for fact in camera.guessed:
            out.write(f"      guessed: {fact}\n")
        for line in camera.advice:
            out.write(f"      ! {line}\n")


def write_json(found: Sequence[Found], configured: Mapping[str, str], out: TextIO) -> None:
    rows = [{**asdict(camera), "configured_as": configured.get(camera.host)} for camera in found]
    out.write(msgspec.json.format(msgspec.json.encode(rows), indent=2).decode() + "\n")


def _named(camera: Found) -> str:
    """Vendor and model, which often begins with the vendor."""
    vendor = str(camera.vendor)
    return (
        camera.model
        if camera.model.lower().startswith(vendor.lower())
        else f"{vendor} {camera.model}".strip()
    )


def _about(stream: Stream) -> str:
    if not stream.told:
        return "(the vendor's usual address, not asked)"
    words = [f"{stream.width}x{stream.height}" if stream.width and stream.height else "", stream.codec]
    if stream.fps:
        words.append(f"{stream.fps:g} fps")
    if stream.keyframe_s:
        rare = stream.keyframe_s > RARE_KEYFRAMES_S
        words.append(f"keyframe every {stream.keyframe_s:g} s{', too rare' if rare else ''}")
    if stream.smart:
        words.append("smart codec on")
    return " ".join(word for word in words if word)


def write_plan(plan: Plan, out: TextIO) -> None:
    for change in plan.changes:
        out.write(f"  {change.what:<18} {change.before} -> {change.after}\n")
    for line in plan.by_hand:
        out.write(f"  by hand: {line}\n")


def write_results(results: Sequence[Result], errors: Sequence[str], out: TextIO) -> None:
    for result in results:
        change = result.change
        out.write(f"  {change.what:<18} {change.before} -> {result.now}  {result.outcome}\n")
    for error in errors:
        out.write(f"  ! {error}\n")


def _clock(clock: CameraClock) -> str:
    if abs(clock.offset_s) <= WRONG_CLOCK_S:
        return ""
    return f"its clock is {duration(abs(clock.offset_s))} {'ahead' if clock.offset_s > 0 else 'behind'}"
