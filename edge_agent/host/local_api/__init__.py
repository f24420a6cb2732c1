"""The Unix sockets of a running agent, and the commands that use them: status, reload, relearn, self-test.

``runtime`` carries out the requests.
"""
