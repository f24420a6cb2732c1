"""The control machine as a box sees it: it reads claims at the broker and publishes signed answers."""

from __future__ import annotations

import subprocess
from pathlib import Path

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from edge_agent.commands.signature import read_public, read_unverified, sign, verify
from edge_agent.core.problems import CodedProblem
from edge_agent.wire import Claim, ClaimAnswer
from edge_agent.wire.topics import ClaimTopics
from tests.testbed.claims import TIME
from tests.testbed.mosquitto import Authority, Subscriber

ACL = """user enrol-2026-11
topic write tb/v1/unclaimed/+/up/claim
topic read tb/v1/unclaimed/+/down/answer
"""
"""What the broker's role writes for a batch; the centre of these tests has a listener of its own."""


class ClaimCentre:
    def __init__(self, subscriber: Subscriber, authority: Authority, key: Ed25519PrivateKey) -> None:
        self._subscriber, self._authority, self._key = subscriber, authority, key

    def claim(self) -> Claim:
        """Wait for the newest claim, and verify it with the key that it contains."""
        self._subscriber.wait_for(lambda: bool(self._subscriber.on("/up/claim")))
        jws = self._subscriber.on("/up/claim")[-1].payload
        document, _ = read_unverified(jws)
        claim = msgspec.json.decode(document, type=Claim)
        assert verify(jws, read_public(claim.public_key)) == document
        return claim

    def answer(self, claim: Claim, decision: str, folder: Path, problem: CodedProblem | None = None) -> None:
        """Publish the answer; ``confirmed`` with a certificate for the claim's request."""
        certificate = self._signed(claim, folder) if decision == "confirmed" else None
        answer = msgspec.convert(
            {
                "claim_id": claim.claim_id,
                "serial": claim.serial,
                "decision": decision,
                "problem": None if problem is None else msgspec.to_builtins(problem),
                "certificate": certificate,
                "time": TIME,
            },
            ClaimAnswer,
        )
        topic = ClaimTopics("tb/v1", claim.serial).answer
        self._subscriber.publish(topic, sign(msgspec.json.encode(answer), self._key), retain=True)

    def _signed(self, claim: Claim, folder: Path) -> str:
        request, made = folder / "claim.csr", folder / "claim.crt"
        request.write_text(claim.csr)
        ca = self._authority.cert
        own = ("-CA", str(ca), "-CAkey", str(ca.with_name("ca.key")), "-CAcreateserial", "-days", "30")
        command = ["openssl", "x509", "-req", "-in", str(request), *own, "-out", str(made)]
        subprocess.run(command, check=True, capture_output=True)
        return made.read_text()
