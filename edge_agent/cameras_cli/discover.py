"""``edge-agent cameras discover``."""

from __future__ import annotations

import argparse
from typing import TextIO

from edge_agent import config
from edge_agent.cameras_cli.asking import asked, login_of, open_ledger, progress
from edge_agent.cameras_cli.known import Known
from edge_agent.clock import SystemClock, rfc3339
from edge_agent.device.privileges import as_agent, become_agent
from edge_agent.errors import CameraSetupError
from edge_agent.onvif.discover import Discovery, Search
from edge_agent.onvif.drop_in import chosen, with_ids, write
from edge_agent.onvif.found import Found, State
from edge_agent.onvif.listing import write_json, write_list
from edge_agent.onvif.probing import parse_subnet
from edge_agent.secrets import Credentials


def run_discover(args: argparse.Namespace, out: TextIO) -> int:
    where = Search(parse_subnet(args.subnet) if args.subnet else None)
    login = login_of(args)
    known = Known.read(args.config)
    if args.write is None:
        become_agent(args.state_dir)
    with as_agent(args.state_dir):  # what cameras answer is not read as root; the drop-in is written as root
        discovery = Discovery(open_ledger(args.state_dir), SystemClock(), progress)
        found = discovery.search(where)
        picked = chosen(found, args.choose) if args.choose else found
        if login is not None:
            found = [discovery.log_in(camera, login) if camera in picked else camera for camera in found]
    (write_json if args.json else write_list)(found, known.ids_by_host(), out)
    if not found:
        progress(_nothing(args.subnet))
    if args.write is not None:
        words = args.choose or asked("Which ones are written (1,2 or all)? ")
        _write(args, chosen(found, words), login, known)
    return 0 if found else 1


def _nothing(subnet: str | None) -> str:
    if subnet:
        return "no camera found: is this box on the cameras' network, and are they powered?"
    return (
        "no camera found by multicast: a firewall on this box drops the answers to it, and a camera whose "
        "ONVIF is off does not answer; --subnet 10.0.0.0/24 asks each address"
    )


def _write(args: argparse.Namespace, picked: list[Found], login: Credentials | None, known: Known) -> None:
    if args.write.suffix != ".yaml":
        raise CameraSetupError(f"{args.write}: a drop-in ends in .yaml")
    here = known.without(args.write)
    new = []
    for camera in picked:
        if id_ := here.ids_by_host().get(camera.host):
            progress(f"{camera.host}: configured already as {id_}; left as it is")
        elif camera.state is State.LOGIN_REFUSED:
            # The agent would go on trying a wrong password until the account is locked.
            progress(f"{camera.host}: not written, because it refuses this login")
        elif not camera.streams:
            progress(f"{camera.host}: not written, because no stream of it is known ({camera.state})")
        else:
            new.append(camera)
    if not new:
        raise CameraSetupError("no camera to write: none is left of those that were chosen")
    entries = with_ids(new, here.ids(), known.only(args.write).ids_by_host())
    in_force = args.write.parent.absolute() == (args.config.parent / "conf.d").absolute()

    def check() -> None:
        if in_force and args.config.exists():
            config.load(args.config, no_secrets=True)

    at = rfc3339(SystemClock().now())
    for path in write(args.write, entries, login, config=args.config, at=at, force=args.force, check=check):
        progress(f"written: {path}")
    if login is None:
        progress("no login is in it: without --username the cameras must let everybody watch")
    if in_force:
        progress("edge-agent reload takes it over; a service needs a restart to see new passwords")
