"""Texts about journeys: from one passage to candidates at neighbouring cameras.

A candidate *may be* the object that is followed: no text says that it is, and none gives a percentage.
"""

from __future__ import annotations

WORDS: dict[str, tuple[str, str]] = {
    "journeys": ("Hành trình", "Journeys"),
    "journeys-what": (
        "Hành trình bắt đầu từ một lượt đi qua và nối tiếp bằng các lượt ở camera lân cận mà cán bộ cho là "
        "của cùng một người hoặc phương tiện. Xác nhận chỉ là nhận định của cán bộ, không có giá trị chứng "
        "minh.",
        "A journey begins with one passage and goes on to passages at neighbouring cameras that an officer "
        "takes for the same person or vehicle. A confirmation is an opinion of the officer, no proof.",
    ),
    "journeys-none": (
        "Chưa có hành trình nào. Hãy mở một lượt đi qua trong kết quả tìm và chọn “Bắt đầu hành trình từ "
        "lượt này”.",
        "There is no journey yet. Open a passage that a search has found, and choose Begin a journey.",
    ),
    "journey": ("Hành trình", "Journey"),
    "journey-of-case": ("Hành trình, vụ việc {case}", "Journey of case {case}"),
    "journey-begin": ("Bắt đầu hành trình từ lượt này", "Begin a journey with this passage"),
    "journey-begin-hint": (
        "Người hoặc phương tiện này có thể từ đâu đến, đã đi đến đâu? Trung tâm tìm ở các camera lân cận và "
        "liệt kê những lượt cần xác minh. Việc này được ghi lại cùng mục đích và số vụ việc của yêu cầu tìm.",
        "Where may it have gone, where may it have come from? The centre asks the neighbouring cameras and "
        "lists candidates. It is recorded with purpose and case of this search.",
    ),
    "journey-author": ("Người lập", "Author"),
    "journey-made": ("Lập lúc", "Begun"),
    "journey-changed": ("Thay đổi gần nhất", "Changed"),
    "journey-confirmed-count": ("Lượt đã xác nhận", "Confirmed passages"),
    "journey-not-saved": ("Chưa thực hiện được:", "Nothing was changed:"),
    # --- the route
    "journey-route": ("Lộ trình", "Route"),
    "journey-route-says": (
        "Lộ trình trên bản đồ: {count} lượt đi qua, theo thứ tự thời gian. Bảng bên dưới có cùng nội dung.",
        "Route on the map: {count} passages, in the order of time. The table below has the same content.",
    ),
    "journey-legend": (
        "Lộ trình do {names} xác nhận, chưa được chứng minh. Đường thẳng giữa hai điểm không phải là đường "
        "đã đi.",
        "Confirmed by {names}, not proved. The straight lines between sites are not the way that was taken.",
    ),
    "journey-off-map": (
        "{count} lượt ở điểm chưa có tọa độ hoặc ở phường mà bạn không có quyền xem, nên không có trên bản "
        "đồ.",
        "{count} passages are at sites without a place, or outside of your wards: not on the map.",
    ),
    "journey-number": ("STT", "No."),
    "journey-after": ("Sau lượt trước", "After the one before"),
    "journey-decided": ("Người xác nhận", "Confirmed by"),
    "journey-starts-here": ("lượt đầu tiên", "the journey began with it"),
    "journey-go-on": ("Tìm tiếp từ đây", "Go on from here"),
    "journey-undo": ("Hoàn tác", "Undo"),
    "journey-undo-of": ("Hoàn tác: {where}, {time}", "Undo: {where}, {time}"),
    "journey-picture-gone": ("Ảnh đã bị xóa cùng yêu cầu tìm", "The picture was deleted with its search"),
    "journey-to-case": ("Đưa vào vụ việc {case}", "Put into case {case}"),
    "journey-to-case-hint": (
        "Lưu bản sao của lộ trình hiện tại cùng lý do và ảnh vào vụ việc. Nếu sau đó lộ trình thay đổi, hãy "
        "đưa lại vào vụ việc.",
        "A copy of the route as it is now, with reasons and pictures. Put it in again when it has changed.",
    ),
    "journey-in-case": ("Đã có trong vụ việc.", "It is in the case."),
    "journey-rejected": ("Đã loại bỏ", "Rejected"),
    "journey-rejected-by": ("{who} loại bỏ lúc {time}", "rejected by {who} at {time}"),
    "journey-confirmed-by": ("{who} xác nhận lúc {time}", "confirmed by {who} at {time}"),
    # --- a step
    "journey-step": ("Lượt số {number} của hành trình", "Passage {number} of the journey"),
    "journey-back": ("Toàn bộ hành trình", "The whole journey"),
    "journey-forward": ("Có thể đã đi đến đâu?", "Where may it have gone?"),
    "journey-backward": ("Có thể từ đâu đến?", "Where may it have come from?"),
    "journey-ask": ("Tìm ở các camera lân cận", "Ask the neighbouring cameras"),
    "journey-ask-again": ("Tìm lại", "Ask again"),
    "journey-ask-hint": (
        "Mỗi yêu cầu tìm đều được ghi lại cùng tên của bạn, mục đích và số vụ việc.",
        "Each request is a search, recorded with your name, purpose and case.",
    ),
    "journey-reach": ("Các điểm trong phạm vi", "Sites within"),
    "journey-metres": ("{count} m", "{count} m"),
    "journey-stop": ("Có thể đã dừng lại", "It may have stopped"),
    "journey-stop-0": ("không", "no"),
    "journey-stop-15": ("tối đa 15 phút", "up to 15 minutes"),
    "journey-stop-60": ("tối đa 1 giờ", "up to 1 hour"),
    "journey-stop-240": ("tối đa 4 giờ", "up to 4 hours"),
    "journey-colour": ("Màu cần tìm", "Only the colour"),
    "journey-colour-hint": (
        "Cứ năm lượt thì có khoảng một lượt bị xác định sai màu hoặc không xác định được màu, nên hãy chọn "
        "“màu bất kỳ”, trừ khi có quá nhiều lượt.",
        "About one colour in five is wrong or missing: leave it at all colours, unless there are too many.",
    ),
    "journey-all-colours": ("màu bất kỳ", "all colours"),
    "journey-progress": (
        "{count} trên {of} thiết bị đã trả lời.",
        "{count} of {of} gateways have answered.",
    ),
    "journey-cut": (
        "{count} thiết bị tìm thấy nhiều lượt hơn số đã gửi, nên có thể thiếu lượt cần tìm: hãy tìm lại, "
        "chọn thêm màu hoặc thu hẹp phạm vi.",
        "{count} gateways found more than they have sent, so the right passage may be missing: ask again "
        "with a colour or a smaller reach.",
    ),
    "journey-search": ("Yêu cầu tìm lúc {time}", "Search of {time}"),
    "journey-early": (
        "Khoảng thời gian cần tìm đến {time} mới kết thúc: hãy tìm lại sau thời điểm đó.",
        "The time that is searched ends at {time}: ask again after that.",
    ),
    "journey-not-yours": (
        "Không tìm ở {count} điểm vì bạn không có quyền xem",
        "Not asked, because they are not yours: {count} sites",
    ),
    "journey-candidates": ("Lượt cần xác minh", "Candidates"),
    "journey-candidates-what": (
        "Mỗi lượt dưới đây có thể là của cùng một người hoặc phương tiện, cũng có thể không phải. Danh sách "
        "xếp theo thời gian di chuyển, màu và hướng; hãy mở ảnh và tự đánh giá.",
        "Each of these may be the same person or vehicle, or another one. They are ordered by travel time, "
        "colours and direction; open the pictures and judge yourself.",
    ),
    "journey-none": (
        "Không có lượt nào phù hợp. Điều đó không có nghĩa là không có ai đi qua: hãy thử phạm vi rộng hơn "
        "hoặc chọn thời gian ở ô “Có thể đã dừng lại”.",
        "No passage fits. That does not mean that nobody passed: try a larger reach, or allow for a stop.",
    ),
    "journey-waits": ("Đang chờ các thiết bị trả lời…", "Waiting for the gateways…"),
    "journey-more": (
        "Còn {count} lượt ít phù hợp hơn, không hiển thị.",
        "{count} more fit less well and are not shown.",
    ),
    "journey-confirm": ("Xác nhận", "Confirm"),
    "journey-confirm-of": (
        "Xác nhận có thể là của cùng một người hoặc phương tiện: {where}, {time}",
        "Confirm as possibly the same: {where}, {time}",
    ),
    "journey-reject": ("Loại bỏ", "Reject"),
    "journey-reject-of": ("Loại bỏ: {where}, {time}", "Reject: {where}, {time}"),
    "journey-cameras": ("Các camera lân cận: {count}", "Neighbouring cameras: {count}"),
    "journey-distance": ("Khoảng cách", "Distance"),
    "journey-window": ("Thời gian di chuyển dùng để tìm", "Travel time that is searched"),
    "journey-from-to": ("{low} đến {high}", "{low} to {high}"),
    "journey-learnt-of": ("theo số liệu của {count} lượt đi qua", "learnt from {count} passages"),
    "journey-by-map": ("theo khoảng cách trên bản đồ", "by the distance on the map"),
    "journey-same-site": ("cùng điểm", "same site"),
    # --- reasons of a candidate
    "journey-speaks-for": ("phù hợp", "speaks for it"),
    "journey-speaks-against": ("không phù hợp", "speaks against it"),
    "journey-gap-forward": ("sau đó {time}", "after {time}"),
    "journey-gap-backward": ("trước đó {time}", "{time} before"),
    "journey-gap-none": (
        "gần như cùng lúc (nếu góc nhìn của hai camera chồng nhau)",
        "at about the same time (if the views overlap)",
    ),
    "journey-learnt-time": (
        "{gap}; thường mất từ {low} đến {high} (theo số liệu thực tế)",
        "{gap}; usual {low} to {high} (learnt)",
    ),
    "journey-map-time": (
        "{gap}; tính theo bản đồ, có thể mất từ {low} đến {high}",
        "{gap}; by the map {low} to {high} are possible",
    ),
    "journey-others": (
        "một trong {count} lượt cùng loại tại camera này trong khoảng thời gian đó",
        "one of {count} of this kind at this camera in that time",
    ),
    "journey-colour-same": ("{part} cũng có thể là màu {colour}", "{part} may be {colour} as well"),
    "journey-colour-confused": (
        "{part}: lượt đang theo dõi màu {here}, lượt này màu {there}; hai màu này hay bị nhầm",
        "{part}: {here} there, {there} here; cameras confuse these two",
    ),
    "journey-colour-other": (
        "{part}: lượt đang theo dõi màu {here}, lượt này màu {there}",
        "{part}: {here} there, {there} here",
    ),
    "journey-label-same": ("cùng được nhận dạng là {there}", "recognised as {there} at both"),
    "journey-label-other": (
        "lượt đang theo dõi được nhận dạng là {here}, lượt này là {there}",
        "recognised as {here} there, as {there} here",
    ),
    "journey-heading-towards-here": (
        "lượt đang theo dõi đi đúng hướng từ điểm trước đến điểm sau",
        "the passage that is followed moved in the direction between the two sites",
    ),
    "journey-heading-away-here": (
        "lượt đang theo dõi đi ngược hướng từ điểm trước đến điểm sau",
        "the passage that is followed moved against the direction between the two sites",
    ),
    "journey-heading-towards-there": (
        "lượt này đi đúng hướng từ điểm trước đến điểm sau",
        "it moved in the direction between the two sites",
    ),
    "journey-heading-away-there": (
        "lượt này đi ngược hướng từ điểm trước đến điểm sau",
        "it moved against the direction between the two sites",
    ),
    "journey-compared": (
        "Mô hình {model} chỉ so sánh được các ảnh đã mở, không so sánh được ảnh chưa mở và ảnh được mã hóa.",
        "Opened pictures are compared by the model {model}. Sealed pictures, and those not opened, are not.",
    ),
    "journey-not-compared": ("Hiện không so sánh ảnh: {why}", "Pictures are not compared: {why}"),
    "journey-no-colours": ("không có màu để so sánh", "there is no colour to compare"),
}
