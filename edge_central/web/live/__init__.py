"""New events for browsers and waiting programs, within a second.

``follower.py`` reads the database in one thread for all of them; ``hub.py`` numbers what it finds, keeps
the newest for listeners that come back, and gives each listener what its scope admits; ``stream.py`` is
``/live``.
"""
