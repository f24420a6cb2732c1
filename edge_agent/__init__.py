"""edge-agent: the camera-gateway daemon and its tools. Start reading at ``pipeline.py``. Nothing here imports
``edge_central``, but for ``cli``.
"""

__version__ = "0.1.0"
