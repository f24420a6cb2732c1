"""Detects what happened to the camera itself: covered, turned, blurred, dark or frozen. Judges pictures only,
not the connection.
"""

from edge_agent.tamper.stage import CameraView
