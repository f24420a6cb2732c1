"""The sentences of one finding in two languages, and the names of checks and levels.
``--accept`` takes the plain name of a check."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from edge_agent.core.languages import Lang, day_text, duration, filled
from edge_agent.core.problems import text_in
from edge_agent.core.problems.words import PROFILE_TEXTS
from edge_agent.tools.doctor.check import CheckLevel, Figure


@dataclass(frozen=True, slots=True)
class Wording:
    """The sentences of one finding; ``{names}`` in them are its values."""

    level: CheckLevel
    en: str
    vi: str
    en_do: str = ""  # what to do; empty: nothing
    vi_do: str = ""

    def said(self, lang: Lang, figures: Mapping[str, Figure]) -> str:
        return filled(self.vi if lang == "vi" else self.en, _shown(figures, lang), lang)

    def todo(self, lang: Lang, figures: Mapping[str, Figure]) -> str | None:
        """Return what to do, or None. Numbers keep the decimal point, because a person types them."""
        text = self.vi_do if lang == "vi" else self.en_do
        return text.format_map(_shown(figures, lang)) or None


def _shown(figures: Mapping[str, Figure], lang: Lang) -> dict[str, str | int | float]:
    """Translate texts, dates and durations. Numbers stay as they are: the sentence formats them."""
    shown = {name: _written(figure, lang) for name, figure in figures.items()}
    if lang == "vi":
        for name in _OF_PROFILE & shown.keys():
            shown[name] = _OF_PROFILE_VI.get(str(shown[name]), shown[name])
    return shown


def _written(figure: Figure, lang: Lang) -> str | int | float:
    if isinstance(figure, str):
        return text_in(figure, lang)
    if isinstance(figure, timedelta):
        return duration(figure.total_seconds(), lang)
    if isinstance(figure, date):
        day = day_text(figure, lang)
        return f"{day} {figure:%H:%M}" if isinstance(figure, datetime) else day
    return figure


def green(en: str, vi: str) -> Wording:
    return Wording(CheckLevel.GREEN, en, vi)


def skipped(en: str, vi: str, en_do: str = "", vi_do: str = "") -> Wording:
    return Wording(CheckLevel.SKIPPED, en, vi, en_do, vi_do)


def yellow(en: str, vi: str, en_do: str, vi_do: str) -> Wording:
    return Wording(CheckLevel.YELLOW, en, vi, en_do, vi_do)


def red(en: str, vi: str, en_do: str, vi_do: str) -> Wording:
    return Wording(CheckLevel.RED, en, vi, en_do, vi_do)


DISK_KINDS = {
    "nvme": "SSD NVMe",
    "ssd": "SSD",
    "hdd": "HDD",
    "emmc": "eMMC",
    "sd": "thẻ nhớ SD",
    "usb": "USB",
    "virtual": "ổ đĩa ảo",
}
_OF_PROFILE_VI = {**PROFILE_TEXTS, **DISK_KINDS}
_OF_PROFILE = {"advice", "name", "why", "fix", "supply", "kind"}
"""The figures that may hold such a text."""

_VI = {
    "config": "cấu hình",
    "board": "bo mạch",
    "clock": "đồng hồ",
    "disk": "ổ đĩa",
    "temperature": "nhiệt độ",
    "power": "nguồn điện",
    "modem": "modem 4G",
    "agent": "phần mềm",
    "detector": "bộ nhận dạng",
    "outbox": "hàng chờ gửi",
    "certificate": "chứng thư",
    "broker": "máy chủ nhận tin",
}
_VI_PARTS = {
    "os": "hệ điều hành",
    "firmware": "firmware",
    "kernel": "nhân Linux",
    "watchdog": "tự khởi động lại khi treo",
    "decode": "giải mã",
    "kind": "loại ổ đĩa",
    "evidence": "video và ảnh",
    "supply": "bộ nguồn",
    "ladder": "giảm tải khi nóng",
    "picture": "chất lượng hình",
    "poe": "cổng PoE",
    "data": "dữ liệu đã dùng",
    "clock": "đồng hồ camera",
    "keyframes": "khung I",
    "size": "kích thước hình",
    "codec": "kiểu nén",
    "rate": "khung hình/giây",
    "view": "góc nhìn",
    "still": "ảnh",
    "main": "luồng chính",
    "rights": "quyền ghi",
    "delivery": "trung tâm xác nhận",
    "ca": "CA",
}


MARKS: dict[str, dict[CheckLevel, str]] = {
    "en": {
        CheckLevel.GREEN: "ok",
        CheckLevel.YELLOW: "better",
        CheckLevel.RED: "FAULT",
        CheckLevel.SKIPPED: "-",
    },
    "vi": {
        CheckLevel.GREEN: "tốt",
        CheckLevel.YELLOW: "lưu ý",
        CheckLevel.RED: "LỖI",
        CheckLevel.SKIPPED: "-",
    },
}
ACCEPTED = {"en": "accepted", "vi": "chấp nhận"}


def label_of(check: str, lang: Lang) -> str:
    """Return the name of a check in ``lang``: ``cam-2/picture`` becomes ``cam-2, chất lượng hình``."""
    head, _, part = check.partition("/")
    if lang == "vi":
        head, part = _vietnamese_head(head), _VI_PARTS.get(part, part)
    return f"{head}, {part}" if part else head


def _vietnamese_head(head: str) -> str:
    name, _, number = head.partition("-")
    return f"{_VI[name]} {number}" if name == "broker" and number.isdecimal() else _VI.get(head, head)
