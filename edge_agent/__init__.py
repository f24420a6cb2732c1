"""edge-agent: the camera-gateway daemon. Start reading at ``pipeline.py``."""

__version__ = "0.1.0"
