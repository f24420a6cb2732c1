#!/usr/bin/python3
"""``edge-certificates``: root's part of the two slots in /etc/edge-agent/tls; docs/design/certificates.md.

``stage`` reads ``{"certificate": PEM, "ca": PEM, "key": PEM}`` from stdin, each key optional, and writes it
to the next slot. ``promote`` moves the next slot over the first when the agent has noted that the broker
accepted it. ``tend`` is ``promote`` and then, if a server of releases is configured, ``stage`` with its
certificate for this gateway.

Needs only Python and openssl. Exit codes: 0 done, or nothing to do; 1 refused, nothing was changed.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import hashlib
import http.client
import json
import os
import ssl
import stat
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

KEY, CA, CERTIFICATE = FILES = ("client.key", "ca.crt", "client.crt")
"""In the order in which they are written and moved. The certificate comes last, because it identifies a
slot."""
MOST_BYTES = 100_000


class Refused(Exception):
    """The request is refused and nothing was changed; the text is the reason."""


class Unreachable(Refused):
    """The server does not answer; the next run tries again."""


class Slots:
    """The folder of the first slot, with the next slot in ``next`` below it."""

    def __init__(self, folder: Path, note: Path) -> None:
        self.folder = folder
        self.next = folder / "next"
        self._note = note

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Lock the slots: a playbook and the timer may run at the same time."""
        handle = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)

    def first(self) -> dict[str, bytes]:
        return _read(self.folder)

    def following(self) -> dict[str, bytes]:
        """Return the next slot; files that it lacks are those of the first slot. So a move in progress
        changes nothing."""
        return self.first() | _read(self.next)

    def proven(self) -> bool:
        """Return whether the agent noted that the broker accepted the next slot.

        The agent, which has fewer rights than root, writes the note: it is only compared.
        """
        try:
            noted = json.loads(_read_plain(self._note))
        except (OSError, ValueError, RecursionError):
            return False
        return isinstance(noted, dict) and noted.get("proven") == fingerprint(self.following())

    def promote(self) -> bool:
        """Move the next slot over the first; False if there is none. After a power cut the next run moves the
        rest."""
        waiting = [name for name in FILES if (self.next / name).is_file()]
        if not waiting or not self.proven():
            return False
        for name in waiting:
            (self.next / name).replace(self.folder / name)
            _sync(self.folder)
            _sync(self.next)
        return True

    def write(self, folder: Path, files: dict[str, bytes]) -> None:
        """Write files durably, readable for the group of the first slot's folder."""
        group = self.folder.stat().st_gid
        if not folder.is_dir():
            folder.mkdir(mode=0o750)
            os.chown(folder, -1, group)
            _sync(folder.parent)
        for name in [name for name in FILES if name in files]:
            new = folder / f".{name}.new"
            new.unlink(missing_ok=True)
            with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as target:
                target.write(files[name])
                target.flush()
                os.fchown(target.fileno(), -1, group)
                os.fchmod(target.fileno(), 0o640)
                os.fsync(target.fileno())
            new.replace(folder / name)
            _sync(folder)

    def clear(self, *kept: str) -> bool:
        """Delete files of the next slot that are not ``kept``, the certificate first; False if there were
        none."""
        gone = [name for name in reversed(FILES) if name not in kept and (self.next / name).is_file()]
        for name in gone:
            (self.next / name).unlink()
        return bool(gone)


def stage(slots: Slots, given: dict[str, bytes], name: str, *, only_later: bool = False) -> str:
    """Write ``given`` to the next slot, and return a sentence about it.

    ``only_later``: ignore a certificate that ends no later than the present ones. Raises Refused.
    """
    moved = "; the former next slot is in force" if slots.promote() else ""
    first, following = slots.first(), slots.following()
    if only_later and CERTIFICATE in given and not _later(given[CERTIFICATE], first, following):
        given = given | {CERTIFICATE: following[CERTIFICATE]}
    wanted = first | given
    changed = {file: content for file, content in wanted.items() if first.get(file) != content}
    if not changed:
        withdrawn = slots.clear()
        return (
            f"withdrawn: the slot in force is already the requested one{moved}"
            if withdrawn
            else f"unchanged{moved}"
        )
    usable = _pair_fits(first) and CA in first and _name(first[CERTIFICATE]) == name
    if usable and wanted == following:
        return f"unchanged: it waits in the next slot{moved}"
    _check(wanted, first, name)
    if usable:
        slots.clear(*changed)
        slots.write(slots.next, changed)
        return f"staged: in force when the broker has accepted it{moved}"
    slots.clear()
    slots.write(slots.folder, changed)
    return f"in force: there was no usable certificate for {name}"


def _later(pem: bytes, *slots: dict[str, bytes]) -> bool:
    return all(_end(pem) > _end(slot[CERTIFICATE]) for slot in slots if CERTIFICATE in slot)


def _check(wanted: dict[str, bytes], first: dict[str, bytes], name: str) -> None:
    """Raise Refused for faults that can be found without a broker."""
    if missing := [file for file in FILES if file not in wanted]:
        raise Refused(f"there is no {' and no '.join(missing)}")
    if not _pair_fits(wanted):
        raise Refused("the certificate does not belong to this gateway's key")
    if (found := _name(wanted[CERTIFICATE])) != name:
        raise Refused(f"the certificate is for {found or 'no name'}, not for {name}")
    fault = _chain_fault(wanted)
    # A broker may accept certificates of another CA than its own: then this check cannot decide.
    dated = fault is not None and ("expired" in fault or "not yet valid" in fault)
    if fault is not None and (dated or _chain_fault(first, dates=False) is None):
        raise Refused(f"the certificate is not valid: {fault}")


# -- for a gateway that ssh cannot reach


def fetch(slots: Slots, settings: Path, site_id: Path, seen: Path) -> str:
    """``stage`` this gateway's certificate from the server. ``settings``: those of updates. Raises
    Refused."""
    if not settings.is_file() or not site_id.is_file():
        return "no server is configured"
    kept, name = json.loads(settings.read_text(encoding="utf-8")), site_id.read_text(encoding="utf-8").strip()
    url = str(kept.get("url", "")).rstrip("/")
    if not url:
        return "no server is configured"
    if not url.startswith("https://"):
        raise Refused(f"url in {settings} must begin with https://")
    server = Server(url, str(kept.get("ca_file", "")))
    certificate = server.get(f"certificates/{name}.crt")
    if certificate is None:
        return f"unchanged: the server has no certificate for {name}"
    given, serial = {CERTIFICATE: certificate}, 0
    if (listed := server.get("certificates/authorities.json")) is not None:
        signature = server.get("certificates/authorities.json.sig") or b""
        authorities = _signed(listed, signature, str(kept["public_key"]))
        serial = int(authorities["serial"])
        if serial < _serial(seen):
            raise Refused(f"the server's list of CAs is older ({serial}) than a former one ({_serial(seen)})")
        given[CA] = str(authorities["ca"]).encode()
    with slots.locked():
        result = stage(slots, given, name, only_later=True)
    if serial > _serial(seen):
        new = seen.with_suffix(".new")
        new.write_text(json.dumps({"serial": serial}), encoding="utf-8")
        new.replace(seen)
    return result


class Server:
    """The https server of releases."""

    def __init__(self, url: str, ca_file: str) -> None:
        self._url = url
        self._tls = ssl.create_default_context(cafile=ca_file or None)

    def get(self, name: str) -> bytes | None:
        """Return the file; None if there is none. Raises Refused."""
        address = f"{self._url}/{name}"
        try:
            with urllib.request.urlopen(address, timeout=60, context=self._tls) as answer:
                found: bytes = answer.read(MOST_BYTES + 1)
        except urllib.error.HTTPError as error:
            if error.code == http.HTTPStatus.NOT_FOUND:
                return None
            raise Unreachable(f"{address}: {error}") from error
        except (OSError, ValueError, http.client.HTTPException) as error:
            raise Unreachable(f"{address}: {error}") from error
        if len(found) > MOST_BYTES:
            raise Refused(f"{address} is longer than {MOST_BYTES} bytes")
        return found


def _signed(text: bytes, signature: bytes, public_key: str) -> dict[str, Any]:
    with _on_disk({"text": text, "signature": signature}) as folder:
        verify = ["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", public_key, "-rawin"]
        files = ["-in", str(folder / "text"), "-sigfile", str(folder / "signature")]
        if _run([*verify, *files]).returncode:
            raise Refused("the server's list of CAs is not signed with the fleet's key")
    found: dict[str, Any] = json.loads(text)
    return found


def _serial(seen: Path) -> int:
    """Return the serial of the newest list of CAs. A damaged file raises: an older list could be accepted."""
    try:
        return int(json.loads(seen.read_text(encoding="utf-8"))["serial"])
    except FileNotFoundError:
        return 0


# -- the content of a slot


def fingerprint(slot: dict[str, bytes]) -> str:
    """Return the digest of certificate and CA, the same as in edge_agent/mqtt/tls/rotation.py."""
    digest = hashlib.sha256()
    for name in (CERTIFICATE, CA):
        content = slot.get(name, b"")
        digest.update(b"%d:" % len(content) + content)
    return digest.hexdigest()


def _pair_fits(slot: dict[str, bytes]) -> bool:
    if CERTIFICATE not in slot or KEY not in slot:
        return False
    with _on_disk(slot) as folder:
        own = _run(["openssl", "x509", "-in", str(folder / CERTIFICATE), "-noout", "-pubkey"])
        key = _run(["openssl", "pkey", "-in", str(folder / KEY), "-pubout", "-passin", "pass:"])
    return own.returncode == 0 and key.returncode == 0 and own.stdout.strip() == key.stdout.strip()


def _name(pem: bytes) -> str:
    text = _about(pem, "-subject", "-nameopt", "RFC2253")
    return text.partition("subject=")[2].strip().removeprefix("CN=")


def _end(pem: bytes) -> int:
    """Return the end of validity in seconds since 1970; 0 if it is not a certificate."""
    try:
        return ssl.cert_time_to_seconds(_about(pem, "-enddate").partition("=")[2].strip())
    except ValueError:
        return 0


def _about(pem: bytes, *options: str) -> str:
    with _on_disk({CERTIFICATE: pem}) as folder:
        return _run(["openssl", "x509", "-in", str(folder / CERTIFICATE), "-noout", *options]).stdout


def _chain_fault(slot: dict[str, bytes], *, dates: bool = True) -> str | None:
    """Return why a broker with this CA would refuse the certificate; None if it would accept it."""
    if CERTIFICATE not in slot or CA not in slot:
        return "there is no certificate or no CA"
    with _on_disk(slot) as folder:
        own, ca = str(folder / CERTIFICATE), str(folder / CA)
        verify = ["openssl", "verify", "-purpose", "sslclient", "-CAfile", ca, "-untrusted", own]
        done = _run([*verify, *([] if dates else ["-no_check_time"]), own])
    if done.returncode == 0:
        return None
    lines = [line for line in done.stderr.splitlines() if line.startswith("error ")]
    return lines[0].partition(": ")[2] if lines else "openssl cannot read it"


@contextlib.contextmanager
def _on_disk(files: dict[str, bytes]) -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:  # of mode 0700
        for name, content in files.items():
            Path(folder, name).write_bytes(content)
        yield Path(folder)


def _run(command: list[str]) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return subprocess.CompletedProcess(command, 1, "", str(error))


def _read(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in FILES if (folder / name).is_file()}


def _read_plain(path: Path) -> bytes:
    """Read a file in a folder that another user than root may write. Raises OSError if it is not a plain
    file."""
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise OSError(f"{path} is not a plain file")
        return os.read(handle, MOST_BYTES)
    finally:
        os.close(handle)


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def main() -> int:
    args = _parser().parse_args()
    slots = Slots(args.folder, args.note)
    try:
        if args.command == "tend":
            with slots.locked():
                print("promoted" if slots.promote() else "nothing to promote")
            print(fetch(slots, args.settings, args.site_id, args.seen))
            return 0
        with slots.locked():
            if args.command == "promote":
                print("promoted" if slots.promote() else "unchanged: the broker has accepted no next slot")
                return 0
            names = {"key": KEY, "ca": CA, "certificate": CERTIFICATE}
            given = {names[key]: str(pem).encode() for key, pem in json.load(sys.stdin).items()}
            print(stage(slots, given, args.name))
    except Unreachable as error:
        print(f"edge-certificates: {error}; the next run asks again", file=sys.stderr)
    except (Refused, OSError, ValueError, KeyError, TypeError) as error:
        print(f"edge-certificates: {error}; nothing was changed", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="edge-certificates",
        description="Manage the two certificate slots of a gateway.",
        allow_abbrev=False,
    )
    parser.add_argument("--folder", type=Path, default=Path("/etc/edge-agent/tls"))
    parser.add_argument("--note", type=Path, default=Path("/var/lib/edge-agent/certificates.json"))
    commands = parser.add_subparsers(dest="command", required=True)
    staging = commands.add_parser(
        "stage", help="write the certificate on stdin to the next slot", allow_abbrev=False
    )
    staging.add_argument("--name", required=True, help="the gateway's id")
    commands.add_parser(
        "promote", help="make a slot that the broker accepted the first one", allow_abbrev=False
    )
    tending = commands.add_parser(
        "tend", help="promote, then ask the server of releases for a certificate", allow_abbrev=False
    )
    tending.add_argument("--settings", type=Path, default=Path("/etc/edge-agent/update.json"))
    tending.add_argument("--site-id", type=Path, default=Path("/etc/edge-agent/site-id"))
    tending.add_argument(
        "--seen", type=Path, default=Path("/var/lib/edge-agent-certificates/authorities.json")
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
