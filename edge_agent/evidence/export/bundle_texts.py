"""The README of a bundle, in English and Vietnamese: the commands to type, and their expected output."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from edge_agent.evidence.export.archive import MissingItem


@dataclass(frozen=True, slots=True)
class ReadmeFacts:
    """The variable parts of a README."""

    by: str
    at: str
    gateway: str
    events: Sequence[str]  # ids of the requested events
    missing: Sequence[MissingItem]


_EN = """EVIDENCE BUNDLE OF THE GATEWAY {gateway}
Exported by {by} at {at} (UTC).
Events:
{events}

WHAT IT SHOWS
The files in events/ are the exact bytes that the gateway published. Each event holds, as "prevhash", the
SHA-256 of the event before it. From time to time the gateway signed the SHA-256 of its newest event with its
Ed25519 key: heads/. So one signature covers an event and all before it that the hashes lead to. Pictures and
clips are bound by the SHA-256 in their event. It shows integrity and origin. Whether it is admitted, a court
decides. manifest.json and this text are statements of who exported; the key of the gateway signed the
manifest at the export (manifest.sig), so that a later change shows.

HOW TO CHECK IT, with openssl (3.0 or newer), sha256sum and a POSIX shell, in this folder

1. The files are those of the export (each line ends with OK). The person who exported can tell the SHA-256 of
   SHA256SUMS itself, which the export printed:
     sha256sum -c SHA256SUMS
     sha256sum SHA256SUMS

2. Each key is the gateway's. Compare with what the centre has from the gateway's birth messages; a key that
   comes with the bundle alone proves nothing about who signed:
{keys}

3. The signatures hold: "Signature Verified Successfully" for each head, and nothing that is not ok:
{heads}

4. Each event is signed itself (the fifth line of a head is its SHA-256), or the event after it names it as
   "prevhash". "ok" for each, and nothing that is not ok:
{links}

5. Media: the SHA-256 of each is in an event, as "sha256", or as "sealed_sha256" if it is sealed to the
   centre's key. "ok" for each, and nothing that is not ok:
{media}

6. The manifest is as it was signed at the export: "Signature Verified Successfully"; and it lists every other
   file with its SHA-256. "ok" for each, and nothing that is not ok:
{manifest}

CLOCKS
"time" and "recordedtime" in an event are the gateway's clock, UTC. "clock": "synced" says that it was
synchronised then; with "unsynced", manifest.json has the later correction, if it is known. The camera's own
clock, which may be burnt into the picture, is another one: "camera_clock_offset" in manifest.json says how
far it was off, if the camera reported it.

WHAT IS NOT IN THIS BUNDLE
{missing}
"""

_VI = """GÓI CHỨNG CỨ CỦA THIẾT BỊ {gateway}
Người trích xuất: {by}, vào hồi {at} (giờ UTC).
Các sự kiện:
{events}

GÓI NÀY CHO BIẾT ĐIỀU GÌ
Các tệp trong events/ giống từng byte với bản tin mà thiết bị đã gửi. Mỗi sự kiện có trường "prevhash" là
mã băm SHA-256 của sự kiện liền trước. Định kỳ, thiết bị ký số lên mã băm SHA-256 của sự kiện mới nhất
bằng khóa bí mật Ed25519 của mình; các chữ ký số nằm trong heads/. Vì vậy, một chữ ký số bảo đảm cho sự
kiện được ký và mọi sự kiện đứng trước trong cùng chuỗi mã băm. Ảnh và video được gắn với sự kiện bằng mã
băm SHA-256 ghi trong sự kiện đó. Gói này cho thấy tính toàn vẹn và nguồn gốc của dữ liệu; việc dữ liệu có
được dùng làm chứng cứ hay không do cơ quan có thẩm quyền tiến hành tố tụng quyết định. Tệp manifest.json
và văn bản này do người trích xuất lập; thiết bị đã ký số lên manifest.json khi trích xuất (manifest.sig),
nên mọi sửa đổi về sau đều bị phát hiện.

CÁCH KIỂM TRA: dùng openssl (3.0 trở lên), sha256sum và shell POSIX, trong thư mục này

1. Các tệp phải đúng là của lần trích xuất này (mỗi dòng kết thúc bằng OK). Người trích xuất có thể cho biết
   mã băm SHA-256 của chính tệp SHA256SUMS (được in ra khi trích xuất):
     sha256sum -c SHA256SUMS
     sha256sum SHA256SUMS

2. Mỗi khóa công khai phải đúng là của thiết bị: so sánh mã băm in ra với mã mà trung tâm lưu từ bản tin
   khai báo (birth) của thiết bị. Chỉ dựa vào khóa có sẵn trong gói thì không biết chắc được ai đã ký:
{keys}

3. Chữ ký số phải hợp lệ: với mỗi tệp .txt trong heads/, lệnh phải in ra "Signature Verified Successfully",
   không được có "NOT OK":
{heads}

4. Mỗi sự kiện phải được ký số trực tiếp (dòng thứ năm của một tệp .txt trong heads/ là mã băm SHA-256 của
   sự kiện đó), hoặc có mã băm được ghi ở trường "prevhash" của sự kiện liền sau. Mỗi sự kiện phải có dòng
   "ok", không được có "NOT OK":
{links}

5. Ảnh và video: mã băm SHA-256 của mỗi tệp phải có trong một sự kiện, ở trường "sha256", hoặc
   "sealed_sha256" nếu tệp đã được mã hóa bằng khóa công khai của trung tâm. Mỗi tệp phải có dòng "ok",
   không được có "NOT OK":
{media}

6. Tệp manifest.json phải đúng như khi được ký số lúc trích xuất: lệnh phải in ra "Signature Verified
   Successfully". Tệp này liệt kê mã băm SHA-256 của mọi tệp khác: mỗi tệp phải có dòng "ok", không được có
   "NOT OK":
{manifest}

ĐỒNG HỒ
"time" và "recordedtime" trong sự kiện là giờ UTC của thiết bị. "clock": "synced" nghĩa là lúc đó đồng hồ
đã được đồng bộ; nếu là "unsynced", manifest.json ghi lần hiệu chỉnh sau đó (nếu biết). Giờ do camera in
trên hình (nếu có) lấy từ đồng hồ riêng của camera: "camera_clock_offset" trong manifest.json ghi độ lệch
của đồng hồ này, nếu camera cho biết.

NỘI DUNG KHÔNG CÓ TRONG GÓI NÀY
{missing}
"""

# The commands loop over all files in the folder, so that an added file is checked too.
_KEYS = """     for k in keys/*.pem; do openssl pkey -pubin -in "$k" -outform DER | sha256sum; done"""
_HEADS = """     for t in heads/*.txt; do
       k=${t##*-}; k=keys/${k%.txt}.pem
       openssl pkeyutl -verify -pubin -inkey "$k" -rawin -in "$t" -sigfile "${t%.txt}.sig" || echo "NOT OK $t"
     done"""
_LINKS = r"""     for e in events/*.json; do
       hash=$(sha256sum "$e" | cut -d ' ' -f 1)
       if grep -qsx "$hash" heads/*.txt; then echo "ok $e: signed"
       elif grep -qF "\"prevhash\":\"$hash\"" events/*.json; then echo "ok $e: named by the next event"
       else echo "NOT OK $e"; fi
     done"""
_MEDIA = r"""     for m in media/*; do
       [ -f "$m" ] || continue
       hash=$(sha256sum "$m" | cut -d ' ' -f 1)
       if grep -lF "sha256\":\"$hash\"" events/*.json; then echo "ok $m"; else echo "NOT OK $m"; fi
     done"""

_MANIFEST = r"""     k=keys/$(sed -n 's/^  "signed_by": "\(.\{16\}\).*/\1/p' manifest.json).pem
     openssl pkeyutl -verify -pubin -inkey "$k" -rawin -in manifest.json -sigfile manifest.sig || echo NOT OK
     find . -type f | sed 's,^[.]/,,' | grep -vxE 'manifest[.](json|sig)|SHA256SUMS' | while read -r f; do
       if grep -qF "\"$f\": \"$(sha256sum "$f" | cut -d ' ' -f 1)\"" manifest.json; then echo "ok $f"
       else echo "NOT OK $f"; fi
     done"""


def readme_en(facts: ReadmeFacts) -> str:
    return _filled(_EN, facts, [gap.en for gap in facts.missing] or ["nothing"])


def readme_vi(facts: ReadmeFacts) -> str:
    moment = datetime.fromisoformat(facts.at)
    at = f"{moment:%H:%M:%S} ngày {moment:%d/%m/%Y}"
    return _filled(_VI, replace(facts, at=at), [gap.vi for gap in facts.missing] or ["không thiếu gì"])


def _filled(text: str, facts: ReadmeFacts, missing: Sequence[str]) -> str:
    return text.format(
        gateway=facts.gateway,
        by=facts.by,
        at=facts.at,
        events="\n".join(f"  {event}" for event in facts.events),
        keys=_KEYS,
        heads=_HEADS,
        links=_LINKS,
        media=_MEDIA,
        manifest=_MANIFEST,
        missing="\n".join(f"  {line}" for line in missing),
    )
