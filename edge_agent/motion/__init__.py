"""What differs from the background: the gate of the detector and the feed of the tracker."""

from edge_agent.motion.detector import MotionDetector

__all__ = ["MotionDetector"]
