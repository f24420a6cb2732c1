"""``edge-agent cameras discover``: searches, prints the list as text or JSON, and writes the drop-in.

It also reads from the configuration which cameras are in it already.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import TextIO

import msgspec

from edge_agent import config
from edge_agent.config.fields import tree
from edge_agent.config.loader import merged_tree
from edge_agent.config.model.addresses import host_of
from edge_agent.core.clock import SystemClock, rfc3339
from edge_agent.core.languages import Lang, lang_of, named, say
from edge_agent.core.problems.problem import encode_json
from edge_agent.core.secrets import Credentials
from edge_agent.host.system.process import as_agent, become_agent
from edge_agent.onvif.soap import CameraClock
from edge_agent.tools.cameras.access import asked, login_of, open_journal, progress, state_dir_of
from edge_agent.tools.cameras.discovered import DiscoveredCamera, DiscoveredStream, DiscoveryState, Vendor
from edge_agent.tools.cameras.drop_in import assign_ids, select, write
from edge_agent.tools.cameras.messages import CAMERAS, Fact, fact, setup_error
from edge_agent.tools.cameras.probing import parse_subnet
from edge_agent.tools.cameras.search import Discovery, Search

RARE_KEYFRAMES_S = 2.0
WRONG_CLOCK_S = 5.0


@dataclass(frozen=True)
class ConfiguredCameras:
    """Cameras of the configuration: id, host and file of each."""

    cameras: tuple[tuple[str, str, str], ...]

    @classmethod
    def read(cls, config: Path) -> ConfiguredCameras:
        """Read the cameras; none if ``config`` does not exist. Raises ConfigError if it cannot be read."""
        if not config.exists():
            return cls(())
        cameras = merged_tree(config).entries.get("cameras")
        items = cameras.value.items if cameras and isinstance(cameras.value, tree.Sequence) else ()
        found = []
        for item in items:
            if not isinstance(item, tree.Mapping):
                continue
            text = {
                key: entry.value.text
                for key, entry in item.entries.items()
                if isinstance(entry.value, tree.Scalar)
            }
            found.append((text.get("id", ""), host_of(text.get("url", "")), item.place.file))
        return cls(tuple(found))

    def ids_by_host(self) -> dict[str, str]:
        return {host: id_ for id_, host, _ in self.cameras if host}

    def ids(self) -> set[str]:
        return {id_ for id_, _, _ in self.cameras}

    def without(self, file: Path) -> ConfiguredCameras:
        return ConfiguredCameras(tuple(each for each in self.cameras if not _same(each[2], file)))

    def only(self, file: Path) -> ConfiguredCameras:
        return ConfiguredCameras(tuple(each for each in self.cameras if _same(each[2], file)))


def _same(name: str, file: Path) -> bool:
    return Path(name).absolute() == file.absolute()


def run_discover(args: argparse.Namespace, out: TextIO) -> int:
    lang = lang_of(args)
    where = Search(parse_subnet(args.subnet) if args.subnet else None)
    login = login_of(args, lang)
    known = ConfiguredCameras.read(args.config)
    state_dir = state_dir_of(args)
    if args.write is None:
        become_agent(state_dir)
    # Data from cameras must not be parsed as root; the drop-in is written as root.
    with as_agent(state_dir):
        journal = open_journal(state_dir, lang)
        discovery = Discovery(journal, SystemClock(), lambda each: progress(each.text(lang)))
        found = discovery.search(where)
        picked = select(found, args.choose) if args.choose else found
        if login is not None:
            found = [discovery.log_in(camera, login) if camera in picked else camera for camera in found]
    if args.json:
        write_json(found, known.ids_by_host(), out)
    else:
        write_list(found, known.ids_by_host(), out, lang)
    if not found:
        progress(say(CAMERAS, "none-found" if args.subnet else "none-by-multicast", lang))
    if args.write is not None:
        words = args.choose or asked(say(CAMERAS, "which", lang))
        _write(args, select(found, words), login, known, lang)
    return 0 if found else 1


def _write(
    args: argparse.Namespace,
    picked: list[DiscoveredCamera],
    login: Credentials | None,
    known: ConfiguredCameras,
    lang: Lang,
) -> None:
    def report(key: str, **figures: object) -> None:
        progress(say(CAMERAS, key, lang, **figures))

    if args.write.suffix != ".yaml":
        raise setup_error("not-yaml", path=str(args.write))
    here = known.without(args.write)
    new = []
    for camera in picked:
        if id_ := here.ids_by_host().get(camera.host):
            report("configured-already", host=camera.host, id=id_)
        elif camera.state is DiscoveryState.LOGIN_REFUSED:
            # The agent would repeat a wrong password until the camera locks the account.
            report("refuses-login", host=camera.host)
        elif not camera.streams:
            report("no-stream", host=camera.host, state=named(CAMERAS, "state", camera.state, lang))
        else:
            new.append(camera)
    if not new:
        raise setup_error("none-left")
    entries = assign_ids(new, here.ids(), known.only(args.write).ids_by_host())
    in_force = args.write.parent.absolute() == (args.config.parent / "conf.d").absolute()

    def check() -> None:
        if in_force and args.config.exists():
            config.load(args.config, no_secrets=True)

    at = rfc3339(SystemClock().now())
    for path in write(args.write, entries, login, config=args.config, at=at, force=args.force, check=check):
        report("written", path=path)
    if login is None:
        report("no-login")
    if in_force:
        report("reload")


def write_list(
    found: Sequence[DiscoveredCamera], configured: Mapping[str, str], out: TextIO, lang: Lang
) -> None:
    """Print the list. ``configured``: camera ids by host."""
    for number, camera in enumerate(found, 1):
        id_ = configured.get(camera.host)
        here = f"  [{id_}]" if id_ else ""
        name = camera.model if camera.vendor is Vendor.OTHER and camera.model else _name_of(camera, lang)
        state = named(CAMERAS, "state", camera.state, lang)
        out.write(f"{number:>2}  {camera.host:<15}  {name}  {state}{here}\n")
        for stream in camera.streams:
            kind = named(CAMERAS, "stream", stream.kind, lang)
            out.write(f"      {kind:<5} {stream.url}  {_about(stream, lang)}\n")
        for line in _notes(camera, lang):
            out.write(f"      {line}\n")


def _notes(camera: DiscoveredCamera, lang: Lang) -> Iterator[str]:
    if (identity := camera.identity) is not None:
        facts = {"serial": identity.serial, "firmware": identity.firmware, "mac": identity.mac}
        yield say(CAMERAS, "line-identity", lang, **{name: value or "?" for name, value in facts.items()})
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
        # ``told`` is the former name of ``reported``.
        streams = [{**asdict(stream), "told": stream.reported} for stream in camera.streams]
        identity = None if camera.identity is None else msgspec.to_builtins(camera.identity)
        row = {
            **asdict(replace(camera, identity=None)),
            "identity": identity,
            **texts,
            "streams": streams,
            "configured_as": configured.get(camera.host),
        }
        rows.append(row)
    out.write(msgspec.json.format(encode_json(rows), indent=2).decode() + "\n")


def _name_of(camera: DiscoveredCamera, lang: Lang) -> str:
    """Return vendor and model, or the model alone if it begins with the vendor's name."""
    if camera.model.lower().startswith(camera.vendor.lower()):
        return camera.model
    return f"{named(CAMERAS, 'vendor', camera.vendor, lang)} {camera.model}".strip()


def _about(stream: DiscoveredStream, lang: Lang) -> str:
    if not stream.reported:
        return say(CAMERAS, "not-asked", lang)
    size = f"{stream.width}x{stream.height}" if stream.width and stream.height else ""
    words = [f"{size} {stream.codec}".strip()]
    if stream.fps:
        words.append(say(CAMERAS, "fps", lang, fps=stream.fps))
    if stream.keyframe_s:
        key = "keyframe-rare" if stream.keyframe_s > RARE_KEYFRAMES_S else "keyframe"
        words.append(say(CAMERAS, key, lang, seconds=stream.keyframe_s))
    if stream.smart:
        words.append(say(CAMERAS, "smart-on", lang))
    return ", ".join(word for word in words if word)


def _clock(clock: CameraClock) -> Fact | None:
    if abs(clock.offset_s) <= WRONG_CLOCK_S:
        return None
    key = "clock-ahead" if clock.offset_s > 0 else "clock-behind"
    return fact(key, span=timedelta(seconds=abs(clock.offset_s)))
