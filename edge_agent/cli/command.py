"""``edge-agent command``: send a command to a gateway and print its replies; make an operator's key.

It runs at the centre and on control machines: it needs the broker, but no configuration and no agent.
"""

from __future__ import annotations

import argparse
import json
import os
import secrets
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TextIO

import msgspec

from edge_agent.commands.action import is_signed_by_default
from edge_agent.commands.document import MAX_LIFETIME, MAX_UNSIGNED_LIFETIME
from edge_agent.commands.signature import make_key, read_private, sign
from edge_agent.config.model.settings import Mqtt
from edge_agent.core.clock import rfc3339
from edge_agent.core.command_line.exit_codes import EX_FAILED, EX_OK, EX_USAGE
from edge_agent.core.command_line.parser import CommandParser, Commands, add_command, nearest
from edge_agent.core.errors import UsageError
from edge_agent.core.printable import printable, printable_json
from edge_agent.tools.broker_arguments import (
    BROKER_HELP,
    add_gateway_arguments,
    add_root_argument,
    add_tls_arguments,
    broker_of,
    broker_url,
    mqtt_of,
    topic_id,
)
from edge_agent.wire import ARGUMENTS, Command, Reply
from edge_agent.wire.base import decode_error_text

KEYGEN = "keygen"
MAX_LIFETIME_S = int(MAX_LIFETIME.total_seconds())
MAX_UNSIGNED_S = int(MAX_UNSIGNED_LIFETIME.total_seconds())
MAX_WAIT_S = 86_400.0
KEY_VARIABLE = "EDGE_AGENT_OPERATOR_KEY"
OWN_KEY = "~/.config/edge-agent/operator.pem"
SIGN_IT = (
    "edge-agent command: nothing was changed. Sign it: --key operator.pem, or name that file in "
    f"{KEY_VARIABLE}, or put it at {OWN_KEY}. `edge-agent command keygen` makes a key; the gateway has to "
    "know its public half (commands.operator_keys)"
)
KEY_USES = """\
    commands: keep the private key off gateways and servers; public key in commands.operator_keys
    searches: private key at the centre; public key in commands.search_keys
    answers to claims: private key for `fleet claims`; public key for `fleet bundle --answer-key`"""
SET_THE_CLOCK = (
    "edge-agent command: nothing was changed. The gateway accepts signed commands once its clock is "
    "synchronised: `edge-agent doctor` and `chronyc sources` on the gateway show what is missing. For a "
    "trial on one machine: `edge-agent run --trust-clock`"
)
WHAT_TO_DO = {"unsigned": SIGN_IT, "clock-not-synchronised": SET_THE_CLOCK}


def add_command_to(commands: Commands) -> None:
    command = add_command(
        commands,
        "command",
        "send a command to a gateway and print its replies",
        "edge-agent command status --gateway dt-001 --ward de-tham --broker mqtts://broker.example:8883 "
        "--ca-file ca.crt --cert-file op.crt --key-file op.key",
        "edge-agent command disarm --key operator.pem --arg camera=cam-1 --arg rule=yard --arg for_s=3600 "
        "--gateway dt-001 --ward de-tham --broker mqtt://127.0.0.1",
        "edge-agent command keygen operator.pem",
        exit_codes={
            0: "the command succeeded",
            1: "failed: the gateway refused it, did not answer in time, or could not carry it out",
        },
    )
    types = ", ".join(ARGUMENTS)
    command.completed_values = (*ARGUMENTS, KEYGEN)
    command.add_value(
        "type",
        "TYPE",
        f"type of the command: {types}; or keygen, which makes an operator's key and sends nothing",
    )
    command.add_path("out", "PRIVATE.pem", "file of the new key, for keygen; default: none", nargs="?")
    command.add_value("--broker", "URL", f"{BROKER_HELP}; default: none, needed to send", type=broker_url)
    add_gateway_arguments(command, required=False)
    add_root_argument(command)
    _add_options(command)
    add_tls_arguments(command)


def _add_options(command: CommandParser) -> None:
    command.add_repeated(
        "--arg",
        "KEY=VALUE",
        "argument of the command; may be repeated; lists and mappings as JSON, @FILE for the content of "
        "a file; default: none",
    )
    command.add_path(
        "--key",
        "PRIVATE.pem",
        "private key of an operator, to sign with; default, for commands that must be signed: the file "
        f"that {KEY_VARIABLE} names, else {OWN_KEY}",
    )
    command.add_value(
        "--expires-s",
        "SECONDS",
        "seconds until the command expires; a gateway does not begin an expired command",
        type=int,
        default=300,
    )
    command.add_value(
        "--wait-s", "SECONDS", "longest wait for the next reply, in seconds", type=float, default=60.0
    )
    command.add_value(
        "--id",
        "ID",
        "id of a command that was sent before, to ask for its result: it is not executed again; "
        "default: a new id",
        type=topic_id,
    )
    command.add_json("each reply as received, one a line")


def run_command(args: argparse.Namespace, stdout: TextIO) -> int:
    """Return 0 for a command that succeeded, 1 if it failed, was refused or not answered, 2 for wrong usage.
    Raises UsageError."""
    if args.type == KEYGEN:
        return _keygen(args.out, stdout)
    document = _document(args)
    payload = msgspec.json.encode(document)
    key = args.key or _own_key(document)
    if key is None and args.expires_s > MAX_UNSIGNED_S:
        raise UsageError(f"--expires-s: above {MAX_UNSIGNED_S}, which is a day, only with --key")
    try:
        if key is not None:
            payload = sign(payload, read_private(key))
        mqtt = mqtt_of(args, broker_of(args.broker))
    except OSError as error:
        print(f"edge-agent command: {error.filename}: {error.strerror}; nothing was sent", file=sys.stderr)
        return EX_FAILED
    return _send(args, mqtt, document, payload, stdout)


def _own_key(document: Command[Any]) -> Path | None:
    """Return the file of the operator's key for a command that must be signed, None if there is none. Other
    commands are sent without a signature, because some gateways do not know every key."""
    if not is_signed_by_default(document.type, document.args):
        return None
    if named := os.environ.get(KEY_VARIABLE):
        return Path(named)
    own = os.path.expanduser(OWN_KEY)
    return Path(own) if os.path.isfile(own) else None


def _send(
    args: argparse.Namespace, mqtt: Mqtt, document: Command[Any], payload: bytes, stdout: TextIO
) -> int:
    from edge_agent.mqtt.publisher.window import NO_SUBSCRIBER
    from edge_agent.mqtt.tools.tool_client import REFUSED, ToolClient, refusal
    from edge_agent.wire.topics import GatewayTopics

    topics = GatewayTopics(args.root, args.ward, args.gateway)
    broker = mqtt.brokers[0]
    with ToolClient(broker, mqtt, f"command-{secrets.token_hex(6)}") as client:
        client.subscribe(topics.reply(document.id))
        client.require_subscribed()
        reason = client.publish(topics.command(args.type), payload, args.expires_s)
        if reason >= REFUSED:
            raise refusal(broker, "publish", reason)
        if not args.json:
            print(f"{args.gateway}: {args.type} sent as {document.id}", file=stdout, flush=True)
        if reason == NO_SUBSCRIBER:
            text = f"the broker knows no gateway {args.gateway} in {args.ward} that would get it"
            print(f"{args.gateway}: {text}", file=sys.stderr)
            return EX_FAILED
        while (message := client.receive(args.wait_s)) is not None:
            try:
                reply = msgspec.json.decode(message.payload, type=Reply)
                shown = _formatted(reply, message.payload, args.json)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                print(f"{args.gateway}: an answer came that cannot be read; it is ignored", file=sys.stderr)
                continue
            print(shown, file=stdout, flush=True)
            if reply.status not in ("accepted", "running"):
                return _end(reply)
    text = f"no answer for {args.wait_s:.0f} s; until {document.expires} the gateway may still do it"
    print(f"{args.gateway}: {text}. Ask again with --id {document.id}", file=sys.stderr)
    return EX_FAILED


def _formatted(reply: Reply, payload: bytes, as_json: bool) -> str:
    """Return the reply without control characters: an attacker may have sent it in the gateway's place."""
    if as_json:
        return printable_json(msgspec.json.decode(payload))
    code = "" if reply.code in ("ok", reply.status) else f" ({printable(reply.code)})"
    first, *more = reply.text.split("\n")
    lines = [f"{reply.gateway}: {reply.status}{code}: {printable(first)}"]
    lines += [
        f"  | {printable(line)}" for line in more
    ]  # the mark tells these lines apart from the first line of a reply
    if reply.result:
        lines.append(printable_json(reply.result, indent=2))
    return "\n".join(lines)


def _end(reply: Reply) -> int:
    """Return the exit code for the last reply. Explain what to do about a signature or a clock."""
    if reply.code in WHAT_TO_DO:
        print(WHAT_TO_DO[reply.code], file=sys.stderr)
    return EX_OK if reply.status == "succeeded" else EX_FAILED


def _document(args: argparse.Namespace) -> Command[Any]:
    for option in ("broker", "gateway", "ward"):
        if getattr(args, option) is None:
            raise UsageError(f"--{option} is missing; nothing was sent")
    if args.type not in ARGUMENTS:
        raise UsageError(
            f"there is no command {args.type!r}{nearest(args.type, ARGUMENTS)}; "
            f"there are: {', '.join(ARGUMENTS)}"
        )
    if not 1 <= args.expires_s <= MAX_LIFETIME_S:
        raise UsageError(f"--expires-s: from 1 to {MAX_LIFETIME_S}, which is 31 days; nothing was sent")
    if not 0 <= args.wait_s <= MAX_WAIT_S:
        raise UsageError(f"--wait-s: from 0 to {MAX_WAIT_S:.0f}; nothing was sent")
    now = datetime.now(UTC)
    return Command(
        id=args.id or f"{args.type}-{now:%Y%m%d%H%M%S}-{secrets.token_hex(3)}",
        type=args.type,
        gateway=args.gateway,
        issued=rfc3339(now),
        expires=rfc3339(now + timedelta(seconds=args.expires_s)),
        args=_arguments(args.type, args.arg),
    )


def _arguments(type_: str, given: list[str]) -> dict[str, Any]:
    """Convert ``--arg`` to the types of the schema. Defaults are left out, because the gateway adds them."""
    found: dict[str, Any] = {}
    for each in given:
        key, equals, value = each.partition("=")
        if not equals:
            raise UsageError(f"--arg {each}: write KEY=VALUE; nothing was sent")
        found[key] = _value(key, value)
    try:
        checked = msgspec.convert(found, ARGUMENTS[type_], strict=False)
    except msgspec.ValidationError as error:
        raise UsageError(
            f"the arguments of {type_} are wrong: {_argument_problem(type_, found, error)}; nothing was "
            f"sent. `edge-agent schema command-{type_}` describes them"
        ) from None
    return {key: msgspec.to_builtins(getattr(checked, key)) for key in found}


def _argument_problem(type_: str, found: dict[str, Any], error: msgspec.ValidationError) -> str:
    """Name the option that is wrong, and the argument that was probably meant."""
    known = msgspec.structs.fields(ARGUMENTS[type_])
    for key in found:
        if key not in {each.name for each in known}:
            return f"there is no argument {key!r}{nearest(key, [each.name for each in known])}"
    problem, _, place = decode_error_text(error).partition(" - at `$.")
    if "regex '^\\\\d{4}-" in problem:
        problem = "write a time in UTC, such as 2026-11-27T14:00:00Z"
    return f"--arg {place.rstrip('`')}: {problem}" if place else problem


def _value(key: str, text: str) -> Any:
    if text.startswith("@"):
        try:
            return Path(text[1:]).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"--arg {key}: {text[1:]} cannot be read: {error}") from None
    if text[:1] in ("[", "{"):
        try:
            return json.loads(text)
        except ValueError as error:
            raise UsageError(f"--arg {key}: not JSON: {error}") from None
    return text


def _keygen(path: Path | None, stdout: TextIO) -> int:
    """Write a pair of keys, which openssl can read too. Refuse to replace a file."""
    if path is None:
        print("edge-agent command keygen: name the file of the private key", file=sys.stderr)
        return EX_USAGE
    try:
        public_path, id_ = make_key(path)
    except OSError as error:
        print(
            f"edge-agent command keygen: {error.filename}: {error.strerror}; no key was made", file=sys.stderr
        )
        return EX_FAILED
    print(f"{path}: the private key. Whoever has it can sign", file=stdout)
    print(f"{public_path}: the public key. What the pair is for:", file=stdout)
    print(KEY_USES, file=stdout)
    print(f"its id is {id_}", file=stdout)
    return EX_OK
