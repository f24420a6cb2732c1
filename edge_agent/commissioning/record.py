"""The state of the claim, in one file that is replaced as a whole: a power cut leaves the state before a step
or after it."""

from __future__ import annotations

import fcntl
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path

import msgspec

from edge_agent.commissioning.messages import CommissioningError
from edge_agent.core.problems import CodedProblem
from edge_agent.core.state_file import read_record, write_record
from edge_agent.wire import Claim, ClaimAnswer

FILE = "claim.json"


class CommissioningState(StrEnum):
    UNCLAIMED = "unclaimed"
    CLAIMED = "claimed"  # the box works for the site, but the centre has not answered
    CONFIRMED = "confirmed"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"


class ClaimRecord(msgspec.Struct, frozen=True):
    """The state of the claim. ``jws`` is sent until the broker has received it. The centre's ``answer`` is
    acted on at each start, until ``settled``."""

    state: CommissioningState = CommissioningState.UNCLAIMED
    claim: Claim | None = None
    jws: str = ""
    delivered: bool = False  # the broker has the claim
    answer: ClaimAnswer | None = None
    settled: bool = True  # False: root's part has not done what the answer demands
    problem: CodedProblem | None = None  # why the claim was refused or withdrawn
    finished: bool = False  # the technician has signed
    examinations: int = 0  # number of examinations that the box has begun by itself since the confirmation
    examined_at: str = ""  # when the last of them began, RFC 3339


class ClaimStore:
    """Stores the record on disk. Only one process at a time may use it. Its threads hold ``lock`` for a
    change that depends on the record."""

    def __init__(self, state: Path) -> None:
        self.lock = threading.RLock()
        self._path = state / FILE
        self.record = read_record(self._path, ClaimRecord) or ClaimRecord()

    def put(self, record: ClaimRecord) -> None:
        """Store the record. Raises CommissioningError if it cannot be written."""
        with self.lock:
            if not write_record(self._path, record):
                raise CommissioningError("disk-full")
            self.record = record

    def change(self, **changes: object) -> None:
        with self.lock:
            self.put(msgspec.structs.replace(self.record, **changes))


@contextmanager
def exclusive(state: Path) -> Iterator[None]:
    """Let only one process commission this box: the page or the terminal. Raises CommissioningError."""
    handle = os.open(state / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise CommissioningError("in-use") from None
        yield
    finally:
        os.close(handle)
