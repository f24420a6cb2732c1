"""``edge-agent cameras discover``: searches, prints the list, and writes the drop-in.

It also reads from the configuration which cameras are in it already.
"""

from __future__ import annotations

import argparse
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from edge_agent import config
from edge_agent.config.fields import tree
from edge_agent.config.loader import merged_tree
from edge_agent.config.model.addresses import host_of
from edge_agent.core.clock import SystemClock, rfc3339
from edge_agent.core.errors import CameraSetupError
from edge_agent.core.languages import Lang, default_lang, named, say
from edge_agent.core.secrets import Credentials
from edge_agent.host.system.process import as_agent, become_agent
from edge_agent.tools.cameras.access import asked, login_of, open_ledger, progress
from edge_agent.tools.cameras.discovered import DiscoveredCamera, DiscoveryState
from edge_agent.tools.cameras.drop_in import assign_ids, select, write
from edge_agent.tools.cameras.listing import write_json, write_list
from edge_agent.tools.cameras.messages import CAMERAS
from edge_agent.tools.cameras.probing import parse_subnet
from edge_agent.tools.cameras.search import Discovery, Search


@dataclass(frozen=True)
class ConfiguredCameras:
    """Cameras of the configuration: id, host and file of each."""

    cameras: tuple[tuple[str, str, str], ...]

    @classmethod
    def read(cls, config: Path) -> ConfiguredCameras:
        """Read the cameras; none if there is no configuration yet. Raises ConfigError when it cannot be
        read."""
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
    where = Search(parse_subnet(args.subnet) if args.subnet else None)
    login = login_of(args)
    known = ConfiguredCameras.read(args.config)
    if args.write is None:
        become_agent(args.state_dir)
    # Data from cameras must not be parsed as root; the drop-in is written as root.
    with as_agent(args.state_dir):
        discovery = Discovery(open_ledger(args.state_dir), SystemClock(), progress)
        found = discovery.search(where)
        picked = select(found, args.choose) if args.choose else found
        if login is not None:
            found = [discovery.log_in(camera, login) if camera in picked else camera for camera in found]
    lang = args.lang or default_lang(os.environ)
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
        raise CameraSetupError(f"{args.write}: a drop-in ends in .yaml")
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
        raise CameraSetupError("no camera to write: none is left of those that were chosen")
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
