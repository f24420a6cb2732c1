"""Texts about cases, holds of passages, and the whole picture of a passage."""

from __future__ import annotations

WORDS: dict[str, tuple[str, str]] = {
    # --- the list
    "cases": ("Vụ việc", "Cases"),
    "cases-what": (
        "Mỗi vụ việc giữ bản sao các lượt đi qua và ảnh đã đưa vào, kể cả khi yêu cầu tìm đã bị xóa. Mọi lần "
        "xem, thêm, gạch bỏ và xuất đều được ghi vào nhật ký truy cập.",
        "A case keeps copies of the passages and pictures that were added, also after their search was "
        "deleted. Each view, addition, removal and export is in the access log.",
    ),
    "cases-open": ("Chưa đóng", "Open"),
    "cases-closed": ("Đã đóng", "Closed"),
    "cases-none": (
        "Chưa có vụ việc nào. Hãy mở một sự kiện hoặc một lượt đi qua và chọn “Đưa vào vụ việc”.",
        "There is no case. Open an event or a passage and choose “Add to case”.",
    ),
    "case-own": ("của bạn", "yours"),
    "case-owner": ("Phụ trách", "Owner"),
    "case-opened": ("Mở lúc", "Opened"),
    "case-closed-at": ("Đóng lúc", "Closed"),
    "case-items": ("Số mục", "Items"),
    "case-wards": ("Phường", "Wards"),
    # --- one case
    "case-of": ("Vụ việc {case}", "Case {case}"),
    "case-hints": (
        "Màu sắc, hướng đi và mối liên hệ giữa các lượt đi qua chỉ là gợi ý, cần được kiểm tra lại.",
        "Colours, directions and links between passages are hints that a person has to check.",
    ),
    "case-kind-passage": ("Lượt đi qua", "Passage"),
    "case-kind-journey": ("Hành trình", "Journey"),
    "case-kind-event": ("Sự kiện", "Event"),
    "case-kind-picture": ("Ảnh", "Picture"),
    "case-kind-note": ("Ghi chú", "Note"),
    "case-kind-file": ("Tệp từ bên ngoài", "File from outside"),
    "case-picture-waiting": (
        "Ảnh chưa được mở hoặc thiết bị chưa gửi. Khi có người mở ảnh trong kết quả tìm, ảnh sẽ "
        "tự động được đưa vào vụ việc.",
        "The picture has not been opened, or has not come. It is added when somebody opens it in the search.",
    ),
    "case-picture-too-large": (
        "Ảnh đã về trung tâm nhưng không thêm được vì vụ việc đã đạt giới hạn.",
        "The picture has come, but the case is full.",
    ),
    "case-added": ("{who} đưa vào lúc {time}", "added by {who}, {time}"),
    "case-struck": (
        "{who} gạch bỏ lúc {time}. Lý do: {why}",
        "Struck out by {who}, {time}. Reason: {why}",
    ),
    "case-strike": ("Gạch bỏ", "Strike out"),
    "case-strike-why": ("Lý do", "Reason"),
    "case-export": ("Xuất vụ việc", "Export the case"),
    "case-export-hint": (
        "Bản xuất là một tệp zip gồm thông tin, ảnh, video, nhật ký truy cập và chữ ký số; mở được mà "
        "không cần mạng. Video H.264 và H.265 có thêm tệp xuất chuẩn ONVIF cho phần mềm quản lý camera khác; "
        "nếu video nào không có tệp này, lý do được ghi trong thư mục onvif.",
        "An export is one zip with facts, pictures, clips, the access log and a signature; it can be read "
        "without a network. Clips in H.264 and H.265 are in it as ONVIF Export Files too, for other video "
        "management software; where one is not, the folder onvif says why.",
    ),
    "case-export-download": ("Tải tệp zip", "Download the zip"),
    "case-export-waits": (
        "đang chờ ký số, hãy tải lại trang sau vài giây",
        "waits for the signature; reload in a few seconds",
    ),
    "case-export-refused": ("không ký số được", "it cannot be signed"),
    "case-close": ("Đóng vụ việc", "Close the case"),
    "case-reopen": ("Mở lại vụ việc", "Reopen the case"),
    "case-deleted-after": (
        "Vụ việc bị xóa sau khi đóng {days} ngày.",
        "It is deleted {days} days after it was closed.",
    ),
    # --- on the page of a passage
    "passage-keep": ("Giữ lại", "Keep"),
    "case-add": ("Đưa vào vụ việc {case}", "Add to case {case}"),
    "case-add-hint": (
        "Trung tâm lưu bản sao thông tin và ảnh đã mở. Nếu ảnh chưa mở, ảnh sẽ được thêm khi về đến trung "
        "tâm.",
        "The centre keeps a copy of the facts and of the opened picture. A picture that is not open yet is "
        "added when it arrives.",
    ),
    "hold-for": ("Giữ trên thiết bị {days} ngày", "Hold at the gateway for {days} days"),
    "hold-release": ("Thôi giữ", "Release"),
    "hold-hint": (
        "Giữ lại nghĩa là thiết bị không xóa lượt đi qua và ảnh này khi hết hạn lưu trữ hay hết dung lượng. "
        "Yêu cầu được ký số và ghi lại cùng mục đích và số vụ việc.",
        "Held means that the gateway does not delete this passage and its picture by age or for space. The "
        "request is signed, and recorded with purpose and case.",
    ),
    "hold-until": (
        "Thiết bị giữ lượt đi qua này đến {time}, theo yêu cầu của {who}.",
        "Held at the gateway until {time}, asked for by {who}.",
    ),
    "hold-waits": (
        "Đã yêu cầu thiết bị giữ lại, đang chờ trả lời.",
        "The gateway was asked to hold it, and has not answered yet.",
    ),
    "hold-release-waits": (
        "Đã yêu cầu thiết bị thôi giữ, đang chờ trả lời.",
        "The gateway was asked to release it, and has not answered yet.",
    ),
    "hold-waits-offline": (
        "Thiết bị đang mất liên lạc và sẽ nhận yêu cầu nếu hoạt động trở lại trong vòng 7 ngày.",
        "It is away, and gets the request when it is back, within 7 days.",
    ),
    "hold-ended": ("Thời hạn giữ đã hết.", "The hold has ended."),
    "hold-released": ("Thiết bị đã thôi giữ.", "The gateway has released it."),
    "hold-missing": (
        "Thiết bị không giữ được: lượt đi qua này đã bị xóa.",
        "It is not held: the gateway has deleted this passage already.",
    ),
    "hold-refused": ("Thiết bị từ chối giữ lại.", "The gateway refused to hold it."),
    "hold-failed": ("Thiết bị không giữ lại được.", "The gateway could not hold it."),
    "hold-expired": (
        "Thiết bị không hoạt động trở lại trong 7 ngày nên không nhận được yêu cầu giữ.",
        "The gateway was not back within 7 days, and has not received the request.",
    ),
    "whole-picture": ("Ảnh toàn cảnh", "Whole picture"),
    "whole-in-events": (
        "Các sự kiện sau đây của chính người hoặc xe này có ảnh:",
        "These events of the same object have pictures:",
    ),
    "whole-on-recorder": (
        "Hình ảnh lúc đó có trên đầu ghi: kênh {channel} (camera {camera}), lúc {time}.",
        "That time is on the recorder: channel {channel} (camera {camera}), at {time}.",
    ),
    "whole-on-recorder-unnumbered": (
        "Hình ảnh lúc đó có trên đầu ghi: camera {camera}, lúc {time}.",
        "That time is on the recorder: camera {camera}, at {time}.",
    ),
    "scene-open": ("Mở ảnh toàn cảnh", "Open the whole picture"),
    "scene-open-of": (
        "Mở ảnh toàn cảnh: {what}, {where}, {time}",
        "Open the whole picture: {what}, {where}, {time}",
    ),
    "scene-open-hint": (
        "Thiết bị thường chỉ giữ ảnh toàn cảnh trong một ngày. Khi mở ảnh, một lệnh được gửi đến thiết bị; "
        "tên bạn, mục đích và số vụ việc được ghi lại.",
        "The gateway usually keeps whole pictures for a day only. Opening sends a command to it; your name, "
        "purpose and case are recorded.",
    ),
    "scene-waits": ("Đang lấy ảnh toàn cảnh…", "Fetching the whole picture…"),
    "scene-missing": (
        "Thiết bị không có hoặc không còn ảnh toàn cảnh của lượt đi qua này (ảnh thường chỉ được giữ một "
        "ngày).",
        "The gateway has no whole picture of this passage, or none any more (it usually keeps them for a "
        "day).",
    ),
    "scene-alt-at": (
        "Ảnh toàn cảnh của {camera} lúc {time}, có người hoặc xe này",
        "Whole picture of {camera} at {time}, with this object",
    ),
    "scene-taken": ("Chụp lúc {time}.", "Taken at {time}."),
    "scene-frame": ("Khung vàng là người hoặc xe này.", "The yellow frame is this object."),
    # --- the access log
    "access-passage-hold": ("giữ hoặc thôi giữ lượt đi qua", "hold of a passage"),
    "access-passage-scene": ("ảnh toàn cảnh của lượt đi qua", "whole picture of a passage"),
    "access-case-view": ("xem vụ việc", "viewed a case"),
    "access-case-add": ("đưa vào vụ việc", "added to a case"),
    "access-case-file": ("mở tệp của vụ việc", "opened a file of a case"),
    "access-case-redact": ("tạo, sửa hoặc kiểm tra bản đã che của vụ việc", "altered copies of a case"),
    "access-case-strike": ("gạch bỏ mục của vụ việc", "struck out an item of a case"),
    "access-case-close": ("đóng vụ việc", "closed a case"),
    "access-case-reopen": ("mở lại vụ việc", "reopened a case"),
    "access-case-export": ("xuất vụ việc", "exported a case"),
}
