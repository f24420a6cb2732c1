"""The Unix sockets of a running agent and the commands that ask them: status, reload, relearn. What they
change is done in ``runtime``.
"""
