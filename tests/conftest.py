"""Shared by all tests: where test data is, and what must not be skipped."""

from __future__ import annotations

import gc
import itertools
import os
import re
import tempfile
from collections.abc import Generator, Iterator
from pathlib import Path

import hypothesis
import pytest

from tests.testbed import small_disk as mounted
from tests.testbed.clips import CLIP_FOLDER
from tests.testbed.mosquitto import Mosquitto
from tests.testbed.walker import walking_clip

TEST_DATA = "EDGE_AGENT_TEST_DATA"
REQUIRE_TEST_DATA = "EDGE_AGENT_REQUIRE_TEST_DATA"

# No deadline for an example: the test machines are shared, and a wait for a processor is no fault.
hypothesis.settings.register_profile("shared machine", deadline=None)
hypothesis.settings.load_profile("shared machine")


@pytest.fixture(scope="session")
def test_data() -> Path:
    """Folder with ``models/`` and ``video/``; skips where there is none."""
    folder = os.environ.get(TEST_DATA)
    if not folder:
        pytest.skip(f"{TEST_DATA} is not set: no models and footage here")
    return Path(folder)


@pytest.hookimpl(wrapper=True)
def pytest_cmdline_main() -> Generator[None, object, object]:
    """Make a folder for clips; the workers inherit the environment, and use the same folder."""
    if CLIP_FOLDER in os.environ:
        return (yield)
    with tempfile.TemporaryDirectory(prefix="edge-agent-clips-") as name:
        os.environ[CLIP_FOLDER] = name
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Collect without garbage collection: modules and tests stay to the end, in every worker."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


_folders = itertools.count()


@pytest.fixture
def tmp_path(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new folder. pytest's own fixture takes 2 ms of a core: it reads the names of all earlier ones."""
    name = re.sub(r"\W", "_", request.node.name)[:26]
    path = tmp_path_factory.getbasetemp() / f"{name}{next(_folders)}"
    path.mkdir(mode=0o700)
    return path


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A separate file system of 4 MB."""
    with mounted.small_disk(tmp_path / "disk", 4096) as folder:
        yield folder


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    with Mosquitto(tmp_path, persistent=True) as started:
        yield started


@pytest.fixture(scope="session")
def walker(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Nine seconds of video: one person walks by, and is in the middle at 4.5 s."""
    return walking_clip(tmp_path_factory.mktemp("clips") / "walker.mp4")


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A new folder that every user may enter. pytest's own are closed, by every pytest that starts."""
    with tempfile.TemporaryDirectory(prefix="edge-agent-test-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


LONG = {"agent", "commands", "demo", "doctor", "edge_central", "evidence", "fleet", "mqtt", "outbox"}
LONG |= {"playbooks", "replay", "tamper", "update"}
"""Folders with files that take many seconds."""


LONGEST_ID = 120


def pytest_make_parametrize_id(val: object) -> str | None:
    """Shorten the name of a test with a long value, as hostile input has: each worker sends all names."""
    if not isinstance(val, str | bytes) or len(val) <= LONGEST_ID:
        return None
    return f"{val[: LONGEST_ID // 4]!a} and more, {len(val)} long"


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
