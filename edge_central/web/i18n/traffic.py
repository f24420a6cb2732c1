"""Texts about counts of traffic."""

from __future__ import annotations

WORDS: dict[str, tuple[str, str]] = {
    "traffic": ("Lưu lượng", "Traffic"),
    "traffic-title": ("Lưu lượng giao thông", "Traffic counts"),
    "traffic-lead": (
        "Số người và xe do camera đếm được, theo từng khoảng 15 phút. Mỗi người, mỗi xe được đếm một lần ở "
        "mỗi camera; ở mỗi vạch ảo, hai chiều được đếm riêng.",
        "People and vehicles that cameras have counted, by quarter of an hour. Each counts once per camera; "
        "lines count in each direction.",
    ),
    "traffic-whole": ("Toàn cảnh", "Whole picture"),
    "traffic-line": ("Vạch ảo {line} (quy tắc {rule})", "Line {line} (rule {rule})"),
    "traffic-place": ("Nơi đếm", "Counted at"),
    "traffic-count": ("Số đếm được", "Counted"),
    "traffic-before": ("Tuần trước", "Week before"),
    "traffic-this": ("Kỳ đang xem", "This time"),
    "traffic-change": ("So với tuần trước", "Compared with the week before"),
    "traffic-change-none": (
        "chưa so được vì không có khoảng thời gian nào đủ số liệu ở cả hai tuần",
        "cannot be compared: no time is complete in both weeks",
    ),
    "traffic-change-of": (
        "{percent}%, chỉ tính những khoảng thời gian đủ số liệu ở cả hai tuần",
        "{percent}%, of the times that are complete in both weeks",
    ),
    "traffic-measured": ("Thời gian có hình", "Time with a picture"),
    "traffic-step": ("Chia theo", "Periods"),
    "traffic-step-15min": ("15 phút", "15 minutes"),
    "traffic-step-hour": ("giờ", "hours"),
    "traffic-step-day": ("ngày", "days"),
    "traffic-from-day": ("Từ ngày", "From"),
    "traffic-to-day": ("Đến hết ngày", "To, included"),
    "traffic-time": ("Thời gian", "Time"),
    "traffic-gap": ("thiếu số liệu", "no data"),
    "traffic-partial": (
        "thiếu một phần số liệu: có hình {minutes} trên {of} phút",
        "part missing: {minutes} of {of} min",
    ),
    "traffic-gap-means": (
        "“Thiếu số liệu” nghĩa là camera không có hình, thiết bị tắt hoặc chưa nhận được báo cáo. Số 0 nghĩa "
        "là có hình nhưng không đếm được gì. Dấu * nghĩa là thiếu một phần số liệu, số thực tế có thể lớn "
        "hơn.",
        "“No data”: the camera had no picture, the gateway was off, or its report has not arrived. 0 means "
        "that there was a picture and nothing was counted. * marks a time with a part missing: the true "
        "number may be higher.",
    ),
    "traffic-undated": (
        "Có {count} lượt (tuần trước: {before}) không rõ giờ vì một trong các lý do: camera hoặc thiết bị "
        "vừa hoạt động trở lại; thiếu báo cáo; đồng hồ chưa đồng bộ; báo cáo được lập sau ngày đếm. Các lượt "
        "này được tính trong tổng số và bảng theo loại, không được tính trong biểu đồ, bảng theo thời gian, "
        "tệp CSV và XLSX.",
        "{count} of them (week before: {before}) have no known time: the gateway or the camera had just "
        "started, a report is missing, the clock was not set, or the report was made after its day. The "
        "totals and the classes include them; the chart, the table by time, CSV and XLSX do not.",
    ),
    "traffic-turns-undated": (
        "{count} lượt không rõ giờ không được tính trong các bảng này.",
        "{count} passages without a known time are not in these tables.",
    ),
    "traffic-with-undated": (
        "Bảng trên tính cả những lượt không rõ giờ; trang của mỗi nơi đếm ghi rõ có bao nhiêu lượt như vậy.",
        "Counts include what has no known time; the page of a place says how much.",
    ),
    "traffic-shortened": (
        "Danh sách tất cả các nơi đếm chỉ tính {days} ngày cuối của khoảng thời gian đã chọn. Để xem nhiều "
        "ngày hơn, hãy mở một nơi đếm.",
        "The list of all places has only the last {days} days of the chosen time. For a longer time open "
        "one place.",
    ),
    "traffic-today": ("Ngày hôm nay chưa kết thúc nên số liệu chưa đầy đủ.", "Today is not over yet."),
    "traffic-none": ("Chưa có số liệu trong thời gian này.", "Nothing has been counted in this time."),
    "traffic-more": (
        "và {count} nơi đếm nữa; hãy chọn một phường để xem đủ",
        "and {count} more: choose a ward",
    ),
    "traffic-all": ("Tất cả các nơi đếm", "All places"),
    "traffic-by-class": ("Theo loại và chiều", "By class and direction"),
    "traffic-class": ("Loại", "Class"),
    "traffic-direction-a-to-b": ("Từ A sang B", "From A to B"),
    "traffic-direction-b-to-a": ("Từ B sang A", "From B to A"),
    "traffic-direction-": ("Số đếm được", "Counted"),
    "traffic-direction-means": (
        "Nhìn từ đầu thứ nhất đến đầu thứ hai của vạch ảo, phía A ở bên trái.",
        "Looking from the line's first point to the second, side A is on the left.",
    ),
    "traffic-by-time": ("Theo thời gian", "By time"),
    "traffic-chart-says": (
        "Biểu đồ. Số lượt trong kỳ đang xem: {total}; tuần trước: {before}. Bảng bên dưới có cùng số liệu.",
        "Chart: {total} counted, {before} the week before. The table below has the same figures.",
    ),
    "traffic-congestion": ("Mức ùn tắc", "Congestion"),
    "traffic-congestion-minutes": ("(số phút)", "(minutes)"),
    "traffic-level-free": ("thông thoáng", "free"),
    "traffic-level-busy": ("đông", "busy"),
    "traffic-level-slow": ("chậm", "slow"),
    "traffic-level-standing": ("đứng yên", "standing"),
    "traffic-level-unknown": ("không rõ", "not known"),
    "traffic-speed-percent": ("tốc độ {percent}%", "speed {percent}%"),
    "traffic-levels-mean": (
        "Mức ùn tắc được tính bằng cách so tốc độ các xe đang chạy với tốc độ khi đường thông thoáng ở chính "
        "camera này: trên 67% là thông thoáng, trên 40% đến 67% là đông, từ 40% trở xuống là chậm. Nếu cứ 10 "
        "xe có 9 xe không chạy thì mức là đứng yên. Không tính xe đỗ. Các ngưỡng lấy theo sổ tay Highway "
        "Capacity Manual 2010 của Mỹ, chưa được hiệu chỉnh theo đường của địa phương.",
        "Congestion compares the speed of the vehicles that move with the free-flow speed at this camera: "
        "above 67% is free, above 40% busy, below slow; standing means that nine of ten do not move. Parked "
        "vehicles do not count. The thresholds are those of the Highway "
        "Capacity Manual 2010 (USA), not calibrated for the roads here.",
    ),
    "traffic-free-flow-m": (
        "Tốc độ khi thông thoáng: khoảng {speed} m/s, tính từ số liệu của {quarters} khoảng "
        "thời gian 15 phút trong hai tuần.",
        "Free-flow speed: about {speed} m/s, from {quarters} quarters of an hour of two weeks.",
    ),
    "traffic-free-flow-lengths": (
        "Tốc độ khi thông thoáng: mỗi giây đi được {speed} lần chiều dài xe, tính từ số liệu của {quarters} "
        "khoảng thời gian 15 phút trong hai tuần.",
        "Free-flow speed: {speed} vehicle lengths a second, from {quarters} quarters of an hour of two "
        "weeks.",
    ),
    "traffic-no-free-flow": (
        "Chưa rõ mức ùn tắc: cần có số liệu của ít nhất 24 giờ có xe chạy trong hai tuần, và thiết bị phải "
        "dùng phiên bản phần mềm mới.",
        "Congestion is not known: it needs at least 24 hours with moving vehicles within two weeks, and a "
        "gateway of this version.",
    ),
    "traffic-turns": ("Hướng đi", "Turning movements"),
    "traffic-turns-lead": (
        "Hướng đi của mỗi người, mỗi xe là từ vạch ảo đầu tiên đến vạch ảo cuối cùng đã đi qua; chỉ tính khi "
        "người, xe đó đã ra khỏi hình hoặc đã quá 5 phút kể từ lần đi qua vạch ảo cuối. Nếu vạch ảo đầu tiên "
        "cũng là vạch ảo cuối cùng nhưng lần sau đi qua theo chiều ngược lại thì tính là quay đầu.",
        "Each object counts from the first line that it crossed to the last one, once it is out of sight or "
        "five minutes after its last crossing. The same line in the other direction: it came back.",
    ),
    "traffic-turns-matrix": ("Từ vạch ảo nào đến vạch ảo nào", "From which line to which"),
    "traffic-turns-classes": ("Từng hướng đi theo loại", "Each movement by class"),
    "traffic-turns-from": ("Từ vạch ảo", "From line"),
    "traffic-turns-to": ("Đến vạch ảo", "To line"),
    "traffic-turns-zero": (
        "Không có người hay xe nào đi qua hai vạch ảo trong thời gian này.",
        "No object crossed two lines in this time.",
    ),
    "traffic-turns-gap": (
        "Thiếu số liệu về các hướng đi kết thúc ở vạch ảo {line}.",
        "No data of the movements that end with line {line}.",
    ),
    "traffic-turns-only": (
        "Số lượt chỉ đi qua một vạch ảo: {count} ({percent}% tổng số). Những lượt này bắt đầu hoặc kết thúc "
        "ở giữa các vạch ảo, hoặc bị che khuất nên thiết bị mất dấu. Các bảng trên không tính những lượt "
        "này, vì vậy số của mỗi hướng đi có thể thấp hơn thực tế.",
        "{count} more ({percent}% of all) crossed one line only: they began or ended between the lines, or "
        "were lost from sight behind others. They are not in the tables above, so each movement may be too "
        "low.",
    ),
    "traffic-turns-others": (
        "{count} lượt thuộc các hướng đi khác mà thiết bị không tách riêng.",
        "{count} are of further movements, which the gateway did not tell apart.",
    ),
    "traffic-turns-of-camera": ("Hướng đi của camera này", "Turning movements of this camera"),
    "traffic-turns-too-long": (
        "Khoảng thời gian quá dài nên không tính được hướng đi: hãy chọn ít ngày hơn.",
        "The time is too long for turning movements: choose fewer days.",
    ),
    "traffic-turns-none": (
        "Không có số liệu về hướng đi: camera này phải có ít nhất hai vạch ảo đếm lưu lượng, và thiết bị "
        "phải dùng phiên bản phần mềm mới.",
        "No turning movements: they need at least two counted lines of this camera, and a gateway of this "
        "version.",
    ),
    "traffic-column-time": ("Thời gian", "Time"),
    "traffic-column-ward": ("Phường", "Ward"),
    "traffic-column-site-id": ("Mã điểm", "Site id"),
    "traffic-column-site": ("Điểm", "Site"),
    "traffic-column-camera-id": ("Mã camera", "Camera id"),
    "traffic-column-camera": ("Camera", "Camera"),
    "traffic-column-rule": ("Quy tắc", "Rule"),
    "traffic-column-line": ("Vạch ảo", "Line"),
    "traffic-column-direction": ("Chiều", "Direction"),
    "traffic-column-class": ("Loại", "Class"),
    "traffic-column-count": ("Số đếm được", "Counted"),
    "traffic-column-measured": ("Có số liệu (phút)", "Measured (minutes)"),
    "traffic-column-of": ("Tổng thời gian (phút)", "Of (minutes)"),
    "traffic-column-before": ("Tuần trước", "Week before"),
    "traffic-files": ("Tải về", "Download"),
    "traffic-file-hour": ("theo giờ", "by hour"),
    "traffic-file-day": ("theo ngày", "by day"),
    "traffic-files-none": (
        "quá nhiều số liệu cho một tệp; hãy chọn một phường hoặc ít ngày hơn",
        "too much for one file; choose a ward or fewer days",
    ),
    "label-other": ("loại khác", "other"),
}
