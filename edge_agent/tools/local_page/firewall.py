"""Opens the port in the gateway's firewall while the page exists (docs/design/deployment.md, Aiming)."""

from __future__ import annotations

import json
import logging
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum, auto

log = logging.getLogger(__name__)

FIREWALL_SET = "edge_agent_aim"
ANSWER_S = 10.0

# Root's shell closes the port when its input ends, which happens even if the page's process crashes.
_CLOSE_AT_EXIT = """trap '' INT TERM HUP; cat >/dev/null; exec "$0" delete element inet "$1" "$2" "{ $3 }" """


class FirewallOpening(Enum):
    OPENED = auto()
    NO_FIREWALL = auto()  # no nft on this machine
    NO_SET = auto()  # no firewall, or one without the set for aiming
    ALREADY = auto()  # another run opened the port and will close it
    REFUSED = auto()  # not root, or nft failed or did not answer


@contextmanager
def open_port(port: int, life_s: float, nft: str = "nft") -> Iterator[FirewallOpening]:
    """Open the port in the firewall until the ``with`` block or this process ends; the kernel closes it after
    ``life_s`` in any case. Only the start of the block needs the rights of root."""
    table, opening = _firewall_table(nft)
    if table is not None:
        element = f"{{ {port} timeout {round(life_s)}s }}"
        opening = _create_element(nft, table, element)
    if table is None or opening is not FirewallOpening.OPENED:
        yield opening
        return
    watch = subprocess.Popen(
        ["sh", "-c", _CLOSE_AT_EXIT, nft, table, FIREWALL_SET, str(port)],
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


def _firewall_table(nft: str) -> tuple[str | None, FirewallOpening]:
    """Find the table that has the set."""
    try:
        done = _run_nft(nft, "-j", "list", "sets", "inet")
    except OSError:
        return None, FirewallOpening.NO_FIREWALL
    if done is None or done.returncode != 0:
        return None, FirewallOpening.REFUSED
    sets = (each["set"] for each in json.loads(done.stdout)["nftables"] if "set" in each)
    table = next((each["table"] for each in sets if each["name"] == FIREWALL_SET), None)
    return table, FirewallOpening.NO_SET


def _create_element(nft: str, table: str, element: str) -> FirewallOpening:
    # "add" would succeed for a port that another run opened, and closing it would stop that run.
    done = _run_nft(nft, "create", "element", "inet", table, FIREWALL_SET, element)
    if done is None:
        return FirewallOpening.REFUSED
    if done.returncode == 0:
        return FirewallOpening.OPENED
    return FirewallOpening.ALREADY if b"File exists" in done.stderr else FirewallOpening.REFUSED


def _run_nft(*command: str) -> subprocess.CompletedProcess[bytes] | None:
    """Run nft. Return None, and log it, if nft does not end in time. Raises OSError if nft is missing."""
    in_english = {**os.environ, "LC_ALL": "C"}
    try:
        return subprocess.run(command, capture_output=True, timeout=ANSWER_S, check=False, env=in_english)
    except subprocess.TimeoutExpired:
        log.warning("%s: no answer in %g s; the firewall stays as it is", " ".join(command), ANSWER_S)
        return None
