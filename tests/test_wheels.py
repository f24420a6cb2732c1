"""Nothing is compiled on a box: every package has an aarch64 wheel, for Debian 12's Python and for 13's."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from tests import wheels

FALLBACK = "tflite-runtime"
ALL_ON = {"3.11": wheels.extras() - {FALLBACK}, "3.13": wheels.extras()}
"""The fallback is for 3.11 and numpy 1 only: it is resolved on its own there, and adds nothing on 3.13."""


def resolved(needed: Sequence[str], python: str, glibc: int = wheels.OLDEST_GLIBC) -> dict[str, str]:
    try:
        return wheels.resolve(needed, python=python, glibc=glibc)
    except wheels.IndexUnreachable as error:
        pytest.skip(f"the package index cannot be reached: {error}")


@pytest.fixture(scope="module")
def soon() -> Iterator[dict[str, Future[dict[str, str]]]]:
    """The long ones, at once: each waits for the index most of the time."""
    with ThreadPoolExecutor() as pool:
        found = {
            python: pool.submit(resolved, wheels.requirements(*extras), python)
            for python, extras in ALL_ON.items()
        }
        # Its wheel asks for glibc 2.34.
        found[FALLBACK] = pool.submit(resolved, wheels.requirements(FALLBACK), "3.11", 35)
        yield found


@pytest.mark.parametrize("python", ALL_ON)
def test_all_of_it_has_aarch64_wheels(soon: dict[str, Future[dict[str, str]]], python: str) -> None:
    found = soon[python].result()
    assert {"numpy", "av", "opencv-python-headless", "ai-edge-litert", "cryptography"} <= found.keys()
    assert FALLBACK not in found


def test_so_has_the_fallback_runtime(soon: dict[str, Future[dict[str, str]]]) -> None:
    found = soon[FALLBACK].result()
    assert found[FALLBACK] == "2.14.0"
    assert found["numpy"].startswith("1.")


def test_a_package_without_a_wheel_is_found() -> None:
    with pytest.raises(wheels.NoWheel, match="No matching distribution found for tflite-runtime"):
        resolved(["tflite-runtime ==2.14.0"], "3.11")


def test_what_only_a_box_needs_is_looked_at() -> None:
    needed = ["tzdata ; platform_machine == 'aarch64'", "cycler ; python_version < '3.12'"]
    assert resolved(needed, "3.13").keys() == {"tzdata"}


def test_an_index_that_does_not_answer_is_no_missing_wheel(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    with pytest.raises(wheels.IndexUnreachable):
        wheels.resolve(["tzdata"], python="3.13")
