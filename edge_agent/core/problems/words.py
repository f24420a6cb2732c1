"""Words of the wire in Vietnamese, by the parameter that they are in. English pages show the word itself."""

from __future__ import annotations

import os
from collections.abc import Mapping

from edge_agent.core.errors import OS_REASONS

CAUSES = {
    "unreachable": "không kết nối được",
    "refused": "từ chối kết nối",
    "unauthorized": "sai tên đăng nhập hoặc mật khẩu",
    "not_found": "không có luồng này",
    "no_video": "không có hình",
    "unsupported": "không hỗ trợ luồng này",
    "stalled": "không có dữ liệu",
    "ended": "camera ngắt luồng",
    "decode_error": "không giải mã được",
}
VIEWS = {
    "covered": "bị che",
    "defocused": "bị mờ",
    "moved": "bị xoay",
    "frozen": "bị đứng hình",
    "dark": "quá tối",
    "overexposed": "quá sáng",
    "visibility-degraded": "mưa hoặc sương mù",
    "illumination-change": "ánh sáng thay đổi",
    "colour-mono-switch": "chuyển giữa màu và đen trắng",
}
LABELS = {
    "person": "người",
    "bicycle": "xe đạp",
    "motorcycle": "xe máy",
    "car": "ô tô con",
    "bus": "xe khách",
    "truck": "xe tải",
    "two-wheeler": "xe hai bánh",
    "vehicle": "ô tô",
    "something": "vật chưa rõ",
}
SYSTEM = {os.strerror(number): text for number, text in OS_REASONS.items()} | {
    # Errors of getaddrinfo, netdb.h.
    "Name or service not known": "tên này không có trong DNS",
    "Temporary failure in name resolution": "DNS không trả lời được, có thể chưa có mạng",
    "No address associated with hostname": "tên này không có địa chỉ trong DNS",
}
VIETNAMESE: Mapping[str, Mapping[str, str]] = {
    "cause": CAUSES,
    "error": SYSTEM,
    "views": VIEWS,
    "label": LABELS,
    "state": {"offline": "mất hình", "degraded": "hình kém"},
    "override": {"mask": "tạm không báo động", "disarm": "tạm tắt", "arm": "bật", "off": "tắt hẳn"},
    "recovery": {
        "reconnect": "kết nối lại",
        "reset": "khởi động lại modem",
        "reboot": "khởi động lại thiết bị",
    },
    "outcome": {
        "done": "xong",
        "asked": "đã yêu cầu",
        "failed": "không thực hiện được",
        "held": "tạm hoãn",
        "refused": "bị từ chối",
        "no-answer": "không trả lời",
    },
    "table": {"event": "sự kiện", "media": "ảnh", "alert": "cảnh báo"},
}
