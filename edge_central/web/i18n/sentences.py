"""Sentences of the centre itself, beside those of agents: presence, alerts, verdicts, requested clips."""

from __future__ import annotations

from edge_agent.core.languages import Sentences

PRESENCE: Sentences = {
    "connected": ("connected", "đã kết nối"),
    "connection-lost": ("connection lost", "mất kết nối"),
    "agent-ended": ("agent stopped", "phần mềm đã được dừng"),
    "agent-failed": ("agent failed: {why}", "phần mềm gặp lỗi: {why}"),
    "next-certificate": (
        "reconnecting with the next certificate",
        "đang kết nối lại bằng chứng thư mới",
    ),
    "no-heartbeat": ("no heartbeat for {seconds} s", "{seconds} giây không có bản tin định kỳ"),
    "went-with-ward": ("went with its ward", "mất liên lạc cùng cả phường"),
    "went-offline-often": (
        "went offline {times} times in {minutes} min",
        "mất liên lạc {times} lần trong {minutes} phút",
    ),
    "is-online": ("online: {why}", "đang hoạt động: {why}"),
    "is-offline": ("offline: {why}", "mất liên lạc: {why}"),
    "is-stopped": ("stopped: {why}", "đã dừng: {why}"),
    "is-unstable": ("unstable: {why}", "chập chờn: {why}"),
    "ward-outage": (
        "{gateways} of {count} boxes went at once",
        "{gateways} trong {count} thiết bị mất liên lạc cùng lúc",
    ),
    "out-of-bounds": (
        "some of what the box says is out of bounds and is left out",
        "một số giá trị thiết bị gửi nằm ngoài giới hạn nên bị bỏ qua",
    ),
    "unreadable": (
        "what the box says cannot be shown",
        "không hiển thị được những gì thiết bị gửi",
    ),
}

ALERTS: Sentences = {
    "above": ("{why}, above {limit}", "{why} (ngưỡng {limit})"),
    "below": ("{why}, below {limit}", "{why} (ngưỡng {limit})"),
    "changed-by-hand": ("changed by hand: {changes}", "đang tạm thay đổi: {changes}"),
    "changed-rule": ("{rule} ({override})", "quy tắc {rule} ({override})"),
    "changed-view": ("the view", "góc nhìn"),
    "as-configured": ("it watches as it is configured", "đã hoạt động lại theo cấu hình"),
    "another-follows": ("another one follows", "được thay bằng thay đổi khác"),
    "unknown": ("not known any more", "không còn thông tin"),
    "processor-hot": ("processor at {celsius} °C", "nhiệt độ bộ xử lý {celsius} °C"),
    "certificate-days": (
        "the gateway's certificate ends in {days} days",
        "chứng thư của thiết bị còn {days} ngày",
    ),
    "ca-days": (
        "the CA that it trusts ends in {days} days",
        "chứng thư của CA mà thiết bị tin cậy còn {days} ngày",
    ),
    "oldest-event": ("the oldest event waits for {seconds} s", "sự kiện cũ nhất đã chờ {seconds} giây"),
    "events-wait": (
        "events wait for the uplink's budget",
        "sự kiện phải chờ vì sắp hết dung lượng SIM",
    ),
    "budget-used": (
        "{used} of {budget} MB of the period used",
        "đã dùng {used} trong tổng số {budget} MB của kỳ này",
    ),
    "version-behind": (
        "version {version}, the others have {others}",
        "đang dùng phiên bản {version}, các thiết bị khác đã dùng {others}",
    ),
    "events-missing": (
        "{events} events are missing, and nobody has said why",
        "thiếu {events} sự kiện, không rõ lý do",
    ),
    "numbers-conflict": (
        "{events} events came with numbers that other events have: two boxes, or a copy",
        "{events} sự kiện trùng số với sự kiện khác: có hai thiết bị trùng mã, hoặc thiết bị chạy từ bản sao",
    ),
    "names-conflict": (
        "two boxes report under this name by turns",
        "hai thiết bị thay nhau gửi bản tin với cùng một mã",
    ),
    "no-conflict": ("no conflict for a day", "một ngày qua không còn trùng mã"),
    "alarm-flood": (
        "{alarms} alarms in 10 min: they are listed and do not ring one by one",
        "{alarms} báo động trong 10 phút: vẫn có trong danh sách, nhưng không phát chuông từng báo động",
    ),
    "retained-messages": (
        "{messages} messages beside state and birth are retained at the broker",
        "{messages} bản tin thừa đang được lưu sẵn ở máy chủ nhận tin",
    ),
    "view-changed": ("view {views}", "góc nhìn {views}"),
    "camera-is": ("{state}", "{state}"),
    "camera-is-because": ("{state} ({cause})", "{state}: {cause}"),
    "update-went-back": (
        "update: went back: {version}: {why}",
        "cập nhật không thành công, đã quay về bản cũ: {version}: {why}",
    ),
    "config-taken-back": ("configuration taken back: {why}", "đã quay về cấu hình cũ: {why}"),
    "model-went-back": (
        "model: given up: {name}: {why}",
        "mô hình mới {name} không đạt, đã quay về mô hình cũ: {why}",
    ),
    "clock-ahead": (
        "the centre's clock is {difference} ahead of {reference}",
        "đồng hồ của trung tâm chạy nhanh {difference} so với {reference}",
    ),
    "clock-behind": (
        "the centre's clock is {difference} behind {reference}",
        "đồng hồ của trung tâm chạy chậm {difference} so với {reference}",
    ),
    "clock-right": ("the centre's clock is right", "đồng hồ của trung tâm đã đúng giờ"),
    "most-gateways": ("most gateways", "đa số thiết bị"),
    "own-count": ("what the centre has counted", "thời gian trung tâm tự đếm"),
    "minutes": ("{count} min", "{count} phút"),
    "hours": ("{count} h", "{count} giờ"),
    "days": ("{count} days", "{count} ngày"),
    "deletion-waits": (
        "retention would delete {rows} of {stored} rows of {table} at once and waits for {command}",
        "sẽ xóa cùng lúc {rows} trong {stored} bản ghi ({table}) hết thời hạn lưu trữ, chờ quản trị viên "
        "duyệt bằng lệnh {command}",
    ),
    "deletion-goes-on": ("retention deletes again", "đã tiếp tục xóa dữ liệu cũ"),
}

VERDICTS: Sentences = {
    "as-signed": ("as it was signed", "đúng như khi ký"),
    "signed-itself": (
        "its own signature holds; the fields around it, such as its time, only the next head signs",
        "chữ ký số của nội dung đúng; thời gian và các phần đi kèm do chữ ký số kế tiếp xác nhận",
    ),
    "no-key": (
        "the box has told no key: no signature was checked",
        "thiết bị chưa báo khóa công khai nên chưa kiểm tra được chữ ký số nào",
    ),
    "head-changed": (
        "its signature does not hold: something in this head was changed",
        "chữ ký số không khớp: nội dung được ký đã bị sửa",
    ),
    "signed-twice": (
        "two different events of this number are signed: somebody else has the key",
        "hai sự kiện khác nhau cùng số đều được ký: người khác đang có khóa của thiết bị",
    ),
    "bytes-changed": (
        "its bytes are not those that were signed",
        "nội dung không còn giống khi ký",
    ),
    "links-broken": (
        "it does not fit the event before or after it: one of the two was changed",
        "không khớp với sự kiện liền trước hoặc liền sau: một trong hai đã bị sửa",
    ),
    "not-signed-yet": (
        "newer than the last event that a head signs",
        "mới hơn sự kiện cuối cùng đã được ký",
    ),
    "no-event": ("it cannot be read as an event", "dữ liệu không phải là một sự kiện hợp lệ"),
    "other-key": (
        "signed with the key {key}, which was not given",
        "ký bằng khóa {key}, không phải khóa thiết bị đã báo",
    ),
    "signed-with": ("signed with the key of {name}", "ký bằng khóa của {name}"),
    "next-given-up": (
        "what came after it was given up ({reason}), and no head names it itself",
        "sự kiện liền sau đã bị bỏ ({reason}) nên không có chữ ký số nào dẫn đến sự kiện này",
    ),
    "not-reached": (
        "the links from the signed event {event} do not reach it: see what comes between",
        "chuỗi từ sự kiện đã ký {event} không dẫn đến sự kiện này: xem các sự kiện ở giữa",
    ),
}

REPLIES: Sentences = {
    "clip-on-its-way": ("the clip is on its way", "video đang được gửi về"),
    "clip-not-made": (
        "no clip came of it; the evidence event says why",
        "không lập được video; lý do có trong sự kiện chứng cứ",
    ),
    "agent-stops": ("the agent stops", "phần mềm của thiết bị đang dừng"),
    "clip-restart": (
        "the agent was restarted before the clip was complete",
        "phần mềm khởi động lại trước khi video hoàn thành",
    ),
    "done-before": (
        "it was obeyed before; what came of it is not known any more",
        "lệnh này đã được thực hiện trước đó, kết quả không còn được lưu",
    ),
    "not-recorded": (
        "the box cannot write down that it has obeyed this: its disk is full or read-only",
        "thiết bị không ghi lại được việc thực hiện lệnh: ổ đĩa đầy hoặc chỉ đọc",
    ),
    "no-such-clip": (
        "there is no clip of {event} on this box",
        "thiết bị không có video của sự kiện {event}",
    ),
    "too-many-commands": (
        "too many commands have come in the last days; send it again later",
        "những ngày qua có quá nhiều lệnh; hãy gửi lại sau",
    ),
    "too-many-signed-commands": (
        "too many commands signed with this key have come in the last days; send it again later",
        "những ngày qua có quá nhiều lệnh ký bằng khóa này; hãy gửi lại sau",
    ),
    "commands-not-done": (
        "{commands} commands are not done yet, {same} of them {type}; send it again later",
        "thiết bị còn {commands} lệnh chưa thực hiện, trong đó có {same} lệnh {type}; hãy gửi lại sau",
    ),
    "commands-not-done-sign": (
        "{commands} commands are not done yet, {same} of them {type}; send it again later, or sign it: there "
        "is room kept for those",
        "thiết bị còn {commands} lệnh chưa thực hiện, trong đó có {same} lệnh {type}; hãy gửi lại sau, "
        "hoặc ký lệnh",
    ),
    "clip-waits": (
        "the clip waits on the box: the uplink's budget is short, pictures go again on {day}",
        "video chờ ở thiết bị vì sắp hết dung lượng SIM, gửi tiếp từ ngày {day}",
    ),
    "clip-too-large": (
        "it has {bytes} bytes, and {limit} go through the broker; give a url",
        "video có {bytes} byte, quá lớn để gửi qua máy chủ nhận tin (tối đa {limit}); hãy báo quản trị viên",
    ),
}

SENTENCES: Sentences = {**PRESENCE, **ALERTS, **VERDICTS, **REPLIES}
