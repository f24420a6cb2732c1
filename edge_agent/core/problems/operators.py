"""Sentences of replies to commands: rules, storm mode, frames for training, reboots, configurations."""

from __future__ import annotations

from edge_agent.core.languages import Sentences

RULES: Sentences = {
    "rule-masked": (
        "{camera}: rule {rule} is masked for {seconds} s: its events have the severity info and are no "
        "alarms",
        "{camera}: quy tắc {rule} tạm không báo động trong {seconds} giây, sự kiện chỉ ghi ở mức thông tin",
    ),
    "rule-armed": (
        "{camera}: rule {rule} is armed for {seconds} s, also outside its schedule",
        "{camera}: quy tắc {rule} được bật trong {seconds} giây, kể cả ngoài lịch",
    ),
    "rule-disarmed": (
        "{camera}: rule {rule} is disarmed for {seconds} s: it reports nothing",
        "{camera}: quy tắc {rule} tạm tắt trong {seconds} giây, không báo sự kiện nào",
    ),
    "rule-not-kept": (
        "{text}; the disk does not store this, so it ends with a restart of the agent",
        "{text}; ổ đĩa không lưu được nên việc này hết hiệu lực khi phần mềm khởi động lại",
    ),
    "rule-was-not": (
        "{camera}: rule {rule} was not {before}; it is {now}",
        "{camera}: quy tắc {rule} không ở trạng thái {before}; hiện nay: {now}",
    ),
    "rule-is-masked": ("masked", "tạm không báo động"),
    "rule-is-armed": ("armed", "được bật"),
    "rule-is-disarmed": ("disarmed", "tạm tắt"),
    "rule-is-configured": ("as it is configured", "theo cấu hình"),
    "rule-configured-again": (
        "{camera}: rule {rule} is as it is configured again",
        "{camera}: quy tắc {rule} đã trở lại theo cấu hình",
    ),
    "rule-unknown": (
        "{camera} has no rule {rule}; it has: {known}",
        "{camera} không có quy tắc {rule}; các quy tắc hiện có: {known}",
    ),
    "rule-off": (
        "{camera}: rule {rule} is switched off in the configuration (enabled: false)",
        "{camera}: quy tắc {rule} đang tắt trong cấu hình (enabled: false)",
    ),
}

CAMERAS: Sentences = {
    "storm-ended": ("storm mode has ended", "đã kết thúc chế độ bão"),
    "storm-until": ("storm mode until {until}", "chế độ bão kéo dài đến {until}"),
    "storm-began": (
        "a picture of {cameras} every {seconds:g} s until {until}",
        "cứ {seconds:g} giây gửi ảnh của {cameras} một lần, đến {until}",
    ),
    "camera-not-networked": (
        "{camera} is not a camera on the network; no request was sent",
        "{camera} không phải camera mạng; chưa gửi yêu cầu nào",
    ),
    "camera-no-login": (
        "{camera} has no login in the configuration, and a reboot needs one; no request was sent",
        "{camera} chưa có tài khoản trong cấu hình nên không khởi động lại được; chưa gửi yêu cầu nào",
    ),
    "camera-reboot-silent": (
        "{camera} has not answered the request within {seconds} s",
        "đã gửi yêu cầu nhưng {camera} không trả lời trong {seconds} giây",
    ),
    "camera-reboot-failed": (
        "the request could not be sent to {camera}: {error}",
        "không gửi được yêu cầu tới {camera}: {error}",
    ),
    "camera-reboot-refused": (
        "{camera} refuses to reboot: {error}",
        "{camera} từ chối khởi động lại: {error}",
    ),
    "camera-reboots": (
        "{camera} reboots; its pictures return in a minute or two",
        "{camera} đang khởi động lại; sau một đến hai phút sẽ có hình",
    ),
}

COLLECTIONS: Sentences = {
    "collect-delete-later": (
        "delete is for the end of a collection: for_s has to be 0",
        "delete chỉ dùng khi kết thúc đợt lấy ảnh: for_s phải bằng 0",
    ),
    "collect-goes-on": (
        "{event} goes on or has frames on the gateway: end it with for_s=0, then have them sent, exported "
        "(edge-agent collect export) or deleted (delete=true)",
        "đợt lấy ảnh {event} chưa kết thúc hoặc còn ảnh trên thiết bị: hãy kết thúc bằng for_s=0, rồi cho "
        "gửi ảnh, chép ảnh ra (edge-agent collect export) hoặc xóa ảnh (delete=true)",
    ),
    "collect-not-kept": (
        "the disk does not store it; nothing has begun",
        "ổ đĩa không lưu được nên chưa bắt đầu lấy ảnh",
    ),
    "collect-not-deleted": (
        "no more frames are taken, but some are not deleted: {error}",
        "đã ngừng lấy ảnh, nhưng còn ảnh chưa xóa được: {error}",
    ),
    "collect-none": ("no collection is known", "không có đợt lấy ảnh nào"),
    "collect-none-deleted": (
        "no collection is known; what was on the disk is deleted",
        "không có đợt lấy ảnh nào; đã xóa ảnh còn trên ổ đĩa",
    ),
    "collect-ended": (
        "{event}: no more frames are taken; frames on the gateway stay until they are sent or too old",
        "{event}: đã ngừng lấy ảnh; ảnh trên thiết bị được giữ đến khi gửi xong hoặc quá hạn",
    ),
    "collect-ended-deleted": (
        "{event}: no more frames are taken; its frames are deleted",
        "{event}: đã ngừng lấy ảnh; đã xóa ảnh",
    ),
    "collect-began": (
        "up to {frames} frames each of {cameras} are kept until {until}",
        "lưu tối đa {frames} ảnh mỗi camera ({cameras}), đến {until}",
    ),
    "no-cameras": ("this gateway has no camera", "thiết bị không có camera nào"),
}

GATEWAY: Sentences = {
    "reboot-too-early": (
        "the gateway booted {up_s} s ago, and reboots after {seconds} s at the earliest",
        "thiết bị mới hoạt động được {up_s} giây; phải đủ {seconds} giây kể từ lúc khởi động mới được khởi "
        "động lại",
    ),
    "root-not-asked": (
        "the request to root's program cannot be written: {error}",
        "không gửi được yêu cầu tới chương trình của root: {error}",
    ),
    "reboot-not-handled": (
        "no program handles the request on this gateway: edge-agent-reboot.path does not run",
        "thiết bị không có chương trình nhận yêu cầu: edge-agent-reboot.path không chạy",
    ),
    "reboot-refused": (
        "root's program does not reboot the gateway: {why}",
        "chương trình của root không khởi động lại thiết bị: {why}",
    ),
    "reboot-begins": (
        "root's program reboots the gateway",
        "chương trình của root đang khởi động lại thiết bị",
    ),
    "reboot-done": ("the gateway has booted again", "thiết bị đã khởi động lại"),
    "reboot-not-done": (
        "the agent was restarted, but the gateway was not",
        "phần mềm đã khởi động lại, nhưng thiết bị thì không",
    ),
    "agent-restarts": (
        "the agent stops and is started again",
        "phần mềm đang dừng và sẽ được khởi động lại",
    ),
    "agent-has-restarted": (
        "the agent has been started again",
        "phần mềm đã khởi động lại",
    ),
    "agent-without-systemd": (
        "this agent was not started by systemd, so nothing would start it again",
        "phần mềm không do systemd chạy nên nếu dừng thì sẽ không tự khởi động lại",
    ),
    "birth-again": ("the birth message is being sent again", "bản tin khai báo đang được gửi lại"),
}

CONFIGURATIONS: Sentences = {
    "config-in-force": ("version {version} is in force", "đang dùng cấu hình phiên bản {version}"),
    "config-agent-restarts": (
        "the agent restarts to apply {keys}",
        "phần mềm khởi động lại để áp dụng {keys}",
    ),
    "config-trial-goes-on": (
        "the agent has restarted; the trial continues",
        "phần mềm đã khởi động lại; tiếp tục thử cấu hình",
    ),
    "config-trial-not-begun": (
        "the agent was restarted before it applied the configuration",
        "phần mềm đã khởi động lại trước khi kịp áp dụng cấu hình",
    ),
    "config-other-on-trial": ("version {version} is on trial", "đang thử cấu hình phiên bản {version}"),
    "config-outdated": (
        "version {version} is not above {in_force}, which is in force",
        "cấu hình phiên bản {version} không mới hơn phiên bản {in_force} đang dùng",
    ),
    "config-tried-before": (
        "version {version} was tried and given up: {why}",
        "đã thử cấu hình phiên bản {version} nhưng không đạt: {why}",
    ),
    "config-other-hash": (
        "the hash of config is not the one in sha256",
        "config không khớp với mã băm trong sha256",
    ),
    "config-mistakes": (
        "this configuration has mistakes:\n{mistakes}",
        "cấu hình này có lỗi:\n{mistakes}",
    ),
    "config-other-version": (
        "the configuration itself says version {found}, the command {wanted}",
        "cấu hình ghi phiên bản {found}, còn lệnh ghi {wanted}",
    ),
    "config-identity": (
        "{key} is {before}; a command cannot change it",
        "{key} là {before}; không thay đổi được bằng lệnh",
    ),
    "config-no-operators": (
        "commands.operator_keys has no key, so no other configuration could be pushed later",
        "commands.operator_keys không có khóa nào nên sau này không gửi được cấu hình khác",
    ),
    "config-password": (
        "line {line} has a user or a password in an address; use username and password_file",
        "dòng {line} có tên đăng nhập hoặc mật khẩu trong địa chỉ; hãy dùng username và password_file",
    ),
    "config-not-written": ("{file} cannot be written: {error}", "không ghi được {file}: {error}"),
    "config-record-not-written": ("{file} cannot be written", "không ghi được {file}"),
    "config-restored": (
        "{why}; the configuration before it is in force again",
        "{why}; đã dùng lại cấu hình trước đó",
    ),
    "rule-change-busy": (
        "another configuration or change is on trial; try again in a few minutes",
        "đang thử một cấu hình hoặc thay đổi khác; hãy thử lại sau vài phút",
    ),
    "rule-change-form": (
        "the command has to name exactly one: a rule, the id of a rule to reset, or the masks of the camera",
        "lệnh phải có đúng một trong ba nội dung: quy tắc mới, mã quy tắc cần khôi phục, hoặc phần hình bị "
        "che của camera",
    ),
    "rule-change-outdated": (
        "the configuration has changed since this change was drafted; draft it again",
        "cấu hình đã khác so với lúc soạn thay đổi này; hãy soạn lại",
    ),
    "rule-change-large": (
        "the changed rules and masks of this gateway would have {bytes} bytes, at most {limit} are stored",
        "dữ liệu về các quy tắc và phần hình bị che đã đổi của thiết bị sẽ lên tới {bytes} byte, quá mức tối "
        "đa {limit} byte",
    ),
    "rule-change-misfits": (
        "rules that a command changed earlier do not fit the configuration any more ({why}); until they do, "
        "no other rule or mask can be changed. Take each rule that does not fit back to the configuration, "
        "on the console's page of rules or by set-rule with reset=RULE (changed are {rules}), then send this "
        "change again",
        "có quy tắc trước đây được đổi bằng lệnh, nay không còn khớp với cấu hình ({why}) nên chưa đổi được "
        "quy tắc hay phần hình bị che nào khác. Trước hết hãy khôi phục theo cấu hình từng quy tắc không "
        "khớp, trên trang quy tắc hoặc bằng lệnh set-rule với reset=MÃ (các quy tắc đã đổi: {rules}), rồi "
        "gửi lại thay đổi này",
    ),
    "rule-change-shared": (
        "other rules use {place} too; give the zone or line of this rule another id",
        "quy tắc khác cũng dùng {place}; hãy đặt mã khác cho vùng hoặc vạch ảo của quy tắc này",
    ),
    "rule-not-changed": (
        "rule {rule} of camera {camera} is as configured",
        "quy tắc {rule} của camera {camera} đang đúng như cấu hình",
    ),
    "rule-change-in-force": (
        "the rule is in force",
        "quy tắc đã có hiệu lực",
    ),
    "rule-reset-done": (
        "the rule is as configured again",
        "quy tắc đã được khôi phục theo cấu hình",
    ),
    "rule-removed-done": (
        "the rule is removed: the configuration does not have it",
        "đã bỏ quy tắc, vì cấu hình không có quy tắc này",
    ),
    "masks-not-changed": (
        "the masks of camera {camera} are as configured",
        "phần hình bị che của camera {camera} đang đúng như cấu hình",
    ),
    "masks-in-force": (
        "the masks are in force",
        "phần hình bị che đã có hiệu lực",
    ),
    "masks-hide-rules": (
        "the masks are in force; nothing is seen any more by the rules {rules}, because their zone or line "
        "lies entirely in a mask",
        "phần hình bị che đã có hiệu lực; những quy tắc sau không còn phát hiện được gì, vì vùng hoặc vạch "
        "ảo nằm trọn trong phần hình bị che: {rules}",
    ),
    "masks-reset-done": (
        "the masks are as configured again",
        "phần hình bị che đã được khôi phục theo cấu hình",
    ),
    "rule-off-done": (
        "the rule is switched off",
        "quy tắc đã tắt",
    ),
}

AGENT: Sentences = {
    "status-good": ("nothing is wrong", "không có vấn đề nào"),
    "status-one": ("1 thing is wrong: {first}", "có 1 vấn đề: {first}"),
    "status-some": (
        "{count} things are wrong, the first is: {first}",
        "có {count} vấn đề, trước hết là: {first}",
    ),
    "self-test-not-stored": (
        "the test event cannot be stored: {error}",
        "không lưu được sự kiện thử: {error}",
    ),
    "relearn-off": (
        "{camera}: watch_view is off, there is nothing to learn",
        "{camera}: watch_view đang tắt nên không cần học lại góc nhìn",
    ),
    "relearn-began": (
        "{camera}: its view is learned again from now on",
        "{camera}: bắt đầu học lại góc nhìn",
    ),
    "reload-unchanged": (
        "the configuration was read again, nothing has changed",
        "đã đọc lại cấu hình, không có thay đổi",
    ),
    "reload-changed": (
        "the configuration was read again\n  {changes:lines}",
        "đã đọc lại cấu hình\n  {changes:lines}",
    ),
    "reload-added": ("added: {names}", "thêm camera: {names}"),
    "reload-removed": ("removed: {names}", "bỏ camera: {names}"),
    "reload-stream": ("restarted: {names}", "kết nối lại camera: {names}"),
    "reload-pipeline": (
        "restarted, still connected: {names}",
        "khởi động lại phần phân tích, vẫn giữ kết nối camera: {names}",
    ),
    "reload-rules": ("rules changed: {names}", "đổi quy tắc của camera: {names}"),
    "reload-untouched": ("untouched: {names}", "giữ nguyên camera: {names}"),
    "reload-at-once": ("applied at once: {names}", "áp dụng ngay các mục: {names}"),
    "reload-waits": (
        "waits for a restart of the agent: {names}",
        "chờ phần mềm khởi động lại mới áp dụng: {names}",
    ),
    "reload-no-file": (
        "this agent was started without a configuration file",
        "phần mềm chạy mà không có tệp cấu hình",
    ),
    "reload-other-file": (
        "this agent runs with {own}, not with {asked}; nothing was read",
        "phần mềm đang dùng {own}, không phải {asked}; chưa đọc gì",
    ),
    "reload-refused": (
        "nothing was changed, the configuration of {since} stays in force\n  {mistakes:lines}",
        "chưa thay đổi gì, vẫn dùng cấu hình có từ {since}\n  {mistakes:lines}",
    ),
    "reload-busy": (
        "the agent is stopping or busy: ask again",
        "phần mềm đang dừng hoặc đang bận: hãy yêu cầu lại",
    ),
    "reload-no-agent": (
        "nothing was changed; no running agent was found",
        "chưa thay đổi gì; không thấy phần mềm đang chạy",
    ),
    "request-not-understood": (
        "the agent does not understand the request: {error}",
        "phần mềm không đọc được yêu cầu: {error}",
    ),
    "request-failed": (
        "the agent failed to do it: {error}",
        "phần mềm không thực hiện được: {error}",
    ),
}

OPERATORS: Sentences = {**RULES, **CAMERAS, **COLLECTIONS, **GATEWAY, **CONFIGURATIONS, **AGENT}
