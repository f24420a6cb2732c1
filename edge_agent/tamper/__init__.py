"""Watches the camera itself: covered, turned, blurred, dark or frozen. Judges pictures only; it knows no
connection.
"""

from edge_agent.tamper.stage import CameraView

__all__ = ["CameraView"]
