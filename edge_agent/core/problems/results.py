"""Sentences about results: new models and clips."""

from __future__ import annotations

from edge_agent.core.languages import Sentences

MODELS: Sentences = {
    "model-reason": ("{name}: {why}", "{name}: {why}"),
    "model-too-few": (
        "{camera}: {objects} objects, under a third of the {expected} expected",
        "{camera}: phát hiện {objects} người, phương tiện, chưa bằng một phần ba số dự kiến ({expected})",
    ),
    "model-too-many": (
        "{camera}: {objects} objects, over three times the {expected} expected",
        "{camera}: phát hiện {objects} người, phương tiện, gấp hơn ba lần số dự kiến ({expected})",
    ),
    "model-too-few-of-group": (
        "{camera}: {objects} objects of the group {label}, under a third of the {expected} expected",
        "{camera}: phát hiện {objects} trường hợp thuộc nhóm {label}, chưa bằng một phần ba số dự kiến "
        "({expected})",
    ),
    "model-too-many-of-group": (
        "{camera}: {objects} objects of the group {label}, over three times the {expected} expected",
        "{camera}: phát hiện {objects} trường hợp thuộc nhóm {label}, gấp hơn ba lần số dự kiến ({expected})",
    ),
    "model-crashes": (
        "the agent has ended unasked {times} times while it ran",
        "phần mềm tự dừng {times} lần khi chạy mô hình này",
    ),
    "model-inferences-fail": (
        "{inferences} of its inferences in a row have failed",
        "{inferences} lần nhận dạng liên tiếp bị lỗi",
    ),
    "model-not-loaded": ("it cannot be loaded: {why}", "không nạp được mô hình: {why}"),
    "model-command": ("command {command} ended it", "đã dừng theo lệnh {command}"),
    "model-confirmed": ("its probation is over", "đã hết thời gian theo dõi"),
    "model-switched": ("{origin}; {agreement}", "{origin}; {agreement}"),
    "model-switched-forced": (
        "{origin}; {agreement}, forced",
        "{origin}; {agreement}; lệnh bắt buộc chuyển",
    ),
    "model-few-objects": (
        "the model in force saw only {objects} objects, at least {least} are needed",
        "mô hình đang dùng mới phát hiện {objects} người, phương tiện, cần ít nhất {least}",
    ),
    "model-low-agreement": (
        "the two models agree on {agreement:.2f} of the objects, at least {least} is needed",
        "mức trùng khớp của hai mô hình chỉ là {agreement:.2f}, cần ít nhất {least}",
    ),
    "model-low-agreement-of-camera": (
        "{camera}: the two models agree on {agreement:.2f} of the objects, at least {least} is needed",
        "{camera}: mức trùng khớp của hai mô hình chỉ là {agreement:.2f}, cần ít nhất {least}",
    ),
    "model-low-agreement-of-group": (
        "group {label}: the two models agree on {agreement:.2f} of the objects, at least {least} is needed",
        "nhóm {label}: mức trùng khớp của hai mô hình chỉ là {agreement:.2f}, cần ít nhất {least}",
    ),
    "model-low-agreement-at-night": (
        "from 20:00 to 5:00 the two models agree on {agreement:.2f} of the objects, at least {least} is "
        "needed",
        "từ 20 giờ đến 5 giờ, mức trùng khớp của hai mô hình chỉ là {agreement:.2f}, cần ít nhất {least}",
    ),
    "model-low-agreement-of-group-at-night": (
        "group {label}: from 20:00 to 5:00 the two models agree on {agreement:.2f} of the objects, at least "
        "{least} is needed",
        "nhóm {label}: từ 20 giờ đến 5 giờ, mức trùng khớp của hai mô hình chỉ là {agreement:.2f}, "
        "cần ít nhất {least}",
    ),
    "model-extra-objects": (
        "the new model alone detects {extra:.1f} objects for each known one, at most {most} is accepted",
        "cứ mỗi người, phương tiện mà mô hình đang dùng phát hiện được, mô hình mới phát hiện thêm "
        "{extra:.1f} trường hợp khác; tối đa cho phép {most}",
    ),
    "model-slow": (
        "an inference takes {new_ms} ms, with the model in force {old_ms} ms",
        "mỗi lần nhận dạng, mô hình mới mất {new_ms} ms, mô hình đang dùng chỉ mất {old_ms} ms",
    ),
    "models-not-compared": (
        "no objects were compared",
        "chưa có người, phương tiện để so sánh",
    ),
    "models-agree": (
        "agreement {agreement:.2f} of {objects} objects",
        "mức trùng khớp của hai mô hình là {agreement:.2f} trên {objects} người, phương tiện",
    ),
}

CLIPS: Sentences = {
    "clip-no-keyframe": ("no keyframe came", "không có khung I nào"),
    "clip-without-keyframe": ("there is no keyframe in it", "không có khung I nào"),
    "clip-agent-ended": (
        "the agent ended before the clip was complete",
        "phần mềm dừng trước khi ghi xong video",
    ),
    "clip-not-reported": (
        "the agent ended before it reported the clip",
        "phần mềm dừng trước khi báo cáo video",
    ),
    "clip-not-stored": (
        "the agent was stopped before it was stored",
        "phần mềm bị dừng trước khi lưu video",
    ),
    "agent-stopped": ("the agent was stopped", "phần mềm bị dừng"),
    "clip-agent-failed": (
        "the agent failed to make it ({error})",
        "phần mềm gặp lỗi khi tạo video ({error})",
    ),
    "clip-codec": (
        "clips of {codec} streams are not made, only of {codecs}",
        "không tạo được video từ luồng {codec}, chỉ tạo được từ {codecs}",
    ),
    "clip-no-file": (
        "its packets make no MP4 file ({error})",
        "không tạo được tệp MP4 từ luồng này ({error})",
    ),
    "camera-connection-lost": (
        "the connection to the camera was lost",
        "mất kết nối với camera",
    ),
    "camera-settings-changed": (
        "the settings of the camera were changed",
        "cấu hình của camera đã thay đổi",
    ),
}

REHEARSALS: Sentences = {
    "rehearsal-done": (
        "rule {rule} would have reported {draft} times; there is no such rule in force",
        "bản nháp của quy tắc {rule} lẽ ra đã báo {draft} lần; hiện chưa có quy tắc này",
    ),
    "rehearsal-compared": (
        "rule {rule} would have reported {draft} times, the one in force {present} times",
        "bản nháp của quy tắc {rule} lẽ ra đã báo {draft} lần, còn quy tắc đang dùng lẽ ra "
        "đã báo {present} lần",
    ),
    "rehearsal-no-file": (
        "the agent runs without a configuration file, and a draft is checked against it",
        "phần mềm chạy mà không có tệp cấu hình nên không kiểm tra được bản nháp",
    ),
    "rehearsal-no-purpose": (
        "purpose and case are needed: the examples show people, and each use of a search key is recorded",
        "phải ghi mục đích và số vụ việc: các ví dụ có hình người, và mỗi lần dùng khóa tìm kiếm đều được "
        "ghi lại",
    ),
    "rehearsal-later": ("the rehearsal waits: {why}", "việc chạy thử phải chờ: {why}"),
    "rehearsal-failed": ("the rehearsal failed: {why}", "chạy thử không thành công: {why}"),
    "rehearsal-waits-hour": (
        "{limit} rehearsals have run within an hour",
        "đã chạy thử {limit} lần trong một giờ qua",
    ),
    "rules-sent": ("{rules} rules of {cameras} cameras", "{rules} quy tắc của {cameras} camera"),
    "rules-no-file": (
        "the agent runs without a configuration file, so there are no rules as written",
        "phần mềm chạy mà không có tệp cấu hình nên không có nội dung quy tắc",
    ),
    "rules-unreadable": ("the rules cannot be read: {why}", "không đọc được quy tắc: {why}"),
    "rules-too-large": (
        "the rules have {bytes} bytes, and a reply at most {limit}",
        "các quy tắc dài {bytes} byte, trong khi một trả lời chỉ được dài tối đa {limit} byte",
    ),
    "rehearsal-long": (
        "the rehearsal took too long and was ended; ask for fewer days",
        "chạy thử quá lâu nên đã dừng; hãy chọn ít ngày hơn",
    ),
}

RESULTS: Sentences = {**MODELS, **CLIPS, **REHEARSALS}
