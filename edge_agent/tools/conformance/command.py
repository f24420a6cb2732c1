"""The list of checks, and the table that ``edge-agent conformance`` prints."""

from __future__ import annotations

import argparse
import json
import secrets
import sys
from collections.abc import Callable
from functools import partial
from typing import TextIO

from edge_agent.core.command_line.exit_codes import EX_FAILED, EX_OK
from edge_agent.core.errors import MqttError
from edge_agent.tools.broker_arguments import broker_of, mqtt_of
from edge_agent.tools.conformance import command_checks, message_checks
from edge_agent.tools.conformance.command_checks import CommandsNotAllowed, CommandTester, GatewayObserver
from edge_agent.tools.conformance.message_checks import (
    ConformanceResult,
    ConformanceVerdict,
    ContractBroken,
    NothingObserved,
    ProbedGateway,
)
from edge_agent.wire.topics import GatewayTopics

MESSAGE_CHECKS: dict[str, tuple[str, Callable[..., str]]] = {
    "state": ("its state is retained and valid", message_checks.state),
    "birth": ("its birth is retained, valid, its own, and names no user of a camera", message_checks.birth),
    "heartbeat": ("heartbeats come with QoS 0, not retained, and are valid", message_checks.heartbeat),
    "session": ("state and heartbeats of a connection carry the same session", message_checks.one_session),
    "envelope": (
        "every event is a valid CloudEvent of this gateway, on the topic of its camera",
        message_checks.envelopes,
    ),
    "sequence": ("no number of an epoch is missing, except for announced losses", message_checks.no_gap),
    "resend": ("a message that is sent again is the same, byte for byte", message_checks.same_bytes),
    "chain": ("prevhash is the hash of the event before", message_checks.chain),
    "media": ("a file names its event and camera, and its content matches its sha256", message_checks.media),
}
COMMAND_CHECKS: dict[str, tuple[str, Callable[[CommandTester], str]]] = {
    "cmd-status": ("status is accepted, running, succeeded", command_checks.status),
    "cmd-rebirth": ("rebirth is followed by a birth", command_checks.rebirth),
    "cmd-rules": ("rules is answered with valid rules, or is unknown", command_checks.rules),
    "cmd-repeat": ("a repeated command gets the same answer", command_checks.repeat),
    "cmd-reused": ("another command under a used id is rejected", command_checks.reused),
    "cmd-expired": ("an expired command is not executed", command_checks.expired),
    "cmd-gateway": ("a command for another gateway is rejected", command_checks.wrong_gateway),
    "cmd-malformed": ("an incomplete document is rejected", command_checks.malformed),
    "cmd-unknown": ("an unknown type is rejected", command_checks.unknown_type),
    "cmd-arguments": ("unknown arguments are rejected", command_checks.bad_arguments),
    "cmd-unsigned": ("a risky command without a signature is rejected", command_checks.unsigned),
    "cmd-search": (
        "a search, and a question for times of passages, without a signature are rejected",
        command_checks.unsigned_search,
    ),
    "cmd-noise": ("random bytes and oversized messages do no harm", command_checks.noise),
}
"""By name: the rule of the contract, and the function that checks it; see docs/reference/conformance.md."""


def run_conformance(args: argparse.Namespace, stdout: TextIO) -> int:
    """Return 0 if no rule is broken, else 1. Raises MqttError when the broker cannot be reached."""
    broker = broker_of(args.broker)
    topics = GatewayTopics(args.root, args.ward, args.gateway)
    gateway = ProbedGateway(args.gateway, args.ward)
    client_id = f"conformance-{secrets.token_hex(6)}"
    tests = "" if args.no_commands else "sends it test commands, then "
    print(f"{args.gateway}: {tests}listens for {args.listen_s:g} s", file=sys.stderr)
    with GatewayObserver(broker, mqtt_of(args, broker), topics, client_id) as observer:
        tester = CommandTester(observer, gateway)
        results = (
            {}
            if args.no_commands
            else {name: _result_of(partial(check, tester)) for name, (_, check) in COMMAND_CHECKS.items()}
        )
        observer.wait_until(lambda _: False, args.listen_s)
        message_results = {
            name: _result_of(partial(check, observer.messages, gateway))
            for name, (_, check) in MESSAGE_CHECKS.items()
        }
    results = message_results | results
    _print(results, args.json, stdout)
    return EX_FAILED if any(each.verdict is ConformanceVerdict.BROKEN for each in results.values()) else EX_OK


def _result_of(check: Callable[[], str]) -> ConformanceResult:
    try:
        return ConformanceResult(ConformanceVerdict.KEPT, check())
    except (ContractBroken, MqttError) as error:
        return ConformanceResult(ConformanceVerdict.BROKEN, str(error))
    except NothingObserved as error:
        return ConformanceResult(ConformanceVerdict.NOT_SEEN, str(error))
    except CommandsNotAllowed as error:
        return ConformanceResult(ConformanceVerdict.NOT_ALLOWED, str(error))


def _print(results: dict[str, ConformanceResult], as_json: bool, stdout: TextIO) -> None:
    if as_json:
        document = {
            name: {"verdict": each.verdict.value, "text": each.text} for name, each in results.items()
        }
        stdout.write(json.dumps(document, indent=2, ensure_ascii=False) + "\n")
        return
    rules = {name: rule for name, (rule, _) in (MESSAGE_CHECKS | COMMAND_CHECKS).items()}
    for name, each in results.items():
        stdout.write(f"{each.verdict.value:<11}  {name:<13}  {rules[name]}\n{'':<28}{each.text}\n")
    counts = {
        verdict: sum(each.verdict is verdict for each in results.values()) for verdict in ConformanceVerdict
    }
    stdout.write(", ".join(f"{count} {verdict.value}" for verdict, count in counts.items() if count) + "\n")
    if any(results[name].verdict is ConformanceVerdict.NOT_SEEN for name in MESSAGE_CHECKS):
        stdout.write("not seen: no such message came in this time, or this user may not read its topic\n")
