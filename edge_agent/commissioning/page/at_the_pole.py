"""Tells a person at the pole what to do about a finding of doctor. Used for findings whose usual advice names
a command, a file of the box or a key of its configuration, because a phone has no terminal."""

from __future__ import annotations

from edge_agent.core.languages import Lang, Sentences

_RESTART = (
    'switch the box off and on, wait two minutes, then "Examine again"; if it stays so, call the workshop',
    "tắt rồi bật lại thiết bị, chờ hai phút, chạm Kiểm tra lại; nếu vẫn vậy thì gọi xưởng",
)
_WORKSHOP = ("call the workshop and read this line to it", "gọi xưởng và đọc cho xưởng nghe dòng này")
_LARGER_CARD = (
    "the card is too small or full: call the workshop, which prepares a larger one",
    "thẻ nhớ quá nhỏ hoặc đã đầy: gọi xưởng để chuẩn bị thẻ nhớ lớn hơn",
)
_CENTRE = ("call the centre and read this line to it", "gọi trung tâm và đọc cho trung tâm nghe dòng này")
_UPLINK = (
    "check the uplink (SIM active? cable?); if it is good, call the centre",
    "kiểm tra đường truyền (SIM đã kích hoạt chưa, cáp có tốt không); nếu đường truyền bình thường thì gọi "
    "trung tâm",
)
_MAIN_STREAM = (
    "look on the camera's own page whether the main stream is switched on, and how many viewers the camera "
    "allows; if it stays so, call the centre",
    "trên trang cấu hình của camera, kiểm tra luồng chính đã bật chưa và camera cho phép tối đa bao nhiêu "
    "kết nối xem; nếu vẫn vậy thì gọi trung tâm",
)
_SUB_STREAM = (
    "set the sub-stream on the camera's own page (H.264, a keyframe every 2 s at most, no smart codec), or "
    "ask the workshop to set it",
    "đặt luồng phụ trên trang cấu hình của camera (H.264, khoảng cách khung I tối đa 2 giây, tắt Smart "
    "Codec), hoặc nhờ xưởng đặt",
)
AT_THE_POLE: Sentences = {
    "agent-mute": _RESTART,
    "agent-unauthorized": _RESTART,
    "agent-other-config": _RESTART,
    "agent-other-id": _RESTART,
    "agent-stopped": _RESTART,
    "delivery-no-agent": _RESTART,
    "delivery-not-asked": _RESTART,
    "detector-not-loaded": _RESTART,
    "modem-unread": _RESTART,
    "board-other": _WORKSHOP,
    "watchdog-off": _WORKSHOP,
    "detector-blind": _CENTRE,
    "detector-broken": _CENTRE,
    "broker-refused": _CENTRE,
    "broker-protocol": _CENTRE,
    "broker-files": _CENTRE,
    "broker-unknown_issuer": _CENTRE,
    "broker-wrong_name": _CENTRE,
    "broker-own_expired": _CENTRE,
    "broker-own_rejected": _CENTRE,
    "broker-own_missing": _CENTRE,
    "broker-tls": _CENTRE,
    "broker-bad_credentials": _CENTRE,
    "broker-unreachable": _UPLINK,
    "broker-timeout": _UPLINK,
    "still-unreadable": _MAIN_STREAM,
    "main-trouble": _MAIN_STREAM,
    "detector-slow": (
        "look at temperature and power in this list; if both are good, call the workshop",
        "xem mục nhiệt độ và nguồn điện trong danh sách này; nếu cả hai đều bình thường thì gọi xưởng",
    ),
    "switch-port-off": (
        "switch the port on at the switch; if it is not the port of this camera, call the centre",
        "bật cổng này trên bộ chia mạng (switch); nếu đó không phải là cổng của camera thì gọi trung tâm",
    ),
    "camera-basic-only": (
        "switch Digest on in the authentication of the camera's own page; if the camera has none, call the "
        "centre",
        "bật Digest trong phần xác thực (authentication) trên trang cấu hình của camera; nếu camera không có "
        "Digest thì gọi trung tâm",
    ),
    "modem-pin": (
        "type access point (APN) and PIN on this page under Network and SIM card, or take the PIN off the "
        "card in a phone",
        "nhập APN và mã PIN trên trang này, ở mục Mạng và thẻ SIM; hoặc tắt mã PIN của SIM bằng điện thoại",
    ),
    "agent-closed": _WORKSHOP,
    "camera-not-asked": _WORKSHOP,
    "config-doubtful": _WORKSHOP,
    "disk-closed": _WORKSHOP,
    "disk-full": _WORKSHOP,
    "disk-not-ours": _WORKSHOP,
    "outbox-closed": _WORKSHOP,
    "rights-unread": _WORKSHOP,
    "secrets-unread": _WORKSHOP,
    "still-not-asked": _WORKSHOP,
    "disk-no-room": _LARGER_CARD,
    "disk-short": _LARGER_CARD,
    "evidence-degraded": _WORKSHOP,
    "broker-dns": (
        "check the uplink (SIM active? cable?); if it is good, call the centre: the broker's name may be "
        "wrong",
        "kiểm tra đường truyền (SIM đã kích hoạt chưa, cáp có tốt không); nếu đường truyền bình thường thì "
        "gọi trung tâm: tên máy chủ nhận tin có thể sai",
    ),
    "delivery-broker": (
        "call the centre: it sees whether this test event has arrived",
        "gọi trung tâm để hỏi sự kiện thử này đã đến chưa",
    ),
    "camera-unauthorized": (
        "compare user name and password with those that are set in the camera. A wrong password is tried "
        "only twice an hour, because cameras lock themselves; if the user name differs, call the centre",
        "đối chiếu tên đăng nhập và mật khẩu với những gì đã đặt trên camera. Mật khẩu sai chỉ được thử hai "
        "lần mỗi giờ, vì sai nhiều lần thì camera khóa tài khoản; nếu tên đăng nhập khác thì gọi trung tâm",
    ),
    "still-unauthorized": (
        "let this user of the camera see the main stream, on the camera's own page; or call the centre",
        "trên trang cấu hình của camera, cho phép tài khoản này xem luồng chính; hoặc gọi trung tâm",
    ),
    "codec-hevc": _SUB_STREAM,
    "codec-mjpeg": _SUB_STREAM,
    "keyframes-none": _SUB_STREAM,
    "keyframes-rare": _SUB_STREAM,
    "view-tampered": (
        "look at the camera: is it turned, covered or dirty? If it was turned on purpose, tell the centre",
        "kiểm tra camera có bị xoay, bị che hay bị bẩn không; nếu đã cố ý xoay camera thì báo trung tâm",
    ),
    "camera-clock-off": (
        "set the time on the camera's own page, or ask the workshop to set it",
        "đặt lại giờ trên trang cấu hình của camera, hoặc nhờ xưởng đặt",
    ),
    "modem-not-connected": (
        "check the antenna and the access point (APN), which this page can change under Network and SIM card",
        "kiểm tra ăng-ten và APN; có thể sửa APN trên trang này, ở mục Mạng và thẻ SIM",
    ),
    "modem-missing": (
        "plug it in again, try another USB port and a stronger power supply",
        "cắm lại modem, thử cổng USB khác và nguồn điện mạnh hơn",
    ),
    "modem-failed": (
        "plug it in again, then switch the box off and on; if it stays so, use another modem",
        "cắm lại modem, tắt rồi bật lại thiết bị; nếu vẫn vậy thì thay modem",
    ),
}


def todo_at_the_pole(finding: str, todo: str | None, lang: Lang) -> str | None:
    """Return what to do about a finding, for the phone: the text of ``AT_THE_POLE``, or doctor's own advice
    ``todo`` if there is none. None if ``todo`` is None."""
    if todo is None or finding not in AT_THE_POLE:
        return todo
    english, vietnamese = AT_THE_POLE[finding]
    return vietnamese if lang == "vi" else english
