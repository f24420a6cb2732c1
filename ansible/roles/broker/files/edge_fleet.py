#!/usr/bin/python3
"""``edge-fleet``: what the broker knows of gateways, and what only the operator may do there.

For the playbooks, on the broker's machine, with nothing but Python and mosquitto-clients. Answers are one
line of JSON. Exit codes: 0 good, 1 not (yet) as asked, 2 wrong usage, 3 the broker does not answer.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, Queue

SETTINGS = Path("/etc/mosquitto/edge/operator/edge-fleet.json")
AGAIN_S = 1.0
QUIET_S = 1.0  # retained messages follow the subscription at once; after such a pause there are no more


class BrokerSilent(Exception):
    """No session came about."""


@dataclass(frozen=True)
class Broker:
    port: int
    root: str
    folder: Path
    connect_s: float

    def arguments(self) -> list[str]:
        files = {"--cafile": "ca.crt", "--cert": "client.crt", "--key": "client.key"}
        named = [word for option, name in files.items() for word in (option, str(self.folder / name))]
        return ["-h", "127.0.0.1", "-p", str(self.port), "-V", "5", *named]


@dataclass(frozen=True)
class Message:
    ward: str
    gateway: str
    kind: str  # state, birth, heartbeat, config
    topic: str
    body: dict[str, object]  # empty: what was sent is no JSON object


class Subscription:
    """``mosquitto_sub`` on ``<root>/+/<end>``; its messages as they come, and None when it ended."""

    def __init__(self, broker: Broker, ends: Sequence[str]) -> None:
        topics = [word for end in ends for word in ("-t", f"{broker.root}/+/{end}")]
        # -d tells when the subscription stands, and stdbuf lets that line out at once.
        options = [*broker.arguments(), "-d", "-q", "1", "-F", "%j", *topics]
        self.queue: Queue[Message | None] = Queue()
        self.stands = False
        self._root = broker.root
        self._settled = threading.Event()
        self._process = subprocess.Popen(
            ["stdbuf", "-oL", "mosquitto_sub", *options],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace",
        )  # fmt: skip
        self._reader = threading.Thread(target=self._read, name="subscription", daemon=True)
        self._reader.start()

    def settle(self, timeout_s: float) -> None:
        """Returns when it stands or has ended, or the time is over."""
        self._settled.wait(timeout_s)

    def end(self) -> str:
        """What it had to complain about."""
        self._process.terminate()
        self._process.wait(10)
        self._reader.join(10)
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        with self._process.stdout, self._process.stderr as complaints:
            return complaints.read().strip()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith("Subscribed"):
                self.stands = True
                self._settled.set()
            message = parse(self._root, line)
            if message is not None:
                self.queue.put(message)
        self.queue.put(None)
        self._settled.set()


@contextmanager
def subscribed(broker: Broker, *ends: str) -> Iterator[Queue[Message | None]]:
    """Messages on ``<root>/+/<end>``, as they come; None when the connection ended. Raises BrokerSilent.

    A broker that is just being restarted is waited for.
    """
    deadline = time.monotonic() + broker.connect_s
    while True:
        subscription = Subscription(broker, ends)
        subscription.settle(max(0.0, deadline - time.monotonic()))
        if subscription.stands:
            break
        why = subscription.end()
        if time.monotonic() + AGAIN_S >= deadline:
            raise BrokerSilent(
                f"no subscription within {broker.connect_s:g} s: {why or 'it does not answer'}"
            )
        time.sleep(AGAIN_S)
    try:
        yield subscription.queue
    finally:
        subscription.end()


def parse(root: str, line: str) -> Message | None:
    """One line of ``mosquitto_sub -F %j``; None for what is no message of a gateway."""
    try:
        outer = json.loads(line)
        topic = str(outer["topic"])
        payload = str(outer["payload"])
    except (ValueError, KeyError, TypeError):
        return None
    levels = topic.removeprefix(f"{root}/").split("/")
    if len(levels) != 4 or not payload:
        return None
    try:
        body = json.loads(payload)
    except (ValueError, RecursionError):
        body = {}
    return Message(levels[0], levels[1], levels[3], topic, body if isinstance(body, dict) else {})


def collect(queue: Queue[Message | None]) -> list[Message]:
    """Everything that is retained. Raises BrokerSilent."""
    found: list[Message] = []
    while True:
        try:
            message = queue.get(timeout=QUIET_S)
        except Empty:
            return found
        if message is None:
            raise BrokerSilent("the broker ended the connection")
        found.append(message)


def states(broker: Broker) -> dict[str, dict[str, object]]:
    """Gateway -> ward, state and version, as its retained messages say."""
    with subscribed(broker, "+/up/state", "+/up/birth") as queue:
        found: dict[str, dict[str, object]] = {}
        for message in filter(lambda found: found.body, collect(queue)):
            known = found.setdefault(f"{message.ward}/{message.gateway}", {"ward": message.ward})
            known |= {key: message.body[key] for key in ("state", "version", "time") if key in message.body}
    # A gateway that moved may still have an old ward's messages: what is online, or newest, counts.
    best: dict[str, dict[str, object]] = {}
    for name, known in sorted(found.items(), key=lambda item: rank(item[1])):
        best[name.split("/")[1]] = known
    return best


def rank(known: dict[str, object]) -> tuple[bool, str]:
    return known.get("state") == "online", str(known.get("time", ""))


def wait(
    broker: Broker, gateways: Sequence[str], version: str, ward: str, timeout_s: float
) -> tuple[dict[str, str | None], bool]:
    """Version in each one's last heartbeat, and whether all are as asked; ends as soon as they are.

    Empty ``version`` and ``ward``: any. Raises BrokerSilent.
    """
    heard: dict[str, str | None] = dict.fromkeys(gateways)
    deadline = time.monotonic() + timeout_s
    ends = [f"{gateway}/up/heartbeat" for gateway in gateways]

    def good() -> bool:
        return all(seen == version if version else seen is not None for seen in heard.values())

    with subscribed(broker, *ends) as queue:
        while not good():
            try:
                message = queue.get(timeout=max(0.0, deadline - time.monotonic()))
            except Empty:
                break
            if message is None:
                raise BrokerSilent("the broker ended the connection")
            if message.body and (message.ward == ward or not ward):
                heard[message.gateway] = str(message.body.get("version"))
    return heard, good()


def clear(broker: Broker, gateway: str, keep: str) -> list[str]:
    """Topics that were retained for a gateway and are not any more; those of ward ``keep`` stay."""
    ends = (f"{gateway}/up/state", f"{gateway}/up/birth", f"{gateway}/down/config")
    with subscribed(broker, *ends) as queue:
        topics = [message.topic for message in collect(queue) if message.ward != keep]
    for topic in topics:
        run(broker, ["mosquitto_pub", *broker.arguments(), "-q", "1", "-r", "-n", "-t", topic])
    return topics


def kick(broker: Broker, gateway: str) -> None:
    """Ends the gateway's session by taking its client id; with a good certificate it comes again."""
    nowhere = f"{broker.root}/none/{gateway}/up/state"
    run(
        broker,
        ["mosquitto_sub", *broker.arguments(), "-i", gateway, "-q", "1", "-t", nowhere, "-E", "-W", "10"],
    )


def run(broker: Broker, command: list[str]) -> None:
    """Raises BrokerSilent. A broker that is just being restarted is waited for."""
    deadline = time.monotonic() + broker.connect_s
    while True:
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
        if done.returncode == 0:
            return
        if time.monotonic() + AGAIN_S >= deadline:
            raise BrokerSilent(f"{command[0]}: {done.stderr.strip() or f'exit code {done.returncode}'}")
        time.sleep(AGAIN_S)


def main(argv: Sequence[str] | None = None) -> int:
    args = _parser().parse_args(argv)
    try:
        kept = json.loads(args.settings.read_text(encoding="utf-8"))
        broker = Broker(int(kept["port"]), str(kept["root"]), Path(kept["folder"]), args.connect_s)
        if args.command == "states":
            print(json.dumps(states(broker)))
        elif args.command == "wait":
            heard, good = wait(broker, args.gateways, args.version, args.ward, args.timeout_s)
            print(json.dumps(heard))
            return 0 if good else 1
        elif args.command == "clear":
            print(json.dumps(clear(broker, args.gateway, args.keep_ward)))
        else:
            kick(broker, args.gateway)
    except (BrokerSilent, OSError, ValueError, KeyError) as error:
        print(f"edge-fleet {args.command}: {error}", file=sys.stderr)
        return 3
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="edge-fleet", description="What the broker knows of gateways.", allow_abbrev=False
    )
    parser.add_argument("--settings", type=Path, default=SETTINGS)
    parser.add_argument("--connect-s", type=float, default=20.0, help="give up on the broker after so long")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("states", help="ward, state and version of each gateway", allow_abbrev=False)
    waiting = commands.add_parser("wait", help="for a heartbeat of each gateway", allow_abbrev=False)
    waiting.add_argument("--version", default="", help="that names this version")
    waiting.add_argument("--ward", default="", help="below this ward")
    waiting.add_argument("--timeout-s", type=float, default=180)
    waiting.add_argument("gateways", nargs="+")
    clearing = commands.add_parser("clear", help="what is retained of a gateway", allow_abbrev=False)
    clearing.add_argument("--keep-ward", default="", help="leave what is there")
    clearing.add_argument("gateway")
    commands.add_parser("kick", help="end the session of a gateway", allow_abbrev=False).add_argument(
        "gateway"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
