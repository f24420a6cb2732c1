"""The host of a camera's URL, for other requests than its stream."""

from __future__ import annotations

import pytest

from edge_agent.config.model.addresses import host_of


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("rtsp://10.0.0.11/stream2", "10.0.0.11"),
        ("rtsps://gate.lan:322/a?b=c", "gate.lan"),
        ("http://10.0.0.11", "10.0.0.11"),
        ("http://10.0.0.11?action=snapshot", "10.0.0.11"),
        ("rtsp://[fe80::1]:554/a", "[fe80::1]"),
        ("rtsp://admin:s3cret@10.0.0.11/a", "10.0.0.11"),  # as written, before the login is separated
        ("rtsp://admin:a@b@10.0.0.11/a", "10.0.0.11"),
        ("rtsp://10.0.0.11/a@10.0.0.12", "10.0.0.11"),
        ("file:///srv/clip.mp4", ""),
        ("/srv/clip.mp4", ""),
        ("v4l2:/dev/video0", ""),
        ("rtsp://", ""),
        ("", ""),
    ],
)
def test_the_host_of_a_camera(url: str, host: str) -> None:
    assert host_of(url) == host
