"""The code of the label, the words of the certificate, and the sites next to a phone."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_agent.commissioning.identity import WORDS, open_identity
from edge_agent.commissioning.page.gate import TRIES, WITHIN_S, LabelGate
from edge_agent.commissioning.sites import nearest_sites
from edge_agent.core.errors import EdgeAgentError
from edge_agent.wire import PhoneLocation
from tests.commissioning.prepared_box import CODE
from tests.host.fakes import FakeClock
from tests.testbed.claims import SERIAL, site_bundle


def test_the_code_opens_the_page_for_one_phone_at_a_time() -> None:
    gate = LabelGate(FakeClock(), CODE)
    first = gate.claim(CODE)
    assert gate.admits(first)
    second = gate.claim(f" {CODE} ")
    assert gate.admits(second)
    assert not gate.admits(first), "the second phone has taken over"
    assert not gate.admits(None)
    assert not gate.admits("")


def test_nobody_is_admitted_before_the_code() -> None:
    assert not LabelGate(FakeClock(), CODE).admits("")


def test_after_five_wrong_codes_the_right_one_waits_a_quarter_of_an_hour() -> None:
    clock = FakeClock()
    gate = LabelGate(clock, CODE)
    ticket = gate.claim(CODE)
    for _ in range(TRIES):
        assert gate.claim("00000000") is None
    assert gate.is_claimed
    assert gate.claim(CODE) is None
    assert gate.admits(ticket), "who was in stays in"
    clock.advance(WITHIN_S)
    assert gate.claim(CODE) is not None


def identity_files(folder: Path) -> Path:
    (folder / "serial").write_text(SERIAL + "\n")
    return folder / "serial"


def test_a_box_stays_itself(tmp_path: Path) -> None:
    serial = identity_files(tmp_path)
    first, second = open_identity(serial, tmp_path), open_identity(serial, tmp_path)
    assert (first.words, first.code, first.key_sha256) == (second.words, second.code, second.key_sha256)
    assert first.name == "edge-10000000a1b2c3d4.local"
    assert len(first.words.split()) == 6
    assert len(first.code) == 8
    assert {(tmp_path / name).stat().st_mode & 0o077 for name in ("box.pem", "page.key", "code")} == {0}


def test_the_words_say_the_first_bytes_of_the_certificate(tmp_path: Path) -> None:
    identity = open_identity(identity_files(tmp_path), tmp_path)
    spoken = bytes(WORDS.index(word) for word in identity.words.split())
    assert spoken.hex() == identity.fingerprint[:12]


def test_no_word_stands_for_two_bytes() -> None:
    assert len(set(WORDS)) == 256
    assert all(word.isascii() and word.islower() for word in WORDS)


@pytest.mark.parametrize("text", ["box-1", "", "box-../../../etc"])
def test_a_serial_that_is_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "serial").write_text(text)
    with pytest.raises(EdgeAgentError, match="has no serial"):
        open_identity(tmp_path / "serial", tmp_path)


def test_the_nearest_site_is_as_far_away_as_on_a_map() -> None:
    place = PhoneLocation(latitude=20.4553, longitude=106.3366, accuracy_m=10.0)
    ((site, metres),) = nearest_sites(site_bundle(), place)
    assert site.id == "dt-001"
    assert metres == pytest.approx(1000, abs=2), "0.009 degrees of latitude"
