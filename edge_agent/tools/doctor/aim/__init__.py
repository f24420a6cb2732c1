"""``edge-agent doctor --aim CAMERA``: the live picture on a phone, and how large is what is seen.

``command.py`` opens and ends it all; ``watch.py`` runs the camera's own motion, detection and tracking;
``server.py`` shows it to one browser; ``gate.py`` says who that is; ``places.py`` where it listens.
See docs/guide/aiming.md and docs/decisions/0017-aiming-page.md.
"""
