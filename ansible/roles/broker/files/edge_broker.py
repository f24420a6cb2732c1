#!/usr/bin/python3
"""``edge-broker``: shows and changes what the broker stores about gateways, with the operator's rights.

The playbooks run it on the broker's machine; it needs only Python and mosquitto-clients. The answer is one
line of JSON. Exit codes: 0 done, 1 the condition was not met in time, 2 wrong usage, 3 the broker does not
answer.
"""

from __future__ import annotations

import argparse
import json
import math
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, Queue

SETTINGS = Path("/etc/mosquitto/edge/operator/edge-broker.json")
FORMER_NAME = "edge-fleet"  # a link to this file, for scripts that use it
RETRY_S = 1.0
END_S = 3.0  # for mosquitto_sub to end the session; then it is killed
QUIET_S = 1.0  # retained messages follow the subscription at once; after such a pause all have arrived
MOST_REASON = 200  # characters


class BrokerSilent(Exception):
    """No session could be established."""


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
    body: dict[str, object]  # empty: the message is not a JSON object


@dataclass
class Awaited:
    """A gateway that ``wait`` waits for."""

    version: str  # that its heartbeats must have; empty: any
    detects: bool  # the detector must work
    stay_s: float  # it must stay connected for this time after the heartbeat
    seen: str | None = None  # the version in its last heartbeat
    broken: str = ""  # why its detector does not work, if it must
    since: float = math.inf  # when the first heartbeat came that meets the conditions, monotonic
    session: object = None

    def hear(self, message: Message, now: float) -> None:
        body = message.body
        if self.good(now):  # whatever comes while others are awaited
            return
        if message.kind == "heartbeat":
            detector = body.get("detector")
            why = detector.get("degraded") if self.detects and isinstance(detector, dict) else None
            self.broken = "".join(filter(str.isprintable, str(why or "")))[:MOST_REASON]
            self.seen, self.session = str(body.get("version")), body.get("session")
            good = self.version in ("", self.seen) and not self.broken
            self.since = min(self.since, now) if good else math.inf
        elif body.get("state") != "online" and body.get("session") == self.session:
            self.since = math.inf

    def good(self, now: float) -> bool:
        return self.since + self.stay_s <= now

    def result(self, now: float) -> str | None:
        """Return the version in its last heartbeat, and what is wrong with it."""
        if self.seen is None or self.good(now) or self.version not in ("", self.seen):
            return self.seen
        if self.broken:
            return f"{self.seen}, but the detector does not work: {self.broken}"
        return f"{self.seen}, but was not connected with it for {self.stay_s:g} s"


class Subscription:
    """``mosquitto_sub`` on ``<root>/+/<end>``; ``queue`` gets its messages, and None when it ended."""

    def __init__(self, broker: Broker, ends: Sequence[str]) -> None:
        topics = [word for end in ends for word in ("-t", f"{broker.root}/+/{end}")]
        # -d prints a line when the subscription is active; stdbuf prints it without buffering.
        options = [*broker.arguments(), "-d", "-q", "1", "-F", "%j", *topics]
        self.queue: Queue[Message | None] = Queue()
        self.active = False
        self._root = broker.root
        self._settled = threading.Event()
        self._process = subprocess.Popen(
            ["stdbuf", "-oL", "mosquitto_sub", *options],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace",
        )  # fmt: skip
        self._reader = threading.Thread(target=self._read, name="subscription", daemon=True)
        self._reader.start()

    def settle(self, timeout_s: float) -> None:
        """Wait until the subscription is active or has ended, at most ``timeout_s``."""
        self._settled.wait(timeout_s)

    def end(self) -> str:
        """End the subscription and return its error output."""
        self._process.terminate()
        try:
            self._process.wait(END_S)
        except subprocess.TimeoutExpired:  # as on a busy machine
            self._process.kill()
        self._reader.join(END_S)
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        with self._process.stdout, self._process.stderr as errors:
            return errors.read().strip()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith("Subscribed"):
                self.active = True
                self._settled.set()
            message = parse(self._root, line)
            if message is not None:
                self.queue.put(message)
        self.queue.put(None)
        self._settled.set()


@contextmanager
def subscribed(broker: Broker, *ends: str) -> Iterator[Queue[Message | None]]:
    """Yield a queue of the messages on ``<root>/+/<end>``, and None when the connection ended.

    Waits for a broker that is being restarted. Raises BrokerSilent.
    """
    deadline = time.monotonic() + broker.connect_s
    while True:
        subscription = Subscription(broker, ends)
        subscription.settle(max(0.0, deadline - time.monotonic()))
        if subscription.active:
            break
        why = subscription.end()
        if time.monotonic() + RETRY_S >= deadline:
            raise BrokerSilent(
                f"no subscription within {broker.connect_s:g} s: {why or 'it does not answer'}"
            )
        time.sleep(RETRY_S)
    try:
        yield subscription.queue
    finally:
        subscription.end()


def parse(root: str, line: str) -> Message | None:
    """Parse one line of ``mosquitto_sub -F %j``; None if it is not a message of a gateway."""
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


def retained(broker: Broker, *ends: str) -> list[Message]:
    """Return all retained messages on ``<root>/+/<end>``; again from the start if the broker is restarted
    meanwhile. Raises BrokerSilent."""
    deadline = time.monotonic() + broker.connect_s
    while True:
        with subscribed(broker, *ends) as queue:
            found = collect(queue)
        if found is not None:
            return found
        if time.monotonic() >= deadline:
            raise BrokerSilent("the broker ended the connection again and again")
        time.sleep(RETRY_S)


def collect(queue: Queue[Message | None]) -> list[Message] | None:
    """Return all retained messages; None if the broker ended the connection."""
    found: list[Message] = []
    while True:
        try:
            message = queue.get(timeout=QUIET_S)
        except Empty:
            return found
        if message is None:
            return None
        found.append(message)


def states(broker: Broker) -> dict[str, dict[str, object]]:
    """Return ward, state and version by gateway, from the retained messages."""
    found: dict[str, dict[str, object]] = {}
    for message in retained(broker, "+/up/state", "+/up/birth"):
        if not message.body:
            continue
        known = found.setdefault(f"{message.ward}/{message.gateway}", {"ward": message.ward})
        known |= {key: message.body[key] for key in ("state", "version", "time") if key in message.body}
    # A gateway that moved may have messages of its former ward too: the online or the newest one counts.
    best: dict[str, dict[str, object]] = {}
    for name, known in sorted(found.items(), key=lambda item: rank(item[1])):
        best[name.split("/")[1]] = known
    return best


def rank(known: dict[str, object]) -> tuple[bool, str]:
    return known.get("state") == "online", str(known.get("time", ""))


def wait(
    broker: Broker, awaited: dict[str, Awaited], ward: str, timeout_s: float
) -> tuple[dict[str, str | None], bool]:
    """Wait until each gateway meets its conditions in ``ward``; empty means any.

    Return the result of each gateway, and whether all meet their conditions. Raises BrokerSilent.
    """
    deadline = time.monotonic() + timeout_s + max(each.stay_s for each in awaited.values())
    ends = [f"{gateway}/up/{kind}" for gateway in awaited for kind in ("heartbeat", "state")]

    def good() -> bool:
        return all(each.good(time.monotonic()) for each in awaited.values())

    def listen(queue: Queue[Message | None]) -> None:
        """Until all is good, the time is over, or the broker has ended the connection."""
        while not good() and (left_s := deadline - time.monotonic()) > 0:
            with suppress(Empty):
                message = queue.get(timeout=min(RETRY_S, left_s))
                if message is None:
                    time.sleep(RETRY_S)
                    return
                if message.body and (message.ward == ward or not ward):
                    awaited[message.gateway].hear(message, time.monotonic())

    while not good() and time.monotonic() < deadline:  # again if the broker was restarted
        with subscribed(broker, *ends) as queue:
            listen(queue)
    now = time.monotonic()
    results = {gateway: each.result(now) for gateway, each in awaited.items()}
    return results, all(each.good(now) for each in awaited.values())


def clear(broker: Broker, gateway: str, keep: str) -> list[str]:
    """Delete the retained messages of a gateway, except those of ward ``keep``. Return their topics."""
    ends = (f"{gateway}/up/state", f"{gateway}/up/birth", f"{gateway}/down/config")
    topics = [message.topic for message in retained(broker, *ends) if message.ward != keep]
    for topic in topics:
        run(broker, ["mosquitto_pub", *broker.arguments(), "-q", "1", "-r", "-n", "-t", topic])
    return topics


def kick(broker: Broker, gateway: str) -> None:
    """End the gateway's session by using its client id. With a valid certificate it connects again."""
    nowhere = f"{broker.root}/none/{gateway}/up/state"
    run(
        broker,
        ["mosquitto_sub", *broker.arguments(), "-i", gateway, "-q", "1", "-t", nowhere, "-E", "-W", "10"],
    )


def run(broker: Broker, command: list[str]) -> None:
    """Run a command; wait for a broker that is being restarted. Raises BrokerSilent."""
    deadline = time.monotonic() + broker.connect_s
    while True:
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
        if done.returncode == 0:
            return
        if time.monotonic() + RETRY_S >= deadline:
            raise BrokerSilent(f"{command[0]}: {done.stderr.strip() or f'exit code {done.returncode}'}")
        time.sleep(RETRY_S)


def main(argv: Sequence[str] | None = None) -> int:
    args = _parser().parse_args(argv)
    if Path(sys.argv[0]).name == FORMER_NAME:
        print(
            f"{FORMER_NAME} is now called edge-broker; the next release has no {FORMER_NAME}", file=sys.stderr
        )
    try:
        kept = json.loads(args.settings.read_text(encoding="utf-8"))
        broker = Broker(int(kept["port"]), str(kept["root"]), Path(kept["folder"]), args.connect_s)
        if args.command == "states":
            print(json.dumps(states(broker)))
        elif args.command == "wait":
            detecting = args.detector or ()
            awaited = {name: Awaited(args.version, name in detecting, args.stay_s) for name in args.gateways}
            heard, good = wait(broker, awaited, args.ward, args.timeout_s)
            print(json.dumps(heard))
            return 0 if good else 1
        elif args.command == "clear":
            print(json.dumps(clear(broker, args.gateway, args.keep_ward)))
        else:
            kick(broker, args.gateway)
    except (BrokerSilent, OSError, ValueError, KeyError) as error:
        print(f"edge-broker {args.command}: {error}", file=sys.stderr)
        return 3
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="edge-broker",
        description="Show and change what the broker stores about gateways.",
        allow_abbrev=False,
    )
    parser.add_argument("--settings", type=Path, default=SETTINGS)
    parser.add_argument(
        "--connect-s", type=float, default=20.0, help="longest wait for the broker, in seconds"
    )
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("states", help="print ward, state and version of each gateway", allow_abbrev=False)
    waiting = commands.add_parser("wait", help="wait for a heartbeat of each gateway", allow_abbrev=False)
    waiting.add_argument("--version", default="", help="wait for this version; default: any")
    waiting.add_argument("--ward", default="", help="wait for this ward; default: any")
    waiting.add_argument("--timeout-s", type=float, default=180)
    waiting.add_argument(
        "--stay-s", type=float, default=0.0, help="then it must stay connected for this time; default: 0"
    )
    waiting.add_argument(
        "--detector", metavar="GATEWAY", action="append", help="its detector must work; repeat for more"
    )
    waiting.add_argument("gateways", nargs="+")
    clearing = commands.add_parser(
        "clear", help="delete the retained messages of a gateway", allow_abbrev=False
    )
    clearing.add_argument("--keep-ward", default="", help="keep the messages of this ward")
    clearing.add_argument("gateway")
    commands.add_parser("kick", help="end the session of a gateway", allow_abbrev=False).add_argument(
        "gateway"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
