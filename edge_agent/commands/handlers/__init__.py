"""One file per command or group of commands, which concern cameras, evidence, rules and the gateway.

The dispatcher has checked signature, validity and arguments before it calls a handler.
"""
