"""New events for browsers and waiting programs, within a second.

``follower.py`` reads the database in one thread for all of them; ``hub.py`` numbers the changes, keeps the
newest for listeners that reconnect, and gives each listener the changes in its scope; ``stream.py`` is
``/live``.
"""
