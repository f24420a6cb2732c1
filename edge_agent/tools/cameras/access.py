"""Access to a camera: the login, the record of failed logins, and the interface to its settings.

The vendor's own interface is tried first, because it has the same users as RTSP, whereas ONVIF often has
separate users. So one login is enough, and it shows whether the agent can log in at RTSP.
"""

from __future__ import annotations

import argparse
import getpass
import sys
from pathlib import Path

from edge_agent.config import last_good
from edge_agent.core.camera_logins import LoginJournal
from edge_agent.core.clock import Clock, SystemClock, read_boot_id
from edge_agent.core.errors import ConfigError, os_reason
from edge_agent.core.languages import Lang, say
from edge_agent.core.secrets import Credentials, Secret
from edge_agent.host.system.process import login_folder, make_state_dir
from edge_agent.onvif.soap import NotOnvif, Onvif
from edge_agent.onvif.web import CameraHttpClient, NoAnswer
from edge_agent.tools.cameras.dahua import Dahua
from edge_agent.tools.cameras.discovered import Vendor
from edge_agent.tools.cameras.isapi import Isapi
from edge_agent.tools.cameras.messages import CAMERAS, reason_of, setup_error
from edge_agent.tools.cameras.setup_interface import PlainOnvif, SetupInterface

MAX_PASSWORD_BYTES = 4096


def state_dir_of(args: argparse.Namespace) -> Path:
    """Return ``--state-dir`` or, without it, the ``state_dir`` of the configuration, whose cameras may still
    be wrong: all programs must use one journal of failed logins. As root create it if it does not exist."""
    state_dir: Path | None = args.state_dir
    if state_dir is None:
        try:
            state_dir = last_good.read_or_find(args.config).state_dir
        except ConfigError:
            state_dir = last_good.state_dirs(args.config)[0]
    make_state_dir(state_dir)
    return state_dir


def open_journal(state_dir: Path, lang: Lang) -> LoginJournal:
    folder = login_folder(state_dir)
    journal = LoginJournal(folder, SystemClock(), read_boot_id())
    if not journal.remembers:
        progress(say(CAMERAS, "logins-forgotten", lang, folder=folder))
    return journal


def login_of(args: argparse.Namespace, lang: Lang) -> Credentials | None:
    """Read the login; None without ``--camera-username``. No password option: all users can see options."""
    if args.camera_username is None:
        if args.camera_password_file is not None:
            raise setup_error("password-alone")
        return None
    if args.camera_password_file is not None:
        password = _line_of(args.camera_password_file)
    elif sys.stdin.isatty():
        password = getpass.getpass(say(CAMERAS, "password-of", lang, user=args.camera_username))
    else:
        raise setup_error("password-no-terminal")
    if not password:
        raise setup_error("password-empty")
    return Credentials(args.camera_username, Secret(password))


def _line_of(path: Path) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_PASSWORD_BYTES + 1)
        lines = data.decode("utf-8-sig").splitlines()
    except OSError as error:
        raise setup_error("cannot-read", path=str(path), reason=os_reason(error)) from error
    except UnicodeDecodeError:
        raise setup_error("not-utf8", path=str(path)) from None
    if len(lines) != 1 or len(data) > MAX_PASSWORD_BYTES:
        raise setup_error("password-lines", path=str(path))
    return lines[0]


def asked(question: str) -> str:
    if not sys.stdin.isatty():
        raise setup_error("choose-no-terminal")
    print(question, end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip()


def progress(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def vendor_interface(
    web: CameraHttpClient, base: str, login: Credentials
) -> tuple[SetupInterface, Vendor] | None:
    """Find the vendor's interface without a login; return None if it is neither Hikvision's nor Dahua's.
    ``base``: URL of the web page, such as ``http://10.0.0.11``. Raises ``NoAnswer``."""
    if Isapi.answers(web, base):
        return Isapi(web, base, login), Vendor.HIKVISION
    if Dahua.answers(web, base):
        return Dahua(web, base, login), Vendor.DAHUA
    return None


def open_interface(
    web: CameraHttpClient, base: str, device_url: str, clock: Clock, login: Credentials
) -> tuple[SetupInterface, Vendor]:
    """Open the vendor's own interface, else ONVIF. Raises ``CameraSetupError`` if neither answers."""
    try:
        found = vendor_interface(web, base, login)
    except NoAnswer:
        found = None  # the web page may be off, or on another port
    if found is not None:
        return found
    onvif = Onvif(web, device_url, clock, login)
    try:
        onvif.clock()
    except (NoAnswer, NotOnvif) as error:
        raise setup_error("nothing-answers", host=web.host, base=base, reason=reason_of(error)) from error
    return PlainOnvif(web.host, onvif), Vendor.OTHER
