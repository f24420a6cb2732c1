#!/usr/bin/python3
"""Root's part of commissioning; docs/design/commissioning.md.

``prepare`` writes the box's serial and opens the page's port, ``console`` shows the box's name on the
console, ``close`` closes the port. ``act`` carries out one request of the page, whose process has no rights,
and ``unclaim`` one of the agent. ``leave`` is for a playbook that assigns the box to another site. It takes a
site only from the signed bundle, never from a request. It is outside of the releases and needs only Python
and openssl.
"""

from __future__ import annotations

import contextlib
import json
import sys
import time
from pathlib import Path
from typing import Any

from edge_box_files import ETC, Box, Refused, read_plain, remove_plain, utc, write
from edge_page_access import close, console, open_ports
from edge_serial import find_serial
from edge_set_apart import set_apart, set_drop_ins_apart
from edge_site_setup import (
    configure,
    new_key,
    read_bundle,
    remove_site,
    site_of,
    start_agent,
    stop_agent,
    write_credentials,
    write_keys,
    write_placeholder,
)

OWN_STATE = Path("var/lib/edge-agent-commission-root")
REQUEST = Path("run/edge-agent-commission/request.json")
ANSWER = Path("run/edge-agent-commission-root/answer.json")
CLAIMED = OWN_STATE / "claimed.json"
UNCLAIM_REQUEST = Path("run/edge-agent/requests/unclaim")
UNCLAIM_ANSWER = Path("run/edge-agent-unclaim/answer.json")
REPLY_S = 5.0
"""So long the agent lives on after it was accepted, so that its reply to the command arrives."""
CONFIRMED = Path("var/lib/edge-agent-commission/confirmed")
CERTIFICATES = Path("usr/local/sbin/edge-certificates")
PAGE = "edge-agent-commission.service"
EXAMINATION = "edge-agent-examination.service"
MAX_REQUEST = 200_000

# -- what a request asks for


def apply(box: Box, request: dict[str, Any]) -> dict[str, str]:
    """Configure the box for a site with a new key; return the request for its certificate."""
    bundle = read_bundle(box)
    site = site_of(bundle, str(request["site"]))
    record = box.path(CLAIMED)
    if box.path(ETC / "edge-agent.yaml").exists() and not record.exists():
        raise Refused("a playbook has configured this box: only a playbook may change it", "by-playbook")
    if box.site not in (None, site["id"]):
        unclaim(box, "another site was claimed")
    write(record, json.dumps({"site": site["id"], "bundle": bundle["version"]}), 0o600)
    stop_agent(box)
    write_credentials(box, site, request.get("passwords", {}))
    write_keys(box, bundle)
    csr = new_key(box, site["id"], bundle["ca"])
    configure(box, site)
    write(box.path(ETC / "site-id"), site["id"] + "\n", 0o644)
    with contextlib.suppress(Refused):  # the name is a comfort for people
        box.run("hostnamectl", "set-hostname", site["id"])
    start_agent(box)
    return {"csr": csr}


def certificate(box: Box, request: dict[str, Any]) -> dict[str, str]:
    """Give the certificate to ``edge-certificates``, which checks it."""
    site = box.site
    if site is None or site != request["site"]:
        text = "this box is not configured for that site"
        raise Refused(text, "answer-other-site", site=str(request["site"])[:63])
    own = box.path(ETC / "tls/client.crt")
    if own.exists() and b"edge-agent: not confirmed yet" in own.read_bytes():
        own.unlink()  # made by ``write_placeholder``; without it the first slot is free
    program = ["/usr/bin/python3", "-s", "-B", str(box.path(CERTIFICATES))]
    given = json.dumps({"certificate": str(request["certificate"])}).encode()
    try:
        said = box.run(*program, "--folder", str(own.parent), "stage", "--name", site, data=given)
    except Refused:  # such as by a clock that is wrong: the agent does not start without a certificate
        if not own.exists():
            write_placeholder(box, site)
        raise
    claim = {"site": site, "claim_id": str(request["claim_id"])}
    write(box.path(CLAIMED), json.dumps(claim), 0o600)
    start_agent(box)
    return {"detail": said.decode().strip()}


def unclaim(box: Box, reason: str) -> dict[str, str]:
    """Return the box to the state before the claim, with events and settings of the site in folders apart.

    Each step may be repeated after a power cut: ``site-id`` is deleted after everything of the site, and the
    note that the site is given up after that."""
    site = box.site
    if site is None:
        if "unclaim" in read_claimed(box):
            box.path(CLAIMED).unlink()
        return {"detail": "no site is claimed"}
    note = box.path(OWN_STATE / "unclaimed.json")
    write(note, json.dumps({"site": site, "reason": reason[:500], "time": utc()}), 0o640, box.group)
    remove_plain(box.path(CONFIRMED))
    stop_agent(box)
    set_apart(box, site)
    set_drop_ins_apart(box, site)
    remove_site(box)
    box.path(CLAIMED).unlink(missing_ok=True)
    return {"detail": f"site {site} is no longer claimed"}


def leave(box: Box) -> None:
    """Set apart what is stored for the site, before a playbook writes another one. The playbook replaces
    configuration, passwords and certificate, and enables the agent again."""
    site = box.site
    if site is None:
        return
    stop_agent(box)
    set_apart(box, site)
    set_drop_ins_apart(box, site)
    box.path(CLAIMED).unlink(missing_ok=True)  # or a withdrawal of this claim would remove the next site


# -- requests


def prepare(box: Box) -> None:
    path = box.path(ETC / "serial")
    if not path.exists():
        write(path, find_serial(box.path(Path())) + "\n", 0o644)
    finish_unclaim(box)
    open_ports(box)


def act(box: Box) -> str:
    """Read and delete the request of the page's process, and write the answer. Return the outcome."""
    path = box.path(REQUEST)
    try:
        request = json.loads(read_plain(path, MAX_REQUEST))
    except (OSError, ValueError, RecursionError):
        request = None
    remove_plain(path)
    if not isinstance(request, dict):
        return "no request"
    coded: dict[str, Any] = {}
    try:
        verb = request.get("action")
        if verb == "unclaim":
            found = unclaim(box, str(request.get("reason", "")))
        elif verb in ("apply", "certificate"):
            found = (apply if verb == "apply" else certificate)(box, request)
        else:
            raise Refused(f"unknown action {verb!r}"[:100])
        outcome = "done"
    except Refused as refusal:
        outcome, found = "refused", {"detail": str(refusal)}
        coded = {"code": refusal.code, "values": refusal.values}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        outcome, found = "failed", {"detail": f"{type(error).__name__}: {error}"[:500]}
    answer = {"id": str(request.get("id", ""))[:64], "outcome": outcome, **found, **coded}
    write(box.path(ANSWER), json.dumps(answer), 0o640, box.group)
    print(f"{request.get('action')}: {outcome}: {found.get('detail', '')}")
    return outcome


def act_unclaim(box: Box, reply_s: float = REPLY_S) -> str:
    """Carry out the agent's request after a signed command: answer, then remove the site from the box."""
    path = box.path(UNCLAIM_REQUEST)
    try:
        request = json.loads(read_plain(path, 10_000))
    except (OSError, ValueError, RecursionError):
        request = None
    remove_plain(path)
    if not isinstance(request, dict):
        return "no request"
    uptime_s = float(box.path(Path("proc/uptime")).read_text().split()[0])
    answer = {"outcome": "accepted", "detail": "", "uptime_s": uptime_s}
    try:
        begin_unclaim(box, request)
    except Refused as refusal:
        answer |= {"outcome": "refused", "detail": str(refusal)}
    write(box.path(UNCLAIM_ANSWER), json.dumps(answer), 0o640, box.group)
    if answer["outcome"] == "accepted":
        time.sleep(reply_s)
        with contextlib.suppress(Refused):  # it would leave its mark at the end, and no page would be started
            box.run("systemctl", "stop", EXAMINATION)
        finish_unclaim(box)
        # A page that is still served after the confirmation has the former state, and leaves its mark.
        box.run("systemctl", "stop", PAGE)
        remove_plain(box.path(CONFIRMED))
        box.run("systemctl", "start", "--no-block", PAGE)
    print(f"unclaim: {answer['outcome']}: {answer['detail']}")
    return str(answer["outcome"])


def begin_unclaim(box: Box, request: dict[str, Any]) -> None:
    """Record that the site is being given up: after a power cut the next start finishes it. Raises
    Refused."""
    claimed = read_claimed(box)
    if "claim_id" not in claimed:
        raise Refused("this box has no site by a claim")
    if request.get("claim_id") != claimed["claim_id"]:
        raise Refused("this box has its site by another claim")
    remove_plain(box.path(CONFIRMED))  # first: after a power cut only the page acts on the note
    note = claimed | {"unclaim": str(request.get("why", ""))[:500]}
    write(box.path(CLAIMED), json.dumps(note), 0o600)


def finish_unclaim(box: Box) -> None:
    """Finish giving up the site if a power cut interrupted it."""
    claimed = read_claimed(box)
    if "unclaim" in claimed:
        unclaim(box, claimed["unclaim"])


def read_claimed(box: Box) -> dict[str, Any]:
    """What is recorded about the claim in force; empty: there is none."""
    try:
        found: dict[str, Any] = json.loads(box.path(CLAIMED).read_text())
    except FileNotFoundError:
        return {}
    return found


def main() -> int:
    verbs = {
        "prepare": prepare,
        "console": console,
        "close": close,
        "act": act,
        "unclaim": act_unclaim,
        "leave": leave,
    }
    if len(sys.argv) != 2 or sys.argv[1] not in verbs:
        print(f"usage: edge_commission {'|'.join(verbs)}", file=sys.stderr)
        return 2
    try:
        verbs[sys.argv[1]](Box())
    except (Refused, OSError, ValueError) as error:
        print(f"edge_commission {sys.argv[1]}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
