"""The output of ``cameras discover`` and ``cameras configure``: text for a technician, and JSON."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import timedelta
from typing import TextIO

import msgspec

from edge_agent.core.languages import Lang, named, say
from edge_agent.onvif.soap import CameraClock
from edge_agent.tools.cameras.discovered import DiscoveredCamera, DiscoveredStream, Vendor
from edge_agent.tools.cameras.messages import CAMERAS, Fact, fact
from edge_agent.tools.cameras.setup_plan import Facts, SetupPlan, SetupResult

RARE_KEYFRAMES_S = 2.0
WRONG_CLOCK_S = 5.0


def write_list(
    found: Sequence[DiscoveredCamera], configured: Mapping[str, str], out: TextIO, lang: Lang = "en"
) -> None:
    """Print the list. ``configured``: camera ids by host."""
    for number, camera in enumerate(found, 1):
        id_ = configured.get(camera.host)
        here = f"  [{id_}]" if id_ else ""
        name = camera.model if camera.vendor is Vendor.OTHER and camera.model else _named(camera, lang)
        state = named(CAMERAS, "state", camera.state, lang)
        out.write(f"{number:>2}  {camera.host:<15}  {name}  {state}{here}\n")
        for stream in camera.streams:
            kind = named(CAMERAS, "stream", stream.kind, lang)
            out.write(f"      {kind:<5}{stream.url}  {_about(stream, lang)}\n")
        for line in _notes(camera, lang):
            out.write(f"      {line}\n")


def _notes(camera: DiscoveredCamera, lang: Lang) -> Iterator[str]:
    if camera.clock is not None and (wrong := _clock(camera.clock)):
        yield f"! {wrong.text(lang)}"
    for known in camera.known:
        yield say(CAMERAS, "line-known", lang, fact=known.text(lang))
    for guessed in camera.guessed:
        yield say(CAMERAS, "line-guessed", lang, fact=guessed.text(lang))
    for advice in camera.advice:
        yield f"! {advice.text(lang)}"


def write_json(found: Sequence[DiscoveredCamera], configured: Mapping[str, str], out: TextIO) -> None:
    """Print the list as JSON, in English."""
    rows = []
    for camera in found:
        groups = {"known": camera.known, "guessed": camera.guessed, "advice": camera.advice}
        texts = {name: [each.text() for each in facts] for name, facts in groups.items()}
        rows.append({**asdict(camera), **texts, "configured_as": configured.get(camera.host)})
    out.write(msgspec.json.format(msgspec.json.encode(rows), indent=2).decode() + "\n")


def _named(camera: DiscoveredCamera, lang: Lang) -> str:
    """Vendor and model. The model often begins with the vendor."""
    if camera.model.lower().startswith(camera.vendor.lower()):
        return camera.model
    return f"{named(CAMERAS, 'vendor', camera.vendor, lang)} {camera.model}".strip()


def _about(stream: DiscoveredStream, lang: Lang) -> str:
    if not stream.told:
        return say(CAMERAS, "not-asked", lang)
    words = [f"{stream.width}x{stream.height}" if stream.width and stream.height else "", stream.codec]
    if stream.fps:
        words.append(say(CAMERAS, "fps", lang, fps=stream.fps))
    if stream.keyframe_s:
        key = "keyframe-rare" if stream.keyframe_s > RARE_KEYFRAMES_S else "keyframe"
        words.append(say(CAMERAS, key, lang, seconds=stream.keyframe_s))
    if stream.smart:
        words.append(say(CAMERAS, "smart-on", lang))
    return " ".join(word for word in words if word)


def write_plan(plan: SetupPlan, out: TextIO, lang: Lang = "en") -> None:
    for change in plan.changes:
        what = named(CAMERAS, "what", change.what, lang)
        out.write(f"  {what:<18} {joined(change.before, lang)} -> {joined(change.after, lang)}\n")
    for line in plan.by_hand:
        out.write(f"  {say(CAMERAS, 'line-by-hand', lang, fact=line.text(lang))}\n")


def write_results(
    results: Iterable[SetupResult], errors: Iterable[str], out: TextIO, lang: Lang = "en"
) -> None:
    for result in results:
        what = named(CAMERAS, "what", result.change.what, lang)
        became = f"{joined(result.change.before, lang)} -> {joined(result.now, lang)}"
        out.write(f"  {what:<18} {became}  {named(CAMERAS, 'outcome', result.outcome, lang)}\n")
    for error in errors:
        out.write(f"  ! {error}\n")


def joined(facts: Facts, lang: Lang = "en") -> str:
    return ", ".join(each.text(lang) for each in facts)


def _clock(clock: CameraClock) -> Fact | None:
    if abs(clock.offset_s) <= WRONG_CLOCK_S:
        return None
    key = "clock-ahead" if clock.offset_s > 0 else "clock-behind"
    return fact(key, span=timedelta(seconds=abs(clock.offset_s)))
