"""Transfers of commands over HTTPS: uploads, downloads, the wheels of a release; and the queue of clips.

The handlers decide which command may transfer which file.
"""
