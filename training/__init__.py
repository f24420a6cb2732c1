"""Trains the detector that ships with the agent: prepare, train, export, evaluate, card.

Not part of the wheel; needs the extra ``[training]``. README.md beside this file is the guide.
"""
