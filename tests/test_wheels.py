"""Nothing is compiled on a box: every package has an aarch64 wheel, for Debian 12's Python and for 13's."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from tests import wheels

FALLBACK = "tflite-runtime"


def resolved(needed: Sequence[str], python: str, glibc: int = wheels.OLDEST_GLIBC) -> dict[str, str]:
    try:
        return wheels.resolve(needed, python=python, glibc=glibc)
    except wheels.IndexUnreachable as error:
        pytest.skip(f"the package index cannot be reached: {error}")


@pytest.mark.parametrize(
    ("python", "extras"), [("3.11", wheels.extras() - {FALLBACK}), ("3.13", wheels.extras())]
)
def test_all_of_it_has_aarch64_wheels(python: str, extras: set[str]) -> None:
    found = resolved(wheels.requirements(*extras), python)
    assert {"numpy", "av", "opencv-python-headless", "ai-edge-litert", "cryptography"} <= found.keys()
    assert FALLBACK not in found


def test_so_has_the_fallback_runtime() -> None:
    # Its wheel asks for glibc 2.34.
    found = resolved(wheels.requirements(FALLBACK), "3.11", glibc=35)
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
