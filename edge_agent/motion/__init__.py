"""Stage 2, motion: what differs from the background. It opens the gate of the detector and supports the
tracker. It names no object.
"""

from edge_agent.motion.detector import MotionDetector

__all__ = ["MotionDetector"]
