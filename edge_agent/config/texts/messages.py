"""Messages of ``edge-agent check`` about a configuration: English, Vietnamese.

The mistakes that technicians make most are here; a text that is not here is English in both languages. In
Vietnamese a section is ``phần`` and a key ``mục``.
"""

from __future__ import annotations

from edge_agent.config.texts.warning_texts import WARNINGS
from edge_agent.core.languages import Bilingual, Sentences, both

CHECK: Sentences = {
    # --- around the list ---
    "valid": (
        "valid: gateway {gateway}, {ward}, {cameras}, profile {profile}, config {hash}",
        "hợp lệ: thiết bị {gateway}, {ward}, {cameras}, hồ sơ bo mạch {profile}, cấu hình {hash}",
    ),
    "cameras": ("{count} cameras", "{count} camera"),
    "camera-one": ("{count} camera", "{count} camera"),
    "warning": ("warning: {text}", "lưu ý: {text}"),
    "about": ("{key}: {text}", "{key}: {text}"),
    # --- the file as a whole ---
    "file-unreadable": ("cannot read this file: {reason}", "không đọc được tệp này: {reason}"),
    "file-must-be": ("the file must be {shape}", "nội dung tệp phải là {shape}"),
    "file-too-large": (
        "the file is larger than {kib} KiB: not a configuration",
        "tệp lớn hơn {kib} KiB: không phải cấu hình",
    ),
    "control-character": (
        "a control character ({character}) that YAML forbids",
        "có ký tự điều khiển ({character}) mà YAML không cho phép",
    ),
    "second-document": (
        "a second document (---); one file holds one configuration",
        "có tài liệu YAML thứ hai (sau dấu ---); mỗi tệp chỉ được chứa một cấu hình",
    ),
    "too-deep": ("nested deeper than {levels} levels", "các mục lồng nhau quá {levels} cấp"),
    "too-many-values": (
        "more than {count:,} values with all aliases written out",
        "có hơn {count} giá trị sau khi thay mọi bí danh YAML bằng nội dung của bí danh",
    ),
    "merge-mappings": (
        "<< takes a mapping, or a list of mappings",
        "sau << phải là một nhóm mục, hoặc danh sách nhóm mục",
    ),
    "no-drop-ins": (
        "there is no such directory of drop-ins",
        "không có thư mục tệp bổ sung này",
    ),
    "drop-ins-unreadable": (
        "cannot read the drop-ins: {reason}",
        "không đọc được các tệp bổ sung: {reason}",
    ),
    "draft-form": (
        "a drafted rule is one rule with id and kind, or zones, lines and rules with one rule in it",
        "bản nháp phải là một quy tắc có id và kind, hoặc gồm zones, lines và rules (rules chỉ có một quy "
        "tắc)",
    ),
    "profile-mapping": ("a profile is a mapping", "hồ sơ bo mạch phải là một nhóm mục"),
    # --- single keys ---
    "above-hysteresis": (
        "must be at least hysteresis_c above {lower}",
        "phải cao hơn {lower} ít nhất một khoảng bằng hysteresis_c",
    ),
    "not-above-longest": (
        "must not be more than longest_s",
        "không được lớn hơn longest_s",
    ),
    "hog-gone": (
        "hog is no longer there; runs as auto, the model that ships",
        "không còn hỗ trợ hog; phần mềm chạy như khi đặt auto, tức là dùng mô hình có sẵn",
    ),
    "rules-over": (
        "these rules and masks were changed by commands and replace those of this file: {rules}",
        "các quy tắc và phần hình bị che sau đây đã được đổi bằng lệnh và có hiệu lực thay cho "
        "nội dung tương ứng trong tệp này: {rules}",
    ),
    "rules-unfit": (
        "these rules were changed by commands, do not fit this file, and are not in force: {rules}: {why}",
        "các quy tắc sau đây đã được đổi bằng lệnh nhưng không có hiệu lực vì không khớp với tệp này: "
        "{rules}; lý do: {why}",
    ),
    "pushed-over": (
        "version {pushed}, which the centre pushed, is in force on this gateway, "
        "not this file, which has version {own}",
        "thiết bị này đang dùng cấu hình phiên bản {pushed} do trung tâm gửi, không dùng tệp này (phiên bản "
        "{own})",
    ),
    # --- keys ---
    "unknown-instead": (
        "unknown key '{key}' in {section}; {instead}",
        "phần {section} không có mục '{key}'; {instead}",
    ),
    "unknown-near": ("unknown key {key} in {section}{near}", "phần {section} không có mục {key}{near}"),
    "unknown": (
        "unknown key in {section}; known here: {known}{comma}",
        "phần {section} có mục không hợp lệ; các mục hợp lệ: {known}{comma}",
    ),
    "comma": (
        "; a value with a comma in it needs quotes inside {{ }}",
        "; giá trị có dấu phẩy nằm trong {{ }} phải đặt trong dấu nháy",
    ),
    "missing": ("{section} has no '{key}': {doc} ({kind})", "phần {section} thiếu mục '{key}' ({kind})"),
    "together": ("{key} needs {missing} beside it", "đã có {key} thì phải có {missing}"),
    "key-twice": (
        "this key appears here twice, first in line {line}; only one can count",
        "mục này xuất hiện hai lần, lần đầu ở dòng {line}; chỉ được ghi một lần",
    ),
    "id-twice": (
        "{thing} id {id} appears in {where} twice, first in line {line}",
        "mã {thing} {id} xuất hiện hai lần trong {where}, lần đầu ở dòng {line}",
    ),
    "rule": ("rule", "quy tắc"),
    "this-file": ("this file", "tệp này"),
    "this-camera": ("this camera", "phần của camera này"),
    # --- values ---
    "must-be": ("must be {kind}", "phải là {kind}"),
    "must-be-not": ("must be {kind}, not {found}", "phải là {kind}, không phải {found}"),
    "no-value": ("has no value; must be {kind}", "chưa có giá trị; phải là {kind}"),
    "mean": (" (did you mean '{name}'?)", " (có phải là '{name}' không?)"),
    "labels-of-group": (": write {labels}", ": hãy ghi {labels}"),
    "with-hint": ("{text}{hint}", "{text}{hint}"),
    "brackets": ("{text}; write [ … ] around it", "{text}; hãy đặt trong [ … ]"),
    "limit": ("{text}: {limit}, not {count}", "{text}: {limit}, hiện có {count}"),
    "at-least": ("at least {count}", "ít nhất {count}"),
    "at-most": ("at most {count}", "nhiều nhất {count}"),
    "in-list-twice": ("appears in this list twice", "giá trị này xuất hiện hai lần trong danh sách"),
    "id-rule": (
        "an id is 1 to 63 of a-z, 0-9 and -: no capitals, accents or blanks",
        "mã gồm 1 đến 63 ký tự a-z, 0-9 và -: không viết hoa, không dấu, không khoảng trắng",
    ),
    "read-as": (
        "must be {what}, but YAML reads {word} as {other}: put it in quotes, '{word}'",
        "phải là {what}, nhưng YAML hiểu {word} là {other}; hãy đặt trong dấu nháy: '{word}'",
    ),
    "quoted-number": (
        "must be {what}, not text; remove the quotes",
        "phải là {what}, không phải chữ; hãy bỏ dấu nháy",
    ),
    "base-60": (
        "must be {what}; YAML reads {found} in base 60",
        "phải là {what}; YAML đọc {found} theo hệ 60",
    ),
    "octal": (
        "must be {what}; YAML reads {found} as octal: remove the leading zero",
        "phải là {what}; YAML đọc {found} theo hệ 8: hãy bỏ số 0 ở đầu",
    ),
    "too-long": (
        "must be {what} of at most {most} characters, not {count}",
        "phải là {what} dài nhiều nhất {most} ký tự, hiện có {count}",
    ),
    "spelt": (
        "must be {what}: {rule}, not {found}{near}",
        "phải là {what} ({rule}), không phải {found}{near}",
    ),
    "one-line": ("one line without control characters", "một dòng, không có ký tự điều khiển"),
    "reserved": (
        "{found} is reserved for the agent itself; choose another",
        "{found} dành riêng cho phần mềm; hãy chọn mã khác",
    ),
    # --- kinds of values ---
    "list": ("a list", "danh sách"),
    "mapping": ("a mapping", "nhóm mục"),
    "single": ("a single value", "một giá trị đơn"),
    "mapping-like": ("a mapping {example}", "nhóm mục {example}"),
    "mapping-of": ("a mapping ({keys})", "nhóm mục gồm {keys}"),
    "mapping-with": ("a mapping with {key}: {words}", "nhóm mục có {key}: {words}"),
    "list-of": ("a list of {things}", "danh sách {things}"),
    "flag": ("true or false", "true hoặc false"),
    "number": ("a number from {low} to {high}{unit}", "số từ {low} đến {high}{unit}"),
    "whole": ("a whole number from {low} to {high}{unit}", "số nguyên từ {low} đến {high}{unit}"),
    "unit": (" {unit}", " {unit}"),
    "or-zero": ("0 or {number}", "0 hoặc {number}"),
    "size": ("a size from {low} to {high}, such as 256MB", "dung lượng từ {low} đến {high}, ví dụ 256MB"),
    "either": ("{most} or {last}", "{most} hoặc {last}"),
    "map-of": ("a mapping of {things} by id", "nhóm {things}, mỗi {things} một mã"),
    "map-example": (
        "{text}; write {{some-id: …}}, each {kind}",
        "{text}; hãy viết {{mã: …}}, giá trị của mỗi mã là {kind}",
    ),
    "at-most-things": (
        "at most {most} {things}, not {count}",
        "nhiều nhất {most} {things}, hiện có {count}",
    ),
    "camera-url": (
        "rtsp(s)://, http(s)://, a file path or v4l2:/dev/videoN",
        "rtsp(s)://, http(s)://, đường dẫn tệp hoặc v4l2:/dev/videoN",
    ),
    "broker-address": (
        "mqtts://host:port, or mqtt://host:port in a lab",
        "mqtts://tên-máy:cổng, hoặc mqtt://tên-máy:cổng khi thử nghiệm",
    ),
    "time-of-day": ('a time of day from "00:00" to "{end}"', 'giờ trong ngày từ "00:00" đến "{end}"'),
    "day": (
        "mon, tue, wed, thu, fri, sat, sun or a span such as mon-fri",
        "mon, tue, wed, thu, fri, sat, sun hoặc một khoảng như mon-fri",
    ),
    "point": (
        "two numbers [x, y] in 0..1 of the picture, origin top left",
        "hai số [x, y] trong khoảng 0..1, gốc ở góc trên bên trái của hình",
    ),
    "polygon": (
        "a polygon [[x, y], [x, y], [x, y], …] in 0..1",
        "đa giác [[x, y], [x, y], [x, y], …] trong khoảng 0..1",
    ),
    "model": ("auto, none or the path of a .tflite file", "auto, none hoặc đường dẫn của tệp .tflite"),
    "password-file": ("a file that holds a password", "tệp chứa mật khẩu"),
    "zone": ("a time zone such as Asia/Ho_Chi_Minh", "múi giờ, ví dụ Asia/Ho_Chi_Minh"),
    "this-url": ("this URL", "URL này"),
    "this-text": ("this text", "nội dung này"),
    "as-true": ("true or false", "giá trị true hoặc false"),
    "as-nothing": ("no value", "không có giá trị"),
    "as-base-60": ("a number in base 60", "số theo hệ 60"),
    "as-number": ("a number", "số"),
    "as-date": ("a date", "ngày tháng"),
    # --- files ---
    "file-unread": ("cannot read {path}: {reason}", "không đọc được {path}: {reason}"),
    "this-unread": ("cannot read this file: {reason}", "không đọc được tệp này: {reason}"),
    "not-regular": ("{path} is not a regular file", "{path} không phải là tệp thường"),
    "empty-password": (
        "{path} is empty; write the password into it",
        "{path} rỗng; hãy ghi mật khẩu vào tệp",
    ),
    "two-lines": (
        "{path} holds more than one line; a password file is one line",
        "{path} có nhiều hơn một dòng; tệp mật khẩu chỉ được có một dòng",
    ),
    "exposed": (
        "every user of this gateway can read {path}; chmod o-r it",
        "mọi tài khoản trên thiết bị đều đọc được {path}; chạy chmod o-r cho tệp này",
    ),
    "tab": (
        "a tab; YAML indents with spaces only",
        "có ký tự Tab; YAML chỉ cho phép thụt dòng bằng dấu cách",
    ),
    "not-utf-8": ("not UTF-8 text; save the file as UTF-8", "tệp không phải UTF-8; hãy lưu lại bằng UTF-8"),
    "not-yaml": ("not readable as YAML", "không đọc được theo cú pháp YAML"),
    "yaml": ("YAML syntax error: {problem}{context}", "lỗi cú pháp YAML: {problem}{context}"),
    "no-yaml-tag": (
        "a YAML tag (!...); tags are not used here, put text with ! in quotes",
        "có nhãn YAML (!...); ở đây không dùng nhãn, chữ có dấu ! phải đặt trong dấu nháy",
    ),
    "no-such-model": (
        "there is no file {path}; without it nothing is detected",
        "không có tệp {path}; thiếu tệp này thì không nhận dạng được",
    ),
    "whole-file": (
        "the file is {found}; it must be a mapping that starts with gateway:",
        "nội dung tệp là {found}; phải là nhóm mục bắt đầu bằng gateway:",
    ),
    "file-empty": (
        "the file is empty; it must be a mapping that starts with gateway:",
        "tệp rỗng; nội dung tệp phải là nhóm mục bắt đầu bằng gateway:",
    ),
    # --- zones, lines, and rules that refer to them ---
    "points-in-brackets": (
        "a polygon is a list of points [x, y], not of numbers; write [ … ] around all its points",
        "đa giác là danh sách đỉnh [x, y], không phải danh sách số; hãy đặt tất cả các đỉnh trong "
        "một cặp [ … ]",
    ),
    "few-points": (
        "a polygon has 3 to {most} points, this one has {count}",
        "đa giác phải có từ 3 đến {most} đỉnh, hiện có {count}",
    ),
    "too-near": (
        "from and to must be at least {least} of the picture apart, or it has no direction",
        "from và to phải cách nhau ít nhất {least} theo tọa độ của hình; gần hơn thì không xác định được "
        "hướng",
    ),
    "zone-none": (
        "zone: this camera has no zones; define {name} under zones",
        "zone: camera này chưa có vùng; khai báo {name} trong mục zones",
    ),
    "line-none": (
        "line: this camera has no lines; define {name} under lines",
        "line: camera này chưa có vạch ảo; khai báo {name} trong mục lines",
    ),
    "zone-unknown": (
        "zone: this camera has no zone {name}{near}",
        "zone: camera này không có vùng {name}{near}",
    ),
    "line-unknown": (
        "line: this camera has no line {name}{near}",
        "line: camera này không có vạch ảo {name}{near}",
    ),
    "zone-those": ("; its zones: {known}", "; các vùng đã có: {known}"),
    "line-those": ("; its lines: {known}", "; các vạch ảo đã có: {known}"),
    "zone-unused": (
        "no rule refers to the zone {name}; it does nothing",
        "không có quy tắc nào dùng vùng {name}; vùng này không có tác dụng",
    ),
    "line-unused": (
        "no rule refers to the line {name}; it does nothing",
        "không có quy tắc nào dùng vạch ảo {name}; vạch ảo này không có tác dụng",
    ),
    "belongs-to": ("{key} belongs to {homes}", "{key} là mục của {homes}"),
    "of-a-camera": (
        "it belongs to a camera: write it there, below its id",
        "đây là mục của camera: hãy ghi vào phần của camera đó, dưới mã của camera",
    ),
    "password-apart": (
        "a password must not be in this file: write it to a file of its own and name that in password_file",
        "không được ghi mật khẩu trong tệp này: hãy ghi vào tệp riêng và nêu tên tệp ở password_file",
    ),
    # --- addresses ---
    "url-or-file": (
        "must be a URL, or a file path that starts with / or ./; a scheme such as rtsp:// is missing",
        "phải là URL, hoặc đường dẫn tệp bắt đầu bằng / hoặc ./; thiếu phần đầu, ví dụ rtsp://",
    ),
    "after-the-at": ("after the @, write host:port", "sau @ phải là tên-máy:cổng"),
    "encode": (
        "percent-encode it there (@ is %40, : is %3A, / is %2F, # is %23, ? is %3F, % is %25), "
        "or use username and password_file",
        "hãy viết ký tự đặc biệt theo mã phần trăm (@ là %40, : là %3A, / là %2F, # là %23, ? là %3F, % là "
        "%25), hoặc dùng username và password_file",
    ),
    "if-login": (
        "if what stands there is a user name and password, {encode}",
        "nếu phần đó là tên đăng nhập và mật khẩu thì {encode}",
    ),
    "broker-scheme": (
        "must be {what}; the scheme {schemes} is missing",
        "phải là {what}; thiếu phần đầu {schemes}",
    ),
    "broker-no-user": (
        "a broker address has no user part; use username and password_file beside it",
        "địa chỉ máy chủ nhận tin không được có phần tên đăng nhập; hãy dùng username và password_file",
    ),
    "broker-no-path": (
        "a broker address ends after the port; the topic root is mqtt.root",
        "địa chỉ máy chủ nhận tin chỉ gồm tên máy và cổng; gốc của chủ đề ghi ở mqtt.root",
    ),
    "two-slashes": (
        "must be {what}; after {scheme}: come two slashes",
        "phải là {what}; sau {scheme}: phải có hai dấu gạch chéo",
    ),
    "scheme-missing": (
        "must be {what}; a scheme such as {scheme}:// is missing",
        "phải là {what}; thiếu phần đầu, ví dụ {scheme}://",
    ),
    "scheme-unknown": (
        "unknown scheme '{scheme}', must be {what}{near}",
        "không hỗ trợ '{scheme}', phải là {what}{near}",
    ),
    "no-host": ("this URL has no host", "URL này thiếu tên máy hoặc địa chỉ IP"),
    "bad-host": (
        "this URL has no valid host and port; {advice}",
        "tên máy hoặc cổng trong URL này không hợp lệ; {advice}",
    ),
    "bad-port": (
        "the port of this URL is outside 1 to 65535",
        "cổng trong URL này không nằm trong khoảng 1 đến 65535",
    ),
    "space-in-url": (
        "there is a space or control character in this URL; write a space as %20",
        "URL này có dấu cách hoặc ký tự điều khiển; viết dấu cách là %20",
    ),
    "road-point": ("two numbers [x, y] in metres", "hai số [x, y] tính bằng mét"),
    "ground-lengths": (
        "write either rectangle_m, for the corners of a rectangle, or metres, for four other marks",
        "hãy ghi rectangle_m nếu bốn mốc là bốn góc của hình chữ nhật, còn không thì ghi metres",
    ),
    "no-such-clip": (
        "there is no such file; the camera stays offline until there is one",
        "không có tệp này; camera mất hình cho đến khi có tệp",
    ),
    "main-stream": (
        "this looks like the camera's main stream; {hint}",
        "đây có vẻ là luồng chính của camera; {hint}",
    ),
    "password-in-url": (
        "a password stands in the path or query of this URL; everyone who sees the file has it",
        "URL này có mật khẩu trong đường dẫn; ai xem được tệp đều biết mật khẩu",
    ),
}


def message(key: str, /, **figures: object) -> Bilingual:
    return both(CHECK if key in CHECK else WARNINGS, key, **figures)
