"""``edge-agent doctor --aim CAMERA``: the live picture on a phone, and how large the objects in it are.

``command.py`` opens and ends it all; ``watch.py`` runs the camera's own motion, detection and tracking;
``server.py`` shows it to one browser; ``gate.py`` says which browser that is; ``places.py`` where it
listens. See docs/guide/aiming.md and docs/decisions/0017-aiming-page.md.
"""
