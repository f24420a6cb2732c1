"""``edge-agent models rollout``: connects the rollout to the broker and the terminal."""

from __future__ import annotations

import argparse
import secrets
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TextIO

import msgspec

from edge_agent.commands.signature import payload_of, read_private, sign
from edge_agent.core.clock import rfc3339
from edge_agent.core.command_line.exit_codes import EX_FAILED, EX_INCOMPLETE, EX_OK
from edge_agent.core.errors import EdgeAgentError
from edge_agent.model_release.manifest import SIGNED, ModelManifest, check_files
from edge_agent.mqtt.tools.tool_client import ToolClient
from edge_agent.tools.broker_arguments import broker_of, mqtt_of
from edge_agent.tools.gateways.fleet_status import FleetStatus, terminal_safe
from edge_agent.tools.rollout.rollout import Rollout, RolloutOptions, RolloutStopped
from edge_agent.wire import Command, Reply
from edge_agent.wire.topics import GatewayTopics

STEP_S = 0.2
SETTLE_S = 3.0  # longest wait for retained messages
LIFE_S = 600


def run_rollout(args: argparse.Namespace, stdout: TextIO) -> int:
    """Return 0 if every gateway runs the release; 1 if a gateway refused it or gave it up, or after Ctrl-C;
    3 if gateways are left that were offline, take no model, or saw too few objects."""
    release, sha256 = _release(args.release, args.url)
    broker = broker_of(args.broker)
    with ToolClient(
        broker, mqtt_of(args, broker), f"rollout-{secrets.token_hex(6)}", reconnects=True
    ) as subscriber:
        connection = _BrokerConnection(args, subscriber, stdout)
        options = RolloutOptions(
            args.stages,
            args.shadow_s,
            args.share,
            args.probation_s,
            args.soak_s,
            args.answer_s,
            args.ignore_results,
            args.again,
        )
        rollout = Rollout(connection.board, release, sha256, options, connection.send, connection.say)
        try:
            return connection.run(rollout)
        except RolloutStopped as stopped:
            connection.say(f"stopped: {stopped}; no other gateway is asked")
            return EX_FAILED
        except KeyboardInterrupt:
            print("interrupted: the same command line goes on from here", file=sys.stderr)
            return EX_FAILED


class _BrokerConnection:
    """The connection to the broker: updates the fleet's state from messages, and signs and sends commands."""

    def __init__(self, args: argparse.Namespace, subscriber: ToolClient, stdout: TextIO) -> None:
        self.board = FleetStatus(args.root)
        self._args = args
        self._private = read_private(args.key)
        self._subscriber = subscriber
        self._stdout = stdout
        self._sent: dict[str, tuple[tuple[str, str], str]] = {}  # id -> gateway and action
        self._pause = threading.Event()
        replies = [f"{args.root}/{ward}/+/up/reply/+" for ward in args.ward or ["+"]]
        subscriber.subscribe(*self.board.subscriptions(args.ward), *replies)

    def run(self, rollout: Rollout) -> int:
        self._receive_all(rollout)
        wanted = [key for key in self.board.gateways if self._is_wanted(key[1])]
        if absent := sorted({*self._args.gateway} - {gateway for _, gateway in wanted}):
            self.say(f"the broker knows no {', '.join(absent)}: wrong name or ward?")
        if not wanted:
            raise EdgeAgentError(f"no gateway was heard at {self._args.broker}; nothing was sent")
        rollout.begin(wanted, time.monotonic())
        while not rollout.step(time.monotonic()):
            self._pause.wait(STEP_S)
            self._receive(rollout)
        if left := len(rollout.left) + len(absent):
            self.say(f"{left} are left: the same command line goes on with them")
            return EX_INCOMPLETE
        self.say("done: every gateway runs it")
        return EX_OK

    def _is_wanted(self, gateway: str) -> bool:
        return not self._args.gateway or gateway in self._args.gateway

    def send(self, key: tuple[str, str], args: dict[str, Any]) -> None:
        ward, gateway = key
        now = datetime.now(UTC)
        command = Command(
            id=f"model-{args['action']}-{now:%Y%m%d%H%M%S}-{secrets.token_hex(4)}",
            type="model",
            gateway=gateway,
            issued=rfc3339(now),
            expires=rfc3339(now + timedelta(seconds=LIFE_S)),
            args=args,
        )
        self._sent[command.id] = key, args["action"]
        topic = GatewayTopics(self._args.root, ward, gateway).command("model")
        self._subscriber.send(topic, sign(msgspec.json.encode(command), self._private), LIFE_S)

    def say(self, text: str) -> None:
        print(f"{datetime.now():%H:%M:%S}  {terminal_safe(text)}", file=self._stdout, flush=True)

    def _receive_all(self, rollout: Rollout) -> None:
        """Process messages until every online gateway has sent its heartbeat, at most for ``--listen-s``."""
        began_mono = time.monotonic()
        while time.monotonic() - began_mono < self._args.listen_s:
            self._pause.wait(STEP_S)
            self._receive(rollout)
            gateways = [
                gateway for gateway in self.board.gateways.values() if self._is_wanted(gateway.gateway)
            ]
            named = len(gateways) == len(self._args.gateway) > 0
            settled = named or time.monotonic() - began_mono > SETTLE_S
            heard = all(each.health if each.state == "online" else each.state for each in gateways)
            if settled and gateways and heard:
                return

    def _receive(self, rollout: Rollout) -> None:
        for message in self._subscriber.receive_all():
            mono, now_ms = time.monotonic(), round(time.time() * 1000)
            if "/up/reply/" in message.topic:
                self._take_reply(rollout, message.topic, message.payload)
            else:
                self.board.receive(message.topic, message.payload, message.retained, mono, now_ms)
        if missing := self.board.exact_topics(time.monotonic()):
            self._subscriber.subscribe(*missing)

    def _take_reply(self, rollout: Rollout, topic: str, payload: bytes) -> None:
        try:
            reply = msgspec.json.decode(payload, type=Reply)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return
        if (sent := self._sent.get(reply.id)) is None:
            return
        (ward, gateway), action = sent
        if topic != GatewayTopics(self._args.root, ward, gateway).reply(reply.id):
            return  # a gateway must not answer for another one
        rollout.answer((ward, gateway), action, reply.status, reply.code, reply.text.split("\n")[0])


def _release(folder: Path, url: str) -> tuple[dict[str, Any], str]:
    """Return the arguments of the command, and the model's sha256. Raises EdgeAgentError, OSError.

    The signature is checked by the gateways, which know the operators' keys.
    """
    jws = (folder / SIGNED).read_bytes().strip()
    try:
        document = payload_of(jws) if jws.count(b".") == 2 else b""
        manifest = msgspec.json.decode(document, type=ModelManifest)
    except msgspec.DecodeError as error:
        raise EdgeAgentError(f"{folder / SIGNED} is not the manifest of a model release: {error}") from error
    check_files(folder, manifest, document)
    file = manifest.model_file
    size = (folder / file).stat().st_size
    return {"manifest": jws.decode("ascii"), "url": url, "bytes": size}, manifest.files[file]
