"""Passages: one row for each object that a camera saw, searchable on the gateway. A row is no event: it is
not sent, not signed, and may be lost with the last minute before a power cut.
"""
