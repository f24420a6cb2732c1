"""The files of the commissioning report: photos and drawn signatures that go in, stored findings, the page
and its copy on the gateway. ``paper.py`` makes the page."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import msgspec
import numpy as np

from edge_agent.control.commissioning import FOLDER, SIGNED, by_age
from edge_agent.core.errors import EdgeAgentError, os_reason
from edge_agent.core.languages import Bilingual, in_lang
from edge_agent.core.problems.problem import encode_json
from edge_agent.detection.small_jpeg import jpeg_size
from edge_agent.tools.doctor.checks.picture import jpeg
from edge_agent.wire import Doctor

PHOTO_SIDE = 1280
MAX_PHOTO_BYTES = 64_000_000
MAX_PIXELS = 50_000_000
"""Limit of width times height, read from the header before decoding: 20 kB of PNG can become 1 GB."""
SIGNATURE_SIDE = 800
MAX_FINDINGS_BYTES = 32_000_000


@dataclass(frozen=True, slots=True)
class Photo:
    """A picture file of the caller."""

    path: Path
    content: bytes
    option: str = "--photo"

    @classmethod
    def read(cls, path: Path, option: str = "--photo") -> Photo:
        """Read the file. Raises EdgeAgentError."""
        try:
            return cls(path, path.read_bytes(), option)
        except OSError as error:
            raise _unreadable(f"{option} {path}", error) from error

    def scaled(self) -> bytes:
        """Return a JPEG that is turned upright by the EXIF data, and has none: a phone writes its owner's
        name into them. Raises EdgeAgentError for a file that is no picture."""
        return jpeg(self._decoded(PHOTO_SIDE, cv2.IMREAD_COLOR))  # type: ignore[arg-type]

    def signature(self) -> bytes:
        """Return a PNG without metadata; transparent pixels stay transparent. Raises EdgeAgentError."""
        done, buffer = cv2.imencode(".png", self._decoded(SIGNATURE_SIDE, cv2.IMREAD_UNCHANGED))
        assert done, "a decoded picture can be encoded"
        return buffer.tobytes()

    def _decoded(self, side: int, how: int) -> cv2.typing.MatLike:
        picture = None
        size = jpeg_size(self.content) or _png_size(self.content)
        if size is not None and size[0] * size[1] > MAX_PIXELS:
            limit = MAX_PIXELS // 1_000_000
            raise EdgeAgentError(
                Bilingual(
                    f"{self.option} {self.path} has more than {limit} million pixels",
                    f"{self.option} {self.path} có hơn {limit} triệu điểm ảnh",
                )
            )
        if size is not None and len(self.content) <= MAX_PHOTO_BYTES:
            picture = cv2.imdecode(np.frombuffer(self.content, np.uint8), how)
        if picture is None:
            raise EdgeAgentError(
                Bilingual(
                    f"{self.option} {self.path} is not a picture that can be read; use a JPEG or PNG",
                    f"{self.option} {self.path}: không đọc được ảnh này; hãy dùng tệp JPEG hoặc PNG",
                )
            )
        scale = side / max(picture.shape[:2])
        if scale < 1:
            picture = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        return picture


def _png_size(content: bytes) -> tuple[int, int] | None:
    """Return (width, height) from the header of a PNG file; None if ``content`` is no PNG."""
    if not content.startswith(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR") or len(content) < 24:
        return None
    return int.from_bytes(content[16:20]), int.from_bytes(content[20:24])


def _unreadable(what: str, error: OSError) -> EdgeAgentError:
    reason = os_reason(error)
    vietnamese = f"{what}: không đọc được: {in_lang(reason, 'vi')}"
    return EdgeAgentError(Bilingual(f"{what} cannot be read: {reason}", vietnamese))


def _unwritable(path: Path, error: OSError) -> EdgeAgentError:
    reason = os_reason(error)
    vietnamese = f"không ghi được vào {path}: {in_lang(reason, 'vi')}"
    return EdgeAgentError(Bilingual(f"{path} cannot be written: {reason}", vietnamese))


def read_findings(path: Path) -> Doctor:
    """Read a stored document. Raises EdgeAgentError."""
    try:
        with path.open("rb") as file:
            content = file.read(MAX_FINDINGS_BYTES + 1)
    except OSError as error:
        raise _unreadable(f"--findings {path}", error) from error
    if len(content) > MAX_FINDINGS_BYTES:
        raise EdgeAgentError(
            Bilingual(
                f"--findings {path} has more than {MAX_FINDINGS_BYTES} bytes: this is not a file of findings",
                f"--findings {path} lớn hơn {MAX_FINDINGS_BYTES} byte nên không phải là tệp kết quả kiểm tra",
            )
        )
    try:
        return msgspec.json.decode(content, type=Doctor)
    except msgspec.MsgspecError as error:
        raise EdgeAgentError(
            Bilingual(
                f"--findings {path} has no findings of edge-agent doctor: {error}",
                f"--findings {path} không phải là tệp kết quả kiểm tra mà edge-agent doctor đã ghi",
            )
        ) from error


KEPT = 10


class ResultFile:
    """An output file that the caller names: opened with root's rights, written with the agent's."""

    def __init__(self, path: Path) -> None:
        """Open the file; its content stays until ``write`` replaces it. Raises EdgeAgentError."""
        self._path = path
        self._left_over = not path.exists()
        try:
            self._file = path.open("ab")
        except OSError as error:
            raise _unwritable(path, error) from error

    def write(self, content: bytes) -> None:
        """Replace the content. Raises EdgeAgentError."""
        self._left_over = False
        try:
            if self._file.seekable():  # false for a pipe
                self._file.truncate(0)
            self._file.write(content)
            self._file.flush()
        except OSError as error:
            raise _unwritable(self._path, error) from error

    def close(self) -> None:
        """Close the file; delete it, if possible, when it was created here and ``write`` was never called."""
        with contextlib.suppress(OSError):
            self._file.close()
            if self._left_over:
                self._path.unlink()


@contextlib.contextmanager
def result_file(path: Path | None) -> Iterator[ResultFile | None]:
    """Open the file at ``path`` for the ``with`` block; None if ``path`` is None. Raises EdgeAgentError."""
    if path is None:
        yield None
        return
    with contextlib.closing(ResultFile(path)) as opened:
        yield opened


def delete_oldest(pages: Iterable[Path]) -> None:
    """Delete the oldest pages so that ``KEPT`` remain, with the document beside each."""
    for old in by_age(pages)[:-KEPT]:
        with contextlib.suppress(OSError):
            old.unlink()
            old.with_suffix(".json").unlink()


def store_report(state_dir: Path, document: Doctor, page: bytes) -> None:
    """Store a copy of the report in ``state_dir/reports`` with the whole document beside it, and delete the
    oldest copies without a signature beyond ``KEPT``. A disk error is printed but not raised, because the
    report itself has been written."""
    folder = state_dir / FOLDER
    stamp = document.time[:19].replace("-", "").replace(":", "")
    path = folder / f"{document.gateway}-{stamp}Z.html"
    try:
        folder.mkdir(mode=0o750, exist_ok=True)
        path.write_bytes(page)
        path.with_suffix(".json").write_bytes(encode_json(document))
        delete_oldest(path for path in folder.glob("*.html") if not path.name.endswith(SIGNED))
    except OSError as error:
        reason = os_reason(error)
        text = Bilingual(
            f"no copy is kept in {folder}: {reason.lower()}",
            f"không lưu được bản sao trong {folder}: {in_lang(reason, 'vi')}",
        )
        print(in_lang(text, document.lang), file=sys.stderr)
