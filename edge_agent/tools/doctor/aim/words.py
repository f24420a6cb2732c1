"""Messages for the technician on the terminal; the messages of the page are in words.js."""

from __future__ import annotations

from edge_agent.core.languages import Lang
from edge_agent.tools.doctor.aim.firewall import FirewallOpening

OPEN = {
    "en": "Open one of these on a phone in the same network, and type the code:",
    "vi": "Mở một trong các địa chỉ sau trên điện thoại cùng mạng rồi nhập mã:",
}
CODE = {"en": "code {code}", "vi": "mã {code}"}
ENDS = {
    "en": "For {minutes} minutes, one phone; Ctrl-C ends it. No HTTPS: this network could read along.",
    "vi": "Trong {minutes} phút, một điện thoại; Ctrl-C để dừng. Không có HTTPS: máy cùng mạng xem được.",
}
AGENT_RUNS = {
    "en": "The agent runs too: the camera has one more viewer; if it refuses, stop the agent meanwhile.",
    "vi": "Phần mềm đang chạy, camera có thêm một kết nối xem; nếu camera từ chối, tạm dừng phần mềm.",
}
FIREWALL = {
    FirewallOpening.NO_SET: {
        "en": "The firewall has no set edge_agent_aim: if the page does not open, let in TCP {port}.",
        "vi": "Tường lửa không có bảng edge_agent_aim: nếu trang không mở được, tự mở cổng TCP {port}.",
    },
    FirewallOpening.ALREADY: {
        "en": "Port {port} is open in the firewall for another run: if the page stops opening, start again.",
        "vi": "Tường lửa đã mở cổng {port} cho một lần chạy khác: nếu trang không mở được nữa, hãy chạy lại.",
    },
    FirewallOpening.REFUSED: {
        "en": "The firewall could not be opened: if the page does not open, type the command with sudo.",
        "vi": "Không mở được tường lửa: nếu trang không mở được, hãy chạy lệnh với sudo.",
    },
}
ENDED = {
    "time": {
        "en": "The time is over, the page is closed.",
        "vi": "Đã hết giờ, trang đã đóng.",
    },
    "guessed": {
        "en": "Too many wrong codes, the page is closed. Type the command again for another code.",
        "vi": "Nhập sai mã quá nhiều lần, trang đã đóng. Chạy lại lệnh để có mã mới.",
    },
    "stopped": {"en": "Stopped, the page is closed.", "vi": "Đã dừng, trang đã đóng."},
}


def say(words: dict[str, str], lang: Lang, **figures: object) -> str:
    return words[lang].format(**figures)
