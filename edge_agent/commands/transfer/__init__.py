"""Files that a command moves over HTTPS: uploads, and the wheels of a release. Which command may move which
file is decided outside.
"""
