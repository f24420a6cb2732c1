"""``edge-agent cameras``: find a site's cameras, and set up what the agent needs of them.

Part of the command line: it knows the configuration, which the cameras' own part does not.
"""

from __future__ import annotations

import argparse
import getpass
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from edge_agent.clock import SystemClock, read_boot_id, rfc3339
from edge_agent.errors import CameraSetupError
from edge_agent.secrets import Credentials, Secret

if TYPE_CHECKING:
    from edge_agent.onvif.found import Found
    from edge_agent.onvif.logins import LoginLedger

STATE_DIR = Path("/var/lib/edge-agent")
MAX_PASSWORD_BYTES = 4096


def add_commands(cameras: argparse.ArgumentParser, default_config: Path) -> None:
    actions = cameras.add_subparsers(dest="action", metavar="discover|configure", required=True)
    discover = actions.add_parser("discover", help="list the cameras of the local network")
    discover.add_argument(
        "--config", type=Path, default=default_config, help="whose cameras are known already"
    )
    discover.add_argument(
        "--subnet",
        metavar="10.0.0.0/24",
        help="ask each of its addresses too, at most a /22: finds cameras "
        "whose ONVIF is off, and passes a firewall that drops answers to multicast",
    )
    discover.add_argument("--json", action="store_true")
    discover.add_argument("--choose", metavar="1,2|all", help="numbers of the list, or addresses")
    discover.add_argument(
        "--write", type=Path, metavar="FILE", help="a drop-in for the chosen ones, in conf.d"
    )
    discover.add_argument("--force", action="store_true", help="replace FILE and password files that exist")
    _add_login(discover, "log in to the chosen cameras (all, if none is chosen), at most twice")
    _add_state_dir(discover)


def _add_login(action: argparse.ArgumentParser, what: str) -> None:
    action.add_argument("--username", help=what)
    action.add_argument(
        "--password-file",
        type=Path,
        metavar="FILE",
        help="its one line is the password; asked for without it",
    )


def _add_state_dir(action: argparse.ArgumentParser) -> None:
    action.add_argument(
        "--state-dir", type=Path, default=STATE_DIR, help="where failed logins are remembered for an hour"
    )


def run_cameras(args: argparse.Namespace, out: TextIO) -> int:
    from edge_agent.onvif import require_libraries

    require_libraries()
    return _discover(args, out)


# --- discover ---


def _discover(args: argparse.Namespace, out: TextIO) -> int:
    from edge_agent.onvif.discover import Discovery, Search
    from edge_agent.onvif.drop_in import chosen
    from edge_agent.onvif.listing import write_json, write_list
    from edge_agent.onvif.probing import parse_subnet

    where = Search(parse_subnet(args.subnet) if args.subnet else None)
    login = _login(args)
    known = _Known.read(args.config)
    discovery = Discovery(_ledger(args.state_dir), SystemClock(), _progress)
    found = discovery.search(where)
    picked = chosen(found, args.choose) if args.choose else found
    if login is not None:
        found = [discovery.log_in(camera, login) if camera in picked else camera for camera in found]
    (write_json if args.json else write_list)(found, known.ids_by_host(), out)
    if not found:
        _progress(_nothing(args.subnet))
    if args.write is not None:
        words = args.choose or _asked("Which ones are written (1,2 or all)? ")
        _write(args, chosen(found, words), login, known)
    return 0 if found else 1


def _nothing(subnet: str | None) -> str:
    if subnet:
        return "no camera found: is this box on the cameras' network, and are they powered?"
    return (
        "no camera found by multicast: a firewall on this box drops the answers to it, and a camera whose "
        "ONVIF is off does not answer; --subnet 10.0.0.0/24 asks each address"
    )


def _write(args: argparse.Namespace, picked: list[Found], login: Credentials | None, known: _Known) -> None:
    from edge_agent import config
    from edge_agent.onvif.drop_in import with_ids, write
    from edge_agent.onvif.found import State

    if args.write.suffix != ".yaml":
        raise CameraSetupError(f"{args.write}: a drop-in ends in .yaml")
    here = known.without(args.write)
    new = []
    for camera in picked:
        if id_ := here.ids_by_host().get(camera.host):
            _progress(f"{camera.host}: configured already as {id_}; left as it is")
        elif camera.state is State.LOGIN_REFUSED:
            # The agent would go on trying a wrong password until the account is locked.
            _progress(f"{camera.host}: not written, because it refuses this login")
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
        _progress(f"written: {path}")
    if login is None:
        _progress("no login is in it: without --username the cameras must let everybody watch")
    if in_force:
        _progress("edge-agent reload takes it over; a service needs a restart to see new passwords")


@dataclass(frozen=True)
class _Known:
    """Cameras of the configuration: id, host and file of each."""

    cameras: tuple[tuple[str, str, str], ...]

    @classmethod
    def read(cls, config: Path) -> _Known:
        """None are known where there is no configuration yet. Raises ConfigError when it cannot be read."""
        from edge_agent.config import tree
        from edge_agent.config.loader import merged_tree

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

    def without(self, file: Path) -> _Known:
        return _Known(tuple(each for each in self.cameras if not _same(each[2], file)))

    def only(self, file: Path) -> _Known:
        return _Known(tuple(each for each in self.cameras if _same(each[2], file)))


def _same(name: str, file: Path) -> bool:
    return Path(name).absolute() == file.absolute()


def host_of(url: str) -> str:
    """Of a camera's URL; empty for a file or device."""
    match = re.match(r"[a-zA-Z][a-zA-Z0-9+.-]*://(?:[^/?#]*@)?(\[[^\]]*\]|[^/?#:]*)", url)
    return match[1] if match else ""


# --- both ---


def _ledger(state_dir: Path) -> LoginLedger:
    from edge_agent.onvif.logins import FILE, LoginLedger

    ledger = LoginLedger(state_dir / FILE, SystemClock(), read_boot_id())
    if not ledger.remembers:
        _progress(
            f"{state_dir} cannot be written: failed logins are not remembered for the next run; wait half "
            "an hour after two of them, cameras lock accounts"
        )
    return ledger


def _login(args: argparse.Namespace) -> Credentials | None:
    """From the options or the terminal. The password is never an option: everybody sees those."""
    if args.username is None:
        if args.password_file is not None:
            raise CameraSetupError("--password-file needs --username")
        return None
    if args.password_file is not None:
        password = _line_of(args.password_file)
    elif sys.stdin.isatty():
        password = getpass.getpass(f"Password of {args.username}: ")
    else:
        raise CameraSetupError("without a terminal the password comes from --password-file")
    if not password:
        raise CameraSetupError("the password is empty")
    return Credentials(args.username, Secret(password))


def _line_of(path: Path) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_PASSWORD_BYTES + 1)
        lines = data.decode("utf-8").splitlines()
    except OSError as error:
        raise CameraSetupError(f"{path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError:
        raise CameraSetupError(f"{path} is not UTF-8 text") from None
    if len(lines) != 1 or len(data) > MAX_PASSWORD_BYTES:
        raise CameraSetupError(f"{path}: a password file is one line")
    return lines[0]


def _asked(question: str) -> str:
    if not sys.stdin.isatty():
        raise CameraSetupError("without a terminal the cameras to write are named by --choose")
    print(question, end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip()


def _progress(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
