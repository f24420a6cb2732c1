"""Signed models from the centre: shadow mode, the switch, and the way back when object counts break.

The command that installs them is ``commands/handlers/model.py``.
"""
