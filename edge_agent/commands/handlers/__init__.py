"""One file a command: what it does with cameras, evidence, rules and the gateway. Order and signatures are
checked before.
"""
