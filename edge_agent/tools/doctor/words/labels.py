"""What checks are called in a report and in the verdict; ``--accept`` takes the plain name."""

from __future__ import annotations

from edge_agent.core.languages import Lang

_VI = {
    "config": "cấu hình",
    "board": "bo mạch",
    "clock": "đồng hồ",
    "disk": "ổ đĩa",
    "temperature": "nhiệt độ",
    "power": "nguồn điện",
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
    "watchdog": "tự khởi động lại",
    "decode": "giải mã",
    "kind": "loại ổ đĩa",
    "supply": "bộ nguồn",
    "ladder": "giảm tải khi nóng",
    "picture": "hình ảnh",
    "keyframes": "khung I",
    "size": "kích thước hình",
    "codec": "kiểu nén",
    "rate": "khung hình/giây",
    "view": "góc nhìn",
    "main": "luồng chính",
    "rights": "quyền ghi",
    "delivery": "trung tâm xác nhận",
    "ca": "CA",
}


def label_of(check: str, lang: Lang) -> str:
    """``cam-2/picture`` is ``cam-2, hình ảnh``."""
    head, _, part = check.partition("/")
    if lang == "vi":
        head, part = _VI.get(head, head), _VI_PARTS.get(part, part)
    return f"{head}, {part}" if part else head
