"""Signed models from the centre: shadow mode, the switch, and the revert when object counts deviate.

The command that installs them is ``commands/handlers/model.py``.
"""
