"""Decides claims, signs the answers and the certificates, and records both."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

import msgspec

from edge_agent.commands.action import CommandRefused
from edge_agent.commands.signature import OperatorKeyring, open_claim, sign
from edge_agent.core.clock import rfc3339
from edge_agent.core.problems import ProblemText, problem_text
from edge_agent.core.problems.problem import encode_json
from edge_agent.wire import CentralClaim, Claim, ClaimAnswer, Command, UnclaimArguments
from fleet.boxes.checks import CheckedClaim, FleetState, check_claim
from fleet.boxes.claim_records import DecidedClaim, Decision

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

Choice = Literal["confirm", "refuse", "later"]
Ask = Callable[[Claim, CheckedClaim], tuple[Choice, str]]
"""Asks a person about a claim. Returns the choice, and why."""


@dataclass(frozen=True, slots=True)
class AnsweredClaim:
    """The answer to a claim. ``jws`` None: the claim waits for a person. ``text``: a line for the
    terminal."""

    serial: str
    jws: bytes | None
    text: str
    decision: Decision | None = None


def verdict_of(claim: Claim) -> str:
    """Return what the box itself found, for the terminal."""
    found = claim.verdict
    if found is None:
        return "not examined yet"
    return f"{found.green} good, {found.yellow} remarks, {found.red} faults"


class ClaimDecider:
    """Answers the claims that the centre stores. ``state`` may be replaced between two claims. ``keyring``:
    keys of the operators who may withdraw claims; ``days``: lifetime of certificates. ``ask`` None: claims
    that match are confirmed, and claims with a question wait."""

    def __init__(
        self,
        state: FleetState,
        key: Ed25519PrivateKey,
        keyring: OperatorKeyring,
        days: int,
        ask: Ask | None = None,
    ) -> None:
        self.state = state
        self._key = key
        self._keyring = keyring
        self._days = days
        self._ask = ask

    def answer(self, held: CentralClaim) -> list[AnsweredClaim]:
        """Answer a claim, and each box whose claim ends because of it. Raises OSError, and ValueError for a
        message that no centre sends."""
        jws = held.claim.encode("ascii", "replace")
        claim = open_claim(jws)
        record = self.state.records.find(claim.serial, claim.key_sha256, claim.claim_id)
        if held.withdrawal is not None and (record is None or record.decision == "confirmed"):
            return [self._withdraw(claim, held, record)]
        if record is not None:
            decided = f"{record.decision} on {record.decided[:10]}"
            text = f"{decided}: answered again; verdict of the box: {verdict_of(claim)}"
            return [AnsweredClaim(claim.serial, record.answer.encode(), _line(claim, text), record.decision)]
        return self._decide(claim, held.claim, check_claim(claim, self.state))

    def _decide(self, claim: Claim, jws: str, checked: CheckedClaim) -> list[AnsweredClaim]:
        if checked.question is not None and self._ask is None:
            # Before every refusal: a stolen box can invent serials, and each answer stays at the broker.
            return [AnsweredClaim(claim.serial, None, _line(claim, f"waits: {checked.question}"))]
        if checked.refusal is not None or checked.key is None:
            why = checked.refusal or problem_text("claim-request-wrong", site=claim.site, why="no key")
            return [self._record(claim, jws, "refused", problem=why)]
        choice, why_not = ("confirm", "") if self._ask is None else self._ask(claim, checked)
        if choice == "refuse":
            return [self._record(claim, jws, "refused", problem=problem_text("claim-by-hand", why=why_not))]
        if choice == "later":
            return [AnsweredClaim(claim.serial, None, _line(claim, "waits"))]
        return self._confirm(claim, jws, checked)

    def _confirm(self, claim: Claim, jws: str, checked: CheckedClaim) -> list[AnsweredClaim]:
        assert checked.key is not None
        now = datetime.now(UTC).replace(microsecond=0)
        authority, confirmed = self.state.authority, list(self.state.records.confirmed())
        over = [each for each in confirmed if each.site == claim.site]
        over += [] if checked.former is None else [checked.former]
        closed = {(each.serial, each.claim_id): each for each in over}
        notes = [self._close(each, claim) for each in closed.values()]
        for site in {each.site for each in closed.values()} | (self.state.replaced & {claim.site}):
            authority.revoke(site, now)
        pem = authority.issue(claim.site, checked.key, self._days, now).decode()
        note = "".join(f"; {each}" for each in checked.remarks)
        answered = self._record(claim, jws, "confirmed", certificate=pem, note=note)
        return [*(each for each in notes if each.serial != claim.serial), answered]

    def _close(self, record: DecidedClaim, by: Claim) -> AnsweredClaim:
        """Record that another claim ends a confirmed one; return the answer for the former box."""
        if record.serial == by.serial:
            why = problem_text("claim-moved", site=by.site)
        else:
            why = problem_text("claim-site-taken", site=record.site, serial=by.serial)
        answer = self._signed(record.serial, record.claim_id, "withdrawn", why, None)
        changed = {"decision": "withdrawn", "answer": answer.decode(), "why": str(why)}
        self.state.records.write(msgspec.structs.replace(record, **changed))
        text = f"{record.site}: {record.serial}: withdrawn: {why}; {_revoked(record.site)}"
        return AnsweredClaim(record.serial, answer, text, "withdrawn")

    def _withdraw(self, claim: Claim, held: CentralClaim, record: DecidedClaim | None) -> AnsweredClaim:
        try:
            why = self._withdrawal(claim, held.withdrawal or "")
        except ValueError as error:
            return AnsweredClaim(claim.serial, None, _line(claim, f"the withdrawal is not valid: {error}"))
        note = ""
        if record is not None:
            self.state.authority.revoke(claim.site, datetime.now(UTC).replace(microsecond=0))
            note = f"; {_revoked(claim.site)}"
        return self._record(claim, held.claim, "withdrawn", problem=why, note=note)

    def _withdrawal(self, claim: Claim, jws: str) -> ProblemText:
        """Verify that an operator has signed the withdrawal of this claim. Raises ValueError.

        It does not expire: it names one claim, and a claim that is withdrawn stays so."""
        try:
            document, signed_by = self._keyring.open(jws.encode("ascii", "replace"), "unclaim")
            command = msgspec.json.decode(document, type=Command[UnclaimArguments])
        except (CommandRefused, msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise ValueError(str(error)[:200]) from None
        args = command.args
        same = (command.type, command.gateway, args.claim_id, args.serial)
        if same != ("unclaim", claim.site, claim.claim_id, claim.serial):
            raise ValueError("it is of another claim")
        return problem_text("claim-withdrawn-by", key=signed_by[:16], why=args.why)

    def _record(
        self,
        claim: Claim,
        jws: str,
        decision: Decision,
        *,
        problem: ProblemText | None = None,
        certificate: str | None = None,
        note: str = "",
    ) -> AnsweredClaim:
        """Record the decision durably before it is published."""
        answer = self._signed(claim.serial, claim.claim_id, decision, problem, certificate)
        record = DecidedClaim(
            serial=claim.serial,
            claim_id=claim.claim_id,
            key_sha256=claim.key_sha256,
            site=claim.site,
            by=claim.by,
            claim=jws,
            decision=decision,
            answer=answer.decode(),
            decided=rfc3339(datetime.now(UTC)),
            why=str(problem or ""),
        )
        self.state.records.write(record)
        why = f": {problem}" if problem else ""
        return AnsweredClaim(claim.serial, answer, _line(claim, f"{decision}{why}{note}"), decision)

    def _signed(
        self,
        serial: str,
        claim_id: str,
        decision: Decision,
        problem: ProblemText | None,
        certificate: str | None,
    ) -> bytes:
        answer = ClaimAnswer(
            claim_id=claim_id,
            serial=serial,
            decision=decision,
            problem=None if problem is None else problem.problem,
            certificate=certificate,
            time=rfc3339(datetime.now(UTC)),
        )
        return sign(encode_json(answer), self._key)


def _revoked(site: str) -> str:
    """Revocation reaches the broker with its list of revoked certificates only."""
    return (
        f"the certificate of {site} is revoked, and the broker accepts it until you run "
        "`ansible-playbook servers.yml`"
    )


def _line(claim: Claim, text: str) -> str:
    """A line without control characters: a claim must not move the cursor or forge a line."""
    line = f"{claim.site}: {claim.serial}, by {claim.by}: {text}"
    return "".join(each if each.isprintable() else " " for each in line)
