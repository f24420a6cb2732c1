"""Stage 2, motion: finds what differs from the background. Motion starts inferences and supports the tracker.
This stage names no object.
"""

from edge_agent.motion.detector import MotionDetector
