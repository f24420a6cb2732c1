"""Warnings of ``edge-agent check``, and rarer mistakes: English, Vietnamese."""

from __future__ import annotations

from edge_agent.core.languages import Sentences

WARNINGS: Sentences = {
    # --- rules that never fire ---
    "no-cameras": (
        "there is no camera in this list; the gateway reports only its own health",
        "danh sách này không có camera; thiết bị chỉ báo tình trạng của chính mình",
    ),
    "rule-never": ("rule {rule} never fires: {why}", "quy tắc {rule} không bao giờ phát hiện được gì: {why}"),
    "label-never": ("{label} is never seen: {why}", "không bao giờ nhận dạng được {label}: {why}"),
    "no-model": ("detector.model is none", "detector.model là none"),
    "no-labels": ("detector.labels does not have {labels}", "detector.labels không có {labels}"),
    "in-masks": (
        "the {sort} {name} lies entirely in one of the masks: nothing is detected there",
        "{sort} {name} nằm trọn trong phần hình bị che (masks): ở đó không phát hiện được gì",
    ),
    "in-exclude": (
        "the {sort} {name} lies entirely in one of its excluded parts: nothing of it is left",
        "{sort} {name} nằm trọn trong một phần loại trừ (exclude) của vùng: toàn bộ vùng bị loại trừ",
    ),
    "on-border": (
        "the {sort} {name} lies on the picture's border: nothing is seen beyond it, so nothing crosses it",
        "{sort} {name} nằm ở mép hình: không quan sát được phía ngoài nên không phát hiện được lượt nào đi "
        "qua vạch",
    ),
    "short-arrow": (
        "arrow: {length:.2g} of the picture is too short for a sure direction; draw a longer one",
        "arrow: mũi tên dài {length:.2g} theo tọa độ của hình, quá ngắn nên không xác định chắc được hướng; "
        "hãy vẽ dài hơn",
    ),
    "small-zone": (
        "min_distance: the zone {name} is only {longest:.2g} widths of a 16:9 picture from end to end, so no "
        "vehicle can travel {distance:g} in it",
        "min_distance: đoạn thẳng dài nhất trong vùng {name} chỉ bằng {longest:.2g} lần chiều rộng của hình "
        "16:9, nên không phương tiện nào đi được quãng đường {distance:g} trong vùng này",
    ),
    # --- holidays ---
    "holidays": (
        "{lack}; the schedule of rule {rules} follows it. Tet and its days off move: add the new dates",
        "{lack}; lịch của quy tắc {rules} theo danh sách này. Ngày nghỉ Tết mỗi năm một khác: hãy bổ sung "
        "ngày mới",
    ),
    "and-more": ("{first} and {count} more", "{first} và {count} quy tắc nữa"),
    "holidays-empty": ("gateway.holidays is empty", "gateway.holidays chưa có ngày nào"),
    "holidays-over": (
        "gateway.holidays has run out: its last day was {day}",
        "gateway.holidays không còn ngày nào sắp tới: ngày cuối cùng là {day}",
    ),
    "holidays-next": (
        "gateway.holidays has no day of {year} yet",
        "gateway.holidays chưa có ngày nào của năm {year}",
    ),
    "never-on-holidays": (
        "rule {rule} is never armed: none of its days is one of gateway.holidays from {day} on",
        "quy tắc {rule} không bao giờ được bật: từ {day} trở đi, không có ngày nào trong gateway.holidays "
        "trùng với ngày áp dụng của quy tắc",
    ),
    "dates": (
        'a date such as 2027-01-01 or a span such as "2027-02-05..2027-02-11"',
        'ngày viết theo kiểu năm-tháng-ngày, hoặc một khoảng "năm-tháng-ngày..năm-tháng-ngày"',
    ),
    "span-backwards": (
        "this span ends before it begins; must be {kind}",
        "khoảng này kết thúc trước khi bắt đầu; phải là {kind}",
    ),
    "span-long": (
        "this span has {days} days, too long for a holiday; at most {most}",
        "khoảng này dài {days} ngày, quá dài đối với một kỳ nghỉ; nhiều nhất {most} ngày",
    ),
    "no-such-day": ("there is no {day} ({error})", "không có ngày {day} ({error})"),
    "many-holidays": (
        "holidays: {days} days are too many for a list of holidays; at most {most}",
        "holidays: danh sách ngày nghỉ có {days} ngày, quá nhiều; nhiều nhất {most} ngày",
    ),
    "time-meant": (
        " (did you mean '{when}'? without quotes YAML reads a time as a number in base 60)",
        " (có phải là '{when}' không? nếu không đặt trong dấu nháy thì YAML hiểu giờ là số theo hệ 60)",
    ),
    # --- clips ---
    "clip-idle": (
        "clip does nothing: report.clips is none",
        "phần clip không có tác dụng: report.clips là none",
    ),
    "still-idle": (
        "no stills: report.snapshots is none, so no picture leaves the gateway",
        "không có ảnh lớn: report.snapshots là none nên thiết bị không gửi ảnh đi",
    ),
    "clip-private": (
        "no clips: this camera has privacy_masks, and a clip is not transcoded, so they would not be in "
        "it; mask in "
        "the camera itself (recommended), or write report.clips: unmasked",
        "không có video: camera này có privacy_masks, mà video được lưu nguyên như camera gửi nên không "
        "che được; "
        "hãy che ngay trên camera (nên làm), hoặc đặt report.clips: unmasked",
    ),
    "main-same": (
        "main_url is the same as url: the camera is asked twice for one stream",
        "main_url trùng với url: camera phải gửi cùng một luồng hai lần",
    ),
    "main-other-host": (
        "main_url is on another host than url: the agent sends the login of this camera to both hosts",
        "main_url ở máy khác với url: thiết bị gửi tên đăng nhập và mật khẩu của camera này đến cả hai máy",
    ),
    "short-ring": (
        "clips cannot begin {pre:g} s before the event: ring.seconds is {ring:g}",
        "video không thể bắt đầu {pre:g} giây trước sự kiện: ring.seconds chỉ là {ring:g} giây",
    ),
    "clip-short": (
        "pre_s and post_s together are {both:g} s, and max_s is {most:g}: too short",
        "max_s ({most:g} giây) quá ngắn: phải lớn hơn tổng pre_s và post_s ({both:g} giây)",
    ),
    # --- broker, keys, board ---
    "tls-unused": (
        "{key} is not used: no broker has an mqtts:// address",
        "{key} không được dùng: không có máy chủ nhận tin nào có địa chỉ mqtts://",
    ),
    "mqtt-plain": (
        "mqtt:// sends the password unencrypted; use mqtts:// outside a lab",
        "mqtt:// gửi mật khẩu không mã hóa, chỉ nên dùng khi thử nghiệm; khi vận hành phải dùng mqtts://",
    ),
    "no-operator": (
        "{path} holds no key (*.pem): no signed command is obeyed",
        "{path} không có khóa nào (*.pem): thiết bị sẽ không thực hiện lệnh có chữ ký số",
    ),
    "profile-unknown": (
        "unknown profile {name}{near}; there are auto, {known}",
        "không có hồ sơ bo mạch {name}{near}; các hồ sơ hiện có: auto, {known}",
    ),
    "profile-guess": (
        "profile auto does not know the board {board}; running with the values of {name}",
        "profile: auto chưa hỗ trợ bo mạch {board}; đang dùng các giá trị của hồ sơ {name}",
    ),
    "over-cameras": (
        "{count} cameras, and {name} is made for {most}: edge-agent doctor measures whether it is too much; "
        "then another box takes some",
        "có {count} camera, trong khi hồ sơ {name} chỉ dự tính {most} camera: hãy chạy edge-agent doctor để "
        "đo; nếu quá tải thì chuyển bớt camera sang thiết bị khác",
    ),
    "over-decode": (
        "analyse.fps is {wanted:g} pictures a second, all cameras together, and {name} decodes {most} of "
        "{size}: lower analyse.fps",
        "analyse.fps của tất cả camera cộng lại là {wanted:g} khung hình/giây, trong khi hồ sơ {name} chỉ "
        "giải mã được {most} khung hình {size} mỗi giây: hãy giảm analyse.fps",
    ),
    "drop-in-name": (
        "not read: a drop-in ends in .yaml",
        "không đọc tệp này: tên tệp bổ sung phải kết thúc bằng .yaml",
    ),
    "never-fires": (
        "schedule: can never fire: it is armed for {armed:g} s at a time, and {key} is {needed:g}",
        "schedule: không bao giờ phát hiện được gì: mỗi lần chỉ bật quy tắc {armed:g} giây, mà "
        "{key} là {needed:g} giây",
    ),
    "loitering-lasts": (
        "min_duration_s: loitering must last longer than 0 seconds (zone-intrusion may have 0)",
        "min_duration_s: lảng vảng phải kéo dài hơn 0 giây (zone-intrusion thì được đặt 0)",
    ),
    "tells-nothing": (
        "each: false and counts_s: 0 together report nothing; enabled: false switches a rule off",
        "each: false cùng với counts_s: 0 thì không báo gì; muốn tắt quy tắc thì đặt enabled: false",
    ),
    "release-count": (
        "release_count: must be below count, which is {count}, not {release}: it would end as soon as it "
        "begins",
        "release_count: phải nhỏ hơn count ({count}), hiện là {release}; nếu không nhỏ hơn thì sự kiện kết "
        "thúc ngay khi bắt đầu",
    ),
    # --- logins ---
    "firmware-no-minimum": (
        "needs minimum or minimum_build",
        "phải có minimum hoặc minimum_build",
    ),
    "no-such-date": ("this date does not exist", "ngày này không có thật"),
    "login-twice": (
        "the url has a user part already; leave one of the two out",
        "url đã có tên đăng nhập; hãy bỏ tên đăng nhập trong url, hoặc bỏ username",
    ),
    "login-of-file": (
        "a file or V4L2 device has no user; leave username and password_file out",
        "tệp hoặc nguồn V4L2 không có tài khoản; hãy bỏ username và password_file",
    ),
    "user-missing": (
        "the user part has no user name before the colon",
        "thiếu tên đăng nhập trước dấu hai chấm",
    ),
    "user-unescaped": (
        "the user part has an unescaped @, : or %; if the password contains one, {encode}",
        "phần tài khoản có ký tự @, : hoặc % chưa viết theo mã phần trăm; nếu ký tự đó thuộc mật "
        "khẩu thì {encode}",
    ),
    "v4l2": (
        "a V4L2 camera is v4l2:/dev/video0, with the number that `v4l2-ctl --list-devices` shows",
        "địa chỉ camera V4L2 viết là v4l2:/dev/video0; số ở cuối lấy từ lệnh `v4l2-ctl --list-devices`",
    ),
    # --- YAML ---
    "alias": (
        "an alias (*...) without an anchor above it; text that starts with * needs quotes",
        "có bí danh YAML (*...) mà phía trên không khai báo; chữ bắt đầu bằng * phải đặt trong dấu nháy",
    ),
    "start": (
        "text cannot start with {found} unless it is in quotes",
        "chữ bắt đầu bằng {found} phải đặt trong dấu nháy",
    ),
    "one-word": ("a key must be a single word", "tên mục phải là một từ"),
    # --- addresses ---
    "sub-ends": ("the sub-stream ends in {tail}", "luồng phụ có URL kết thúc bằng {tail}"),
    "sub-has": ("the sub-stream has {part}", "luồng phụ có URL chứa {part}"),
    "sub-instead": (
        "the sub-stream has {sub} instead of {main}",
        "luồng phụ có URL ghi {sub} thay cho {main}",
    ),
    "sub-usual": ("the sub-stream is usually {part}", "luồng phụ thường có URL chứa {part}"),
    "sub-cheaper": ("{hint}, and costs a fraction of the CPU", "{hint} và tốn ít CPU hơn nhiều"),
    "file-url": (
        "the URL of a file must be file:///absolute/path",
        "URL của tệp phải có dạng file:///đường-dẫn-đầy-đủ",
    ),
    "late-at": (
        "there is an @ after the first / ? or # of this URL; if it is part of the path, write %40; if it "
        "ends a password with such a character, {encode}",
        "có @ sau ký tự / ? hoặc # đầu tiên của URL này; nếu @ thuộc đường dẫn thì viết %40; nếu mật khẩu có "
        "ký tự / ? hoặc # thì {encode}",
    ),
    "user-characters": (
        "the user part has a space, quote, < or > in it; {encode}",
        "phần tài khoản có dấu cách, dấu nháy, < hoặc >; {encode}",
    ),
    "user-not-utf-8": (
        "the user part is not UTF-8 after percent-decoding; {encode}",
        "phần tài khoản không phải UTF-8 sau khi giải mã các ký tự dạng %XX; {encode}",
    ),
    "user-control-character": (
        "the user part has a control character",
        "phần tài khoản có ký tự điều khiển",
    ),
    "host-port": (
        "must be host:port, without a scheme",
        "phải là tên-máy:cổng, không có phần đầu như http://",
    ),
    "port-missing": ("must be host:port; the port is missing", "phải là tên-máy:cổng; thiếu cổng"),
    # --- files and keys ---
    "larger": ("{path} is larger than {bytes} bytes", "{path} lớn hơn {bytes} byte"),
    "no-password-file": (
        "{path} is larger than {bytes} bytes: not a password file",
        "{path} lớn hơn {bytes} byte: không phải tệp mật khẩu",
    ),
    "file-not-utf-8": ("{path} is not UTF-8 text", "{path} không phải văn bản UTF-8"),
    "no-file-name": ("not a file name", "đây không phải tên tệp"),
    "not-below": (
        "{path} is not below {folder}: a pushed configuration may use password files in that folder only",
        "{path} không nằm trong {folder}: cấu hình do trung tâm gửi chỉ được dùng tệp mật khẩu trong thư mục "
        "đó",
    ),
    "operator-keys": (
        "a file with an Ed25519 public key in PEM, or a folder of them (*.pem)",
        "tệp PEM chứa khóa công khai Ed25519, hoặc thư mục chứa các tệp như vậy (*.pem)",
    ),
    "sealing-key": ("a file with an X25519 public key in PEM", "tệp PEM chứa khóa công khai X25519"),
    "make-sealing-key": (
        "make one with: openssl genpkey -algorithm x25519 -out KEY; openssl pkey -in KEY -pubout",
        "tạo khóa bằng: openssl genpkey -algorithm x25519 -out KEY; openssl pkey -in KEY -pubout",
    ),
    "key-signs": (
        "{path} has a private key, which signs commands: it has no place on a gateway",
        "{path} có khóa bí mật dùng để ký lệnh: không được để khóa này trên thiết bị",
    ),
    "no-operator-key": (
        "{path} has no Ed25519 public key; make one with: edge-agent command keygen",
        "{path} không có khóa công khai Ed25519; tạo khóa bằng: edge-agent command keygen",
    ),
    "key-opens": (
        "{path} has a private key, which decrypts sealed files: it stays at the centre; the public one comes "
        "from: openssl pkey -in KEY "
        "-pubout",
        "{path} có khóa bí mật dùng để giải mã tệp đã mã hóa: khóa này chỉ để ở trung tâm; lấy khóa công "
        "khai bằng: openssl pkey -in KEY -pubout",
    ),
    "no-pem": (
        "{path} has no key in PEM (-----BEGIN PUBLIC KEY-----); {how}",
        "{path} không có khóa dạng PEM (-----BEGIN PUBLIC KEY-----); {how}",
    ),
    "other-pem": (
        "{path} has {found} in PEM, not PUBLIC KEY; {how}",
        "{path} có {found} dạng PEM, không phải PUBLIC KEY; {how}",
    ),
    "pem-damaged": (
        "{path} is damaged: the text between its PEM lines is not base64",
        "{path} bị hỏng: phần giữa các dòng PEM không phải base64",
    ),
    "key-damaged": (
        "{path} is damaged: an X25519 key has {bytes} bytes, this one {found}",
        "{path} bị hỏng: khóa X25519 có {bytes} byte, khóa này có {found}",
    ),
    "key-cannot-seal": (
        "{path} has an Ed25519 key, which signs and cannot encrypt; {how}",
        "{path} có khóa Ed25519, chỉ để ký số, không mã hóa được; {how}",
    ),
    "key-other-kind": (
        "{path} has a public key of another kind than X25519; {how}",
        "{path} có khóa công khai không phải loại X25519; {how}",
    ),
    # --- other mistakes ---
    "write-from-to": ("write from: [x, y] and to: [x, y]", "hãy ghi from: [x, y] và to: [x, y]"),
    "write-bearing": (
        "write bearing_deg: the direction from the second mark to the third",
        "hãy ghi bearing_deg: hướng từ mốc thứ hai đến mốc thứ ba",
    ),
    "later": (
        "{found} is for a later version of edge-agent; use {what}",
        "{found} dành cho phiên bản edge-agent sau này; hãy dùng {what}",
    ),
    "no-rule-changes": (
        "this is not a file of changed rules",
        "đây không phải tệp lưu các quy tắc đã đổi bằng lệnh",
    ),
}
