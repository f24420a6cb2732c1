"""Sentences about the view of a camera: by which figures it counts as covered, turned, blurred or dark."""

from __future__ import annotations

from edge_agent.core.languages import Sentences

VIEWS: Sentences = {
    "view-structure": (
        "structure in {found} % of {tiles} tiles, {usual} % usual",
        "nhận ra {found}% trong {tiles} ô hình, bình thường {usual}%",
    ),
    "view-frozen": ("the same picture for {seconds} s", "hình không thay đổi đã {seconds} giây"),
    "view-glare": (
        "{white} % of the picture is white, {usual} % usual",
        "{white}% hình bị trắng xóa, bình thường {usual}%",
    ),
    "view-black": (
        "dark, mean luma {luma}, {structure}",
        "hình tối, độ sáng trung bình {luma}, {structure}",
    ),
    "view-black-infrared": (
        "{black}; within {seconds} s and by its own infrared light",
        "{black}; xảy ra trong {seconds} giây khi camera đang bật đèn hồng ngoại",
    ),
    "view-black-by-day": (
        "{black}; within {seconds} s, mean luma was {before}",
        "{black}; xảy ra trong {seconds} giây, độ sáng trung bình trước đó là {before}",
    ),
    "view-grey": (
        "{black}; within {seconds} s, and not black",
        "{black}; xảy ra trong {seconds} giây, hình không đen hẳn",
    ),
    "view-black-for-long": ("{black}; for {hours} h", "{black}; đã {hours} giờ"),
    "view-blurred": (
        "fine detail {fine} % of usual, contrast {contrast} %",
        "chi tiết nhỏ còn {fine}% so với bình thường, độ tương phản còn {contrast}%",
    ),
    "view-blurred-edges": (
        "contrast {contrast} % of usual, {layout} % of it in the layout",
        "độ tương phản còn {contrast}% so với bình thường, của các mảng lớn còn {layout}%",
    ),
    "view-turned": (
        "turned by {across} % across and {down} % down, {agree} % of the blocks agree; {structure}",
        "hình lệch ngang {across}%, lệch dọc {down}%, khớp ở {agree}% số khối; {structure}",
    ),
    "view-turned-rolled": (
        "turned by {across} % across and {down} % down and rolled by {degrees} degrees, {agree} % of the "
        "blocks agree; {structure}",
        "hình lệch ngang {across}%, lệch dọc {down}%, nghiêng {degrees} độ, khớp ở {agree}% số khối; "
        "{structure}",
    ),
    "view-haze": (
        "contrast {contrast} % of usual; {structure}",
        "độ tương phản còn {contrast}% so với bình thường; {structure}",
    ),
    "view-rain": (
        "streaks in {streaks} % of the tiles, {usual} % usual",
        "có vệt mưa ở {streaks}% số ô hình, bình thường {usual}%",
    ),
    "view-to-mono": (
        "to mono, {level:.1f} grey levels of colour",
        "chuyển sang đen trắng, độ màu {level:.1f} mức",
    ),
    "view-to-colour": (
        "to colour, {level:.1f} grey levels of colour",
        "chuyển sang màu, độ màu {level:.1f} mức",
    ),
    "view-light": (
        "mean luma from {before} to {after}, {structure}",
        "độ sáng trung bình từ {before} thành {after}, {structure}",
    ),
}
