"""Codes of an authenticator app and recovery codes; what is stored of them."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from sqlalchemy import Connection, select, update

from edge_agent.core.errors import CentralError
from edge_central.store import tables
from edge_central.web.auth.accounts import Account, Role, add_account, find_account
from edge_central.web.auth.pending_login import PENDING_S, PendingLogins
from edge_central.web.auth.qr_code import qr_code
from edge_central.web.auth.second_factor import (
    KEY_FILE,
    OFFER_S,
    RECOVERY_CODES,
    FactorUsed,
    SecondFactors,
    SecondFactorUnreadable,
    count_recovery_codes,
    derived_key,
    matching_step,
    provisioning_uri,
    remove_second_factor,
    replace_recovery_codes,
)
from edge_central.web.service import console_key
from tests.edge_central.web.authenticator import code_at

SECRET = b"12345678901234567890"
"""Of the test vectors of RFC 6238, appendix B."""
NOW_MS, STEP_MS = 1_800_000_000_000, 30_000
FACTORS = SecondFactors(b"k" * 32)


@pytest.fixture
def connection(connection: Connection) -> Connection:
    for name in ("lan", "minh"):
        add_account(connection, Account(name, Role.ADMIN, ()), password="scrypt$...")
    FACTORS.store(connection, "lan", SECRET, NOW_MS // STEP_MS - 10)
    return connection


@pytest.mark.parametrize(
    ("time_s", "code"),
    [(59, "287082"), (1_111_111_109, "081804"), (1_234_567_890, "005924"), (20_000_000_000, "353130")],
)
def test_codes_are_those_of_the_standard(time_s: int, code: str) -> None:
    """The last six of its eight digits."""
    assert matching_step(SECRET, code, time_s * 1000) == time_s // 30


@pytest.mark.parametrize(("steps", "accepted"), [(-2, False), (-1, True), (0, True), (1, True), (2, False)])
def test_a_clock_may_be_wrong_by_one_step(steps: int, accepted: bool) -> None:
    code = code_at(SECRET, NOW_MS + steps * STEP_MS)
    assert (matching_step(SECRET, code, NOW_MS) is not None) == accepted


def test_a_code_of_the_first_second_of_1970_is_found() -> None:
    assert matching_step(SECRET, code_at(SECRET, 0), 0) == 0


def test_a_code_counts_once_and_no_earlier_one_after_it(connection: Connection) -> None:
    def accept(steps: int) -> FactorUsed | None:
        return FACTORS.accept(connection, "lan", code_at(SECRET, NOW_MS + steps * STEP_MS), NOW_MS)

    assert [accept(0), accept(0), accept(-1), accept(1)] == [FactorUsed.APP, None, None, FactorUsed.APP]
    spaced = " ".join(code_at(SECRET, NOW_MS + 2 * STEP_MS))
    assert FACTORS.accept(connection, "lan", spaced, NOW_MS + 2 * STEP_MS) is FactorUsed.APP


def test_any_other_text_is_a_wrong_code(connection: Connection) -> None:
    for typed in ("", "000000", "١٢٣٤٥٦", "½½½½½½", "\ud800" * 6, "x" * 10_000):
        for name in ("lan", "minh", "nobody"):
            assert FACTORS.accept(connection, name, typed, NOW_MS) is None


def test_a_recovery_code_counts_once_and_for_its_account_only(connection: Connection) -> None:
    former = replace_recovery_codes(connection, "lan")
    codes = replace_recovery_codes(connection, "lan")
    assert len(set(codes)) == RECOVERY_CODES
    stored = connection.execute(select(tables.recovery_code)).all()
    assert not {code for code in codes for row in stored if code.replace("-", "") in row.sha256.upper()}
    typed = codes[0].lower().replace("-", " ")
    for account, code, used in (
        ("minh", codes[0], None),
        ("lan", former[0], None),
        ("lan", typed, FactorUsed.RECOVERY),
        ("lan", codes[0], None),
    ):
        assert FACTORS.accept(connection, account, code, NOW_MS) is used
    assert count_recovery_codes(connection, "lan") == RECOVERY_CODES - 1
    remove_second_factor(connection, "lan")
    assert count_recovery_codes(connection, "lan") == 0
    assert not has_second_factor(connection)


def test_a_secret_is_stored_encrypted_for_its_account_and_this_server(connection: Connection) -> None:
    columns = tables.account.c
    (sealed,) = connection.scalars(select(columns.second_factor).where(columns.name == "lan"))
    assert SECRET not in sealed
    code = code_at(SECRET, NOW_MS)
    with pytest.raises(SecondFactorUnreadable):
        SecondFactors(b"o" * 32).accept(connection, "lan", code, NOW_MS)
    connection.execute(update(tables.account).values(second_factor=sealed))
    with pytest.raises(SecondFactorUnreadable):
        FACTORS.accept(connection, "minh", code, NOW_MS)
    assert FACTORS.accept(connection, "lan", code, NOW_MS) is FactorUsed.APP
    assert derived_key(b"key", "a") != derived_key(b"key", "b")


def test_an_offered_secret_is_for_one_account_and_expires() -> None:
    offer = FACTORS.offer("lan", SECRET, NOW_MS)
    assert FACTORS.offered_secret("lan", offer, NOW_MS) == SECRET
    for name, text, at_ms in (
        ("minh", offer, NOW_MS),
        ("lan", offer, NOW_MS + OFFER_S * 1000),
        ("lan", offer, NOW_MS - 1),
        ("lan", offer[:-4] + "AAAA", NOW_MS),
        ("lan", "", NOW_MS),
        ("lan", "ơ", NOW_MS),
    ):
        assert FACTORS.offered_secret(name, text, at_ms) is None


def test_the_proof_of_a_password_is_for_one_browser_and_password_and_expires() -> None:
    pending = PendingLogins(b"k" * 32)
    proof = pending.new("lan", "browser", "digest", NOW_MS)
    later = f"{NOW_MS + 1 + PENDING_S * 1000}.{proof.partition('.')[2]}"
    assert pending.is_valid(proof, "lan", "browser", "digest", NOW_MS)
    for text, name, browser, password, at_ms in (
        (proof, "minh", "browser", "digest", NOW_MS),
        (proof, "lan", "another", "digest", NOW_MS),
        (proof, "lan", "browser", "new digest", NOW_MS),
        (proof, "lan", "browser", None, NOW_MS),
        (proof, "lan", "browser", "digest", NOW_MS + PENDING_S * 1000),
        (later, "lan", "browser", "digest", NOW_MS + 1),
        ("", "lan", "browser", "digest", NOW_MS),
        (".", "lan", "browser", "digest", NOW_MS),
        ("٣.x", "lan", "browser", "digest", NOW_MS),
    ):
        assert not pending.is_valid(text, name, browser, password, at_ms)


@pytest.mark.parametrize("name", ["lan", "nguyen-thi-" + "x" * 52])
def test_the_qr_code_is_read_by_a_decoder(name: str) -> None:
    uri = provisioning_uri(SECRET, name)
    assert uri.startswith(f"otpauth://totp/edge-agent:{name}?")
    assert "secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ" in uri
    code = qr_code(uri)
    image = np.full((code.size, code.size), 255, np.uint8)
    for part in code.path.split("M")[1:]:
        x, y = part.partition("h")[0].split()
        image[int(y), int(x)] = 0
    enlarged = cv2.resize(image, None, fx=8, fy=8, interpolation=cv2.INTER_NEAREST)
    assert cv2.QRCodeDetector().detectAndDecode(enlarged)[0] == uri
    assert image[:4].min() == image[:, :4].min() == image[-4:].min() == image[:, -4:].min() == 255


def test_a_text_too_long_for_a_qr_code_is_an_error() -> None:
    with pytest.raises(ValueError, match="cannot hold"):
        qr_code("x" * 5_000)


def has_second_factor(connection: Connection) -> bool:
    account = find_account(connection, "lan")
    assert account is not None
    return account.has_second_factor


def test_a_key_of_another_length_is_refused_and_stays(tmp_path: Path) -> None:
    file = tmp_path / KEY_FILE
    assert console_key(tmp_path) == console_key(tmp_path) == file.read_bytes()
    longer = b"k" * 32 + b"\n"
    file.write_bytes(longer)
    with pytest.raises(CentralError, match=rf"{file} has 33 bytes, 32 expected: restore it"):
        console_key(tmp_path)
    assert file.read_bytes() == longer
