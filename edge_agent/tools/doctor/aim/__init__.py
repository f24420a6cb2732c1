"""``edge-agent doctor --aim CAMERA``: the live picture on a phone, and whether objects in it are large
enough.

``command.py`` starts and ends everything; ``analysis.py`` runs the camera's own motion, detection and
tracking; ``server.py`` serves the page to one browser; ``access.py`` decides which browser that is and at
which addresses the server listens, and opens the firewall. See docs/guide/aiming.md and
docs/decisions/0017-aiming-page.md.
"""
