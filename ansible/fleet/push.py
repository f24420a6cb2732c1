"""Sends a published release to one gateway, through the broker, and waits for the result.

Run it with the Python in which the agent is installed (``../.venv/bin/python -m fleet push``). Wheels that
the gateway has are not sent again; the same command line continues an interrupted push.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fleet.keys import read_ed25519_key
from fleet.problems import one_line, read_text

if TYPE_CHECKING:
    from edge_agent.config.model.settings import Mqtt
    from edge_agent.mqtt.tools.tool_client import ToolClient

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
class Release:
    """A release in the folder that ``publish`` filled."""

    folder: Path

    def arguments(self, url: str | None) -> dict[str, Any]:
        """Raises OSError, and ValueError for a manifest that `publish` did not write."""
        manifest = read_text(self.folder / "manifest.json")
        signature = (self.folder / "manifest.json.sig").read_bytes()
        found: dict[str, Any] = {"manifest": manifest, "signature": base64.b64encode(signature).decode()}
        if url:
            return found | {"url": url}
        try:
            names = [str(wheel["name"]) for wheel in json.loads(manifest)["wheels"]]
        except (ValueError, KeyError, TypeError):
            reason = "is not a manifest of `fleet publish`: publish the release again"
            raise ValueError(f"{self.folder / 'manifest.json'} {reason}") from None
        small = [name for name in names if _is_small(self.folder / "wheels" / name)]
        cut = {name: list(map(_sha256, self.pieces(name))) for name in small}
        return found | {
            "pieces": {name: {"bytes": PIECE_BYTES, "sha256": digests} for name, digests in cut.items()}
        }

    def pieces(self, wheel: str) -> list[bytes]:
        whole = (self.folder / "wheels" / wheel).read_bytes()
        return [whole[at : at + PIECE_BYTES] for at in range(0, len(whole), PIECE_BYTES)]


class CommandSender:
    """Sends commands to one gateway, one at a time, and reads the replies."""

    def __init__(self, client: ToolClient, base: str, gateway: str, sign: Sign) -> None:
        """``base``: the first levels of the gateway's topics."""
        self._client = client
        self._base = base
        self._gateway = gateway
        self._sign = sign
        self._replies = defaultdict[str, deque[dict[str, Any]]](deque)  # by the id of the command

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
        self._publish(command)
        return command

    def answers(self, command: Command, until: datetime) -> Iterator[dict[str, Any]]:
        """Yield each reply that differs from the last, up to the final one. Raises PushError when none
        comes."""
        last: dict[str, Any] = {}
        while datetime.now(UTC) < until:
            reply = self._reply(command.id)
            if reply is None:
                if not last:
                    self._publish(command)
                continue
            if (reply["status"], reply["text"]) == (last.get("status"), last.get("text")):
                continue
            last = reply
            yield reply
            if reply["status"] in FINAL:
                return
        raise PushError(f"{self._gateway} did not answer {command.id}: check whether it is online")

    def _publish(self, command: Command) -> None:
        self._client.send(f"{self._base}/down/cmd/{command.type}", command.payload)

    def _reply(self, command_id: str) -> dict[str, Any] | None:
        """The next reply to this command; None: there was none for ``RESEND_S``. Raises MqttError."""
        until, replies = time.monotonic() + RESEND_S, self._replies[command_id]
        while not replies:
            message = self._client.receive(until - time.monotonic())
            if message is None:
                return None
            if (reply := _read_reply(message.payload)) is not None:
                self._replies[str(reply["id"])].append(reply)
        return replies.popleft()


@dataclass(frozen=True)
class Command:
    id: str
    type: str
    payload: bytes


Sign = Callable[[bytes], bytes]


def push(
    sender: CommandSender, release: Release, url: str | None, wait: timedelta, say: Callable[[str], None]
) -> bool:
    """Push, and return whether the release is now in force. Raises PushError and OSError."""
    until = datetime.now(UTC) + wait
    update = sender.send("update", release.arguments(url), wait, signed=True)
    complete = bool(url)
    for reply in sender.answers(update, until):
        say(one_line(f"{reply['status']}: {reply['text']}"))
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
def connect(mqtt: Mqtt, ward: str, gateway: str, sign: Sign) -> Iterator[CommandSender]:
    """Connect to the broker. Raises MqttError."""
    from edge_agent.mqtt.tools.tool_client import ToolClient

    base, name = f"{mqtt.root}/{ward}/{gateway}", f"push-{secrets.token_hex(4)}"
    with ToolClient(mqtt.brokers[0], mqtt, name, reconnects=True) as client:
        client.subscribe(f"{base}/up/reply/+")
        client.require_subscribed()
        yield CommandSender(client, base, gateway, sign)


def signer(operator_key: Path) -> Sign:
    """Return a function that signs with the operator's key; asks for its passphrase. Raises OSError and
    ValueError."""
    from edge_agent.commands.signature import sign

    key = read_ed25519_key(operator_key)
    return lambda document: sign(document, key)


def _read_reply(payload: bytes) -> dict[str, Any] | None:
    """The reply; None for another message."""
    try:
        reply = json.loads(payload)
    except (ValueError, RecursionError):
        return None
    return reply if isinstance(reply, dict) and {"id", "status", "text"} <= reply.keys() else None


def _is_small(wheel: Path) -> bool:
    return wheel.stat().st_size <= MAX_PIECES * PIECE_BYTES


def _sha256(piece: bytes) -> str:
    return hashlib.sha256(piece).hexdigest()


def _moment(at: datetime) -> str:
    return at.isoformat(timespec="seconds").replace("+00:00", "Z")
