"""Sentences of the centre itself in English and Vietnamese, and one catalogue of them and of the agent's
sentences. The centre makes all its texts here, so that each text carries a code. Pages show the sentence of
this code in the user's language.
"""

from __future__ import annotations

from edge_agent.core.languages import Sentences
from edge_agent.core.problems import CATALOGUE as AGENT
from edge_agent.core.problems.catalogue import Catalogue

PRESENCE: Sentences = {
    "heard": ("heartbeat", "có bản tin định kỳ"),
    "no-heartbeat": ("no heartbeat for {seconds} s", "đã {seconds} giây không có bản tin định kỳ"),
    "went-with-ward": (
        "went offline together with its ward",
        "nhiều thiết bị trong phường mất liên lạc cùng lúc",
    ),
    "went-offline-often": (
        "went offline {times} times in {minutes} min",
        "mất liên lạc {times} lần trong {minutes} phút",
    ),
    "is-online": ("online: {why}", "đang hoạt động: {why}"),
    "is-booting": ("starting: {why}", "đang khởi động: {why}"),
    "is-offline": ("offline: {why}", "mất liên lạc: {why}"),
    "is-cut": ("offline with its whole ward: {why}", "mất liên lạc (cả phường): {why}"),
    "is-stopped": ("stopped: {why}", "đã dừng: {why}"),
    "is-unstable": ("unstable: {why}", "chập chờn: {why}"),
    "ward-outage": (
        "{gateways} of {count} gateways went offline at once",
        "{gateways} trong {count} thiết bị mất liên lạc cùng lúc",
    ),
    "out-of-bounds": (
        "some values that the gateway reports are out of bounds and are left out",
        "một số giá trị thiết bị gửi nằm ngoài giới hạn nên bị bỏ qua",
    ),
    "unreadable": (
        "what the gateway reports cannot be shown",
        "không hiển thị được nội dung thiết bị gửi",
    ),
}

ALERTS: Sentences = {
    "above": ("{why}, above {limit:g}", "{why} (ngưỡng {limit:g})"),
    "below": ("{why}, below {limit:g}", "{why} (ngưỡng {limit:g})"),
    "changed-by-hand": ("changed by hand: {changes}", "thay đổi bằng lệnh: {changes}"),
    "changed-rule": ("{rule} ({override})", "quy tắc {rule} ({override})"),
    "changed-view": ("the view", "góc nhìn"),
    "processor-hot": ("processor at {celsius} °C", "nhiệt độ bộ xử lý {celsius} °C"),
    "certificate-days": (
        "the gateway's certificate ends in {days} days",
        "chứng thư của thiết bị còn hiệu lực {days} ngày",
    ),
    "certificate-ended": (
        "the gateway's certificate ended {days} days ago",
        "chứng thư của thiết bị đã hết hạn {days} ngày",
    ),
    "ca-ended": (
        "the CA that it trusts ended {days} days ago",
        "chứng thư của CA mà thiết bị tin cậy đã hết hạn {days} ngày",
    ),
    "ca-days": (
        "the CA that it trusts ends in {days} days",
        "chứng thư của CA mà thiết bị tin cậy còn hiệu lực {days} ngày",
    ),
    "oldest-event": ("the oldest event waits for {seconds} s", "sự kiện cũ nhất đã chờ {seconds} giây"),
    "budget-used": (
        "{used:,} of {budget:,} MB of the period used",
        "đã dùng {used:,} trong tổng số {budget:,} MB của kỳ này",
    ),
    "failed-units": ("{lines:;}", "{lines:;}"),
    "version-behind": (
        "version {version}, the others have {others}",
        "đang dùng phiên bản {version}, các thiết bị khác đã dùng {others}",
    ),
    "events-missing": (
        "{events} events are missing, and the gateway has not announced them as lost",
        "thiếu {events} sự kiện, không rõ lý do",
    ),
    "numbers-conflict": (
        "{events} events came with numbers that other events have: two gateways, or a copy",
        "{events} sự kiện trùng số với sự kiện khác: có hai thiết bị trùng mã, hoặc thiết bị chạy từ bản sao "
        "ổ đĩa",
    ),
    "names-conflict": (
        "two gateways report under this id in turn",
        "hai thiết bị thay nhau gửi bản tin với cùng một mã",
    ),
    "alarm-flood": (
        "{alarms} alarms in 10 min: they are listed and do not ring one by one",
        "{alarms} báo động trong 10 phút: vẫn có trong danh sách, nhưng không phát chuông cho từng báo động",
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
        "cập nhật lên bản {version} không thành công, đã quay về bản cũ: {why}",
    ),
    "config-taken-back": ("configuration rolled back: {why}", "đã quay về cấu hình cũ: {why}"),
    "config-version": ("version {version}: {why}", "phiên bản {version}: {why}"),
    "model-went-back": (
        "model: given up: {why}",
        "mô hình mới không đạt, đã quay về mô hình cũ: {why}",
    ),
    "clock-ahead": (
        "the centre's clock is {difference} ahead of {reference}",
        "đồng hồ của trung tâm chạy nhanh {difference} so với {reference}",
    ),
    "clock-behind": (
        "the centre's clock is {difference} behind {reference}",
        "đồng hồ của trung tâm chạy chậm {difference} so với {reference}",
    ),
    "most-gateways": ("most gateways", "đa số thiết bị"),
    "own-count": ("what the centre has counted", "thời gian trung tâm tự đếm"),
    "minutes": ("{count} min", "{count} phút"),
    "hours": ("{count} h", "{count} giờ"),
    "days": ("{count} days", "{count} ngày"),
    "deletion-waits": (
        "retention would delete {rows} of {stored} rows of {table} at once and waits for {command}",
        "{rows} trong tổng số {stored} bản ghi ({table}) đã hết thời hạn lưu trữ và sẽ bị xóa cùng lúc, chờ "
        "quản trị viên duyệt bằng lệnh {command}",
    ),
    "deletion-fails": (
        "expired files that cannot be deleted: {files}, the first is {path} ({error})",
        "không xóa được {files} tệp đã hết thời hạn lưu trữ, tệp đầu tiên là {path} ({error})",
    ),
}

OUTCOMES: Sentences = {
    "closed-as-real": (
        "{who} has closed this as real: reopen it first",
        "{who} đã kết luận là báo động đúng: hãy bấm Xử lý lại trước",
    ),
    "closed-as-false": (
        "{who} has closed this as false: reopen it first",
        "{who} đã kết luận là báo nhầm: hãy bấm Xử lý lại trước",
    ),
    "closed-as-handled": (
        "{who} has closed this as handled: reopen it first",
        "{who} đã kết luận là đã xử lý: hãy bấm Xử lý lại trước",
    ),
}

CLAIMS: Sentences = {
    "claim-cameras-missing": (
        "cameras of the sheet were not found: {cameras}",
        "không tìm thấy các camera có trong danh sách: {cameras}",
    ),
    "claim-cameras-unknown": (
        "cameras were found that the sheet does not have: {cameras}",
        "tìm thấy các camera không có trong danh sách: {cameras}",
    ),
    "claim-far": (
        "the phone was {metres:,} m from the coordinates of {site}",
        "điện thoại ở cách {metres:,} m so với tọa độ của điểm {site}",
    ),
    "claims-waiting": (
        "{claims} claims of boxes wait for the control machine, the oldest for {minutes} min ({site})",
        "{claims} yêu cầu nhận điểm đang chờ xác nhận, yêu cầu lâu nhất đã chờ {minutes} phút ({site})",
    ),
    "claims-wrong": (
        "{claims} claims do not fit: {lines:;}",
        "{claims} yêu cầu nhận điểm không khớp: {lines:;}",
    ),
    "claim-misfit": ("{site}, {serial}: {why}", "{site}, {serial}: {why}"),
}

VERDICTS: Sentences = {
    "no-key": (
        "the gateway has published no key: no signature was checked",
        "thiết bị chưa gửi khóa công khai nên chưa kiểm tra được chữ ký số nào",
    ),
    "no-event": ("it cannot be read as an event", "dữ liệu không phải là một sự kiện hợp lệ"),
}

SEARCHES: Sentences = {
    "search-purpose": (
        "say in 3 to 500 characters for what purpose you search",
        "hãy ghi mục đích tìm kiếm, từ 3 đến 500 ký tự",
    ),
    "search-case": (
        "give the number of the case, at most 100 characters",
        "hãy ghi số vụ việc, nhiều nhất 100 ký tự",
    ),
    "search-field": ("the value of {field} is not valid", "giá trị của {field} không hợp lệ"),
    "search-unknown-field": ("a search has no field {field}", "không có mục tìm kiếm {field}"),
    "search-time": (
        "{field} is not a time such as 2026-11-27T21:00:00+07:00",
        "{field} không phải là thời điểm hợp lệ, ví dụ 2026-11-27T21:00:00+07:00",
    ),
    "search-order": ("the end is before the beginning", "thời điểm kết thúc sớm hơn thời điểm bắt đầu"),
    "search-span": (
        "a search covers at most {days} days",
        "mỗi lần chỉ tìm được trong khoảng nhiều nhất {days} ngày",
    ),
    "search-window": (
        "{place}: its time must be within that of the search",
        "{place}: thời gian riêng phải nằm trong thời gian của yêu cầu tìm",
    ),
    "search-window-not-asked": (
        "{place}: a site that this search does not ask has no time of its own",
        "{place}: không thuộc yêu cầu tìm này nên không đặt được thời gian riêng",
    ),
    "search-needs-colour": ("a part needs a colour", "chọn bộ phận thì phải chọn màu"),
    "search-range": (
        "{field}: the least is above the most",
        "{field}: giá trị nhỏ nhất lớn hơn giá trị lớn nhất",
    ),
    "search-second": (
        "a search with a second camera needs sites or cameras for the first",
        "muốn tìm theo camera thứ hai thì phải chọn điểm hoặc camera thứ nhất",
    ),
    "search-not-yours": (
        "{place}: there is no such ward, site or camera, or you may not see it",
        "{place}: không có phường, điểm hoặc camera này, hoặc bạn không có quyền xem",
    ),
    "search-nowhere": (
        "no gateway of your wards is in that place",
        "nơi đã chọn không có thiết bị nào mà bạn có quyền xem",
    ),
    "search-no-key": (
        "the centre of this ward has no search key: it asks no gateway",
        "trung tâm của phường này chưa có khóa tìm kiếm nên không gửi được yêu cầu tìm tới thiết bị nào",
    ),
    "search-too-many": (
        "{open} of your searches are still open, and {recent} were made within an hour: wait",
        "bạn có {open} yêu cầu tìm chưa xong và đã gửi {recent} yêu cầu trong một giờ qua: hãy chờ rồi tìm "
        "tiếp",
    ),
    "search-too-many-pictures": (
        "{pictures} pictures were opened within an hour: wait",
        "đã mở {pictures} ảnh trong một giờ qua: hãy chờ rồi mở tiếp",
    ),
    "search-too-many-holds": (
        "{holds} passages were held or released within an hour: wait",
        "đã yêu cầu giữ hoặc thôi giữ {holds} lượt đi qua trong một giờ qua: hãy chờ rồi tiếp tục",
    ),
    "search-gateway-lacks-key": (
        "this gateway does not accept the centre's searches: its agent is too old, or its "
        "commands.search_keys lacks the centre's public key",
        "thiết bị này chưa nhận yêu cầu tìm lượt đi qua của trung tâm: phần mềm quá cũ, hoặc "
        "commands.search_keys chưa có khóa công khai của trung tâm",
    ),
    "search-gateway-too-old": (
        "the agent of this gateway does not understand this search, perhaps because it is too old: {why}",
        "phần mềm của thiết bị này không hiểu yêu cầu tìm lượt đi qua, có thể vì phiên bản quá cũ: {why}",
    ),
    "search-answer-malformed": (
        "the answer of this gateway cannot be read",
        "không đọc được câu trả lời của thiết bị này",
    ),
    "search-picture-missing": (
        "the gateway has no picture of it, or none any more",
        "thiết bị không có ảnh này, hoặc ảnh đã hết hạn lưu trữ",
    ),
}

CASES: Sentences = {
    "case-number": (
        "a case number has 1 to {most} characters",
        "số vụ việc có từ 1 đến {most} ký tự",
    ),
    "case-not-yours": (
        "case {case} belongs to others, or concerns wards that you may not see: ask an administrator",
        "vụ việc {case} do người khác phụ trách hoặc thuộc phường bạn không có quyền xem: hãy liên hệ quản "
        "trị viên",
    ),
    "case-closed": (
        "case {case} is closed: reopen it first",
        "vụ việc {case} đã đóng: hãy mở lại trước",
    ),
    "case-too-many": (
        "{cases} of your cases are open: close some first",
        "bạn đang có {cases} vụ việc chưa đóng: hãy đóng bớt",
    ),
    "case-no-key": (
        "no centre of the wards of this case has a search key, which signs exports",
        "trung tâm của các phường thuộc vụ việc này đều chưa có khóa tìm kiếm nên không ký số được bản xuất",
    ),
    "case-picture-gone": (
        "the search of this picture was deleted, or its ward is not yours",
        "yêu cầu tìm của ảnh này đã bị xóa, hoặc bạn không có quyền xem phường này",
    ),
    "hold-not-yours": (
        "only the officer who alone asked for the hold, or an administrator, can release it",
        "chỉ quản trị viên, hoặc người đã yêu cầu giữ lượt đi qua này nếu không còn ai khác yêu cầu giữ, mới "
        "có quyền thôi giữ",
    ),
    "case-full": (
        "the case is full: at most {items} items and {mb} MB",
        "vụ việc đã đạt giới hạn: tối đa {items} mục và {mb} MB",
    ),
    "case-item-large": (
        "this is too large for one item: at most {pictures} pictures",
        "nội dung này vượt quá giới hạn của một mục: tối đa {pictures} ảnh",
    ),
    "case-files-full": (
        "the files of the case would be too large: at most {mb} MB",
        "tổng dung lượng tệp của vụ việc quá lớn: tối đa {mb} MB",
    ),
    "case-item-files": (
        "too many files for one item: at most {files}",
        "một mục chỉ được có tối đa {files} tệp",
    ),
    "case-disk-full": (
        "the disk of the centre is almost full: ask an administrator",
        "ổ đĩa của trung tâm sắp đầy: hãy liên hệ quản trị viên",
    ),
    "case-file-words": (
        "a file needs a name, and the name of the person or body that it is from",
        "tệp phải có tên và phải ghi rõ do ai cung cấp",
    ),
    "case-note": (
        "a note has 1 to {most} characters",
        "ghi chú có từ 1 đến {most} ký tự",
    ),
    "case-copies-unchecked": (
        "no altered copy has been checked: open “Altered copies” and view each one first",
        "chưa có bản đã che nào được kiểm tra: hãy mở “Bản đã che” và xem từng tệp trước",
    ),
    "case-copy-changed": (
        "this copy has changed since the page was loaded, or has too many areas: view it again",
        "bản này đã thay đổi sau khi tải trang, hoặc có quá nhiều vùng che: hãy xem lại",
    ),
    "case-area": (
        "an area is given by left, top, width and height in percent of the picture",
        "hãy nhập đủ bốn số của vùng che (cách mép trái, cách mép trên, rộng, cao), theo phần trăm kích "
        "thước ảnh",
    ),
    "case-why": (
        "give a reason of 3 to {most} characters",
        "hãy ghi lý do, từ 3 đến {most} ký tự",
    ),
}

APPEARANCE: Sentences = {
    "appearance-no-card": (
        "the model {file} has no measured card: make one with edge-agent central appearance measure",
        "mô hình {file} chưa có phiếu đo: hãy tạo bằng lệnh edge-agent central appearance measure",
    ),
    "appearance-card-unreadable": (
        "the card {file} cannot be used: {error}",
        "không dùng được phiếu đo {file}: {error}",
    ),
    "appearance-other-model": (
        "the card was measured on another file than this one: {model}",
        "phiếu đo này là của một tệp mô hình khác: {model}",
    ),
    "appearance-by-chance": (
        "by its card {file} the model is no better than chance for {groups}",
        "theo phiếu đo {file}, mô hình không tốt hơn chọn ngẫu nhiên đối với {groups}",
    ),
    "appearance-model-unusable": (
        "the model {file} cannot be used: {error}",
        "không dùng được mô hình {file}: {error}",
    ),
    "appearance-similar": (
        "looks similar by the model {model}; measured rank-1 {rank1} on {objects} objects",
        "ngoại hình tương tự theo mô hình {model}; khi đo trên {objects} người hoặc phương tiện, tỷ lệ "
        "chọn đúng ngay lần đầu là {rank1}",
    ),
    "appearance-different": (
        "looks different by the model {model}; measured rank-1 {rank1} on {objects} objects",
        "ngoại hình khác nhau theo mô hình {model}; khi đo trên {objects} người hoặc phương tiện, tỷ lệ "
        "chọn đúng ngay lần đầu là {rank1}",
    ),
}

JOURNEYS: Sentences = {
    "journey-too-many": (
        "you began {count} journeys within an hour: wait",
        "bạn đã bắt đầu {count} hành trình trong một giờ qua: hãy chờ rồi bắt đầu tiếp",
    ),
    "journey-too-long": (
        "a journey has at most {steps} decisions: begin another one",
        "mỗi hành trình có nhiều nhất {steps} quyết định: hãy bắt đầu hành trình khác",
    ),
    "journey-undo-first": (
        "this passage is confirmed: undo that first",
        "lượt đi qua này đã được xác nhận: hãy hoàn tác trước",
    ),
    "journey-first-step": (
        "the journey begins with this passage: it cannot be undone",
        "hành trình bắt đầu từ lượt đi qua này nên không hoàn tác được",
    ),
    "journey-later-steps": (
        "other confirmed passages follow from this one: undo them first",
        "đã có lượt đi qua khác được xác nhận tiếp từ lượt này: hãy hoàn tác các lượt đó trước",
    ),
    "journey-no-neighbours": (
        "no camera of your wards is near enough, and none has a learnt travel time",
        "trong phạm vi quyền của bạn, không có camera nào đủ gần và cũng không có camera nào có thời gian di "
        "chuyển theo số liệu thực tế",
    ),
}

SENTENCES: Sentences = {
    **PRESENCE,
    **ALERTS,
    **OUTCOMES,
    **CLAIMS,
    **VERDICTS,
    **SEARCHES,
    **CASES,
    **APPEARANCE,
    **JOURNEYS,
}
CATALOGUE = Catalogue({**AGENT.sentences, **SENTENCES})

problem_text = CATALOGUE.text
