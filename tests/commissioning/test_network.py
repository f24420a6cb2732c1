"""Entries for SIM card and address in the technician's language, and the modem as the page shows it."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import get_args, get_type_hints

import pytest

from edge_agent.commissioning.messages import CommissioningError
from edge_agent.commissioning.network import ModemView, check_settings, network_refusal
from edge_agent.commissioning.page.pages import NetworkForm
from edge_agent.core.languages import in_lang
from edge_agent.host.system.network_settings import NetworkAnswer
from tests.testbed.modem_bus import FakeModem, FakeModemManager, bus_daemon

WRONG = [
    (NetworkForm(apn="v internet"), "apn-wrong", "“v internet” không phải là tên điểm truy cập"),
    (NetworkForm(pin="0123"), "pin-alone", "cả APN"),
    (NetworkForm(gateway="10.0.0.1"), "gateway-alone", "cả địa chỉ IP tĩnh"),
    (NetworkForm(), "network-empty", "chưa thay đổi gì"),
    (NetworkForm(apn="v-internet", pin="12"), "pin-wrong", "mã PIN gồm 4 đến 8 chữ số"),
    (NetworkForm(address="10.0.0.9"), "address-wrong", "ví dụ 10.0.0.9/24"),
    (NetworkForm(address="10.0.0.0/24"), "address-wrong", "10.0.0.0/24” không phải"),
    (NetworkForm(address="10.0.0.255/24"), "address-wrong", "10.0.0.255/24” không phải"),
    (NetworkForm(address="10.0.0.9/31"), "address-wrong", "10.0.0.9/31” không phải"),
    (NetworkForm(address="10.0.0.9/24", gateway="10.0.0.9"), "gateway-wrong", "10.0.0.9” không hợp lệ"),
    (NetworkForm(address="10.0.0.9/24", gateway="10.0.0.255"), "gateway-wrong", "máy khác trong mạng"),
    (NetworkForm(address="x/24"), "address-wrong", "“x/24” không phải"),
    (NetworkForm(address="10.0.0.9/24", gateway="10.0.1.1"), "gateway-wrong", "trong mạng 10.0.0.0/24"),
    (NetworkForm(address="10.0.0.9/24", gateway="router"), "gateway-wrong", "“router” không hợp lệ"),
]


@pytest.mark.parametrize(("form", "code", "words"), WRONG)
def test_a_wrong_entry_is_said_in_both_languages(form: NetworkForm, code: str, words: str) -> None:
    with pytest.raises(CommissioningError) as found:
        check_settings(form.settings())
    assert found.value.code == code
    assert words in in_lang(found.value.text, "vi")


def test_each_reason_of_roots_program_has_a_vietnamese_sentence() -> None:
    for code in get_args(get_type_hints(NetworkAnswer)["code"]):
        if code:
            refusal = network_refusal(NetworkAnswer("1", "refused", "in English", code, "eth0, eth1"))
            assert refusal.code == f"network-{code}"
            assert "in English" not in in_lang(refusal.text, "vi")
    assert "eth0, eth1" in in_lang(
        network_refusal(NetworkAnswer("1", "refused", "", "interface", "eth0, eth1")).text, "vi"
    )
    assert network_refusal(NetworkAnswer("1", "failed", "networkctl ended with 1")).code == "network-refused"


def test_right_entries_pass() -> None:
    check_settings(NetworkForm("v-internet", "0123", "10.0.0.9/24", "10.0.0.1").settings())
    check_settings(NetworkForm("v-internet").settings())


@pytest.mark.skipif(shutil.which("dbus-daemon") is None, reason="dbus-daemon is not installed")
def test_the_modem_is_shown_and_not_read_with_each_request_of_the_phone(tmp_path: Path) -> None:
    with bus_daemon(tmp_path) as address:
        manager = FakeModemManager(address, FakeModem(state=7, registration=2, signal_percent=31))
        view = ModemView(lambda: address)
        first = view.document()
        manager.modem.signal_percent = 90
        again = view.document()
        manager.stop()
        assert ModemView(lambda: address).document() is None
    assert first is not None
    assert (first["state"], first["operator"], first["signal_percent"]) == ("searching", "Viettel", 31)
    assert again == first
    assert ModemView(lambda: "").document() is None
