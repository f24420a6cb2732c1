"""For other programs: the page on which the API is tried, webhooks and the texts that they post."""

from __future__ import annotations

WORDS: dict[str, tuple[str, str]] = {
    "developers": ("API cho phần mềm khác", "API for programs"),
    "developers-what": (
        "Các phần mềm khác lấy sự kiện, danh mục và ảnh, và xử lý cảnh báo qua API này. Tại đây có thể gửi "
        "thử từng yêu cầu bằng tài khoản đang đăng nhập. Phần mô tả yêu cầu được viết bằng tiếng Anh.",
        "Programs read events, the inventory and pictures, and handle alarms over this API. Here you can try "
        "each request with the account with which you are logged in.",
    ),
    "developers-token": (
        "Mỗi phần mềm dùng một token riêng, do quản trị viên tạo bằng lệnh",
        "Each program has its own token, which an administrator makes with",
    ),
    "try-changes": (
        "Yêu cầu này thay đổi dữ liệu thật và được ghi lại với tên của bạn.",
        "This request changes real data and is recorded with your name.",
    ),
    "try-body": ("Nội dung gửi đi (JSON)", "Body (JSON)"),
    "try-send": ("Gửi", "Send"),
    "try-answer": ("Nội dung trả về", "Response"),
    "try-failed": ("Máy chủ không trả lời.", "The server does not answer."),
    "try-cut": ("… (phần còn lại không hiển thị)", "… (the rest is not shown)"),
    # --- webhooks
    "webhooks": ("Webhook", "Webhooks"),
    "webhooks-what": (
        "Mỗi webhook gửi sự kiện và cảnh báo đến một máy chủ khác, và gửi lại cho đến khi máy chủ đó nhận. "
        "Webhook được khai báo trong cấu hình của trung tâm.",
        "Each webhook posts events and alerts to another server, and repeats each post until it is accepted. "
        "Webhooks are set in the configuration of the centre.",
    ),
    "webhook-id": ("Mã", "Id"),
    "webhook-severity": ("Từ mức", "From severity"),
    "webhook-when": ("Thời điểm gửi", "Posted"),
    "webhook-at-once": ("ngay khi có", "at once"),
    "webhook-after": ("sau {span} chưa có người nhận", "after {span} without an acknowledgement"),
    "webhook-state": ("Tình trạng", "State"),
    "webhook-all-wards": ("tất cả", "all"),
    "webhook-not-begun": ("chưa hoạt động", "not started yet"),
    "webhook-works": ("hoạt động", "works"),
    "webhook-fails": ("không gửi được từ {moment}:", "fails since {moment}:"),
    "webhook-log": ("Nhật ký gửi", "Delivery log"),
    "webhook-result": ("Kết quả", "Result"),
    "webhook-attempts": ("Số lần gửi", "Attempts"),
    "webhook-delivered": ("đã nhận", "accepted"),
    "webhook-rejected": ("bị từ chối ({status})", "rejected ({status})"),
    "notice-ward": ("Phường {ward}", "Ward {ward}"),
    "notice-unacknowledged": (
        "CHƯA CÓ NGƯỜI NHẬN sau {span}",
        "NOT ACKNOWLEDGED for {span}",
    ),
}
