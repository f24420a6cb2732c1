"""``edge-agent gateways``: subscribes, and prints the table once or live.

The live table is plain ANSI on the terminal, without curses.
"""

from __future__ import annotations

import argparse
import os
import secrets
import select
import sys
import termios
import threading
import time
import tty
from collections.abc import Sequence
from datetime import datetime
from typing import TextIO

import msgspec

from edge_agent.core.command_line.exit_codes import EX_FAILED, EX_OK
from edge_agent.core.problems.problem import encode_json
from edge_agent.host.system.process import stop_on_signals
from edge_agent.mqtt.tools.tool_client import ToolClient
from edge_agent.tools.broker_arguments import broker_of, mqtt_of
from edge_agent.tools.gateways.fleet_status import FleetStatus
from edge_agent.tools.gateways.rows import GatewayRow, gateway_rows, lines, summary

ENTER, LEAVE = "\x1b[?1049h\x1b[?25l", "\x1b[?25h\x1b[?1049l"
HOME, CLEAR_LINE, CLEAR_BELOW = "\x1b[H", "\x1b[K", "\x1b[J"
COLOURS = {"offline": "31", "silent": "31", "trouble": "33", "unknown": "35", "stopped": "36"}
"""Red, yellow, magenta, cyan."""
KEYS = {
    b"q": "quit",
    b"\x03": "quit",
    b"j": "down",
    b"\x1b[B": "down",
    b"k": "up",
    b"\x1b[A": "up",
    b" ": "page",
    b"\x1b[6~": "page",
    b"b": "back",
    b"\x1b[5~": "back",
    b"g": "top",
}


class TerminalScreen:
    """Switches the terminal to a full screen for the ``with`` block, and restores it afterwards."""

    def __init__(self, stdout: TextIO) -> None:
        self._stdout = stdout
        self._saved_mode: list[object] | None = None
        self._colours = "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"

    def __enter__(self) -> TerminalScreen:
        if sys.stdin.isatty():
            self._saved_mode = termios.tcgetattr(sys.stdin.fileno())
            tty.setcbreak(sys.stdin.fileno())
        self._stdout.write(ENTER)
        self._stdout.flush()
        return self

    def __exit__(self, *_: object) -> None:
        self._stdout.write(LEAVE)
        self._stdout.flush()
        if self._saved_mode is not None:
            termios.tcsetattr(sys.stdin.fileno(), termios.TCSADRAIN, self._saved_mode)  # type: ignore[arg-type]

    @property
    def size(self) -> tuple[int, int]:
        """Return the current number of columns and rows."""
        try:
            size = os.get_terminal_size(self._stdout.fileno())
        except OSError:
            return 80, 24
        return max(20, size.columns), max(5, size.lines)

    def show(self, lines: Sequence[str], standings: Sequence[str]) -> None:
        """Draw the lines. ``standings``: one for each line, for its colour; empty: no colour."""
        shown = [
            f"{self._coloured(line, standing)}{CLEAR_LINE}"
            for line, standing in zip(lines, standings, strict=True)
        ]
        self._stdout.write(HOME + "\n".join(shown) + CLEAR_BELOW)
        self._stdout.flush()

    def key(self, timeout_s: float) -> str | None:
        """Return a pressed key as a word of ``KEYS``; None if no key with a meaning is pressed."""
        if not sys.stdin.isatty():
            select.select([], [], [], timeout_s)
            return None
        ready, _, _ = select.select([sys.stdin], [], [], timeout_s)
        return KEYS.get(os.read(sys.stdin.fileno(), 16)) if ready else None

    def _coloured(self, line: str, standing: str) -> str:
        colour = COLOURS.get(standing)
        return f"\x1b[{colour}m{line}\x1b[0m" if self._colours and colour else line


REFRESH_S = 1.0
KEY_S = 0.25
SETTLE_S = 3.0  # longest wait for retained messages
PLAIN_WIDTH = 200


def run_gateways(args: argparse.Namespace, stdout: TextIO) -> int:
    """Return 0, or 1 if no gateway was heard. Raises MqttError when the broker refuses the connection."""
    broker = broker_of(args.broker)
    board = FleetStatus(args.root)
    with ToolClient(
        broker, mqtt_of(args, broker), f"gateways-{secrets.token_hex(6)}", reconnects=True
    ) as subscriber:
        subscriber.subscribe(*board.subscriptions(args.ward))
        table = LiveTable(subscriber, board, args.state)
        if args.once or args.json or not stdout.isatty():
            return _once(table, args.listen_s, args.json, stdout)
        return _live(table, args.broker, stdout)


class LiveTable:
    """The table, updated by the received messages."""

    def __init__(self, subscriber: ToolClient, board: FleetStatus, states: Sequence[str]) -> None:
        self.subscriber = subscriber
        self.status = board
        self._states = states
        self._began_mono = time.monotonic()

    def receive(self) -> None:
        """Process all messages received since the last call."""
        for message in self.subscriber.receive_all():
            self.status.receive(message.topic, message.payload, message.retained, time.monotonic(), _now_ms())
        if missing := self.status.exact_topics(time.monotonic()):
            self.subscriber.subscribe(*missing)

    def rows(self, *, all_states: bool = False) -> list[GatewayRow]:
        # Silence means nothing before the connection, or while there is none.
        connected_mono = self.subscriber.connected_mono or time.monotonic()
        states = () if all_states else self._states
        return gateway_rows(self.status, time.monotonic(), _now_ms(), connected_mono, states)

    def complete(self) -> bool:
        """Return whether every gateway with the state online has sent a heartbeat."""
        boxes = self.status.gateways.values()
        settled = time.monotonic() - self._began_mono > SETTLE_S
        return settled and bool(boxes) and all(box.health or box.state != "online" for box in boxes)


def _once(table: LiveTable, listen_s: float, as_json: bool, stdout: TextIO) -> int:
    deadline, pause = time.monotonic() + listen_s, threading.Event()
    while time.monotonic() < deadline:
        table.receive()
        if table.complete():
            break
        pause.wait(KEY_S)
    rows = table.rows()
    if as_json:
        stdout.write(msgspec.json.format(encode_json(rows)).decode() + "\n")
    else:
        stdout.write("\n".join([*lines(rows, PLAIN_WIDTH), "", summary(table.rows(all_states=True))]) + "\n")
    if table.status.gateways:
        return EX_OK
    print(
        "nothing was heard: no gateway has reported to this broker, or its ACL does not let this user read "
        "(--ward)",
        file=sys.stderr,
    )
    return EX_FAILED


def _live(table: LiveTable, where: str, stdout: TextIO) -> int:
    stop = stop_on_signals()
    first, shown_mono, size = 0, 0.0, (0, 0)
    with TerminalScreen(stdout) as screen:
        while not stop.is_set():
            table.receive()
            now = time.monotonic()
            if now - shown_mono >= REFRESH_S or screen.size != size:
                shown_mono, size = now, screen.size
                first = _draw(screen, table, where, first)
            key = screen.key(KEY_S)
            if key == "quit":
                break
            if key is not None:
                first, shown_mono = _moved(first, key, screen.size[1]), 0.0
    return EX_OK


def _moved(first: int, key: str, height: int) -> int:
    steps = {"down": 1, "up": -1, "page": height - 5, "back": 5 - height}
    return 0 if key == "top" else max(0, first + steps[key])


def _draw(screen: TerminalScreen, table: LiveTable, where: str, first: int) -> int:
    """Draw the table from row ``first`` or, near its end, an earlier one; return the first row drawn."""
    width, height = screen.size
    rows = table.rows()
    notes = _notes(table)
    head = [f"{where}  {datetime.now():%H:%M:%S}  {summary(table.rows(all_states=True))}", *notes]
    room = max(1, height - len(head) - 2)
    first = max(0, min(first, len(rows) - room))
    titles, *made = lines(rows, width)
    shown = made[first : first + room]
    foot = f"{first + 1 if rows else 0} to {first + len(shown)} of {len(rows)}   j k space b g: move   q: end"
    screen.show(
        [*(line[:width] for line in head), titles, *shown, foot[:width]],
        ["", *("offline" for _ in notes), "", *(row.standing for row in rows[first : first + room]), ""],
    )
    return first


def _notes(table: LiveTable) -> list[str]:
    """Return the notes that concern more than one gateway."""
    board, subscriber = table.status, table.subscriber
    found = []
    if subscriber.connection_error is not None:
        found.append(f"no connection: {subscriber.connection_error}; what is shown is old")
    if board.unreadable:
        found.append(f"messages that cannot be read, and are left out: {board.unreadable}")
    if board.centre not in (None, "online"):
        more = "" if board.centre_reports else "; states are by the gateways' own messages"
        found.append(f"the centre is {board.centre}{more}")
    found += [
        f"{ward}: {gone} of {of} gateways went at once" for ward, (gone, of) in sorted(board.outages.items())
    ]
    return found


def _now_ms() -> int:
    return round(time.time() * 1000)
