"""Sends a published release to one gateway, through the broker, and waits for the result.

Run it with the Python in which the agent is installed (``../.venv/bin/python -m fleet push``). Wheels that
the gateway has are not sent again; the same command line continues an interrupted push.
"""

from __future__ import annotations

import base64
import getpass
import hashlib
import json
import secrets
import ssl
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from queue import Empty, Queue
from typing import Any
from urllib.parse import urlsplit

PIECE_BYTES = 131_072
MAX_PIECES = 64  # of one wheel; a larger wheel needs a url
RESEND_S = 10.0
"""An unanswered command is sent again after so long. It has the same id, so it runs only once."""
MAX_UNSIGNED_LIFETIME = timedelta(days=1)
"""Without a signature, a gateway refuses a command that is valid for longer."""
FINAL = ("succeeded", "failed", "rejected", "expired")


class PushError(Exception):
    """The release was sent, but its result is unknown."""


@dataclass(frozen=True)
class Broker:
    address: str  # mqtts://host:8883
    root: str = "tb/v1"
    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None


@dataclass(frozen=True)
class Release:
    """A release in the folder that ``publish`` filled."""

    folder: Path

    def arguments(self, url: str | None) -> dict[str, Any]:
        manifest = (self.folder / "manifest.json").read_text(encoding="utf-8")
        signature = (self.folder / "manifest.json.sig").read_bytes()
        found: dict[str, Any] = {"manifest": manifest, "signature": base64.b64encode(signature).decode()}
        if url:
            return found | {"url": url}
        wheels = [self.folder / "wheels" / wheel["name"] for wheel in json.loads(manifest)["wheels"]]
        cut = {path.name: list(map(_sha256, self.pieces(path.name))) for path in wheels if _is_small(path)}
        return found | {
            "pieces": {name: {"bytes": PIECE_BYTES, "sha256": digests} for name, digests in cut.items()}
        }

    def pieces(self, wheel: str) -> list[bytes]:
        whole = (self.folder / "wheels" / wheel).read_bytes()
        return [whole[at : at + PIECE_BYTES] for at in range(0, len(whole), PIECE_BYTES)]


class CommandSender:
    """Sends commands to one gateway, one at a time, and reads the replies."""

    def __init__(
        self, publish: Callable[[str, bytes], object], replies: Replies, gateway: str, sign: Sign
    ) -> None:
        self._publish = publish
        self._replies = replies
        self._gateway = gateway
        self._sign = sign

    def send(self, type_: str, args: dict[str, Any], life: timedelta, *, signed: bool) -> Command:
        now = datetime.now(UTC)
        document = {
            "id": f"{type_}-{secrets.token_hex(8)}",
            "type": type_,
            "gateway": self._gateway,
            "issued": _moment(now),
            "expires": _moment(now + life),
            "args": args,
        }
        text = json.dumps(document, separators=(",", ":")).encode()
        command = Command(str(document["id"]), type_, self._sign(text) if signed else text)
        self._publish(command.type, command.payload)
        return command

    def answers(self, command: Command, until: datetime) -> Iterator[dict[str, Any]]:
        """Yield each reply that differs from the last, up to the final one. Raises PushError when none
        comes."""
        last: dict[str, Any] = {}
        while datetime.now(UTC) < until:
            try:
                reply = self._replies[command.id].get(timeout=RESEND_S)
            except Empty:
                if not last:
                    self._publish(command.type, command.payload)
                continue
            if (reply["status"], reply["text"]) == (last.get("status"), last.get("text")):
                continue
            last = reply
            yield reply
            if reply["status"] in FINAL:
                return
        raise PushError(f"{self._gateway} did not answer {command.id}: check whether it is online")


@dataclass(frozen=True)
class Command:
    id: str
    type: str
    payload: bytes


Sign = Callable[[bytes], bytes]
Replies = defaultdict[str, Queue[dict[str, Any]]]
"""Replies by the id of the command, in order of arrival."""


def push(
    sender: CommandSender, release: Release, url: str | None, wait: timedelta, say: Callable[[str], None]
) -> bool:
    """Push, and return whether the release is now in force. Raises PushError and OSError."""
    until = datetime.now(UTC) + wait
    update = sender.send("update", release.arguments(url), wait, signed=True)
    complete = bool(url)
    for reply in sender.answers(update, until):
        say(_printable(f"{reply['status']}: {reply['text']}"))
        if reply["status"] in FINAL:
            return bool(reply["status"] == "succeeded")
        if reply["status"] == "running" and not complete:
            complete = _send_pieces(sender, release, update.id, until, say)
    raise AssertionError("answers() ends with a final reply")


def _send_pieces(
    sender: CommandSender, release: Release, update: str, until: datetime, say: Callable[[str], None]
) -> bool:
    """Send the pieces, and return whether the gateway has all. False if it does not wait for
    pieces: not yet, or no longer after a restart."""
    missing = _piece(sender, {"update": update}, until)
    while missing:
        wheel, indexes = next(iter(missing.items()))
        data = base64.b64encode(release.pieces(wheel)[indexes[0]]).decode()
        args = {"update": update, "wheel": wheel, "index": indexes[0], "data": data}
        missing = _piece(sender, args, until)
        if missing is not None:
            say(f"sent piece {indexes[0]} of {wheel}, {sum(map(len, missing.values()))} are missing")
    return missing is not None


def _piece(sender: CommandSender, args: dict[str, Any], until: datetime) -> dict[str, list[int]] | None:
    """Send one piece, and return the missing ones; None: the gateway waits for no piece. Raises PushError."""
    life = min(until - datetime.now(UTC), MAX_UNSIGNED_LIFETIME)
    sent = sender.send("update-piece", args, life, signed=False)
    *_, last = sender.answers(sent, until)
    if last.get("code") == "not-possible":
        return None
    if last["status"] != "succeeded":
        raise PushError(f"the gateway refused a piece: {last['text']}")
    found: dict[str, list[int]] = last["result"]["missing"]
    return found


@contextmanager
def connect(broker: Broker, ward: str, gateway: str, operator_key: Path) -> Iterator[CommandSender]:
    """Connect to the broker. Raises PushError and OSError."""
    import paho.mqtt.client as paho
    from paho.mqtt.enums import CallbackAPIVersion

    base = f"{broker.root}/{ward}/{gateway}"
    replies: Replies = defaultdict(Queue)
    ready: Queue[str] = Queue()
    client = paho.Client(
        CallbackAPIVersion.VERSION2, client_id=f"push-{secrets.token_hex(4)}", protocol=paho.MQTTv5
    )

    def on_connect(_c: object, _u: object, _f: object, reason: Any, _p: object) -> None:
        if reason.is_failure:
            ready.put(str(reason))
        else:
            client.subscribe(f"{base}/up/reply/+", qos=1)

    def on_message(_c: object, _u: object, message: paho.MQTTMessage) -> None:
        try:
            reply = json.loads(message.payload)
        except ValueError:
            return
        if isinstance(reply, dict) and {"id", "status", "text"} <= reply.keys():
            replies[str(reply["id"])].put(reply)

    def publish(type_: str, payload: bytes) -> object:
        return client.publish(f"{base}/down/cmd/{type_}", payload, qos=1)

    client.on_connect = on_connect
    client.on_message = on_message
    client.on_subscribe = lambda *_: ready.put("")
    at = urlsplit(broker.address)
    if at.scheme == "mqtts":
        tls = ssl.create_default_context(cafile=broker.ca)
        if broker.certificate:
            tls.load_cert_chain(broker.certificate, broker.key)
        client.tls_set_context(tls)
    client.connect(at.hostname or "", at.port or (8883 if at.scheme == "mqtts" else 1883))
    client.loop_start()
    try:
        if why := ready.get(timeout=20):
            raise PushError(f"{broker.address} refuses the connection: {why}")
        yield CommandSender(publish, replies, gateway, signer(operator_key))
    except Empty as error:
        raise PushError(f"{broker.address} does not answer") from error
    finally:
        client.disconnect()
        client.loop_stop()


def signer(operator_key: Path) -> Sign:
    """Return a function that signs with the operator's key; asks for its passphrase. Raises PushError."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    from edge_agent.commands.signature import sign

    text = operator_key.read_bytes()
    phrase = getpass.getpass(f"passphrase of {operator_key}: ").encode() if b"ENCRYPTED" in text else None
    try:
        key = load_pem_private_key(text, phrase)
    except (ValueError, TypeError) as error:
        raise PushError(f"{operator_key} cannot be read: {error}") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise PushError(f"{operator_key} is not an Ed25519 private key")
    return lambda document: sign(document, key)


def _is_small(wheel: Path) -> bool:
    return wheel.stat().st_size <= MAX_PIECES * PIECE_BYTES


def _printable(text: str) -> str:
    """The text without control characters: a gateway's reply must not move the cursor or forge a line."""
    return "".join(each if each.isprintable() else repr(each)[1:-1] for each in text)


def _sha256(piece: bytes) -> str:
    return hashlib.sha256(piece).hexdigest()


def _moment(at: datetime) -> str:
    return at.isoformat(timespec="seconds").replace("+00:00", "Z")
