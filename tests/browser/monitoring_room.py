"""A monitoring room: the invented city, its console, and a real Chromium with a login."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from edge_central.web.auth.accounts import Role
from tests.edge_central.console.served import CityHouse
from tests.edge_central.web.house import House
from tests.testbed.chromium import Chromium

WALL, PHONE = (1920, 1080), (390, 844)
FITS_WIDTH = "document.documentElement.scrollWidth <= document.documentElement.clientWidth"
"""Whether the page cannot be scrolled sideways. ``innerWidth`` would not do: as a phone, Chromium zooms out
until all that is too wide fits, and then it is as large as ``scrollWidth``."""
NAMELESS = """
(() => {
    const named = (e) => (e.getAttribute("aria-label") || e.textContent || "").trim() || e.labels?.length
        || e.querySelector("img[alt]");
    return Array.from(document.querySelectorAll("a, button, input:not([type=hidden]), select, textarea"))
        .filter((e) => !named(e) && !e.closest("[hidden]")).map((e) => e.outerHTML.slice(0, 120));
})()
"""
FAINT = """
(() => {
    const parts = (text) => (text.match(/[\\d.]+/g) || []).map(Number);
    const channel = (v) => (v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
    const light = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
    const ground = (e) => {
        for (; e; e = e.parentElement) {
            const found = parts(getComputedStyle(e).backgroundColor);
            if (found.length === 3 || found[3] > 0.5) return found;
        }
        return [255, 255, 255];
    };
    const found = new Map();
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
        const e = walker.currentNode.parentElement;
        if (!walker.currentNode.data.trim() || !e.checkVisibility()) continue;
        if (e.closest("svg, .hidden, script, .skip")) continue;
        const style = getComputedStyle(e);
        const [one, other] = [light(parts(style.color)), light(ground(e))].sort((a, b) => b - a);
        const size = parseFloat(style.fontSize);
        const large = size >= 24 || (size >= 18.66 && style.fontWeight >= 700);
        const ratio = (one + 0.05) / (other + 0.05);
        if (ratio < (large ? 3 : 4.5)) {
            found.set(e.className + " " + e.tagName + " in " + e.parentElement.className, ratio.toFixed(2));
        }
    }
    return Object.fromEntries(found);
})()
"""
"""Contrast of text, as WCAG 2.2 counts it: at least 4.5, of large letters 3."""


AXE = Path(os.environ.get("EDGE_AGENT_AXE") or "/nowhere")
"""axe.min.js of the npm package axe-core; without it, what it would find is not looked for."""
VIOLATIONS = """
axe.run(document, {resultTypes: ["violations"]}).then((found) => found.violations.map((each) =>
    each.id + ": " + each.nodes.map((node) => node.target.join(" ")).join(", ")))
"""


class Room:
    """``house`` runs; ``browser`` is inside of its ``with``."""

    def __init__(self, house: House, browser: Chromium, who: str = "minh") -> None:
        self.house, self.browser = house, browser
        self.browser.ask("Network.enable")
        for cookie in house.browser(who).client.cookies.jar:
            self.browser.give_cookie(house.url, cookie.name, cookie.value or "")

    def open(self, path: str) -> None:
        """Open a page, and wait for it."""
        self.browser.run("document.body.dataset.left = 'yes'")
        self.browser.open(self.house.url + path)
        self.browser.wait_until(
            "document.readyState === 'complete' && document.body.dataset.left === undefined"
        )

    def open_live(self, path: str) -> None:
        """Open a page, and wait for it and its live stream."""
        self.open(path)
        self.browser.wait_until("document.getElementById('live').className.includes('on')")

    def run(self, script: str) -> Any:
        return self.browser.run(script)

    def axe_violations(self) -> list[str]:
        return axe_violations(self.browser)


def axe_violations(browser: Chromium) -> list[str]:
    """What axe finds on the page; nothing without AXE."""
    if not AXE.is_file():
        return []
    browser.run(AXE.read_text(encoding="utf-8"))
    found: list[str] = browser.run(VIOLATIONS)
    return found


def people(house: CityHouse) -> None:
    house.person("minh", Role.ADMIN)
    house.person("lan", Role.OFFICER, "quang-trung", "phu-khanh", "le-hong-phong")
