"""Commands from the centre: parsing, signatures, the journal, order of execution, replies.

See docs/design/commands.md. What each command does is in ``handlers/``.
"""
