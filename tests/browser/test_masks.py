"""An officer draws masks in a real Chromium, an operator signs them, and a real agent obeys."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import cv2
import numpy as np
import pytest

from tests.browser.monitoring_room import FAINT, FITS_WIDTH, NAMELESS, PHONE, WALL, axe_violations
from tests.browser.signing_room import SigningRoom, signing_room
from tests.commands.centre import document
from tests.testbed.chromium import installed
from tests.testbed.mosquitto import wait_until

RULES = "/sites/dt-001/cameras/cam-1/rules"
MASKS = "/sites/dt-001/cameras/cam-1/masks"
DESK = (1366, 768)

pytestmark = pytest.mark.skipif(not installed(), reason="no chromium here")


class MaskRoom(SigningRoom):
    def follow(self, selector: str) -> None:
        """Press what leads to another page, and wait for it."""
        self.browser.run("document.body.dataset.left = 'yes'")
        self.browser.click(selector)
        self.browser.wait_until(
            "document.readyState === 'complete' && document.body.dataset.left === undefined"
        )

    def give_reason(self, form: str) -> None:
        self.browser.run(f"document.querySelector('{form} [name=reason]').value = 'nhà dân'")

    def sign_and_wait(self) -> None:
        self.choose(self.folder / "operator.pem")
        assert "Đã đọc khóa" in self.state()
        self.sign()
        wait_until(lambda: "Xong" in self.log(), 60, "the reply, live on the page")

    def take_picture(self) -> np.ndarray[Any, Any]:
        """Ask the agent for a picture. Return the newest picture on the page of masks, as BGR."""
        before = self.pictures()
        self.operator.answer(self.operator.send(document("snapshot", {"camera": "cam-1"})), 30)
        wait_until(lambda: self.pictures() not in (before, []), 30, "the picture")
        (address,) = set(self.pictures())
        data = self.house.browser("lan").get(address).content
        found = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
        assert found is not None
        return found

    def pictures(self) -> list[str]:
        return re.findall(r'<img src="(/media/[^"]+)"', self.house.browser("lan").get(MASKS).text)

    def masks_at_agent(self) -> tuple[int, int]:
        """How many areas the agent does not analyse, and how many it blacks out."""
        answer = self.operator.answer(self.operator.send(document("rules")), 20)
        camera = answer["result"]["cameras"]["cam-1"]
        return len(camera.get("masks", [])), len(camera.get("privacy_masks", []))

    def points(self, field: str) -> list[list[float]]:
        """The corners of the only area of a field."""
        text = str(self.browser.run(f"document.getElementById('{field}').value"))
        return [[float(number) for number in corner.split()] for corner in text.split(", ")]


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MaskRoom]:
    with signing_room(tmp_path_factory.mktemp("masks"), MaskRoom) as room:
        lan = room.house.browser("lan")
        wait_until(lambda: "rule-yard" in lan.get(RULES).text, 60, "the rules of the camera")
        yield room


def test_masks_are_drawn_signed_and_in_force_at_the_agent(room: MaskRoom) -> None:
    """The blacked-out area is black in the next picture, which has been grey or coloured there."""
    assert room.take_picture()[10:60, 10:60].max() > 40
    room.browser.resize(*DESK)
    room.open(RULES)
    room.follow(f"a[href='{MASKS}']")
    room.browser.wait_until("document.querySelector('.walk img')?.naturalWidth > 0")
    room.browser.click("[data-adds=privacy_masks]")
    corner = '.walk circle[tabindex][data-shape="0"][data-corner="{}"]'
    for number, place in enumerate(((0.0, 0.0), (0.4, 0.0), (0.4, 0.4), (0.0, 0.4))):
        room.browser.drag(corner.format(number), ".walk svg", place)
    square = np.asarray([[0, 0], [0.4, 0], [0.4, 0.4], [0, 0.4]])
    assert np.allclose(room.points("privacy_masks"), square, atol=0.005)
    room.browser.click("[data-adds=masks]")
    before = room.points("masks")
    room.browser.drag('.walk polygon.mask[data-shape="0"]', ".walk svg", (0.7, 0.8))
    moved = np.asarray(room.points("masks")) - np.asarray(before)
    assert np.allclose(moved, np.asarray([0.2, 0.3]), atol=0.005), "the whole area has moved"
    room.give_reason("form.ask")
    room.follow("form.ask button:not([type])")
    effects = str(room.browser.run("document.getElementById('sign').innerText"))
    assert "Phần mới: 2;" in effects
    assert "Thiết bị không lưu video của camera có phần bôi đen" in effects
    assert room.browser.run("document.querySelectorAll('#sign .walk').length") == 2, "before and after"
    room.sign_and_wait()
    assert room.masks_at_agent() == (1, 1)
    picture = room.take_picture()
    height, width = picture.shape[:2]
    assert picture[: height // 3, : width // 3].max() < 40, "black in the picture"
    assert picture[2 * height // 3 :].max() > 40
    assert room.browser.complaints == []


def test_the_change_is_an_event_and_a_difference_of_the_gateway(room: MaskRoom) -> None:
    room.open("/events?site=dt-001&kind=rule-change")
    room.follow("[data-cursor] a.what")
    assert "1 phần không phân tích, 1 phần bôi đen" in room.browser.run("document.body.innerText")
    lan = room.house.browser("lan")
    wait_until(
        lambda: "Có phần hình bị che đã đổi bằng lệnh: cam-1" in lan.get("/fleet?differs=masks-changed").text,
        30,
        "the answer with the new masks",
    )
    assert "Người gửi lệnh: lan" in lan.get(RULES).text


@pytest.mark.parametrize("lang", ["vi", "en"])
@pytest.mark.parametrize("size", [WALL, DESK, PHONE])
def test_the_pages_fit_have_names_and_can_be_read(room: MaskRoom, size: tuple[int, int], lang: str) -> None:
    room.browser.resize(*size, phone=size == PHONE)
    room.open(f"/language/{lang}?next={RULES}")
    reset = "/sites/dt-001/commands?type=set-rule&camera=cam-1&reset_masks=1&reason=x"
    for path in (RULES, MASKS, reset):
        room.open(path)
        assert room.browser.run(FITS_WIDTH), f"{path}: sideways"
        assert room.browser.run(NAMELESS) == [], path
        assert room.browser.run(FAINT) == {}, path
        assert axe_violations(room.browser) == [], path
    room.open("/language/vi?next=/")


def test_areas_are_moved_and_deleted_by_keys(room: MaskRoom) -> None:
    room.browser.resize(*DESK)
    room.open(MASKS)
    before = room.points("masks")
    room.browser.run("document.querySelector('.walk polygon.mask').focus()")
    room.browser.press("ArrowRight")
    step = np.asarray(room.points("masks")) - np.asarray(before)
    assert np.allclose(step, np.asarray([0.01, 0]), atol=0.0015)
    for _ in range(40):
        room.browser.press("ArrowRight")
    moved = np.asarray(room.points("masks"))
    assert moved[:, 0].max() == 1
    assert np.allclose(np.ptp(moved, axis=0), np.ptp(before, axis=0), atol=0.0015), "it keeps its shape"
    room.browser.press("Delete")
    assert room.browser.run("document.getElementById('masks').value") == ""
    assert room.browser.run("document.querySelectorAll('.walk polygon.mask').length") == 0
    assert room.browser.run("document.querySelectorAll('.walk polygon.private').length") == 1
    assert room.browser.complaints == []


def test_on_a_phone_an_area_is_removed_by_a_button(room: MaskRoom) -> None:
    room.browser.resize(*PHONE, phone=True)
    room.open(MASKS)
    button = "document.getElementById('remove-chosen')"
    assert room.browser.run(f"{button}.hidden"), "no area is chosen"
    room.browser.click('.walk circle[tabindex][data-shape="1"][data-corner="2"]')
    assert not room.browser.run(f"{button}.hidden")
    room.browser.click("#remove-chosen")
    assert room.browser.run("document.getElementById('privacy_masks').value") == ""
    assert room.browser.run("document.getElementById('masks').value") != ""
    assert room.browser.run(f"{button}.hidden")
    assert room.browser.complaints == []


def test_a_reset_takes_the_agent_back_to_its_configuration(room: MaskRoom) -> None:
    room.open(RULES)
    room.give_reason("#masks")
    room.follow("#masks form button")
    assert "Có phần đang bị bôi đen sẽ hiện rõ" in room.browser.run(
        "document.getElementById('sign').innerText"
    )
    room.sign_and_wait()
    assert room.masks_at_agent() == (0, 0)
    assert room.take_picture()[10:60, 10:60].max() > 40
