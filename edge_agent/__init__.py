"""edge-agent: the camera-gateway daemon and its tools. Start reading at ``pipeline.py``. Only ``cli``
imports ``edge_central``.
"""

__version__ = "0.1.0"
