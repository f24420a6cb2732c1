"""HTTPS transfers of commands: uploads, downloads, and the wheels of a release.

The handlers decide which command may transfer which file.
"""
