"""Texts about the papers of a case: files and notes, altered copies, who opened what, minutes."""

from __future__ import annotations

WORDS: dict[str, tuple[str, str]] = {
    # --- adding an event to a case
    "event-case": ("Số vụ việc", "Case number"),
    "event-case-add": ("Đưa vào vụ việc", "Add to case"),
    # --- files and notes
    "case-file-snapshot": ("Ảnh của sự kiện", "Snapshot"),
    "case-file-still": ("Ảnh lớn", "Still"),
    "case-file-clip": ("Video", "Clip"),
    "case-file-outside": ("Tệp từ bên ngoài", "File from outside"),
    "case-file-from": ("do {who} cung cấp", "from {who}"),
    "case-more": ("Thêm vào vụ việc", "Add to the case"),
    "case-note": ("Ghi chú", "Note"),
    "case-note-add": ("Thêm ghi chú", "Add the note"),
    "case-file": ("Tệp", "File"),
    "case-file-who": ("Người cung cấp", "Whom it is from"),
    "case-file-note": ("Ghi chú về tệp", "Note on the file"),
    "case-file-add": ("Thêm tệp", "Add the file"),
    "case-file-hint": (
        "Ví dụ video từ điện thoại của người dân, tối đa {mb} MB. Trung tâm ghi lại mã băm SHA-256, thời "
        "điểm nhận và tài khoản đã thêm tệp. Trang này không mở tệp; hãy chỉ tải tệp về ở nơi an toàn.",
        "Such as a clip of a citizen's phone, at most {mb} MB. The centre records its SHA-256, when it came "
        "and which account added it. This page does not open the file: download it only where that is safe.",
    ),
    "case-file-large": ("Tệp quá lớn: tối đa {mb} MB.", "The file is too large: at most {mb} MB."),
    "case-file-sending": ("Đang gửi tệp…", "The file is being sent…"),
    "case-file-done": ("Đã thêm tệp.", "The file was added."),
    "case-file-failed": (
        "Chưa gửi được tệp. Hãy tải lại trang và thử lại.",
        "The file was not sent. Load the page again and retry.",
    ),
    "case-holds": ("Lượt đi qua được giữ trên thiết bị", "Passages held at the gateways"),
    # --- who opened what
    "case-accesses": ("Ai đã xem, ai đã thay đổi", "Who opened and changed what"),
    "case-accesses-hint": (
        "{count} lần truy cập gần nhất; bản xuất ghi đầy đủ các lần truy cập.",
        "The newest {count}; an export has all of them.",
    ),
    # --- altered copies
    "copies": ("Bản đã che", "Altered copies"),
    "copy": ("Bản đã che", "Altered copy"),
    "copies-what": (
        "Trong bản đã che, khuôn mặt và biển số được che, âm thanh và thông tin đi kèm được bỏ. Bản gốc "
        "không thay đổi. Bản đã che được đưa vào bản xuất sau khi có người kiểm tra.",
        "In an altered copy faces and number plates are covered, sound and metadata are removed. The "
        "original stays as it is. A copy is in an export once a person has checked it.",
    ),
    "copies-check": (
        "Phần mềm có thể bỏ sót khuôn mặt hoặc biển số. Phải xem từng ảnh và từng video đến hết trước khi "
        "giao cho người khác; nếu còn sót, hãy thêm vùng che.",
        "The program can miss a face or a number plate. View each picture, and each clip to its end, before "
        "you give it to anybody; where you still see one, add an area.",
    ),
    "copies-count": (
        "Đã kiểm tra {checked} trên {count} ảnh và video.",
        "{checked} of {count} pictures and clips are checked.",
    ),
    "copies-make": ("Tạo bản đã che", "Make altered copies"),
    "copies-nothing": (
        "Vụ việc chưa có ảnh hoặc video nào có thể che.",
        "The case has no picture or clip that can be altered.",
    ),
    "copy-original": ("Bản gốc", "Original"),
    "copy-original-alt": ("Bản gốc của {name}", "Original of {name}"),
    "copy-outside": (
        "Tệp từ bên ngoài (trang này không mở):",
        "A file from outside is not opened in this page:",
    ),
    "copy-alt": ("Bản đã che của {name}", "Altered copy of {name}"),
    "copy-areas": (
        "{count} vùng che do phần mềm tạo, {by_hand} vùng che thêm bằng tay",
        "{count} areas by the program, {by_hand} by hand",
    ),
    "copy-none": ("Chưa tạo.", "Not made yet."),
    "copy-waiting": (
        "Đang tạo. Với video, việc này có thể mất vài phút; hãy tải lại trang.",
        "It is being made. A clip can take minutes; reload the page.",
    ),
    "copy-failed": ("Không tạo được", "It could not be made"),
    "copy-failure-not-readable": ("không đọc được tệp", "the file cannot be read"),
    "copy-failure-too-large": ("hình quá lớn", "the picture is too large"),
    "copy-failure-too-long": ("video quá dài", "the clip is too long"),
    "copy-failure-took-too-long": ("mất quá nhiều thời gian", "it took too long"),
    "copy-failure-case-full": (
        "tệp của vụ việc đã đạt dung lượng tối đa",
        "the files of the case have reached their limit",
    ),
    "copy-failure-failed": ("phần mềm gặp lỗi", "the program failed"),
    "copy-check": (
        "Đã xem: không còn khuôn mặt, biển số nào nhận ra được",
        "Viewed: no face and no number plate can be recognised",
    ),
    "copy-checked": ("{who} đã kiểm tra lúc {time}.", "Checked by {who}, {time}."),
    "copy-area-add": ("Thêm vùng che", "Add an area"),
    "copy-area-clear": ("Bỏ các vùng che thêm bằng tay", "Remove the areas by hand"),
    "copy-area-hint": (
        "Tính theo phần trăm kích thước ảnh, từ góc trên bên trái. Trong video, vùng này được che ở mọi "
        "khung hình. Sau khi thêm vùng che, bản đã che được tạo lại và phải kiểm tra lại.",
        "In percent of the picture, from its upper left corner. In a clip the area is covered in every "
        "frame. The copy is made and has to be checked again.",
    ),
    "copy-area-left": ("Cách mép trái %", "Left %"),
    "copy-area-top": ("Cách mép trên %", "Top %"),
    "copy-area-width": ("Rộng %", "Width %"),
    "copy-area-height": ("Cao %", "Height %"),
    "case-export-redacted": (
        "Kèm bản đã che (đã kiểm tra {checked} trên {count} ảnh và video)",
        "With the altered copies ({checked} of {count} pictures and clips are checked)",
    ),
    # --- minutes
    "minutes": ("Biên bản giao nhận", "Minutes of handing over"),
    "minutes-hint": (
        "Điền vào các chỗ trống rồi in (khổ A4). Trang này không lưu nội dung đã điền.",
        "Fill in the blanks, then print (A4). What is filled in is not stored.",
    ),
    "minutes-no-export": (
        "Chưa có bản xuất đã ký số nên bảng tệp còn trống. Hãy xuất vụ việc trước.",
        "There is no signed export yet, so the table of files is empty. Export the case first.",
    ),
}
