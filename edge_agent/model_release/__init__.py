"""Signed models from the centre: tried in shadow mode, switched to, and given up when counts break. The
command that brings them is ``commands/handlers/model.py``.
"""
