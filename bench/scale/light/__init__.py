"""Gateways without a thread, a process or a file each: real sessions by the thousand, for the bench alone."""
