"""A claim and a site bundle, for tests of the box and of the centre."""

from __future__ import annotations

from typing import Any

from edge_agent.wire import BirthLocation, BundleCamera, BundleSite, Claim, ClaimCamera, SiteBundle

SERIAL = "box-10000000a1b2c3d4"
TIME = "2026-11-29T03:00:00.000Z"
KEY = (
    "-----BEGIN PUBLIC KEY-----\n"
    "MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n"
    "-----END PUBLIC KEY-----\n"
)


def claim(**changes: Any) -> Claim:
    """A claim of site ``dt-001``, without signature."""
    made: dict[str, Any] = {
        "claim_id": "c1",
        "serial": SERIAL,
        "board": "Raspberry Pi 4 Model B Rev 1.4",
        "version": "0.9.0",
        "key_sha256": "0" * 64,
        "public_key": KEY,
        "site": "dt-001",
        "ward": "de-tham",
        "csr": "-----BEGIN CERTIFICATE REQUEST-----\n",
        "by": "Nguyễn Văn An",
        "time": TIME,
        "synced": True,
        "cameras": [ClaimCamera(id="cam-1", address="192.0.2.21")],
        "bundle_version": 1,
    }
    return Claim(**(made | changes))


def site_bundle(**changes: Any) -> SiteBundle:
    """A bundle with the site ``dt-001``, which has one camera."""
    camera = {"id": "cam-1", "url": "rtsp://192.0.2.21:554/2", "username": "edge"}
    site = BundleSite(
        id="dt-001",
        ward="de-tham",
        name="Ngã tư Lý Bôn",
        ward_name="Đề Thám",
        location=BirthLocation(latitude=20.4463, longitude=106.3366),
        cameras=[BundleCamera(name="Cổng", **camera)],
        configuration={
            "gateway": {"id": "dt-001", "ward": "de-tham", "name": "Ngã tư Lý Bôn"},
            "cameras": [camera | {"password_file": "credentials/cam-1"}],
        },
    )
    made: dict[str, Any] = {
        "version": 1,
        "made_at": TIME,
        "brokers": ["mqtts://broker.example:8883"],
        "ca": "-----BEGIN CERTIFICATE-----\n",
        "answer_keys": [KEY],
        "sites": [site],
    }
    return SiteBundle(**(made | changes))
