"""Parts of Web Push alone: encryption, endpoints, addresses, the key, quiet hours, Retry-After."""

from __future__ import annotations

from ipaddress import ip_network
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from edge_agent.core.errors import CentralError
from edge_central.web.push.devices import QuietHours
from edge_central.web.push.encryption import MOST_BYTES, ReceiverKeys, encrypt
from edge_central.web.push.endpoint import EndpointRefused, checked_endpoint, is_admitted
from edge_central.web.push.sender import seconds_of
from edge_central.web.push.vapid import base64url, read_or_make_key
from edge_central.webhook_settings import PUSH_SERVICES
from tests.testbed.push_service import Push, Subscriber, octets

RFC_8291 = {
    "plain": "When I grow up, I want to be a watermelon",
    "sender": "yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw",
    "receiver": "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4",
    "auth": "BTBZMqHH6r4Tts7J_aSIgg",
    "salt": "DGv6ra1nlYgDCS1FRnbzlw",
    "body": "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6Tlz"
    "AC8wEqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN",
}
"""The example of its appendix A."""


def test_the_example_of_rfc_8291() -> None:
    sender = ec.derive_private_key(int.from_bytes(octets(RFC_8291["sender"]), "big"), ec.SECP256R1())
    keys = ReceiverKeys(octets(RFC_8291["receiver"]), octets(RFC_8291["auth"]))
    salt = octets(RFC_8291["salt"])
    body = encrypt(RFC_8291["plain"].encode(), keys, sender=sender, salt=salt)
    assert base64url(body) == RFC_8291["body"]


def test_the_longest_message_is_one_record_that_a_browser_reads() -> None:
    phone = Subscriber("/p")
    message = b'"' + b"x" * (MOST_BYTES - 2) + b'"'
    body = encrypt(message, ReceiverKeys(phone.public, phone.auth))
    assert len(body) == 4_096
    assert len(phone.read(Push("/p", {"content-encoding": "aes128gcm"}, body))) == MOST_BYTES - 2
    with pytest.raises(ValueError, match="at most"):
        encrypt(message + b" ", ReceiverKeys(phone.public, phone.auth))


@pytest.mark.parametrize(
    ("public", "auth"),
    [
        (b"\x04" + bytes(64), bytes(16)),  # not on the curve
        (b"\x04" + bytes(31), bytes(16)),
        (Subscriber("/").public, bytes(15)),
    ],
    ids=["off the curve", "short point", "short secret"],
)
def test_keys_that_no_browser_has_are_refused(public: bytes, auth: bytes) -> None:
    with pytest.raises(ValueError):
        ReceiverKeys(public, auth)


@pytest.mark.parametrize(
    "url",
    [
        "https://fcm.googleapis.com/fcm/send/abc:def",
        "https://fcm.googleapis.com:443/wp/abc",
        "https://updates.push.services.mozilla.com/wpush/v2/gAAA",
        "https://web.push.apple.com/QABC",
        "https://wns2-by3p.notify.windows.com/w/?token=BQ%3d",
    ],
)
def test_endpoints_of_the_services_of_browsers_are_admitted(url: str) -> None:
    found = checked_endpoint(url, PUSH_SERVICES)
    assert found.port == 443
    assert url.endswith(found.target)


@pytest.mark.parametrize(
    "url",
    [
        "http://fcm.googleapis.com/x",
        "https://fcm.googleapis.com",  # no path
        "https://fcm.googleapis.com.evil.example/x",
        "https://evil.example/fcm.googleapis.com/x",
        "https://fcm.googleapis.com@127.0.0.1/x",
        "https://user:pass@fcm.googleapis.com/x",
        "https://fcm.googleapis.com:8443/x",
        "https://fcm.googleapis.com./x",
        "https://fcm.googleapis.com\\@127.0.0.1/x",
        "https://fcm.googleapis.com/x#y",
        "https://fcm.googleapis.com/x y",
        "https://fcm.googleapis.com/x\r\nHost: evil",
        "https://push.apple.com/x",  # the pattern wants a name before it
        "https://xpush.apple.com/x",
        "https://127.0.0.1/x",
        "https://fcm.googleapis.com:٤٤٣/x",
        "https://[::1]/x",
        "https://169.254.169.254/latest/meta-data",
        "file:///etc/passwd",
        "https://fcm.googleapis.com/" + "x" * 2_000,
        "",
    ],
)
def test_any_other_endpoint_is_refused(url: str) -> None:
    with pytest.raises(EndpointRefused):
        checked_endpoint(url, PUSH_SERVICES)


@pytest.mark.parametrize(
    ("address", "admitted"),
    [
        ("142.250.4.95", True),
        ("2404:6800:4003:c00::5f", True),
        ("10.0.0.7", False),
        ("127.0.0.1", False),
        ("169.254.169.254", False),
        ("100.64.0.1", False),  # behind a provider's NAT
        ("0.0.0.0", False),
        ("224.0.0.1", False),
        ("::1", False),
        ("fe80::1", False),
        ("fd00::1", False),
        ("::ffff:10.0.0.7", False),
        ("::ffff:142.250.4.95", True),
        ("64:ff9b::a00:7", False),
        ("2002:a00:7::1", False),
        ("::a00:7", False),  # contains 10.0.0.7, as the next two do
        ("::ffff:0:a00:7", False),
        ("64:ff9b:1::a00:7", False),
        ("fec0::1", False),  # of a site
        ("192.168.9.5", True),  # in the networks of the configuration
    ],
)
def test_the_console_connects_to_public_addresses_and_to_configured_ones(
    address: str, admitted: bool
) -> None:
    assert is_admitted(address, [ip_network("192.168.9.0/24")]) is admitted


def test_the_key_is_made_once_and_readable_by_its_owner_only(tmp_path: Path) -> None:
    file = tmp_path / "state/push.key"
    made = read_or_make_key(file)
    assert file.stat().st_mode & 0o777 == 0o600
    assert read_or_make_key(file).public == made.public
    assert [each.name for each in file.parent.iterdir()] == ["push.key"]
    file.write_text("no key")
    with pytest.raises(CentralError, match="no P-256 key"):
        read_or_make_key(file)
    assert file.read_text() == "no key", "a backup may still be restored"


@pytest.mark.parametrize(
    ("hours", "minute", "quiet"),
    [
        (QuietHours(1320, 360), 1320, True),  # 22:00 to 06:00
        (QuietHours(1320, 360), 0, True),
        (QuietHours(1320, 360), 359, True),
        (QuietHours(1320, 360), 360, False),
        (QuietHours(1320, 360), 720, False),
        (QuietHours(720, 780), 719, False),
        (QuietHours(720, 780), 779, True),
    ],
)
def test_quiet_hours(hours: QuietHours, minute: int, quiet: bool) -> None:
    assert hours.contains(minute) is quiet


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, 0.0),
        ("120", 120.0),
        ("999999999999", 3600.0),
        ("Sun, 29 Nov 2026 00:01:00 GMT", 60.0),
        ("Sat, 28 Nov 2026 23:00:00 GMT", 0.0),
        ("-5", 0.0),
        ("soon", 0.0),
        ("²", 0.0),
        ("Sun, 29 Nov 99999999999 00:01:00 GMT", 0.0),
    ],
)
def test_retry_after(header: str | None, seconds: float) -> None:
    assert seconds_of(header, 1_795_910_400_000) == seconds
