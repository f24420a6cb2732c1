"""Lines that boxes and alerts say in English, in Vietnamese for who reads that.

A line travels as it was said, for the log and for developers: events, heartbeats and alerts have one wording.
Here each known one has its sentence; a part in the middle that is known too is put into Vietnamese with it,
what is not known stays as it is. tests/edge_central/web/test_lines.py lets the code say each of them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from edge_central.web.i18n import events, fleet
from edge_central.web.i18n import vietnamese_reasons as told

PATTERNS: tuple[tuple[str, str], ...] = (
    # events
    (
        r"(\d+) in (.+), at most (\d+), for (\d+) s",
        "có {0} người, phương tiện trong vùng {1}, mức tối đa là {2}, đã kéo dài {3} giây",
    ),
    (r"(\S+) came and stands in (.+) for (\d+) s", "{0} vào và dừng ở vùng {1} đã {2} giây"),
    (r"(\S+) crossed (.+) from (.+) to (.+)", "{0} đi qua vạch ảo {1} từ {2} sang {3}"),
    (r"(\S+) goes against the arrow of (.+?): .+", "{0} đi ngược chiều ở vùng {1}"),
    (r"(\S+) in (.+) for (\d+) s", "{0} ở trong vùng {1} đã {2} giây"),
    (
        r"the (?:gateway|CA)'s certificate ends on (\S+), in (\d+) days",
        "chứng thư hết hạn ngày {0}, còn {1} ngày",
    ),
    (r"the (?:gateway|CA)'s certificate expired on (\S+): .+", "chứng thư đã hết hạn ngày {0}"),
    (
        r"the (?:gateway|CA)'s certificate was renewed, it lasts until (\S+)",
        "chứng thư đã được gia hạn đến ngày {0}",
    ),
    (
        r"rule (\S+) is muted: what it reports is an info and no alarm, for (\d+) s; (.+)",
        "quy tắc {0} tạm không báo động trong {1} giây, chỉ ghi là thông tin; {2}",
    ),
    (
        r"rule (\S+) is armed, also outside of its schedule, for (\d+) s; (.+)",
        "quy tắc {0} được bật trong {1} giây, kể cả ngoài lịch; {2}",
    ),
    (
        r"rule (\S+) is disarmed: it sees nothing, for (\d+) s; (.+)",
        "quy tắc {0} bị tạm tắt trong {1} giây, không phát hiện gì; {2}",
    ),
    (
        r"the view is learned anew, and what it shows now counts as usual; (.+)",
        "học lại góc nhìn, hình hiện tại được coi là bình thường; {0}",
    ),
    (r"command (\S+), signed by (\S+)", "theo lệnh {0}, ký bằng khóa {1}"),
    (r"command (\S+), not signed", "theo lệnh {0}, không có chữ ký số"),
    (r"asked for on the box", "theo yêu cầu tại thiết bị"),
    (
        r"up to (\d+) frames each of (.+) are kept for training until (\S+); (.+)",
        "lưu tối đa {0} ảnh huấn luyện mỗi camera ({1}), đến {2}; {3}",
    ),
    (r"no more frames are taken: (.+); (\d+) were taken", "ngừng lấy ảnh huấn luyện: {0}; đã lấy {1} ảnh"),
    (
        r"no frame is on the gateway any more: (\d+) sent, (\d+) exported, (\d+) deleted",
        "thiết bị không còn ảnh huấn luyện: {0} đã gửi, {1} đã chép ra, {2} đã xóa",
    ),
    (
        r"(\d+) frames were exported on the gateway by (.+)",
        "{1} đã chép {0} ảnh huấn luyện ra ngoài tại thiết bị",
    ),
    (r"rule (\S+): the (\S+) has ended: (.+)", "quy tắc {0}: kết thúc việc {1}, {2}"),
    (r"the view: the relearn has ended: (.+)", "góc nhìn: {0}"),
    # alerts and presence
    (r"changed by hand: (.+)", "đang tạm thay đổi: {0}"),
    (r"(\S+) \((mask|disarm)\)", "quy tắc {0} ({1})"),
    (r"it watches as it is configured", "đã hoạt động lại theo cấu hình"),
    (r"another one follows", "có thay đổi khác tiếp theo"),
    (r"no heartbeat for (\d+) s", "{0} giây không có bản tin định kỳ"),
    (r"went with its ward", "mất liên lạc cùng cả phường"),
    (r"went offline (\d+) times in (\d+) min", "mất liên lạc {0} lần trong {1} phút"),
    (r"(\d+) of (\d+) boxes went at once", "{0} trong {1} thiết bị mất liên lạc cùng lúc"),
    (r"the centre's clock is (.+) ahead of (.+)", "đồng hồ của trung tâm chạy nhanh {0} so với {1}"),
    (r"the centre's clock is (.+) behind (.+)", "đồng hồ của trung tâm chạy chậm {0} so với {1}"),
    (
        r"(\d+) messages beside state and birth are retained at the broker",
        "{0} bản tin thừa đang được lưu sẵn ở máy chủ nhận tin",
    ),
    (r"the centre's clock is right", "đồng hồ của trung tâm đã đúng giờ"),
    (r"most gateways", "đa số thiết bị"),
    (r"what the centre has counted", "thời gian trung tâm tự đếm"),
    (r"(\d+) min", "{0} phút"),
    (r"(\d+) h", "{0} giờ"),
    (r"(\d+) days", "{0} ngày"),
    (
        r"retention would delete (\d+) of (\d+) rows of (\w+) at once and waits for (.+)",
        "sẽ xóa cùng lúc {0} trong {1} bản ghi ({2}) hết thời hạn lưu trữ, chờ quản trị viên duyệt bằng "
        "lệnh {3}",
    ),
    (r"retention deletes again", "đã tiếp tục xóa dữ liệu cũ"),
    (r"not known any more", "không còn thông tin"),
    (r"disk (\d+) % full", "ổ đĩa đầy {0}%"),
    (r"memory (\d+) % used", "bộ nhớ đã dùng {0}%"),
    (r"processor at (\d+) °C", "bộ xử lý ở {0} °C"),
    (r"undervoltage: the power supply is too weak", "sụt áp: bộ nguồn quá yếu"),
    (r"the processor is throttled", "bộ xử lý bị giảm tốc"),
    (r"clock not synchronised, times may be wrong", "đồng hồ chưa đồng bộ, giờ có thể sai"),
    (
        r"clock not synchronised since the box started: rules with a schedule are armed all day \((\d+)\)",
        "đồng hồ chưa đồng bộ từ khi khởi động: {0} quy tắc có lịch được bật cả ngày",
    ),
    (
        r"clock not synchronised since the box started: rules with a schedule are off \((\d+)\)",
        "đồng hồ chưa đồng bộ từ khi khởi động: {0} quy tắc có lịch đang tắt",
    ),
    (
        r"clock not synchronised since the box started: rules with a schedule believe it \((\d+)\)",
        "đồng hồ chưa đồng bộ từ khi khởi động: {0} quy tắc có lịch có thể sai giờ",
    ),
    (r"the gateway's certificate ends in (-?\d+) days", "chứng thư của thiết bị còn {0} ngày"),
    (r"the CA that it trusts ends in (-?\d+) days", "chứng thư của CA mà thiết bị tin cậy còn {0} ngày"),
    (r"the oldest event waits for (\d+) s", "sự kiện cũ nhất đã chờ {0} giây"),
    (r"events wait for the uplink's budget", "sự kiện phải chờ vì sắp hết dung lượng SIM"),
    (r"([\d,]+) of ([\d,]+) MB of the period used", "đã dùng {0} trong tổng số {1} MB của kỳ này"),
    (r"version (\S+), the others have (\S+)", "đang dùng phiên bản {0}, các thiết bị khác đã dùng {1}"),
    (r"(\d+) events are missing, and nobody has said why", "thiếu {0} sự kiện, không rõ lý do"),
    (
        r"(\d+) events came with numbers that other events have: two boxes, or a copy",
        "{0} sự kiện trùng số với sự kiện khác: có hai thiết bị trùng mã, hoặc thiết bị chạy từ bản sao",
    ),
    (r"two boxes report under this name by turns", "hai thiết bị thay nhau gửi bản tin với cùng một mã"),
    (r"no conflict for a day", "một ngày qua không còn trùng"),
    (
        r"(\d+) alarms in 10 min: they are listed and do not ring one by one",
        "{0} báo động trong 10 phút: vẫn có trong danh sách, nhưng không phát chuông từng báo động",
    ),
    (r"view (.+)", "góc nhìn {0}"),
    (r"(offline|degraded)", "{0}"),
    (r"(offline|degraded) \((\w+)\)", "{0}: {1}"),
    (
        r"evidence: (\d+) clips could not be made since start",
        "chứng cứ: không lưu được {0} đoạn video từ khi khởi động",
    ),
    (r"update: went back: (.+?): (.+)", "cập nhật không thành, đã quay về bản cũ: {0}: {1}"),
    (r"configuration taken back: (.+)", "đã quay về cấu hình cũ: {0}"),
    # models that the centre sent
    (r"model: given up: (\S+): (.+)", "mô hình mới {0} không đạt, đã quay về mô hình cũ: {1}"),
    (
        r"model: given up at (.+?): (\S+): (.+)",
        "mô hình mới {1} không đạt, đã quay về mô hình cũ lúc {0}: {2}",
    ),
    (
        r"(\S+): (\d+) objects, under a third of the (\d+) expected",
        "{0}: {1} người, phương tiện, chưa bằng một phần ba số dự kiến ({2})",
    ),
    (
        r"(\S+): (\d+) objects, over three times the (\d+) expected",
        "{0}: {1} người, phương tiện, hơn gấp ba số dự kiến ({2})",
    ),
    (
        r"(\S+): (\d+) objects of the group (\S+), under a third of the (\d+) expected",
        "{0}: {1} trường hợp thuộc nhóm {2}, chưa bằng một phần ba số dự kiến ({3})",
    ),
    (
        r"(\S+): (\d+) objects of the group (\S+), over three times the (\d+) expected",
        "{0}: {1} trường hợp thuộc nhóm {2}, hơn gấp ba số dự kiến ({3})",
    ),
    (
        r"the agent has ended unasked (\d+) times while it ran",
        "phần mềm tự dừng {0} lần khi chạy mô hình này",
    ),
    (r"(\d+) of its inferences in a row have failed", "{0} lần nhận dạng liên tiếp bị lỗi"),
    (r"it cannot be loaded: (.+)", "không tải được mô hình: {0}"),
    (r"command (\S+) ended it", "đã dừng theo lệnh {0}"),
    (
        r"command (\S+), signed by (\S+); agreement (\S+) of (\d+) objects",
        "theo lệnh {0}, ký bằng khóa {1}; hai mô hình trùng khớp {2} trên {3} người, phương tiện",
    ),
    (
        r"command (\S+), signed by (\S+); agreement (\S+) of (\d+) objects, forced",
        "theo lệnh {0}, ký bằng khóa {1}; hai mô hình trùng khớp {2} trên {3} người, phương tiện; lệnh "
        "bắt buộc chuyển",
    ),
    (
        r"command (\S+), signed by (\S+); no objects were compared, forced",
        "theo lệnh {0}, ký bằng khóa {1}; chưa có người, phương tiện để so sánh; lệnh bắt buộc chuyển",
    ),
    # what a box says of itself
    (r"camera (\S+) (offline|degraded) since (.+?): (.+)", "camera {0} {1} từ {2}: {3}"),
    (
        r"(.+) \((unreachable|refused|unauthorized|not_found|no_video|unsupported|stalled|ended|"
        r"decode_error)\)",
        "{0} ({1})",
    ),
    (
        r"camera (\S+) has no main stream \((.+)\): clips come from the other",
        "camera {0} không có luồng chính ({1}): video lấy từ luồng phụ",
    ),
    (r"camera (\S+) is (.+): somebody has to look after it", "camera {0} {1}: cần người đến kiểm tra"),
    (
        r"outbox: (\d+) events given up since start, it was full",
        "hàng chờ gửi: đã bỏ {0} sự kiện từ khi khởi động vì hàng chờ đầy",
    ),
    (
        r"outbox: (\d+) events given up since start, the disk had damaged them",
        "hàng chờ gửi: đã mất {0} sự kiện từ khi khởi động do ổ đĩa ghi hỏng",
    ),
    (
        r"outbox: \S+: the disk does not answer; events wait in memory, the disk is tried every (\d+) s",
        "hàng chờ gửi: ổ đĩa không phản hồi; sự kiện được giữ trong bộ nhớ, {0} giây thử lại một lần",
    ),
    (
        r"outbox: \S+: another program reads it, so its log has grown to (\d+) MB",
        "hàng chờ gửi: có chương trình khác đang đọc tệp lưu, nhật ký của tệp đã tăng đến {0} MB",
    ),
    (
        r"outbox: \S+: another program reads it, so its log has grown to (\d+) MB; events wait in memory, "
        r"the disk is tried every (\d+) s",
        "hàng chờ gửi: có chương trình khác đang đọc tệp lưu, nhật ký của tệp đã tăng đến {0} MB; sự "
        "kiện được giữ "
        "trong bộ nhớ, {1} giây thử lại một lần",
    ),
    (
        r"outbox: (.+); events wait in memory, the disk is tried every (\d+) s",
        "hàng chờ gửi: ổ đĩa không ghi được ({0}); sự kiện được giữ trong bộ nhớ, {1} giây thử lại một lần",
    ),
    (
        r"outbox: (.+); set aside as (\S+), a new epoch has begun; (\d+) of its events saved, "
        r"at most (\d+) lost",
        "hàng chờ gửi: tệp lưu bị hỏng ({0}), đã để riêng thành {1}; cứu được {2} sự kiện, "
        "mất nhiều nhất {3} sự kiện",
    ),
    (
        r"outbox: (.+); set aside as (\S+), a new epoch has begun; (\d+) of its events saved, "
        r"how many are lost is not known",
        "hàng chờ gửi: tệp lưu bị hỏng ({0}), đã để riêng thành {1}; cứu được {2} sự kiện, "
        "không rõ mất bao nhiêu sự kiện",
    ),
    (
        r"outbox: (.+); set aside as (\S+), a new epoch has begun; nothing of it could be read",
        "hàng chờ gửi: tệp lưu bị hỏng ({0}), đã để riêng thành {1}; không đọc được sự kiện nào",
    ),
    (
        r"broker: (\d+) events wait, the oldest for (\d+) s",
        "máy chủ nhận tin: {0} sự kiện đang chờ gửi, cũ nhất đã chờ {1} giây",
    ),
    (
        r"broker: (\d+) events wait, the oldest for (\d+) s; it refused (\d+) since start",
        "máy chủ nhận tin: {0} sự kiện đang chờ gửi, cũ nhất đã chờ {1} giây; đã từ chối {2} từ khi khởi "
        "động",
    ),
    (r"broker: not connected: (.+)", "máy chủ nhận tin: không kết nối được: {0}"),
    (
        r"broker: nobody subscribes to some events or pictures, they are kept",
        "máy chủ nhận tin: một số sự kiện hoặc ảnh chưa có bên nhận, thiết bị vẫn lưu",
    ),
    (
        r"broker: it keeps no retained messages, so whoever subscribes later misses the state",
        "máy chủ nhận tin: không lưu sẵn bản tin (retain), bên đăng ký sau phải chờ bản tin mới",
    ),
    (
        r"broker: away for ([\d.]+) h; tried last: (\S+), (\S+?)(?:: (.+))?",
        "máy chủ nhận tin: mất kết nối {0} giờ; lần thử cuối: {1}, {2} {3}",
    ),
    (
        r"broker: the certificate ends in (\d+) days: have the centre renew it",
        "chứng thư còn {0} ngày: báo trung tâm gia hạn",
    ),
    (
        r"broker: the CA certificate ends in (\d+) days: have the centre renew it",
        "chứng thư của CA còn {0} ngày: báo trung tâm gia hạn",
    ),
    (
        r"broker: the certificate has expired, (\d+) days ago: have the centre renew it",
        "chứng thư đã hết hạn {0} ngày: báo trung tâm gia hạn",
    ),
    (
        r"broker: the CA certificate has expired, (\d+) days ago: have the centre renew it",
        "chứng thư của CA đã hết hạn {0} ngày: báo trung tâm gia hạn",
    ),
    (
        r"uplink: ([\d,]+) of ([\d,]+) MB used, (.+) until (\S+) \(step (\d) of 3\)",
        "đường truyền: đã dùng {0} trong tổng số {1} MB, {2} đến {3} (mức {4}/3)",
    ),
    (
        r"centre: nothing confirmed since (.+): (\d+) events are sent and kept, the oldest for (\d+) s",
        "trung tâm: chưa xác nhận sự kiện nào từ {0}: {1} sự kiện đã gửi, thiết bị vẫn lưu, cũ nhất đã "
        "{2} giây",
    ),
    (r"commands: (.+), most are refused", "lệnh: {0}, phần lớn bị từ chối"),
    (
        r"rule (\S+) of (\S+): (\S+) for (.+) more, as the centre asked",
        "quy tắc {0} của {1}: {2}, còn {3}, theo lệnh của trung tâm",
    ),
    (
        r"the disk is short: (\d+) MB free, storage.keep_free is kept for others",
        "ổ đĩa sắp đầy, còn trống {0} MB; phải giữ lại phần trống theo storage.keep_free",
    ),
    (r"collect.max_bytes \((\d+)\) is used up", "đã dùng hết collect.max_bytes ({0})"),
    (
        r"frames of (.+) are kept for training, as an operator asked; none now: (.+)",
        "đang lưu ảnh huấn luyện của {0} theo lệnh của người vận hành; tạm dừng: {1}",
    ),
    (
        r"frames of (.+) are kept for training, as an operator asked",
        "đang lưu ảnh huấn luyện của {0} theo lệnh của người vận hành",
    ),
    (r"hot: (.+) since (.+) \(step (\d) of 3\)", "nóng: {0} từ {1} (mức {2}/3)"),
    (r"temperature (\d+) C, critical from (\d+)", "nhiệt độ {0} °C, nguy hiểm từ {1} °C"),
    (r"temperature (\d+) C above (\d+)", "nhiệt độ {0} °C, vượt {1} °C"),
    (r"unit (\S+) failed.*", "dịch vụ {0} bị lỗi"),
    # an alert around one of these
    (r"(.+), (?:above|below) ([-+.\de]+)", "{0} (ngưỡng {1})"),
    (r"online: (.+)", "đang hoạt động: {0}"),
    (r"offline: (.+)", "mất liên lạc: {0}"),
    (r"stopped: (.+)", "đã dừng: {0}"),
    (r"unstable: (.+)", "chập chờn: {0}"),
    # whatever else
    (r"outbox: (.+)", "hàng chờ gửi: {0}"),
    (r"detector: (.+)", "bộ nhận dạng: {0}"),
    (r"evidence: (.+)", "chứng cứ: {0}"),
)
"""The first that fits the whole line."""
PARTS: Mapping[str, str] = {
    **{
        key.partition("-")[2]: words[0]
        for key, words in {**events.WORDS, **fleet.WORDS}.items()
        if key.startswith(("cause-", "view-", "label-"))
    },
    "something": "vật chưa rõ",
    "event": "sự kiện",
    "media": "ảnh",
    "alert": "cảnh báo",
    "offline": "mất hình",
    "degraded": "hình kém",
    "the agent started": "lúc khởi động",
    "the view": "góc nhìn",
    "its time is over": "đã hết thời gian",
    "its probation is over": "đã hết thời gian theo dõi",
    "each camera has its frames": "mỗi camera đã đủ ảnh",
    "a command ended it": "có lệnh dừng",
    "the configuration of the gateway does not allow it any more": "cấu hình của thiết bị không còn cho phép",
    "it was taken back": "đã được hủy bằng lệnh",
    "another one replaces it": "đã được thay bằng lệnh khác",
    "it is learned": "đã học xong",
    "mask": "tạm không báo động",
    "disarm": "tạm tắt",
    "arm": "bật",
    "reconnect": "kết nối lại",
    "reset": "khởi động lại modem",
    "reboot": "khởi động lại thiết bị",
    "done": "xong",
    "asked": "đã yêu cầu",
    "failed": "không thực hiện được",
    "held": "tạm hoãn",
    "no-answer": "không trả lời",
    "pictures wait": "ảnh phải chờ",
    "pictures and infos wait": "ảnh và sự kiện mức thông tin phải chờ",
    "pictures and infos wait, heartbeats are slow": (
        "ảnh và sự kiện mức thông tin phải chờ, bản tin định kỳ thưa hơn"
    ),
    "fewer inferences": "giảm số lần nhận dạng",
    "fewer inferences and pictures": "giảm số lần nhận dạng và số khung hình",
    "keyframes only": "chỉ phân tích khung I",
    "it does not answer, or with a server error": "không trả lời, hoặc báo lỗi máy chủ",
    "it refuses the connection or one more viewer": "từ chối kết nối, hoặc đã đủ số kết nối xem",
    "user name, password or file rights do not let the agent in": (
        "sai tên đăng nhập, mật khẩu hoặc quyền đọc tệp"
    ),
    "no such stream, file or device": "không có luồng, tệp hoặc nguồn hình này",
    "it answers, but with no video": "trả lời nhưng không có hình",
    "a kind of address, codec or size the agent cannot take": (
        "không hỗ trợ loại địa chỉ, kiểu nén hoặc kích thước hình này"
    ),
    "connected, but nothing comes": "đã kết nối nhưng không có dữ liệu",
    "it closed the stream": "camera ngắt luồng",
    "packets come, but no whole picture": "có dữ liệu nhưng không ra hình",
}
LONGEST, DEEPEST = 500, 4
"""Characters of a line, and lines within lines: a gateway sends whatever it likes, and a longer or deeper one
stays as it is."""
_DATE = re.compile(r"^(\d{4})-(\d\d)-(\d\d)( \d\d:\d\d)?$")
_UTC = re.compile(r"^(\d{4})-(\d\d)-(\d\d)T(\d\d:\d\d):\d\d(?:\.\d+)?Z$")
_COMPILED = tuple((re.compile(pattern), words) for pattern, words in (*told.PATTERNS, *PATTERNS))


def to_vietnamese(line: str, depth: int = 0) -> str | None:
    """None: there is no Vietnamese for it. ``depth`` counts the lines around this one."""
    if line in told.WHOLE:
        return told.WHOLE[line]
    if len(line) > LONGEST or depth > DEEPEST:
        return None
    for pattern, words in _COMPILED:
        if found := pattern.fullmatch(line):
            return words.format(*(_part(each, depth + 1) for each in found.groups(""))).strip()
    return None


def _part(text: str, depth: int) -> str:
    if text in PARTS:
        return PARTS[text]
    for joint, ours in ((", ", ", "), (" and ", " và ")):
        pieces = text.split(joint)
        known = [PARTS.get(piece) or to_vietnamese(piece, depth) for piece in pieces]
        if len(pieces) > 1 and None not in known:
            return ours.join(map(str, known))
    return to_vietnamese(text, depth) or _dated(text)


def _dated(text: str) -> str:
    """A text that is a date, or a date and a time, as Vietnamese writes it; any other as it is."""
    return _UTC.sub(r"\4 ngày \3/\2/\1 (giờ UTC)", _DATE.sub(r"\3/\2/\1\4", text))
