"""What both commands ask a person for: a login and a choice; and the record of failed logins."""

from __future__ import annotations

import argparse
import getpass
import sys
from pathlib import Path

from edge_agent.core.clock import SystemClock, read_boot_id
from edge_agent.core.errors import CameraSetupError
from edge_agent.core.secrets import Credentials, Secret
from edge_agent.onvif.logins import FILE, LoginLedger

MAX_PASSWORD_BYTES = 4096


def open_ledger(state_dir: Path) -> LoginLedger:
    ledger = LoginLedger(state_dir / FILE, SystemClock(), read_boot_id())
    if not ledger.remembers:
        progress(
            f"{state_dir} cannot be written: failed logins are not remembered for the next run; wait half "
            "an hour after two of them, cameras lock accounts"
        )
    return ledger


def login_of(args: argparse.Namespace) -> Credentials | None:
    """Read the login from the options and the terminal. The password is never an option: all users can see
    those."""
    if args.camera_username is None:
        if args.camera_password_file is not None:
            raise CameraSetupError("--camera-password-file needs --camera-username")
        return None
    if args.camera_password_file is not None:
        password = _line_of(args.camera_password_file)
    elif sys.stdin.isatty():
        password = getpass.getpass(f"Password of {args.camera_username}: ")
    else:
        raise CameraSetupError("without a terminal the password comes from --camera-password-file")
    if not password:
        raise CameraSetupError("the password is empty")
    return Credentials(args.camera_username, Secret(password))


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


def asked(question: str) -> str:
    if not sys.stdin.isatty():
        raise CameraSetupError("without a terminal the cameras to write are named by --choose")
    print(question, end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip()


def progress(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
