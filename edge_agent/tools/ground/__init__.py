"""``edge-agent ground``: shows the ground plane of a camera on its picture, and estimates one from passages.

Nothing here changes a configuration: a person checks the picture and copies the text.
"""
