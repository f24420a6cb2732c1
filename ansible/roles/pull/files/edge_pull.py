#!/usr/bin/python3
"""``edge-pull``: a box that no ssh reaches fetches a release, tries it, and goes back if it is bad.

Run by a timer as root, with nothing but Python and openssl. What to run is said by ``manifest.json`` on a
server and signed with a key that is not on that server. Exit codes: 0 nothing to do, or done; 1 something
failed, and the box runs what it ran before.
"""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import re
import shutil
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

SETTINGS = Path("/etc/edge-agent/pull.json")
VERSION = re.compile(r"[0-9][A-Za-z0-9.+!-]{0,63}")
WHEEL = re.compile(r"[A-Za-z0-9_.+!-]+\.whl")
MANIFEST_BYTES = 1_000_000
POLL_S = 2.0


class PullError(Exception):
    """Why this run ends; the box is as it was."""


@dataclass(frozen=True)
class Settings:
    url: str  # https://…, the folder with manifest.json
    gateway: str
    public_key: Path  # Ed25519, PEM
    ca_file: str  # empty: the system's
    releases: Path
    state: Path
    configuration: Path
    settle_s: float  # so long the new release may take until it is connected to the broker

    @classmethod
    def read(cls, path: Path) -> Settings:
        kept = json.loads(path.read_text(encoding="utf-8"))
        if not str(kept["url"]).startswith("https://"):
            raise PullError(f"url in {path} must begin with https://")
        return cls(
            str(kept["url"]).rstrip("/"),
            str(kept["gateway"]),
            Path(kept["public_key"]),
            str(kept["ca_file"]),
            Path(kept["releases"]),
            Path(kept["state"]),
            Path(kept["configuration"]),
            float(kept["settle_s"]),
        )


@dataclass(frozen=True)
class Wheel:
    name: str
    sha256: str
    size: int


@dataclass(frozen=True)
class Manifest:
    version: str
    serial: int  # grows; an older manifest is never obeyed, whoever serves it
    percent: int  # so many of the boxes take it
    wheels: tuple[Wheel, ...]


def parse(text: bytes) -> Manifest:
    """Raises PullError for anything that is not as it must be, although it was signed."""
    try:
        raw: dict[str, Any] = json.loads(text)
        wheels = tuple(Wheel(str(w["name"]), str(w["sha256"]), int(w["bytes"])) for w in raw["wheels"])
        manifest = Manifest(str(raw["version"]), int(raw["serial"]), int(raw["percent"]), wheels)
    except (ValueError, KeyError, TypeError) as error:
        raise PullError(f"the manifest cannot be read: {error}") from error
    names = [wheel.name for wheel in wheels]
    if not VERSION.fullmatch(manifest.version) or not all(WHEEL.fullmatch(name) for name in names):
        raise PullError("the manifest names a version or a wheel that cannot be one")
    return manifest


class Puller:
    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._tls = ssl.create_default_context(cafile=settings.ca_file or None)
        self._pause = threading.Event()

    def run(self) -> str:
        """What was done, in one sentence. Raises PullError."""
        self._finish_interrupted()
        manifest = self._manifest()
        if manifest.version == self._in_force():
            return f"{manifest.version} is in force"
        if manifest.version in self._state().get("failed", []):
            return f"{manifest.version} was tried and failed here; waiting for another release"
        if self._share(manifest.version) >= manifest.percent:
            return f"{manifest.version} goes to {manifest.percent} % of the boxes, and not yet to this one"
        self._fetch(manifest)
        self._install(manifest)
        self._check(manifest.version)
        return self._try(manifest.version)

    # -- what is to be run

    def _manifest(self) -> Manifest:
        with tempfile.TemporaryDirectory() as folder:
            text, signature = Path(folder, "manifest.json"), Path(folder, "manifest.json.sig")
            for path in (text, signature):
                with path.open("wb") as target:
                    self._download(path.name, target, MANIFEST_BYTES)
            verify = ["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", str(self._settings.public_key)]
            done = _run([*verify, "-rawin", "-in", str(text), "-sigfile", str(signature)])
            if done.returncode:
                raise PullError("the manifest is not signed with the fleet's key; nothing was changed")
            manifest = parse(text.read_bytes())
        seen = int(self._state().get("serial", 0))
        if manifest.serial < seen:
            raise PullError(f"the manifest is older ({manifest.serial}) than one seen before ({seen})")
        self._remember(serial=manifest.serial)
        return manifest

    def _share(self, version: str) -> int:
        """0..99: where this box stands in the queue for a version; another order for each."""
        digest = hashlib.sha256(f"{version}/{self._settings.gateway}".encode()).digest()
        return int.from_bytes(digest[:4], "big") % 100

    # -- getting it

    def _fetch(self, manifest: Manifest) -> None:
        folder = self._settings.releases / "wheels"
        folder.mkdir(parents=True, exist_ok=True)
        wanted = {Path(wheel.name).stem for wheel in manifest.wheels}
        for old in (*folder.glob("*.whl"), *folder.glob("*.part")):
            if old.stem not in wanted:
                old.unlink()
        for wheel in manifest.wheels:
            path = folder / wheel.name
            if path.is_file() and _digest(path) == wheel.sha256:
                continue
            part = path.with_suffix(".part")
            have = part.stat().st_size if part.is_file() else 0
            if have >= wheel.size:
                part.unlink()
                have = 0
            with part.open("ab") as target:
                self._download(f"wheels/{wheel.name}", target, wheel.size - have, have)
            if part.stat().st_size < wheel.size:
                raise PullError(f"{wheel.name} came in part only; the rest is fetched next time")
            if _digest(part) != wheel.sha256:
                part.unlink()
                raise PullError(f"{wheel.name} is not what the manifest says; it is fetched again next time")
            part.replace(path)

    def _download(self, name: str, target: IO[bytes], most: int, offset: int = 0) -> None:
        request = urllib.request.Request(f"{self._settings.url}/{name}")
        if offset:
            request.add_header("Range", f"bytes={offset}-")
        try:
            with urllib.request.urlopen(request, timeout=60, context=self._tls) as answer:
                if offset and answer.status != 206:  # a server that always begins at the start
                    target.truncate(0)
                    most += offset
                while block := answer.read(65536):
                    most -= len(block)
                    if most < 0:
                        raise PullError(f"{name} is longer than it may be")
                    target.write(block)
        except (OSError, ValueError, http.client.HTTPException) as error:
            raise PullError(f"{self._settings.url}/{name}: {error}") from error

    def _install(self, manifest: Manifest) -> None:
        place = self._settings.releases / manifest.version
        if (place / ".complete").exists():
            return
        shutil.rmtree(place, ignore_errors=True)
        try:
            self._build(manifest, place)
        except PullError:
            shutil.rmtree(place, ignore_errors=True)
            raise
        os.sync()  # a power cut must not leave the stamp without what it stands for
        (place / ".complete").touch()

    def _build(self, manifest: Manifest, place: Path) -> None:
        version = manifest.version
        # Each wheel by its name: the folder may hold newer ones that this manifest does not list.
        wheels = self._settings.releases / "wheels"
        links = [f"--find-links={wheels / wheel.name}" for wheel in manifest.wheels]
        pip = [str(place / "bin/pip"), "install", "--quiet", "--disable-pip-version-check", "--no-index"]
        for command in (
            [sys.executable, "-m", "venv", str(place)],
            [*pip, "--no-cache-dir", *links, f"edge-agent[cameras]=={version}"],
        ):
            done = _run(command, timeout_s=1800)
            if done.returncode:
                raise PullError(f"{version} cannot be installed: {done.stderr.strip()[-500:]}")
        agent = str(place / "bin/edge-agent")
        if _run([agent, "--version"]).stdout.strip() != f"edge-agent {version}":
            raise PullError(f"what was installed as {version} is another version")

    def _check(self, version: str) -> None:
        """The configuration is the box's own and can be put right, so the version is not given up."""
        agent = str(self._settings.releases / version / "bin/edge-agent")
        checked = _run([agent, "check", str(self._settings.configuration)])
        if checked.returncode:
            raise PullError(
                f"{version} does not take this box's configuration: {checked.stderr.strip()[-500:]}"
            )

    # -- trying it

    def _try(self, version: str) -> str:
        before = self._in_force()
        self._remember(trying={"version": version, "before": before})
        self._switch(version)
        _run(["systemctl", "restart", "edge-agent.service"], timeout_s=300)
        return self._judge(version, before)

    def _finish_interrupted(self) -> None:
        """A power cut came between the note and the verdict; a version that was never in force has none."""
        trying = self._state().get("trying")
        if trying and self._in_force() != str(trying["version"]):
            self._remember(trying=None)
        elif trying:
            self._judge(str(trying["version"]), str(trying["before"]))

    def _judge(self, version: str, before: str) -> str:
        if self._in_force() == version and self._works(version):
            self._remember(trying=None)
            self._prune(version, before)
            return f"{version} is in force and connected; before it was {before or 'nothing'}"
        self._give_up(version)
        if before:
            self._switch(before)
            _run(["systemctl", "restart", "edge-agent.service"], timeout_s=300)
        self._remember(trying=None)
        raise PullError(f"{version} did not come up; back to {before or 'nothing'}")

    def _works(self, version: str) -> bool:
        """Whether it is connected to the broker, before ``settle_s`` have passed."""
        agent = str(self._settings.releases / version / "bin/edge-agent")
        deadline = time.monotonic() + self._settings.settle_s
        while time.monotonic() < deadline:
            done = _run([agent, "status", "--json", str(self._settings.configuration)])
            try:
                answer = json.loads(done.stdout)
                if answer["connected"] and answer["heartbeat"]["version"] == version:
                    return True
            except (ValueError, KeyError, TypeError):
                pass
            self._pause.wait(POLL_S)
        return False

    def _in_force(self) -> str:
        try:
            return Path(os.readlink(self._settings.releases / "current")).name
        except OSError:
            return ""

    def _switch(self, version: str) -> None:
        new = self._settings.releases / ".current.new"
        new.unlink(missing_ok=True)
        new.symlink_to(version)
        new.replace(self._settings.releases / "current")

    def _give_up(self, version: str) -> None:
        failed = [*self._state().get("failed", []), version]
        self._remember(failed=failed[-10:])

    def _prune(self, *kept: str) -> None:
        for place in self._settings.releases.iterdir():
            if VERSION.fullmatch(place.name) and place.name not in kept:
                shutil.rmtree(place, ignore_errors=True)

    # -- memory

    def _state(self) -> dict[str, Any]:
        """Raises PullError for a damaged file: without its serial an older manifest would be obeyed."""
        path = self._settings.state
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        except ValueError as error:
            raise PullError(f"{path} is damaged: {error}; nothing is pulled until it is removed") from error
        if not isinstance(found, dict):
            raise PullError(f"{path} is damaged: no JSON object; nothing is pulled until it is removed")
        return found

    def _remember(self, **changes: object) -> None:
        self._settings.state.parent.mkdir(parents=True, exist_ok=True)
        new = self._settings.state.with_suffix(".new")
        with new.open("w", encoding="utf-8") as target:
            json.dump(self._state() | changes, target)
            target.flush()
            os.fsync(target.fileno())
        new.replace(self._settings.state)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _run(command: list[str], timeout_s: float = 120) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout_s, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return subprocess.CompletedProcess(command, 1, "", str(error))


def main() -> int:
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else SETTINGS
    try:
        print(f"edge-pull: {Puller(Settings.read(path)).run()}")
    except (PullError, OSError, ValueError, KeyError) as error:
        print(f"edge-pull: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
