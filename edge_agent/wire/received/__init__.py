"""Reads messages of gateways of any release, older or newer: lenient types, bounded values.

The centre and ``edge-agent gateways`` use it. It sends nothing.
"""
