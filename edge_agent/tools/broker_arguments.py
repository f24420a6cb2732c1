"""Options of the commands that connect to a broker without a configuration file: command, conformance, fleet,
simulate, models rollout. A wrong option ends the command with exit code 2, before anything is sent."""

from __future__ import annotations

import argparse
import math
import re
from pathlib import Path

from edge_agent.config.fields.schema_types import InvalidValue
from edge_agent.config.model.addresses import BrokerAddress
from edge_agent.config.model.connection import MAX_ROOT_CHARACTERS, ROOT_PATTERN, ROOT_WORDS
from edge_agent.config.model.settings import Broker, Delivery, Mqtt
from edge_agent.core.command_line.parser import CommandParser
from edge_agent.core.errors import UsageError
from edge_agent.core.secrets import Credentials, Secret

MAX_S = 31 * 86_400.0
BROKER_HELP = "address of the broker: mqtts://host:8883, or mqtt://host in a lab"


def add_broker_argument(parser: CommandParser) -> None:
    parser.add_value("--broker", "URL", BROKER_HELP, type=broker_url, required=True)


def add_root_argument(parser: CommandParser) -> None:
    parser.add_value("--root", "TOPIC", "first levels of every topic", type=topic_root, default="tb/v1")


def add_gateway_arguments(parser: CommandParser, *, required: bool) -> None:
    """Add ``--gateway`` and ``--ward`` of one gateway; without ``required`` the command must check them."""
    extra = "" if required else "; default: none, needed to send"
    for name in ("gateway", "ward"):
        parser.add_value(f"--{name}", "ID", f"id of the {name}{extra}", type=topic_id, required=required)


def add_tls_arguments(parser: CommandParser) -> None:
    tls = parser.add_argument_group("login at the broker")
    tls.add_argument(
        "--ca-file",
        type=Path,
        metavar="FILE",
        help="CA certificates that verify the broker's certificate; default: the system's trust store",
    )
    tls.add_argument(
        "--cert-file", type=Path, metavar="FILE", help="client certificate; default: no certificate"
    )
    tls.add_argument(
        "--key-file", type=Path, metavar="FILE", help="private key of --cert-file; default: no certificate"
    )
    tls.add_argument("--username", metavar="NAME", help="user of the broker; default: no user")
    tls.add_argument(
        "--password-file",
        type=Path,
        metavar="FILE",
        help="file with the password of --username; default: an empty password",
    )


def broker_url(text: str) -> str:
    """Check an option for a broker's address, and return it unchanged."""
    try:
        broker_of(text)
    except InvalidValue as error:
        raise argparse.ArgumentTypeError(f"{error}; nothing was sent") from None
    return text


def topic_id(text: str) -> str:
    """Check an option that becomes one level of a topic, and return it unchanged."""
    if re.fullmatch(r"[a-z0-9-]{1,63}", text) is None:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not an id: 1 to 63 characters of a-z, 0-9 and -; nothing was sent"
        )
    return text


def seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value <= MAX_S:
        raise argparse.ArgumentTypeError(f"{text!r}: seconds from 0 to {MAX_S:.0f}, which is 31 days")
    return value


def broker_of(url: str) -> Broker:
    """Parse a broker's address. Raises InvalidValue for a wrong one; ``broker_url`` has refused those."""
    return BrokerAddress().read_text(url)


def mqtt_of(args: argparse.Namespace, broker: Broker) -> Mqtt:
    """Make the MQTT settings. Raises UsageError for a wrong combination, OSError with the file's name."""
    for option, needed in (("password_file", "username"), ("key_file", "cert_file")):
        if getattr(args, option) is not None and getattr(args, needed) is None:
            raise UsageError(f"{_said(option)} needs {_said(needed)}; nothing was sent")
    if args.cert_file is not None and not broker.tls:
        raise UsageError("--cert-file needs a broker at mqtts://; nothing was sent")
    credentials = None
    if args.username is not None:
        password = "" if args.password_file is None else _content(args.password_file)
        credentials = Credentials(args.username, Secret(password))
    return Mqtt(
        brokers=(broker,),
        root=args.root,
        ca_file=args.ca_file,
        cert_file=args.cert_file,
        key_file=args.key_file,
        credentials=credentials,
        delivery=Delivery.BROKER,
        spread_s=0.0,
    )


def topic_root(text: str) -> str:
    if len(text) > MAX_ROOT_CHARACTERS or re.fullmatch(ROOT_PATTERN, text) is None:
        raise argparse.ArgumentTypeError(f"{text!r}: {ROOT_WORDS}")
    return text


def _said(option: str) -> str:
    return "--" + option.replace("_", "-")


def _content(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").rstrip("\n")
    except UnicodeDecodeError:
        raise UsageError(f"{path}: the file is not text; nothing was sent") from None
