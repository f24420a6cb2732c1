"""The README of a bundle, in English and Vietnamese: what to type, and what has to come out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Facts:
    by: str
    at: str
    gateway: str
    events: Sequence[str]  # ids of those that were asked for
    files: Sequence[str]  # of the bundle
    missing: Sequence[str]


_EN = """EVIDENCE BUNDLE OF THE GATEWAY {gateway}
Exported by {by} at {at} (UTC).
Events:
{events}

WHAT IT SHOWS
The files in events/ are the exact bytes that the gateway published. Each event holds, as "prevhash", the
SHA-256 of the event before it. From time to time the gateway signed the SHA-256 of its newest event with its
Ed25519 key: heads/. So one signature covers an event and all before it that the hashes lead to. Pictures and
clips are bound by the SHA-256 in their event. It shows integrity and origin. Whether it is admitted, a court
decides. manifest.json and this text are statements of who exported, not of the gateway.

HOW TO CHECK IT, with openssl (3.0 or newer), sha256sum and a POSIX shell, in this folder

1. The files are those of the export (each line ends with OK). The person who exported can tell the SHA-256 of
   SHA256SUMS itself, which the export printed:
     sha256sum -c SHA256SUMS
     sha256sum SHA256SUMS

2. The key is the gateway's. Compare with what the centre has from the gateway's birth messages; a key that
   comes with the bundle alone proves nothing about who signed:
{keys}

3. The signatures hold ("Signature Verified Successfully"):
{heads}

4. The fifth line of each head is the SHA-256 of the event it signs:
{signed}

5. Each event names the event before it. "ok" for each, and nothing that is not ok:
{links}

6. Media: each SHA-256 is in an event, as "sha256", or as "sealed_sha256" if sealed to the centre's key. Each
   file has to name an event:
{media}

CLOCKS
"time" and "recordedtime" in an event are the gateway's clock, UTC. "clock": "synced" says that it was
synchronised then; with "unsynced", manifest.json has the later correction, if it is known. The camera's own
clock, which may be burnt into the picture, is not read: its offset is unknown.

WHAT IS NOT IN THIS BUNDLE
{missing}
"""

_VI = """GÓI CHỨNG CỨ CỦA THIẾT BỊ CỔNG {gateway}
Người trích xuất: {by}, lúc {at} (giờ UTC).
Các sự kiện:
{events}

GÓI NÀY CHỨNG MINH ĐIỀU GÌ
Các tệp trong events/ là đúng từng byte mà thiết bị đã công bố. Mỗi sự kiện chứa trường "prevhash" là mã băm
SHA-256 của sự kiện liền trước. Định kỳ, thiết bị ký mã băm SHA-256 của sự kiện mới nhất bằng khóa
Ed25519 của mình: thư mục heads/. Vì vậy một chữ ký bảo vệ một sự kiện và mọi sự kiện trước đó mà chuỗi mã
băm dẫn tới. Ảnh và đoạn phim được ràng buộc bằng mã SHA-256 ghi trong sự kiện. Gói này chứng minh tính toàn
vẹn và nguồn gốc; việc có được chấp nhận làm chứng cứ hay không do tòa án quyết định. Tệp manifest.json và văn
bản này là lời khai của người trích xuất, không phải của thiết bị.

CÁCH KIỂM TRA, bằng openssl (3.0 trở lên), sha256sum và shell POSIX, trong thư mục này

1. Các tệp đúng là của lần trích xuất (mỗi dòng kết thúc bằng OK). Người trích xuất có thể cho biết mã SHA-256
   của chính tệp SHA256SUMS, đã được in ra khi trích xuất:
     sha256sum -c SHA256SUMS
     sha256sum SHA256SUMS

2. Khóa đúng là của thiết bị. So sánh với khóa mà trung tâm đã nhận từ bản tin "birth" của thiết bị; khóa chỉ
   nằm trong gói thì không chứng minh được ai đã ký:
{keys}

3. Chữ ký hợp lệ (in ra "Signature Verified Successfully"):
{heads}

4. Dòng thứ năm của mỗi tệp head là mã SHA-256 của sự kiện được ký:
{signed}

5. Mỗi sự kiện ghi đúng mã của sự kiện liền trước. Mọi dòng phải là "ok":
{links}

6. Ảnh và phim: mỗi mã SHA-256 phải có trong một sự kiện, ở trường "sha256", hoặc "sealed_sha256" đối với tệp
   đã mã hóa bằng khóa của trung tâm. Với mỗi tệp phải in ra tên một sự kiện:
{media}

ĐỒNG HỒ
"time" và "recordedtime" trong sự kiện là giờ UTC của thiết bị. "clock": "synced" nghĩa là lúc đó đồng hồ đã
được đồng bộ; nếu là "unsynced", manifest.json ghi lần hiệu chỉnh sau đó, nếu biết. Đồng hồ riêng của camera
(có thể in trên hình) không được đọc: độ lệch của nó là không rõ.

NHỮNG GÌ KHÔNG CÓ TRONG GÓI NÀY
{missing}
"""

_LINKS = """     prev=; hash=
     for f in events/*.json; do
       named=$(grep -o '"prevhash":"[0-9a-f]*"' "$f" | head -n 1 | cut -d '"' -f 4)
       n=$(basename "$f" .json); at=${n%-*}-$(printf %016d $(( $(echo "${n##*-}" | sed 's/^0*//') - 1 )))
       if [ "$prev" != "$at" ]; then echo "ok $n begins here"
       elif [ "$named" = "$hash" ]; then echo "ok $n"
       else echo "NOT OK $n"; fi
       prev=$n; hash=$(sha256sum "$f" | cut -d ' ' -f 1)
     done"""


def readme_en(facts: Facts) -> str:
    return _filled(_EN, facts, "nothing")


def readme_vi(facts: Facts) -> str:
    return _filled(_VI, facts, "không thiếu gì")


def _filled(text: str, facts: Facts, nothing: str) -> str:
    heads = [name.removesuffix(".txt") for name in facts.files if name.endswith(".txt") and "heads/" in name]
    keys = [name for name in facts.files if name.startswith("keys/")]
    return text.format(
        gateway=facts.gateway,
        by=facts.by,
        at=facts.at,
        events="\n".join(f"  {event}" for event in facts.events),
        keys=_lines([f"openssl pkey -pubin -in {key} -outform DER | sha256sum" for key in keys]),
        heads=_lines([_verify(head) for head in heads]),
        signed=_lines([_compare(head) for head in heads]),
        links=_LINKS,
        media=_lines(["for f in media/*; do grep -l $(sha256sum \"$f\" | cut -d ' ' -f 1) events/*; done"]),
        missing="\n".join(f"  {line}" for line in facts.missing) or f"  {nothing}",
    )


def _lines(commands: Sequence[str]) -> str:
    return "\n".join(f"     {command}" for command in commands) or "     -"


def _verify(head: str) -> str:
    key = f"keys/{head.rpartition('-')[2]}.pem"
    return f"openssl pkeyutl -verify -pubin -inkey {key} -rawin -in {head}.txt -sigfile {head}.sig"


def _compare(head: str) -> str:
    event = head.replace("heads/", "events/", 1).rpartition("-")[0]
    return f"sed -n 5p {head}.txt; sha256sum {event}.json"
