"""Commands to gateways: buttons, the page on which an operator signs, and the log."""

from __future__ import annotations

WORDS: dict[str, tuple[str, str]] = {
    "access-command": ("gửi lệnh", "sent a command"),
    "command": ("Lệnh", "Command"),
    "commands": ("Lệnh", "Commands"),
    "commands-here": ("Gửi lệnh tới thiết bị này", "Send this gateway a command"),
    "commands-of-camera": ("Lệnh cho camera này", "Commands for this camera"),
    "commands-unsigned": ("Không cần ký số", "Without a signature"),
    "commands-signed": ("Phải ký số", "With a signature"),
    "commands-signed-what": (
        "Những lệnh này thay đổi hoạt động của thiết bị nên phải được người vận hành ký số. Trang sau cho "
        "xem đúng nội dung sẽ được ký.",
        "These commands change what the gateway does, so an operator has to sign them. The next page shows "
        "exactly what is signed.",
    ),
    "commands-log": ("Lệnh đã gửi", "Commands that were sent"),
    "commands-none": ("Chưa gửi lệnh nào.", "No commands have been sent."),
    "command-reply": ("Trả lời của thiết bị", "Reply of the gateway"),
    "command-away": (
        "Thiết bị đang mất liên lạc. Lệnh chỉ có hiệu lực trong 5 phút.",
        "The gateway is offline. A command is valid for 5 minutes only.",
    ),
    "command-status": ("Hỏi tình trạng thiết bị", "Ask for its status"),
    "command-snapshot": ("Chụp ảnh ngay", "Picture now"),
    "command-clip": ("Lấy video {seconds} giây vừa qua", "Clip of the last {seconds} s"),
    "command-live-pictures": ("Xem ảnh liên tục 60 giây", "Live pictures for 60 s"),
    "command-live-now": ("Đang xem ảnh liên tục: {who}", "Live pictures, asked for by {who}"),
    "command-open-snapshot": ("Xem ảnh", "Open the picture"),
    "command-open-clip": ("Xem video", "Watch the clip"),
    "command-of-rule": ("Quy tắc", "A rule"),
    "command-of-camera": ("Camera", "A camera"),
    "command-storm": ("Chế độ bão: ảnh định kỳ", "Storm mode: pictures at intervals"),
    "command-hold": ("Giữ lại chứng cứ trên thiết bị", "Evidence on the gateway"),
    "command-mask": ("Tạm không báo động", "Mute"),
    "command-disarm": ("Tạm tắt", "Disarm"),
    "command-arm": ("Bật, kể cả ngoài lịch", "Arm, also outside its schedule"),
    "command-signed-relearn": ("Học lại góc nhìn", "Learn its view again"),
    "command-signed-camera-reboot": ("Khởi động lại camera", "Reboot the camera"),
    "command-port": ("Số hiệu cổng TCP của ONVIF, để khởi động lại", "Its ONVIF port, to reboot it"),
    "command-signed-snapshot": ("Chụp ảnh lớn", "Picture in full size"),
    "command-all-cameras": ("Tất cả camera", "All cameras"),
    "command-for": ("Trong", "For"),
    "command-every": ("Cách nhau", "One picture every"),
    "command-end-now": ("Trở lại như cấu hình", "As configured again"),
    "command-storm-end-now": ("Kết thúc ngay", "End it now"),
    "command-event-id": ("Mã sự kiện", "Id of the event"),
    "command-hold-it": ("Giữ lại", "Hold"),
    "command-release-it": ("Thôi giữ", "Release"),
    "command-reason": ("Lý do", "Reason"),
    "command-until-mask": ("Tạm không báo động đến khoảng", "Muted until about"),
    "command-until-disarm": ("Tạm tắt đến khoảng", "Disarmed until about"),
    "command-until-arm": ("Bật đến khoảng", "Armed until about"),
    "command-until": ("Đến khoảng", "Until about"),
    "command-continue": ("Tiếp tục", "Continue"),
    "command-cancel": ("Hủy", "Cancel"),
    "command-no-rules": (
        "Trung tâm chưa nhận được quy tắc của các camera này.",
        "The centre has not received the rules of these cameras.",
    ),
    "command-to-sign": ("Nội dung sẽ được ký", "This is signed"),
    "command-valid": ("Thiết bị chỉ nhận lệnh này trước", "The gateway takes this command only before"),
    "command-document": ("Xem nguyên văn nội dung được ký", "The signed text, byte for byte"),
    "command-key": ("Tệp khóa bí mật của người vận hành", "File of the operator's private key"),
    "command-key-hint": (
        "Trình duyệt đọc tệp này để ký; khóa không được gửi đi và không được lưu.",
        "The browser reads this file to sign. The key is not sent anywhere and not stored.",
    ),
    "command-sign-and-send": ("Ký và gửi", "Sign and send"),
    "command-no-script": (
        "Muốn ký số, hãy cho phép trang này chạy JavaScript.",
        "Allow JavaScript on this page to sign.",
    ),
    "command-key-ready": ("Đã đọc khóa {id}.", "The key {id} is ready."),
    "command-key-insecure": (
        "Trình duyệt chỉ cho ký số trên trang https. Hãy mở trang này qua https, hoặc gửi lệnh bằng "
        "edge-agent command.",
        "Browsers allow signing on https pages only. Open this page with https, or use edge-agent command.",
    ),
    "command-key-unsupported": (
        "Trình duyệt này chưa hỗ trợ Ed25519. Hãy dùng Chrome hoặc Edge từ bản 137, Firefox từ bản 129, "
        "Safari từ bản 17, hoặc gửi lệnh bằng edge-agent command.",
        "This browser does not support Ed25519. Use Chrome or Edge 137, Firefox 129, Safari 17 or newer, "
        "or edge-agent command.",
    ),
    "command-key-wrong": (
        "Tệp này không phải khóa bí mật Ed25519 do edge-agent command keygen tạo.",
        "This file is not a private Ed25519 key made by edge-agent command keygen.",
    ),
    "command-key-encrypted": (
        "Khóa này có mật khẩu. Hãy dùng tệp khóa không có mật khẩu.",
        "This key has a password. Use the file without one.",
    ),
    "command-key-failed": ("Không ký được. Hãy chọn lại tệp khóa.", "Signing failed. Choose the key again."),
    "command-error-type": (
        "Trang này không gửi loại lệnh đó. Chưa gửi gì.",
        "This page does not send that type of command. Nothing was sent.",
    ),
    "command-error-reason": ("Hãy ghi lý do. Chưa gửi gì.", "Give a reason. Nothing was sent."),
    "command-error-camera": (
        "Điểm này không có camera đó. Chưa gửi gì.",
        "This site has no such camera. Nothing was sent.",
    ),
    "command-error-time": ("Thời gian không đúng. Chưa gửi gì.", "The time is wrong. Nothing was sent."),
    "command-error-arguments": (
        "Nội dung lệnh không đúng. Chưa gửi gì.",
        "Something in the command is wrong. Nothing was sent.",
    ),
    "command-error-unreadable": (
        "Không đọc được lệnh đã ký. Chưa gửi gì.",
        "The signed command cannot be read. Nothing was sent.",
    ),
    "command-error-other": (
        "Lệnh đã ký không phải của trang này. Chưa gửi gì.",
        "The signed command does not come from this page. Nothing was sent.",
    ),
    "command-error-expired": (
        "Lệnh đã hết hạn trước khi được gửi. Hãy chọn lại lệnh và ký trong 10 phút. Chưa gửi gì.",
        "The command expired before it was sent. Choose it again, and sign within 10 minutes. Nothing was "
        "sent.",
    ),
    "command-error-lifetime": (
        "Lệnh đã ký có hiệu lực quá 15 phút. Chưa gửi gì.",
        "The signed command is valid for more than 15 minutes. Nothing was sent.",
    ),
    "command-says-status": ("Hỏi tình trạng thiết bị", "Ask for the gateway's status"),
    "command-says-snapshot": ("{camera}: chụp ảnh", "{camera}: take a picture"),
    "command-says-live-pictures": (
        "{camera}: gửi ảnh liên tục trong 60 giây",
        "{camera}: send live pictures for 60 s",
    ),
    "command-says-still": ("{camera}: chụp ảnh lớn", "{camera}: take a picture in full size"),
    "command-says-clip": (
        "{camera}: lấy video {seconds} giây vừa qua",
        "{camera}: send the clip of the last {seconds} s",
    ),
    "command-says-clip-event": ("Lấy video của sự kiện {event}", "Send the clip of event {event}"),
    "command-says-mask": (
        "{camera}: tạm không báo động theo quy tắc {rule} trong {time}",
        "{camera}: mute the rule {rule} for {time}",
    ),
    "command-says-disarm": (
        "{camera}: tạm tắt quy tắc {rule} trong {time}",
        "{camera}: disarm the rule {rule} for {time}",
    ),
    "command-says-arm": (
        "{camera}: bật quy tắc {rule} trong {time}, kể cả ngoài lịch",
        "{camera}: arm the rule {rule} for {time}, also outside its schedule",
    ),
    "command-says-override-end": (
        "{camera}: đưa quy tắc {rule} trở lại như cấu hình",
        "{camera}: return the rule {rule} to its configuration",
    ),
    "command-says-relearn": ("{camera}: học lại góc nhìn", "{camera}: learn its view again"),
    "command-says-camera-reboot": ("{camera}: khởi động lại camera", "{camera}: reboot the camera"),
    "command-says-storm-mode": (
        "Chế độ bão: tất cả camera cứ {every} chụp một ảnh, trong {time}",
        "Storm mode: a picture of all cameras every {every}, for {time}",
    ),
    "command-says-storm-one": (
        "Chế độ bão: {camera} cứ {every} chụp một ảnh, trong {time}",
        "Storm mode: a picture of {camera} every {every}, for {time}",
    ),
    "command-says-storm-end": ("Kết thúc chế độ bão", "End storm mode"),
    "command-says-evidence-hold": (
        "Giữ lại chứng cứ của sự kiện {event} trên thiết bị",
        "Hold the evidence of event {event} on the gateway",
    ),
    "command-says-release": (
        "Thôi giữ chứng cứ của sự kiện {event} trên thiết bị",
        "Release the evidence of event {event} on the gateway",
    ),
    "command-says-set-rule": (
        "{camera}: áp dụng quy tắc {rule} đã soạn",
        "{camera}: put the drafted rule {rule} in force",
    ),
    "command-says-set-rule-off": (
        "{camera}: tắt hẳn quy tắc {rule}",
        "{camera}: switch the rule {rule} off for good",
    ),
    "command-says-reset-rule": (
        "{camera}: trả quy tắc {rule} về như cấu hình",
        "{camera}: take the rule {rule} back to the configuration",
    ),
    "command-says-remove-rule": (
        "{camera}: bỏ quy tắc {rule}, cấu hình không có quy tắc này",
        "{camera}: remove the rule {rule}, which the configuration does not have",
    ),
    "command-error-rehearsal": (
        "Không có lần chạy thử này, hoặc chưa có kết quả. Chưa gửi gì.",
        "There is no such rehearsal, or it has no result yet. Nothing was sent.",
    ),
    "command-error-rules": (
        "Trung tâm chưa có quy tắc hiện hành của camera này. Chưa gửi gì.",
        "The centre does not have the present rules of this camera. Nothing was sent.",
    ),
    "commands-log-all": ("Tất cả các lệnh đã gửi", "All commands that were sent"),
    "command-mute-rule": ("Tạm không báo động theo quy tắc này", "Mute this rule"),
    "override-mask": ("Đang tạm không báo động đến {time}", "Muted until {time}"),
    "override-disarm": ("Đang tạm tắt đến {time}", "Disarmed until {time}"),
    "override-arm": (
        "Đang bật, kể cả ngoài lịch, đến {time}",
        "Armed, also outside its schedule, until {time}",
    ),
    "override-end": ("Trở lại như cấu hình…", "Return to its configuration…"),
    "command-hold-event": ("Giữ lại chứng cứ trên thiết bị", "Hold the evidence on the gateway"),
    "recorder-open": ("Mở kênh {channel} trên đầu ghi", "Open channel {channel} on the recorder"),
}
