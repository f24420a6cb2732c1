"""The pages that are installed with the agent, and the search in them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from edge_agent.core.languages import Lang, without_diacritics

FOLDER = Path(__file__).parent / "pages"
"""The folder of the pages. In a checkout it has links to docs/guide, in the wheel it has copies."""


@dataclass(frozen=True, slots=True)
class OfflinePage:
    name: str
    lang: Lang
    file: str  # below ``FOLDER``

    @property
    def text(self) -> str:
        """Return the page as Markdown. Raises OSError."""
        return (FOLDER / self.file).read_text(encoding="utf-8")

    @property
    def title(self) -> str:
        """Return the first heading of the page. Raises OSError."""
        return next(line.removeprefix("# ") for line in self.text.splitlines() if line.startswith("# "))


TOPICS = (
    OfflinePage("thiet-bi-moi", "vi", "README.vi.md"),
    OfflinePage("lap-dat", "vi", "lap-dat.vi.md"),
    OfflinePage("so-tay", "vi", "so-tay.vi.md"),
    OfflinePage("ban-giao", "vi", "ban-giao.vi.md"),
    OfflinePage("thiet-bi-du-phong", "vi", "thiet-bi-du-phong.vi.md"),
    OfflinePage("first-site", "en", "first-site.md"),
    OfflinePage("commissioning", "en", "commissioning.md"),
    OfflinePage("doctor", "en", "doctor.md"),
    OfflinePage("cameras", "en", "cameras.md"),
    OfflinePage("aiming", "en", "aiming.md"),
    OfflinePage("uplink", "en", "uplink.md"),
    OfflinePage("storage", "en", "storage.md"),
    OfflinePage("commands", "en", "commands.md"),
    OfflinePage("provisioning", "en", "provisioning.md"),
    OfflinePage("fleet", "en", "fleet.md"),
    OfflinePage("image", "en", "image.md"),
    OfflinePage("claims", "en", "claims.md"),
    OfflinePage("ground", "en", "ground.md"),
    OfflinePage("passages", "en", "passages.md"),
    OfflinePage("rehearsal", "en", "rehearsal.md"),
    OfflinePage("collect", "en", "collect.md"),
)


@dataclass(frozen=True, slots=True)
class OfflinePageLine:
    topic: OfflinePage
    heading: str  # the last heading above the line
    line: str


def in_order(lang: Lang) -> list[OfflinePage]:
    """Return all pages, those in ``lang`` first."""
    return sorted(TOPICS, key=lambda topic: topic.lang != lang)


def search(topics: list[OfflinePage], words: str) -> Iterator[OfflinePageLine]:
    """Yield the lines that contain all ``words``; case and Vietnamese marks are ignored. Raises OSError."""
    wanted = plain(words).split()
    for topic in topics:
        heading = ""
        for line in topic.text.splitlines():
            if line.startswith("#"):
                heading = line.lstrip("# ")
            if all(word in plain(line) for word in wanted):
                yield OfflinePageLine(topic, heading, line)


def plain(text: str) -> str:
    """Fold to lower case without the marks of Vietnamese letters, so that ``mat khau`` finds ``mật khẩu``."""
    return without_diacritics(text.casefold())
