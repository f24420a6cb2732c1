"""``edge-agent evidence``: verify, export and hold evidence, and open sealed media. Any user can run it.

The code is in ``cli`` because it reads the configuration, the outbox and data of the board, which the stage
``evidence`` does not read.
"""

from __future__ import annotations

import argparse
import contextlib
import getpass
import hashlib
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from edge_agent import __version__
from edge_agent.cli.collect import add_private_key
from edge_agent.config.model.settings import Settings
from edge_agent.core.clock import SystemClock, rfc3339
from edge_agent.core.command_line.parser import Commands, add_command
from edge_agent.core.errors import EvidenceError, StorageError
from edge_agent.core.printable import printable, printable_json

if TYPE_CHECKING:
    from edge_agent.evidence.chain.keys import SigningKey
    from edge_agent.evidence.chain.records import Record
    from edge_agent.evidence.export.archive import EvidenceArchive
    from edge_agent.evidence.export.bundle import BundleDevice, ClockOffset
    from edge_agent.evidence.holds import HoldRecord
    from edge_agent.evidence.store import MediaStore


EVENT_HELP = "id of one event, or data.event_id of all events that belong together"


def add_command_to(commands: Commands, default_config: Path) -> None:
    evidence = add_command(commands, "evidence", "verify, export and hold evidence, and open sealed media")
    actions = evidence.add_commands("action")
    _add_verify(actions)
    _add_export(actions, default_config)
    _add_hold(actions, default_config)
    holds = add_command(
        actions,
        "holds",
        "list the holds: the event, since when, by whom, bytes of its media",
        "edge-agent evidence holds --json",
    )
    holds.add_json()
    holds.add_config(default_config)
    opening = add_command(
        actions,
        "open",
        "at the centre: open media that are sealed to its key",
        "edge-agent evidence open --private-key centre.pem cam-1.mp4.sealed --out opened",
        exit_codes={1: "failed, or some files could not be opened"},
    )
    opening.add_path("files", "FILE", "sealed pictures and clips", nargs="+")
    add_private_key(opening)
    opening.add_path("--out", "DIR", "where to write the result; default: beside each file")


def _add_verify(actions: Commands) -> None:
    verify = add_command(
        actions,
        "verify",
        "check that events and media are as the gateway published them",
        "edge-agent evidence verify case-17.zip --gateway-key dt-001=dt-001.pem",
        exit_codes={
            0: "everything is genuine",
            1: "failed, or something is altered, missing or without a signature",
            3: "nothing contradicts the evidence, but not all of it is signed with a key that is known to "
            "be the gateway's",
        },
    )
    verify.add_path("files", "FILE", "file with one event a line, or an exported bundle", nargs="+")
    key = verify.add_repeated(
        "--gateway-key",
        "GATEWAY=PUBLIC.pem",
        "public key of a gateway, as stored at the centre, or a file of birth messages with their topics. A "
        "key without GATEWAY= can show contradictions, but proves nothing genuine. May be repeated; default: "
        "no key",
        dest="key",
    )
    verify.rename("--key", key)
    verify.add_path(
        "--heads",
        "FILE",
        "file of events as they arrived at the centre, with the signed heads of the chain; the heads inside "
        "a bundle are then not trusted; default: none",
        nargs="+",
        default=[],
    )
    verify.add_path("--media", "FILE", "pictures and clips; default: none", nargs="+", default=[])
    verify.add_json()


def _add_export(actions: Commands, default_config: Path) -> None:
    export = add_command(
        actions,
        "export",
        "write a bundle that openssl and sha256sum can check",
        "sudo edge-agent evidence export EVENT --by 'Nguyễn Văn An' --out case-17.zip",
    )
    export.add_value("event", "EVENT", EVENT_HELP)
    export.add_by("for the manifest", required=True)
    export.add_path("--out", "FILE.zip|DIR", "where to write the result", required=True)
    export.add_config(default_config)


def _add_hold(actions: Commands, default_config: Path) -> None:
    hold = add_command(
        actions,
        "hold",
        "keep an event, its pictures and its clip until the hold is released",
        "sudo edge-agent evidence hold EVENT --by 'Nguyễn Văn An' --why 'file 7/2026'",
        "sudo edge-agent evidence hold EVENT --release",
    )
    hold.add_value("event", "EVENT", EVENT_HELP)
    hold.add_by("for the list of holds; default: your login name")
    hold.add_value("--why", "TEXT", "reason of the hold; default: none", default="")
    hold.add_flag("--release", "end the hold; rotation may delete the media again")
    hold.add_config(default_config)


def run_evidence(args: argparse.Namespace, out: TextIO) -> int:
    match args.action:
        case "verify":
            return _verify(args, out)
        case "export":
            return _export(args, out)
        case "hold":
            return _hold(args, out)
        case "holds":
            return _holds(args, out)
        case _:
            return _open(args, out)


def _verify(args: argparse.Namespace, out: TextIO) -> int:
    from edge_agent.evidence.export.check import check_files

    report = check_files(args.files, args.key, args.media, args.heads)
    if args.json:
        out.write(printable_json(report.as_json(), indent=2) + "\n")
    else:
        report.write(out)
    return report.exit_code


def _export(args: argparse.Namespace, out: TextIO) -> int:
    from edge_agent.evidence.chain.keys import public_keys
    from edge_agent.evidence.export.bundle import Exporter, make_bundle, write_bundle
    from edge_agent.evidence.export.manifest import SUMS
    from edge_agent.host.system.process import as_agent

    settings = _load(args.config)
    state_dir = settings.state_dir
    # Read as the agent's user: root would follow a symbolic link put in a picture's place.
    with _readable(state_dir), as_agent(state_dir):
        selection = _archive(state_dir).select(args.event)
        if not selection.requested:
            gaps = "".join(f"; {gap.en}" for gap in selection.missing)
            raise EvidenceError(
                f"{args.event}: this event is not on this gateway: mistyped, or already deleted{gaps}"
            )
        media = _media(settings, selection.requested)
        keys, clocks = public_keys(state_dir), _camera_clocks(state_dir)
        signing = _signing_key(state_dir)
    exporter = Exporter(args.by, rfc3339(SystemClock().now()), _clock_synced(), f"edge-agent {__version__}")
    bundle = make_bundle(selection, media, keys, exporter, _device(settings), clocks, signing)
    write_bundle(bundle.files, args.out)
    events, heads = len(selection.payloads), len(selection.heads)
    out.write(f"{args.out}: {events} events, {heads} heads, {len(media)} media\n")
    out.write(f"SHA-256 of {SUMS}, to be written down: {hashlib.sha256(bundle.files[SUMS]).hexdigest()}\n")
    for gap in bundle.missing:
        out.write(f"missing: {gap.en}\n")
    return 1 if bundle.missing else 0


def _hold(args: argparse.Namespace, out: TextIO) -> int:
    from edge_agent.host.system.process import become_agent

    settings, who = _load(args.config), args.by or getpass.getuser()
    store = _store(settings)
    become_agent(settings.state_dir)  # so that the agent can remove the files of the hold
    with _readable(settings.state_dir):
        event_id = _event_id(settings.state_dir, args.event)
        if args.release:
            released = store.holds.remove(event_id)
            out.write(f"{event_id}: {'released' if released else 'was not held'}\n")
            return 0 if released else 1
        store.holds.add(event_id, who, args.why)
        media = store.files_of(event_id)
        out.write(f"{event_id}: held, {len(media)} media on this gateway\n")
        if media or _archive(settings.state_dir).select(event_id).requested:
            return 0
    out.write(f"{event_id}: this event is not on this gateway: mistyped? --release undoes the hold\n")
    return 1


def _holds(args: argparse.Namespace, out: TextIO) -> int:
    from edge_agent.host.system.process import become_agent

    settings = _load(args.config)
    become_agent(settings.state_dir)
    with _readable(settings.state_dir):
        if args.json:
            facts = _holds_as_json(_store(settings))
            lines = [printable_json(facts, indent=2)]
        else:
            lines = _hold_table(_store(settings))
    out.writelines(f"{line}\n" for line in lines)
    return 0


HOLD_HEAD = ("EVENT", "SINCE", "BY", "BYTES", "WHY")


def _hold_table(store: MediaStore) -> list[str]:
    """Return the lines of a table. Raises ``OSError`` when the holds cannot be read."""
    rows = [_hold_row(event_id, hold, store) for event_id, hold in store.holds.all().items()]
    if not rows:
        return ["nothing is held"]
    widths = [max(map(len, column)) for column in zip(HOLD_HEAD, *rows, strict=True)]
    lines = ("  ".join(map(str.ljust, row, widths)) for row in (HOLD_HEAD, *rows))
    return [line.rstrip() for line in lines]


def _holds_as_json(store: MediaStore) -> list[dict[str, Any]]:
    """Return the holds for ``--json``, with None fields for an unreadable record. Raises ``OSError``."""
    return [
        {
            "event": event_id,
            "since": None if hold is None else hold.when,
            "by": None if hold is None else hold.who,
            "bytes": _size_bytes(event_id, store),
            "why": None if hold is None else hold.why,
        }
        for event_id, hold in store.holds.all().items()
    ]


def _size_bytes(event_id: str, store: MediaStore) -> int:
    return sum(path.stat().st_size for path in store.files_of(event_id))


def _hold_row(event_id: str, hold: HoldRecord | None, store: MediaStore) -> tuple[str, ...]:
    size_bytes = _size_bytes(event_id, store)
    if hold is None:
        return event_id, "?", "?", str(size_bytes), "its record cannot be read"
    return event_id, printable(hold.when), printable(hold.who), str(size_bytes), printable(hold.why)


def _open(args: argparse.Namespace, out: TextIO) -> int:
    from edge_agent.evidence.seal import SealError, unseal

    try:
        key = args.key.read_bytes()
    except OSError as error:
        raise EvidenceError(f"{args.key} cannot be read: {error.strerror}") from error
    failed = 0
    for path in args.files:
        target = (args.out or path.parent) / path.name.removesuffix(".sealed")
        try:
            if target.exists():
                raise EvidenceError(f"{target} exists already; nothing is written over it")
            content = unseal(path.read_bytes(), key)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
        except (SealError, EvidenceError, OSError) as error:
            failed += 1
            out.write(f"{path}: {error}\n")
        else:
            out.write(f"{path}: {target}\n")
    return 1 if failed else 0


# --- facts that only the gateway has ---


def _load(path: Path) -> Settings:
    from edge_agent import config

    return config.load(path, no_secrets=True)


def _store(settings: Settings) -> MediaStore:
    from edge_agent.evidence.store import MediaStore

    return MediaStore(settings.state_dir / "evidence", settings.storage, SystemClock())


def _signing_key(state_dir: Path) -> SigningKey | None:
    """Return the gateway's signing key. None: the key is missing or damaged; the bundle then says that its
    manifest is not signed."""
    from edge_agent.evidence.chain.keys import KeyProblem, load_private

    try:
        return load_private(state_dir)
    except KeyProblem:
        return None


def _event_id(state_dir: Path, name: str) -> str:
    """Return the id under which media are stored. ``name`` is this id, or the id of a single event, which
    contains slashes and is looked up."""
    if "/" not in name:
        return name
    ids = [record.event_id for record in _archive(state_dir).select(name).requested if record.event_id]
    if not ids:
        raise EvidenceError(f"{name}: this event is not on this gateway, or has no media")
    return ids[0]


def _archive(state_dir: Path) -> EvidenceArchive:
    from edge_agent.evidence.export.archive import EvidenceArchive
    from edge_agent.outbox.sqlite.database import waiting_payloads

    return EvidenceArchive(state_dir, partial(waiting_payloads, state_dir))


def _media(settings: Settings, events: Iterable[Record]) -> dict[str, bytes]:
    """Return all media of the events by file name, including pictures that still wait in the outbox."""
    found: dict[str, bytes] = {}
    for event_id in sorted({record.event_id for record in events if record.event_id}):
        for path in _store(settings).files_of(event_id):
            found[f"{path.parent.name}_{path.name}"] = path.read_bytes()
    for ref in (ref for record in events for ref in record.media):
        waiting = settings.state_dir / "media" / f"{ref.media_id}.jpg"
        if waiting.exists() and not any(ref.media_id in name for name in found):
            suffix = ".sealed" if ref.sealed_sha256 else ""
            found[f"{waiting.name}{suffix}"] = waiting.read_bytes()
    return found


def _device(settings: Settings) -> BundleDevice:
    from edge_agent.config.board import read_board
    from edge_agent.evidence.export.bundle import BundleDevice
    from edge_agent.host.board.sensors import read_text
    from edge_agent.host.health.birth import installed_versions, os_name

    gateway = settings.gateway
    return BundleDevice(
        gateway=gateway.id,
        ward=gateway.ward,
        name=gateway.name,
        board=read_board().name,
        serial=read_text(Path("/proc/device-tree/serial-number")),
        os=os_name(),
        versions={"edge-agent": __version__, **installed_versions()},
    )


def _camera_clocks(state_dir: Path) -> dict[str, list[ClockOffset]]:
    from edge_agent.evidence.export.bundle import ClockOffset
    from edge_agent.host.health.camera_clock import read_offsets

    measured = read_offsets(state_dir)
    return {
        camera_id: [ClockOffset(offset.at, offset.offset_s) for offset in offsets]
        for camera_id, offsets in measured.items()
    }


def _clock_synced() -> bool | None:
    from edge_agent.host.health.clock_sync import read_kernel_sync

    kernel = read_kernel_sync()
    return None if kernel is None else kernel.synced


@contextlib.contextmanager
def _readable(state_dir: Path) -> Iterator[None]:
    try:
        yield
    except PermissionError as error:
        raise EvidenceError(_no_permission(state_dir, error)) from error
    except StorageError as error:
        if isinstance(error.__cause__, PermissionError):
            raise EvidenceError(_no_permission(state_dir, error.__cause__)) from error
        raise
    except OSError as error:
        raise EvidenceError(f"{error.filename or state_dir} cannot be read: {error.strerror}") from error


def _no_permission(state_dir: Path, error: PermissionError) -> str:
    try:
        owner = state_dir.owner()
    except (OSError, KeyError):
        owner = "root"
    who = "root" if owner == "root" else f"{owner} or as root"
    place = error.filename or state_dir
    return f"{place}: no permission for the user {getpass.getuser()}; run it as {who} (sudo edge-agent ...)"
