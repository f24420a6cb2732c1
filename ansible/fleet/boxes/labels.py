"""Prints labels with QR codes on A4 pages: one for each site of the sheet, or for each box of a list.

The page is HTML without any address of another server: a browser prints it, or saves it as PDF. Its grid is
that of label sheets with 24 labels of 70 x 37 mm.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Sequence

import segno

from edge_agent.wire.claims import check_character
from fleet.boxes.serials import KnownBox
from fleet.sites import Site

SITE_ADDRESS = "https://edge-box.local/s/"
"""An unclaimed box answers to this name on its local network, so that one label serves every box."""
LABELS_A_PAGE = 24
_PAGE_CODE = re.compile(r"\bcode(?= \d{8}\b)")
"""`edge-agent commission --identity` writes it in ASCII; the label is in Vietnamese."""
_STYLE = """
@page { size: A4; margin: 0 }
* { box-sizing: border-box }
body { margin: 0; font-family: "Noto Sans", "DejaVu Sans", Arial, sans-serif; color: #000 }
.page { width: 210mm; height: 297mm; display: grid; grid-template: repeat(8, 37mm) / repeat(3, 70mm);
  break-after: page }
.label { display: flex; gap: 2mm; padding: 3mm; align-items: center; overflow: hidden }
.label svg { width: 29mm; height: 29mm; flex: none }
.label p { margin: 0 0 .6mm; font-size: 7.5pt; line-height: 1.2; overflow-wrap: anywhere }
.label .code { font-family: "DejaVu Sans Mono", "Courier New", monospace; font-weight: bold; font-size: 11pt }
"""


def site_code(site: str) -> str:
    """What the label of a site says, and what a technician types when no phone can read it: the id with its
    check character."""
    return f"{site}-{check_character(site)}"


def site_label(site: Site) -> str:
    code = site_code(site.id)
    lines = [("code", code), ("", site.name), ("", site.ward_name or site.ward)]
    return _label(SITE_ADDRESS + code, lines)


def box_address(serial: str) -> str:
    return f"https://edge-{serial.removeprefix('box-')}.local/"


def box_label(box: KnownBox) -> str:
    note = _PAGE_CODE.sub("mã (code)", box.note)
    lines = [("code", box.serial), ("", box.words), ("", note)]
    return _label(box_address(box.serial), [line for line in lines if line[1]])


def label_page(labels: Iterable[str], title: str) -> str:
    """The HTML document with these labels, 24 on a page."""
    all_labels = list(labels)
    pages = [all_labels[at : at + LABELS_A_PAGE] for at in range(0, len(all_labels), LABELS_A_PAGE)]
    body = "\n".join(f'<div class="page">\n{"".join(page)}</div>' for page in pages)
    head = f'<meta charset="utf-8"><title>{html.escape(title)}</title><style>{_STYLE}</style>'
    return f'<!doctype html>\n<html lang="vi"><head>{head}</head><body>\n{body}\n</body></html>\n'


def qr_code(address: str) -> segno.QRCode:
    """Level Q: a quarter of the code may be scratched or dirty."""
    return segno.make_qr(address, error="q")


def _label(address: str, lines: Sequence[tuple[str, str]]) -> str:
    code = qr_code(address).svg_inline(border=4, omitsize=True)
    text = "".join(f'<p class="{kind}">{html.escape(line)}</p>' for kind, line in lines)
    return f'<div class="label">{code}<div>{text}</div></div>\n'
