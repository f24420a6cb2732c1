"""Handles a site that the centre has withdrawn: root's part has removed the site already, or is asked to."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TextIO

import msgspec

from edge_agent.commands.handlers.unclaim import ANSWER as UNCLAIM_ANSWER
from edge_agent.commands.handlers.unclaim import REQUEST as UNCLAIM_REQUEST
from edge_agent.commands.handlers.unclaim import UnclaimRequest
from edge_agent.commissioning.commissioning import FREE
from edge_agent.commissioning.delivery import ClaimDelivery
from edge_agent.commissioning.identity import read_serial
from edge_agent.commissioning.paths import CommissioningPaths
from edge_agent.commissioning.record import ClaimRecord, ClaimStore, CommissioningState
from edge_agent.commissioning.sites import read_bundle
from edge_agent.core.problems import CodedProblem
from edge_agent.core.problems.problem import encode_json
from edge_agent.core.state_file import read_record
from edge_agent.host.system.root_requests import RootRequest


def adopt_withdrawal(paths: CommissioningPaths, store: ClaimStore) -> None:
    """Make the record agree with root's part, which removes the site on a command of the centre. They also
    differ if a power cut came between the last step of root's part and the record."""
    record = store.record
    if record.state in FREE or not record.settled or (paths.etc / "site-id").exists():
        return
    state = (
        CommissioningState.WITHDRAWN
        if record.state is CommissioningState.CONFIRMED
        else CommissioningState.UNCLAIMED
    )
    problem = _why_withdrawn(paths, record) if state is CommissioningState.WITHDRAWN else None
    store.put(ClaimRecord(state=state, claim=record.claim, problem=problem))


class _GivenUp(msgspec.Struct, frozen=True):
    """The note of root's part about a removed site. ``reason``: the text of an operator's command, or the
    problem of an answer as JSON."""

    site: str
    reason: str


def _why_withdrawn(paths: CommissioningPaths, record: ClaimRecord) -> CodedProblem | None:
    note = read_record(paths.root_state / "unclaimed.json", _GivenUp)
    if note is None or not note.reason or record.claim is None or note.site != record.claim.site:
        return None
    try:
        return msgspec.json.decode(note.reason, type=CodedProblem)
    except msgspec.DecodeError:
        return CodedProblem("claim-withdrawn-why", {"why": note.reason})


def follow_withdrawal(paths: CommissioningPaths, sysroot: Path, out: TextIO) -> int:
    """Ask root's part to remove the site if the centre has withdrawn the claim. Root's part checks that the
    withdrawn claim is the one in force. Raises EdgeAgentError."""
    serial = read_serial(paths.etc / "serial")
    bundle = read_bundle(paths.enrolment, paths.release_key)
    # the agent starts this program, and its user must not write the state of commissioning
    with tempfile.TemporaryDirectory() as folder:
        answer = ClaimDelivery(bundle, replace(paths, state=Path(folder)), serial).withdrawal()
    if answer is None:
        out.write("the centre has not withdrawn the site\n")
        return 0
    why = "" if answer.problem is None else encode_json(answer.problem).decode()
    request = UnclaimRequest(answer.claim_id, why, "", None)
    RootRequest(UNCLAIM_REQUEST, UNCLAIM_ANSWER, sysroot).ask(msgspec.json.encode(request))
    out.write("the centre has withdrawn the site: the box gives it up\n")
    return 0
