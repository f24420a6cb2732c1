"""Texts about commands to gateways: buttons, the page of signing, the log; and claims of boxes."""

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
        "Những lệnh này thay đổi hoạt động của thiết bị nên phải được người vận hành ký số. Trang sau "
        "hiển thị đúng nội dung sẽ được ký số.",
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
    "command-status": ("Yêu cầu thiết bị báo tình trạng", "Ask for its status"),
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
    "command-port": ("Số hiệu cổng TCP của ONVIF (khi khởi động lại camera)", "Its ONVIF port, to reboot it"),
    "command-signed-snapshot": ("Chụp ảnh lớn", "Picture in full size"),
    "command-all-cameras": ("Tất cả camera", "All cameras"),
    "command-for": ("Thời gian", "For"),
    "command-every": ("Thời gian giữa hai ảnh", "One picture every"),
    "command-end-now": ("Trở lại theo cấu hình", "As configured again"),
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
    "command-to-sign": ("Nội dung sẽ được ký số", "This is signed"),
    "command-valid": ("Thiết bị chỉ nhận lệnh này trước", "The gateway takes this command only before"),
    "command-document": ("Xem nguyên văn nội dung được ký số", "The signed text, byte for byte"),
    "command-key": ("Tệp khóa bí mật của người vận hành", "File of the operator's private key"),
    "command-key-hint": (
        "Trình duyệt chỉ đọc tệp này để ký số, không gửi khóa đi nơi khác và không lưu khóa.",
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
    "command-key-failed": (
        "Không ký số được. Hãy chọn lại tệp khóa.",
        "Signing failed. Choose the key again.",
    ),
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
        "Không đọc được lệnh đã ký số. Chưa gửi gì.",
        "The signed command cannot be read. Nothing was sent.",
    ),
    "command-error-other": (
        "Lệnh đã ký số không phải do trang này soạn. Chưa gửi gì.",
        "The signed command does not come from this page. Nothing was sent.",
    ),
    "command-error-expired": (
        "Lệnh đã hết hạn trước khi được gửi. Hãy chọn lại lệnh và ký số trong vòng 10 phút. Chưa gửi gì.",
        "The command expired before it was sent. Choose it again, and sign within 10 minutes. Nothing was "
        "sent.",
    ),
    "command-error-lifetime": (
        "Thời hạn hiệu lực của lệnh đã ký số dài quá 15 phút. Chưa gửi gì.",
        "The signed command is valid for more than 15 minutes. Nothing was sent.",
    ),
    "command-says-status": ("Yêu cầu thiết bị báo tình trạng", "Ask for the gateway's status"),
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
        "{camera}: đưa quy tắc {rule} trở lại theo cấu hình",
        "{camera}: return the rule {rule} to its configuration",
    ),
    "command-says-relearn": ("{camera}: học lại góc nhìn", "{camera}: learn its view again"),
    "command-says-unclaim": (
        "Hủy việc nhận điểm: thiết bị không còn thuộc điểm này và bị thu hồi chứng thư",
        "Withdraw: the box no longer stands at this site, and its certificate is revoked",
    ),
    "command-says-camera-reboot": ("{camera}: khởi động lại camera", "{camera}: reboot the camera"),
    "command-says-storm-mode": (
        "Chế độ bão: tất cả camera, mỗi camera cứ {every} chụp một ảnh, trong {time}",
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
        "{camera}: áp dụng bản nháp của quy tắc {rule}",
        "{camera}: put the drafted rule {rule} in force",
    ),
    "command-says-set-rule-off": (
        "{camera}: tắt hẳn quy tắc {rule}",
        "{camera}: switch the rule {rule} off for good",
    ),
    "command-says-reset-rule": (
        "{camera}: khôi phục quy tắc {rule} theo cấu hình",
        "{camera}: take the rule {rule} back to the configuration",
    ),
    "command-says-remove-rule": (
        "{camera}: bỏ quy tắc {rule} (cấu hình không có quy tắc này)",
        "{camera}: remove the rule {rule}, which the configuration does not have",
    ),
    "command-says-set-masks": (
        "{camera}: thay các phần hình bị che",
        "{camera}: replace the masks of the picture",
    ),
    "command-says-reset-masks": (
        "{camera}: khôi phục các phần hình bị che theo cấu hình",
        "{camera}: take the masks of the picture back to the configuration",
    ),
    # --- the masks of a camera
    "masks-change": ("Sửa các phần hình bị che", "Change the masks"),
    "masks-of": ("Các phần hình bị che của {camera}", "Masks of {camera}"),
    "masks-what": (
        "Trong phần không phân tích, camera không phát hiện chuyển động, người hay phương tiện, nên mọi quy "
        "tắc đều không phát hiện được gì ở đó. Phần bôi đen vẫn được phân tích, nhưng có màu đen trong "
        "các ảnh mà thiết bị gửi đi.",
        "In an area that is not analysed neither motion nor objects are detected, so no rule sees anything "
        "there. An area that is blacked out is analysed, but is black in each picture that leaves the "
        "gateway.",
    ),
    "masks-counts": (
        "{ignored} phần không phân tích, {private} phần bôi đen.",
        "Not analysed: {ignored}. Blacked out: {private}.",
    ),
    "masks-changed": (
        "Đã đổi bằng lệnh, khác cấu hình. Theo cấu hình: {counts}",
        "Changed by a command, unlike the configuration. The configuration has: {counts}",
    ),
    "masks-reset": ("Khôi phục theo cấu hình", "Back to the configuration"),
    "masks-ignored": ("Phần không phân tích", "Not analysed"),
    "masks-private": ("Phần bôi đen", "Blacked out"),
    "masks-what-here": (
        "Dùng cho nơi gây báo nhầm như đồng hồ trên hình, cờ, cây. Quy tắc không phát hiện được gì ở đó.",
        "For what causes false alarms, such as a clock in the picture, flags or trees. No rule sees anything "
        "there.",
    ),
    "masks-what-private": (
        "Dùng cho nơi riêng tư như cửa sổ nhà dân. Trong ảnh mà thiết bị gửi đi, chỗ đó bị bôi đen.",
        "For private places such as windows of homes: black in the pictures that leave the gateway.",
    ),
    "mask-add": ("Thêm phần mới", "Add an area"),
    "mask-remove": ("Bỏ phần đang chọn", "Remove the chosen area"),
    "mask-points": ("Tọa độ", "Points"),
    "mask-points-hint": (
        "Mỗi đỉnh gồm hai số từ 0 đến 1, ngang rồi dọc, cách nhau bằng dấu cách. Các đỉnh cách nhau bằng dấu "
        "phẩy, các phần cách nhau bằng dấu chấm phẩy.",
        "Each point is two numbers in 0..1, across and down, with a space between them. Commas separate the "
        "points, semicolons the areas.",
    ),
    "mask-corner": (
        "{field} PART, đỉnh NUMBER: di chuyển bằng phím mũi tên, xóa bằng phím Delete",
        "{field} PART, point NUMBER: the arrow keys move it, Delete removes it",
    ),
    "mask-whole": (
        "{field} PART: di chuyển bằng phím mũi tên, xóa bằng phím Delete",
        "{field} PART: the arrow keys move it, Delete removes it",
    ),
    "masks-draw": (
        "Kéo cả phần để di chuyển; kéo một đỉnh để sửa; kéo chấm nhỏ giữa hai đỉnh để thêm đỉnh; phím Delete "
        "xóa đỉnh hoặc phần đang chọn. Màu xám: không phân tích. Màu đen: bôi đen. Nét vàng: vùng và vạch ảo "
        "của các quy tắc.",
        "Drag an area to move it; drag a corner to change it; drag a small point between two corners to add "
        "one; Delete removes the chosen corner or area. Grey: not analysed. Black: blacked out. Yellow: "
        "zones and lines of the rules.",
    ),
    "masks-continue": ("Xem thay đổi và ký số", "Show the change, to be signed"),
    "masks-then": (
        "Trang tiếp theo so sánh hình trước và sau khi đổi. Chưa có gì được gửi cho đến khi người vận hành "
        "ký số. Sau đó, thiết bị áp dụng thử tối đa 60 giây; nếu mất kết nối hoặc mất hình thì tự quay về "
        "cấu hình cũ.",
        "The next page compares both. Nothing is sent until an operator signs it. The gateway then tries it "
        "for at most 60 s, and goes back by itself if it loses the broker or a camera.",
    ),
    "masks-form-error": ("Chưa gửi gì. Hãy sửa:", "Nothing was sent. Please correct:"),
    "masks-error-points": (
        "{field} {number}: cần từ 3 đến 64 đỉnh, mỗi đỉnh gồm hai số từ 0 đến 1.",
        "{field} {number}: 3 to 64 points are needed, each of two numbers in 0..1.",
    ),
    "masks-error-fault": ("{field} {number}:", "{field} {number}:"),
    "masks-error-many": ("{field}: nhiều nhất {most} phần.", "{field}: at most {most} areas."),
    "masks-error-same": (
        "Các phần hình bị che chưa có gì thay đổi.",
        "The masks are the same as before.",
    ),
    "masks-unreadable": (
        "Camera này có phần hình bị che mà trang này không vẽ được. Chỉ sửa được trong cấu hình của thiết "
        "bị.",
        "This camera has masks that this page cannot draw. They can be changed in the gateway's "
        "configuration only.",
    ),
    "masks-before": ("Hiện nay", "Now"),
    "masks-after": ("Sau khi đổi", "After the change"),
    "masks-effect-counts": (
        "Phần mới: {added}; phần bỏ đi: {removed}. Phần vẽ lại được tính vào cả hai.",
        "New areas: {added}; removed areas: {removed}. A redrawn area counts as one of each.",
    ),
    "masks-effect-share": (
        "Phần hình không phân tích: hiện nay {before}%, sau khi đổi {after}%.",
        "Not analysed: {before}% of the picture now, {after}% after the change.",
    ),
    "masks-effect-hidden": (
        "Quy tắc {rule} sẽ không phát hiện được gì: toàn bộ vùng hoặc vạch ảo nằm trong phần không phân "
        "tích.",
        "The rule {rule} will see nothing: its whole zone or line is in areas that are not analysed.",
    ),
    "masks-effect-part": (
        "Quy tắc {rule}: {percent}% vùng hoặc vạch ảo nằm trong phần không phân tích.",
        "The rule {rule}: {percent}% of its zone or line is not analysed.",
    ),
    "masks-effect-reports": (
        "Trong 30 ngày qua có {count} lần báo về người, phương tiện ở nơi sẽ không được phân tích; kết luận: "
        "{real} lần báo động đúng, {false} lần báo nhầm.",
        "In the last 30 days {count} reports were about objects that stood where nothing will be "
        "analysed; outcomes: {real} real, {false} false.",
    ),
    "masks-effect-earlier": (
        "Ảnh và video đã lưu trước khi đổi không bị bôi đen thêm.",
        "Pictures and clips from before the change stay as they are.",
    ),
    "masks-effect-reveals": (
        "Có phần đang bị bôi đen sẽ hiện rõ trong các ảnh mà thiết bị gửi đi.",
        "A part that is blacked out now will be visible in the pictures that leave the gateway.",
    ),
    "masks-effect-no-clips": (
        "Thiết bị không lưu video của camera có phần bôi đen, trừ khi cấu hình của thiết bị cho phép.",
        "A camera with blacked-out areas makes no clips, unless its configuration permits that.",
    ),
    "masks-effect-clips": (
        "Không còn phần bôi đen nào nên thiết bị lại lưu video của các sự kiện.",
        "No area is blacked out any more, so the camera makes clips of its events again.",
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
    "override-end": ("Trở lại theo cấu hình…", "Return to its configuration…"),
    "command-hold-event": ("Giữ lại chứng cứ trên thiết bị", "Hold the evidence on the gateway"),
    "recorder-open": ("Mở kênh {channel} trên đầu ghi", "Open channel {channel} on the recorder"),
    # claims of boxes, and their withdrawal
    "access-claim-withdrawal": ("hủy việc nhận điểm", "withdrew a claim of a site"),
    "claims": ("Yêu cầu nhận điểm", "Claims of sites"),
    "claims-say": (
        "Khi lắp một thiết bị mới, kỹ thuật viên chọn điểm và thiết bị gửi yêu cầu nhận điểm đó. Yêu cầu "
        "được xác nhận tại máy điều khiển, không phải trên trang này. Nếu kỹ thuật viên chọn nhầm điểm, "
        "cán bộ mở yêu cầu đó và hủy việc nhận điểm.",
        "When a technician installs a new box and chooses its site, the box claims this site. Claims are "
        "confirmed on the control machine, not on this page. If the site is wrong, an officer opens the "
        "claim and withdraws it.",
    ),
    "claims-none": ("Chưa có yêu cầu nhận điểm nào.", "No box has claimed a site."),
    "claims-waiting-now": ("Đang chờ xác nhận", "Waiting"),
    "claims-wrong-now": ("Không khớp", "Do not fit"),
    "claim-box": ("Thiết bị", "Box"),
    "board-unknown": ("không rõ bo mạch", "unknown board"),
    "claim-who": ("Người lắp đặt", "Claimed by"),
    "claim-cameras": ("Camera tìm thấy", "Cameras found"),
    "claim-verdict": ("Kết quả kiểm tra", "Verdict"),
    "claim-verdict-is": (
        "{green} mục tốt, {yellow} mục lưu ý, {red} mục lỗi",
        "{green} green, {yellow} yellow, {red} red",
    ),
    "claim-verdict-none": (
        "khi gửi yêu cầu, thiết bị chưa được kiểm tra; xem biên bản ở trang của điểm",
        "not examined when it was sent: see the report on the site's page",
    ),
    "claim-distance": ("Cách tọa độ của điểm", "From the site"),
    "claim-metres": ("{metres} m (±{accuracy} m)", "{metres} m (±{accuracy} m)"),
    "claim-misfits": ("Chỗ không khớp", "What does not fit"),
    "claim-fits": ("khớp với danh sách", "fits"),
    "claim-unsynced": ("đồng hồ thiết bị chưa đồng bộ", "the box's clock was not synchronised"),
    "claim-state-pending": ("chờ xác nhận", "waits"),
    "claim-state-confirmed": ("đã xác nhận", "confirmed"),
    "claim-state-refused": ("bị từ chối", "refused"),
    "claim-state-withdrawn": ("đã hủy", "withdrawn"),
    "claim-state-replaced": ("đã được thay bằng yêu cầu khác", "replaced by another claim"),
    "claim-being-withdrawn": (
        "{who} đã hủy, lý do: {why}. Máy điều khiển còn phải thu hồi chứng thư.",
        "withdrawn by {who}: {why}. The control machine still has to revoke the certificate.",
    ),
    "claim-withdraw": ("Hủy việc nhận điểm", "Withdraw"),
    "claim-withdraw-means": (
        "Thiết bị sẽ không còn thuộc điểm này. Các sự kiện đã ghi vẫn được giữ riêng trên thiết bị; "
        "chứng thư của thiết bị sẽ bị thu hồi.",
        "The box no longer stands at this site. Its events stay apart on the box; its certificate is "
        "revoked.",
    ),
    "claim-not-undoable": (
        "Yêu cầu này không còn hiệu lực nên không cần hủy.",
        "This claim is not in force: there is nothing to withdraw.",
    ),
}
