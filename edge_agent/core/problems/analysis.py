"""Sentences about pictures: the figures by which a view counts as covered, turned, blurred or dark; and why a
detection model cannot be used, or does not run as configured.
"""

from __future__ import annotations

from edge_agent.core.languages import Sentences

VIEWS: Sentences = {
    "view-structure": (
        "structure in {found} % of {tiles} tiles, {usual} % usual",
        "còn nhận ra chi tiết ở {found}% trong số {tiles} ô hình, bình thường là {usual}%",
    ),
    "view-frozen": ("the same picture for {seconds} s", "hình không thay đổi suốt {seconds} giây"),
    "view-glare": (
        "{white} % of the picture is white, {usual} % usual",
        "{white}% diện tích hình bị trắng xóa, bình thường là {usual}%",
    ),
    "view-black": (
        "dark, mean luma {luma}, {structure}",
        "hình tối, độ sáng trung bình {luma}, {structure}",
    ),
    "view-black-infrared": (
        "{black}; within {seconds} s and by its own infrared light",
        "{black}; tối đi trong vòng {seconds} giây, khi camera đang bật đèn hồng ngoại",
    ),
    "view-black-by-day": (
        "{black}; within {seconds} s, mean luma was {before}",
        "{black}; tối đi trong vòng {seconds} giây, độ sáng trung bình trước đó là {before}",
    ),
    "view-grey": (
        "{black}; within {seconds} s, and not black",
        "{black}; tối đi trong vòng {seconds} giây, hình không đen hẳn",
    ),
    "view-black-for-long": ("{black}; for {hours} h", "{black}; đã kéo dài {hours} giờ"),
    "view-blurred": (
        "fine detail {fine} % of usual, contrast {contrast} %",
        "chi tiết nhỏ còn {fine}% so với bình thường, độ tương phản còn {contrast}%",
    ),
    "view-blurred-edges": (
        "contrast {contrast} % of usual, {layout} % of it in the layout",
        "độ tương phản còn {contrast}% so với bình thường, riêng ở các mảng lớn còn {layout}%",
    ),
    "view-turned": (
        "turned by {across} % across and {down} % down, {agree} % of the blocks agree; {structure}",
        "hình lệch ngang {across}%, lệch dọc {down}% ({agree}% số khối hình lệch như nhau); {structure}",
    ),
    "view-turned-rolled": (
        "turned by {across} % across and {down} % down and rolled by {degrees} degrees, {agree} % of the "
        "blocks agree; {structure}",
        "hình lệch ngang {across}%, lệch dọc {down}%, nghiêng {degrees} độ ({agree}% số khối hình lệch như "
        "nhau); {structure}",
    ),
    "view-haze": (
        "contrast {contrast} % of usual; {structure}",
        "độ tương phản còn {contrast}% so với bình thường; {structure}",
    ),
    "view-rain": (
        "streaks in {streaks} % of the tiles, {usual} % usual",
        "có vệt mưa ở {streaks}% số ô hình, bình thường là {usual}%",
    ),
    "view-to-mono": (
        "to mono: the colour channels differ by {level:.1f} grey levels on average",
        "chuyển sang đen trắng, các kênh màu lệch nhau trung bình {level:.1f} mức xám",
    ),
    "view-to-colour": (
        "to colour: the colour channels differ by {level:.1f} grey levels on average",
        "chuyển sang màu, các kênh màu lệch nhau trung bình {level:.1f} mức xám",
    ),
    "view-light": (
        "mean luma from {before} to {after}, {structure}",
        "độ sáng trung bình thay đổi từ {before} thành {after}, {structure}",
    ),
}

MODEL_FILES: Sentences = {
    "detector-file-unreadable": (
        "{file}: the model cannot be read: {error}",
        "không đọc được mô hình {file}: {error}",
    ),
    "detector-file-size": (
        "{file}: {bytes} bytes is not the size of a model that can be used here",
        "{file} có {bytes} byte, không thể là một mô hình dùng được",
    ),
    "detector-not-tflite": (
        "{file}: not a TFLite model (identifier {identifier} instead of b'TFL3')",
        "{file} không phải mô hình TFLite (ký hiệu {identifier}, đúng ra là b'TFL3')",
    ),
    "detector-not-loaded": (
        "{file}: the model cannot be loaded: {error}",
        "không nạp được mô hình {file}: {error}",
    ),
    "detector-inputs": (
        "{file}: {count} inputs ({inputs}); one picture is expected",
        "mô hình {file} có {count} đầu vào ({inputs}), đúng ra chỉ nhận một hình",
    ),
    "detector-tensors": (
        "{file}: inputs or outputs cannot be used: {error}",
        "đầu vào hoặc đầu ra của mô hình {file} không dùng được: {error}",
    ),
    "detector-unknown-kind": (
        "{file}: no known kind of detection model: input {input}; outputs {outputs}; known are those of "
        "training/, SSD with TFLite_Detection_PostProcess, raw YOLOX and raw PicoDet",
        "{file} không thuộc loại mô hình nhận dạng được hỗ trợ: đầu vào {input}; đầu ra {outputs}; các "
        "loại được hỗ trợ: mô hình của training/, SSD có TFLite_Detection_PostProcess, YOLOX và PicoDet "
        "nguyên bản",
    ),
    "embedding-input": (
        "{file}: the input {input} is not a picture; [1, height, width, 3] with sides of {low} to {high} is "
        "expected",
        "đầu vào {input} của mô hình {file} không phải một ảnh: đúng ra là [1, cao, rộng, 3], mỗi cạnh từ "
        "{low} đến {high}",
    ),
    "embedding-output": (
        "{file}: outputs {outputs}; one vector of {low} to {high} numbers is expected",
        "mô hình {file} có đầu ra {outputs}, đúng ra là một vectơ từ {low} đến {high} số",
    ),
    "embedding-empty": (
        "{file}: the vector of a picture is zero or not finite",
        "mô hình {file} cho vectơ bằng 0 hoặc có số không hữu hạn",
    ),
    "detector-no-runtime": (
        "no TFLite runtime: install ai-edge-litert, or edge-agent[tflite-runtime] ({error})",
        "thiếu thư viện TFLite: cài ai-edge-litert hoặc edge-agent[tflite-runtime] ({error})",
    ),
    "detector-numpy": (
        "tflite_runtime needs numpy 1, here is {version}: install ai-edge-litert, or 'numpy<2'",
        "tflite_runtime cần numpy 1, hiện có numpy {version}: cài ai-edge-litert hoặc 'numpy<2'",
    ),
}

LABELS: Sentences = {
    "detector-no-labels": (
        "{file}: no labels: neither in the file nor in {name}.txt or labels.txt beside it; write one label a "
        "line, in the model's order",
        "mô hình {file} không có nhãn: trong tệp, trong {name}.txt và trong labels.txt cùng thư mục đều "
        "không có; hãy ghi mỗi dòng một nhãn theo thứ tự của mô hình",
    ),
    "detector-labels-differ": (
        "{file}: {labels} labels for a model of {classes} classes",
        "{file} có {labels} nhãn, trong khi mô hình có {classes} lớp",
    ),
    "detector-labels-empty": ("{file}: no labels in it", "{file} không có nhãn nào"),
    "detector-label-twice": (
        "{file}: more than one class is called {name}",
        "{file} có nhiều lớp cùng tên {name}",
    ),
    "detector-labels-unreadable": (
        "{file}: the labels cannot be read: {error}",
        "không đọc được nhãn trong {file}: {error}",
    ),
    "detector-label-file-unreadable": (
        "{file}: labels cannot be read: {error}",
        "không đọc được tệp nhãn {file}: {error}",
    ),
    "detector-labels-unknown": (
        "{file}: knows none of the configured labels {labels}",
        "mô hình {file} không có nhãn nào trong số các nhãn của cấu hình ({labels})",
    ),
}

RUNNING: Sentences = {
    "detector-output": (
        "{file}: output cannot be read: {error}",
        "không đọc được kết quả của mô hình {file}: {error}",
    ),
    "detector-inference": (
        "{file}: inference failed: {error}",
        "mô hình {file} nhận dạng bị lỗi: {error}",
    ),
    "detector-delegate": (
        "delegate {delegate} cannot be used ({error}): running on the CPU",
        "không dùng được bộ tăng tốc {delegate} ({error}): đang chạy bằng CPU",
    ),
    "detector-failing": (
        "the detector failed {times} times in a row; cameras run on motion alone",
        "nhận dạng bị lỗi {times} lần liên tiếp; phần mềm chỉ còn phát hiện được chuyển động",
    ),
}

DETECTION: Sentences = {**MODEL_FILES, **LABELS, **RUNNING}

ANALYSIS: Sentences = {**VIEWS, **DETECTION}
