"""``edge-agent doctor --aim CAMERA``: the live picture on a phone, and whether objects in it are large
enough.

``command.py`` starts and ends everything; ``analysis.py`` runs the camera's own motion, detection and
tracking; ``pages.py`` has the page, which ``local_page/`` serves to one browser. See docs/guide/aiming.md and
docs/decisions/0017-aiming-page.md.
"""
