"""The gateway itself: board, health, systemd, and the sockets for local programs.

Nothing here uses frames or sends messages.
"""
