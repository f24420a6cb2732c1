"""Texts about searches of passages: the question, the answers of the gateways, the pictures.

Colours are hints: no text says that an object *is* red, or that two passages show the same object.
"""

from __future__ import annotations

from edge_agent.core.problems.words import COLOURS, LABELS, PARTS

WORDS: dict[str, tuple[str, str]] = {
    # --- all pages
    "passages": ("Lượt đi qua", "Passages"),
    "searches": ("Tìm lượt đi qua", "Searches of passages"),
    "searches-what": (
        "Mỗi khi có người, xe hai bánh hoặc ô tô đi qua trước camera, thiết bị lưu lại một lượt đi qua. Yêu "
        "cầu tìm được gửi đến từng thiết bị; kết quả chỉ là gợi ý, cần được kiểm tra lại.",
        "Each gateway keeps a row for each person, two-wheeler and vehicle that its cameras saw. A search "
        "asks the gateways; what they find are hints that a person has to check.",
    ),
    "search-new": ("Tìm mới", "New search"),
    "searches-none": ("Chưa có yêu cầu tìm nào.", "There is no search yet."),
    "searches-off": (
        "Trung tâm chưa có khóa tìm kiếm nên không gửi được yêu cầu tìm đến các thiết bị. Quản trị viên cần "
        "khai báo phần search trong cấu hình của trung tâm và đặt khóa công khai tương ứng trên các thiết "
        "bị.",
        "This centre has no search key, so it can ask no gateway. An administrator has to configure its "
        "section search, and the public key at the gateways.",
    ),
    "search-case": ("Số vụ việc", "Case number"),
    "search-purpose": ("Mục đích", "Purpose"),
    "search-asked": ("Gửi lúc", "Asked at"),
    "search-by": ("Người tìm", "Asked by"),
    "search-found-count": ("Tìm thấy", "Found"),
    "search-answers": ("Thiết bị trả lời", "Answers"),
    "search-answers-of": ("{count}/{of}", "{count} of {of}"),
    "passages-here": ("Tìm lượt đi qua tại điểm này", "Search passages here"),
    "passages-then": ("Lượt đi qua quanh thời điểm xảy ra sự kiện", "Passages around this time"),
    "access-gateways": ("{count} thiết bị", "{count} gateways"),
    # --- the form
    "search-form-error": (
        "Chưa gửi yêu cầu. Hãy sửa các mục sau:",
        "The search was not started. Please correct:",
    ),
    "search-recorded": (
        "Tên của bạn, mục đích và số vụ việc được lưu tại trung tâm và tại mỗi thiết bị trước khi thiết "
        "bị trả lời. Mỗi lần bạn mở ảnh cũng được ghi lại.",
        "Your name, the purpose and the case number are recorded here and at each gateway before it "
        "answers. So is each picture that you open.",
    ),
    "search-required": ("bắt buộc", "required"),
    "search-purpose-hint": (
        "Ví dụ: xác minh tin báo mất xe máy. Ít nhất 3 ký tự.",
        "For example: theft of a motorcycle. At least 3 characters.",
    ),
    "search-why": ("Lý do", "Reason"),
    "search-when": ("Thời gian", "Time"),
    "search-where": ("Nơi tìm", "Place"),
    "search-where-hint": (
        "Không chọn gì thì tìm ở tất cả các phường bạn được xem. Chọn càng hẹp thì càng ít kết quả phải xem.",
        "Nothing chosen: all wards that you may see. The narrower, the less there is to look through.",
    ),
    "search-near": ("Quanh điểm", "Around the site"),
    "search-near-none": ("(không chọn)", "(none)"),
    "search-radius": ("Bán kính (mét)", "Radius (metres)"),
    "search-map-says": (
        "Bản đồ {count} điểm. Bấm vào một điểm, hoặc chọn điểm trong danh sách “Quanh điểm”, để lấy điểm đó "
        "làm tâm của vòng tròn.",
        "Map of {count} sites. A click chooses the centre of the circle; the list Around the site does "
        "the same.",
    ),
    "search-some-sites": ("Chỉ một số điểm hoặc camera", "Only some sites or cameras"),
    "search-sites-of": ("{ward}: {count} điểm", "{ward}: {count} sites"),
    "search-what": ("Người, phương tiện", "Who or what"),
    "search-group": ("Loại", "Kind"),
    "search-any": ("Tất cả", "Any"),
    "search-colour": ("Màu", "Colour"),
    "search-colour-any": ("Màu bất kỳ", "Any colour"),
    "search-part": ("Ở phần", "On"),
    "search-part-any": ("phần bất kỳ", "any part"),
    "search-colour-hint": (
        "Màu chỉ là gợi ý: cứ năm lần nêu màu thì khoảng một lần sai, và hình hồng ngoại không có màu. Nên "
        "tìm thêm một lần không chọn màu.",
        "A colour is a hint: about one named colour in five is wrong, and infrared pictures have none. "
        "Search without a colour too.",
    ),
    "search-direction": ("Hướng đi trong hình", "Direction in the picture"),
    "search-direction-hint": (
        "Hướng theo hình của từng camera, không theo la bàn.",
        "As each camera's picture shows it, not by compass.",
    ),
    "search-more": ("Kích thước, tốc độ, thời gian đứng yên", "Size, speed, standing still"),
    "search-height": ("Chiều cao (% của hình)", "Height (% of the picture)"),
    "search-speed": (
        "Tốc độ (mỗi giây đi được mấy lần chiều dài của phương tiện hoặc chiều cao của người)",
        "Speed (lengths of the object a second; heights, for a person)",
    ),
    "search-speed-km-h": ("Tốc độ ước lượng (km/h)", "Estimated speed (km/h)"),
    "search-speed-hint": (
        "Tốc độ theo km/h chỉ có ở camera đã đo mặt đường và không dùng để xử phạt.",
        "km/h only at cameras with a measured ground plane; never for enforcement.",
    ),
    "search-least": ("từ", "at least"),
    "search-most": ("đến", "at most"),
    "search-still": ("Đứng yên ít nhất (giây)", "Stood still for at least (seconds)"),
    "search-for": ("Có trong hình ít nhất (giây)", "In sight for at least (seconds)"),
    "search-line": (
        "Đi qua một vạch ảo trên hình của {camera}",
        "Crossing a line in the picture of {camera}",
    ),
    "search-line-hint": (
        "Không bắt buộc. Bấm vào hai chỗ trên hình, hoặc ghi vị trí hai đầu vạch ảo.",
        "Not required. Click two places in the picture, or give the two ends of the line.",
    ),
    "search-line-no-picture": (
        "Chưa có ảnh toàn cảnh của camera này; hãy ước lượng vị trí trong khung.",
        "There is no whole picture of this camera: judge the places in the frame.",
    ),
    "search-line-says": (
        "Hình của camera với vạch ảo đã chọn. Bấm vào hai chỗ trên hình để chọn hai đầu; bốn ô dưới đây ghi "
        "vị trí hai đầu đó.",
        "Picture of the camera with the chosen line. Two clicks choose its ends; so do the four fields.",
    ),
    "search-line-x1": ("Đầu thứ nhất: cách mép trái (%)", "First end, % from the left"),
    "search-line-y1": ("Đầu thứ nhất: cách mép trên (%)", "First end, % from the top"),
    "search-line-x2": ("Đầu thứ hai: cách mép trái (%)", "Second end, % from the left"),
    "search-line-y2": ("Đầu thứ hai: cách mép trên (%)", "Second end, % from the top"),
    "search-error-line": (
        "Ghi đủ bốn số của vạch ảo, từ 0 đến 100, hoặc để trống cả bốn.",
        "Give all four numbers of the line, from 0 to 100, or none.",
    ),
    "search-crosses": ("Đi qua vạch ảo", "Crosses the line"),
    "passages-of-camera": ("Tìm lượt đi qua của camera này", "Search passages of this camera"),
    "search-second": ("Sau đó qua camera thứ hai", "And then at a second camera"),
    "search-second-hint": (
        "Chỉ hiện các cặp lượt đi qua cùng loại (và cùng màu nếu có): một lượt ở camera thứ nhất, sau đó một "
        "lượt ở camera thứ hai. Hai lượt đó có thể là của hai người hoặc hai xe khác nhau.",
        "Shows only pairs of the same kind (and colour, where both have one), the second after the first. "
        "They may be two different persons or vehicles.",
    ),
    "search-second-camera": ("Camera thứ hai", "Second camera"),
    "search-within": ("Trong vòng (phút)", "Within (minutes)"),
    "search-life": (
        "Thời hạn trả lời của thiết bị mất liên lạc",
        "Gateways that are offline may answer within",
    ),
    "search-life-1": ("1 giờ", "1 hour"),
    "search-life-24": ("24 giờ", "24 hours"),
    "search-life-72": ("3 ngày", "3 days"),
    "search-life-168": ("7 ngày", "7 days"),
    "search-start": ("Gửi yêu cầu tìm", "Start the search"),
    # --- mistakes in the form
    "search-error-purpose": (
        "Ghi mục đích tìm, ít nhất 3 ký tự.",
        "Say the purpose, in at least 3 characters.",
    ),
    "search-error-case": ("Ghi số vụ việc.", "Give the case number."),
    "search-error-time": ("Chọn thời điểm bắt đầu và kết thúc.", "Choose a time to begin and to end."),
    "search-error-number": (
        "{field}: nhập một số từ {least} đến {most}.",
        "{field}: a number from {least} to {most}.",
    ),
    "search-error-near": (
        "Điểm được chọn làm tâm chưa có tọa độ.",
        "The site in the middle of the circle has no coordinates.",
    ),
    # --- one search
    "search-of-case": ("Vụ việc {case}", "Case {case}"),
    "search-question": ("Nội dung tìm", "What was asked"),
    "search-again": ("Sửa và tìm lại", "Change and search again"),
    "search-until": ("Chờ trả lời đến", "Waits until"),
    "search-over": ("Đã hết hạn lúc", "Ended at"),
    "search-everywhere": ("tất cả các phường mà người tìm được xem", "all wards of the account"),
    "search-circle": ("{metres} m quanh {site}", "{metres} m around {site}"),
    "search-then": ("{camera}, trong vòng {minutes} phút", "{camera}, within {minutes} minutes"),
    "search-progress": ("Trả lời của các thiết bị", "Answers of the gateways"),
    "search-progress-of": (
        "{count} trên {of} thiết bị đã trả lời",
        "{count} of {of} gateways have answered",
    ),
    "search-state-waiting": ("Chờ gửi", "To be sent"),
    "search-state-sent": ("Đã gửi, chờ trả lời", "Asked, no answer yet"),
    "search-state-offline": (
        "Mất liên lạc, sẽ trả lời khi hoạt động trở lại",
        "Offline: will answer when back",
    ),
    "search-state-later": ("Sẽ trả lời sau", "Will answer later"),
    "search-state-answered": ("Đã trả lời", "Answered"),
    "search-state-refused": ("Từ chối", "Refused"),
    "search-state-failed": ("Gặp lỗi khi tìm", "Failed"),
    "search-state-expired": ("Không trả lời trước khi hết hạn", "Did not answer in time"),
    "search-state-withdrawn": ("Đã hủy trước khi trả lời", "Withdrawn before it answered"),
    "search-withdraw": ("Hủy yêu cầu tìm", "Withdraw the search"),
    "search-withdraw-hint": (
        "Khi hủy, trung tâm ngừng gửi yêu cầu đến các thiết bị chưa trả lời và không nhận thêm kết quả. Kết "
        "quả đã nhận vẫn được giữ.",
        "Gateways that have not answered are not asked any more. What has come stays.",
    ),
    "search-withdrawn": ("{by} đã hủy yêu cầu này lúc", "Withdrawn by {by},"),
    "search-too-late-of": (
        "(sau đó có {count} thiết bị trả lời; những kết quả này không được lưu)",
        "{count} gateways answered after that; their answers were not stored.",
    ),
    "search-too-late": (
        "(trả lời sau khi đã hủy: không lưu {count} kết quả)",
        "(answered after the withdrawal: {count} rows were not stored)",
    ),
    "search-dropped": (
        "(bỏ qua {count} kết quả không hợp lệ)",
        "({count} rows that cannot be true were dropped)",
    ),
    "search-sheet": ("Kết quả", "What was found"),
    "search-sheet-count": (
        "{count} lượt đi qua, xếp từ mới đến cũ",
        "{count} passages, the newest first",
    ),
    "search-sheet-pairs": ("{count} cặp lượt đi qua, xếp từ mới đến cũ", "{count} pairs, the newest first"),
    "search-sheet-more": (
        "; các thiết bị tìm thấy tổng cộng {total} lượt, nhưng mỗi thiết bị chỉ gửi các lượt mới nhất",
        "; the gateways found {total} in all, each sends the first rows only",
    ),
    "search-before": ("Tìm tiếp các lượt trước", "Search for those before"),
    "search-sheet-waits": (
        "Chưa có kết quả; đang chờ các thiết bị.",
        "Nothing yet; waiting for the gateways.",
    ),
    "search-sheet-none": (
        "Không tìm thấy lượt đi qua nào như vậy. Điều đó không có nghĩa là không có ai đi qua: thử bỏ "
        "màu, bỏ hướng hoặc chọn khoảng thời gian dài hơn.",
        "No such passage was found. That does not mean that nobody passed: try without colour and "
        "direction, or a longer time.",
    ),
    "search-pair-first": ("Camera thứ nhất", "First camera"),
    "search-pair-second": ("Camera thứ hai, {minutes} sau", "Second camera, {minutes} later"),
    "search-pairs-missing": (
        "Các thiết bị chỉ gửi {stored} trên {total} lượt đi qua, nên có thể thiếu một số cặp. Hãy chọn "
        "khoảng thời gian ngắn hơn, hoặc chỉ một loại, một hướng.",
        "The gateways have sent only {stored} of {total} passages: pairs may be missing. Choose a shorter "
        "time, one kind or one direction.",
    ),
    "search-pair-hint": (
        "Hai lượt này có thể là của cùng một người hoặc một xe, cũng có thể không.",
        "They may be the same person or vehicle, or not.",
    ),
    "search-earlier": ("Sớm hơn", "Earlier"),
    "search-latest": ("Mới nhất", "To the newest"),
    # --- one passage
    "passage": ("Lượt đi qua", "Passage"),
    "passage-kind-none": ("vật chưa rõ", "something not recognised"),
    "passage-maybe": ("có thể {what}", "may be {what}"),
    "passage-no-colour": ("không rõ màu", "no colour known"),
    "passage-infrared": ("hồng ngoại: không có màu", "infrared: no colours"),
    "passage-dusk": ("thiếu sáng: màu kém tin cậy", "dusk: colours are less certain"),
    "passage-clock-unsynced": ("giờ của thiết bị có thể sai", "the clock was not set: the time may be wrong"),
    "passage-clock-corrected": ("giờ đã được hiệu chỉnh", "dated after the clock was set"),
    "passage-seen-for": ("Có trong hình", "In sight for"),
    "passage-direction": ("Hướng đi trong hình", "Direction in the picture"),
    "passage-sides": ("Vào – ra", "Came – left"),
    "passage-side-left": ("bên trái", "left side"),
    "passage-side-right": ("bên phải", "right side"),
    "passage-side-top": ("phía trên", "top"),
    "passage-side-bottom": ("phía dưới", "bottom"),
    "passage-side-inside": ("trong hình", "inside"),
    "passage-speed": ("Tốc độ", "Speed"),
    "passage-speed-is-vehicle": (
        "mỗi giây đi được {speed} lần chiều dài của chính phương tiện đó",
        "{speed} lengths of the object a second",
    ),
    "passage-speed-is-person": (
        "mỗi giây đi được {speed} lần chiều cao của chính người đó",
        "{speed} times the own height a second",
    ),
    "passage-speed-is-other": (
        "mỗi giây đi được {speed} lần chiều dài của chính người, phương tiện đó",
        "{speed} lengths of the object a second",
    ),
    "passage-speed-m-s": (
        "khoảng {speed} ± {error} km/h (ước lượng, không dùng để xử phạt)",
        "about {speed} ± {error} km/h (an estimate, not for enforcement)",
    ),
    "passage-heading": ("Hướng đi theo la bàn", "Heading by compass"),
    "compass-0": ("bắc", "north"),
    "compass-45": ("đông bắc", "north-east"),
    "compass-90": ("đông", "east"),
    "compass-135": ("đông nam", "south-east"),
    "compass-180": ("nam", "south"),
    "compass-225": ("tây nam", "south-west"),
    "compass-270": ("tây", "west"),
    "compass-315": ("tây bắc", "north-west"),
    "passage-size": ("Kích thước", "Size"),
    "passage-size-is": (
        "rộng {width}%, cao {height}% của hình",
        "{width} % wide, {height} % high of the picture",
    ),
    "passage-still": ("Đứng yên lâu nhất", "Longest standing still"),
    "passage-still-for": ("đứng yên {time}", "stood still for {time}"),
    "passage-rules": ("Quy tắc đã báo", "Reported by rules"),
    "passage-colours": ("Màu (gợi ý)", "Colours (hints)"),
    "passage-light": ("Ánh sáng", "Light"),
    "light-day": ("ban ngày hoặc đủ sáng", "daylight or bright"),
    "light-dusk": ("thiếu sáng", "dusk"),
    "light-infrared": ("hồng ngoại", "infrared"),
    "passage-around": (
        "Tìm tiếp quanh điểm này, cùng thời gian",
        "Search on around this site, at this time",
    ),
    "passage-from": (
        "Chỉ là gợi ý để kiểm tra, không phải kết luận.",
        "A hint to be checked, not a finding.",
    ),
    # --- its picture
    "picture": ("Ảnh", "Picture"),
    "picture-open": ("Mở ảnh", "Open the picture"),
    "picture-open-several": ("Mở {count} ảnh tiếp theo", "Open the next {count} pictures"),
    "picture-open-of": ("Mở ảnh: {what}, {where}, {time}", "Open the picture: {what}, {where}, {time}"),
    "picture-open-hint": (
        "Ảnh nhỏ nằm trên thiết bị. Khi mở ảnh, một lệnh được gửi đến thiết bị; tên bạn, mục đích và số "
        "vụ việc được ghi lại.",
        "The small picture is at the gateway. Opening sends a command to it; your name, purpose and case "
        "are recorded.",
    ),
    "picture-none": ("Không có ảnh", "No picture"),
    "picture-waits": ("Đang lấy ảnh…", "Fetching the picture…"),
    "picture-waits-offline": (
        "Điểm đang mất liên lạc: ảnh sẽ được gửi khi thiết bị hoạt động trở lại, nếu yêu cầu chưa hết hạn.",
        "The site is offline: the picture comes when it is back, if the search has not ended by then.",
    ),
    "picture-missing": (
        "Thiết bị không còn ảnh này (ảnh nhỏ chỉ được giữ vài ngày)",
        "The gateway has no such picture any more (it keeps them for some days)",
    ),
    "picture-refused": ("Thiết bị từ chối gửi ảnh", "The gateway refused"),
    "picture-failed": ("Không lấy được ảnh", "The picture did not come"),
    "picture-expired": ("Yêu cầu tìm đã hết hạn", "The search has ended"),
    "picture-withdrawn": ("Yêu cầu tìm đã bị hủy", "The search was withdrawn"),
    "picture-again": ("Thử lại", "Try again"),
    "picture-alt": (
        "Ảnh nhỏ của lượt đi qua lúc {time}, {camera}, {site}",
        "Small picture of the passage at {time}, {camera}, {site}",
    ),
    "picture-sealed-short": ("Ảnh được mã hóa", "Sealed picture"),
    "picture-sealed-what": (
        "Ảnh được mã hóa tại thiết bị bằng khóa công khai của trung tâm nên không hiển thị được ở đây. Hãy "
        "tải tệp về; người giữ khóa bí mật của trung tâm mở tệp bằng lệnh:",
        "The gateway has sealed the picture to the centre's key; this page cannot open it. Download the "
        "file; whoever holds the centre's private key opens it with:",
    ),
    "picture-download": ("Tải tệp đã mã hóa", "Download the sealed file"),
    "path": ("Đường đi", "Path"),
    "path-says": (
        "Đường đi trong hình của {camera}: bắt đầu ở chỗ {start}; kết thúc ở chỗ {end}; {count} vị trí "
        "trong {time}",
        "Path in the picture of {camera}: from {start} to {end}, {count} places in {time}",
    ),
    "path-place": (
        "cách mép trái {across}%, cách mép trên {down}%",
        "{across} % from the left, {down} % from the top",
    ),
    "path-on-latest": (
        "Vẽ trên ảnh mới nhất của camera, chụp lúc {time}. Ảnh này không phải ảnh chụp lúc người, xe đi qua.",
        "Drawn on the newest picture of the camera, of {time}. That picture does not show the passage.",
    ),
    "path-legend": (
        "Chấm trắng là nơi bắt đầu, mũi tên là nơi kết thúc.",
        "The white dot is where it began, the arrow where it ended.",
    ),
    "path-on-nothing": (
        "Chưa có ảnh toàn cảnh của camera này; khung vẽ ứng với toàn bộ hình của camera.",
        "There is no whole picture of this camera; the frame is that of its picture.",
    ),
    "path-with-picture": ("Đường đi được gửi cùng ảnh.", "The path comes with the picture."),
    # --- words of the wire
    **{f"group-{word}": (LABELS[word], word) for word in ("person", "two-wheeler", "vehicle")},
    **{f"colour-{word}": (vietnamese, word) for word, vietnamese in COLOURS.items()},
    "part-upper": (PARTS["upper"], "upper body"),
    "part-lower": (PARTS["lower"], "lower body"),
    "part-body": (PARTS["body"], "vehicle body"),
    "arrow-0": ("lên", "up"),
    "arrow-45": ("lên, sang phải", "up and right"),
    "arrow-90": ("sang phải", "right"),
    "arrow-135": ("xuống, sang phải", "down and right"),
    "arrow-180": ("xuống", "down"),
    "arrow-225": ("xuống, sang trái", "down and left"),
    "arrow-270": ("sang trái", "left"),
    "arrow-315": ("lên, sang trái", "up and left"),
}
