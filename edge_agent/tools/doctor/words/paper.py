"""Phrases of the commissioning report: the form of a biên bản, in Vietnamese and in English."""

from __future__ import annotations

from edge_agent.core.languages import Lang
from edge_agent.tools.doctor.check import CheckLevel

PAPER: dict[Lang, dict[str, str]] = {
    "vi": {
        "state": "CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM",
        "motto": "Độc lập - Tự do - Hạnh phúc",
        "number": "Số",
        "kind": "BIÊN BẢN",
        "subject": "Nghiệm thu điểm camera {name}",
        "date": "ngày {day} tháng {month} năm {year}",
        "today": "Hôm nay, hồi {hour} giờ {minute} phút, ngày {date}, tại điểm camera {name} (mã điểm"
        " {site}), {ward}, chúng tôi gồm:",
        "clock": "giờ ghi theo thiết bị, lúc đó đồng hồ chưa được xác định là đúng",
        "parties": "I. THÀNH PHẦN",
        "owner": "Bên A (chủ đầu tư)",
        "contractor": "Bên B (đơn vị lắp đặt)",
        "ward": "Đại diện phường",
        "person": "Ông/bà",
        "position": "Chức vụ",
        "devices": "II. THIẾT BỊ",
        "no": "STT",
        "device": "Thiết bị",
        "make": "Hãng, kiểu",
        "serial": "Số sê-ri",
        "details": "Thông tin khác",
        "box": "Thiết bị {site}",
        "camera": "Camera {camera}",
        "software": "phần mềm edge-agent {version}, cấu hình {hash}",
        "firmware": "firmware {firmware}",
        "address": "địa chỉ {address}",
        "mac": "MAC {mac}",
        "place": "Tọa độ điểm camera",
        "no_place": "chưa ghi nhận",
        "results": "III. KẾT QUẢ KIỂM TRA TỪNG HẠNG MỤC",
        "check": "Hạng mục",
        "level": "Kết quả",
        "found": "Nội dung",
        "accepted": "IV. TỒN TẠI ĐƯỢC CHẤP NHẬN",
        "reason": "Lý do chấp nhận",
        "none": "Không có.",
        "conclusion": "V. KẾT LUẬN",
        "passed": "Đủ điều kiện nghiệm thu đưa vào sử dụng.",
        "accepted_end": "Đủ điều kiện nghiệm thu đưa vào sử dụng với các tồn tại nêu tại mục IV; bên "
        "B khắc phục các tồn tại này.",
        "failed": "Chưa đủ điều kiện nghiệm thu. Bên B sửa các lỗi nêu tại mục III, sau đó hai bên "
        "kiểm tra lại.",
        "pending": "Các hạng mục kiểm tra được tại điểm đều đạt, trừ các tồn tại nêu tại mục IV (nếu có). "
        "Còn chờ trung tâm xác nhận điểm và xác nhận đã nhận sự kiện của thiết bị; sau đó điểm mới đủ điều "
        "kiện nghiệm thu đưa vào sử dụng.",
        "copies": "Biên bản được lập thành 03 bản có giá trị như nhau, mỗi bên giữ 01 bản. Các bên đã"
        " đọc lại, thống nhất nội dung và cùng ký tên.",
        "sign_owner": "ĐẠI DIỆN BÊN A",
        "sign_contractor": "ĐẠI DIỆN BÊN B",
        "sign_ward": "ĐẠI DIỆN PHƯỜNG",
        "signature": "(Ký, ghi rõ họ tên)",
        "to": "Nơi nhận:",
        "to_parties": "- Như thành phần trên;",
        "to_file": "- Lưu: hồ sơ điểm camera.",
        "annex": "PHỤ LỤC: HÌNH ẢNH",
        "notice": "Biển thông báo có camera",
        "no_notice": "Chưa chụp ảnh biển thông báo có camera.",
        "no_picture": "không có hình",
        "rate": "khung hình/giây",
    },
    "en": {
        "state": "SOCIALIST REPUBLIC OF VIET NAM",
        "motto": "Independence - Freedom - Happiness",
        "number": "No.",
        "kind": "MINUTES",
        "subject": "Commissioning of camera site {name}",
        "date": "{year}-{month}-{day}",
        "today": "Today at {hour}:{minute}, {date}, at camera site {name} (site id {site}), {ward}, "
        "are present:",
        "clock": "time as the gateway shows it; its clock was not known to be right",
        "parties": "I. PARTIES",
        "owner": "Party A (owner)",
        "contractor": "Party B (contractor)",
        "ward": "For the ward",
        "person": "Name",
        "position": "Position",
        "devices": "II. DEVICES",
        "no": "No.",
        "device": "Device",
        "make": "Make, model",
        "serial": "Serial number",
        "details": "Other data",
        "box": "Gateway {site}",
        "camera": "Camera {camera}",
        "software": "software edge-agent {version}, configuration {hash}",
        "firmware": "firmware {firmware}",
        "address": "address {address}",
        "mac": "MAC {mac}",
        "place": "Coordinates of the site",
        "no_place": "not recorded",
        "results": "III. RESULT OF EACH CHECK",
        "check": "Check",
        "level": "Result",
        "found": "What was found",
        "accepted": "IV. ACCEPTED DEFECTS",
        "reason": "Reason",
        "none": "None.",
        "conclusion": "V. CONCLUSION",
        "passed": "The site may be accepted and put into use.",
        "accepted_end": "The site may be accepted and put into use with the defects of section IV, "
        "which party B corrects.",
        "failed": "The site cannot be accepted. Party B corrects the faults of section III; then both"
        " parties examine it again.",
        "pending": "Everything that can be examined at the site is in order, but for the defects of section "
        "IV, if any. The centre has still to confirm the site, and that events of the gateway arrive; only "
        "then may the site be accepted and put into use.",
        "copies": "Made in 03 copies of equal value, one for each party. The parties have read these "
        "minutes, agree and sign.",
        "sign_owner": "FOR PARTY A",
        "sign_contractor": "FOR PARTY B",
        "sign_ward": "FOR THE WARD",
        "signature": "(signature, full name)",
        "to": "To:",
        "to_parties": "- the parties above;",
        "to_file": "- file of the site.",
        "annex": "ANNEX: PICTURES",
        "notice": "Notice sign",
        "no_notice": "No photo of the notice sign.",
        "no_picture": "no picture",
        "rate": "pictures/s",
    },
}

RESULTS: dict[Lang, dict[CheckLevel, str]] = {
    "vi": {
        CheckLevel.GREEN: "Đạt",
        CheckLevel.YELLOW: "Lưu ý",
        CheckLevel.RED: "Không đạt",
        CheckLevel.SKIPPED: "Không áp dụng",
    },
    "en": {
        CheckLevel.GREEN: "passed",
        CheckLevel.YELLOW: "note",
        CheckLevel.RED: "failed",
        CheckLevel.SKIPPED: "not applicable",
    },
}
ACCEPTED_RESULT: dict[Lang, str] = {"vi": "Chấp nhận", "en": "accepted"}
