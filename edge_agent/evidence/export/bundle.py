"""Makes a bundle for an expert of a court: an event, its proof, and how to check it with common tools."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from edge_agent.core.errors import EvidenceError
from edge_agent.evidence.chain.keys import SigningKey, to_pem
from edge_agent.evidence.chain.records import Record, published_head
from edge_agent.evidence.export.archive import MissingItem, Selection
from edge_agent.evidence.export.bundle_texts import ReadmeFacts, readme_en, readme_vi
from edge_agent.evidence.export.contents import MAX_FILES
from edge_agent.evidence.export.manifest import MANIFEST, READMES, SIGNATURE, SUMS

PROMISE = (
    "The bundle shows that its events and media are as the gateway published them, and which key signed "
    "them. It says nothing about whether a court admits them."
)
UNSIGNED_MANIFEST = MissingItem(
    "the signature of manifest.json: the gateway's key cannot be read, nothing covers it and the README",
    "chữ ký số của manifest.json: không đọc được khóa của thiết bị nên tệp này và README không được bảo đảm",
)
UNKNOWN_OFFSET = "unknown: the camera did not tell its time"


@dataclass(frozen=True, slots=True)
class Exporter:
    """Says who exports, when, and with which agent."""

    by: str
    at: str  # RFC 3339
    clock_synced: bool | None  # whether the gateway's clock was synchronised; None if unknown
    agent: str  # version


@dataclass(frozen=True, slots=True)
class BundleDevice:
    """The gateway that published the events."""

    gateway: str
    ward: str
    name: str
    board: str
    serial: str | None
    os: str
    versions: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ClockOffset:
    """One measurement of a camera's own clock."""

    at: str  # RFC 3339, UTC, milliseconds, as event times are
    offset_s: float  # camera minus gateway


@dataclass(frozen=True, slots=True)
class Bundle:
    files: dict[str, bytes]  # by name
    missing: list[MissingItem]  # items that it should contain, but that are missing


def make_bundle(
    selection: Selection,
    media: dict[str, bytes],
    keys: dict[str, bytes],
    exporter: Exporter,
    device: BundleDevice,
    camera_clocks: Mapping[str, Sequence[ClockOffset]] | None = None,
    signing: SigningKey | None = None,
) -> Bundle:
    """Return the bundle. Raises ``EvidenceError`` when it would have too many files.

    ``media``: by file name; ``keys``: PEM of public keys by key id; ``camera_clocks``: by camera, oldest
    first; ``signing`` signs the manifest; without it, ``missing`` must have an entry about that.
    """
    files = {
        f"events/{epoch}-{sequence:016d}.json": payload
        for (epoch, sequence), payload in sorted(selection.payloads.items())
    }
    heads = [_head_files(record, files) for record in selection.heads]
    missing = [*selection.missing, *_add_keys(heads, keys, files), *_missing_media(selection, media)]
    if signing is None:
        missing.append(UNSIGNED_MANIFEST)
    else:
        files[f"keys/{signing.id[:16]}.pem"] = to_pem(signing.der)
    files |= {f"media/{name}": content for name, content in sorted(media.items())}
    events = [record.id for record in selection.requested]
    facts = ReadmeFacts(exporter.by, exporter.at, device.gateway, events, missing)
    files |= {name: text(facts).encode() for name, text in zip(READMES, (readme_en, readme_vi), strict=True)}
    manifest = {
        "bundle": "edge-agent evidence 1",
        "promise": PROMISE,
        "exported": msgspec.to_builtins(exporter),
        "device": msgspec.to_builtins(device),
        "asked_for": selection.name,
        "events": [_event(record, selection) for record in selection.requested],
        "heads": heads,
        "camera_clock_offset": _camera_clocks(selection, camera_clocks or {}),
        "missing": [gap.en for gap in missing],
        "signed_by": signing and signing.id,
        "files": {name: _sha256(content) for name, content in sorted(files.items())},
    }
    files[MANIFEST] = msgspec.json.format(msgspec.json.encode(manifest), indent=2) + b"\n"
    if signing is not None:
        files[SIGNATURE] = signing.sign(files[MANIFEST])
    lines = [f"{_sha256(content)}  {name}\n" for name, content in sorted(files.items())]
    files[SUMS] = "".join(lines).encode()
    if len(files) > MAX_FILES:
        raise EvidenceError(
            f"{selection.name} lasted so long that its bundle would have {len(files)} files, more than the "
            f"{MAX_FILES} that a check reads: export its events one by one, by their ids"
        )
    return Bundle(files, missing)


def _add_keys(
    heads: list[dict[str, str]], keys: dict[str, bytes], files: dict[str, bytes]
) -> Iterator[MissingItem]:
    """Add the public keys of the heads to ``files``; yield those that are missing."""
    for key, file in {head["key_id"]: head["file"] for head in heads}.items():
        if key in keys:
            files[f"keys/{key[:16]}.pem"] = keys[key]
        else:
            yield MissingItem(
                f"the public key {key}, which signed {file}: ask the centre for it",
                f"khóa công khai {key} của chữ ký số {file}: đề nghị trung tâm cung cấp",
            )


def write_bundle(files: dict[str, bytes], target: Path) -> None:
    """Write a zip if the name ends in ``.zip``, else a folder. Raises ``EvidenceError``; replaces nothing."""
    if target.exists():
        raise EvidenceError(f"{target} exists already; nothing is written over it")
    try:
        if target.suffix == ".zip":
            with zipfile.ZipFile(target, "x", zipfile.ZIP_DEFLATED) as archive:
                for name, content in files.items():
                    archive.writestr(name, content)
            return
        for name, content in files.items():
            path = target / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
    except OSError as error:
        raise EvidenceError(f"{target} cannot be written: {error.strerror or error}") from error


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _head_files(record: Record, files: dict[str, bytes]) -> dict[str, str]:
    """Add text and signature of a head to ``files``; return its entry in the manifest."""
    assert record.head is not None
    head = published_head(record.gateway, record.head)
    stem = f"heads/{head.epoch}-{head.sequence:016d}-{head.key_id[:16]}"
    files[f"{stem}.txt"], files[f"{stem}.sig"] = head.text, head.signature
    return {
        "file": f"{stem}.txt",
        "published_as": record.id,
        "signs": f"{head.gateway}/{head.epoch}/{head.sequence:016d}",
        "signed_at": record.head.signed_at,
        "key_id": head.key_id,
    }


def _event(record: Record, selection: Selection) -> dict[str, Any]:
    """Return the summary of an event for the manifest."""
    payload = selection.payloads.get((record.epoch, record.sequence))
    event = {} if payload is None else msgspec.json.decode(payload)
    names = ("type", "subject", "time", "recordedtime", "clock", "bootid")
    return {
        "id": record.id,
        "sha256": record.sha256,
        "prevhash": record.prevhash,
        "event_id": record.event_id,
        **{name: event.get(name) for name in names},
        "clock_correction": _correction(str(event.get("bootid")), selection),
    }


def _camera_clocks(
    selection: Selection, measured: Mapping[str, Sequence[ClockOffset]]
) -> dict[str, Any] | str:
    """Return, for each camera, the last clock measurement before its first event, and the next one."""
    found: dict[str, Any] = {}
    for record in selection.requested:
        payload = selection.payloads.get((record.epoch, record.sequence))
        event = {} if payload is None else msgspec.json.decode(payload)
        camera, at = str(event.get("subject")), str(event.get("time"))
        if camera in found or camera not in measured:
            continue
        earlier = [offset for offset in measured[camera] if offset.at <= at]
        later = [offset for offset in measured[camera] if offset.at > at]
        found[camera] = {
            "camera_minus_gateway_s": "exact to about a second; reported by the camera, no login (ONVIF)",
            "before": msgspec.to_builtins(earlier[-1]) if earlier else None,
            "after": msgspec.to_builtins(later[0]) if later else None,
        }
    return found or UNKNOWN_OFFSET


def _correction(boot_id: str, selection: Selection) -> dict[str, Any] | None:
    """Return the later clock correction of the same boot; None if there is none."""
    for payload in selection.correction_payloads:
        event = msgspec.json.decode(payload)
        if event.get("bootid") == boot_id:
            return {"id": event["id"], **event["data"]}
    return None


def _missing_media(selection: Selection, media: dict[str, bytes]) -> list[MissingItem]:
    here = {_sha256(content) for content in media.values()}
    refs = {ref for record in selection.requested for ref in record.media}
    return [
        MissingItem(
            f"media {ref.media_id}: no longer on this gateway; the centre may have it",
            f"ảnh hoặc video {ref.media_id}: không còn trên thiết bị này; trung tâm có thể còn lưu",
        )
        for ref in sorted(refs, key=lambda ref: ref.media_id)
        if not {ref.sha256, ref.sealed_sha256} & here
    ]
