"""Texts for the reports of a shift and of a month."""

from __future__ import annotations

WORDS: dict[str, tuple[str, str]] = {
    "report-shift": ("Báo cáo ca trực", "Shift report"),
    "report-month": ("Báo cáo tháng {month}", "Report of {month}"),
    "report-month-goes-on": (
        "Tháng này chưa hết: số liệu chỉ tính đến lúc lập báo cáo.",
        "This month is not over: the figures end when the report was made.",
    ),
    "report-month-now": ("Báo cáo tháng", "Month report"),
    "report-month-before": ("Tháng trước", "The month before"),
    "report-shift-before": ("Báo cáo ca trước (đến {time})", "The shift before (until {time})"),
    "report-of-handover": ("In báo cáo ca này", "Print this shift's report"),
    "report-end-before-begin": (
        "Giờ kết thúc phải sau giờ bắt đầu.",
        "The end has to be after the begin.",
    ),
    "report-too-long": ("Một ca dài tối đa 7 ngày.", "A shift has at most 7 days."),
    "report-span": ("Từ {begin} đến {end}", "From {begin} to {end}"),
    "report-made": ("Lập lúc {time}, người lập: {who}", "Made at {time} by {who}"),
    "report-wards": ("Phạm vi: {wards}", "Wards: {wards}"),
    "report-month-choose": ("Tháng", "Month"),
    "report-print": (
        "In bằng chức năng in của trình duyệt (Ctrl+P): vừa một trang A4.",
        "Print it with the browser (Ctrl+P): it fits one A4 page.",
    ),
    "report-rang": ("Báo động đã phát", "Alarms that rang"),
    "report-rang-none": ("Không có báo động nào.", "No alarm rang."),
    "report-quiet": (
        "Trong đó {count} báo động không phát chuông riêng khi đến, vì thiết bị gửi quá nhiều hoặc "
        "cán bộ đã tạm tắt chuông.",
        "{count} of them did not ring one by one when they came, because their gateway sent too many "
        "or an officer had silenced their rule.",
    ),
    "report-hidden": (
        "Không tính {count} báo động mà quản trị viên đã ẩn.",
        "{count} alarms that an administrator has hidden are left out.",
    ),
    "report-incomplete": (
        "Có quá nhiều báo động: báo cáo này chưa đầy đủ. Hãy chọn khoảng thời gian ngắn hơn.",
        "There are too many alarms: this report is not complete. Choose a shorter time.",
    ),
    "report-by-ward": ("Theo phường", "By ward"),
    "report-by-rule": ("Theo điểm và quy tắc", "By site and rule"),
    "report-by-officer": ("Người nhận xử lý", "Acknowledged by"),
    "report-program": ("(phần mềm khác)", "(a program)"),
    "report-count": ("Số lần", "Count"),
    "report-acknowledged": ("Đã nhận xử lý", "Acknowledged"),
    "report-closed": ("Đã kết thúc xử lý", "Closed"),
    "report-open": ("Chưa xử lý xong", "Open"),
    "report-times": ("Thời gian xử lý", "Times"),
    "report-half": ("Một nửa số báo động: không quá", "Half of the alarms within"),
    "report-ninety": ("90% số báo động: không quá", "90% of the alarms within"),
    "report-times-mean": (
        "Tính từ lúc trung tâm nhận được báo động.",
        "Measured from the arrival of the alarm at the centre.",
    ),
    "report-outcomes": ("Kết luận", "Outcomes"),
    "report-down": ("Camera không có hình dùng được lúc lập báo cáo", "Cameras without a usable picture now"),
    "report-down-none": ("Không có.", "None."),
    "report-sites-away": ("Điểm mất liên lạc hoặc đã dừng: {count}", "Sites offline or stopped: {count}"),
    "report-handovers": ("Giao ca", "Handovers"),
    "report-more": ("và {count} dòng nữa", "and {count} more"),
    "report-show": ("Xem", "Show"),
    "report-searches": ("Tìm kiếm và chạy thử, tháng {month}", "Searches and rehearsals of {month}"),
    "report-searches-now": ("Báo cáo tìm kiếm theo tháng", "Searches by month"),
    "report-searches-what": (
        "Dành cho người phụ trách bảo vệ dữ liệu; lập từ nhật ký truy cập, theo từng người dùng.",
        "For the person in charge of data protection: from the access log, by user.",
    ),
    "report-gateways-asked": ("Thiết bị nhận yêu cầu", "Gateways asked"),
    "report-pictures-opened": ("Ảnh đã mở", "Opened pictures"),
    "report-cases": ("Số vụ việc", "Case numbers"),
}
