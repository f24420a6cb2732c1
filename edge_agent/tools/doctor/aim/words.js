"use strict";
// All words of the page, and which language it speaks: the phone's, or what the button says.
const WORDS = {
  vi: {
    other: "English",
    code: "Nhập mã 6 chữ số đang hiện trên máy chạy lệnh.",
    wrong: "Sai mã. Chỉ được nhập sai vài lần.",
    taken: "Mã này đã được dùng trên một điện thoại khác. Chạy lại lệnh để có mã mới.",
    open: "Mở",
    focus: "Độ nét", light: "Độ sáng",
    sharp: "Nét.", blurred: "Mờ: chỉnh nét hoặc lau ống kính cho đến khi thanh đo ở mức cao nhất.",
    plain: "Hình có quá ít chi tiết nên không đo được độ nét.",
    best: (now, best) => `${now} / ${best}`.replaceAll(".", ","),
    dark: "Quá tối.", bright: "Quá sáng: tránh nắng hoặc đèn chiếu thẳng vào ống kính.", lit: "Đủ sáng.",
    left: (m, s) => `còn ${m}:${s}`,
    nothing: "Chưa phát hiện người, phương tiện nào. Nhờ một người đi qua chỗ cần quan sát.",
    verdict: {
      good: "đủ lớn", enough: "vừa đủ để nhận dạng người; xe hai bánh và ô tô có thể bị bỏ sót",
      small: "quá nhỏ, không nhận dạng được", tiny: "quá nhỏ, sẽ bị bỏ qua",
    },
    unnamed: { good: "đang chuyển động, chưa nhận dạng được", enough: "đang chuyển động, chưa nhận dạng được" },
    thing: "vật chưa rõ",
    label: { person: "người", bicycle: "xe đạp", motorcycle: "xe máy", car: "ô tô con", bus: "xe khách", truck: "xe tải", "two-wheeler": "xe hai bánh", vehicle: "ô tô" },
    pixels: (w, h) => `rộng ${w}, cao ${h} điểm ảnh`,
    stream: (w, h) => `Luồng dùng để phân tích: ${w} × ${h} điểm ảnh`,
    rule: (n, s) => `Để nhận dạng được, người phải cao ít nhất ${n} điểm ảnh, xe ${s} điểm ảnh (trên hình 640x360).`,
    gone: "Trang đã đóng hoặc mất kết nối với thiết bị.",
  },
  en: {
    other: "Tiếng Việt",
    code: "Type the 6 digits that the command shows.",
    wrong: "Wrong code. There are only a few tries.",
    taken: "The code was used on a phone already. Type the command again for another one.",
    open: "Open",
    focus: "Sharpness", light: "Light",
    sharp: "Sharp.", blurred: "Blurred: focus or wipe the lens until the bar is highest.",
    plain: "Too little detail in the picture to measure sharpness.",
    best: (now, best) => `${now} / ${best}`,
    dark: "Too dark.", bright: "Too bright: keep sun and lamps out of the lens.", lit: "Light enough.",
    left: (m, s) => `${m}:${s} left`,
    nothing: "Nothing is detected yet. Ask a person to walk through the area.",
    verdict: {
      good: "large enough", enough: "just enough for people; two-wheelers and cars may be missed",
      small: "too small to be named", tiny: "too small, will be ignored",
    },
    unnamed: { good: "moves, not named yet", enough: "moves, not named yet" },
    thing: "something that moves",
    label: {},
    pixels: (w, h) => `${w} wide, ${h} high in pixels`,
    stream: (w, h) => `Analysed stream ${w} × ${h} pixels`,
    rule: (n, s) => `At least ${n} pixels high (of a picture of 640x360) to be named, ${s} for vehicles.`,
    gone: "The page was closed, or the gateway cannot be reached.",
  },
};

let lang = navigator.language.toLowerCase().startsWith("en") ? "en" : "vi";
let w = WORDS[lang];

function speak() {
  w = WORDS[lang];
  document.documentElement.lang = lang;
  document.getElementById("lang").textContent = w.other;
  for (const each of document.querySelectorAll("[data-word]")) each.textContent = w[each.dataset.word];
  for (const each of document.querySelectorAll("[data-say]")) each.textContent = w[each.dataset.say];
}

document.getElementById("lang").addEventListener("click", () => {
  lang = lang === "vi" ? "en" : "vi";
  speak();
});
speak();
