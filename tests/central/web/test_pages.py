"""What holds for every page."""

from __future__ import annotations

import re

import pytest

from edge_agent.central.web.accounts import Role
from edge_agent.central.web.app import PAGES
from edge_agent.central.web.front import Page
from edge_agent.central.web.words import ALL
from tests.central.parts import Box
from tests.central.web.house import House

PLAIN = [
    page
    for page in PAGES
    if page.method == "GET" and "{" not in page.path and not page.path.startswith("/api/")
]


def test_a_ward_shows_itself_to_its_own_people_only(house: House) -> None:
    house.take(Box("dt-001").heartbeat("s"), Box("bx-001", "bo-xuyen").heartbeat("s"))
    house.person("lan", Role.VIEWER, "de-tham")
    house.person("minh", Role.ADMIN)
    assert "bo-xuyen" not in house.browser("lan").get("/").text
    assert "bo-xuyen" in house.browser("minh").get("/").text
    assert house.browser("lan").get("/access").status_code == 403


@pytest.mark.parametrize("lang", ["vi", "en"])
def test_every_page_renders_without_inline_script_and_style(house: House, lang: str) -> None:
    house.person("minh", Role.ADMIN)
    browser = house.browser("minh")
    browser.get(f"/language/{lang}")
    for page in PLAIN:
        answer = browser.get(page.path)
        assert answer.status_code == 200, page.path
        assert f'<html lang="{lang}"' in answer.text or not isinstance(page, Page)
        assert not re.search(r"<style|\sstyle=|<script(?![^>]*\ssrc=)|\son\w+=|javascript:", answer.text)


def test_headers_tell_the_browser_to_trust_nothing_else(house: House) -> None:
    for path in ("/login", "/nowhere", "/static/base.css"):
        headers = house.anybody().get(path).headers
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
    assert house.anybody().get("/login").headers["cache-control"] == "no-store"


def test_words_have_the_same_holes_in_both_languages() -> None:
    for key, (vietnamese, english) in ALL.items():
        assert re.findall(r"{(\w*)}", vietnamese) == re.findall(r"{(\w*)}", english), key
