"""Reads messages of any gateway, also of older and newer releases: lenient types, bounded values. Nothing is
sent from here. The centre and ``edge-agent fleet`` use it.
"""
