"""Types of options, and the options of the commands that connect to a broker.

A wrong value ends the command with exit code 2, before anything is done. What needs the agent is imported by
the functions: the sheet is also checked where the agent is not installed.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from fleet.hosts import host_is_possible
from fleet.keys import check_login, read_certificates
from fleet.problems import WrongUsage, one_line

if TYPE_CHECKING:
    from edge_agent.config.model.settings import Mqtt

MAX_DAYS = 7_300
"""As ``pki_ca_days`` of the role ``pki``: a certificate does not outlive its CA."""


class OneLineParser(argparse.ArgumentParser):
    """Says in one line what is wrong with the options."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, one_line(f"{self.prog}: {message}; see python3 -m {self.prog} --help") + "\n")


def file_path(text: str) -> Path:
    if not text:
        raise argparse.ArgumentTypeError("it is empty: name a file or folder")
    try:
        return Path(text).expanduser()
    except RuntimeError:  # ~name
        raise argparse.ArgumentTypeError(
            f"'{text}' is in the home of a user who does not exist here"
        ) from None


def whole_number(least: int, most: int) -> Callable[[str], int]:
    def convert(text: str) -> int:
        if re.fullmatch(r"-?[0-9]{1,9}", text, re.ASCII) and least <= int(text) <= most:
            return int(text)
        raise argparse.ArgumentTypeError(f"'{text}' is not a whole number from {least} to {most}")

    return convert


def host_name(text: str) -> str:
    """A site's id is a host name too. One that begins with - would be an option of ssh-keyscan."""
    if host_is_possible(text):
        return text
    raise argparse.ArgumentTypeError(f"'{text}' is neither the id of a site nor a host name or an address")


def fingerprint(text: str) -> str:
    if re.fullmatch(r"SHA256:[A-Za-z0-9+/]{43}", text):
        return text
    raise argparse.ArgumentTypeError(
        f"'{text}' is not a fingerprint: SHA256: and 43 letters, as ssh-keygen -l prints it"
    )


def https_url(text: str) -> str:
    if re.fullmatch(r"https://[!-~]{1,500}", text):
        return text
    raise argparse.ArgumentTypeError(
        f"'{text}' is not an https address: gateways fetch releases by https only"
    )


def seconds(text: str) -> float:
    from edge_agent.tools import broker_arguments

    return broker_arguments.seconds(text)


def topic_id(text: str) -> str:
    from edge_agent.tools import broker_arguments

    return broker_arguments.topic_id(text)


def _topic_root(text: str) -> str:
    from edge_agent.tools import broker_arguments

    return broker_arguments.topic_root(text)


def _broker_url(text: str) -> str:
    from edge_agent.tools import broker_arguments

    return broker_arguments.broker_url(text)


def add_release_key(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--key", type=file_path, required=True, help="Ed25519 private key of releases, PEM, to sign with"
    )


def add_broker_options(parser: argparse.ArgumentParser, user: str) -> None:
    """``user``: whose certificate ``--cert-file`` is."""
    parser.add_argument(
        "--broker", type=_broker_url, required=True, help="address, such as mqtts://broker.example:8883"
    )
    parser.add_argument("--root", type=_topic_root, default="tb/v1", help="first levels of every topic")
    for name, what in (
        ("ca", "CA certificates that verify the broker's certificate"),
        ("cert", f"client certificate of a user {user}"),
        ("key", "private key of --cert-file"),
    ):
        parser.add_argument(f"--{name}-file", type=file_path, metavar="FILE", help=what)


def mqtt_settings(args: argparse.Namespace) -> Mqtt:
    """The settings that the options of the broker say. Raises WrongUsage; OSError, and ValueError for a
    certificate or key that cannot be used."""
    from edge_agent.core.errors import UsageError
    from edge_agent.tools.broker_arguments import broker_of, mqtt_of

    login = argparse.Namespace(username=None, password_file=None, **vars(args))
    try:
        mqtt = mqtt_of(login, broker_of(args.broker))
    except UsageError as error:
        raise WrongUsage(str(error)) from error
    if args.ca_file is not None:
        read_certificates(args.ca_file)
    if args.cert_file is not None:
        check_login(args.cert_file, args.key_file)
    return mqtt
