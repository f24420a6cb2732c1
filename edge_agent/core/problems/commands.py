"""Sentences of replies to commands: why a command is refused, what it does, and its result."""

from __future__ import annotations

from edge_agent.core.languages import Sentences

DOCUMENTS: Sentences = {
    "command-too-large": (
        "the command has {bytes} bytes, at most {limit} are read",
        "lệnh dài {bytes} byte, quá mức tối đa {limit} byte",
    ),
    "command-no-jws": (
        "this is not a compact JWS, which has three parts of base64url with dots between them",
        "lệnh không ở dạng JWS rút gọn (ba phần base64url cách nhau bằng dấu chấm)",
    ),
    "command-no-base64": (
        "a part of the JWS is not base64url",
        "một phần của JWS không ở dạng base64url",
    ),
    "command-bad-signature": (
        "the signature was not made with key {key}",
        "chữ ký số không do khóa {key} tạo ra",
    ),
    "command-no-keys": (
        "no operator's key is configured on this gateway (commands.operator_keys)",
        "thiết bị chưa có khóa của người vận hành (commands.operator_keys)",
    ),
    "command-unknown-key": (
        "the key {key} belongs to no operator of this gateway",
        "khóa {key} không thuộc người vận hành nào của thiết bị này",
    ),
    "command-search-key": (
        "key {key} is a search key: it may sign searches and nothing else",
        "khóa {key} là khóa tìm kiếm, chỉ được ký yêu cầu tìm lượt đi qua",
    ),
    "command-header-no-json": (
        "the header of the JWS is not JSON",
        "phần đầu của JWS không phải JSON",
    ),
    "command-other-algorithm": (
        "the JWS is not signed with EdDSA",
        "JWS không ký bằng thuật toán EdDSA",
    ),
    "command-header-unknown": (
        "the header of the JWS has fields that this gateway does not know: {names}",
        "phần đầu của JWS có mục mà thiết bị không biết: {names}",
    ),
    "command-header-no-key": (
        "the header of the JWS names no key (kid: 16 or 64 hex digits)",
        "phần đầu của JWS không ghi mã của khóa (kid: 16 hoặc 64 chữ số hex)",
    ),
    "command-document-too-large": (
        "the document has {bytes} bytes, at most {limit} are read",
        "nội dung lệnh dài {bytes} byte, quá mức tối đa {limit} byte",
    ),
    "command-too-deep": ("the document is nested too deeply", "nội dung lệnh có quá nhiều cấp lồng nhau"),
    "command-malformed": (
        "the document is not a command: {error}",
        "nội dung không phải là lệnh hợp lệ: {error}",
    ),
    "command-wrong-gateway": (
        "this is gateway {gateway}, not {wanted}",
        "đây là thiết bị {gateway}, không phải {wanted}",
    ),
    "command-period-reversed": (
        "the document expires before it is issued",
        "lệnh có thời điểm hết hạn trước thời điểm ra lệnh",
    ),
    "command-period-year": (
        "the document expires in a year after {year}",
        "lệnh có thời điểm hết hạn muộn hơn năm {year}",
    ),
    "command-period-long": (
        "the document is valid for more than {days} d",
        "thời hạn hiệu lực của lệnh quá {days} ngày",
    ),
    "command-period-long-unsigned": (
        "the document is valid for more than {days} d; a signed one may be for longer",
        "thời hạn hiệu lực của lệnh quá {days} ngày; chỉ lệnh được ký số mới được có thời hạn dài hơn",
    ),
    "command-bad-arguments": (
        "the arguments are wrong: {error}",
        "tham số của lệnh không đúng: {error}",
    ),
    "command-message-expired": (
        "its message expired before the command could be executed",
        "bản tin chứa lệnh này hết hạn trước khi thiết bị kịp thực hiện",
    ),
    "command-clock": (
        "the gateway's clock is not synchronised: the command may have expired",
        "đồng hồ của thiết bị chưa đồng bộ nên không rõ lệnh đã hết hạn hay chưa",
    ),
    "command-expired": ("it expired at {at}", "lệnh đã hết hạn lúc {at}"),
    "command-not-yet-valid": ("it is not valid before {at}", "lệnh chưa có hiệu lực; có hiệu lực từ {at}"),
}

ACCEPTANCE: Sentences = {
    "command-unreadable": (
        "the gateway failed to read it",
        "thiết bị gặp lỗi khi đọc lệnh",
    ),
    "command-other-type": (
        "a command of type {type} was sent to the topic of {topic}",
        "lệnh loại {type} bị gửi nhầm tới chủ đề của lệnh {topic}",
    ),
    "command-unsigned": (
        "{type} has to be signed by an operator",
        "lệnh {type} phải được người vận hành ký số",
    ),
    "command-unsigned-no-keys": (
        "{type} has to be signed by an operator, and this gateway has no commands.operator_keys",
        "lệnh {type} phải được người vận hành ký số, nhưng thiết bị chưa có khóa của người vận hành "
        "(commands.operator_keys)",
    ),
    "command-retained": (
        "the broker keeps it (retain) and sends it again at every connection; send it without retain",
        "máy chủ nhận tin lưu sẵn lệnh này (retain) và gửi lại mỗi lần kết nối; hãy gửi không kèm retain",
    ),
    "command-unknown-type": (
        "this gateway has no such command; it has: {types}",
        "thiết bị không có loại lệnh này; các loại lệnh hiện có: {types}",
    ),
    "command-type-gone": (
        "this version has no command {type}",
        "phiên bản phần mềm hiện nay không có lệnh {type}",
    ),
    "command-agent-failed": (
        "the gateway failed to execute it; its log says more",
        "thiết bị gặp lỗi khi thực hiện lệnh; xem nhật ký của thiết bị",
    ),
    "command-dropped": (
        "the agent was restarted before it was done: {why}",
        "phần mềm đã khởi động lại khi chưa thực hiện lệnh, nay không thực hiện được: {why}",
    ),
    "command-interrupted": (
        "the agent was restarted in the middle of it; what was done is not known",
        "phần mềm khởi động lại khi đang thực hiện, không rõ đã thực hiện đến đâu",
    ),
    "command-id-used": (
        "the id {id} was used by another command",
        "mã {id} đã được dùng cho lệnh khác",
    ),
    "command-done-before": (
        "it was executed before; its result is no longer known",
        "lệnh này đã được thực hiện trước đó, kết quả không còn được lưu",
    ),
    "command-waits": ("it waits for its turn", "lệnh đang chờ đến lượt"),
    "command-runs": ("it is being executed", "đang thực hiện lệnh"),
    "command-not-recorded": (
        "the gateway cannot record that it has executed this: its disk is full or read-only",
        "thiết bị không ghi lại được việc thực hiện lệnh: ổ đĩa đầy hoặc đang ở chế độ chỉ đọc",
    ),
    "command-start-not-recorded": (
        "the gateway cannot record that it executes this: its disk is full or read-only",
        "thiết bị không ghi lại được việc bắt đầu thực hiện lệnh: ổ đĩa đầy hoặc đang ở chế độ chỉ đọc",
    ),
    "command-too-slow": (
        "it has taken more than {seconds} s; its result is not reported",
        "lệnh chạy quá {seconds} giây nên thiết bị không báo kết quả nữa",
    ),
    "commands-not-done": (
        "{commands} commands are not done yet, {same} of them {type}; send it again later",
        "thiết bị còn {commands} lệnh chưa thực hiện xong, trong đó có {same} lệnh {type}; hãy gửi lại sau",
    ),
    "commands-not-done-sign": (
        "{commands} commands are not done yet, {same} of them {type}; send it again later, or sign it: some "
        "places in the queue are reserved for signed commands",
        "thiết bị còn {commands} lệnh chưa thực hiện xong, trong đó có {same} lệnh {type}; hãy gửi lại sau, "
        "hoặc ký số lệnh, vì hàng chờ có chỗ dành riêng cho lệnh được ký số",
    ),
    "too-many-commands": (
        "too many commands have arrived in the last days; send it again later",
        "thiết bị đã nhận quá nhiều lệnh trong những ngày qua; hãy gửi lại sau",
    ),
    "too-many-signed-commands": (
        "too many commands signed with this key have arrived in the last days; send it again later",
        "thiết bị đã nhận quá nhiều lệnh ký bằng khóa này trong những ngày qua; hãy gửi lại sau",
    ),
}

FILES: Sentences = {
    "no-such-camera": (
        "there is no camera {camera}; there are: {known}",
        "không có camera {camera}; các camera hiện có: {known}",
    ),
    "camera-is-offline": (
        "{camera} is offline ({cause}): {why}",
        "{camera} mất hình ({cause}): {why}",
    ),
    "camera-no-clips": (
        "{camera}: no clips are made of it (report.clips, privacy_masks)",
        "{camera}: không lưu video của camera này (report.clips, privacy_masks)",
    ),
    "camera-clips-stay": (
        "{camera}: its clips do not leave the gateway (report.clips, privacy_masks)",
        "thiết bị không được phép gửi video của {camera} (report.clips, privacy_masks)",
    ),
    "camera-pictures-stay": (
        "{camera}: no pictures leave the gateway (report.snapshots is none)",
        "thiết bị không được phép gửi ảnh của {camera} (report.snapshots là none)",
    ),
    "camera-showed-nothing": (
        "{camera} delivered no picture within {seconds} s",
        "đã chờ {seconds} giây mà {camera} không có hình",
    ),
    "picture-not-made": (
        "{camera}: the picture could not be made; the log says why",
        "{camera}: không tạo được ảnh; xem nhật ký của thiết bị",
    ),
    "camera-no-stills": (
        "{camera}: no stills are made of it (report.stills is off)",
        "{camera}: không tạo ảnh lớn từ camera này (report.stills là off)",
    ),
    "still-not-made": ("{camera}: no still: {why}", "không tạo được ảnh lớn của {camera}: {why}"),
    "still-too-hot": (
        "the gateway is too hot to decode the main stream",
        "thiết bị quá nóng nên không giải mã luồng chính",
    ),
    "still-no-main": ("the main stream has no pictures", "luồng chính không có hình"),
    "still-camera-lost": ("the camera sends nothing", "camera không gửi hình"),
    "still-masks-unproven": (
        "the privacy masks may not fit the main stream: it does not show the same as the sub-stream",
        "phần bôi đen có thể không khớp luồng chính, vì hình của luồng chính khác hình của luồng phụ",
    ),
    "still-decode-slow": (
        "decoding takes more than {seconds} s",
        "đã giải mã {seconds} giây mà chưa xong",
    ),
    "still-moment-gone": (
        "the picture of that moment is not in memory any more",
        "hình của thời điểm đó không còn trong bộ nhớ",
    ),
    "picture-on-its-way": (
        "the picture of {camera} is on its way",
        "ảnh của {camera} đang được gửi về",
    ),
    "live-pictures-come": (
        "pictures of {camera} are sent one after another",
        "đang gửi liên tục ảnh của {camera}",
    ),
    "live-pictures-sent": (
        "{count} pictures of {camera} were sent",
        "đã gửi {count} ảnh của {camera}",
    ),
    "live-pictures-wait": (
        "ended after {count} pictures of {camera}: the uplink's budget is short, pictures are sent again on "
        "{day}",
        "đã dừng sau {count} ảnh của {camera} vì sắp hết dung lượng SIM; từ ngày {day} mới gửi ảnh trở lại",
    ),
    "picture-waits": (
        "the picture of {camera} waits on the gateway: the uplink's budget is short, pictures are sent again "
        "on {day}",
        "ảnh của {camera} còn chờ trên thiết bị vì sắp hết dung lượng SIM; từ ngày {day} mới gửi",
    ),
    "clip-on-its-way": ("the clip is on its way", "video đang được gửi về"),
    "clip-waits": (
        "the clip waits on the gateway: the uplink's budget is short, pictures are sent again on {day}",
        "video còn chờ trên thiết bị vì sắp hết dung lượng SIM; từ ngày {day} mới gửi",
    ),
    "bundle-on-its-way": ("the bundle is on its way", "gói chẩn đoán đang được gửi về"),
    "bundle-waits": (
        "the bundle waits on the gateway: the uplink's budget is short, pictures are sent again on {day}",
        "gói chẩn đoán còn chờ trên thiết bị vì sắp hết dung lượng SIM; từ ngày {day} mới gửi",
    ),
    "file-not-sent": ("it cannot be sent: {error}", "không gửi được: {error}"),
    "file-too-large": (
        "it has {bytes} bytes, and the broker takes at most {limit}; give a url",
        "tệp dài {bytes} byte, máy chủ nhận tin chỉ nhận tối đa {limit} byte; hãy báo quản trị viên",
    ),
    "clip-event-or-camera": (
        "name an event_id or a camera, one of them",
        "cần ghi event_id hoặc camera, chỉ một trong hai",
    ),
    "clip-url-or-urls": ("give url or urls, not both", "ghi url hoặc urls, không ghi cả hai"),
    "clip-too-short": (
        "last_s and next_s together are less than a second",
        "last_s và next_s cộng lại chưa được một giây",
    ),
    "clip-filming": (
        "{camera} is recorded for another {seconds:g} s",
        "đang ghi thêm {seconds:g} giây hình của {camera}",
    ),
    "no-such-clip": (
        "there is no clip of {event} on this gateway",
        "thiết bị không có video của sự kiện {event}",
    ),
    "clip-queued": (
        "the clip is still being recorded; it is sent once it is complete",
        "video đang được ghi; ghi xong sẽ gửi về",
    ),
    "clips-wait": (
        "{limit} requests already wait for clips that are still being recorded",
        "đã có {limit} yêu cầu đang chờ các video chưa ghi xong",
    ),
    "clip-unreadable": (
        "the clip of {event} cannot be read: {error}",
        "không đọc được video của sự kiện {event}: {error}",
    ),
    "clip-restart": (
        "the agent was restarted before the clip was complete",
        "phần mềm khởi động lại trước khi ghi xong video",
    ),
    "clip-not-made": (
        "no clip was made; the evidence event says why",
        "không tạo được video; lý do có trong sự kiện chứng cứ",
    ),
    "agent-stops": ("the agent stops", "phần mềm của thiết bị đang dừng"),
    "agent-stops-unsent": (
        "the agent stops; it was not sent",
        "phần mềm của thiết bị đang dừng nên chưa gửi được tệp",
    ),
    "uploading": ("{bytes} bytes are being uploaded", "đang tải lên {bytes} byte"),
    "uploaded": ("{bytes} bytes were uploaded", "đã tải lên {bytes} byte"),
    "command-bad-url": (
        "a URL does not begin with https:// and a host: https://host/...",
        "có URL sai: mỗi URL phải có dạng https://máy-chủ/...",
    ),
    "upload-parts": (
        "{bytes} bytes are {parts} parts of {part_bytes}, and there are {urls} URLs; nothing was sent",
        "tệp {bytes} byte phải chia thành {parts} phần, mỗi phần tối đa {part_bytes} byte, nhưng lệnh ghi "
        "{urls} URL; chưa gửi gì",
    ),
    "upload-too-slow": (
        "the upload to {host} took longer than {seconds} s",
        "tải lên {host} đã {seconds} giây mà chưa xong",
    ),
    "upload-failed": ("the upload to {host} failed: {error}", "không tải được lên {host}: {error}"),
    "hold-none": ("{event} was not held", "sự kiện {event} vốn không được giữ lại"),
    "hold-ended": ("{event} is no longer held", "đã thôi giữ sự kiện {event}"),
    "held-with-clip": (
        "{event} is held, with a clip",
        "đã giữ lại sự kiện {event} cùng video",
    ),
    "held-without-clip": (
        "{event} is held, it has no clip on this gateway",
        "đã giữ lại sự kiện {event}, thiết bị không có video của sự kiện này",
    ),
}

SEARCHES: Sentences = {
    "search-later": (
        "it is answered later: {why}",
        "sẽ trả lời sau: {why}",
    ),
    "search-waits-heat": (
        "the gateway is hot",
        "thiết bị đang nóng",
    ),
    "search-waits-budget": (
        "the uplink's budget is nearly used up",
        "sắp hết dung lượng SIM",
    ),
    "search-waits-clock": (
        "the gateway's clock is not synchronised",
        "đồng hồ của thiết bị chưa đồng bộ",
    ),
    "search-waits-hour": (
        "{limit} were answered within an hour, which is the most",
        "đã trả lời {limit} yêu cầu trong một giờ qua, đạt mức tối đa",
    ),
    "search-too-often": (
        "{limit} searches came within a minute, and no more are accepted; send it again later",
        "đã nhận {limit} yêu cầu tìm lượt đi qua trong một phút, đạt mức tối đa; hãy gửi lại sau",
    ),
    "search-unscoped": (
        "a search key must name the person (asked_by) and the wards",
        "lệnh ký bằng khóa tìm kiếm phải ghi người yêu cầu (asked_by) và các phường (wards)",
    ),
    "search-out-of-scope": (
        "this gateway is in ward {ward}, which is not among the wards of the search",
        "thiết bị thuộc phường {ward}, nằm ngoài các phường được tìm kiếm",
    ),
    "hold-no-moment": ("until is not a valid time: {error}", "until không phải là thời điểm hợp lệ: {error}"),
    "search-no-moment": (
        "from_at or to_at is not a valid time: {error}",
        "from_at hoặc to_at không phải là thời điểm hợp lệ: {error}",
    ),
    "search-reversed": ("to_at is before from_at", "to_at sớm hơn from_at"),
    "search-part": ("part needs a colour", "đã ghi part thì phải ghi cả colour"),
    "search-found": (
        "{total} passages, {rows} of them here",
        "có {total} lượt đi qua, trả về {rows} lượt",
    ),
    "search-pictures": ("{sent} of {wanted} pictures", "trả về {sent} trên {wanted} ảnh được yêu cầu"),
    "search-pictures-missing": (
        "{sent} of {wanted} pictures; {missing} were deleted, never stored, or do not fit",
        "trả về {sent} trên {wanted} ảnh được yêu cầu; {missing} ảnh đã bị xóa, chưa từng được lưu hoặc quá "
        "lớn",
    ),
    "passage-hold-placed": (
        "{count} passages are kept, {missing} are not stored here any more",
        "đã giữ lại {count} lượt đi qua, {missing} lượt không còn trên thiết bị",
    ),
    "passage-hold-released": (
        "{count} passages are no longer kept, {missing} were not",
        "đã thôi giữ {count} lượt đi qua, {missing} lượt vốn không được giữ",
    ),
    "passage-hold-until": (
        "until is in the future, and at most {days} days from now",
        "until phải ở sau thời điểm hiện tại nhưng không quá {days} ngày",
    ),
    "passage-holds-full": (
        "the gateway keeps at most {most} passages and {mb} MB of their pictures: release others",
        "thiết bị chỉ giữ tối đa {most} lượt đi qua và {mb} MB ảnh: hãy thôi giữ bớt lượt khác",
    ),
    "passage-times-sent": (
        "the times of {rows} passages at {cameras} cameras",
        "đã gửi thời điểm của {rows} lượt đi qua tại {cameras} camera",
    ),
}

COMMANDS: Sentences = {**DOCUMENTS, **ACCEPTANCE, **FILES, **SEARCHES}
