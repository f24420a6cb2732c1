"""Signed models from the centre: shadow mode, the switch, and the way back when object counts break.

The command that brings them is ``commands/handlers/model.py``.
"""
