"""Sentences of events: rules, overrides, certificates, load limits, collections."""

from __future__ import annotations

from edge_agent.core.languages import Sentences

RULES: Sentences = {
    "in-zone": ("{label} in {zone} for {seconds} s", "{label} ở trong vùng {zone} đã {seconds} giây"),
    "stopped-in-zone": (
        "{label} entered {zone} and has stopped there for {seconds} s",
        "{label} vào vùng {zone} và đã dừng ở đó {seconds} giây",
    ),
    "against-arrow": (
        "{label} goes against the arrow of {zone}: at {degrees} degrees to it, over {distance:.2f} of the "
        "picture's width",
        "{label} đi ngược chiều ở vùng {zone}: lệch {degrees} độ so với mũi tên, trên đoạn đường "
        "bằng {distance:.2f} lần chiều rộng hình",
    ),
    "crowd": (
        "{objects} in {zone} now, {most} at the peak, for {seconds} s",
        "có {objects} người, phương tiện trong vùng {zone}, lúc đông nhất là {most}; tình trạng này đã "
        "kéo dài {seconds} giây",
    ),
    "line-crossed": (
        "{label} crossed {line} from {start} to {end}",
        "{label} đi qua vạch ảo {line} từ {start} sang {end}",
    ),
}

OVERRIDES: Sentences = {
    "rule-change-set": (
        "rule {rule} was changed; {origin}",
        "quy tắc {rule} đã thay đổi; {origin}",
    ),
    "rule-change-off": (
        "rule {rule} was switched off for good; {origin}",
        "quy tắc {rule} bị tắt hẳn; {origin}",
    ),
    "rule-change-reset": (
        "rule {rule} is as configured again; {origin}",
        "quy tắc {rule} được khôi phục theo cấu hình; {origin}",
    ),
    "rule-change-removed": (
        "rule {rule} was removed: the configuration does not have it; {origin}",
        "đã bỏ quy tắc {rule} vì cấu hình không có; {origin}",
    ),
    "rule-change-reverted": (
        "the change of rule {rule} was undone: {why}",
        "đã hủy thay đổi của quy tắc {rule}: {why}",
    ),
    "masks-change-set": (
        "the masks of the camera were changed: {ignored} not analysed, {private} blacked out; {origin}",
        "phần hình bị che của camera đã thay đổi: {ignored} phần không phân tích, {private} phần bôi đen; "
        "{origin}",
    ),
    "masks-change-reset": (
        "the masks of the camera are as configured again: {ignored} not analysed, {private} blacked out; "
        "{origin}",
        "phần hình bị che của camera được khôi phục theo cấu hình: {ignored} phần không phân tích, "
        "{private} phần bôi đen; {origin}",
    ),
    "masks-change-reverted": (
        "the change of the camera's masks was undone: {why}",
        "đã hủy thay đổi phần hình bị che của camera: {why}",
    ),
    "override-mask": (
        "rule {rule} is muted for {seconds} s: its events have the severity info and are no alarms; {origin}",
        "quy tắc {rule} tạm không báo động trong {seconds} giây, sự kiện chỉ ghi ở mức thông tin; {origin}",
    ),
    "override-arm": (
        "rule {rule} is armed for {seconds} s, also outside its schedule; {origin}",
        "quy tắc {rule} được bật trong {seconds} giây, kể cả ngoài lịch; {origin}",
    ),
    "override-disarm": (
        "rule {rule} is disarmed for {seconds} s: it reports nothing; {origin}",
        "quy tắc {rule} tạm tắt trong {seconds} giây, không báo sự kiện nào; {origin}",
    ),
    "view-relearned": (
        "the view is learned again: what it shows now becomes the normal view; {origin}",
        "bắt đầu học lại góc nhìn, hình hiện tại được coi là bình thường; {origin}",
    ),
    "override-ended": (
        "rule {rule}: the {override} has ended: {why}",
        "quy tắc {rule}: kết thúc việc {override} ({why})",
    ),
    "relearn-ended": ("the view: the relearn has ended: {why}", "kết thúc việc học lại góc nhìn ({why})"),
    "ended-over": ("its time is over", "đã hết thời gian"),
    "ended-command": ("a command ended it", "đã được hủy bằng lệnh"),
    "ended-replaced": ("another one replaces it", "đã được thay bằng lệnh khác"),
    "ended-learned": ("the view is learned", "đã học xong"),
    "by-command": ("command {command}, not signed", "theo lệnh {command}, không có chữ ký số"),
    "by-signed-command": (
        "command {command}, signed by {key}",
        "theo lệnh {command}, ký bằng khóa {key}",
    ),
    "by-gateway": ("requested on the gateway", "theo yêu cầu tại thiết bị"),
}

LIMITS: Sentences = {
    "own-certificate-renewed": (
        "the gateway's certificate was renewed, it lasts until {day}",
        "chứng thư của thiết bị đã được gia hạn đến ngày {day}",
    ),
    "own-certificate-good": (
        "the gateway's certificate lasts until {day}: the clock was wrong before",
        "chứng thư của thiết bị còn hạn đến ngày {day}; trước đó đồng hồ của thiết bị chạy sai",
    ),
    "own-certificate-expired": (
        "the gateway's certificate expired on {day}: no broker lets this gateway in",
        "chứng thư của thiết bị đã hết hạn ngày {day}: không kết nối được máy chủ nhận tin nào",
    ),
    "own-certificate-ends": (
        "the gateway's certificate ends on {day}, in {days} days",
        "chứng thư của thiết bị sẽ hết hạn ngày {day}, còn {days} ngày",
    ),
    "ca-certificate-renewed": (
        "the CA's certificate was renewed, it lasts until {day}",
        "chứng thư của CA đã được gia hạn đến ngày {day}",
    ),
    "ca-certificate-good": (
        "the CA's certificate lasts until {day}: the clock was wrong before",
        "chứng thư của CA còn hạn đến ngày {day}; trước đó đồng hồ của thiết bị chạy sai",
    ),
    "ca-certificate-expired": (
        "the CA's certificate expired on {day}: no broker lets this gateway in",
        "chứng thư của CA đã hết hạn ngày {day}: không kết nối được máy chủ nhận tin nào",
    ),
    "ca-certificate-ends": (
        "the CA's certificate ends on {day}, in {days} days",
        "chứng thư của CA sẽ hết hạn ngày {day}, còn {days} ngày",
    ),
    "board-throttles": ("the board slows itself down", "bo mạch tự giảm tốc"),
    "temperature-up": (
        "temperature {celsius:.1f} C, step {step} from {limit:g} C on",
        "nhiệt độ {celsius:.1f} °C, chuyển sang mức {step} (áp dụng từ {limit:g} °C)",
    ),
    "temperature-down": (
        "temperature {celsius:.1f} C, below {limit:g} C for {seconds} s",
        "nhiệt độ {celsius:.1f} °C, đã ở dưới {limit:g} °C trong {seconds} giây",
    ),
    "period-began": ("a new billing period began on {day}", "kỳ cước mới bắt đầu ngày {day}"),
    "budget-short": (
        "{used_mb:,} MB of {budget_mb:,} MB used, {days:.1f} days left",
        "đã dùng {used_mb:,} trong tổng số {budget_mb:,} MB, kỳ cước còn {days:.1f} ngày",
    ),
    "budget-recovers": ("more of the budget is left again: {why}", "đã có thêm dung lượng: {why}"),
}

COLLECTIONS: Sentences = {
    "collection-began": (
        "up to {frames} frames each of {cameras} are kept for training until {until}; {origin}",
        "lưu tối đa {frames} ảnh huấn luyện mỗi camera ({cameras}), đến {until}; {origin}",
    ),
    "collection-complete": (
        "no more frames are taken: {why}; {frames} were taken",
        "ngừng lấy ảnh huấn luyện: {why}; đã lấy {frames} ảnh",
    ),
    "collection-gone": (
        "no frame is on the gateway any more: {sent} sent, {exported} exported, {deleted} deleted",
        "thiết bị không còn ảnh huấn luyện: đã gửi {sent} ảnh, chép ra {exported} ảnh, xóa {deleted} ảnh",
    ),
    "collection-exported": (
        "{frames} frames were exported on the gateway by {by}",
        "{by} đã chép ra {frames} ảnh huấn luyện ngay trên thiết bị",
    ),
    "collection-full": ("each camera has its frames", "mỗi camera đã đủ ảnh"),
    "collection-command": ("a command ended it", "có lệnh dừng"),
    "collection-configuration": (
        "the configuration of the gateway does not allow it any more",
        "cấu hình của thiết bị không còn cho phép",
    ),
    "collection-folder": ("{folder} cannot be used: {error}", "không dùng được {folder}: {error}"),
}

EVENTS: Sentences = {**RULES, **OVERRIDES, **LIMITS, **COLLECTIONS}
