"""Nothing is compiled on a box: every package has an aarch64 wheel, for Debian 12's Python and for 13's.

What a wheelhouse holds is locked, by version and SHA-256.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from wheelhouse.__main__ import download
from wheelhouse.lock import Lock, all_locks, lock_of, text_of
from wheelhouse.resolve import IndexUnreachable, NoWheel, Pin, Target, extras, requirements, resolve

FALLBACK = "tflite-runtime"
NOT_ON_A_BOX = {"dev", "bench", "training"}
ALL_EXTRAS = extras() - NOT_ON_A_BOX
ALL_ON = {"3.11": ALL_EXTRAS - {FALLBACK}, "3.13": ALL_EXTRAS}
"""The fallback is for 3.11 and numpy 1 only: it is resolved on its own there, and adds nothing on 3.13."""

LOCKED = "3.13"
"""Its lock file of a gateway is resolved below in any case."""


def resolved(needed: Sequence[str], target: Target) -> dict[str, str]:
    return {pin.name: pin.version for pin in found(needed, target)}


def found(needed: Sequence[str], target: Target, constraints: Path | None = None) -> list[Pin]:
    try:
        return resolve(needed, target, constraints)
    except IndexUnreachable as error:
        pytest.skip(f"the package index cannot be reached: {error}")


@pytest.fixture(scope="module")
def soon() -> Iterator[dict[str, Future[dict[str, str]]]]:
    """The long ones, at once: each waits for the index most of the time."""
    with ThreadPoolExecutor() as pool:
        answers = {
            python: pool.submit(resolved, requirements(*wanted), Target(python))
            for python, wanted in ALL_ON.items()
            if python != LOCKED
        }
        # Its wheel asks for glibc 2.34.
        answers[FALLBACK] = pool.submit(resolved, requirements(FALLBACK), Target("3.11", glibc=35))
        yield answers


@pytest.mark.parametrize("python", ["3.11", pytest.param(LOCKED, marks=pytest.mark.long)])
def test_all_of_it_has_aarch64_wheels(soon: dict[str, Future[dict[str, str]]], python: str) -> None:
    chosen = (
        resolved(requirements(*ALL_ON[python]), Target(python)) if python == LOCKED else soon[python].result()
    )
    assert {"numpy", "av", "opencv-python-headless", "ai-edge-litert", "cryptography"} <= chosen.keys()
    assert FALLBACK not in chosen


def test_so_has_the_fallback_runtime(soon: dict[str, Future[dict[str, str]]]) -> None:
    chosen = soon[FALLBACK].result()
    assert chosen[FALLBACK] == "2.14.0"
    assert chosen["numpy"].startswith("1.")


def test_a_package_without_a_wheel_is_found() -> None:
    with pytest.raises(NoWheel, match="No matching distribution found for tflite-runtime"):
        resolved(["tflite-runtime ==2.14.0"], Target("3.11"))


def test_what_only_a_box_needs_is_looked_at() -> None:
    needed = ["tzdata ; platform_machine == 'aarch64'", "cycler ; python_version < '3.12'"]
    assert resolved(needed, Target("3.13")).keys() == {"tzdata"}


def test_an_index_that_does_not_answer_is_no_missing_wheel(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    with pytest.raises(IndexUnreachable):
        resolve(["tzdata"], Target("3.13"))


@pytest.mark.parametrize("lock", list(all_locks()), ids=lambda lock: lock.path.stem)
def test_a_lock_file_holds_what_setup_cfg_asks_for(lock: Lock) -> None:
    """Stale ones are written again by `make lock`."""
    versions = {canonicalize_name(pin.name): pin.version for pin in lock.pins()}
    box = {"python_version": lock.target.python, "platform_machine": lock.target.arch}
    for requirement in map(Requirement, lock.needed):
        if requirement.marker is None or requirement.marker.evaluate(dict(box)):
            assert requirement.specifier.contains(versions[canonicalize_name(requirement.name)])
    assert lock.path.read_text() == text_of(lock.pins())


@pytest.mark.parametrize("lock", [lock_of("box", "aarch64", "3.13"), lock_of("centre", "x86_64", "3.11")])
def test_pip_asks_for_nothing_beside_the_lock_file(lock: Lock, tmp_path: Path) -> None:
    """Also what the packages of setup.cfg need themselves."""
    constraints = tmp_path / "constraints.txt"
    constraints.write_text("".join(f"{pin.name}=={pin.version}\n" for pin in lock.pins()))
    assert found(lock.needed, lock.target, constraints) == lock.pins()


def test_a_wheel_that_is_not_the_locked_one_gets_into_no_wheelhouse(tmp_path: Path) -> None:
    """An index hands out another file under the same name and version."""
    target, lock = Target("3.13"), tmp_path / "lock.txt"
    pin = next(pin for pin in lock_of("box", target.arch, target.python).pins() if pin.name == "tzdata")
    lock.write_text(text_of([pin]))
    download(Lock(lock, target, ()), tmp_path / "right")
    assert len(list((tmp_path / "right").glob("*.whl"))) == 1
    lock.write_text(text_of([replace(pin, sha256="0" * 64)]))
    with pytest.raises(subprocess.CalledProcessError):
        download(Lock(lock, target, ()), tmp_path / "wrong")
    assert not list(tmp_path.glob("wrong/*.whl"))
