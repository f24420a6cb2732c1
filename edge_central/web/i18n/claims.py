"""Claims of boxes that have no site yet."""

from __future__ import annotations

WORDS: dict[str, tuple[str, str]] = {
    "access-claim-withdrawal": ("thu hồi việc nhận điểm", "withdrew a claim of a site"),
    "claims": ("Yêu cầu nhận điểm", "Claims of sites"),
    "claims-say": (
        "Thiết bị mới báo đang lắp tại điểm nào. Việc xác nhận thực hiện bằng lệnh fleet claims.",
        "New boxes say at which site they stand. They are confirmed with `fleet claims`.",
    ),
    "claims-none": ("Chưa có yêu cầu nhận điểm nào.", "No box has claimed a site."),
    "claims-waiting-now": ("Đang chờ xác nhận", "Waiting"),
    "claims-wrong-now": ("Không khớp", "Do not fit"),
    "claim-box": ("Thiết bị", "Box"),
    "claim-who": ("Người lắp đặt", "Claimed by"),
    "claim-cameras": ("Camera tìm thấy", "Cameras found"),
    "claim-verdict": ("Kết quả kiểm tra", "Verdict"),
    "claim-verdict-is": (
        "{green} đạt, {yellow} cần xem, {red} không đạt",
        "{green} green, {yellow} yellow, {red} red",
    ),
    "claim-distance": ("Cách tọa độ của điểm", "From the site"),
    "claim-metres": ("{metres} m (±{accuracy} m)", "{metres} m (±{accuracy} m)"),
    "claim-misfits": ("Chỗ không khớp", "What does not fit"),
    "claim-fits": ("khớp với danh sách", "fits"),
    "claim-unsynced": ("đồng hồ thiết bị chưa đồng bộ", "the box's clock was not synchronised"),
    "claim-state-pending": ("chờ xác nhận", "waits"),
    "claim-state-confirmed": ("đã xác nhận", "confirmed"),
    "claim-state-refused": ("bị từ chối", "refused"),
    "claim-state-withdrawn": ("đã thu hồi", "withdrawn"),
    "claim-state-replaced": ("đã thay bằng yêu cầu khác", "replaced by another claim"),
    "claim-being-withdrawn": (
        "{who} đã thu hồi: {why}. Chờ fleet claims thu hồi chứng thư.",
        "withdrawn by {who}: {why}. `fleet claims` has to revoke the certificate.",
    ),
    "claim-withdraw": ("Thu hồi", "Withdraw"),
    "claim-withdraw-means": (
        "Thiết bị không còn thuộc điểm này. Sự kiện đã ghi được giữ riêng trên thiết bị; chứng thư bị thu "
        "hồi.",
        "The box no longer stands at this site. Its events stay apart on the box; its certificate is "
        "revoked.",
    ),
    "claim-not-undoable": (
        "Yêu cầu này không còn hiệu lực nên không cần thu hồi.",
        "This claim is not in force: there is nothing to withdraw.",
    ),
}
