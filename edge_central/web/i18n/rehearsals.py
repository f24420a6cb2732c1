"""Texts about rules of a camera, what they have reported, and rehearsals of drafted rules."""

from __future__ import annotations

WORDS: dict[str, tuple[str, str]] = {
    # --- rules
    "rules-of-camera": ("Quy tắc của camera này", "Rules of this camera"),
    "rules": ("Quy tắc", "Rules"),
    "rules-what": (
        "Quy tắc đang có hiệu lực trên thiết bị. Trang này không thay đổi quy tắc nào: bản nháp chỉ có "
        "hiệu lực sau khi chạy thử và được người vận hành ký số.",
        "The rules in force on the gateway. This page changes none: a draft takes effect only after a "
        "rehearsal, when an operator signs it.",
    ),
    "rules-received": ("Thiết bị gửi quy tắc lúc", "Sent by the gateway at"),
    "rules-none": ("Camera này không có quy tắc nào.", "This camera has no rules."),
    "rules-unknown": (
        "Trung tâm chưa nhận được quy tắc của thiết bị này.",
        "The centre has not received the rules of this gateway yet.",
    ),
    "rules-old": (
        "Cấu hình của thiết bị đã thay đổi; trung tâm đang yêu cầu thiết bị gửi lại quy tắc. Dưới đây là các "
        "quy tắc trước đó.",
        "The gateway's configuration has changed, and the centre is asking for the rules again. These are "
        "the earlier ones.",
    ),
    "rules-unreadable": (
        "Trung tâm không đọc được {count} quy tắc, có thể vì phần mềm của thiết bị mới hơn phần mềm của "
        "trung tâm.",
        "{count} rules cannot be read, perhaps because the gateway's agent is newer than the centre.",
    ),
    "rule-says-zone-intrusion": (
        "Báo khi có {labels} vào vùng {place} và ở đó từ {time} trở lên.",
        "Reports {labels} in zone {place} for at least {time}.",
    ),
    "rule-says-loitering": (
        "Báo khi có {labels} ở lại vùng {place} từ {time} trở lên; rời vùng trong chốc lát vẫn tính là ở "
        "lại.",
        "Reports {labels} that stay in zone {place} for at least {time}; a short absence does not count.",
    ),
    "rule-says-line-crossing": (
        "Báo khi có {labels} đi qua vạch ảo {place}.",
        "Reports {labels} that cross line {place}.",
    ),
    "rule-says-stopped-vehicle": (
        "Báo khi có {labels} dừng, đỗ trong vùng {place} từ {time} trở lên.",
        "Reports {labels} that stand still in zone {place} for at least {time}.",
    ),
    "rule-says-wrong-way": (
        "Báo khi có {labels} đi ngược chiều trong vùng {place}.",
        "Reports {labels} that move the wrong way in zone {place}.",
    ),
    "rule-says-crowding": (
        "Báo khi có ít nhất {count} người, phương tiện ({labels}) cùng ở trong vùng {place} từ {time} "
        "trở lên.",
        "Reports when at least {count} ({labels}) are in zone {place} at once for {time}.",
    ),
    "rule-armed-always": ("Bật cả ngày", "Armed all day"),
    "rule-armed-hours": ("Bật từ {begin} đến {end}", "Armed from {begin} to {end}"),
    "rule-armed-days": ("các ngày {days}", "on {days}"),
    "rule-score": (
        "Chỉ tính người, phương tiện có độ tin cậy từ {score}% trở lên.",
        "Only objects with a score of at least {score}% count.",
    ),
    "rule-excluded": (
        "Vùng này có {count} phần loại trừ: người, phương tiện ở đó không được tính.",
        "Excluded parts of the zone: {count}.",
    ),
    "rule-masks": (
        "Màu xám, nét đứt: {count} phần hình bị che của camera, không được phân tích hoặc bị bôi đen.",
        "Grey, dashed: the camera's masks, not analysed or blacked out ({count}).",
    ),
    "rule-off": ("Đang tắt trong cấu hình", "Disabled in the configuration"),
    "picture-not-yet": (
        "Chưa có ảnh toàn cảnh nào của camera này.",
        "No whole picture of this camera has been taken yet.",
    ),
    "picture-is-asked": (
        "Đã yêu cầu ảnh; ảnh đến sau vài giây nếu thiết bị đang hoạt động.",
        "A picture was asked for; it comes within seconds if the gateway is online.",
    ),
    "picture-refresh": ("Tải lại trang", "Load the page again"),
    "rule-place-unknown": (
        "Thiết bị không gửi vùng hoặc vạch ảo của quy tắc này.",
        "The gateway has not sent the zone or line of this rule.",
    ),
    "rule-drawn": (
        "Vùng hoặc vạch ảo {place} trên hình của {camera}: {points}",
        "Zone or line {place} on the picture of {camera}: {points}",
    ),
    "rule-on-latest": (
        "Vẽ trên ảnh mới nhất của camera, chụp lúc {time}.",
        "Drawn on the newest picture of the camera, of {time}.",
    ),
    "day-mon": ("thứ Hai", "Monday"),
    "day-tue": ("thứ Ba", "Tuesday"),
    "day-wed": ("thứ Tư", "Wednesday"),
    "day-thu": ("thứ Năm", "Thursday"),
    "day-fri": ("thứ Sáu", "Friday"),
    "day-sat": ("thứ Bảy", "Saturday"),
    "day-sun": ("Chủ nhật", "Sunday"),
    "reports": ("Số lần báo", "Reports"),
    "reports-of-days": ("{days} ngày qua", "Last {days} days"),
    "reports-all": ("Tổng", "All"),
    "reports-open": ("Chưa có kết luận", "No outcome"),
    "reports-cut": (
        "Thiết bị gửi rất nhiều sự kiện nên trung tâm chỉ đếm các sự kiện từ {time} trở đi.",
        "The gateway sends very many events: only those since {time} are counted.",
    ),
    # --- proposals
    "proposals": ("Đề xuất dựa trên các kết luận", "Proposals from outcomes"),
    "proposals-show": ("Xem đề xuất", "Show proposals"),
    "proposals-of": (
        "Dựa trên {real} báo động đúng và {false} lần báo nhầm trong một năm qua.",
        "From {real} real and {false} false alarms of the last year.",
    ),
    "proposals-none": (
        "Chưa có đề xuất nào. Chỉ có đề xuất khi đã có ít nhất 5 lần báo nhầm, có cả báo động đúng, và có "
        "cách sửa quy tắc để phân biệt báo nhầm với báo động đúng.",
        "Nothing to propose. It takes at least 5 false alarms and some real ones, and a change that "
        "separates them.",
    ),
    "proposal-labels": ("Không còn báo khi có {label}", "No longer report: {label}"),
    "proposal-schedule": ("Chỉ bật từ {begin} đến {end}", "Armed only from {begin} to {end}"),
    "proposal-duration": (
        "Chỉ báo khi sự việc kéo dài từ {time} trở lên",
        "Report only what lasts at least {time}",
    ),
    "proposal-score": (
        "Chỉ báo khi người, phương tiện có độ tin cậy từ {score}% trở lên",
        "Report only objects with a score of at least {score}%",
    ),
    "proposal-mask": (
        "Loại trừ một phần của vùng: x từ {left} đến {right}, y từ {top} đến {bottom}",
        "Exclude from the zone what lies in x = {left} to {right}, y = {top} to {bottom}",
    ),
    "proposal-area": (
        "Thu nhỏ vùng hoặc rút ngắn vạch ảo: bỏ phần {side}",
        "A smaller zone or line: without what is {side}",
    ),
    "proposal-side-left": ("bên trái x = {at}", "left of x = {at}"),
    "proposal-side-right": ("bên phải x = {at}", "right of x = {at}"),
    "proposal-side-above": ("phía trên y = {at}", "above y = {at}"),
    "proposal-side-below": ("phía dưới y = {at}", "below y = {at}"),
    "proposal-effect": (
        "Bớt được {removed}/{false} lần báo nhầm, bỏ sót {lost}/{real} báo động đúng (vì còn ít số liệu, có "
        "thể bỏ sót đến {worst}%).",
        "Removes {removed} of {false} false alarms and loses {lost} of {real} real ones (with so few, up "
        "to {worst}% may be lost).",
    ),
    "proposal-rehearse": ("Chạy thử đề xuất này", "Rehearse this"),
    # --- the form
    "rehearse": ("Chạy thử", "Rehearse"),
    "rehearsal": ("Chạy thử quy tắc", "Rehearsal of a rule"),
    "rehearsal-of": ("Chạy thử quy tắc {rule}", "Rehearsal of rule {rule}"),
    "rehearsals": ("Các lần chạy thử", "Rehearsals"),
    "rehearsals-none": ("Chưa có lần chạy thử nào.", "There is no rehearsal yet."),
    "rehearsal-what": (
        "Thiết bị chạy thử bản nháp và quy tắc đang dùng trên các lượt đi qua đã lưu. Việc chạy thử không "
        "phát báo động và không thay đổi gì.",
        "The draft runs over the passages that the gateway has stored, beside the rule in force. Nothing "
        "is reported, and nothing is changed.",
    ),
    "rehearsal-form-error": ("Chưa gửi yêu cầu. Hãy sửa các mục sau:", "Nothing was sent. Please correct:"),
    "rehearsal-schedule": ("Thời gian bật", "When it is armed"),
    "rehearsal-begin": ("Từ (giờ:phút)", "From (HH:MM)"),
    "rehearsal-end": ("Đến (giờ:phút)", "To (HH:MM)"),
    "rehearsal-hours-hint": (
        "Để trống cả hai ô thì quy tắc bật cả ngày. Nếu giờ kết thúc sớm hơn giờ bắt đầu thì tính sang hôm "
        "sau.",
        "Both empty: the whole day. An end before the beginning is on the next day.",
    ),
    "rehearsal-days": ("Các ngày", "Days"),
    "rehearsal-what-counts": ("Điều kiện báo", "What is reported"),
    "rehearsal-seconds": ("Thời gian tối thiểu (giây)", "At least for (seconds)"),
    "rehearsal-count": ("Số lượng tối thiểu", "At least how many"),
    "rehearsal-score": ("Độ tin cậy tối thiểu", "Least score"),
    "rehearsal-score-hint": ("từ 0 đến 1; để trống: không giới hạn", "0 to 1; empty: no limit"),
    "rehearsal-labels": ("Loại", "Objects"),
    "rehearsal-points": ("Tọa độ vùng hoặc vạch ảo", "Points of the zone or line"),
    "rehearsal-points-hint": (
        "Mỗi đỉnh gồm x và y, từ 0 đến 1, cách nhau bằng dấu cách, tính từ góc trên bên trái của hình; các "
        "đỉnh cách nhau bằng dấu phẩy. Nếu sửa tọa độ, bản nháp dùng một vùng hoặc vạch ảo riêng.",
        "Each point is x and y in 0..1, with a space between them, from the upper left corner of the "
        "picture; commas separate the points. If they change, the draft gets a zone or line of its own.",
    ),
    "rehearsal-draw": (
        "Kéo một đỉnh để sửa vùng; kéo chấm nhỏ giữa hai đỉnh để thêm đỉnh; phím Delete xóa đỉnh đang chọn.",
        "Drag a corner to change the zone; drag a small point between two corners to add one; Delete removes "
        "the chosen corner.",
    ),
    "rehearsal-draw-line": (
        "Kéo một đầu để sửa vạch ảo.",
        "Drag an end to change the line.",
    ),
    "rehearsal-corner": (
        "Đỉnh NUMBER: di chuyển bằng phím mũi tên",
        "Point NUMBER: the arrow keys move it",
    ),
    "rehearsal-part-corner": (
        "Phần loại trừ PART, đỉnh NUMBER: di chuyển bằng phím mũi tên",
        "Excluded part PART, point NUMBER: the arrow keys move it",
    ),
    "rehearsal-part-add": ("Thêm phần loại trừ", "Add an excluded part"),
    "rehearsal-excluded": ("Tọa độ các phần loại trừ của vùng", "Points of the parts that the zone excludes"),
    "rehearsal-excluded-hint": (
        "Người, phương tiện ở trong các phần này không được tính. Các phần cách nhau bằng dấu chấm phẩy; để "
        "trống nếu không có.",
        "Objects that stand in these parts do not count. Semicolons separate the parts; empty: there are "
        "none.",
    ),
    "rehearsal-span": ("Dữ liệu dùng để chạy thử", "Over the last"),
    "rehearsal-span-days": ("{days} ngày qua", "{days} days"),
    "rehearsal-examples": (
        "Kèm nhiều nhất 12 ví dụ, có thể mở ảnh của từng ví dụ",
        "With up to 12 examples, whose pictures can be opened",
    ),
    "rehearsal-recorded": (
        "Tên của bạn, mục đích và số vụ việc được lưu tại trung tâm và tại thiết bị trước khi chạy thử. "
        "Mỗi lần bạn mở ảnh cũng được ghi lại.",
        "Your name, the purpose and the case number are recorded here and at the gateway before it runs. "
        "So is each picture that you open.",
    ),
    "rehearsal-purpose-hint": (
        "Ví dụ: giảm báo nhầm ở chợ. Ít nhất 3 ký tự.",
        "For example: false alarms of the market. At least 3 characters.",
    ),
    "rehearsal-start": ("Chạy thử bản nháp", "Rehearse the draft"),
    "rehearsal-long": (
        "Chạy thử trên dữ liệu một tuần mất vài phút, 30 ngày có thể mất vài giờ; khi xong, kết quả hiện "
        "trên trang của lần chạy thử.",
        "A week takes minutes, 30 days up to hours; the result appears on the page.",
    ),
    "rehearsal-off": (
        "Trung tâm chưa có khóa tìm kiếm nên không chạy thử được. Quản trị viên cần khai báo phần search "
        "trong cấu hình của trung tâm.",
        "This centre has no search key, so it can rehearse nothing. An administrator has to configure "
        "its section search.",
    ),
    "rehearsal-error-time": (
        "Ghi giờ bắt đầu và kết thúc theo mẫu 22:00, hoặc để trống cả hai.",
        "Give both times as 22:00, or none.",
    ),
    "rehearsal-error-days": ("Chọn ít nhất một ngày.", "Choose at least one day."),
    "rehearsal-error-labels": ("Chọn ít nhất một loại.", "Choose at least one kind of object."),
    "rehearsal-error-span": ("Chọn 7, 14 hoặc 30 ngày.", "Choose 7, 14 or 30 days."),
    "rehearsal-error-points": (
        "Vùng phải có từ 3 đến 64 đỉnh, mỗi đỉnh gồm hai số từ 0 đến 1; các cạnh không được cắt nhau.",
        "Points of a zone: 3 to 64, each of two numbers in 0..1, and no edge crosses another.",
    ),
    "rehearsal-error-excluded": (
        "Chỉ được có nhiều nhất 16 phần loại trừ, cách nhau bằng dấu chấm phẩy. Mỗi phần phải có ít nhất 3 "
        "đỉnh, mỗi đỉnh gồm hai số từ 0 đến 1; các cạnh không được cắt nhau.",
        "Excluded parts: at most 16, separated by semicolons, each of at least 3 points of two numbers in "
        "0..1, and no edge crosses another.",
    ),
    "rehearsal-error-line": (
        "Vạch ảo phải có đúng 2 đầu, mỗi đầu gồm hai số từ 0 đến 1.",
        "Points of a line: exactly 2, each of two numbers in 0..1.",
    ),
    # --- the result
    "rehearsal-state-waiting": ("Đang chờ gửi đến thiết bị.", "It waits to be sent to the gateway."),
    "rehearsal-state-sent": ("Đã gửi đến thiết bị.", "It was sent to the gateway."),
    "rehearsal-state-offline": (
        "Thiết bị đang mất liên lạc; yêu cầu được gửi khi thiết bị hoạt động trở lại.",
        "The gateway is offline; it is asked when it is back.",
    ),
    "rehearsal-state-later": (
        "Thiết bị đang chạy thử hoặc tạm chờ.",
        "The gateway runs it, or waits before it does.",
    ),
    "rehearsal-state-answered": ("Thiết bị đã chạy thử xong.", "The gateway has rehearsed it."),
    "rehearsal-state-refused": ("Thiết bị từ chối.", "The gateway refused."),
    "rehearsal-state-failed": ("Không chạy thử được.", "It failed."),
    "rehearsal-state-expired": ("Thiết bị không trả lời trước khi hết hạn.", "No answer in time."),
    "rehearsal-state-withdrawn": ("Đã hủy.", "It was withdrawn."),
    "rehearsal-withdraw": ("Hủy lần chạy thử", "Withdraw the rehearsal"),
    "rehearsal-withdraw-hint": (
        "Nếu thiết bị đã bắt đầu thì vẫn chạy hết, nhưng kết quả không được lưu.",
        "If the gateway has begun it finishes, but its result is not stored.",
    ),
    "rehearsal-result": ("Kết quả", "Result"),
    "rehearsal-times": ("Lẽ ra đã báo", "Would have reported"),
    "rehearsal-draft": ("Bản nháp", "Draft"),
    "rehearsal-in-force": ("Quy tắc đang dùng (khi chạy thử)", "Rule in force, rehearsed"),
    "rehearsal-in-force-none": ("Hiện không có quy tắc này.", "There is no such rule in force."),
    "rehearsal-live": ("Thực tế đã báo (số lượt)", "Really reported (objects)"),
    "rehearsal-both": ("Lượt đi qua mà cả hai đều báo", "Passages that both report"),
    "rehearsal-only-draft": ("Chỉ bản nháp báo", "Only the draft"),
    "rehearsal-only-in-force": ("Chỉ quy tắc đang dùng báo", "Only the rule in force"),
    "rehearsal-accuracy-close": (
        "Loại quy tắc này khi chạy thử cho kết quả sát với thực tế.",
        "For this kind of rule a rehearsal is close to what is really reported.",
    ),
    "rehearsal-accuracy-approximate": (
        "Loại quy tắc này khi chạy thử chỉ cho kết quả gần đúng: hãy so bản nháp với quy tắc đang dùng.",
        "For this kind of rule a rehearsal is approximate: compare the draft with the rule in force.",
    ),
    "rehearsal-passages": (
        "Trong thời gian này thiết bị lưu {passages} lượt đi qua, trong đó {used} lượt liên quan đến quy "
        "tắc.",
        "In this time the gateway has stored {passages} passages; {used} of them concern the rule.",
    ),
    "rehearsal-first": ("Lượt đi qua cũ nhất", "Oldest passage"),
    "rehearsal-undated": (
        "{count} lượt không tính được vì đồng hồ lúc đó chưa đồng bộ.",
        "{count} passages are left out: the clock was not synchronised.",
    ),
    "rehearsal-by-hour": ("Theo giờ trong ngày", "By hour of the day"),
    "rehearsal-by-day": ("Theo ngày", "By day"),
    "rehearsal-chart-says": (
        "Biểu đồ số lần báo theo giờ; bảng bên dưới có cùng số liệu.",
        "Chart of reports by hour; the table below has the same figures.",
    ),
    "rehearsal-hour": ("Giờ", "Hour"),
    "rehearsal-day": ("Ngày", "Day"),
    "rehearsal-figures": ("Số liệu", "Figures"),
    "rehearsal-sheet": ("Ví dụ", "Examples"),
    "rehearsal-sheet-none": ("Không có ví dụ.", "There are no examples."),
    "rehearsal-dropped": (
        "Đã bỏ qua {count} ví dụ không hợp lệ.",
        "{count} examples that cannot be true were dropped.",
    ),
    "rehearsal-by-draft": ("chỉ bản nháp báo", "only the draft reports it"),
    "rehearsal-by-in-force": ("chỉ quy tắc đang dùng báo", "only the rule in force reports it"),
    "rehearsal-by-both": ("cả hai đều báo", "both report it"),
    "rehearsal-yaml": ("Bản nháp", "The draft"),
    "rehearsal-arms-nothing": (
        "Bản nháp chưa có hiệu lực. Sau khi có kết quả, người vận hành có thể ký số để áp dụng. Thiết bị "
        "thử quy tắc mới tối đa 60 giây; nếu mất kết nối hoặc mất hình thì tự quay về quy tắc cũ.",
        "The draft is not in force. Once there is a result, an operator can sign it. The gateway then tries "
        "it for at most 60 s, and goes back by itself if it loses the broker or a camera.",
    ),
    "rule-new": ("Quy tắc mới", "A new rule"),
    "rule-new-kind": ("Loại", "Kind"),
    "rule-new-name": ("Tên, ví dụ: Cổng trường ban đêm", "Name, such as: school gate at night"),
    "rule-new-draft": ("Soạn bản nháp", "Draft it"),
    "rehearsal-question": ("Nội dung chạy thử", "The rehearsal"),
    "rehearsal-by-whom": ("Người yêu cầu", "Asked by"),
    "rule-put-in-force": ("Áp dụng bản nháp (cần ký số)", "Put the draft in force (to be signed)"),
    "rule-changed": ("Đã đổi bằng lệnh, khác cấu hình", "Changed by a command, unlike the configuration"),
    "rule-added": (
        "Được thêm bằng lệnh, cấu hình không có quy tắc này",
        "Added by a command; the configuration does not have it",
    ),
    "rule-remove": ("Bỏ quy tắc này", "Remove this rule"),
    "rule-last-change": (
        "Thay đổi gần nhất gửi từ trang của trung tâm: {what}. Người gửi lệnh: {who}, {time}. Lý do: {why}.",
        "Last change from this console: {what}. By {who}, {time}. Reason: {why}.",
    ),
    "rule-change-show": ("Xem lệnh", "Show the command"),
    "rule-change-elsewhere": (
        "Lệnh thay đổi đã được gửi từ nơi khác, không phải từ trang của trung tâm.",
        "The command was not sent from this console.",
    ),
    "rule-change-events": ("Xem sự kiện", "Show the events"),
    "rule-reset": ("Khôi phục theo cấu hình", "Back to the configuration"),
    "rehearsal-again": ("Sửa và chạy thử lại", "Change it and rehearse again"),
    "rehearsal-asked": ("Yêu cầu lúc", "Asked at"),
    "rehearsal-none-yet": ("chưa có", "none yet"),
}
