"""The page's port in the firewall, and its text on the console."""

from __future__ import annotations

import contextlib
import json
import re
from pathlib import Path

from edge_box_files import Box, Refused, read_plain, write

TEXT = Path("run/edge-agent-commission/console.txt")
ISSUE = Path("run/issue.d/edge-agent.issue")
SETS = "edge_agent_aim"
PORT_NAME = re.compile(r"[A-Za-z0-9._-]{1,15}")
MAX_PORTS = 8
PORTS = ("443", "5353")  # the page, and the names of the box (mDNS)


def open_ports(box: Box) -> None:
    for port in PORTS:
        firewall(box, "add", port)


def console(box: Box) -> None:
    """Show the text of the page's process on the console: its printable ASCII only, without escapes, and the
    addresses of the box."""
    text = read_plain(box.path(TEXT), 2000).decode("ascii", "replace")
    lines = ["".join(c for c in line if " " <= c <= "~" and c != "\\") for line in text.splitlines()]
    box.path(ISSUE.parent).mkdir(mode=0o755, exist_ok=True)
    write(box.path(ISSUE), "\n" + "\n".join(lines[:20]) + f"\n{addresses(box)}\n\n", 0o644)
    with contextlib.suppress(Refused):  # agetty shows the new text
        box.run("agetty", "--reload")


def addresses(box: Box) -> str:
    """A line for each port of the box; agetty puts in the address that the port has at that moment.

    Without a name, ``\\4`` is the address of the first port only, which may be that of the cameras."""
    folder = box.path(Path("sys/class/net"))
    ports = sorted(each.name for each in folder.glob("*") if (each / "device").exists())
    found = [port for port in ports if PORT_NAME.fullmatch(port)][:MAX_PORTS]
    return "\n".join(f"address {port} \\4{{{port}}}" for port in found) or "address \\4"


def close(box: Box) -> None:
    box.path(ISSUE).unlink(missing_ok=True)
    for port in PORTS:
        firewall(box, "delete", port)


def firewall(box: Box, verb: str, port: str) -> None:
    """Add the port to the set of the aiming page, or delete it; nothing happens without this set."""
    with contextlib.suppress(Refused, KeyError, ValueError):
        listed = json.loads(box.run("nft", "-j", "list", "sets", "inet"))["nftables"]
        tables = [each["set"]["table"] for each in listed if each.get("set", {}).get("name") == SETS]
        for table in tables[:1]:
            box.run("nft", verb, "element", "inet", table, SETS, f"{{ {port} }}")
