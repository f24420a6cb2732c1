"""An ONVIF Export File plays in a browser as the clip does."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from tests.edge_central.onvif_export.parts import clip, exported
from tests.testbed.chromium import Chromium, installed

pytestmark = pytest.mark.skipif(not installed(), reason="no chromium here")

COMPARE = """(async () => {
  const videos = [...document.querySelectorAll('video')];
  const loaded = each => each.readyState >= 2 || new Promise(done => each.onloadeddata = done);
  await Promise.all(videos.map(loaded));
  const pixels = async (video, at) => {
    const shown = new Promise(done => video.requestVideoFrameCallback(done));  // ``seeked`` can be earlier
    const there = new Promise(done => video.onseeked = done);
    video.currentTime = at;
    await Promise.all([there, shown]);
    const canvas = new OffscreenCanvas(video.videoWidth, video.videoHeight);
    canvas.getContext('2d').drawImage(video, 0, 0);
    return canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data.join();
  };
  const found = [];
  for (const at of [0.15, 0.35, 0.65, 1.05]) {
    found.push([await pixels(videos[0], at), await pixels(videos[1], at)]);
  }
  return {
    same: found.map(([one, other]) => one === other),
    pictures: new Set(found.map(([one]) => one)).size,
    seconds: videos.map(each => Math.round(each.duration * 10) / 10),
  };
})()"""


@pytest.mark.parametrize("reordered", [False, True])
def test_the_file_plays_as_the_clip_does(tmp_path: Path, reordered: bool) -> None:
    original = clip(reordered=reordered)
    urls = [base64.b64encode(each).decode() for each in (original, exported(original))]
    page = "".join(f'<video muted src="data:video/mp4;base64,{each}"></video>' for each in urls)
    with Chromium(tmp_path / "profile") as browser:
        browser.run(f"document.body.innerHTML = '{page}'")
        assert browser.run(COMPARE) == {"same": [True] * 4, "pictures": 4, "seconds": [1.2, 1.2]}
        assert browser.complaints == []
