"""Frames for training: selected, sealed, kept for a time, sent or exported. See docs/guide/collect.md. Only a
signed command starts a collection.
"""
