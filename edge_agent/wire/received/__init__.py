"""Reads messages of any gateway, also of older and newer releases: lenient types, bounded values.

The centre and ``edge-agent gateways`` use it. Nothing is sent from here.
"""
