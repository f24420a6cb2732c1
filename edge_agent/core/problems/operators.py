"""Sentences of replies to commands of operators: rules, storm mode, frames for training, reboots."""

from __future__ import annotations

from edge_agent.core.languages import Sentences

RULES: Sentences = {
    "rule-masked": (
        "{camera}: rule {rule} is masked: what it tells is an info and no alarm, for {seconds} s",
        "{camera}: quy tắc {rule} tạm không báo động trong {seconds} giây, chỉ ghi là thông tin",
    ),
    "rule-armed": (
        "{camera}: rule {rule} is armed, also outside of its schedule, for {seconds} s",
        "{camera}: quy tắc {rule} được bật trong {seconds} giây, kể cả ngoài lịch",
    ),
    "rule-disarmed": (
        "{camera}: rule {rule} is disarmed: it sees nothing, for {seconds} s",
        "{camera}: quy tắc {rule} bị tạm tắt trong {seconds} giây, không phát hiện gì",
    ),
    "rule-not-kept": (
        "{text}; the disk does not keep it, it ends with a restart of the agent",
        "{text}; ổ đĩa không lưu được, sẽ hết hiệu lực khi phần mềm khởi động lại",
    ),
    "rule-was-not": (
        "{camera}: rule {rule} was not {before}; it is {now}",
        "{camera}: quy tắc {rule} không ở trạng thái {before}; hiện nay: {now}",
    ),
    "rule-is-masked": ("masked", "tạm không báo động"),
    "rule-is-armed": ("armed", "được bật"),
    "rule-is-disarmed": ("disarmed", "tạm tắt"),
    "rule-is-configured": ("as it is configured", "theo cấu hình"),
    "rule-configured-again": (
        "{camera}: rule {rule} is as it is configured again",
        "{camera}: quy tắc {rule} đã trở lại theo cấu hình",
    ),
    "rule-unknown": (
        "{camera} has no rule {rule}; it has: {known}",
        "{camera} không có quy tắc {rule}; các quy tắc hiện có: {known}",
    ),
    "rule-off": (
        "{camera}: rule {rule} is switched off in the configuration (enabled: false)",
        "{camera}: quy tắc {rule} đang tắt trong cấu hình (enabled: false)",
    ),
}

CAMERAS: Sentences = {
    "storm-ended": ("storm mode has ended", "đã kết thúc chế độ bão"),
    "storm-until": ("storm mode until {until}", "chế độ bão đến {until}"),
    "storm-began": (
        "a picture of {cameras} every {seconds:g} s until {until}",
        "{seconds:g} giây gửi một ảnh của {cameras}, đến {until}",
    ),
    "camera-not-networked": (
        "{camera} is no camera on the network; nothing was asked of it",
        "{camera} không phải camera mạng; chưa gửi yêu cầu nào",
    ),
    "camera-no-login": (
        "{camera} has no login in the configuration, and none reboots without; nothing was sent",
        "{camera} chưa có tài khoản trong cấu hình nên không khởi động lại được; chưa gửi gì",
    ),
    "camera-reboot-silent": (
        "{camera} was asked, and has not answered within {seconds} s",
        "đã gửi yêu cầu, {camera} không trả lời trong {seconds} giây",
    ),
    "camera-reboot-failed": (
        "{camera} could not be asked: {error}",
        "không gửi được yêu cầu tới {camera}: {error}",
    ),
    "camera-reboot-refused": (
        "{camera} does not reboot: {error}",
        "{camera} không khởi động lại: {error}",
    ),
    "camera-reboots": (
        "{camera} boots again; its pictures come back in a minute or two",
        "{camera} đang khởi động lại; một hai phút nữa có hình",
    ),
}

COLLECTIONS: Sentences = {
    "collect-delete-later": (
        "delete is for the end of a collection: for_s has to be 0",
        "delete chỉ dùng khi kết thúc: for_s phải bằng 0",
    ),
    "collect-goes-on": (
        "{event} goes on or has frames on the gateway: end it with for_s=0, then have them sent, exported "
        "(edge-agent collect export) or deleted (delete=true)",
        "{event} đang lấy ảnh hoặc còn ảnh trên thiết bị: kết thúc bằng for_s=0, rồi cho gửi, chép ra "
        "(edge-agent collect export) hoặc xóa (delete=true)",
    ),
    "collect-not-kept": (
        "the disk does not keep it; nothing has begun",
        "ổ đĩa không lưu được; chưa bắt đầu",
    ),
    "collect-not-deleted": (
        "no more frames are taken, but some are not deleted: {error}",
        "đã ngừng lấy ảnh, nhưng còn ảnh chưa xóa được: {error}",
    ),
    "collect-none": ("no collection is known", "không có đợt lấy ảnh nào"),
    "collect-none-deleted": (
        "no collection is known; what was on the disk is deleted",
        "không có đợt lấy ảnh nào; đã xóa ảnh còn trên ổ đĩa",
    ),
    "collect-ended": (
        "{event}: no more frames are taken; frames on the gateway stay until they are sent or too old",
        "{event}: đã ngừng lấy ảnh; ảnh trên thiết bị được giữ đến khi gửi xong hoặc quá hạn",
    ),
    "collect-ended-deleted": (
        "{event}: no more frames are taken; its frames are deleted",
        "{event}: đã ngừng lấy ảnh; đã xóa ảnh",
    ),
    "collect-began": (
        "up to {frames} frames each of {cameras} are kept until {until}",
        "lưu tối đa {frames} ảnh mỗi camera ({cameras}) đến {until}",
    ),
    "no-cameras": ("this gateway has no camera", "thiết bị không có camera nào"),
}

GATEWAY: Sentences = {
    "reboot-too-early": (
        "the gateway booted {up_s} s ago, and reboots after {seconds} s at the earliest",
        "thiết bị mới khởi động {up_s} giây trước, sớm nhất sau {seconds} giây mới khởi động lại",
    ),
    "root-not-asked": ("root cannot be asked: {error}", "không gửi được yêu cầu tới root: {error}"),
    "reboot-not-handled": (
        "no program handles the request on this gateway: edge-agent-reboot.path does not run",
        "thiết bị không có chương trình nhận yêu cầu: edge-agent-reboot.path không chạy",
    ),
    "reboot-refused": ("root does not reboot: {why}", "root không khởi động lại: {why}"),
    "reboot-begins": ("root reboots the gateway", "root đang khởi động lại thiết bị"),
    "reboot-done": ("the gateway has booted again", "thiết bị đã khởi động lại"),
    "reboot-not-done": (
        "the agent was restarted, but the gateway was not",
        "phần mềm đã khởi động lại, nhưng thiết bị thì không",
    ),
    "agent-restarts": (
        "the agent ends and is started again",
        "phần mềm đang dừng và sẽ được khởi động lại",
    ),
    "agent-has-restarted": (
        "the agent has been started again",
        "phần mềm đã khởi động lại",
    ),
    "agent-without-systemd": (
        "this agent was not started by systemd, so nothing would start it again",
        "phần mềm không do systemd chạy nên sẽ không được khởi động lại",
    ),
    "birth-again": ("the birth message is sent again", "bản tin khai báo đang được gửi lại"),
}

OPERATORS: Sentences = {**RULES, **CAMERAS, **COLLECTIONS, **GATEWAY}
