"""Camera truth: what has happened to the camera itself, judged by what it shows."""

from edge_agent.view.stage import CameraView

__all__ = ["CameraView"]
