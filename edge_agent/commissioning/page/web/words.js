"use strict";
// All words of the page, and which language it speaks: the phone's, or what the button says.
const WORDS = {
  vi: {
    other: "English", title: "Lắp đặt thiết bị",
    code: "Nhập mã 8 chữ số in trên nhãn thiết bị.",
    wrong: "Sai mã. Sau 5 lần sai phải chờ 15 phút.",
    taken: "Đã nhập sai 5 lần. Hãy chờ 15 phút rồi thử lại.",
    "words-first": "So sánh 6 từ này với 6 từ trên nhãn thiết bị. Nếu khác thì không được nhập mã mà phải gọi trung tâm.",
    open: "Mở", next: "Tiếp tục",
    choose: "Thiết bị đang ở điểm nào?", label: "Quét nhãn của điểm, hoặc nhập mã trên nhãn, ví dụ dt-001-r",
    near: "Tìm các điểm gần đây", away: (m) => m < 1000 ? `cách ${m} m` : `cách ${(m / 1000).toFixed(1).replace(".", ",")} km`,
    noPlace: "Điện thoại không cho biết vị trí. Hãy quét nhãn hoặc nhập mã.",
    search: "Tìm lại camera", by: "Họ tên kỹ thuật viên", password: "Mật khẩu camera", differ: "Các camera có mật khẩu khác nhau",
    take: "Đúng, thiết bị ở điểm này", "other-site": "Không phải, chọn điểm khác",
    aim: "Căn chỉnh camera", verdict: "Kiểm tra", examine: "Kiểm tra lại",
    marks: { green: "", yellow: "Lưu ý: ", red: "LỖI: " },
    photo: "Ảnh biển thông báo", photoTake: "Chụp ảnh", photoAgain: "Đã có ảnh. Chụp lại",
    photoWaits: "Ảnh sẽ được lưu khi xong bước hiện tại",
    noPhoto: "Không đọc được ảnh này. Hãy chụp lại.",
    signature: "Chữ ký", "sign-here": "Ký bằng ngón tay vào khung dưới đây.", clear: "Xóa chữ ký",
    noSignature: "Chưa có chữ ký.", "signed-by": "Họ tên người ký", finish: "Hoàn thành",
    network: "Mạng và thẻ SIM", apn: "APN của nhà mạng (để trống nếu không đổi)", pin: "Mã PIN của SIM (nếu có, nhập cùng APN)",
    address: "Địa chỉ IP tĩnh, ví dụ 10.0.0.9/24 (để trống nếu dùng DHCP)", router: "Địa chỉ bộ định tuyến",
    "network-set": "Áp dụng cấu hình mạng",
    undo: "Hủy: thiết bị không ở điểm này", undoSure: "Hủy việc lắp đặt tại điểm này?",
    done: "Đã xong", kept: "Kết quả, ảnh và chữ ký đã được lưu; thiết bị sẽ tự gửi về trung tâm khi có mạng.",
    keptNoPhoto: "Kết quả và chữ ký đã được lưu; thiết bị sẽ tự gửi về trung tâm khi có mạng. Không có ảnh biển thông báo.",
    photoMissing: "Chưa có ảnh biển thông báo. Sau khi hoàn thành thì không thêm ảnh vào biên bản được nữa. Vẫn hoàn thành?",
    confirmed: "Trung tâm đã xác nhận.", delivered: "Yêu cầu nhận điểm đã đến trung tâm, đang chờ xác nhận. Có thể rời đi; thiết bị sẽ tự chờ.",
    sending: "Đang gửi yêu cầu nhận điểm về trung tâm. Có thể rời đi; nếu chưa gửi được, thiết bị sẽ tự gửi lại.",
    ended: { refused: "Trung tâm từ chối điểm đã chọn.", withdrawn: "Trung tâm đã hủy việc nhận điểm." },
    working: {
      site: "Đang tìm camera, khoảng 10 giây…", other: "Đang bỏ chọn điểm…", claim: "Đang thử mật khẩu và cấu hình, có thể mất 1 phút…",
      examine: "Đang kiểm tra, có thể mất 1 phút…", photo: "Đang lưu ảnh…", finish: "Đang lưu…", undo: "Đang hủy…",
      near: "Đang tìm điểm…", network: "Đang cấu hình mạng, có thể mất 3 phút…",
    },
    signal: (percent) => `sóng ${percent}%`,
    modem: {
      connected: "đã kết nối", registered: "đã đăng ký mạng, chưa kết nối", searching: "đang tìm mạng", missing: "không tìm thấy",
      connecting: "đang kết nối", enabled: "chưa đăng ký được vào mạng", disabled: "đã tắt", failed: "bị lỗi",
      "sim-missing": "không nhận được SIM", "sim-error": "SIM bị lỗi", "sim-pin": "SIM yêu cầu mã PIN",
      "sim-puk": "SIM đã bị khóa, cần mã PUK",
      other: "bị khóa, chỉ dùng được với nhà mạng khác hoặc thiết bị khác", unknown: "bị lỗi",
    },
    serial: (text) => `Thiết bị ${text}`, "words-same": "Các từ này phải giống các từ trên nhãn thiết bị:",
    clock: "Đồng hồ của thiết bị chưa đúng. Vẫn làm tiếp được; trước khi ký, xem mục đồng hồ trong kết quả kiểm tra.",
    gone: "Mất kết nối với thiết bị. Trang sẽ tự thử lại.",
    lost: "Mất kết nối với thiết bị khi đang thực hiện bước này. Hãy chờ trang kết nối lại rồi xem kết quả; nếu bước này chưa xong thì làm lại.",
    refused: "Thiết bị không chấp nhận dữ liệu vừa gửi. Hãy tải lại trang rồi làm lại bước này.",
    busy: "Thiết bị đang thực hiện bước trước. Hãy chờ…",
    did: { network: "Đã áp dụng cấu hình mạng." },
  },
  en: {
    other: "Tiếng Việt", title: "Commission a box",
    code: "Type the 8 digits on the label of the box.",
    wrong: "Wrong code. After 5 wrong ones wait 15 minutes.",
    taken: "5 wrong codes. Wait 15 minutes, then try again.",
    "words-first": "Compare these 6 words with those on the label of the box. If they differ, type no code and call the centre.",
    open: "Open", next: "Continue",
    choose: "At which site is this box?", label: "Scan the label of the site, or type what it says, such as dt-001-r",
    near: "Find sites near here", away: (m) => m < 1000 ? `${m} m away` : `${(m / 1000).toFixed(1)} km away`,
    noPlace: "The phone does not give its location. Scan the label or type it.",
    search: "Search cameras again", by: "Name of the technician", password: "Password of the cameras", differ: "The cameras have different passwords",
    take: "Yes, the box is at this site", "other-site": "No, choose another site",
    aim: "Aim the cameras", verdict: "Examination", examine: "Examine again",
    marks: { green: "", yellow: "Better: ", red: "FAULT: " },
    photo: "Photo of the notice sign", photoTake: "Take a photo", photoAgain: "There is a photo. Take another one",
    photoWaits: "The photo is stored when the running step ends",
    noPhoto: "This photo cannot be read. Take another one.",
    signature: "Signature", "sign-here": "Sign with a finger in this frame.", clear: "Clear the signature",
    noSignature: "There is no signature yet.", "signed-by": "Name of who signs", finish: "Finish",
    network: "Network and SIM card", apn: "APN of the operator (empty: unchanged)", pin: "PIN of the SIM card (if any, with the APN)",
    address: "Static address, such as 10.0.0.9/24 (empty: DHCP)", router: "Address of the router",
    "network-set": "Set the network",
    undo: "Undo: the box is not at this site", undoSure: "Undo the commissioning at this site?",
    done: "Done", kept: "Results, photo and signature are stored on the box, which sends them to the centre when it is connected.",
    keptNoPhoto: "Results and signature are stored on the box, which sends them to the centre when it is connected. There is no photo of the notice sign.",
    photoMissing: "There is no photo of the notice sign yet. After Finish the report takes no photo any more. Finish all the same?",
    confirmed: "The centre has confirmed it.", delivered: "The centre has it and has not confirmed it yet. You may leave, the box waits.",
    sending: "Being sent to the centre. You may leave, the box tries again.",
    ended: { refused: "The centre has refused the chosen site.", withdrawn: "The centre has withdrawn the chosen site." },
    working: {
      site: "Searching cameras, some 10 seconds…", other: "Leaving this site…", claim: "Trying the password and configuring, up to a minute…",
      examine: "Examining, up to a minute…", photo: "Storing the photo…", finish: "Storing…", undo: "Undoing…",
      near: "Searching sites…", network: "Setting the network, up to 3 minutes…",
    },
    signal: (percent) => `signal ${percent} %`,
    modem: {
      connected: "connected", registered: "registered, not connected", searching: "searches a network", missing: "none is found",
      connecting: "connects", enabled: "not registered in a network", disabled: "off", failed: "failed",
      "sim-missing": "no SIM card is found", "sim-error": "the SIM card does not work", "sim-pin": "the SIM card asks for its PIN",
      "sim-puk": "the SIM card is blocked and asks for its PUK", other: "locked to another provider or device", unknown: "failed",
    },
    serial: (text) => `Box ${text}`, "words-same": "These words must be the same as on the label of the box:",
    clock: "The clock of the box is not right yet. You can go on; before you sign, see what the examination says of it.",
    gone: "The box cannot be reached. The page tries again.",
    lost: "The connection to the box was lost during this step. Wait for the page to connect again, see what was done, and repeat the step if it was not.",
    refused: "The box does not accept what was sent. Load the page again, then repeat this step.",
    busy: "The box is still doing the last step. Please wait…",
    did: { network: "The network was set." },
  },
};

let lang = navigator.language.toLowerCase().startsWith("en") ? "en" : "vi";
let w = WORDS[lang];

function speak() {
  w = WORDS[lang];
  document.documentElement.lang = lang;
  document.title = w.title;
  document.getElementById("lang").textContent = w.other;
  document.getElementById("pad")?.setAttribute("aria-label", w.signature);
  for (const each of document.querySelectorAll("[data-word]")) each.textContent = w[each.dataset.word];
  for (const each of document.querySelectorAll("[data-say]")) each.textContent = w[each.dataset.say];
  document.dispatchEvent(new Event("spoken"));
}

document.getElementById("lang").addEventListener("click", () => {
  lang = lang === "vi" ? "en" : "vi";
  speak();
});
speak();
