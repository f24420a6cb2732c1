"""``edge-agent conformance``: whether a live gateway keeps the contract of docs/reference/topics.md. Changes
nothing on it.
"""
