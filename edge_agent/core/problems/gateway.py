"""Sentences about the gateway itself: board, storage, detector, commands, configuration, releases."""

from __future__ import annotations

from edge_agent.core.languages import Sentences

BOARD: Sentences = {
    "clock-not-synced": (
        "clock not synchronised, times may be wrong",
        "đồng hồ chưa đồng bộ, giờ có thể sai",
    ),
    "clock-trusted": (
        "--trust-clock: signed commands are accepted also with a clock that is not synchronised",
        "--trust-clock: nhận lệnh đã ký số, kể cả khi đồng hồ chưa đồng bộ",
    ),
    "schedules-armed": (
        "clock not synchronised since the gateway started: rules with a schedule are armed all day ({rules})",
        "đồng hồ chưa đồng bộ từ khi thiết bị khởi động: {rules} quy tắc có lịch được bật cả ngày",
    ),
    "schedules-off": (
        "clock not synchronised since the gateway started: rules with a schedule are off ({rules})",
        "đồng hồ chưa đồng bộ từ khi thiết bị khởi động: {rules} quy tắc có lịch đang tắt",
    ),
    "schedules-clock": (
        "clock not synchronised since the gateway started: rules with a schedule use it all the same "
        "({rules})",
        "đồng hồ chưa đồng bộ từ khi thiết bị khởi động: {rules} quy tắc có lịch có thể sai giờ",
    ),
    "undervoltage": (
        "undervoltage: the power supply is too weak",
        "sụt áp: bộ nguồn quá yếu",
    ),
    "throttled": ("the processor is throttled", "bộ xử lý bị giảm tốc"),
    "disk-full": ("disk {percent} % full", "ổ đĩa đã dùng {percent}%"),
    "memory-full": ("memory {percent} % used", "bộ nhớ đã dùng {percent}%"),
    "temperature-critical": (
        "temperature {celsius} C, critical from {limit}",
        "nhiệt độ {celsius} °C, nguy hiểm từ {limit} °C",
    ),
    "temperature-high": (
        "temperature {celsius} C above {limit}",
        "nhiệt độ {celsius} °C, vượt {limit} °C",
    ),
    "thermal-step": (
        "hot: {held_back} since {since} (step {step} of 3)",
        "nóng: {held_back} từ {since} (mức {step}/3)",
    ),
    "thermal-step-1": ("fewer inferences", "giảm số lần nhận dạng"),
    "thermal-step-2": (
        "fewer inferences and pictures",
        "giảm số lần nhận dạng và số khung hình",
    ),
    "thermal-step-3": ("keyframes only", "chỉ phân tích khung I"),
    "agent-restarted": ("the agent was restarted", "phần mềm đã khởi động lại"),
    "thermal-held": ("heat: {why}", "nhiệt độ: {why}"),
    "decoding-too-much": (
        "decoding: the cameras send as much as {requested} pictures of {size} a second, {profile} is made "
        "for {limit}; most comes from {camera} ({camera_size}, {fps} a second): {advice}",
        "giải mã: các camera gửi tương đương {requested} khung hình {size} mỗi giây, {profile} chỉ đáp ứng "
        "{limit}; nhiều nhất là {camera} ({camera_size}, {fps} khung hình/giây): {advice}",
    ),
    "use-sub-stream": ("use its sub-stream", "hãy dùng luồng phụ của camera này"),
    "set-fewer-pictures": ("set fewer pictures a second", "hãy giảm số khung hình/giây"),
    "unit-failed": ("unit {unit} failed", "dịch vụ {unit} bị lỗi"),
    "unit-restarting": (
        "unit {unit} failed and is started again",
        "dịch vụ {unit} bị lỗi và đang khởi động lại",
    ),
    "units-stale": (
        "failed units: no longer checked, see edge-agent-units.timer",
        "danh sách dịch vụ bị lỗi: không còn được cập nhật, xem edge-agent-units.timer",
    ),
    "units-unreadable": (
        "failed units: {file} cannot be read",
        "danh sách dịch vụ bị lỗi: không đọc được {file}",
    ),
    "firmware-old": (
        "firmware: {name} {version} is older than {minimum}, which {profile} asks for: {fix}",
        "firmware: {name} {version} cũ hơn bản {minimum} mà {profile} cần: {fix}",
    ),
    "kernel-setting-off": (
        "kernel: {name} are off, {why}: {fix}",
        "nhân Linux: {name} đang tắt, {why}: {fix}",
    ),
    "watchdog-other": (
        "watchdog: {found} instead of {wanted}, which resets the board: {fix}",
        "watchdog: đang dùng {found}, phải dùng {wanted} mới khởi động lại được bo mạch: {fix}",
    ),
    "watchdog-off": (
        "watchdog: {wanted} is not armed, nothing resets a gateway that hangs: {fix}",
        "watchdog: {wanted} chưa bật nên nếu bị treo, thiết bị sẽ không tự khởi động lại: {fix}",
    ),
    "units-more": ("units: {units} more failed", "còn {units} dịch vụ khác bị lỗi"),
}

SERVICES: Sentences = {
    "detector": ("detector: {why}", "bộ nhận dạng: {why}"),
    "evidence": ("evidence: {why}", "chứng cứ: {why}"),
    "evidence-missed": (
        "evidence: {clips} clips could not be made since start",
        "chứng cứ: từ khi phần mềm khởi động đã có {clips} đoạn video không lưu được",
    ),
    "command-journal-unwritable": ("{folder} cannot be written", "không ghi được vào {folder}"),
    "command-journal-failed": ("{folder}: {error}", "không dùng được {folder}: {error}"),
    "commands": ("commands: {why}, most are refused", "lệnh: {why} nên phần lớn lệnh bị từ chối"),
    "rule-overridden": (
        "rule {rule} of {camera}: {override} for {minutes} min more, as the centre asked",
        "quy tắc {rule} của {camera}: {override}, còn {minutes} phút, theo lệnh của trung tâm",
    ),
    "rule-overridden-hours": (
        "rule {rule} of {camera}: {override} for {hours} h more, as the centre asked",
        "quy tắc {rule} của {camera}: {override}, còn {hours} giờ, theo lệnh của trung tâm",
    ),
    "collecting": (
        "frames of {cameras} are kept for training, as an operator asked",
        "đang lưu ảnh huấn luyện của {cameras} theo lệnh của người vận hành",
    ),
    "collecting-paused": (
        "frames of {cameras} are kept for training, as an operator asked; paused: {why}",
        "đang lưu ảnh huấn luyện của {cameras} theo lệnh của người vận hành; tạm dừng: {why}",
    ),
    "passages-not-stored": (
        "passages are not stored: {why}; they wait in memory, {missed} were dropped",
        "không lưu được lượt đi qua: {why}; đang giữ tạm trong bộ nhớ, đã mất {missed} lượt",
    ),
    "passages-disk": ("the disk failed ({error})", "ổ đĩa bị lỗi ({error})"),
    "passages-disk-short": (
        "the disk is short of space: {free_mb} MB free, and {keep_free_mb} MB must stay free "
        "(storage.keep_free)",
        "ổ đĩa không đủ chỗ: còn trống {free_mb} MB, phải chừa {keep_free_mb} MB (storage.keep_free)",
    ),
    "passages-damaged": (
        "the files were damaged ({error}); they were deleted and are started again",
        "tệp bị hỏng ({error}); đã xóa và tạo lại",
    ),
    "collection-disk-short": (
        "the disk is short of space: {free_mb} MB free, and {keep_free_mb} MB must stay free "
        "(storage.keep_free)",
        "ổ đĩa không đủ chỗ: còn trống {free_mb} MB, phải chừa {keep_free_mb} MB (storage.keep_free)",
    ),
    "collection-used-up": (
        "collect.max_bytes ({bytes}) is used up",
        "đã dùng hết collect.max_bytes ({bytes})",
    ),
    "model-given-up": (
        "model: given up at {at}: {why}",
        "mô hình mới không đạt, đã quay về mô hình cũ lúc {at}: {why}",
    ),
    "update-trial": (
        "update: {version} on trial until {until}",
        "cập nhật: đang thử bản {version} đến {until}",
    ),
    "update-fetching": ("update: {version}, fetching", "cập nhật: đang tải bản {version}"),
    "update-installing": ("update: {version}, installing", "cập nhật: đang cài bản {version}"),
    "update-reverted": (
        "update: went back at {at}: {why}",
        "cập nhật không thành công, đã quay về bản cũ lúc {at}: {why}",
    ),
    "config-trial": (
        "configuration: version {version} is on trial",
        "cấu hình: đang thử phiên bản {version}",
    ),
    "config-given-up": (
        "configuration: version {version} was given up: {why}",
        "cấu hình: phiên bản {version} không đạt, đã quay về cấu hình cũ: {why}",
    ),
    "config-not-taken": (
        "the agent could not apply it: {why}",
        "phần mềm không áp dụng được: {why}",
    ),
    "config-trial-failed": ("within {seconds} s {why}", "sau {seconds} giây thử, {why}"),
    "config-no-broker": ("the broker was not connected", "không kết nối được máy chủ nhận tin"),
    "config-camera-lost": (
        "camera {camera}, which was up, did not come up again",
        "camera {camera} trước đó có hình, nay không có",
    ),
    "config-camera-lost-because": (
        "camera {camera}, which was up, did not come up again ({cause})",
        "camera {camera} trước đó có hình, nay không có ({cause})",
    ),
    "config-detector-lost": (
        "the detector, which worked, does not work ({why})",
        "bộ nhận dạng trước đó hoạt động, nay không ({why})",
    ),
    "config-restarts": (
        "the agent did not stay up with it, it was started {times} times",
        "phần mềm không chạy ổn định với cấu hình này, đã khởi động {times} lần",
    ),
    "config-file-newer": (
        "the file has version {version} by now",
        "tệp cấu hình hiện là phiên bản {version}",
    ),
    "config-pushed-unusable": (
        "version {version}, which the centre pushed, cannot be used: {why}",
        "phiên bản {version} do trung tâm gửi không dùng được: {why}",
    ),
    "config-pushed-unreadable": (
        "{file} cannot be read: a configuration that the centre pushed may not be in force",
        "không đọc được {file}: cấu hình do trung tâm gửi có thể chưa được dùng",
    ),
    "config-rules-unusable": (
        "rules that a command changed cannot be used, those of the configuration are in force (changed masks "
        "stay in force if they can be read): {why}",
        "không dùng được quy tắc đã đổi bằng lệnh, đang dùng quy tắc trong cấu hình (phần hình bị che đã đổi "
        "vẫn có hiệu lực nếu đọc được): {why}",
    ),
    "config-rules-trial": (
        "configuration: a change of a rule or of masks is on trial",
        "cấu hình: đang thử quy tắc hoặc phần hình bị che vừa thay đổi",
    ),
    "config-rules-given-up": (
        "configuration: a change of a rule or of masks was given up: {why}",
        "cấu hình: thay đổi quy tắc hoặc phần hình bị che không đạt, đã quay về như cũ: {why}",
    ),
    "config": ("configuration: {why}", "cấu hình: {why}"),
    "config-file-broken": (
        "configuration: {why}; version {version}, which the centre pushed, is in force",
        "tệp cấu hình có lỗi: {why}; đang dùng phiên bản {version} do trung tâm gửi",
    ),
    "config-refused": (
        "configuration: {why}; the one of {since} stays in force",
        "cấu hình mới bị từ chối: {why}; vẫn dùng cấu hình có từ {since}",
    ),
    "config-restart": (
        "configuration: {keys} changed: restart the agent to apply the change",
        "cấu hình: {keys} đã thay đổi: khởi động lại phần mềm để áp dụng",
    ),
}

GATEWAY: Sentences = {**BOARD, **SERVICES}
