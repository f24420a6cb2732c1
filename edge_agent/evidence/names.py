"""Names of the media files: what rotation and the command line have to know of a file is in its name."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from edge_agent.core.errors import StorageError

PART = ".part"  # of a file that is being written
_ID = re.compile(r"[a-z0-9-]{1,120}")
_NAME = re.compile(
    r"(?P<time>\d{6})_(?P<severity>\d+)_(?P<camera>[a-z0-9-]+)_(?P<event_id>[a-z0-9-]+)_(?P<media_id>[a-z0-9-]+)"
    r"\.(?P<suffix>mp4|jpg)(?P<sealed>\.sealed)?"
)


@dataclass(frozen=True, slots=True)
class MediaName:
    """``<YYYY-MM-DD>/<HHMMSS>_<severity number>_<camera>_<event_id>_<media_id>.<mp4|jpg>[.sealed]``. The time
    is the box's own, UTC, and a label: after a boot without a clock it can be years off."""

    day: str
    time: str
    severity: int
    camera: str
    event_id: str
    media_id: str
    suffix: str
    sealed: bool

    @classmethod
    def at(
        cls,
        moment: datetime,
        *,
        severity: int,
        camera: str,
        event_id: str,
        media_id: str,
        suffix: str,
        sealed: bool,
    ) -> Self:
        """Raises ``StorageError`` for an id that no file name can hold."""
        for word in (camera, event_id, media_id):
            check_id(word)
        moment = moment.astimezone(UTC)
        day, time = moment.strftime("%Y-%m-%d"), moment.strftime("%H%M%S")
        return cls(day, time, severity, camera, event_id, media_id, suffix, sealed)

    @classmethod
    def parsed(cls, path: Path) -> Self | None:
        """None: it is none of ours."""
        match = _NAME.fullmatch(path.name)
        if match is None:
            return None
        found = match.groupdict()
        sealed, severity = found.pop("sealed") is not None, int(found.pop("severity"))
        return cls(day=path.parent.name, severity=severity, sealed=sealed, **found)

    @property
    def path(self) -> Path:
        """Below the folder of all media."""
        words = (self.time, str(self.severity), self.camera, self.event_id, self.media_id)
        return Path(self.day, f"{'_'.join(words)}.{self.suffix}{'.sealed' if self.sealed else ''}")


def is_id(word: str) -> bool:
    return _ID.fullmatch(word) is not None


def check_id(word: str) -> None:
    """Raises ``StorageError``: ids become file names, and come from the command line too."""
    if not is_id(word):
        raise StorageError(f"{word!r} is no id: lower-case letters, digits and hyphens")
