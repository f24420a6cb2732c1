"""ONVIF Export Files: their boxes by the specification, and the pictures of the clip, byte for byte."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import av
import pytest

from edge_central.onvif_export.export_file import byte_ranges
from edge_central.onvif_export.recipe import OnvifRecipe, pieces
from tests.edge_central.onvif_export.parts import (
    FACTS,
    FieldReader,
    ReadBox,
    clip,
    exported,
    packets,
    read_boxes,
    shown,
    track_of,
    with_field,
)

KINDS: dict[str, Callable[[], bytes]] = {
    "h264": clip,
    "h264-reordered": lambda: clip(reordered=True),
    "h264-sound": lambda: clip(sound=True),
    "h265-reordered": lambda: clip("libx265"),
    "quicktime": lambda: clip(form="mov"),
}


def boxes(content: bytes) -> dict[str, ReadBox]:
    return {each.kind: each for each in read_boxes(content)}


def child(content: bytes, *path: str) -> ReadBox:
    found = boxes(content)[path[0]]
    for kind in path[1:]:
        found = found.only(kind)
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_the_pictures_are_those_of_the_clip_byte_for_byte(kind: str) -> None:
    original = KINDS[kind]()
    file = exported(original)
    assert bool(track_of(original).offsets) == kind.endswith("reordered")
    assert packets(file) == packets(original)
    assert shown(file) == shown(original), "the same pixels at the same times"
    assert b"".join(packets(original)) == boxes(file)["mdat"].content, "and nothing else"


def test_other_tracks_are_left_out() -> None:
    with av.open(io.BytesIO(exported(clip(sound=True))), "r") as container:
        assert [each.type for each in container.streams] == ["video"]


def test_the_boxes_are_in_the_order_of_the_specification() -> None:
    found = list(read_boxes(exported(clip())))
    assert [each.kind for each in found] == ["ftyp", "meta", "moov", "mdat"]
    assert found[0].content[:4] == b"isom"
    assert found[1].content[:4] == bytes(4)
    assert [each.kind for each in found[1].boxes(4)] == ["hdlr", "suep", "cstb"]
    handler = FieldReader(found[1].only("hdlr", 4).content)
    assert [handler.number(32), handler.number(32), handler.number(32)] == [0, 0, int.from_bytes(b"null")]


def test_the_surveillance_export_box_says_who_exported_from_which_camera() -> None:
    box = FieldReader(boxes(exported(clip()))["meta"].only("suep", 4).content)
    assert (box.number(8), box.number(24)) == (1, 0), "version 1, no flags"
    assert [box.text() for _ in range(3)] == ["edge-agent central, de-tham", "", ""]
    exported_at = datetime(1904, 1, 1, tzinfo=UTC) + timedelta(seconds=box.number(64))
    assert exported_at == datetime.fromtimestamp(FACTS.exported_ms / 1000, UTC)
    assert box.text() == "lan"
    assert (box.number(32), box.number(16)) == (1, 1), "one track, whose id has 16 bits"
    assert [box.text() for _ in range(4)] == ["Chợ Bo · Cổng 1 (dt-001 cam-1)", "", "", ""]
    assert box.is_at_end


def test_the_start_time_counts_from_1601_and_is_that_of_the_first_picture() -> None:
    for reordered in (False, True):
        file = exported(clip(reordered=reordered))
        box = FieldReader(boxes(file)["meta"].only("cstb", 4).content)
        assert (box.number(32), box.number(32)) == (1, 1)
        began_at = datetime(1601, 1, 1, tzinfo=UTC) + timedelta(microseconds=box.number(64) // 10)
        assert began_at == datetime.fromtimestamp(FACTS.start_ms / 1000, UTC)  # type: ignore[operator]
        assert box.is_at_end
        with av.open(io.BytesIO(file), "r") as container:
            assert min(frame.pts or 0 for frame in container.decode(video=0)) == 0


def test_without_a_certain_begin_no_time_says_one() -> None:
    notes = {"eng": "The clock was not synchronised", "vie": "Giờ chưa được đồng bộ"}
    file = exported(clip(), replace(FACTS, start_ms=None, notes=notes))
    assert [each.kind for each in boxes(file)["meta"].boxes(4)] == ["hdlr", "suep"]
    for path in (("moov", "mvhd"), ("moov", "trak", "tkhd"), ("moov", "trak", "mdia", "mdhd")):
        header = FieldReader(child(file, *path).content)
        assert header.number(8) == 1
        assert (header.number(24) in (0, 3), header.number(64)) == (True, 0), path
    said = {}
    for each in child(file, "moov", "udta").boxes():
        note = FieldReader(each.content)
        assert (each.kind, note.number(32)) == ("dscp", 0)
        packed = note.number(16)
        said["".join(chr(0x60 + (packed >> shift & 31)) for shift in (10, 5, 0))] = note.text()
        assert note.is_at_end
    assert said == notes
    with av.open(io.BytesIO(file), "r") as container:
        assert "creation_time" not in container.metadata


def test_a_clip_that_players_turn_is_turned() -> None:
    turned = with_field(clip(), b"tkhd", 40, "9i", 0, 0x10000, 0, -0x10000, 0, 0, 0, 0, 0x40000000)
    header = child(exported(turned), "moov", "trak", "tkhd").content
    assert header[52:88] == turned[turned.index(b"tkhd") + 44 :][:36]
    with av.open(io.BytesIO(exported(turned)), "r") as container:
        assert abs(next(container.decode(video=0)).rotation) == 90


def test_keyframes_are_marked_as_in_the_clip() -> None:
    tables = child(exported(clip()), "moov", "trak", "mdia", "minf", "stbl")
    marked = FieldReader(tables.only("stss").content)
    assert [marked.number(32) for _ in range(3)] == [0, 1, 1], "the first picture alone"


def test_names_of_any_length_and_kind_are_texts_that_end() -> None:
    odd = replace(FACTS, operator="a\0b", source="Đ" * 1_000, unit="\ud800")
    box = FieldReader(boxes(exported(clip(), odd))["meta"].only("suep", 4).content)
    box.number(32)
    assert box.text() == "?"
    assert [box.text(), box.text(), box.number(64) > 0, box.text()] == ["", "", True, "a b"]
    box.number(48)
    assert box.text() == "Đ" * 250


def test_a_clip_that_became_shorter_is_an_error() -> None:
    recipe = OnvifRecipe(head=b"x", clip="", ranges=[(0, 10)])
    with pytest.raises(OSError, match="shorter than it was"):
        list(pieces(recipe, io.BytesIO(b"12345")))


def test_pictures_that_lie_together_are_one_range() -> None:
    assert len(byte_ranges(track_of(clip()))) == 1
    assert len(byte_ranges(track_of(clip(sound=True)))) > 1, "sound lies between them"
