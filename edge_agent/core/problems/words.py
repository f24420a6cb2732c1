"""Words of the wire in Vietnamese, by the parameter that they are in. English pages show the word itself."""

from __future__ import annotations

import os
from collections.abc import Mapping

from edge_agent.core.errors import OS_REASONS

CAUSES = {
    "unreachable": "không kết nối được",
    "refused": "từ chối kết nối",
    "unauthorized": "không đăng nhập được",
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
COLOURS = {
    "black": "đen",
    "white": "trắng",
    "grey": "xám",
    "red": "đỏ",
    "green": "xanh lá",
    "blue": "xanh dương",
    "yellow": "vàng",
    "orange": "cam",
    "brown": "nâu",
    "pink": "hồng",
    "purple": "tím",
}
PARTS = {"upper": "thân trên", "lower": "thân dưới", "body": "thân xe"}
"""Parts of a person or a vehicle that have colours."""
COMPASS = {"N": "B", "NE": "ĐB", "E": "Đ", "SE": "ĐN", "S": "N", "SW": "TN", "W": "T", "NW": "TB"}
"""Abbreviations of the eight main directions: N stands for north in English and for nam, south, here."""
SYSTEM = {os.strerror(number): text for number, text in OS_REASONS.items()} | {
    # Errors of getaddrinfo, netdb.h.
    "Name or service not known": "tên này không có trong DNS",
    "Temporary failure in name resolution": "DNS không trả lời được, có thể chưa có mạng",
    "No address associated with hostname": "tên này không có địa chỉ trong DNS",
}
PROFILE_TEXTS = {
    "run prepare.yml again, it has systemd arm it": "chạy lại prepare.yml để systemd bật watchdog",
    "boot loader": "trình khởi động (boot loader)",
    "memory limits": "giới hạn bộ nhớ",
    "the unit's MemoryMax= has no effect, and a leak takes the whole box down": (
        "MemoryMax= của dịch vụ không có tác dụng; nếu phần mềm bị rò rỉ bộ nhớ thì cả thiết bị ngừng hoạt "
        "động"
    ),
    "boot the kernel with cgroup_enable=memory": ("khởi động nhân Linux với tham số cgroup_enable=memory"),
    "boot the kernel without cgroup_disable=memory": (
        "khởi động nhân Linux không có tham số cgroup_disable=memory"
    ),
    "take cgroup_disable=memory out of APPEND in /boot/extlinux/extlinux.conf, then reboot": (
        "bỏ cgroup_disable=memory khỏi dòng APPEND trong /boot/extlinux/extlinux.conf, rồi khởi động lại "
        "thiết bị"
    ),
    "append cgroup_enable=memory to the one line of /boot/firmware/cmdline.txt, then reboot": (
        "thêm cgroup_enable=memory vào cuối dòng duy nhất của /boot/firmware/cmdline.txt, rồi khởi động lại "
        "thiết bị"
    ),
    "sudo rpi-eeprom-update -a, then reboot": "sudo rpi-eeprom-update -a, rồi khởi động lại thiết bị",
    "sudo apt update, then sudo apt dist-upgrade, then reboot": (
        "sudo apt update, sau đó sudo apt dist-upgrade, rồi khởi động lại thiết bị"
    ),
    "5.1 V and 5 A by USB-C (27 W), which the board negotiates": (
        "USB-C 27 W (5,1 V; 5 A), loại mà bo mạch nhận biết được đủ công suất"
    ),
    "an SSD": "SSD",
    "an SSD where the board takes one; else an SD card with a rating for endurance": (
        "SSD nếu bo mạch gắn được; nếu không thì thẻ nhớ SD loại độ bền cao"
    ),
    "an NVMe SSD in the M.2 slot of the carrier; the SD card slot is for trying things out": (
        "SSD NVMe gắn ở khe M.2 của bo mạch đế; khe thẻ nhớ SD chỉ dùng để thử"
    ),
    "an SSD by USB 3; else an SD card with a rating for endurance, twice as large as needed": (
        "SSD cắm cổng USB 3; nếu không có thì thẻ nhớ SD loại độ bền cao, dung lượng gấp đôi mức cần"
    ),
    "an NVMe SSD on the M.2 HAT; else an SD card with a rating for endurance, twice as large as needed": (
        "SSD NVMe gắn trên M.2 HAT; nếu không có thì thẻ nhớ SD loại độ bền cao, dung lượng gấp đôi mức cần"
    ),
}
"""Texts of the shipped profiles (``platform`` in firmware_profiles/), and the advice of
``host/board/platform.py``. An operator's own profile keeps its own text."""
VIETNAMESE: Mapping[str, Mapping[str, str]] = {
    "cause": CAUSES,
    "error": SYSTEM,
    "views": VIEWS,
    "label": LABELS,
    "groups": LABELS,
    "fix": PROFILE_TEXTS,
    "why": PROFILE_TEXTS,
    "name": PROFILE_TEXTS,
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
    "table": {"event": "sự kiện", "media": "ảnh", "paper": "văn bản", "alert": "cảnh báo"},
}
