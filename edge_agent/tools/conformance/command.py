"""The list of checks, and the table that ``edge-agent conformance`` prints."""

from __future__ import annotations

import argparse
import json
import secrets
from collections.abc import Callable
from typing import TextIO

from edge_agent.core.errors import MqttError
from edge_agent.mqtt.tools.observing import Observer
from edge_agent.tools.broker_arguments import broker_of, mqtt_of
from edge_agent.tools.conformance import asked, heard
from edge_agent.tools.conformance.asked import Asker, NotAllowed
from edge_agent.tools.conformance.heard import Gateway
from edge_agent.tools.conformance.verdict import Broken, Finding, NotSeen, Verdict
from edge_agent.wire.topics import Topics

EXIT_KEPT, EXIT_BROKEN = 0, 1

HEARD: dict[str, tuple[str, Callable[..., str]]] = {
    "state": ("its state is retained and valid", heard.state),
    "birth": ("its birth is retained, valid, its own, and names no user of a camera", heard.birth),
    "heartbeat": ("heartbeats come with QoS 0, not retained, and are valid", heard.heartbeat),
    "session": ("state and heartbeats of a connection carry the same session", heard.one_session),
    "envelope": (
        "every event is a valid CloudEvent of this gateway, on the topic of its camera",
        heard.envelopes,
    ),
    "sequence": ("no number of an epoch is missing, but for announced losses", heard.no_gap),
    "resend": ("what comes again is the same, byte for byte", heard.same_bytes),
    "chain": ("prevhash is the hash of the event before", heard.chain),
    "media": ("a file names its event and camera, and is what its sha256 says", heard.media),
}
ASKED: dict[str, tuple[str, Callable[[Asker], str]]] = {
    "cmd-status": ("status is accepted, running, succeeded", asked.status),
    "cmd-rebirth": ("rebirth is followed by a birth", asked.rebirth),
    "cmd-repeat": ("a repeated command gets the same answer", asked.repeat),
    "cmd-reused": ("another command under a used id is rejected", asked.reused),
    "cmd-expired": ("an expired command is not obeyed", asked.expired),
    "cmd-gateway": ("a command for another gateway is rejected", asked.wrong_gateway),
    "cmd-malformed": ("an incomplete document is rejected", asked.malformed),
    "cmd-unknown": ("an unknown type is rejected", asked.unknown_type),
    "cmd-arguments": ("unknown arguments are rejected", asked.bad_arguments),
    "cmd-unsigned": ("a risky command without a signature is rejected", asked.unsigned),
    "cmd-noise": ("noise and oversized messages are survived", asked.noise),
}
"""By name: what the contract says, and what looks whether it holds; see docs/reference/conformance.md."""


def run_conformance(args: argparse.Namespace, stdout: TextIO) -> int:
    """0: nothing is broken; 1: something is, or the broker cannot be reached (MqttError)."""
    broker = broker_of(args.broker)
    topics = Topics(args.root, args.ward, args.gateway)
    gateway = Gateway(args.gateway, args.ward)
    client_id = f"conformance-{secrets.token_hex(6)}"
    with Observer(broker, mqtt_of(args, broker), topics, client_id) as observer:
        asker = Asker(observer, gateway)
        findings = (
            {} if args.no_commands else {name: _ask(check, asker) for name, (_, check) in ASKED.items()}
        )
        observer.wait(lambda _: False, args.listen_s)
        listened = {name: _look(check, observer, gateway) for name, (_, check) in HEARD.items()}
    findings = listened | findings
    _print(findings, args.json, stdout)
    return EXIT_BROKEN if any(each.verdict is Verdict.BROKEN for each in findings.values()) else EXIT_KEPT


def _look(check: Callable[..., str], observer: Observer, gateway: Gateway) -> Finding:
    return _finding(lambda: check(observer.heard, gateway))


def _ask(check: Callable[[Asker], str], asker: Asker) -> Finding:
    return _finding(lambda: check(asker))


def _finding(check: Callable[[], str]) -> Finding:
    try:
        return Finding(Verdict.KEPT, check())
    except Broken as error:
        return Finding(Verdict.BROKEN, str(error))
    except NotSeen as error:
        return Finding(Verdict.NOT_SEEN, str(error))
    except NotAllowed as error:
        return Finding(Verdict.NOT_ALLOWED, str(error))
    except MqttError as error:
        return Finding(Verdict.BROKEN, str(error))


def _print(findings: dict[str, Finding], as_json: bool, stdout: TextIO) -> None:
    if as_json:
        told = {name: {"verdict": each.verdict.value, "text": each.text} for name, each in findings.items()}
        stdout.write(json.dumps(told, indent=2, ensure_ascii=False) + "\n")
        return
    rules = {name: rule for name, (rule, _) in (HEARD | ASKED).items()}
    for name, each in findings.items():
        stdout.write(f"{each.verdict.value:<11}  {name:<13}  {rules[name]}\n{'':<28}{each.text}\n")
    counts = {verdict: sum(each.verdict is verdict for each in findings.values()) for verdict in Verdict}
    stdout.write(", ".join(f"{count} {verdict.value}" for verdict, count in counts.items() if count) + "\n")
