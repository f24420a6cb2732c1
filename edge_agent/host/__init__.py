"""The gateway itself: board, health, systemd, and the sockets that local programs ask. Nothing here sees a
frame or sends a message.
"""
