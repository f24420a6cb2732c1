"""``edge-agent collect``: copy collected frames from a gateway to a medium, and open them at the centre."""

from __future__ import annotations

import argparse
import csv
import getpass
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

import msgspec

from edge_agent.errors import EdgeAgentError, EvidenceError

MANIFEST = "manifest.csv"
COLUMNS = (
    *("file", "sha256", "width", "height", "place", "light"),  # as the manifest of training/ names them
    *("time", "clock", "brightness", "grey", "active", "gateway", "camera", "event_id"),
)


def add_commands(collect: argparse.ArgumentParser, default_config: Path) -> None:
    actions = collect.add_subparsers(dest="action", metavar="export|open", required=True)
    export = actions.add_parser(
        "export", help="on a gateway: copy its collected frames, sealed as they are, and remove them there"
    )
    export.add_argument("folder", type=Path, metavar="FOLDER", help="for example of a USB stick")
    export.add_argument("config", type=Path, nargs="?", default=default_config)
    export.add_argument("--by", metavar="NAME", help="who exports, for the event; default: your login name")

    opening = actions.add_parser("open", help="at the centre: collected frames as pictures with a manifest")
    opening.add_argument("paths", type=Path, nargs="+", metavar="PATH", help="sealed files, folders of them")
    opening.add_argument("--key", type=Path, required=True, metavar="PRIVATE.pem", help="X25519")
    opening.add_argument("--out", type=Path, required=True, metavar="DIR", help=f"gets {MANIFEST}, too")


def run_collect(args: argparse.Namespace, out: TextIO) -> int:
    return _export(args, out) if args.action == "export" else _open(args, out)


# --- on a gateway ---


def _export(args: argparse.Namespace, out: TextIO) -> int:
    """Read and removed with the agent's rights, written with those of the caller: who owns the state
    directory can put a link in the place of a file."""
    from edge_agent import config
    from edge_agent.device.privileges import as_agent
    from edge_agent.evidence.names import MediaName
    from edge_agent.state_file import read_bounded

    settings = config.load(args.config, no_secrets=True)
    state_dir, gateway = settings.state_dir, settings.gateway.id
    target = args.folder / gateway
    target.mkdir(parents=True, exist_ok=True)
    with as_agent(state_dir):
        paths = sorted((state_dir / "collect/media").glob("*/*.sealed"))
    count, event_id = 0, ""
    for path in paths:
        if (name := MediaName.parsed(path)) is None:
            continue
        try:
            with as_agent(state_dir):
                sealed = read_bounded(path)
        except FileNotFoundError:  # the agent has just sent it
            continue
        _write(target / f"{name.camera}_{name.day}_{path.name}", sealed)
        with as_agent(state_dir):
            path.unlink(missing_ok=True)
        count, event_id = count + 1, name.event_id
    if count:
        with as_agent(state_dir):
            _leave_word(state_dir / "collect", event_id, count, args.by or getpass.getuser())
    out.write(f"{gateway}: {count} frames copied to {target} and removed from the gateway\n")
    return 0


def _write(path: Path, content: bytes) -> None:
    """Returns when it is on the medium."""
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _leave_word(folder: Path, event_id: str, count: int, by: str) -> None:
    """For the agent, which reports it in its signed chain of events."""
    from edge_agent.collection.record import EXPORTED_FILE, Exported
    from edge_agent.state_file import read_record, write_record

    before = read_record(folder / EXPORTED_FILE, Exported)
    earlier = before.frames if before is not None and before.event_id == event_id else 0
    write_record(folder / EXPORTED_FILE, Exported(event_id, earlier + count, by))


# --- at the centre ---


def _open(args: argparse.Namespace, out: TextIO) -> int:
    from edge_agent.evidence.seal import SealError, WrongKey, unseal

    try:
        key = args.key.read_bytes()
    except OSError as error:
        raise EvidenceError(f"{args.key} cannot be read: {error.strerror}") from error
    rows = _rows_of(args.out / MANIFEST)
    opened = others = failed = 0
    for path in _sealed(args.paths):
        try:
            row = _opened(unseal(path.read_bytes(), key), args.out)
        except WrongKey:
            others += 1
        except (SealError, OSError) as error:
            failed += 1
            out.write(f"{path}: {error}\n")
        except EdgeAgentError:  # evidence that is sealed to the same key
            others += 1
        else:
            opened += 1
            rows[row["file"]] = row
    if rows:
        _write_rows(args.out / MANIFEST, rows)
    out.write(f"{args.out}: {opened} frames opened, {others} other files left alone, {failed} failed\n")
    return 1 if failed else 0


def _sealed(paths: list[Path]) -> Iterator[Path]:
    for path in paths:
        if path.is_dir():
            yield from sorted(path.rglob("*.sealed"))
        else:
            yield path


def _opened(jpeg: bytes, folder: Path) -> dict[str, Any]:
    """The picture as a file, and its row. What it says of itself was checked: it becomes a path."""
    from edge_agent.collection.frame_file import note_of

    note = note_of(jpeg)
    place = f"{note.gateway}-{note.camera}"
    file = f"{place}/{note.time.translate(str.maketrans('', '', '-:.'))}.jpg"
    (folder / place).mkdir(parents=True, exist_ok=True)
    (folder / file).write_bytes(jpeg)
    digest = hashlib.sha256(jpeg).hexdigest()
    return {**msgspec.to_builtins(note), "file": file, "sha256": digest, "place": place}


def _rows_of(manifest: Path) -> dict[str, dict[str, Any]]:
    """Of an earlier run, by file."""
    try:
        with manifest.open(encoding="utf-8", newline="") as file:
            return {row["file"]: row for row in csv.DictReader(file)}
    except FileNotFoundError:
        return {}


def _write_rows(manifest: Path, rows: dict[str, dict[str, Any]]) -> None:
    with manifest.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(rows[name] for name in sorted(rows))
