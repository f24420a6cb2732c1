"""What happens, told to browsers and waiting programs within a second.

``follower.py`` reads the database in one thread for all of them; ``hub.py`` numbers what it finds, keeps the
newest for those who come back, and gives each listener what his scope admits; ``stream.py`` is ``/live``.
"""
