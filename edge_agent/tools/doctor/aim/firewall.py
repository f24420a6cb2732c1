"""Lets the page's port through the box's firewall while it is there (docs/design/deployment.md, Aiming)."""

from __future__ import annotations

import json
import logging
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum, auto

log = logging.getLogger(__name__)

SET = "edge_agent_aim"
ANSWER_S = 10.0

# Outlives whatever happens to the page, as root: its input ends when the page's process does.
_WATCH = """trap '' INT TERM HUP; cat >/dev/null; exec "$0" delete element inet "$1" "$2" "{ $3 }" """


class FirewallOpening(Enum):
    OPENED = auto()
    NO_FIREWALL = auto()  # no nft here
    NO_SET = auto()  # a firewall that does not know of aiming, or none
    ALREADY = auto()  # somebody else opened it, and it is his to close
    REFUSED = auto()  # not root, or nft said no or nothing


@contextmanager
def opened(port: int, life_s: float, nft: str = "nft") -> Iterator[FirewallOpening]:
    """The kernel closes it after ``life_s`` whatever happens; leaving the ``with`` does at once, and so does
    the end of this process. Needs root on entry only."""
    table, opening = _table(nft)
    if table is not None:
        element = f"{{ {port} timeout {round(life_s)}s }}"
        opening = _create(nft, table, element)
    if table is None or opening is not FirewallOpening.OPENED:
        yield opening
        return
    watch = subprocess.Popen(
        ["sh", "-c", _WATCH, nft, table, SET, str(port)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield opening
    finally:
        assert watch.stdin is not None
        watch.stdin.close()
        try:
            watch.wait(ANSWER_S)
        except subprocess.TimeoutExpired:
            log.warning("nft has not closed port %d in %g s; the kernel closes it in time", port, ANSWER_S)


def _table(nft: str) -> tuple[str | None, FirewallOpening]:
    """Where the set is."""
    try:
        done = _run(nft, "-j", "list", "sets", "inet")
    except OSError:
        return None, FirewallOpening.NO_FIREWALL
    if done is None or done.returncode != 0:
        return None, FirewallOpening.REFUSED
    sets = (each["set"] for each in json.loads(done.stdout)["nftables"] if "set" in each)
    table = next((each["table"] for each in sets if each["name"] == SET), None)
    return table, FirewallOpening.NO_SET


def _create(nft: str, table: str, element: str) -> FirewallOpening:
    # "add" would succeed for what another run opened, and closing it would shut that run out.
    done = _run(nft, "create", "element", "inet", table, SET, element)
    if done is None:
        return FirewallOpening.REFUSED
    if done.returncode == 0:
        return FirewallOpening.OPENED
    return FirewallOpening.ALREADY if b"File exists" in done.stderr else FirewallOpening.REFUSED


def _run(*command: str) -> subprocess.CompletedProcess[bytes] | None:
    """None: no answer in time, which is logged. Raises OSError when there is no such program."""
    in_english = {**os.environ, "LC_ALL": "C"}
    try:
        return subprocess.run(command, capture_output=True, timeout=ANSWER_S, check=False, env=in_english)
    except subprocess.TimeoutExpired:
        log.warning("%s: no answer in %g s; the firewall stays as it is", " ".join(command), ANSWER_S)
        return None
