"""Sign-in through an OpenID Connect provider in a real Chromium: cookies and redirects across two sites."""

from __future__ import annotations

import json
import os
import socket
import time
from pathlib import Path

import pytest

from tests.browser.monitoring_room import axe_violations
from tests.edge_central.web.house import House
from tests.testbed.chromium import Chromium, installed
from tests.testbed.oidc_provider import CLIENT_ID, CLIENT_SECRET, OidcProviderServer

SHOTS = Path(os.environ.get("EDGE_AGENT_SCREENSHOTS") or "/nowhere")

pytestmark = pytest.mark.skipif(not installed(), reason="no chromium here")


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def test_a_user_signs_in_and_comes_back_to_the_page(tmp_path: Path) -> None:
    """The console is ``localhost``, the provider ``127.0.0.1``: to a browser these are two sites."""
    port = free_port()
    url = f"http://localhost:{port}"
    (tmp_path / "secret").write_text(CLIENT_SECRET)
    callback = f"{url}/login/oidc/callback"
    with OidcProviderServer(lambda: int(time.time()), callback) as provider:
        oidc = {
            "issuer": provider.issuer,
            "client_id": CLIENT_ID,
            "client_secret_file": str(tmp_path / "secret"),
            "label": "Tài khoản thành phố",
            "roles": [{"value": "edge-officers", "role": "officer", "wards": ["de-tham"]}],
        }
        with House(tmp_path, url=url, oidc=oidc) as house, Chromium(tmp_path / "profile") as browser:
            house.start(port)
            browser.open(f"{url}/account")
            browser.wait_until("document.querySelector('a.button')")
            assert axe_violations(browser) == []
            if SHOTS.is_dir():
                browser.screenshot(SHOTS / "login-provider.png")
            browser.click("a.button")
            browser.wait_until("location.pathname === '/account' && document.querySelector('#sessions')")
            assert provider.issuer in browser.run("document.body.textContent")
            assert axe_violations(browser) == []
            if SHOTS.is_dir():
                browser.screenshot(SHOTS / "account-provider.png")
            provider.user["groups"] = []
            browser.open(f"{url}/login/oidc?next=/account")
            browser.wait_until("document.querySelector('.error')")
            refused = browser.run("document.querySelector('.error').textContent")
            assert "chưa được cấp quyền" in refused
            assert axe_violations(browser) == []
            browser.open(f"{url}/account")
            browser.wait_until("location.pathname === '/login'")
            unexpected = [each for each in browser.complaints if "status of 403" not in each]
            assert unexpected == [], json.dumps(unexpected)
