"""The operating system: systemd, the log, signals, privileges, and requests to root. No hardware is read
here.
"""
