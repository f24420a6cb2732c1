"""Draws a QR code (ISO/IEC 18004) as the path of an SVG, with OpenCV's encoder."""

from __future__ import annotations

from dataclasses import dataclass

DARK_BELOW = 128
QUIET_MODULES = 4
"""Width in modules of the white border that readers need on each side."""


@dataclass(frozen=True, slots=True)
class QrCode:
    """A QR code as the path of an SVG.

    ``size``: modules of one side, including the quiet zone; it is also the side of the SVG.
    """

    size: int
    path: str


def qr_code(text: str) -> QrCode:
    """Draw ``text`` as a QR code. Raises ValueError if the text does not fit."""
    # Imported here: only the page that sets up a second factor needs it.
    import cv2

    params = cv2.QRCodeEncoder.Params()
    params.mode = cv2.QRCODE_ENCODER_MODE_BYTE
    params.correction_level = cv2.QRCODE_ENCODER_CORRECT_LEVEL_M
    try:
        image = cv2.QRCodeEncoder.create(params).encode(text)
    except cv2.error as error:
        raise ValueError(f"a QR code cannot hold {len(text)} characters") from error
    dark = [(x, y) for y, row in enumerate(image) for x, value in enumerate(row) if value < DARK_BELOW]
    first, last = min(min(each) for each in dark), max(max(each) for each in dark)  # three corners are dark
    shift = QUIET_MODULES - first
    path = "".join(f"M{x + shift} {y + shift}h1v1h-1z" for x, y in dark)
    return QrCode(last - first + 1 + 2 * QUIET_MODULES, path)
