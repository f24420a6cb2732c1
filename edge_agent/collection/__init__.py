"""Collection of frames for training: select, seal, store, send or export. See docs/guide/collect.md.

Only a signed command starts a collection.
"""
