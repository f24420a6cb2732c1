"""Texts about other programs: the page to try the API, webhooks and the texts that they post, Web Push."""

from __future__ import annotations

WORDS: dict[str, tuple[str, str]] = {
    "developers": ("API cho phần mềm khác", "API for programs"),
    "developers-what": (
        "Qua API này, các phần mềm khác lấy sự kiện, ảnh, danh mục điểm và camera, đồng thời xử lý cảnh báo. "
        "Tại đây có thể gửi thử từng yêu cầu bằng tài khoản đang đăng nhập. Phần mô tả yêu cầu "
        "được viết bằng tiếng Anh.",
        "Programs read events, the inventory and pictures, and handle alarms over this API. Here you can try "
        "each request with the account with which you are logged in.",
    ),
    "developers-token": (
        "Mỗi phần mềm dùng một token riêng, do quản trị viên cấp bằng lệnh",
        "Each program has its own token, which an administrator makes with",
    ),
    "try-changes": (
        "Yêu cầu này thay đổi dữ liệu thật và được ghi lại kèm tên của bạn.",
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
        "Mỗi webhook gửi sự kiện và cảnh báo đến một máy chủ khác; nếu chưa gửi được thì gửi lại cho đến khi "
        "máy chủ đó nhận. Webhook được khai báo trong cấu hình của trung tâm.",
        "Each webhook posts events and alerts to another server, and repeats each post until it is accepted. "
        "Webhooks are set in the configuration of the centre.",
    ),
    "webhook-id": ("Mã", "Id"),
    "webhook-severity": ("Từ mức", "From severity"),
    "webhook-when": ("Thời điểm gửi", "Posted"),
    "webhook-at-once": ("ngay khi có", "at once"),
    "webhook-after": ("sau {span} mà chưa có người nhận xử lý", "after {span} without an acknowledgement"),
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
        "CHƯA CÓ NGƯỜI NHẬN XỬ LÝ sau {span}",
        "NOT ACKNOWLEDGED for {span}",
    ),
    # --- Web Push
    "push": ("Thông báo trên điện thoại", "Notifications on a phone"),
    "push-what": (
        "Khi bật, báo động mới hiện trên màn hình điện thoại hoặc máy tính, kể cả khi không mở trang "
        "nào. Thông báo cho biết loại báo động, điểm, camera, phường và thời gian, không kèm ảnh; nội dung "
        "được mã hóa khi truyền qua dịch vụ thông báo của hãng trình duyệt. Bấm vào thông báo để mở sự kiện.",
        "When they are on, new alarms appear on the screen of a phone or computer, also while no page is "
        "open. A notification says the kind, site, camera, ward and time, and has no picture; it is "
        "encrypted on its way through the push service of the browser's maker. Press it to open the "
        "event.",
    ),
    "push-not-configured": (
        "Trung tâm chưa dùng chức năng này. Quản trị viên bật chức năng này trong phần push của cấu hình.",
        "This centre does not use it. An administrator switches it on with push: in the configuration.",
    ),
    "push-here": ("Máy này", "This device"),
    "push-on": ("Bật thông báo trên máy này", "Turn on notifications on this device"),
    "push-is-on": ("Máy này đang nhận thông báo.", "This device receives notifications."),
    "push-turning-on": ("Đang bật…", "Turning on…"),
    "push-unsupported": (
        "Trình duyệt này không nhận được thông báo. Hãy dùng Chrome, Edge, Firefox hoặc Safari bản mới, "
        "và mở trang qua https với chứng thư mà máy tin cậy.",
        "This browser cannot receive notifications. Use a current Chrome, Edge, Firefox or Safari, and "
        "open the page over https with a certificate that the device trusts.",
    ),
    "push-home-screen": (
        "Trên iPhone và iPad, hãy thêm trang vào màn hình chính rồi mở từ biểu tượng ở đó.",
        "On an iPhone or iPad add the page to the home screen first, and open it there.",
    ),
    "push-iphone": ("Trên iPhone và iPad", "On an iPhone or iPad"),
    "push-iphone-what": (
        "Cần iOS 16.4 trở lên. Mở trang này bằng Safari, bấm Chia sẻ, chọn Thêm vào MH chính. Bấm biểu "
        "tượng Camera vừa thêm trên màn hình chính, đăng nhập rồi bật thông báo ở trang này.",
        "It takes iOS 16.4 or newer. Open this page in Safari, press Share and choose Add to Home "
        "Screen. Open it from the home screen, log in, and turn notifications on here.",
    ),
    "push-denied": (
        "Trình duyệt đang chặn thông báo của trang này. Hãy cho phép trong phần quyền của trang.",
        "The browser blocks notifications of this site. Allow them in its permissions for this site.",
    ),
    "push-failed": (
        "Chưa bật được. Hãy tải lại trang rồi thử lại.",
        "Not turned on. Load the page again and try once more.",
    ),
    "push-no-service": (
        "Trình duyệt không kết nối được với dịch vụ thông báo của hãng trình duyệt. Máy này cần có kết nối "
        "Internet.",
        "The browser does not reach the push service of its maker. This device needs the internet.",
    ),
    "push-devices": ("Máy nhận thông báo", "Devices with notifications"),
    "push-name": ("Tên máy", "Device"),
    "push-unnamed": ("Máy chưa đặt tên", "Unnamed device"),
    "push-this": ("máy này", "this one"),
    "push-delivered": ("Lần gửi được gần nhất", "Last delivery"),
    "push-do": ("Thao tác", "Actions"),
    "push-test": ("Gửi thử", "Send a test"),
    "push-test-body": (
        "Thông báo thử: máy này nhận được thông báo.",
        "A test: notifications reach this device.",
    ),
    "push-off": ("Tắt", "Turn off"),
    "push-settings": ("Tùy chọn của {name}", "Settings of {name}"),
    "push-lang": ("Ngôn ngữ của thông báo", "Language of the notifications"),
    "push-kinds": ("Loại", "Kinds"),
    "push-alerts": ("Cảnh báo của thiết bị và phường", "Alerts of gateways and wards"),
    "push-quiet-from": ("Ngừng gửi từ", "Send nothing from"),
    "push-quiet-to": ("Gửi trở lại từ", "Send nothing until"),
    "push-quiet-what": (
        "Trong khoảng giờ này máy không nhận thông báo nào. Muốn nhận cả ngày thì để trống cả hai ô.",
        "In these hours the device gets no notification. Leave both empty to get them all day.",
    ),
    "push-works": ("hoạt động", "works"),
    "push-none-yet": ("đã bật, chưa gửi lần nào", "on; nothing was sent yet"),
    "push-waiting": ("đang chờ gửi: {count}", "waiting: {count}"),
    "push-unreachable": (
        "Trung tâm không kết nối được với dịch vụ thông báo {service} từ {moment}.",
        "The centre has not reached the push service {service} since {moment}.",
    ),
    "push-delayed": (
        "Từ {moment}, dịch vụ thông báo không nhận thông báo; trung tâm vẫn thử gửi lại.",
        "The push service has accepted nothing since {moment}; the centre tries again.",
    ),
    "push-ended": (
        "Từ {moment}, trình duyệt không nhận thông báo nữa. Hãy bật lại trên máy đó.",
        "The browser ended it at {moment}. Turn it on there again.",
    ),
    "push-other-console": (
        "Máy này nhận thông báo từ một máy chủ khác của trung tâm. Nếu không còn nhận được, hãy bật lại.",
        "Another console of this centre sends to it. If nothing arrives any more, turn it on again.",
    ),
    "push-given-up": ("bỏ qua, không gửi được", "given up"),
    "push-gone": ("trình duyệt đã ngừng nhận", "the browser has ended it"),
    "push-service": ("Dịch vụ thông báo", "Push service"),
    "push-nothing": ("Hãy chọn ít nhất một loại.", "Choose at least one kind."),
    "push-quiet-wrong": (
        "Hãy nhập cả giờ ngừng gửi và giờ gửi trở lại; hai mốc giờ này phải khác nhau.",
        "Give both times, and two different ones.",
    ),
    "push-endpoint-wrong": (
        "Trình duyệt gửi một địa chỉ nhận thông báo không hợp lệ.",
        "The browser gave an address that cannot be used.",
    ),
    "push-service-refused": (
        "Dịch vụ thông báo của trình duyệt này không có trong danh sách được phép. Hãy dùng trình duyệt "
        "khác, hoặc báo quản trị viên.",
        "The push service of this browser is not on the list of the centre. Use another browser, or ask "
        "an administrator.",
    ),
    "push-too-many": (
        "Mỗi tài khoản được nhận thông báo trên nhiều nhất {most} máy. Hãy tắt thông báo trên một máy khác "
        "trước.",
        "An account has at most {most} devices. Turn notifications off on another one first.",
    ),
    "user-push-off": ("Tắt thông báo trên mọi máy", "Turn off all notifications"),
    "access-push-on": ("bật thông báo trên máy của", "turned on notifications for"),
    "access-push-off": ("tắt thông báo trên máy của", "turned off notifications for"),
}
