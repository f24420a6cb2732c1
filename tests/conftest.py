"""Shared by all tests: where test data is, and what must not be skipped."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

TEST_DATA = "EDGE_AGENT_TEST_DATA"
REQUIRE_TEST_DATA = "EDGE_AGENT_REQUIRE_TEST_DATA"


@pytest.fixture(scope="session")
def test_data() -> Path:
    """Folder with ``models/`` and ``video/``; skips where there is none."""
    folder = os.environ.get(TEST_DATA)
    if not folder:
        pytest.skip(f"{TEST_DATA} is not set: no models and footage here")
    return Path(folder)


LONG = {"agent", "commands", "demo", "doctor", "edge_central", "evidence", "fleet", "mqtt", "outbox"}
LONG |= {"playbooks", "replay", "tamper", "update"}
"""Folders with files that take many seconds."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the long files: with several workers, none is left to wait for at the end."""
    tests = Path(__file__).parent
    items.sort(key=lambda item: LONG.isdisjoint(item.path.relative_to(tests).parts))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if os.environ.get(REQUIRE_TEST_DATA):
        for report in terminalreporter.stats.get("skipped", []):
            terminalreporter.write_line(f"skipped although test data was required: {report.nodeid}", red=True)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A skipped test is a failure where the data it needs was promised."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get(REQUIRE_TEST_DATA) and reporter and reporter.stats.get("skipped"):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
