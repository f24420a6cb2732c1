"""``edge-agent doctor --aim CAMERA``: the live picture on a phone, and how large the objects in it are.

``command.py`` opens and ends it all; ``analysis.py`` runs the camera's own motion, detection and tracking;
``server.py`` shows it to one browser; ``access.py`` says which browser that is; ``access.py`` where it
listens. See docs/guide/aiming.md and docs/decisions/0017-aiming-page.md.
"""
